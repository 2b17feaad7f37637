"""The cells that a budget decides, what they bring, and what holds of each: by geo, by flighting or by week.

Cells lie channel after channel; with `by: geo` a channel has one for each geo, with `patterns` one for each flighting
to choose from, with `by: week` one for each week. Everything is spend over the period, in the currency of the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from mmm_core.budget.constraints import Limit
from mmm_core.budget.flighting import flight_of, pattern_curves
from mmm_core.budget.new_channel import with_new_channels
from mmm_core.budget.response import Curves
from mmm_core.effects.curves import SpendResponse
from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.budget_spec import Budget


@dataclass(frozen=True)
class Cell:
    """What one number of a plan is the spend of: "" or None where that is not decided."""

    channel: str
    geo: str = ""
    week: int | None = None
    pattern: str = ""

    @property
    def name(self) -> str:
        """In messages and tables."""
        parts = [
            self.channel,
            self.geo,
            f"week {self.week + 1}" if self.week is not None else "",
            self.pattern,
        ]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class ChannelBounds:
    """What the keys of a budget together allow each channel and new channel, (channel,) each.

    Attributes:
        lower, upper: spend. floor: least spend of one that may have none; 0 of the others.
        lower_keys, upper_keys: which key states the bound; "" where `bounds` does.
    """

    lower: np.ndarray
    upper: np.ndarray
    floor: np.ndarray
    lower_keys: tuple[str, ...]
    upper_keys: tuple[str, ...]

    def limit(self, i: int, name: str, members: np.ndarray) -> Limit:
        """The same of one channel's cells together: members (cell,) is 1 where the cell is the channel's."""
        return Limit(name, members, self.lower[i], self.upper[i], self.lower_keys[i], self.upper_keys[i])


@dataclass(frozen=True)
class Laid:
    """The cells that a budget decides, with what they bring and what holds of each.

    Attributes:
        curves: what spend brings. current: (cell,) spend of the last period.
        lower, upper, floor: (cell,) spend. limits: on sums. exclusive: cells of which one at most has spend.
        lower_keys, upper_keys: (cell,), as in `ChannelBounds`.
    """

    cells: tuple[Cell, ...]
    curves: Any
    current: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    floor: np.ndarray
    limits: tuple[Limit, ...] = ()
    exclusive: tuple[tuple[int, ...], ...] = ()
    lower_keys: tuple[str, ...] = ()
    upper_keys: tuple[str, ...] = ()


def by_geo(
    budget: Budget,
    response: SpendResponse,
    posterior: Posterior,
    geos: list[str],
    bounds: ChannelBounds,
    rise: np.ndarray,
) -> Laid:
    """A cell a channel and geo. Relative bounds and locks hold for each; all else for the channel's sum."""
    spend = posterior.data["spend"].to_numpy()
    length = spend.shape[1]
    first = length - response.weeks
    ends = np.searchsorted(posterior.data["media_week"].to_numpy(), response.last_week)
    unit = np.stack(
        [spend[:, end - response.weeks + 1 : end + 1, i].sum(axis=1) for i, end in enumerate(ends)]
    )
    current = spend[:, first:, :].sum(axis=1).T
    cells = tuple(Cell(channel, geo) for channel in response.channels for geo in geos)
    low, high, limits, keys = np.zeros(current.shape), np.zeros(current.shape), [], []
    for i, channel in enumerate(response.channels):
        members = np.array([float(cell.channel == channel) for cell in cells])
        form, (least, most) = budget.bounds_of(channel).stated
        if channel in budget.locked:
            low[i] = high[i] = current[i]
        elif form == "relative" and response.current[i] > 0:
            low[i], high[i] = least * current[i], most * current[i]
        else:
            high[i] = np.where(unit[i] > 0, bounds.upper[i], 0.0)
        keys += ["locked" if channel in budget.locked else ""] * len(geos)
        limits.append(bounds.limit(i, f"spend of {channel} over all geos", members))
    for geo, rule in budget.geos.items():
        members = np.array([float(cell.geo == geo) for cell in cells])
        form, (least, most) = rule.stated
        size = float(current[:, geos.index(geo)].sum()) if form == "relative" else 1.0
        limits.append(Limit(f"spend of geo {geo}", members, least * size, most * size))
    curves = Curves(
        response.arrays,
        jnp.asarray(np.where(unit > 0, unit, 1.0).ravel()),
        jnp.asarray(np.repeat(rise, len(geos))),
        by_geo=True,
    )
    return Laid(
        cells, curves, current.ravel(), low.ravel(), high.ravel(), np.zeros(len(cells)), tuple(limits),
        lower_keys=tuple(keys), upper_keys=tuple(keys),
    )  # fmt: skip


