"""A week given the others under Student-t noise: against the weighted joint normal, and against quadrature."""

import numpy as np
import pytest
from scipy import stats

from mmm_core.model.gaussian_block import gaussian_block
from mmm_core.posterior.heavy_tails import (
    given_the_others_and_weights,
    level_columns,
    noise_weights,
    precision,
)
from tests.mmm_core.posterior.test_pointwise import covariance

WEEKS, GEOS, SIGMA, TAU = 12, 2, 0.4, 0.2
PRIOR_SD = np.array([50.0, 3.0])


def world(seed=0):
    rng = np.random.default_rng(seed)
    design = np.concatenate([np.ones((GEOS, WEEKS, 1)), rng.normal(size=(GEOS, WEEKS, 1))], axis=-1)
    observed = np.ones((GEOS, WEEKS), bool)
    observed[1, 3] = False
    weights = rng.gamma(2.0, 0.5, (GEOS, WEEKS))
    return design, observed, weights, rng.normal(size=(GEOS, WEEKS))


def joint(design, weights, tau_slope):
    """The covariance written out, the noise of each week divided by its weight."""
    out = covariance(design, PRIOR_SD, SIGMA, TAU, tau_slope or 0.0)
    return out + SIGMA**2 * np.diag(1 / weights.ravel() - 1)


@pytest.mark.parametrize("tau_slope", [None, 0.05])
@pytest.mark.parametrize("heavy", [True, False])
def test_the_pieces_are_the_inverse_of_the_covariance(heavy, tau_slope):
    design, observed, weights, residual = world()
    weights = weights if heavy else np.ones_like(weights)
    found = precision(
        gaussian_block(design, observed, PRIOR_SD), SIGMA, TAU, tau_slope, weights if heavy else None
    )
    seen = observed.ravel()
    inverse = SIGMA**2 * np.linalg.inv(joint(design, weights, tau_slope)[np.ix_(seen, seen)])
    np.testing.assert_allclose(found.diagonal().ravel()[seen], np.diag(inverse), rtol=1e-6)
    product = found.times((residual * observed)[None])[0].ravel()[seen]
    np.testing.assert_allclose(product, inverse @ residual.ravel()[seen], rtol=1e-5, atol=1e-7)


def test_a_week_given_the_others_is_the_textbook_conditional_over_its_own_weight():
    design, observed, weights, residual = world(1)
    nu = 4.0
    below, density = given_the_others_and_weights(
        gaussian_block(design, observed, PRIOR_SD),
        residual[None],
        weights[None],
        np.array([SIGMA]),
        np.array([TAU]),
        np.array([nu]),
    )
    whole = joint(design, weights, None)
    seen = np.flatnonzero(observed.ravel())
    for at in seen[[0, 7, 15]]:
        others = seen[seen != at]
        weight = np.linalg.solve(whole[np.ix_(others, others)], whole[others, at])
        mean = weight @ residual.ravel()[others]
        signal = whole[at, at] - SIGMA**2 / weights.ravel()[at] - weight @ whole[others, at]
        y = residual.ravel()[at]

        grid = np.linspace(1e-4, 30, 300_001)
        prior = stats.gamma(nu / 2, scale=2 / nu).pdf(grid) * (grid[1] - grid[0])
        sd = np.sqrt(signal + SIGMA**2 / grid)
        chance = (stats.norm.cdf(y, mean, sd) * prior).sum()
        likely = (stats.norm.pdf(y, mean, sd) * prior).sum()
        assert below.ravel()[at] == pytest.approx(chance, abs=0.01)
        assert density.ravel()[at] == pytest.approx(np.log(likely), abs=0.1)


def test_weights_given_their_errors_follow_bayes():
    """One error and the weight's prior: the conditional is a gamma distribution with a known mean."""
    drawn = noise_weights(
        np.random.default_rng(0), np.full((200_000, 1, 1), 2.0), np.full(200_000, 0.5), np.full(200_000, 3.0)
    )
    grid = np.linspace(1e-6, 10, 200_001)
    mass = stats.gamma(1.5, scale=1 / 1.5).pdf(grid) * stats.norm.pdf(2.0, scale=0.5 / np.sqrt(grid))
    assert drawn.mean() == pytest.approx((grid * mass).sum() / mass.sum(), rel=0.01)


def test_columns_of_the_level_multiply_to_its_covariance():
    rng = np.random.default_rng(2)
    steps = 0.3 * rng.standard_normal((100_000, 5)) + np.cumsum(
        0.2 * rng.standard_normal((100_000, 5)), axis=1
    )
    walk = np.pad(np.cumsum(steps, axis=1), ((0, 0), (1, 0)))
    columns = level_columns(6, 1.0, 0.3, 0.2)
    np.testing.assert_allclose(columns @ columns.T, np.cov(walk.T), atol=0.05)
