"""Saturation curves against closed forms, limits, and each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmm_core.transforms import saturation
from mmm_core.transforms.saturation import SATURATIONS

jax.config.update("jax_enable_x64", True)

pytestmark = pytest.mark.usefixtures("hurried_compiler")

MEDIA = jnp.array([0.0, 0.01, 0.5, 1.0, 3.0, 40.0])
KINDS = list(SATURATIONS)
HALF = [kind for kind in KINDS if "half_saturation" in SATURATIONS[kind].parameters]
CEILING = [kind for kind in KINDS if kind not in ("none", "power")]


def some_parameters(kind, shape=(), seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: jnp.asarray(value.prior.frozen().rvs(shape, random_state=rng))
        for name, value in SATURATIONS[kind].parameters.items()
    }


def curve(kind, media, **parameters):
    return SATURATIONS[kind].function(media, **parameters)


def test_closed_forms():
    x = np.asarray(MEDIA)
    np.testing.assert_allclose(saturation.hill(MEDIA, 1.0, 1.0), x / (1 + x))
    np.testing.assert_allclose(saturation.hill(MEDIA, 2.0, 1.7), x**1.7 / (2.0**1.7 + x**1.7), atol=1e-12)
    np.testing.assert_allclose(saturation.michaelis_menten(MEDIA, 2.0), saturation.hill(MEDIA, 2.0, 1.0))
    np.testing.assert_allclose(
        saturation.logistic(MEDIA, 0.8), (1 - np.exp(-0.8 * x)) / (1 + np.exp(-0.8 * x))
    )
    np.testing.assert_allclose(saturation.power(MEDIA, 0.6), x**0.6)
    np.testing.assert_allclose(saturation.tanh(MEDIA, 1.0), np.tanh(np.arctanh(0.5) * x))
    np.testing.assert_allclose(saturation.none(MEDIA), x)


@pytest.mark.parametrize("kind", HALF)
def test_half_of_the_ceiling_is_at_the_half_saturation(kind):
    parameters = {**some_parameters(kind), "half_saturation": 2.3}
    assert float(curve(kind, jnp.array(2.3), **parameters)) == pytest.approx(0.5)


def test_half_of_the_logistic_is_at_log_three_over_its_rate():
    assert float(saturation.logistic(jnp.array(np.log(3) / 0.7), 0.7)) == pytest.approx(0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_comes_of_nothing_and_more_never_brings_less(kind):
    media = jnp.linspace(0, 1e4, 400)
    response = np.asarray(curve(kind, media, **some_parameters(kind)))
    assert response[0] == 0
    assert (np.diff(response) >= 0).all()
    if kind in CEILING:
        assert 0.9 < response[-1] <= 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("media", [0.0, 1e-30, 1e30])
def test_gradients_are_finite_for_no_media_and_for_any_amount(kind, media):
    parameters = some_parameters(kind)
    value = jnp.full(3, media)
    by_parameter = jax.grad(lambda p: curve(kind, value, **p).sum())(parameters)
    assert all(np.isfinite(gradient) for gradient in by_parameter.values())
    if media in (0.0, 1e30):  # a slope below 1 is steeper than any number just above 0
        assert np.isfinite(jax.grad(lambda x: curve(kind, x, **parameters).sum())(value)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_the_loop_over_its_entries(kind):
    media = jnp.asarray(np.random.default_rng(2).gamma(1, 1, (4, 2, 9)))
    parameters = some_parameters(kind, (4,))
    batch = curve(kind, media, **{name: values[:, None, None] for name, values in parameters.items()})
    for i in range(4):
        one = curve(kind, media[i], **{name: values[i] for name, values in parameters.items()})
        np.testing.assert_allclose(batch[i], one, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_single_precision_is_close_to_double(kind):
    parameters = some_parameters(kind)
    single = {name: jnp.float32(value) for name, value in parameters.items()}
    np.testing.assert_allclose(
        curve(kind, MEDIA.astype(jnp.float32), **single),
        curve(kind, MEDIA, **parameters),
        rtol=2e-6,
        atol=1e-7,
    )


@pytest.mark.parametrize("kind", HALF)
def test_only_media_relative_to_the_half_saturation_matter(kind):
    rest = {name: value for name, value in some_parameters(kind).items() if name != "half_saturation"}
    np.testing.assert_allclose(
        curve(kind, 1000 * MEDIA, half_saturation=700.0, **rest),
        curve(kind, MEDIA, half_saturation=0.7, **rest),
    )
