"""A posterior without a test: closed forms of a Gaussian, weights against refits, and those against a cold fit."""

from datetime import date, timedelta

import jax
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mmm_core.agreement.left_out import importance_weights, leave_out, result_density
from mmm_core.agreement.predicted import predict
from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.errors import InputError
from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest
from mmm_core.evidence.result_noise import ResultNoise
from mmm_core.evidence.stored import Evidence
from mmm_core.inference.fit import fit, refit
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.schema import calibrated_by
from mmm_core.spec.calibration_spec import Calibration
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table


def lift_test(measured, error, name="a", channel="tv", first=30):
    """Four weeks without a channel, from the table's week `first`."""
    start = (pd.Timestamp("2024-01-01") + pd.Timedelta(weeks=first)).date()
    return WeighedTest(
        LiftTest(name, {channel: TestedSpend(100.0, 0.0)}, start, start + timedelta(days=27), measured, error)
    )


def test_of_a_gaussian_the_weights_give_the_closed_form_without_a_test():
    """Prior of the lift N(100, 40), tests of 130 +- 50 and of 60 +- 60: without one, the posterior of the other."""
    tests = {"a": lift_test(130.0, 50.0), "b": lift_test(60.0, 60.0)}

    def conjugate(*names):
        precision = [40.0**-2, *(tests[name].standard_error ** -2 for name in names)]
        means = [100.0, *(tests[name].test.incremental for name in names)]
        return stats.norm(np.average(means, weights=precision), np.sum(precision) ** -0.5)

    lifts = conjugate("a", "b").rvs(40_000, random_state=1)
    noise = ResultNoise(None)
    for out, kept in (("a", ["b"]), ("b", ["a"])):
        weights, khat = importance_weights(result_density(lifts, tests[out], noise), chains=4)
        exact = conjugate(*kept)
        assert khat < 0.7
        assert weights.sum() == pytest.approx(1)
        found = predict(lifts, tests[out], noise, weights)
        assert found.lift == pytest.approx(exact.mean(), abs=0.02 * exact.std())
        assert (found.lift_q05, found.lift_q95) == pytest.approx(
            exact.ppf([0.05, 0.95]), abs=0.05 * exact.std()
        )
        result = stats.norm(exact.mean(), np.hypot(exact.std(), tests[out].standard_error))
        z = (tests[out].test.incremental - result.mean()) / result.std()
        assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), abs=0.01)
    both = result_density(lifts, tests["a"], noise) + result_density(lifts, tests["b"], noise)
    weights, khat = importance_weights(both, chains=4)
    assert weights @ lifts == pytest.approx(100, abs=2)


def test_a_result_that_tells_no_draw_from_another_is_left_out_by_equal_weights():
    weights, khat = importance_weights(np.full(100, -3.0), chains=2)
    np.testing.assert_array_equal(weights, 0.01)
    assert khat == 0


def test_without_a_table_what_weights_cannot_tell_is_unknown():
    tree = posterior({**SPEC, "calibration": {"likelihood": "normal"}}, draws=500)
    lifts = replayed_tests(tree, [lift_test(1.0, 1.0)])
    spread = float(lifts.std())
    far = lift_test(float(lifts.mean()) + 8 * spread, 0.5 * spread)
    near = lift_test(float(lifts.mean()), 3 * spread)
    for test, method in ((far, "unknown"), (near, "weights")):
        (found,) = leave_out(tree, [test], lifts, [{"a"}]).values()
        assert found.method == method
    assert found.weights.sum() == pytest.approx(1)


@pytest.fixture(scope="module")
def calibrated():
    """A model that saw a vague test of tv, a sure one, and one of search that says ten times what search does."""
    spec = parse_spec({**SPEC, "fit": {"chains": 2, "warmup": 300, "draws": 1000}})
    table = weekly_table()
    uncalibrated = fit(table, spec)
    lifts = replayed_tests(uncalibrated, [lift_test(1.0, 1.0), lift_test(1.0, 1.0, "b", "search", 40)])
    means, sds = lifts.mean("draw").to_numpy(), lifts.std("draw").to_numpy()
    tests = (
        lift_test(float(means[0]), 2 * float(sds[0]), "right"),
        lift_test(float(means[0] + 2 * sds[0]), 0.1 * float(sds[0]), "sure"),
        lift_test(10 * float(means[1]), float(sds[1]), "wrong", "search", 40),
    )
    tree = fit(table, spec, lift_tests=Evidence("small", date(2025, 3, 24), tests))
    return table, spec, uncalibrated, tree, tests


def returns(source, weights=None):
    """Mean and sd of the ROI of each channel."""
    draws = Posterior.of(source).draws("roi")
    weights = np.full(len(draws), 1 / len(draws)) if weights is None else weights
    mean = weights @ draws
    return mean, np.sqrt(weights @ (draws - mean) ** 2)


def assert_same(found, expected, error=0.15):
    """The same posterior as far as so many draws can say, in posterior standard deviations."""
    mean, sd = expected
    np.testing.assert_allclose((found[0] - mean) / sd, 0, atol=error)
    np.testing.assert_allclose(found[1] / sd, 1, atol=error)


@pytest.mark.slow
def test_weights_and_a_refit_agree_and_all_tests_left_out_leave_the_uncalibrated_posterior(calibrated):
    table, spec, uncalibrated, tree, tests = calibrated
    lifts = replayed_tests(tree, tests)
    compiled = []

    def listen(event, seconds, **kwargs):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(kwargs)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        again = refit(table, spec, tree, 0, left_out={"right"})
        assert compiled == []  # the programs of the whole fit
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert [each.test.test_id for each in calibrated_by(again).tests] == ["sure", "wrong"]
    assert int(again["sample_stats"].attrs["warmup"]) < int(tree["sample_stats"].attrs["warmup"])
    everything, said = {"right", "sure", "wrong"}, []
    found = leave_out(tree, tests, lifts, [{"right"}, everything, ["wrong"]], table, said.append)
    weighted, none, wrong = (found[frozenset(names)] for names in ({"right"}, everything, {"wrong"}))
    assert weighted.method == "weights"
    assert_same(returns(tree, weighted.weights), returns(again))
    assert (none.method, none.khat > 0.7) == ("refit", True)
    assert {step.phase.split(",")[0] for step in said} == {"without any test"}
    assert_same(returns(none.posterior), returns(uncalibrated))
    prediction = predict(
        lifts.sel(test="wrong").to_numpy(), tests[2], ResultNoise.of(Calibration()), wrong.weights
    )
    assert prediction.p_value < 0.003  # ten times the truth, nine standard errors away


def test_a_test_that_is_not_there_cannot_be_left_out():
    spec = parse_spec(SPEC)
    evidence = Evidence("small", date(2025, 3, 24), (lift_test(1.0, 1.0, "summer-tv"),))
    with pytest.raises(InputError, match=r"'summer' cannot be left out: did you mean 'summer-tv'\?"):
        fit(weekly_table(), spec, lift_tests=evidence, left_out=["summer"])
