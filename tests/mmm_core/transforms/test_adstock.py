"""Lag weights against closed forms, published vectors and scipy; their convolution against a double loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import Literal
from scipy import stats

from mmm_core.transforms import adstock
from mmm_core.transforms.adstock import ADSTOCKS

jax.config.update("jax_enable_x64", True)

pytestmark = pytest.mark.usefixtures("hurried_compiler")

LAGS = jnp.arange(5)
KINDS = list(ADSTOCKS)


def some_parameters(kind, count=6, seed=0):
    """Draws of a kind's parameters from its default priors, (count,) each."""
    rng = np.random.default_rng(seed)
    return {
        name: jnp.asarray(value.prior.frozen().rvs(count, random_state=rng))
        for name, value in ADSTOCKS[kind].parameters.items()
    }


def test_published_vectors_before_normalising():
    half = jnp.array([0.5])
    np.testing.assert_allclose(adstock.geometric(LAGS, half), [1, 0.5, 0.25, 0.125, 0.0625])
    np.testing.assert_allclose(adstock.binomial(LAGS, half), [1, 0.8, 0.6, 0.4, 0.2])
    np.testing.assert_allclose(adstock.delayed(LAGS, half, jnp.array([2.0])), [0.0625, 0.5, 1, 0.5, 0.0625])
    np.testing.assert_allclose(adstock.none(LAGS), [1, 0, 0, 0, 0])


def test_a_delayed_peak_at_the_week_of_exposure_is_the_square_of_the_lag():
    weights = adstock.lag_weights("delayed", 3, alpha=jnp.array(0.8), peak=jnp.array(0.0))
    np.testing.assert_allclose(weights, 0.8 ** np.arange(4) ** 2 / (0.8 ** np.arange(4) ** 2).sum())


def test_binomial_falls_slowly_near_one_and_at_once_near_zero():
    slow, fast = (adstock.lag_weights("binomial", 4, alpha=jnp.array(a)) for a in (0.999, 0.01))
    np.testing.assert_allclose(slow, 0.2, atol=1e-3)
    np.testing.assert_allclose(fast, [1, 0, 0, 0, 0], atol=1e-6)


@pytest.mark.parametrize(("shape", "scale"), [(0.7, 1.5), (1.0, 3.0), (2.5, 4.0)])
def test_weibull_weights_are_those_of_scipy(shape, scale):
    weeks = np.arange(1, 10)
    density = stats.weibull_min.pdf(weeks, shape, scale=scale)
    parameters = {"shape": jnp.array(shape), "scale": jnp.array(scale)}
    np.testing.assert_allclose(adstock.lag_weights("weibull_pdf", 8, **parameters), density / density.sum())
    survival = np.cumprod(np.append(1.0, stats.weibull_min.sf(weeks[:-1], shape, scale=scale)))
    np.testing.assert_allclose(
        adstock.lag_weights("weibull_cdf", 8, **parameters), survival / survival.sum(), rtol=1e-6
    )


