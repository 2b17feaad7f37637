"""Carryover: lag weights, normalised to sum to 1, and their convolution with media.

A kind is a function of the lags 0..l_max and its parameters that returns unnormalised weights; `ADSTOCKS` names them as
the specification does, and `mmm_core.transforms.registry` says how to add one. JAX is imported when something is
computed: a specification is read without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmm_core.transforms.registry import Kinds, parameter

if TYPE_CHECKING:
    import jax

ADSTOCKS = Kinds("adstock")

_RETAINED = "share of the effect retained from one week to the next"


@ADSTOCKS.register("none")
def none(lags: jax.Array) -> jax.Array:
    """All weight on the week of exposure."""
    return 1.0 * (lags == 0)


@ADSTOCKS.register("geometric", alpha=parameter(_RETAINED, high=1, beta=[3, 3]))
def geometric(lags: jax.Array, alpha: jax.Array) -> jax.Array:
    """alpha ** lag: the share alpha is retained from one week to the next."""
    return alpha**lags


@ADSTOCKS.register(
    "delayed",
    alpha=parameter("decay on either side of the peak", high=1, beta=[3, 3]),
    peak=parameter("weeks from exposure to the largest effect", gamma=[2, 1]),
)
def delayed(lags: jax.Array, alpha: jax.Array, peak: jax.Array) -> jax.Array:
    """alpha ** ((lag - peak) ** 2): the effect peaks some weeks after exposure (Jin et al. 2017, equation 3).

    Relative to the lag nearest to the peak, so that a peak far past l_max leaves a weight to normalise by.
    """
    distance = (lags - peak) ** 2
    return alpha ** (distance - distance.min(-1, keepdims=True))


@ADSTOCKS.register("binomial", alpha=parameter("how slowly the effect falls to 0", high=1, beta=[3, 3]))
def binomial(lags: jax.Array, alpha: jax.Array) -> jax.Array:
    """(1 - lag / (l_max + 1)) ** (1 / alpha - 1): reaches 0 just past l_max, slowly for alpha near 1."""
    return (1 - lags / lags.shape[-1]) ** (1 / alpha - 1)


_SHAPE = parameter("Weibull shape: above 1 the effect peaks after the week of exposure", lognormal=[0.3, 0.4])
_SCALE = parameter("Weibull scale in weeks", lognormal=[1.0, 0.5])


@ADSTOCKS.register("weibull_pdf", shape=_SHAPE, scale=_SCALE)
def weibull_pdf(lags: jax.Array, shape: jax.Array, scale: jax.Array) -> jax.Array:
    """Weibull density at lag + 1 weeks: the effect may build up before it falls.

    Relative to its largest value, so that a scale of a fraction of a week leaves a weight to normalise by. That value
    is a constant to derivatives: weights that sum to 1 do not depend on it, and the derivative of a largest value is
    not a number where a compiler computes it twice and rounds it differently.
    """
    import jax
    import jax.numpy as jnp

    time = (lags + 1) / scale
    density = (shape - 1) * jnp.log(time) - time**shape
    return jnp.exp(density - jax.lax.stop_gradient(density).max(-1, keepdims=True))


@ADSTOCKS.register("weibull_cdf", shape=_SHAPE, scale=_SCALE)
def weibull_cdf(lags: jax.Array, shape: jax.Array, scale: jax.Array) -> jax.Array:
    """Product of the Weibull survivals of weeks 1..lag: each week keeps the share that survives it."""
    import jax.numpy as jnp

    hazard = jnp.where(lags > 0, jnp.exp(shape * jnp.log(jnp.where(lags > 0, lags, 1) / scale)), 0.0)
    return jnp.exp(-jnp.cumsum(hazard, axis=-1))


def lag_weights(kind: str, l_max: int, length: int | None = None, **parameters: jax.Array) -> jax.Array:
    """Weights of lags 0..l_max that sum to 1, shape `parameter.shape + (length,)`, zero past l_max."""
    import jax.numpy as jnp

    function = ADSTOCKS[kind].function
    weights = function(
        jnp.arange(l_max + 1), **{name: value[..., None] for name, value in parameters.items()}
    )
    weights = weights / weights.sum(-1, keepdims=True)
    if length is None or length == l_max + 1:
        return weights
    return jnp.pad(weights, [(0, 0)] * (weights.ndim - 1) + [(0, length - l_max - 1)])


def lagged(media: Any, length: int) -> jax.Array:
    """Media at every lag: entry [c, l, g, t] is media of channel c and geo g in week t - l, 0 before the first week.

    Args:
        media: (channel, geo, week).
        length: number of lags, lag 0 included.

    Returns:
        (channel, lag, geo, week). Stacked once, outside the sampler, the adstock of a draw and its gradient are one
        small matrix product a channel; shifting inside the sampler costs ten times as much.
    """
    import jax.numpy as jnp

    xp = np if isinstance(media, np.ndarray) else jnp
    weeks = media.shape[-1]
    padded = xp.pad(media, ((0, 0), (0, 0), (length - 1, 0)))
    return xp.stack(
        [padded[..., length - 1 - lag : length - 1 - lag + weeks] for lag in range(length)], axis=1
    )


def convolve(media: jax.Array, weights: jax.Array) -> jax.Array:
    """Adstocked media (channel, geo, week) from `lagged` media and weights (channel, lag)."""
    import jax.numpy as jnp

    channels, lags, geos, weeks = media.shape
    flat = jnp.einsum("cln,cl->cn", media.reshape(channels, lags, geos * weeks), weights)
    return flat.reshape(channels, geos, weeks)
