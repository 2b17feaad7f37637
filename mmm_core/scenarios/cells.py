"""A channel's path from the cells that a budget decides of it: its geos, its weeks, or its flightings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mmm_core.budget.cell_layout import Cell
from mmm_core.budget.flighting import shares
from mmm_core.scenarios.media import MediaPath, dearer, scaled, weekly
from mmm_core.scenarios.repeated import Repeated

PAST = ("", "past")
"""Flightings that are that of the weeks that come again."""


def cells_of_table(table: pd.DataFrame) -> dict[Cell, float]:
    """Recommended spend of each cell of a plan.

    Args:
        table: `mmm_core.budget.allocation.Allocation.cells`, as it is or as a file holds it.
    """
    found = {}
    for row in table.to_dict("records"):
        week = None if pd.isna(row["week"]) else int(row["week"]) - 1
        geo, pattern = ("" if pd.isna(row[name]) else str(row[name]) for name in ("geo", "pattern"))
        found[Cell(str(row["channel"]), geo, week, pattern)] = float(row["recommended_spend"])
    return found


def path_of_cells(
    channel: Repeated, cells: Sequence[Cell], spend: np.ndarray, weeks: int, rise: float
) -> MediaPath:
    """What a channel does over a horizon whose cells get so much.

    Args:
        channel: in the weeks that come again.
        cells: the channel's: a cell a geo, in the model's order; a cell a week, from the first on; or one a flighting,
            of which one alone has spend. spend: (cell,).
        weeks: of the horizon.
        rise: of the price (`mmm_core.effects.price_rise`), of each geo where geos are decided.
    """
    if cells[0].geo:
        return scaled_to(channel, spend, rise)
    if cells[0].week is not None:
        return weekly(channel, spend, "recommended")
    chosen = int(np.argmax(spend))
    pattern, total = cells[chosen].pattern, float(spend[chosen])
    if pattern in PAST:
        return scaled_to(channel, np.array([total]), rise)
    return dearer(channel, weekly(channel, shares(pattern, weeks) * total, "recommended"), rise)


def scaled_to(channel: Repeated, spend: np.ndarray, rise: float) -> MediaPath:
    """A channel that spends so much, of all geos together (1,) or by geo (geo,)."""
    now = channel.as_spend.sum(axis=1) if len(spend) > 1 else channel.as_spend.sum(keepdims=True)[0]
    factor = np.where(now > 0, spend / np.where(now > 0, now, 1.0), 0.0)
    return scaled(channel, factor, rise)