def test_geometric_limits():
    weights = adstock.lag_weights("geometric", 4, alpha=jnp.array([0.0, 0.3, 0.9]))
    np.testing.assert_allclose(weights[0], [1, 0, 0, 0, 0])
    np.testing.assert_allclose(weights[1, 1] / weights[1, 0], 0.3)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_sum_to_one_are_not_negative_and_are_zero_past_l_max(kind):
    weights = np.asarray(adstock.lag_weights(kind, 8, length=14, **some_parameters(kind)))
    np.testing.assert_allclose(weights.sum(-1), 1.0)
    assert (weights >= 0).all()
    assert (weights[..., 9:] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_the_loop_over_its_entries(kind):
    parameters = some_parameters(kind)
    batch = np.broadcast_to(adstock.lag_weights(kind, 8, **parameters), (6, 9))
    for i in range(6):
        one = adstock.lag_weights(kind, 8, **{name: values[i] for name, values in parameters.items()})
        np.testing.assert_allclose(batch[i], one, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_single_precision_is_close_to_double(kind):
    parameters = some_parameters(kind)
    single = {name: values.astype(jnp.float32) for name, values in parameters.items()}
    np.testing.assert_allclose(
        adstock.lag_weights(kind, 13, **single), adstock.lag_weights(kind, 13, **parameters), atol=2e-6
    )


@pytest.mark.parametrize("kind", [kind for kind in KINDS if ADSTOCKS[kind].parameters])
def test_gradients_are_finite_at_the_ends_of_the_priors(kind):
    """Where a sampler may wander during warm-up, in single precision."""
    names = list(ADSTOCKS[kind].parameters)
    ends = [
        [value.prior.frozen().ppf(q) for q in (1e-4, 1 - 1e-4)]
        for value in ADSTOCKS[kind].parameters.values()
    ]
    for corner in np.stack([axis.ravel() for axis in np.meshgrid(*ends)], axis=-1):
        gradient = jax.jacobian(
            lambda values: adstock.lag_weights(kind, 4, **dict(zip(names, values, strict=True)))
        )([jnp.float32(value) for value in corner])
        assert np.isfinite(jnp.stack(gradient)).all(), dict(zip(names, corner, strict=True))


def test_shorter_lags_are_padded_with_zero_weight():
    weights = adstock.lag_weights("geometric", 2, length=6, alpha=jnp.array(0.5))
    np.testing.assert_allclose(weights, np.array([4, 2, 1, 0, 0, 0]) / 7)
    np.testing.assert_allclose(adstock.lag_weights("none", 0, length=3), [1, 0, 0])


def test_convolution_equals_the_double_loop_and_spreads_an_impulse():
    rng = np.random.default_rng(0)
    media = rng.gamma(1, 1, (3, 2, 30))
    weights = np.asarray(adstock.lag_weights("geometric", 6, alpha=jnp.array([0.2, 0.5, 0.8])))
    fast = np.asarray(adstock.convolve(adstock.lagged(media, 7), jnp.asarray(weights)))
    slow = np.zeros((3, 2, 30))
    for c in range(3):
        for g in range(2):
            for t in range(30):
                slow[c, g, t] = sum(
                    weights[c, lag] * media[c, g, t - lag] for lag in range(7) if t - lag >= 0
                )
    np.testing.assert_allclose(fast, slow)

    impulse = np.zeros((3, 1, 20))
    impulse[..., 4] = 1.0
    spread = np.asarray(adstock.convolve(adstock.lagged(impulse, 7), jnp.asarray(weights)))
    np.testing.assert_allclose(spread[:, 0, 4:11], weights)
    assert spread[:, 0, :4].sum() == 0


def test_all_of_an_exposure_arrives_when_the_weeks_reach_far_enough():
    """Carryover moves an effect, it makes none: the sum over weeks is that of the media."""
    media = np.zeros((1, 1, 30))
    media[0, 0, :10] = np.random.default_rng(1).gamma(2, 1, 10)
    for kind in KINDS:
        weights = adstock.lag_weights(kind, 8, **some_parameters(kind, count=1))
        carried = adstock.convolve(adstock.lagged(media, 9), jnp.broadcast_to(weights, (1, 9)))
        np.testing.assert_allclose(carried.sum(), media.sum())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if ADSTOCKS[kind].parameters])
def test_no_derivative_asks_which_number_is_the_largest(kind):
    """A compiler may work a number out twice and round it differently: then none is, and a share of them 0 / 0."""
    slope = jax.grad(lambda values: adstock.lag_weights(kind, 8, **values)[..., 2].sum())
    program = jax.make_jaxpr(slope)(some_parameters(kind))
    made_by = {variable: equation for equation in program.eqns for variable in equation.outvars}

    def is_largest(variable):
        maker = None if isinstance(variable, Literal) else made_by.get(variable)
        if maker is not None and maker.primitive.name in ("broadcast_in_dim", "reshape"):
            return is_largest(maker.invars[0])
        return maker is not None and maker.primitive.name == "reduce_max"

    compared = [equation for equation in program.eqns if equation.primitive.name == "eq"]
    assert not any(is_largest(side) for equation in compared for side in equation.invars)
