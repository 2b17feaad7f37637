"""Pictures of scenarios: what each gains over the plan they are held against, its weeks, and the efficient frontier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmm_core.budget.change import percent
from mmm_core.plots.style import (
    INK,
    QUIET,
    RULE,
    colour,
    heading,
    legend,
    money,
    new_figure,
    short,
    styled,
    title,
)
from mmm_core.plural import plural
from mmm_core.spec.scenarios_spec import CURRENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmm_core.scenarios.report import ScenarioReport

STROKES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), (0, (1, 3)))
"""Of the lines of plans, so that they are told apart without colours."""


@styled
def scenarios(found: ScenarioReport) -> Figure:
    """Left, gain over the reference with its 90 % interval and probability; right, expected outcome week by week."""
    rows = len(found.evaluated)
    figure, (left, right) = new_figure(11.5, 2.2 + 0.42 * rows, 1, 2, grid="both")
    _gains(left, found)
    _weeks(right, found)
    heading(
        figure,
        f"Scenarios for {found.first_week.date()} to {found.last_week.date()} against '{found.against}'",
        found.approximate,
    )
    legend(figure, right, 6)
    return figure


@styled
def frontier(found: ScenarioReport) -> Figure:
    """What the best plan of each budget brings, with its risk; what the next unit of spend does; profit, if priced."""
    assert found.sweep is not None
    table = found.sweep
    priced = found.margin is not None
    figure, panels = new_figure(11.5 if priced else 8, 3.8, 1, 3 if priced else 2, grid="both")
    spend = table["spend"]
    first, second = panels[0], panels[1]
    hue = colour(0)
    first.fill_between(spend, table["incremental_q05"], table["incremental_q95"], color=hue, alpha=0.18, lw=0)
    first.plot(spend, table["incremental"], color=hue, marker="o", ms=4, lw=1.8, label="mean, 90 % interval")
    first.plot(
        spend, table["incremental_cvar"], color=INK, ls=STROKES[1], lw=1.2, label="mean of the worst fifth"
    )
    today = found.of(CURRENT)
    first.plot(
        [today.spend],
        [float(today.draws["incremental"].mean())],
        color=INK,
        marker="D",
        ms=5,
        lw=0,
        label="current plan",
    )
    title(
        first,
        f"{found.outcome} that media bring",
        f"best plans, {plural(found.weeks, 'week')} and carry-over",
    )
    first.legend(fontsize=7.5)
    second.plot(spend, table["marginal"], color=hue, marker="o", ms=4, lw=1.8)
    if found.margin is not None:
        second.axhline(1 / found.margin, color=QUIET, lw=0.9, ls=STROKES[1])
        second.annotate(
            f"pays above {1 / found.margin:.2f}", (float(spend.iloc[-1]), 1 / found.margin), (0, 3),
            textcoords="offset points", fontsize=7.5, ha="right", color=QUIET,
        )  # fmt: skip
    title(second, "what the next unit of spend brings", "slope of the frontier")
    if priced:
        _profits(panels[2], found)
    for axes in panels:
        money(axes.xaxis)
        money(axes.yaxis)
        axes.axvline(today.spend, color=RULE, lw=1.2, zorder=0)
        axes.set_xlabel("spend")
    heading(
        figure, f"Budget sweep for {found.first_week.date()} to {found.last_week.date()}", found.approximate
    )
    return figure


def _profits(axes: Axes, found: ScenarioReport) -> None:
    assert found.sweep is not None
    table = found.sweep
    axes.fill_between(table["spend"], table["gain_q05"], table["gain_q95"], color=colour(2), alpha=0.18, lw=0)
    axes.plot(table["spend"], table["gain"], color=colour(2), marker="o", ms=4, lw=1.8)
    best = table[table["is_best"]]
    axes.plot(best["spend"], best["gain"], color=INK, marker="*", ms=13, lw=0)
    axes.axhline(0, color=QUIET, lw=0.8)
    title(axes, f"profit more than '{found.against}'", "star: the most of these budgets; 90 % interval")


def _gains(axes: Axes, found: ScenarioReport) -> None:
    table = found.table
    places = np.arange(len(table))[::-1]
    axes.axvline(0, color=QUIET, lw=0.8)
    for position, (place, row) in enumerate(zip(places, table.to_dict("records"), strict=True)):
        hue = INK if row["is_reference"] else colour(position)
        axes.plot(
            [row["gain_q05"], row["gain_q95"]], [place, place], color=hue, lw=2.4, solid_capstyle="butt"
        )
        axes.plot([row["gain"]], [place], color=hue, marker="o", ms=6, lw=0)
        if not row["is_reference"] and row["probability_better"] == row["probability_better"]:
            words = f"P(better) {percent(row['probability_better'])}, spend {_signed(row['spend_change'])}"
            axes.annotate(
                words,
                (row["gain"], place),
                (0, 7),
                textcoords="offset points",
                fontsize=7.5,
                ha="center",
                color=QUIET,
            )
    axes.set_yticks(places, table["scenario"])
    axes.set_ylim(-0.6, len(table) - 0.2)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.12)
    money(axes.xaxis)
    title(axes, f"{found.gain_in} more than '{found.against}'", "mean and 90 % interval on common draws")


def _weeks(axes: Axes, found: ScenarioReport) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    for position, name in enumerate(found.names):
        rows = found.weekly[found.weekly["scenario"] == name]
        reference = name == found.against
        axes.plot(
            rows["week"],
            rows["outcome"],
            color=INK if reference else colour(position),
            ls=STROKES[position % len(STROKES)],
            lw=1.6,
            label=name,
        )
        if reference:
            axes.fill_between(
                rows["week"], rows["outcome_q05"], rows["outcome_q95"], color=INK, alpha=0.08, lw=0
            )
    money(axes.yaxis)
    locator = AutoDateLocator(minticks=2, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    title(
        axes,
        f"{found.outcome} by week",
        f"expected; shaded: 90 % interval of '{found.against}', noise included",
    )


def _signed(value: float) -> str:
    return "the same" if abs(value) < 0.5 else ("+" if value > 0 else "-") + short(abs(value))
