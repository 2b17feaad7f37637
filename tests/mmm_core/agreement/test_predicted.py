"""Predictions of lift tests: closed forms of a Gaussian posterior, far tails, weighted draws."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mmm_core.agreement.predicted import predict, predictions, weighted_quantiles
from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest
from mmm_core.evidence.result_noise import ResultNoise
from mmm_core.spec.calibration_spec import Calibration
from tests.mmm_core.posteriors import posterior


def lift_test(measured, error, name="a", first=date(2024, 7, 1), last=date(2024, 7, 28)):
    return WeighedTest(LiftTest(name, {"tv": TestedSpend(100.0, 0.0)}, first, last, measured, error))


def evenly(distribution, draws=20_000):
    """Draws of a distribution without chance."""
    return distribution.ppf((np.arange(draws) + 0.5) / draws)


def test_of_a_gaussian_posterior_and_a_normal_error_the_prediction_is_the_closed_form():
    lifts = evenly(stats.norm(100, 30))
    found = predict(lifts, lift_test(220.0, 40.0), ResultNoise(None))
    exact = stats.norm(100, 50)  # variances add
    assert found.lift == pytest.approx(100)
    assert (found.lift_q05, found.lift_q95) == pytest.approx(stats.norm(100, 30).ppf([0.05, 0.95]), rel=1e-3)
    assert (found.low, found.high) == pytest.approx(exact.ppf([0.05, 0.95]), rel=1e-3)
    assert found.p_value == pytest.approx(2 * exact.sf(220), rel=1e-2)
    assert not found.inside


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("nu", [None, 4.0])
def test_far_out_the_probability_is_that_of_the_error_and_not_rounding(nu, side):
    """One less a number next to 1 would be 0: both sides are as exact."""
    found = predict(np.full(10, 5.0), lift_test(5.0 + side * 20.0, 1.0), ResultNoise(nu))
    error = stats.norm() if nu is None else stats.t(nu)
    assert found.p_value == pytest.approx(2 * error.sf(20.0), rel=1e-6)
    assert found.low == pytest.approx(5 + error.ppf(0.05))
    assert found.high == pytest.approx(5 + error.ppf(0.95))


def test_the_density_of_a_result_is_scipys():
    z = np.linspace(-8, 8, 41)
    np.testing.assert_allclose(ResultNoise(None).log_density(z), stats.norm.logpdf(z))
    np.testing.assert_allclose(ResultNoise(3.5, 0.8).log_density(z), stats.t(3.5, scale=0.8).logpdf(z))
    np.testing.assert_allclose(ResultNoise(3.5, 0.8).below(z), stats.t(3.5, scale=0.8).cdf(z))
    assert ResultNoise(3.5, 0.8).quantile(0.3) == pytest.approx(stats.t(3.5, scale=0.8).ppf(0.3))


@pytest.mark.parametrize(
    ("stated", "nu", "scale"),
    [({}, 4.0, (5 / 7) ** 0.5), ({"likelihood": "normal"}, None, 1.0), ({"nu": 9}, 9.0, (10 / 12) ** 0.5)],
)
def test_the_error_is_the_specifications(stated, nu, scale):
    assert ResultNoise.of(Calibration(**stated)) == ResultNoise(nu, pytest.approx(scale))


@pytest.mark.parametrize("nu", [2.5, 4.0, 30.0])
def test_a_result_that_agrees_tells_as_much_as_under_the_normal_error_that_was_reported(nu):
    """The Fisher information of the location is that of a standard normal, 1."""
    noise = ResultNoise.of(Calibration(nu=nu))
    z, step = np.linspace(-400, 400, 800_001, retstep=True)
    density = noise.log_density(z)
    score = np.gradient(density, step)
    assert np.sum(score**2 * np.exp(density)) * step == pytest.approx(1.0, abs=1e-4)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40), st.floats(0, 1))
def test_equal_weights_give_numpys_quantiles(values, probability):
    values = np.array(values)
    found = weighted_quantiles(values, np.full(len(values), 1 / len(values)), (probability,))
    np.testing.assert_allclose(found, [np.quantile(values, probability)], rtol=1e-9, atol=1e-6)


def test_a_weight_is_as_so_many_draws_and_no_weight_as_none():
    lifts = np.arange(1000.0)
    weights = np.where(lifts < 500, 1.0, 0.0) / 500
    half = predict(lifts[:500], lift_test(700.0, 50.0), ResultNoise(4.0))
    found = predict(lifts, lift_test(700.0, 50.0), ResultNoise(4.0), weights)
    for name in ("lift", "low", "high", "p_value"):
        assert getattr(found, name) == pytest.approx(getattr(half, name), rel=1e-6), name


def test_a_posterior_predicts_tests_that_it_has_not_seen_each_by_its_own_replay():
    tree = posterior()
    tests = [lift_test(120.0, 40.0, "b"), lift_test(9e6, 40.0, "a", date(2024, 9, 2), date(2024, 9, 29))]
    found = predictions(tree, tests)
    lifts = replayed_tests(tree, tests)
    assert list(found) == ["b", "a"]
    for name, prediction in found.items():
        assert prediction.lift == pytest.approx(float(lifts.sel(test=name).mean()))
    assert found["b"].inside
    assert found["a"].p_value < 1e-6
    assert predictions(tree, tests[::-1]) == {name: found[name] for name in ("a", "b")}
