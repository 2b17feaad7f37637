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


def convolve(media: jax.Array, weights: jax.Array) -> jax.Array:
    """Adstocked media: sum over lags l of weights[c, l] * media[..., t - l, c].

    Args:
        media: (..., week, channel); weeks before the first count as zero, so pass history and drop it afterwards.
        weights: (channel, lag).

    Returns:
        Same shape as `media`.
    """
    weeks = media.shape[-2]
    total = media * weights[:, 0]
    for lag in range(1, min(weights.shape[-1], weeks)):
        # padding a shifted copy lets XLA fuse every lag into one pass over the panel
        shifted = jnp.concatenate(
            [jnp.zeros_like(media[..., :lag, :]), media[..., : weeks - lag, :]], axis=-2
        )
        total = total + weights[:, lag] * shifted
    return total
