"""A concave function of a weekly plan that lies on or above what the plan brings, draw by draw.

What saturates is linear in the plan: media before the horizon and after it are a constant of it. In place of the
saturation curve of each draw, geo and week stands its least concave majorant over the arguments that plans can reach:
the line from the least argument to where it touches the curve, and the curve from there on. Curves that are concave
anyway stay what they are, as does what comes by way of the brand, which is linear in the plan. Of a curve that does not
say where it is steepest, the value at the greatest argument is used; of a response that counts against the outcome, the
one at the least; of the exponential of a logarithmic KPI, the chord.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mmm_core.budget.flighting import ChannelFlight, Flight
from mmm_core.transforms.saturation import SATURATIONS

HALVINGS = 60
"""Of the range in which a line from the least argument touches a curve."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Roof:
    """Of one channel, each (draw, geo, week and tail): least argument, where its line touches, and how steep it is.

    `least`, `value`: argument and curve at the least; `touch`: where the line ends; `slope`: of the line. `top`: the
    curve's value where its shape is not known. `low`, `high`: the finished response at least and most.
    """

    least: Any
    value: Any
    touch: Any
    slope: Any
    top: Any
    low: Any
    high: Any
    known: bool = field(metadata={"static": True})

    def curve(self, channel: ChannelFlight, argument: Any) -> Any:
        """The majorant of `channel.curve`."""
        if channel.base.reached:
            return argument
        if not self.known:
            return self.top + 0.0 * argument
        line = self.value + self.slope * (argument - self.least)
        return jnp.where(argument < self.touch, line, channel.curve(argument))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Majorant:
    """A concave response on or above a `Flight`."""

    flight: Flight
    roofs: tuple[Roof, ...]

    def outcome(self, spend: Any) -> Any:
        """On or above `Flight.outcome`, (draw,)."""
        total = jnp.zeros(()) if self.flight.linear is None else self.flight.linear @ spend
        for i, channel, weekly, ceiling, worth in self.flight.parts(spend):
            roof = self.roofs[i]
            above = channel.finished(roof.curve(channel, channel.argument(weekly)))
            nothing = channel.nothing()
            effect, least = (above - nothing) * ceiling, (roof.low - nothing) * ceiling
            if self.flight.log:
                first, last = least, (roof.high - nothing) * ceiling
                width = last - first
                chord = jnp.where(
                    width > 1e-12,
                    (jnp.expm1(last) - jnp.expm1(first)) / jnp.maximum(width, 1e-12),
                    jnp.exp(first),
                )
                effect, least = jnp.expm1(first) + chord * (effect - first), jnp.expm1(first)
            counts = jnp.where(ceiling * worth < 0, least * worth, effect * worth)
            total = total + jnp.sum(counts, axis=(1, 2))
        return total


def majorant(flight: Flight, lower: np.ndarray, upper: np.ndarray) -> Majorant:
    """The majorant over plans within bounds (channel x week,) each."""
    return _majorant(flight, jnp.asarray(lower), jnp.asarray(upper))


@jax.jit
def _majorant(flight: Flight, lower: Any, upper: Any) -> Majorant:
    roofs = []
    least = lower.reshape(len(flight.channels), -1)
    most = upper.reshape(len(flight.channels), -1)
    for i, channel in enumerate(flight.channels):
        roofs.append(_roof(channel, least[i], most[i]))
    return Majorant(flight, tuple(roofs))


def _roof(channel: ChannelFlight, lower: Any, upper: Any) -> Roof:
    low, high = channel.argument(lower), channel.argument(upper)
    shape = jnp.broadcast_shapes(low.shape, channel.base.carried.shape, (channel.base.lags.shape[0], 1, 1))
    low, high = jnp.broadcast_to(low, shape), jnp.broadcast_to(high, shape)
    ends = {"low": channel.finished(channel.curve(low)), "high": channel.finished(channel.curve(high))}
    kind = SATURATIONS[channel.base.saturation]
    first = channel.curve(low)
    if channel.base.reached or kind.steepest is None:
        return Roof(
            low, first, low, jnp.zeros(shape), channel.curve(high), known=channel.base.reached, **ends
        )
    wide = {name: value[:, None, None] for name, value in channel.base.parameters.items()}
    peak, _ = kind.steepest(**wide)
    peak = jnp.broadcast_to(peak, shape)

    def slope(argument: Any) -> Any:
        return jax.jvp(channel.curve, (argument,), (jnp.ones(shape),))[1]

    def beyond(argument: Any) -> Any:
        """Whether the line from the least argument is steeper than the curve there: it touched before."""
        return slope(argument) * (argument - low) <= channel.curve(argument) - first

    left, right = jnp.clip(peak, low, high), high

    def halve(_: int, ends: tuple[Any, Any]) -> tuple[Any, Any]:
        left, right = ends
        middle = (left + right) / 2
        touched = beyond(middle)
        return jnp.where(touched, left, middle), jnp.where(touched, middle, right)

    _, touch = jax.lax.fori_loop(0, HALVINGS, halve, (left, right))
    touch = jnp.where(peak <= low, low, touch)
    width = touch - low
    line = jnp.where(width > 0, (channel.curve(touch) - first) / jnp.where(width > 0, width, 1.0), 0.0)
    return Roof(low, first, touch, line, channel.curve(high), known=True, **ends)
