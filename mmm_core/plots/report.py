"""The charts of the weekly report: drawn in ink, so that they are the same on a screen, in print and in a copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mmm_core.plots.style import BAND, DEEP, INK, QUIET, RULE, new_figure, short, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Interval:
    """A figure of a channel with its interval; `backed` where more than a belief speaks for it."""

    channel: str
    middle: float
    low: float
    high: float
    backed: bool


@styled
def returns(intervals: Sequence[Interval], label: str, even: float | None = None) -> Figure:
    """Returns with their 90 % intervals, a row a channel; hollow where only a prior belief speaks for them.

    Args:
        label: what is shown, below the axis. even: the return that pays for itself, where there is one.
    """
    count = len(intervals)
    figure, (axes,) = new_figure(2.6, 0.5 + (0.165 if count <= 12 else 0.125) * count, grid="x")
    places = np.arange(count)[::-1]
    for place, row in zip(places, intervals, strict=True):
        axes.plot([row.low, row.high], [place, place], color=DEEP, lw=2, solid_capstyle="butt")
        face = DEEP if row.backed else "white"
        axes.plot([row.middle], [place], color=DEEP, marker="o", ms=4.2, mfc=face, mew=1.2, lw=0)
    if even is not None:
        axes.axvline(even, color=INK, lw=0.9, ls=(0, (4, 3)), zorder=0)
    finite = [row.high for row in intervals if np.isfinite(row.high)]
    axes.set_xlim(min([0.0, *(row.low for row in intervals)]), 1.06 * max([*finite, even or 0.0, 1e-9]))
    axes.set_ylim(-0.7, count - 0.3)
    axes.set_yticks(places, [_cut(row.channel, 18) for row in intervals])
    axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=7.5)
    axes.tick_params(axis="x", labelsize=7, length=2)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: short(value))
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(label, fontsize=7.2)
    return figure


@styled
def curves(
    table: pd.DataFrame, plan: pd.DataFrame, columns: int, spend_unit: str = "", outcome_unit: str = ""
) -> Figure:
    """Response curves, a panel a channel: today's spend a hollow dot, the recommended one a filled diamond.

    Args:
        table: channel, spend, mean, q05, q95, as `mmm_core.effects.curves.response_curves` has them.
        plan: channel, current_spend, recommended_spend, current_revenue, recommended_revenue; its order is the order
            of the panels. Without recommended_spend, of a model that recommends nothing, today's spend alone is marked.
        spend_unit, outcome_unit: written before the figures of an axis, such as $.
    """
    names = [name for name in plan["channel"] if name in set(table["channel"])]
    columns = min(columns, max(len(names), 1))
    rows = -(-len(names) // columns)
    width = 7.6 if len(names) > 1 else 3.8
    figure, panels = new_figure(
        width,
        (1.25 if columns < 4 else 1.15 if columns < 6 else 0.98) * rows + 0.1,
        rows,
        columns,
        grid="both",
    )
    units = (spend_unit, outcome_unit)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    for axes, name in zip(panels, names, strict=False):
        _curve(
            axes, table[table["channel"] == name], plan[plan["channel"] == name].iloc[0], units, columns > 3
        )
        axes.set_title(_cut(name, 26 if columns < 4 else 16), fontsize=8)
    return figure


def _curve(axes: Axes, curve: pd.DataFrame, row: pd.Series, units: tuple[str, str], narrow: bool) -> None:
    spend = curve["spend"].to_numpy()
    marks = [("current", "o", "white")]
    if "recommended_spend" in row:
        marks.append(("recommended", "D", INK))
    most = max(float(row[f"{when}_spend"]) for when, _, _ in marks)
    shown = spend <= max(1.45 * most, spend[1] if len(spend) > 1 else 0)
    if shown.sum() < 3:
        shown[:] = True
    axes.fill_between(spend[shown], curve["q05"][shown], curve["q95"][shown], color=BAND, lw=0)
    axes.plot(spend[shown], curve["mean"][shown], color=DEEP, lw=1.6)
    for when, marker, face in marks:
        place = [float(row[f"{when}_spend"])], [float(row[f"{when}_revenue"])]
        size = 5.5 if marker == "o" else 4.5
        axes.plot(*place, marker=marker, ms=size, mfc=face, mec=INK, mew=1.1, lw=0, zorder=4)
    if "recommended_spend" in row:
        axes.plot([row["recommended_spend"]] * 2, [0, row["recommended_revenue"]], color=INK, lw=0.6, ls=":")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=min(0.0, float(curve["q05"][shown].min())))
    axes.locator_params(axis="x", nbins=3 if narrow else 4)
    axes.locator_params(axis="y", nbins=4)
    axes.tick_params(labelsize=6.2 if narrow else 7, length=2)
    for line in ("left", "bottom"):
        axes.spines[line].set_color(RULE)
    axes.tick_params(colors=QUIET, labelcolor="#4d4d4d")
    for axis, unit in ((axes.xaxis, units[0]), (axes.yaxis, units[1])):
        axis.set_major_formatter(partial(_in_short, unit=unit))


def _in_short(value: float, _: object, unit: str) -> str:
    return f"{unit}{short(value)}" if value else "0"


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}\u2026"


@styled
def flighting(cells: pd.DataFrame, channels: Sequence[str], columns: int, unit: str = "") -> Figure:
    """Spend by week, a panel a channel: recommended as bars, the weeks that come again as a line of steps.

    Args:
        cells: channel, week (from 1), current_spend, recommended_spend.
        channels: those that are drawn, in the order of the panels. unit: written before a figure, such as $.
    """
    rows = -(-len(channels) // columns)
    figure, panels = new_figure(7.6, 0.74 * rows + 0.1, rows, columns, grid="y")
    for axes in panels[len(channels) :]:
        axes.set_visible(False)
    for axes, name in zip(panels, channels, strict=False):
        weeks = cells[cells["channel"] == name].groupby("week")[["current_spend", "recommended_spend"]].sum()
        week = weeks.index.to_numpy(dtype=float)
        axes.bar(week, weeks["recommended_spend"], width=0.8, color=BAND, edgecolor=DEEP, lw=0.5)
        axes.stairs(
            weeks["current_spend"], np.append(week - 0.5, week[-1] + 0.5), baseline=None, color=INK, lw=1.0
        )
        axes.set_title(_cut(name, 26 if columns < 4 else 16), fontsize=7.5)
        axes.set_xlim(week[0] - 0.6, week[-1] + 0.6)
        axes.set_ylim(bottom=0)
        axes.set_xticks([week[0], week[-1]] if len(week) > 1 else week)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
        axes.locator_params(axis="y", nbins=2)
        axes.yaxis.set_major_formatter(partial(_in_short, unit=unit))
        axes.tick_params(labelsize=6.5, length=2, colors=QUIET, labelcolor="#4d4d4d")
        for line in ("left", "bottom"):
            axes.spines[line].set_color(RULE)
    return figure
