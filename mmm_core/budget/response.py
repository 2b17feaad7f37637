"""What plans bring, draw by draw: the one interface that solvers, certificates and scenarios ask.

A `Response` turns a plan, spend by cell (cell,), into draws of its incremental outcome (draw,). `Curves` is that of
cells that do not touch each other: a channel, or a channel in a geo, whose flighting is scaled as
`mmm_core.effects.curves` has it. Then a plan's outcome is a sum over cells, and `enclose` says what each cell brings
over a range of its spend and how steep it is there: what bounds are made of. Weeks of a flighting do touch each other,
by carrying over: `mmm_core.budget.flighting`.

The price of media may rise with spend (`mmm_core.effects.price_rise`).

A response is of what media bring in the short term. A long-term effect that is linear in the media bought is `linear`,
(draw, cell), added to it: outcome of a unit of spend at the price of a multiplier of 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from mmm_core.effects.curves import ChannelResponse, ResponseArrays
from mmm_core.effects.price_rise import bought, slope_of_bought
from mmm_core.effects.slopes import term_bounds


class Enclosure(NamedTuple):
    """What is known of ranges of spend, one of each cell; each (draw, cell).

    `value_low`, `value_high` at the ends; `least`, `most` bounds on the slope per unit of spend in between.
    """

    value_low: np.ndarray
    value_high: np.ndarray
    least: np.ndarray
    most: np.ndarray


class Response(Protocol):
    """Draws of what a plan brings; a JAX pytree, so that responses of one form share a compiled program."""

    def outcome(self, spend: Any) -> Any:
        """Incremental outcome (draw,) of spend (cell,); traceable by JAX."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Curves:
    """Cells whose outcomes add up.

    Attributes:
        arrays: the response of each channel.
        unit: (cell,) spend of a multiplier of 1; cells of geos lie channel after channel.
        rise: (cell,) by what power of the media bought their price rises.
        linear: (draw, cell) outcome of a unit of spend, at prices that have not risen, beside the curve; or None.
        by_geo: whether a cell is a channel in a geo.
    """

    arrays: ResponseArrays
    unit: Any
    rise: Any
    linear: Any = None
    by_geo: bool = field(default=False, metadata={"static": True})

    def cells(self, spend: Any) -> Any:
        """Incremental outcome (draw, cell) of spend (cell,); traceable by JAX."""
        multiplier = bought(spend / self.unit, self.rise)
        columns = []
        for i, channel, ceiling, worth in _channels(self.arrays):
            m = self._of_channel(multiplier, i)
            more = (channel.response(m) - channel.response(0.0)) * ceiling
            columns.append(self._summed((jnp.expm1(more) if self.arrays.log else more) * worth))
        out = jnp.concatenate(columns, axis=1)
        return out if self.linear is None else out + self.linear * self.unit * multiplier

    def outcome(self, spend: Any) -> Any:
        """Incremental outcome (draw,) of spend (cell,)."""
        return self.cells(spend).sum(axis=1)

    def _of_channel(self, values: Any, i: int) -> Any:
        """A channel's part of values (cell,): one number, or (geo, 1)."""
        if not self.by_geo:
            return values[i]
        geos = values.shape[0] // len(self.arrays.by_channel)
        return values[i * geos : (i + 1) * geos, None]

    def _summed(self, terms: Any) -> Any:
        """Terms (draw, geo, week) as (draw, cell of the channel)."""
        return terms.sum(axis=2) if self.by_geo else terms.sum(axis=(1, 2))[:, None]


def _channels(arrays: ResponseArrays) -> list[tuple[int, ChannelResponse, Any, Any]]:
    """Each channel with its number, its ceiling (draw, geo, 1) and the worth of its outcome (draw or 1, geo, week)."""
    return [
        (i, channel, arrays.ceiling[i][..., None], arrays.worth[min(i, len(arrays.worth) - 1)])
        for i, channel in enumerate(arrays.by_channel)
    ]


@jax.jit
def outcomes(response: Any, plans: Any) -> Any:
    """Outcome (plan, draw) of plans (plan, cell)."""
    return jax.lax.map(response.outcome, plans)


