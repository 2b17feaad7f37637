"""Diminishing returns: curves from media to a response, which is between 0 and 1 for those with a ceiling.

Media are in units of the channel's mean week with media. `SATURATIONS` names the curves as the specification does, and
`mmm_core.transforms.registry` says how to add one. JAX is imported when something is computed: a specification is read
without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mmm_core.transforms.registry import Kinds, parameter

if TYPE_CHECKING:
    import jax

SATURATIONS = Kinds("saturation")

_ARTANH_HALF = 0.5493061443340549

# A mean week is held to lie below half of the ceiling, and curves to be nearly concave: docs/benchmarks.md says how the
# numbers were chosen.
_HALF_SATURATION = parameter("media at half of the ceiling", lognormal=[0.4, 0.7])


def _at_the_start(slope_there: Callable[..., Any]) -> Callable[..., Any]:
    """Where a concave curve is steepest: at no media, with this slope."""
    return lambda **parameters: (0.0, slope_there(**parameters))


def _hill_steepest(half_saturation: jax.Array, slope: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The inflection of an S-shaped Hill curve, at (media / half_saturation)^slope = (slope - 1) / (slope + 1)."""
    import jax.numpy as jnp

    bends = slope > 1
    steep = jnp.where(bends, slope, 2.0)
    power = (steep - 1) / (steep + 1)
    media = half_saturation * power ** (1 / steep)
    there = steep / media * power / (1 + power) ** 2
    first = jnp.where(slope == 1, 1 / half_saturation, jnp.inf)
    return jnp.where(bends, media, 0.0), jnp.where(bends, there, first)


def _power_steepest(exponent: jax.Array) -> tuple[float, jax.Array]:
    import jax.numpy as jnp

    return 0.0, jnp.where(exponent == 1, 1.0, jnp.inf)


@SATURATIONS.register("none", steepest=_at_the_start(lambda: 1.0))
def none(media: jax.Array) -> jax.Array:
    """No saturation: the response is the media itself."""
    return media


@SATURATIONS.register(
    "hill",
    steepest=_hill_steepest,
    half_saturation=_HALF_SATURATION,
    slope=parameter("Hill exponent; above 1 the curve is S-shaped", lognormal=[0, 0.25]),
)
def hill(media: jax.Array, half_saturation: jax.Array, slope: jax.Array) -> jax.Array:
    """media^slope / (half_saturation^slope + media^slope).

    Written through the logistic of slope * log(media / half_saturation): one exponential a point, no overflow, and 0
    with finite gradients at 0.
    """
    import jax
    import jax.numpy as jnp

    positive = media > 0
    safe = jnp.where(positive, media, 1.0)
    return jnp.where(positive, jax.nn.sigmoid(slope * (jnp.log(safe) - jnp.log(half_saturation))), 0.0)


@SATURATIONS.register(
    "michaelis_menten",
    steepest=_at_the_start(lambda half_saturation: 1 / half_saturation),
    half_saturation=_HALF_SATURATION,
)
def michaelis_menten(media: jax.Array, half_saturation: jax.Array) -> jax.Array:
    """media / (half_saturation + media): Hill with a slope of 1."""
    return media / (half_saturation + media)


@SATURATIONS.register(
    "logistic",
    steepest=_at_the_start(lambda rate: rate / 2),
    rate=parameter("how fast the ceiling is approached", lognormal=[-0.3, 0.7]),
)
def logistic(media: jax.Array, rate: jax.Array) -> jax.Array:
    """(1 - exp(-rate media)) / (1 + exp(-rate media)); half of the ceiling at media = log(3) / rate."""
    import jax.numpy as jnp

    return jnp.tanh(0.5 * rate * media)


@SATURATIONS.register(
    "tanh",
    steepest=_at_the_start(lambda half_saturation: _ARTANH_HALF / half_saturation),
    half_saturation=_HALF_SATURATION,
)
def tanh(media: jax.Array, half_saturation: jax.Array) -> jax.Array:
    """tanh, stretched so that half of the ceiling is at the half saturation."""
    import jax.numpy as jnp

    return jnp.tanh(_ARTANH_HALF * media / half_saturation)


@SATURATIONS.register(
    "power", steepest=_power_steepest, exponent=parameter("1 is linear", high=1, beta=[4, 2])
)
def power(media: jax.Array, exponent: jax.Array) -> jax.Array:
    """media ** exponent: no ceiling, returns that diminish for ever."""
    import jax.numpy as jnp

    positive = media > 0
    return jnp.where(positive, jnp.exp(exponent * jnp.log(jnp.where(positive, media, 1.0))), 0.0)
