"""Sections on what channels return: ROI with what speaks for it, response curves, and the long term."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mmm_core.budget.glance import SYMBOLS, money
from mmm_core.plots import report as charts
from mmm_core.plots.svg import inline_svg
from mmm_core.plural import plural
from mmm_core.report.findings import Backing, Findings, records
from mmm_core.report.page import Block, Chart, Paragraph, Section, Table
from mmm_core.report.words import between, counted, enumeration, figure

POINTS = (0.5, 1.0, 1.5)
"""Multiples of today's spend in the table behind the curves."""


def returns_section(found: Findings) -> Section:
    """ROI of each channel with its interval, and what speaks for it."""
    wide = metrics(found.roi)
    paid = wide[wide["roi_mean"].notna()] if "roi_mean" in wide else wide.iloc[:0]
    per = f"per {money(1, found.subject.currency)}" if found.subject.currency else "per unit of spend"
    backing = {name: found.backing.get(name, Backing(0, False)) for name in paid.index}
    intervals = [
        charts.Interval(
            str(name), row["roi_mean"], row["roi_q05"], row["roi_q95"], not found.backing or backing[name].backed
        )
        for name, row in paid.iterrows()
    ]  # fmt: skip
    rows = []
    for name, row in wide.iterrows():
        known = name in paid.index
        rows.append(
            (
                str(name),
                money(row["spend_mean"], found.subject.currency) if known else "organic",
                figure(row["roi_mean"]) if known else "",
                between(figure(row["roi_q05"]), figure(row["roi_q95"])) if known else "",
                figure(row["mroi_mean"]) if known else "",
                counted(row["contribution_mean"], found.subject.outcome, found.subject.currency),
                (backing[name].words if found.backing else "") if known else "",
            )
        )
    columns = (
        "Channel",
        "Spend",
        "ROI",
        "90% interval",
        f"Next {money(1, found.subject.currency)}" if found.subject.currency else "Next unit",
        "Contribution",
        "Backed by",
    )
    what = f"{found.subject.outcome} {per} of spend"
    table = Table(f"Return of each channel, {what}", columns, tuple(rows), frozenset({0, 6}))
    even = None if found.subject.margin is None else 1.0 / found.subject.margin
    blocks: list[Block] = []
    if intervals:
        picture = charts.returns(intervals, what, even)
        hollow = " Hollow: a prior belief only." if any(not row.backed for row in intervals) else ""
        line = f" Dashed: what pays for itself, {figure(even, 2)}." if even is not None else ""
        caption = f"Mean and 90% interval; figures in the table.{line}{hollow}"
        blocks.append(
            Chart(
                inline_svg(
                    picture,
                    "roi",
                    f"ROI of {plural(len(intervals), 'channel')} with 90% intervals",
                    _told(intervals),
                ),
                caption,
                "roi",
            )
        )
    blocks.append(table)
    return Section("roi", f"What each channel returned, {_window(found)}", tuple(blocks), beside=True)


def _window(found: Findings) -> str:
    return f"over {plural(found.subject.weeks, 'week')}"


def _told(intervals: list[charts.Interval]) -> str:
    return "; ".join(
        f"{row.channel} {figure(row.middle)}, from {figure(row.low)} to {figure(row.high)}"
        for row in intervals
    )


def metrics(roi: pd.DataFrame) -> pd.DataFrame:
    """A row a channel, in the order of the table; columns such as roi_mean and mroi_q05."""
    wide = roi.pivot(index="channel", columns="metric", values=["mean", "median", "q05", "q95"])
    wide.columns = pd.Index([f"{pair[1]}_{pair[0]}" for pair in wide.columns.to_list()])
    for name in ("spend", "roi", "mroi", "contribution"):
        for statistic in ("mean", "q05", "q95"):
            if f"{name}_{statistic}" not in wide:
                wide[f"{name}_{statistic}"] = np.nan
    return wide.loc[list(dict.fromkeys(roi["channel"]))]


