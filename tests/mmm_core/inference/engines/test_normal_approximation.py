"""Mode, curvature, draws and their diagnostic where the posterior is known exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from mmm_core.errors import InputError
from mmm_core.inference.engines import FitOptions
from mmm_core.inference.engines.advi import climb, convergence
from mmm_core.inference.engines.laplace import approximation_at
from mmm_core.inference.engines.normal_approximation import (
    Approximation,
    find_mode,
    hessian,
    pareto_k,
    sample,
)
from mmm_core.inference.engines.report import Report
from mmm_core.inference.engines.target import target

MEAN = np.array([1.0, -2.0, 0.5])
COVARIANCE = np.array([[1.0, 0.6, 0.0], [0.6, 2.0, -0.3], [0.0, -0.3, 0.5]])


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def gaussian(arrays):
    """The posterior N(MEAN, COVARIANCE), apart from a prior too wide to matter."""
    x = numpyro.sample("x", dist.Normal(0.0, 1e4).expand([3]).to_event(1))
    numpyro.factor("data", -0.5 * (x - arrays["mean"]) @ arrays["precision"] @ (x - arrays["mean"]))


ARRAYS = {"mean": jnp.asarray(MEAN), "precision": jnp.asarray(np.linalg.inv(COVARIANCE))}


def positive(arrays):
    """x ~ Gamma(5, 2): on the logarithmic scale the mode is log(5 / 2) and the curvature 5."""
    numpyro.sample("x", dist.Gamma(arrays, 2.0))


def test_a_gaussian_posterior_is_found_exactly():
    posterior = target(gaussian, ARRAYS)
    mode, modes = find_mode(posterior, 3, 0)
    normal = approximation_at(mode, hessian(posterior, mode), posterior.names)
    np.testing.assert_allclose(normal.mean, MEAN, atol=1e-3)
    np.testing.assert_allclose(normal.root @ normal.root.T, COVARIANCE, rtol=1e-5, atol=1e-6)
    assert np.allclose(normal.root, np.tril(normal.root))
    assert modes == 1
    kept = sample(posterior, normal, 20_000, 1)
    assert kept.resampled
    assert kept.k_hat < 0.5
    np.testing.assert_allclose(kept.draws.mean(0), MEAN, atol=0.05)
    np.testing.assert_allclose(np.cov(kept.draws.T), COVARIANCE, atol=0.08)


def test_mode_and_curvature_on_the_unconstrained_scale():
    posterior = target(positive, jnp.asarray(5.0))
    mode, _ = find_mode(posterior, 2, 0)
    assert mode[0] == pytest.approx(np.log(2.5), abs=1e-4)
    assert hessian(posterior, mode)[0, 0] == pytest.approx(5.0, rel=1e-3)
    assert float(posterior.programs.to_sites(jnp.asarray(mode))["x"]) == pytest.approx(2.5, abs=1e-3)


def test_importance_corrects_a_near_miss():
    """A normal approximation of a Gamma(5, 2) has the wrong mean; resampled draws have the right one."""
    posterior = target(positive, jnp.asarray(5.0))
    mode, _ = find_mode(posterior, 1, 0)
    normal = approximation_at(mode, hessian(posterior, mode), posterior.names)
    proposals, _ = normal.draw(200_000, np.random.default_rng(0))
    assert abs(np.exp(proposals).mean() - 2.5) > 0.1
    kept = sample(posterior, normal, 20_000, 0)
    assert kept.resampled
    assert np.exp(kept.draws).mean() == pytest.approx(2.5, abs=0.04)
    assert np.exp(kept.draws).var() == pytest.approx(1.25, abs=0.1)


def test_a_bad_approximation_is_called_one():
    posterior = target(gaussian, ARRAYS)
    narrow = Approximation(MEAN + 1.0, 0.3 * np.eye(3))
    kept = sample(posterior, narrow, 2000, 1)
    assert kept.k_hat > 0.7
    assert not kept.resampled
    assert "sketch" in kept.words
    np.testing.assert_allclose(kept.draws.mean(0), MEAN + 1.0, atol=0.05)  # left as they were


def test_k_hat_of_weights_with_a_known_tail():
    """Weights u^-k of uniform u have a Pareto tail of shape k."""
    u = np.random.default_rng(0).random(20_000)
    for k in (0.2, 0.5, 0.9):
        assert pareto_k(-k * np.log(u))[0] == pytest.approx(k, abs=0.1)


def test_no_curvature_is_refused_by_name():
    with pytest.raises(InputError, match="tau is the nearest to flat"):
        approximation_at(np.zeros(2), np.diag([1.0, -0.1]), ("sigma", "tau"))


@pytest.mark.slow
def test_variational_inference_finds_a_gaussian():
    posterior = target(gaussian, ARRAYS)
    told = []
    normal, bounds = climb(posterior, np.zeros(3), 0, Report(FitOptions(progress=told.append)))
    np.testing.assert_allclose(normal.mean, MEAN, atol=0.05)
    np.testing.assert_allclose(normal.root @ normal.root.T, COVARIANCE, atol=0.1)
    assert "converged" in convergence(bounds)
    assert "not converged" not in convergence(bounds)
    assert told[-1].done == told[-1].total
    assert "ELBO" in told[-1].phase


def test_convergence_in_words():
    rising = [(float(i), 0.1) for i in range(20)]
    assert "still rising by 5.0" in convergence(rising)
    assert convergence([(3.0, 0.1)] * 20).endswith("no longer rising: converged")
    assert "not converged" in convergence([(3.0, 0.1)] * 10 + [(-np.inf, 0.1)] * 10)
