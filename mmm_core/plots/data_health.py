"""Pictures of a table's health: every series with what was found in it, what moves together, what was delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmm_core.data_health.activity import activity_of, known_weeks, runs
from mmm_core.data_health.collinearity import correlations, explaining
from mmm_core.data_health.coverage import STATES, weekly_states
from mmm_core.data_health.finding import EVERYWHERE
from mmm_core.errors import shortened
from mmm_core.plots.style import (
    BASELINE_COLOUR,
    DEEP,
    INK,
    QUIET,
    colour,
    heading,
    legend,
    money,
    new_figure,
    panels_of,
    styled,
    title,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmm_core.data_health.report import HealthReport

FLAG = "#b3261e"
"""What was found, on every picture."""

DELIVERY = (DEEP, "#ccb541", BASELINE_COLOUR, "#e7a39c", FLAG)
"""Colours of `STATES`."""

LONGEST, LETTER = 32, 0.085
"""Letters of a name beside the correlations, and the inches that one takes."""

APART = 60
"""Weeks up to which there is white between the cells of deliveries: of more, there would be more white than cells."""

BAD = ("partial", "awaited", "missing")
"""States that are marked above their cells, so that one week of many years is seen."""

MOST = 24
"""Series of one picture: of more, those with findings come first."""


@styled
def series(report: HealthReport) -> Figure:
    """A panel a series, over all geos: weeks that are out as dots, shifts as dashed lines, pauses shaded.

    A week that is missing breaks the line. Weeks without media of a channel that is on week by week are solid lines.
    """
    panel, spec, weeks = report.panel, report.panel.spec, _places(report)
    shown: dict[str, tuple[np.ndarray, str]] = {spec.kpi.column: (panel.all_geos(panel.kpi), INK)}
    for position, (name, values) in enumerate(panel.media.items()):
        shown[name] = (panel.all_geos(values), colour(position))
    for name, values in panel.levers.items():
        shown[name] = (panel.all_geos(values, mean=True), QUIET)
    flagged = {finding.subject for finding in report.flagged}
    names = sorted(shown, key=lambda name: name not in flagged) if len(shown) > MOST else list(shown)
    names = [name for name in shown if name in set(names[:MOST])]
    figure, axes = panels_of(len(names))
    for each, name in zip(axes, names, strict=True):
        values, hue = shown[name]
        each.plot(weeks, values, color=hue, lw=1.1)
        alone = _alone(values)
        each.plot(np.array(weeks)[alone], values[alone], color=hue, marker=".", ms=3, lw=0)
        if name in panel.media:
            _off(each, panel.media[name], weeks)
        _marks(each, report, name, values)
        money(each.yaxis)
        _dates(each)
        title(each, name)
    left_out = f"; {len(shown) - len(names)} more without findings" if len(shown) > len(names) else ""
    heading(
        figure,
        f"{spec.model}: the table",
        "dots: outliers; dashed lines: shifts of level; solid red lines: weeks without media of a channel that is on "
        f"week by week; shaded: off; a series breaks where weeks or values are missing{left_out}",
    )
    return figure


def _alone(values: np.ndarray) -> np.ndarray:
    """Weeks with a value between weeks without, which no line shows."""
    known = np.concatenate([[False], np.isfinite(values), [False]])
    return np.asarray(known[1:-1] & ~known[:-2] & ~known[2:])


def _off(axes: Axes, media: np.ndarray, weeks: list[float]) -> None:
    """Shade a channel's pauses, and draw a line in each week in which it should not have paused."""
    known = known_weeks(media)
    found = activity_of(media[:, known])
    off = np.zeros(media.shape[1], dtype=bool)
    off[known] = ~found.on
    for first, last in runs(off):
        if last - first >= 3:
            axes.axvspan(weeks[first], weeks[last], color=BASELINE_COLOUR, lw=0)
    for position in known[found.silent]:
        axes.axvline(weeks[position], color=FLAG, lw=1.0)


