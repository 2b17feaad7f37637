"""The integrated block against the dense multivariate normal it stands for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.linalg import block_diag

from mmm_core.gaussian_block import draw, gaussian_block, log_likelihood

jax.config.update("jax_enable_x64", True)

WEEKS = 14


def panel(geos, seed=0, gaps=True):
    """Design, mask and residual of a small panel, with unobserved weeks."""
    rng = np.random.default_rng(seed)
    design = np.stack([np.column_stack([np.ones(WEEKS), rng.normal(size=(WEEKS, 2))]) for _ in range(geos)])
    observed = rng.random((geos, WEEKS)) < 0.8 if gaps else np.ones((geos, WEEKS), dtype=bool)
    return design, observed, np.array([5.0, 2.0, 1.0]), rng.normal(size=(geos, WEEKS))


def joint(design, observed, prior_sd, sigma, tau):
    """Covariance of the observed residuals, and their covariance with level steps and coefficients."""
    geos = len(design)
    steps = np.tril(np.ones((WEEKS, WEEKS)))[:, 1:]
    keep = observed.ravel()
    level = np.tile(steps, (geos, 1))[keep]
    terms = block_diag(*design)[keep]
    loading = np.hstack([level, terms])
    prior = np.concatenate([np.full(WEEKS - 1, tau**2), np.tile((prior_sd * sigma) ** 2, geos)])
    return loading @ np.diag(prior) @ loading.T + sigma**2 * np.eye(keep.sum()), loading, prior


@pytest.mark.parametrize("geos", [1, 3])
@pytest.mark.parametrize("tau", [0.0, 0.02, 0.7])
@pytest.mark.parametrize("sigma", [0.3, 1.1])
def test_equals_the_dense_normal(geos, sigma, tau):
    design, observed, prior_sd, residual = panel(geos)
    block = gaussian_block(design, observed, prior_sd)
    covariance, _, _ = joint(design, observed, prior_sd, sigma, tau)
    dense = stats.multivariate_normal(np.zeros(observed.sum()), covariance).logpdf(residual[observed])
    assert float(log_likelihood(block, residual, sigma, tau)) == pytest.approx(dense, rel=1e-10)


def test_unobserved_weeks_do_not_matter():
    design, observed, prior_sd, residual = panel(2)
    block = gaussian_block(design, observed, prior_sd)
    other = np.where(observed, residual, 1e6)
    assert float(log_likelihood(block, other, 0.5, 0.1)) == pytest.approx(
        float(log_likelihood(block, residual, 0.5, 0.1))
    )


@pytest.mark.parametrize("geos", [1, 2])
def test_draws_have_the_conditional_mean_and_covariance(geos):
    sigma, tau, count = 0.4, 0.3, 40_000
    design, observed, prior_sd, residual = panel(geos)
    block = gaussian_block(design, observed, prior_sd)
    covariance, loading, prior = joint(design, observed, prior_sd, sigma, tau)
    gain = np.diag(prior) @ loading.T @ np.linalg.inv(covariance)
    steps = np.tril(np.ones((WEEKS, WEEKS)))[:, 1:]
    to_quantities = block_diag(steps, np.eye(design.shape[2] * geos))
    mean = to_quantities @ gain @ residual[observed]
    spread = to_quantities @ (np.diag(prior) - gain @ loading @ np.diag(prior)) @ to_quantities.T

    keys = jax.random.split(jax.random.key(0), count)
    level, terms = jax.vmap(lambda key: draw(block, jnp.asarray(residual), sigma, tau, key))(keys)
    drawn = np.hstack([level, np.asarray(terms).reshape(count, -1)])
    sd = np.sqrt(np.diag(spread))
    np.testing.assert_allclose(drawn.mean(0), mean, atol=5 * sd.max() / np.sqrt(count))
    np.testing.assert_allclose(np.cov(drawn.T), spread, atol=6 * sd.max() ** 2 / np.sqrt(count))
    assert (drawn[:, 0] == 0).all()  # the level starts at 0; the intercept holds its height


def test_a_level_that_does_not_move_is_drawn_as_zero():
    design, observed, prior_sd, residual = panel(1)
    level, _ = draw(
        gaussian_block(design, observed, prior_sd), jnp.asarray(residual), 0.5, 0.0, jax.random.key(1)
    )
    assert (np.asarray(level) == 0).all()


def test_single_precision_is_close():
    design, observed, prior_sd, residual = panel(3)
    block = gaussian_block(design, observed, prior_sd)
    exact = float(log_likelihood(block, residual, 0.5, 0.1))
    single = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), block)
    value = log_likelihood(single, jnp.asarray(residual, jnp.float32), jnp.float32(0.5), jnp.float32(0.1))
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(exact, rel=1e-4)
