"""Carryover: lag weights, normalised to sum to 1, and their convolution with media.

A kind is a function of the lags and its parameter that returns unnormalised weights; `WEIGHTS` names them as the
specification does.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp


def geometric(lags: jax.Array, alpha: jax.Array) -> jax.Array:
    """alpha ** lag: the share `alpha` is retained from one week to the next."""
    return alpha**lags


def none(lags: jax.Array, alpha: jax.Array) -> jax.Array:
    """All weight on the week of exposure."""
    del alpha
    return jnp.where(lags == 0, 1.0, 0.0)


WEIGHTS: dict[str, Callable[[jax.Array, jax.Array], jax.Array]] = {"geometric": geometric, "none": none}


def lag_weights(kind: str, alpha: jax.Array, l_max: int, length: int | None = None) -> jax.Array:
    """Weights of lags 0..l_max that sum to 1, shape `alpha.shape + (length,)`, zero past l_max."""
    lags = jnp.arange(length if length is not None else l_max + 1)
    weights = WEIGHTS[kind](lags, alpha[..., None])
    weights = jnp.where(lags <= l_max, weights, 0.0)
    return weights / weights.sum(-1, keepdims=True)


def lagged(media: jax.Array, length: int) -> jax.Array:
    """Media at every lag: entry [c, l, g, t] is media of channel c and geo g in week t - l, 0 before the first week.

    Args:
        media: (geo, week, channel).
        length: number of lags, lag 0 included.

    Returns:
        (channel, lag, geo, week). Stacked once, outside the sampler, the adstock of a draw and its gradient are one
        small matrix product a channel; shifting inside the sampler costs ten times as much.
    """
    weeks = media.shape[1]
    by_channel = jnp.moveaxis(media, -1, 0)
    padded = jnp.pad(by_channel, ((0, 0), (0, 0), (length - 1, 0)))
    return jnp.stack(
        [padded[..., length - 1 - lag : length - 1 - lag + weeks] for lag in range(length)], axis=1
    )


def convolve(media: jax.Array, weights: jax.Array) -> jax.Array:
    """Adstocked media (channel, geo, week) from `lagged` media and weights (channel, lag)."""
    channels, lags, geos, weeks = media.shape
    flat = jnp.einsum("cln,cl->cn", media.reshape(channels, lags, geos * weeks), weights)
    return flat.reshape(channels, geos, weeks)
