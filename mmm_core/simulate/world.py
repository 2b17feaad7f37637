"""The sample world: both markets, simulated from one seed and ending with the same week.

Growth: with the same seed and `start`, a later `end` appends lines to the exported files and changes none. Without
`start` the tables keep their length, so the oldest week also leaves. True parameters in absolute units do not change;
ROI and relative half-saturation are those of the table's own weeks and move a little with them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from mmm_core.errors import InputError, nearest
from mmm_core.simulate.draws import Window, check_day, check_seed, last_complete_week, week_index, week_start
from mmm_core.simulate.kinds import MARKETS
from mmm_core.simulate.market import FEWEST_WEEKS, Market, simulate_market

# Where the drawn ROI and half-saturation hold exactly, whatever weeks a world shows: four years from 2022 on.
CALIBRATION = Window(week_index(dt.date(2022, 1, 3)), 208)


@dataclass(frozen=True)
class World:
    """Markets simulated from one seed, all ending with the same week."""

    seed: int
    last_week: dt.date
    markets: tuple[Market, ...]

    def market(self, name: str) -> Market:
        """One market by name. Raises InputError for an unknown one."""
        known = {market.name: market for market in self.markets}
        if name not in known:
            raise InputError(f"The world has no market '{name}': {nearest(name, known)}")
        return known[name]


def simulate_world(seed: int = 7, end: dt.date | None = None, start: dt.date | None = None) -> World:
    """Simulate `us` (208 weeks, national) and `uk` (156 weeks, 20 geos), whose media also build brands that sell.

    Args:
        seed: whole number; same seed and weeks, same world.
        end: the last week is the last complete ISO week before this day; default today.
        start: Monday of the first us week, to let tables grow from a fixed start; the uk starts 52 weeks later.
            Default: as many weeks as usual.

    Raises:
        InputError: seed is no whole number, end or start is no date, start is no Monday or leaves too few weeks.
    """
    seed = check_seed(seed)
    last = last_complete_week(dt.date.today() if end is None else end)
    longest = max(kind.weeks for kind in MARKETS.values())
    weeks = longest
    if start is not None:
        start = check_day("start", start)
        weeks = last - week_index(start) + 1
        fewest = longest - min(kind.weeks for kind in MARKETS.values()) + FEWEST_WEEKS
        if start.weekday() != 0 or weeks < fewest:
            raise InputError(
                f"start must be a Monday at least {fewest} weeks before the last week, {week_start(last)}; got {start}."
            )
    markets = tuple(
        simulate_market(
            name,
            seed,
            weeks=weeks - longest + kind.weeks,
            end=week_start(last + 1),
            calibration=CALIBRATION,
            long_term=True,
        )
        for name, kind in MARKETS.items()
    )
    return World(seed, week_start(last), markets)
