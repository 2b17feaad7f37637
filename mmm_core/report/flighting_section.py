"""The section of a plan by week: what each channel spends when, beside the weeks that come again, and what moves."""

from __future__ import annotations

import pandas as pd

from mmm_core.budget.glance import SYMBOLS, money
from mmm_core.errors import shortened
from mmm_core.plots import report as charts
from mmm_core.plots.svg import inline_svg
from mmm_core.plural import plural
from mmm_core.report.findings import Findings, records
from mmm_core.report.moves import STILL
from mmm_core.report.page import Chart, Paragraph, Section, Table
from mmm_core.report.words import change_of, enumeration

NAMED = 3
"""Weeks of each direction that the paragraph names."""

LONGEST = 24
"""Letters of a channel's name in the paragraph."""


def flighting_section(found: Findings, panels: int) -> Section | None:
    """Spend by week; None of a plan that decides none.

    Args:
        panels: channels whose weeks are drawn at most, those that spend the most.
    """
    cells = found.recommendation.cells
    if cells is None or not found.recommendation.by_week:
        return None
    currency = found.subject.currency
    order = cells.groupby("channel", sort=False)["recommended_spend"].sum().sort_values(ascending=False)
    shown = list(order.index[:panels])
    columns = max(3, min(len(shown), 6))
    picture = charts.flighting(cells, shown, columns, SYMBOLS.get(currency, ""))
    told = "; ".join(f"{name}: {_peak(cells[cells['channel'] == name], currency)}" for name in shown)
    left = (
        f" The {plural(len(order) - len(shown), 'smallest channel')} not drawn."
        if len(order) > len(shown)
        else ""
    )
    caption = f"Bars: recommended, week by week. Line: the last {found.recommendation.span}.{left}"
    return Section(
        "flighting",
        "Recommended spend by week",
        (
            Paragraph(_moves(cells, currency)),
            Chart(
                inline_svg(picture, "flighting", "Recommended spend by week of each channel", told),
                caption,
                "flighting",
            ),
            _table(cells, shown, currency),
        ),
    )


def _moves(cells: pd.DataFrame, currency: str) -> str:
    """Which weeks get more than the weeks that come again, which less, and the channel that moves the most in each."""
    by_week = cells.groupby("week")[["current_spend", "recommended_spend"]].sum()
    change = by_week["recommended_spend"] - by_week["current_spend"]
    moving = change[change.abs() > STILL * by_week.max(axis=1)]
    parts = []
    for word, sign in (("More", 1), ("less", -1)):
        weeks = (sign * moving[sign * moving > 0]).sort_values(ascending=False, kind="stable").index
        told = [_week(cells, by_week.loc[week], int(week), sign, currency) for week in weeks]
        if told:
            parts.append(f"{word} in {enumeration(told, NAMED)}")
    if not parts:
        return "Every week's spend is as in the weeks that come again."
    return f"{parts[0][0].upper()}{'; '.join(parts)[1:]}."


def _week(cells: pd.DataFrame, sums: pd.Series, week: int, sign: int, currency: str) -> str:
    rows = cells[cells["week"] == week]
    most = (sign * (rows["recommended_spend"] - rows["current_spend"])).idxmax()
    moved = money(sums["recommended_spend"] - sums["current_spend"], currency, signed=True)
    how_much = change_of(sums["current_spend"], sums["recommended_spend"])
    return f"week {week} ({moved}, {how_much}, mostly {shortened(str(rows.loc[most, 'channel']), LONGEST)})"


def _peak(rows: pd.DataFrame, currency: str) -> str:
    top = rows.loc[rows["recommended_spend"].idxmax()]
    return f"most in week {int(top['week'])}, {money(float(top['recommended_spend']), currency)}"


def _table(cells: pd.DataFrame, channels: list[str], currency: str) -> Table:
    """A row a week, a column a channel: recommended spend."""
    wide = cells.pivot_table("recommended_spend", "week", "channel", aggfunc="sum")
    rows = [
        (f"{int(row['week'])}", *(money(row[name], currency) for name in channels))
        for row in records(wide.reset_index())
    ]
    return Table("Recommended spend by week and channel", ("Week", *channels), tuple(rows), behind=True)