def by_pattern(
    budget: Budget, response: SpendResponse, posterior: Posterior, bounds: ChannelBounds, rise: np.ndarray
) -> Laid:
    """A cell a channel and pattern, one of which has spend; new channels have a cell of their own.

    A locked channel stays in the flighting that it had.
    """
    count, paid = len(budget.patterns), len(response.channels)
    curves = pattern_curves(posterior, response, budget.patterns, rise[:paid])
    curves = with_new_channels(curves, budget.new_channels, rise[paid:], posterior.spec.fit.seed)
    cells = (
        *(Cell(channel, pattern=pattern) for channel in response.channels for pattern in budget.patterns),
        *(Cell(channel) for channel in budget.new_channels),
    )
    exclusive = tuple(tuple(range(i * count, (i + 1) * count)) for i in range(paid))
    chosen = budget.patterns.index("past")

    def of_cells(values: np.ndarray) -> np.ndarray:
        return np.concatenate([np.repeat(values[:paid], count), values[paid:]])

    current = np.zeros(len(cells))
    current[[i * count + chosen for i in range(paid)]] = response.current
    lower, upper, floor = (of_cells(values) for values in (bounds.lower, bounds.upper, bounds.floor))
    lower[: paid * count] = 0.0
    limits = []
    for i, channel in enumerate(response.channels):
        if channel in budget.locked:
            others = [i * count + k for k in range(count) if k != chosen]
            upper[others] = 0.0
        if bounds.floor[i] <= 0:
            members = np.array([float(cell.channel == channel) for cell in cells])
            limits.append(bounds.limit(i, f"spend of {channel}", members))
    return Laid(
        cells, curves, current, lower, upper, floor, tuple(limits), exclusive,
        (*[""] * paid * count, *bounds.lower_keys[paid:]),
        (*(key for key in bounds.upper_keys[:paid] for _ in range(count)), *bounds.upper_keys[paid:]),
    )  # fmt: skip


def by_week(budget: Budget, response: SpendResponse, posterior: Posterior, bounds: ChannelBounds) -> Laid:
    """A cell a channel and week. A channel's bounds hold for its sum; a week may have any of it.

    Raises:
        InputError: a channel that is all or nothing, or one that never had spend and is to have some.
    """
    flight = flight_of(posterior, response)
    weeks = budget.weeks
    current = np.asarray(flight.spent).T.ravel()
    cells = tuple(Cell(channel, week=week) for channel in response.channels for week in range(weeks))
    low, high = np.zeros(len(cells)), np.repeat(bounds.upper, weeks)
    limits, keys = [], []
    for i, channel in enumerate(response.channels):
        members = np.array([float(cell.channel == channel) for cell in cells])
        if channel in budget.all_or_nothing:
            raise InputError(
                f"budget.all_or_nothing: {channel} by week: state it with `by: channel` and lay out the weeks after"
            )
        if response.repeated[i] <= 0:
            _refuse_without_price(channel, float(bounds.lower[i]), posterior.spec.model)
            high[members > 0] = 0.0
        if channel in budget.locked:
            low[members > 0] = high[members > 0] = current[members > 0]
        keys += ["locked" if channel in budget.locked else ""] * weeks
        limits.append(bounds.limit(i, f"spend of {channel} over all weeks", members))
    if budget.weekly is not None:
        form, (least, most) = budget.weekly.stated
        for week in range(weeks):
            members = np.array([float(cell.week == week) for cell in cells])
            size = float(current[members > 0].sum()) if form == "relative" else 1.0
            limits.append(Limit(f"spend of week {week + 1}", members, least * size, most * size))
    return Laid(
        cells, flight, current, low, high, np.zeros(len(cells)), tuple(limits),
        lower_keys=tuple(keys), upper_keys=tuple(keys),
    )  # fmt: skip


def _refuse_without_price(channel: str, least: float, model: str) -> None:
    """Raise InputError where a channel is to have spend, and nothing says what media of it cost."""
    if least > 0:
        raise InputError(
            f"model {model}: budget: {channel} is to have {least:,.0f} at least, and no week of the data has spend on "
            "it: nothing says what its media cost in a week; leave its bounds and commitments out, or plan it as a new "
            "channel under another name"
        )