@jax.jit
def cell_outcomes(response: Any, plans: Any) -> Any:
    """Outcome (plan, draw, cell) of plans (plan, cell)."""
    return jax.lax.map(response.cells, plans)


def _enclosed(curves: Curves, low: Any, high: Any) -> tuple[Any, Any, Any, Any]:
    ends = [spend / curves.unit for spend in (low, high)]
    first, last = (bought(m, curves.rise) for m in ends)
    steepest = jnp.where(ends[0] >= 1.0, slope_of_bought(ends[0], curves.rise), 1.0) / curves.unit
    flattest = slope_of_bought(ends[1], curves.rise) / curves.unit
    parts: list[list[Any]] = [[], [], [], []]
    for i, channel, ceiling, worth in _channels(curves.arrays):
        terms = term_bounds(
            channel,
            ceiling,
            worth,
            curves.arrays.log,
            curves._of_channel(first, i),
            curves._of_channel(last, i),
        )
        for part, term in zip(parts, terms, strict=True):
            part.append(curves._summed(term * jnp.ones_like(terms[0])))
    value_low, value_high, least, most = (jnp.concatenate(part, axis=1) for part in parts)
    least = least * jnp.where(least >= 0, flattest, steepest)
    most = most * jnp.where(most >= 0, steepest, flattest)
    if curves.linear is not None:
        slope = curves.linear * curves.unit  # of a multiple of the media bought
        value_low, value_high = value_low + slope * first, value_high + slope * last
        least = least + slope * jnp.where(slope >= 0, flattest, steepest)
        most = most + slope * jnp.where(slope >= 0, steepest, flattest)
    return value_low, value_high, least, most


def enclose(curves: Curves, low: np.ndarray, high: np.ndarray) -> Enclosure:
    """What is known of every cell between two spends, (cell,) each."""
    return Enclosure(*(np.asarray(part) for part in _of_draws(curves, jnp.asarray(low), jnp.asarray(high))))


def enclose_mean(curves: Curves, low: np.ndarray, high: np.ndarray) -> Enclosure:
    """The same of the mean over the draws, (1, cell)."""
    return Enclosure(*(np.asarray(part) for part in _of_mean(curves, jnp.asarray(low), jnp.asarray(high))))


_of_draws = jax.jit(_enclosed)


@jax.jit
def _of_mean(curves: Curves, low: Any, high: Any) -> tuple[Any, ...]:
    return tuple(part.mean(axis=0, keepdims=True) for part in _enclosed(curves, low, high))


@jax.jit
def cell_slopes(curves: Curves, spend: Any) -> Any:
    """Outcome of one more unit of spend in each cell, (draw, cell)."""
    return jax.jvp(curves.cells, (spend,), (jnp.ones_like(spend),))[1]


def saturating(
    saturation: str,
    parameters: dict[str, Any],
    ceiling: Any,
    unit: Any,
    rise: Any = 0.0,
) -> Curves:
    """Curves stated outright: outcome of channel c in draw i is ceiling_ic times the saturation of spend_c / unit_c.

    Args:
        saturation: kind of the curve. parameters: of it by name, (draw, channel), for media of spend / unit.
        ceiling: (draw, channel) outcome of a response of 1.
        unit: (channel,) spend of one unit of media.
    """
    ceiling = jnp.asarray(ceiling, dtype=float)
    draws, channels = ceiling.shape
    one_cell = jnp.ones((draws, 1, 1))
    responses = tuple(
        ChannelResponse(
            saturation=saturation,
            parameters={name: jnp.asarray(values)[:, i] for name, values in parameters.items()},
            carried=0.0 * one_cell,
            planned=one_cell,
            flight=None,
            lags=jnp.ones((draws, 1)),
            reached=False,
        )
        for i in range(channels)
    )
    arrays = ResponseArrays(responses, ceiling.T[:, :, None], jnp.ones((1, 1, 1, 1)), False)
    unit = jnp.broadcast_to(jnp.asarray(unit, dtype=float), (channels,))
    return Curves(arrays, unit, jnp.broadcast_to(jnp.asarray(rise, dtype=float), (channels,)))