def _marks(axes: Axes, report: HealthReport, name: str, values: np.ndarray) -> None:
    channel = report.panel.spec.media.channels.get(name)
    subjects, weeks = {name, channel.spend if channel else name}, _places(report)
    panel_weeks = list(report.panel.weeks)
    for finding in report.flagged:
        if finding.subject not in subjects or finding.geo != EVERYWHERE or finding.first_week is None:
            continue
        at = panel_weeks.index(finding.first_week)
        if finding.measure in ("robust_z", "cost_z"):
            axes.plot([weeks[at]], [values[at]], color=FLAG, marker="o", ms=4, lw=0)
        elif finding.measure in ("shift_z", "cost_shift_z"):
            axes.axvline(weeks[at], color=FLAG, lw=1.0, ls="--")


@styled
def together(report: HealthReport) -> Figure:
    """Correlations of channels and controls, as the table has them."""
    names, columns, _ = explaining(report.panel)
    found, size = correlations(columns), len(names)
    labels = [shortened(name, LONGEST) for name in names]
    room, cells = LETTER * max(map(len, labels), default=0), 0.42 * size
    figure, (axes,) = new_figure(max(5.2, 1.6 + room + cells), 1.3 + room + cells, grid="both")
    figure.set_layout_engine(
        "compressed"
    )  # cells are square: what is left over goes around them, not over the names
    axes.grid(False)
    image = axes.imshow(found, vmin=-1, vmax=1, cmap="RdBu_r")
    axes.set_xticks(range(size), labels, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), labels)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for row in range(size):
        for column in range(size):
            if row != column and abs(found[row, column]) >= 0.5:
                axes.text(
                    column,
                    row,
                    f"{found[row, column]:.2f}".replace("0.", "."),
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if abs(found[row, column]) > 0.7 else INK,
                )
    figure.colorbar(image, ax=axes, shrink=0.8, aspect=20)
    heading(figure, "What moves together", "correlations over the weeks, per head, around each geo's mean")
    return figure


@styled
def delivered(report: HealthReport, delivery: pd.DataFrame) -> Figure:
    """A row a channel, a cell a week: what its source delivered.

    Args:
        delivery: as `mmm_core.data_health.coverage.coverage` takes it, of one paid channel at least.
    """
    from matplotlib.colors import ListedColormap

    states = weekly_states(report.panel, delivery)
    names = [name for name in report.panel.spec.paid if name in states]
    weeks = _places(report)
    figure, (axes,) = new_figure(9.0, 1.5 + 0.34 * len(names), grid="x")
    edges = np.array([*weeks, weeks[-1] + 7])
    cells = np.stack([states[name] for name in names])
    axes.pcolormesh(
        edges,
        np.arange(len(names) + 1) - 0.5,
        cells,
        cmap=ListedColormap(DELIVERY),
        vmin=-0.5,
        vmax=len(STATES) - 0.5,
        edgecolors="white" if len(weeks) <= APART else "none",
        lw=0.3 if len(weeks) <= APART else 0,
    )
    axes.hlines(np.arange(len(names) + 1) - 0.5, edges[0], edges[-1], color="white", lw=6)
    for state in BAD:
        rows, columns = np.nonzero(cells == STATES.index(state))
        at = (edges[columns] + edges[columns + 1]) / 2
        axes.plot(at, rows - 0.5, color=DELIVERY[STATES.index(state)], marker="v", ms=5, lw=0, clip_on=False)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    _dates(axes)
    for state, hue in zip(STATES, DELIVERY, strict=True):
        axes.plot([], [], color=hue, marker="s", lw=0, label=state.replace("_", " "))
    title(
        axes,
        "What the sources delivered",
        "a cell a week, the worst of all geos; triangles: not delivered in full",
    )
    legend(figure, axes, len(STATES))
    return figure


def _places(report: HealthReport) -> list[float]:
    """The weeks as an axis counts them."""
    from matplotlib.dates import date2num

    return [float(date2num(week)) for week in report.panel.weeks]


def _dates(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=2, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
