"""Adstock and saturation against closed forms and a double loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmm_core import adstock, saturation

jax.config.update("jax_enable_x64", True)


def test_geometric_weights_are_powers_and_sum_to_one():
    raw = np.asarray(adstock.geometric(jnp.arange(5), jnp.array(0.5)))
    np.testing.assert_allclose(raw[::-1], [0.0625, 0.125, 0.25, 0.5, 1.0])
    weights = np.asarray(adstock.lag_weights("geometric", jnp.array([0.0, 0.3, 0.9]), 4))
    np.testing.assert_allclose(weights.sum(-1), 1.0)
    np.testing.assert_allclose(weights[0], [1, 0, 0, 0, 0])
    np.testing.assert_allclose(weights[1, 1] / weights[1, 0], 0.3)


def test_shorter_lags_are_padded_with_zero_weight():
    weights = np.asarray(adstock.lag_weights("geometric", jnp.array(0.5), 2, length=6))
    np.testing.assert_allclose(weights, np.array([4, 2, 1, 0, 0, 0]) / 7)


def test_no_adstock_is_the_week_itself():
    np.testing.assert_allclose(adstock.lag_weights("none", jnp.array(0.5), 0, length=3), [1, 0, 0])


def test_convolution_equals_the_double_loop_and_spreads_an_impulse():
    rng = np.random.default_rng(0)
    media = rng.gamma(1, 1, (2, 30, 3))
    weights = np.asarray(adstock.lag_weights("geometric", jnp.array([0.2, 0.5, 0.8]), 6))
    fast = np.asarray(adstock.convolve(adstock.lagged(jnp.asarray(media), 7), jnp.asarray(weights)))
    slow = np.zeros((3, 2, 30))
    for c in range(3):
        for g in range(2):
            for t in range(30):
                slow[c, g, t] = sum(
                    weights[c, lag] * media[g, t - lag, c] for lag in range(7) if t - lag >= 0
                )
    np.testing.assert_allclose(fast, slow)

    impulse = np.zeros((1, 20, 3))
    impulse[0, 4] = 1.0
    spread = np.asarray(adstock.convolve(adstock.lagged(jnp.asarray(impulse), 7), jnp.asarray(weights)))
    np.testing.assert_allclose(spread[:, 0, 4:11], weights)
    assert spread[:, 0, :4].sum() == 0


def test_hill_closed_forms():
    x = jnp.array([0.0, 0.5, 1.0, 3.0])
    np.testing.assert_allclose(saturation.hill(x, 1.0, 1.0), x / (1 + x))
    np.testing.assert_allclose(saturation.hill(x, 2.0, 1.7), x**1.7 / (2.0**1.7 + x**1.7), atol=1e-12)
    assert float(saturation.hill(jnp.array(2.0), 2.0, 3.3)) == pytest.approx(0.5)


def test_hill_is_monotone_bounded_and_has_finite_gradients_at_zero():
    x = jnp.linspace(0, 1e6, 400)
    y = np.asarray(saturation.hill(x, 1.0, 2.5))
    assert (np.diff(y) >= 0).all()
    assert y[0] == 0
    assert y[-1] <= 1
    gradient = jax.grad(lambda p: saturation.hill(jnp.zeros(3), p[0], p[1]).sum())(jnp.array([1.0, 0.5]))
    assert np.isfinite(gradient).all()
