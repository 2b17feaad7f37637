"""Disagreement: published step-down p-values, Monte Carlo, and how often agreeing sources are flagged."""

import numpy as np
import pytest

from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest
from mmm_core.reconciliation.bias import Bias, Claimed
from mmm_core.reconciliation.density import LiftLikelihood
from mmm_core.reconciliation.disagreement import holm, pairs_of, two_sided
from mmm_core.reconciliation.sources import ChannelTest

RNG = np.random.default_rng(5)
RETURNS = np.exp(RNG.normal(0.3, 0.3, 1000))
PER_RETURN = 100 * np.exp(RNG.normal(0, 0.1, 1000))
BIAS = Bias(np.array([-0.2, 0.4]), np.array([0.5, 0.5]), 0.3)


def channel_test(name, measured, error, seen=False):
    from datetime import date

    record = LiftTest(name, {"tv": TestedSpend(50, 0)}, date(2025, 1, 6), date(2025, 2, 2), measured, error)
    likelihood = LiftLikelihood(measured, error, np.zeros(1000), PER_RETURN)
    return ChannelTest(WeighedTest(record), seen, RETURNS * PER_RETURN, likelihood)


def by_pair(*arguments):
    return {(pair.first, pair.second): pair for pair in pairs_of("tv", *arguments)}


def test_steps_are_those_that_r_prints():
    """p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")"""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert holm([]).size == 0
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]


def test_every_pair_is_there_once_and_p_values_are_the_share_of_predictions_further_out():
    tests = (channel_test("a", 190.0, 30.0), channel_test("b", 120.0, 20.0, seen=True))
    pairs = by_pair(RETURNS, tests, Claimed(2.2, 0.1), BIAS)
    assert set(pairs) == {
        ("model", "a"), ("model", "b"), ("a", "b"), ("model", "attribution"), ("a", "attribution"),
        ("b", "attribution"),
    }  # fmt: skip
    assert [key for key, pair in pairs.items() if pair.seen] == [("model", "b")]

    rng, some = np.random.default_rng(8), np.random.default_rng(9).integers(0, 1000, 400_000)
    noise = lambda sd: rng.normal(0, sd, len(some))  # noqa: E731
    mu = rng.choice(BIAS.common, len(some), p=BIAS.mass)
    log_noise = mu + noise(np.hypot(0.3, 0.1))
    a, b = ((190 + noise(30)) / PER_RETURN[some], (120 + noise(20)) / PER_RETURN[some])
    expected = {
        ("model", "a"): np.mean(RETURNS[some] * PER_RETURN[some] + noise(30) < 190),
        ("a", "b"): np.mean(b < a),
        ("model", "attribution"): np.mean(np.log(RETURNS[some]) + log_noise < np.log(2.2)),
        ("a", "attribution"): np.mean((a <= 0) | (np.log(np.where(a > 0, a, 1)) + log_noise < np.log(2.2))),
    }
    for key, below in expected.items():
        assert pairs[key].p == pytest.approx(two_sided(below), abs=0.01), key


def test_ten_times_the_truth_is_beyond_chance_and_the_truth_is_not():
    lift = float((RETURNS * PER_RETURN).mean())
    right = by_pair(RETURNS, (channel_test("a", lift, 0.2 * lift),), None, None)
    wrong = by_pair(RETURNS, (channel_test("a", 10 * lift, 0.2 * lift),), None, None)
    assert right["model", "a"].p > 0.5
    assert wrong["model", "a"].p < 1e-6


def test_sources_that_agree_are_flagged_as_often_as_is_stated():
    """Worlds in which every error is what it is said to be: p-values are uniform, Holm flags at most its level."""
    rng, level, flagged, p_values = np.random.default_rng(11), 0.1, 0, []
    for _ in range(400):
        true = int(rng.integers(0, 1000))
        lift = RETURNS[true] * PER_RETURN[true]
        tests = tuple(channel_test(name, lift + rng.normal(0, 25), 25.0) for name in ("a", "b"))
        bias = rng.choice(BIAS.common, p=BIAS.mass) + rng.normal(0, np.hypot(0.3, 0.1))
        found = pairs_of("tv", RETURNS, tests, Claimed(float(RETURNS[true] * np.exp(bias)), 0.1), BIAS)
        p_values += [pair.p for pair in found if (pair.first, pair.second) == ("model", "a")]
        flagged += holm([pair.p for pair in found]).min() < level
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.05)
    assert np.mean(np.array(p_values) < 0.1) == pytest.approx(0.1, abs=0.045)
    assert flagged / 400 <= level + 0.03
