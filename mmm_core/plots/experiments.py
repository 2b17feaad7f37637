"""A picture of planned experiments: what each would find, and what it is worth beside what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmm_core.experiments.candidate import change_of_spend
from mmm_core.experiments.power import power
from mmm_core.plots.style import INK, QUIET, colour, heading, legend, money, new_figure, styled, title
from mmm_core.plural import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmm_core.experiments.plan import ExperimentPlan

POINTS = 200


@styled
def experiments(found: ExperimentPlan) -> Figure:
    """Left, the power of each channel's best design against a true ROI; right, value against cost of every candidate.

    A dot on a power curve is the model's own estimate, its whisker a standard deviation either way. On the right an
    experiment above the line is worth more than it costs; each channel's best design is filled.
    """
    figure, (left, right) = new_figure(11.5, 4.6, 1, 2, grid="both")
    hues = {channel: colour(place) for place, channel in enumerate(found.channels)}
    _powers(left, found, hues)
    _values(right, found, hues)
    words = f"{found.words}; {found.approximate}" if found.approximate else found.words
    heading(figure, f"{found.model}: what an experiment would find, and what it is worth", words)
    legend(figure, left, 8)
    return figure


def _powers(axes: Axes, found: ExperimentPlan, hues: dict[str, str]) -> None:
    rows = found.best
    top = float(
        np.nanmax(
            [*(1.3 * rows["detectable_roi"].clip(upper=4 * rows["roi"].abs().max())), rows["roi"].max()]
        )
    )
    grid = np.linspace(0, max(top, 1e-9), POINTS)
    for row in rows.to_dict("records"):
        hue, spend = hues[row["channel"]], abs(row["incremental_spend"])
        change = change_of_spend(row["change"])
        axes.plot(
            grid,
            power(grid * spend, row["standard_error"], found.size),
            color=hue,
            lw=1.6,
            label=f"{row['channel']} {change}, {plural(row['weeks'], 'week')}",
        )
        roi, sd = row["roi"], row["incremental_outcome_sd"] / spend
        if 0 <= roi <= grid[-1]:
            at_own = float(power(roi * spend, row["standard_error"], found.size))
            low, high = max(roi - sd, 0.0), min(roi + sd, grid[-1])
            axes.plot([low, high], [at_own, at_own], color=hue, lw=1)
            axes.plot([roi], [at_own], color=hue, marker="o", ms=5, lw=0)
    axes.axhline(found.power, color=QUIET, lw=0.8, ls=(0, (4, 3)))
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, grid[-1])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("true ROI")
    title(axes, "power", f"two-sided size {found.size:.0%}; dots: the model's estimate ± sd")


def _values(axes: Axes, found: ExperimentPlan, hues: dict[str, str]) -> None:
    table, best = found.table, set(found.best.index)
    for channel, rows in table.groupby("channel", sort=False):
        axes.scatter(
            rows["cost"], rows["evsi"], s=14, facecolors="none", edgecolors=hues[str(channel)], lw=0.8
        )
    for place in sorted(best):
        row = table.loc[place]
        axes.errorbar(
            row["cost"], row["evsi"], yerr=row["evsi_se"], fmt="o", ms=6, color=hues[row["channel"]], lw=1.2
        )
    spread = float(max(table["evsi"].max(), 2 * table["evsi_se"].max())) or 1.0
    axes.set_ylim(-0.04 * spread, 1.12 * spread)
    low, high = _limits(table["cost"].to_numpy(), spread)
    axes.set_xlim(low, high)
    line = np.array([0.0, max(high, 0.0)])
    axes.plot(line, line, color=INK, lw=0.9)
    axes.axvline(0, color=QUIET, lw=0.8)
    axes.fill_between(line, line, 2 * spread, color=colour(2), alpha=0.07, lw=0)
    axes.axvspan(low, 0, color=colour(2), alpha=0.07, lw=0)
    for axis in (axes.xaxis, axes.yaxis):
        money(axis)
    axes.set_xlabel(f"cost, in {found.outcome}")
    outside = int(((table["cost"] < low) | (table["cost"] > high)).sum())
    words = f"EVSI over {plural(found.horizon_weeks, 'week')}, in {found.outcome}; shaded: worth more than it costs"
    title(axes, "value against cost", words + (f"; {outside} farther out" if outside else ""))


def _limits(cost: np.ndarray, value: float) -> tuple[float, float]:
    """Of the axis of costs: so far as a value could pay for them, half of the candidates at least."""
    reach = max(1.6 * value, float(np.median(np.abs(cost))))
    low, high = max(cost.min(), -reach), min(cost.max(), reach)
    pad = 0.06 * max(high - low, 1e-9)
    return float(min(low, 0) - pad), float(max(high, 0) + pad)
