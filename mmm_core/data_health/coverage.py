"""Whether every source has delivered every week of every channel, by what the mart says of its deliveries.

The model's table shows spend; whether a 0 is a pause and a small figure a small campaign is known where the exports
arrive: `reported`, `partial` (on fewer days than usual), `no_activity` (the source delivered the week, without this
channel), `missing` (it delivered nothing, and something later) or `awaited` (nothing since). Without that table the
figures are those of the spend column itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mmm_core.data_health.finding import Finding, at_most, day, weeks
from mmm_core.data_health.weekly_panel import WeeklyPanel
from mmm_core.errors import listed
from mmm_core.spec.data_health_spec import DataHealth

FAMILY = "coverage"

STATES = ("reported", "partial", "no_activity", "awaited", "missing")
"""What may be said of a channel's week, the best first; of a week of several geos the worst counts."""

SHORT = ("partial", "awaited", "missing")
"""States in which spend is not what was spent."""


def coverage(panel: WeeklyPanel, delivery: pd.DataFrame, rule: DataHealth) -> Iterator[Finding]:
    """Of every channel with known deliveries, the share of its weeks that were not delivered, or in part.

    Args:
        delivery: channel (of the model), week (as the panel dates it), delivery; one row a channel and week or more.
    """
    states = weekly_states(panel, delivery)
    for name in panel.spec.paid:
        if name in states:
            yield _of_channel(panel, name, states[name], rule)


def weekly_states(panel: WeeklyPanel, delivery: pd.DataFrame) -> dict[str, np.ndarray]:
    """Of every channel the worst state of each week, (week,) of positions in `STATES`; without a row it is missing."""
    rank = {state: position for position, state in enumerate(STATES)}
    found = {}
    for name, rows in delivery.groupby("channel", sort=False):
        worst = rows["delivery"].map(rank).groupby(pd.DatetimeIndex(rows["week"])).max()
        found[str(name)] = worst.reindex(panel.weeks).fillna(rank["missing"]).to_numpy(dtype=int)
    return found


def _of_channel(panel: WeeklyPanel, name: str, states: np.ndarray, rule: DataHealth) -> Finding:
    short = np.isin(states, [STATES.index(state) for state in SHORT])
    share = float(short.mean())
    counts = {state: int((states == position).sum()) for position, state in enumerate(STATES)}
    told = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.items() if count)
    words = f"{name}: of {weeks(len(states))} {told}"
    last = bool(short[-1])
    verdict = "warn" if last else at_most(share, rule.undelivered)
    if not short.any():
        return Finding(FAMILY, "share_undelivered", name, share, rule.undelivered, verdict, words)
    concerned = panel.weeks[short]
    if verdict != "ok":
        words += (
            f" ({listed(map(day, concerned))}): {share:.1%} not delivered in full, at most "
            f"{rule.undelivered:.1%} wanted"
            f"{', and the last week is among them' if last else ''}: load the export again, or wait for it"
        )
    return Finding(
        FAMILY, "share_undelivered", name, share, rule.undelivered, verdict, words,
        first_week=concerned[0], last_week=concerned[-1],
    )  # fmt: skip
