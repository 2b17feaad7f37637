"""Correlated normals against the dense distribution they stand for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mmm_core.model.exchangeable import Exchangeable

GROUP = (0, 1, 0, 1, 0)
CORRELATION = np.array([0.6, -0.3])
COVARIANCE = np.where(
    np.eye(5, dtype=bool), 1.0, np.equal.outer(GROUP, GROUP) * CORRELATION[list(GROUP)][:, None]
)


def test_density():
    values = np.random.default_rng(0).normal(size=(4, 5))
    found = Exchangeable(jnp.asarray(CORRELATION), GROUP).log_prob(values)
    np.testing.assert_allclose(
        found, stats.multivariate_normal(np.zeros(5), COVARIANCE).logpdf(values), rtol=1e-12
    )


def test_draws_are_a_linear_map_of_independent_normals_with_the_covariance():
    key = jax.random.key(0)
    distribution = Exchangeable(jnp.asarray(CORRELATION), GROUP)
    root = jax.vmap(lambda noise: distribution.from_noise(noise))(jnp.eye(5)).T
    np.testing.assert_allclose(root @ root.T, COVARIANCE, atol=1e-14)
    drawn = distribution.sample(key, (3,))
    np.testing.assert_array_equal(drawn, distribution.from_noise(jax.random.normal(key, (3, 5))))


def test_shape_and_moments_when_expanded():
    expanded = Exchangeable(jnp.asarray(CORRELATION), GROUP).expand([2]).to_event(1)
    assert expanded.shape() == (2, 5)
    assert expanded.sample(jax.random.key(1)).shape == (2, 5)
    assert float(expanded.log_prob(np.zeros((2, 5)))) == pytest.approx(
        2 * stats.multivariate_normal(np.zeros(5), COVARIANCE).logpdf(np.zeros(5))
    )
    np.testing.assert_array_equal(expanded.mean, np.zeros((2, 5)))
    np.testing.assert_array_equal(expanded.variance, np.ones((2, 5)))