def curves_section(found: Findings, most: int = 12) -> Section:
    """Response curves with today's spend and the recommended one, and the figures behind them.

    Where there are more channels than `most`, the ones whose spend moves most are drawn.
    """
    plan, subject = found.recommendation.channels, found.subject
    drawn = plan[plan["channel"].isin(found.curves["channel"])]
    if (
        found.recommendation.horizon == "long"
    ):  # the curves are of the short term, and so are the marks on them
        drawn = _on_the_curves(drawn, found.curves)
    moves = (drawn["recommended_spend"] - drawn["current_spend"]).abs()
    rest = len(drawn) - most
    drawn = drawn.loc[sorted(moves.sort_values(ascending=False, kind="stable").index[:most])]
    count = len(drawn)
    if not count:
        return Section(
            "curves", "Response to spend", (Paragraph("No channel has a history to draw a curve of."),)
        )
    unit = SYMBOLS.get(subject.currency, "")
    columns = max(3, -(-count // 2))
    if found.refused:  # no recommendation is drawn, told or tabled
        drawn = drawn.drop(columns=["recommended_spend", "recommended_revenue"])
    picture = charts.curves(found.curves, drawn, columns, unit, unit if subject.outcome == "revenue" else "")
    title = f"Response of {plural(count, 'channel')} to spend over {found.recommendation.span}"
    caption = (
        f"Incremental {subject.outcome} against spend over {found.recommendation.span}, mean and 90% interval. "
        "Hollow dot: spend of the last period."
        + ("" if found.refused else " Filled diamond: recommended.")
        + (f" The {plural(most, 'channel')} whose spend moves most; {rest} not drawn." if rest > 0 else "")
    )
    svg = inline_svg(picture, "curves", title, _curves_told(found, drawn))
    return Section(
        "curves", "Response to spend", (Chart(svg, caption, "curves"), _behind(found, drawn, title))
    )


def _on_the_curves(plan: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """The plan with the outcome that the curves have at its spends."""
    plan = plan.copy()
    for row in plan.index:
        curve = curves[curves["channel"] == plan.loc[row, "channel"]].sort_values("spend")
        for when in ("current", "recommended"):
            spend = float(plan.loc[row, f"{when}_spend"])
            plan.loc[row, f"{when}_revenue"] = float(np.interp(spend, curve["spend"], curve["mean"]))
    return plan


def _curves_told(found: Findings, plan: pd.DataFrame) -> str:
    subject = found.subject

    def at(row: dict[str, Any], when: str, word: str) -> str:
        outcome = counted(row[f"{when}_revenue"], subject.outcome, subject.currency)
        return f"{outcome} at {money(row[f'{when}_spend'], subject.currency)} {word}"

    return "; ".join(
        f"{row['channel']}: {at(row, 'current', 'today')}"
        + (f", {at(row, 'recommended', 'recommended')}" if "recommended_spend" in row else "")
        for row in records(plan)
    )


def _behind(found: Findings, plan: pd.DataFrame, title: str) -> Table:
    subject, rows = found.subject, []
    for row in records(plan):
        curve = found.curves[found.curves["channel"] == row["channel"]].sort_values("spend")
        cells = [str(row["channel"])]
        for multiple in POINTS:
            at = curve.iloc[(curve["multiplier"] - multiple).abs().argmin()]
            cells += [
                money(at["spend"], subject.currency),
                counted(at["mean"], subject.outcome, subject.currency),
            ]
        if "recommended_spend" in row:
            cells += [
                money(row["recommended_spend"], subject.currency),
                counted(row["recommended_revenue"], subject.outcome, subject.currency),
            ]
        rows.append(tuple(cells))
    columns = ["Channel"]
    for multiple in POINTS:
        columns += [f"Spend at {multiple:g}\u00d7", f"{subject.outcome.capitalize()} at {multiple:g}\u00d7"]
    if "recommended_spend" in plan:
        columns += ["Recommended", f"{subject.outcome.capitalize()}"]
    return Table(title, tuple(columns), tuple(rows), behind=True)


def _counts(found: Findings) -> str:
    if found.recommendation.horizon != "long":
        return "the short term only"
    told = [channel for channel, known in found.long_told.items() if known]
    if not found.long_told or len(told) == len(found.long_told):
        return "the long term too"
    return f"the long term of {enumeration(told)} too" if told else "the short term only"


def long_term_section(found: Findings, most: int = 12) -> Section | None:
    """Short-term and total return, where the model has a long term; of the channels those `most` of highest total."""
    table = found.long_term
    if table is None or table.empty:
        return None
    if "path" in table:
        table = table[table["path"].fillna("all") == "all"]
    rows = []
    totals = table[table["effect"] == "total"].sort_values("median", ascending=False, kind="stable")
    chosen = set(totals["channel"].head(most))
    rest = len(totals) - len(chosen)
    for channel in [name for name in dict.fromkeys(table["channel"]) if name in chosen]:
        part = table[table["channel"] == channel].set_index("effect")
        short, total = part.loc["short"], part.loc["total"]
        rows.append(
            (
                str(channel),
                figure(short["median"]),
                between(figure(short["q05"]), figure(short["q95"])),
                figure(total["median"]),
                between(figure(total["q05"]), figure(total["q95"])),
            )
        )
    weeks = int(table.loc[table["effect"] == "total", "horizon_weeks"].max())
    columns = ("Channel", "Short-term ROI", "90% interval", "Total ROI", "90% interval")
    untold = [str(channel) for channel in totals["channel"] if not found.long_told.get(str(channel), True)]
    words = (
        f"Medians. Total: with what comes by way of the brand within {plural(weeks, 'week')}."
        + (f" Of {enumeration(untold)} that is not identified: no total to act on." if untold else "")
        + ("" if found.refused else f" The recommendation counts {_counts(found)}.")
        + (f" {plural(rest, 'more channel has', 'more channels have')} less." if rest > 0 else "")
    )
    caption = f"Short-term and total return within {plural(weeks, 'week')}"
    return Section(
        "long-term", "The long term", (Table(caption, columns, tuple(rows)), Paragraph(words)), beside=False
    )
