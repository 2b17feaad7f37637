"""The section of a plan by geo or by flighting pattern: what is spent where, or in which pattern, and what moves."""

from __future__ import annotations

import pandas as pd

from mmm_core.budget.glance import money
from mmm_core.errors import shortened
from mmm_core.plural import plural
from mmm_core.report.findings import Findings, records
from mmm_core.report.moves import STILL
from mmm_core.report.page import Paragraph, Section, Table
from mmm_core.report.words import change_of, enumeration

NAMED = 3
"""Geos of each direction that the paragraph names."""

LONGEST = 24
"""Letters of a geo's name in the paragraph."""

MART = "reporting.rpt_budget_cells has all of them"


def cells_section(found: Findings, rows: int) -> Section | None:
    """Spend by geo or pattern; None of a plan that decides neither.

    Args:
        rows: cells that have a row at most, those that move the most.
    """
    cells = found.recommendation.cells
    if cells is None or found.recommendation.by_week:
        return None
    if (cells["geo"].fillna("") != "").any():
        return _geos(found, cells, rows)
    if (cells["pattern"].fillna("") != "").any():
        return _patterns(found, cells, rows)
    return None


def _geos(found: Findings, cells: pd.DataFrame, rows: int) -> Section:
    """Which geos get more, and the geos and channels that move the most."""
    currency, span = found.subject.currency, found.recommendation.span
    change = cells["recommended_spend"] - cells["current_spend"]
    moving = cells[change.abs() > STILL * cells[["current_spend", "recommended_spend"]].max(axis=1)]
    order = change[moving.index].abs().sort_values(ascending=False, kind="stable").index
    shown = moving.loc[order[:rows]]
    move = "moves" if len(moving) == 1 else "move"
    told = f"{_towards(cells, currency)} {plural(len(moving), 'cell')} of {len(cells)} {move}"
    most = plural(len(shown), "largest move is", "largest moves are")
    left = f"; the {most} below, {MART}" if len(moving) > len(shown) else ""
    lines = tuple(
        (
            str(row["geo"]),
            str(row["channel"]),
            *_spend(row["current_spend"], row["recommended_spend"], currency),
        )
        for row in records(shown)
    )
    columns = ("Geo", "Channel", f"Last {span}", f"Next {span}", "Difference", "Change")
    table = (Table("Largest moves by geo and channel", columns, lines, frozenset({0, 1})),) if lines else ()
    return Section("cells", "Recommended spend by geo", (Paragraph(f"{told}{left}."), *table))


def _towards(cells: pd.DataFrame, currency: str) -> str:
    """Geos that get more than in the last period, and those that get less, the largest moves first."""
    sums = cells.groupby("geo")[["current_spend", "recommended_spend"]].sum()
    change = sums["recommended_spend"] - sums["current_spend"]
    moving = change[change.abs() > STILL * sums.max(axis=1)]
    parts = []
    for word, sign in (("more", 1), ("less", -1)):
        geos = (sign * moving[sign * moving > 0]).sort_values(ascending=False, kind="stable").index
        told = [
            f"{shortened(str(geo), LONGEST)} ({money(change[geo], currency, signed=True)}, "
            f"{change_of(*sums.loc[geo, ['current_spend', 'recommended_spend']])})"
            for geo in geos
        ]
        if told:
            parts.append(f"{word} in {enumeration(told, NAMED)}")
    text = "; ".join(parts) or "every geo's total is as in the last period"
    return f"{text[0].upper()}{text[1:]}."


def _patterns(found: Findings, cells: pd.DataFrame, rows: int) -> Section:
    """The pattern of each channel, those that change it first."""
    currency, span = found.subject.currency, found.recommendation.span
    now = cells.groupby("channel", sort=False)["current_spend"].sum()
    chosen = cells[(cells["recommended_spend"] > 0) & (cells["pattern"].fillna("") != "")]
    chosen = chosen.assign(other=chosen["pattern"] != "past", current_spend=chosen["channel"].map(now))
    order = chosen.sort_values(["other", "recommended_spend"], ascending=False, kind="stable")
    shown = order.iloc[:rows]
    told = f"{plural(int(chosen['other'].sum()), 'channel')} of {len(chosen)} in another pattern than in the past"
    left = (
        f"; {len(shown)} {'is' if len(shown) == 1 else 'are'} below, {MART}"
        if len(order) > len(shown)
        else ""
    )
    lines = tuple(
        (
            str(row["channel"]),
            str(row["pattern"]).replace("_", " "),
            *_spend(row["current_spend"], row["recommended_spend"], currency),
        )
        for row in records(shown)
    )
    columns = ("Channel", "Pattern", f"Last {span}", f"Next {span}", "Difference", "Change")
    table = (
        (Table("Recommended pattern of each channel", columns, lines, frozenset({0, 1})),) if lines else ()
    )
    return Section("cells", "Recommended spend by pattern", (Paragraph(f"{told}{left}."), *table))


def _spend(now: float, then: float, currency: str) -> tuple[str, str, str, str]:
    return (
        money(now, currency),
        money(then, currency),
        money(then - now, currency, signed=True),
        change_of(now, then),
    )
