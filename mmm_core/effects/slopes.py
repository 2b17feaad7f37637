"""Bounds on the slope of a channel's response over a range of spend, for every curve and draw at once.

The response of a plan is a mean over draws of sums over geos and weeks. Each term's slope is bounded over the
range, and the bounds are added up: they hold whatever the curvature of the sum does, and they close as the range
shrinks. A term's own slope is greatest at one of the ends of the range or where its curve is steepest
(`Kind.steepest`), and least at an end. Of a curve that does not say where it is steepest only its increase is used.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from mmm_core.effects.curves import ChannelResponse, ResponseArrays, carry
from mmm_core.transforms.saturation import SATURATIONS


@jax.jit
def cell_bounds(response: ResponseArrays, low: Any, high: Any) -> tuple[Any, ...]:
    """What is known of expected incremental outcome between multipliers `low` and `high`, both (channel,).

    Returns:
        Value at low and at high, least and greatest slope, and a value that is not exceeded in between; each
        (channel,), slopes per unit of multiplier. Traceable by JAX.
    """
    columns = []
    for i, channel in enumerate(response.by_channel):
        worth = response.worth[min(i, len(response.worth) - 1)]
        columns.append(
            _one_channel(channel, response.ceiling[i][..., None], worth, response.log, low[i], high[i])
        )
    return tuple(jnp.stack(figures) for figures in zip(*columns, strict=True))


def _one_channel(
    channel: ChannelResponse, ceiling: Any, worth: Any, log: bool, low: Any, high: Any
) -> tuple[Any, ...]:
    """`cell_bounds` of one channel; `ceiling` (draw, geo, 1), `worth` (draw or 1, geo, week)."""

    def expected(terms: Any) -> Any:
        return jnp.sum(terms, axis=(1, 2)).mean()

    first, last, lowest, highest = term_bounds(channel, ceiling, worth, log, low, high)
    return tuple(expected(terms) for terms in (first, last, lowest, highest, jnp.maximum(first, last)))


def term_bounds(
    channel: ChannelResponse, ceiling: Any, worth: Any, log: bool, low: Any, high: Any
) -> tuple[Any, Any, Any, Any]:
    """Outcome at two multipliers, and its least and greatest slope between them, each (draw, geo, week).

    Args:
        ceiling: (draw, geo, 1). worth: (draw or 1, geo, week).
        low, high: multipliers, or (geo, 1) of them.
    """
    nothing = channel.response(0.0)
    first = (channel.response(low) - nothing) * ceiling
    last = (channel.response(high) - nothing) * ceiling
    least, most = response_slopes(channel, low, high)
    weight_least = weight_most = jnp.abs(ceiling * worth) * jnp.ones_like(first)
    if log:  # the slope of expm1(y) is exp(y), which rises with y
        weight_least = weight_least * jnp.exp(jnp.minimum(first, last))
        weight_most = weight_most * jnp.exp(jnp.maximum(first, last))
        first, last = jnp.expm1(first), jnp.expm1(last)
    first, last = first * worth, last * worth
    flat, steep = weight_least * least, jnp.where(weight_most > 0, weight_most * most, 0.0)
    falls = ceiling * worth < 0  # a geo's own effect may be negative in some draws
    lowest, highest = jnp.where(falls, -steep, flat), jnp.where(falls, -flat, steep)
    return first, last, lowest, highest


def response_slopes(channel: ChannelResponse, low: Any, high: Any) -> tuple[Any, Any]:
    """Least and greatest slope of `channel.response` between two multipliers, each (draw, geo, week)."""
    if channel.reached:
        return channel.planned, channel.planned
    if channel.flight is None:
        planned = jnp.broadcast_to(
            channel.planned, jnp.broadcast_shapes(channel.planned.shape, channel.carried.shape)
        )
        least, most = _curve_slopes(
            channel, channel.carried + low * planned, channel.carried + high * planned
        )
        return planned * least, jnp.where(planned > 0, planned * most, 0.0)
    flight = channel.flight[None]
    least, most = _curve_slopes(channel, low * flight, high * flight)
    least, most = flight * least, jnp.where(flight > 0, flight * most, 0.0)
    endless = jnp.isinf(most)
    reaches = carry(endless.astype(float), channel.lags) > 0
    return carry(least, channel.lags), jnp.where(
        reaches, jnp.inf, carry(jnp.where(endless, 0.0, most), channel.lags)
    )


def _curve_slopes(channel: ChannelResponse, low: Any, high: Any) -> tuple[Any, Any]:
    """Least and greatest slope of the saturation curve between two paths of media."""
    kind = SATURATIONS[channel.saturation]
    parameters = {name: value[:, None, None] for name, value in channel.parameters.items()}
    shape = jnp.broadcast_shapes(low.shape, *(value.shape for value in parameters.values()))
    low, high = jnp.broadcast_to(low, shape), jnp.broadcast_to(high, shape)
    if kind.steepest is None:
        return jnp.zeros(shape), jnp.full(shape, jnp.inf)

    def slope(media: Any) -> Any:
        return jax.jvp(lambda m: kind.function(m, **parameters), (media,), (jnp.ones(shape),))[1]

    peak, greatest = kind.steepest(**parameters)
    first, last = slope(low), slope(high)
    # where media are so few that their power is lost in rounding, a slope is no number: it lies within what all do
    slightest = [jnp.nan_to_num(end, nan=0.0, posinf=jnp.inf) for end in (first, last)]
    steepest = [jnp.where(jnp.isnan(end), greatest, end) for end in (first, last)]
    least = jnp.where(low >= peak, slightest[1], jnp.minimum(*slightest))
    most = jnp.where((low <= peak) & (peak <= high), greatest, jnp.maximum(*steepest))
    return least, most
