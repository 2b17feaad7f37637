"""Pareto-smoothed weights: against ArviZ's, and against the shape that values were drawn from."""

import arviz
import numpy as np
import pytest
from scipy import stats

from mmm_core.posterior.pareto import generalised_pareto, pareto_smoothed


@pytest.mark.parametrize("efficiency", [1.0, 0.3])
@pytest.mark.parametrize("spread", [0.1, 0.8, 3.0, 60.0])
@pytest.mark.parametrize("draws", [20, 100, 1000])
def test_weights_and_khats_are_those_of_arviz(draws, spread, efficiency):
    log_weights = spread * np.random.default_rng(draws).normal(size=(2, 3, draws))
    smoothed, khat = pareto_smoothed(log_weights, efficiency)
    expected, expected_khat = arviz.psislw(log_weights, reff=efficiency)
    np.testing.assert_allclose(khat, expected_khat, rtol=1e-9)
    np.testing.assert_allclose(smoothed, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.exp(smoothed).sum(-1), 1)


def test_weights_that_are_all_the_same_stay_so():
    smoothed, khat = pareto_smoothed(np.zeros((1, 50)))
    np.testing.assert_allclose(smoothed, -np.log(50))
    assert khat == np.inf  # as ArviZ: there is no tail to say anything of


@pytest.mark.parametrize("shape", [-0.3, 0.2, 0.9])
def test_shape_and_scale_of_pareto_values_are_found(shape):
    values = np.sort(stats.genpareto.rvs(shape, scale=2.0, size=20_000, random_state=3))
    found, scale = generalised_pareto(values)
    assert found == pytest.approx(shape, abs=0.03)
    assert scale == pytest.approx(2.0, rel=0.05)
