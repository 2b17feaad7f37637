"""A budget that was recommended earlier, and what its channels would have done in the weeks after it.

Everything is as it stood when it was made: the weeks before it come again, and what a unit of spend bought in them is
what the recommended spend would have bought.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from mmm_core.budget.cell_layout import Cell
from mmm_core.errors import InputError, listed
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.cells import cells_of_table, path_of_cells
from mmm_core.scenarios.media import MediaPath
from mmm_core.scenarios.repeated import Repeated, repeated_before

ROUNDED = 1e-6
"""Relative difference of the cells' sum and the channel's spend that writing figures into a file makes."""


@dataclass(frozen=True)
class Recommendation:
    """A budget that was recommended earlier.

    Attributes:
        spend: of each channel over its horizon. before: of each channel in the weeks before it, or none.
        after: last week of the data that it was made on. weeks: its horizon; None where only `before` tells.
        cells: spend of each geo, week or flighting, where it decided those; else None.
    """

    spend: Mapping[str, float]
    before: Mapping[str, float]
    after: date | pd.Timestamp
    weeks: int | None = None
    cells: Mapping[Cell, float] | None = None

    @classmethod
    def of_table(
        cls,
        table: pd.DataFrame,
        after: date | pd.Timestamp,
        weeks: int | None = None,
        cells: pd.DataFrame | None = None,
    ) -> Recommendation:
        """From an allocation's rows: channel, current_spend, recommended_spend; and its cells, where it has some."""
        by = table.set_index("channel")
        spend, before = (
            {str(channel): float(money) for channel, money in by[column].items()}
            for column in ("recommended_spend", "current_spend")
        )
        return cls(spend, before, after, weeks, None if cells is None else cells_of_table(cells))

    def cells_of(self, paid: tuple[str, ...]) -> dict[str, dict[Cell, float]]:
        """Each paid channel's cells and their spend; a channel is one cell where the plan decided channels alone.

        Raises:
            InputError: no spend of a paid channel, spend of another or that is none, or cells of another plan.
        """
        absent = [channel for channel in paid if channel not in self.spend]
        strange = [name for name, money in self.spend.items() if name not in paid and money > 0]
        if absent or strange:
            raise InputError(
                f"recommended budget: no spend is stated for {listed(absent) or 'none'}; no paid channel is called "
                f"{listed(strange) or 'none'}"
            )
        cells = self.cells
        if cells is None:
            cells = {Cell(channel): float(self.spend[channel]) for channel in paid}
        wrong = [cell.name for cell, money in cells.items() if not (np.isfinite(money) and money >= 0)]
        if wrong:
            raise InputError(f"recommended budget: spend of {listed(wrong)} is no number of 0 or more")
        out: dict[str, dict[Cell, float]] = {channel: {} for channel in paid}
        for cell, money in cells.items():
            if cell.channel in out:
                out[cell.channel][cell] = float(money)
        apart = [
            f"{channel} ({sum(out[channel].values()):,.0f} in its cells for {self.spend[channel]:,.0f})"
            for channel in paid
            if abs(sum(out[channel].values()) - self.spend[channel]) > ROUNDED * max(self.spend[channel], 1.0)
            or not out[channel]
        ]
        if apart:
            raise InputError(
                f"recommended budget: its weeks, geos or flightings are those of another plan: {listed(apart)}: name "
                "the cells that were written with it, or allocate again"
            )
        return out

    @property
    def decided_weeks(self) -> int | None:
        """The horizon of a plan by week; None of others."""
        weeks = [cell.week for cell in self.cells or () if cell.week is not None]
        return max(weeks) + 1 if weeks else None


def recommended_paths(
    posterior: Posterior, made: Recommendation, known: int, weeks: int, price_rise: Mapping[str, float]
) -> dict[str, MediaPath]:
    """What each paid channel would have done over the horizon of a recommendation, (geo, week).

    Args:
        known: media weeks that the data held when it was made.
        weeks: its horizon.
        price_rise: by which it would have bought.

    Raises:
        InputError: as `Recommendation.cells_of`; cells that are not the model's geos or the horizon's weeks, or spend
            where none ever was, which nothing gives a price.
    """
    repeated, geos = (
        repeated_before(posterior, known, weeks),
        [str(g) for g in posterior.data["geo"].to_numpy()],
    )
    out = {}
    for name, cells in made.cells_of(posterior.spec.paid).items():
        order, spend = _in_order(name, cells, geos, weeks)
        _refuse_unpriced(repeated[name], order, spend, geos)
        out[name] = path_of_cells(repeated[name], order, spend, weeks, price_rise.get(name, 0.0))
    return out


def _in_order(
    channel: str, cells: Mapping[Cell, float], geos: list[str], weeks: int
) -> tuple[list[Cell], np.ndarray]:
    """A channel's cells in the order of the model's geos, or of weeks, and their spend (cell,)."""
    order = list(cells)
    if any(cell.geo for cell in order):
        order = [Cell(channel, geo) for geo in geos]
    elif any(cell.week is not None for cell in order):
        order = [Cell(channel, week=week) for week in range(weeks)]
    if set(order) != set(cells):
        only, here = (
            {cell.name for cell in these} for these in (set(cells) - set(order), set(order) - set(cells))
        )
        raise InputError(
            f"recommended budget: its cells are not those of the model: not in the model: "
            f"{listed(sorted(only)) or 'none'}; not in the recommendation: {listed(sorted(here)) or 'none'}"
        )
    return order, np.array([cells[cell] for cell in order])


def _refuse_unpriced(channel: Repeated, cells: list[Cell], spend: np.ndarray, geos: list[str]) -> None:
    by_geo = channel.as_spend.sum(axis=1)
    was = [by_geo[geos.index(cell.geo)] if cell.geo else by_geo.sum() for cell in cells]
    unpriced = [
        cell.name for cell, money, then in zip(cells, spend, was, strict=True) if money > 0 and then <= 0
    ]
    if unpriced:
        raise InputError(
            f"recommended budget: {listed(unpriced)} never had any spend before it: nothing says what money would have "
            "bought"
        )
