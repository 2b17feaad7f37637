"""Gaps: weeks without a row, and cells without a value in the rows there are. A week is told of once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmm_core.data_health.finding import WHOLE, Finding, at_most, day, weeks
from mmm_core.data_health.weekly_panel import WeeklyPanel
from mmm_core.errors import listed
from mmm_core.spec.data_health_spec import DataHealth

FAMILY = "missing"


def missing(panel: WeeklyPanel, rule: DataHealth) -> Iterator[Finding]:
    """Weeks that have no row, and of every column the share of its cells that are missing."""
    absent, share = panel.absent, float((~panel.has_row).mean())
    words = f"all {weeks(len(panel.weeks))} from {day(panel.weeks[0])} to {day(panel.weeks[-1])} have rows"
    if absent:
        words = (
            f"no row for {weeks(len(absent))} ({listed(map(day, absent))}): add a row for each, with 0 where a channel "
            "was off; no other finding is of these weeks"
        )
    verdict = "fail" if share >= rule.most_missing else at_most(len(absent), 0)
    yield Finding(FAMILY, "weeks_without_row", WHOLE, float(len(absent)), 0.0, verdict, words)
    for column, values in panel.columns.items():
        gaps = ~np.isfinite(values) & panel.has_row
        frequencies = {
            channel.frequency: channel.reach for channel in panel.spec.channel_specs if channel.frequency
        }
        if column in frequencies:  # empty where nobody was reached
            gaps &= panel.columns[str(frequencies[column])] > 0
        share = float(gaps.mean())
        # the likelihood may leave weeks of the KPI out; whatever explains it must be there
        wanted = rule.missing if column == panel.spec.kpi.column else 0.0
        verdict = at_most(share, wanted, rule.most_missing)
        if not gaps.any():
            yield Finding(
                FAMILY, "share_missing", column, 0.0, wanted, "ok", f"{column}: no value is missing"
            )
            continue
        concerned = panel.weeks[gaps.any(axis=0)]
        words = (
            f"{column}: {share:.1%} of its values are missing, in {weeks(len(concerned))} "
            f"({listed(map(day, concerned))}), at most {wanted:.1%} wanted: {_remedy(panel, column)}"
        )
        yield Finding(
            FAMILY, "share_missing", column, share, wanted, verdict, words,
            first_week=concerned[0], last_week=concerned[-1],
        )  # fmt: skip


def _remedy(panel: WeeklyPanel, column: str) -> str:
    spec = panel.spec
    if column == spec.kpi.column:
        return (
            "complete them; the fit leaves them out (`kpi: {gaps: leave_out}`)"
            if spec.kpi.gaps == "leave_out"
            else "complete them, or write `kpi: {gaps: leave_out}`"
        )
    keys = spec.column_keys.get(column, ())
    if any(key.startswith("media.") for key in keys):
        return "write 0 where the channel was off, and ask the source for the others"
    return "fill them by a rule that can be read and tested, or leave the column out"
