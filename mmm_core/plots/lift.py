"""A picture of a geo experiment: what was observed beside what was expected, and the effect by period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmm_core.readout.record import PeriodEffect, Readout


@styled
def lift(readouts: Sequence[Readout]) -> Figure:
    """A column a cell: outcome observed and expected above, the effect of each period with its interval below.

    The window is shaded; a longer post-period that counts lies to its right, in lighter shade.
    """
    columns = len(readouts)
    figure, panels = new_figure(max(8.5, 5.5 * columns), 5.6, 2, columns)
    for column, found in enumerate(readouts):
        above, below = panels[column], panels[columns + column]
        days = np.array([period.start for period in found.periods], dtype="datetime64[D]")
        for axes in (above, below):
            _shade(axes, found)
            _dates(axes)
        above.plot(days, [period.observed for period in found.periods], color=INK, lw=1.4, label="observed")
        expected = [period.expected for period in found.periods]
        above.plot(days, expected, color=colour(1), lw=1.4, ls=(0, (4, 2)), label="expected without the test")
        geos = ", ".join(found.geos) if len(found.geos) < 5 else plural(len(found.geos), "geo")
        title(
            above,
            geos if found.cell == "treated" else f"{found.cell}: {geos}",
            f"{found.outcome} by {found.unit}",
        )
        _effects(below, found.periods)
        title(
            below, f"effect by {found.unit}", f"{100 * found.level:.0f} % intervals of single {found.unit}s"
        )
        for axes in (above, below):
            money(axes.yaxis)
    heading(figure, _headline(readouts))
    legend(figure, panels[0], 4)
    return figure


def _headline(readouts: Sequence[Readout]) -> str:
    words = []
    for found in readouts:
        name = "" if found.cell == "treated" else f"{found.cell} "
        ends = f"{100 * found.lift_low:.1f} to {100 * found.lift_high:.1f} %"
        lift_of = f"lift {100 * found.lift:.1f} % ({ends}), " if found.lift == found.lift else ""
        words.append(f"{name}{lift_of}{short(found.incremental)} {found.outcome}")
    return "; ".join(words)


def _shade(axes: Axes, found: Readout) -> None:
    half = timedelta(hours=12)
    first = next(period.start for period in found.periods if period.measured)
    axes.axvspan(first - half, found.end + half, color=RULE, alpha=0.6, lw=0, label="window")  # type: ignore[arg-type]
    if found.last_measured > found.end:
        axes.axvspan(
            found.end + half, found.last_measured + half, color=RULE, alpha=0.3, lw=0, label="still counted"  # type: ignore[arg-type]
        )  # fmt: skip


def _effects(axes: Axes, periods: Sequence[PeriodEffect]) -> None:
    axes.axhline(0, color=QUIET, lw=0.8)
    before = [period for period in periods if not period.measured]
    during = [period for period in periods if period.measured]
    axes.plot(_days(before), [period.effect for period in before], color=QUIET, lw=1)
    days, effects = _days(during), np.array([period.effect for period in during])
    ends = np.array([(period.low, period.high) for period in during]).T
    axes.errorbar(days, effects, np.abs(ends - effects), fmt="o", ms=3.5, color=colour(0), lw=1.2)


def _days(periods: Sequence[PeriodEffect]) -> Any:
    return np.array([period.start for period in periods], dtype="datetime64[D]")


def _dates(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
