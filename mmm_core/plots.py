"""Pictures of a model: fit, contributions, ROI, response curves, budget. Each function returns a matplotlib Figure.

Matplotlib is imported when a picture is asked for, and without a display. A channel keeps its colour in every
picture: the colour of its place in the specification.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from mmm_core.contributions import contributions as decompose
from mmm_core.effect_priors import effect_beliefs
from mmm_core.posterior import spec_of
from mmm_core.roi import roi_draws

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmm_core.allocation import Allocation

INK, QUIET, RULE = "#222222", "#767676", "#dddddd"
CHANNEL_COLOURS = (
    "#3b6fb6", "#e0803c", "#4f9d69", "#c2514f", "#8467a8", "#c9a227", "#4aa3b5", "#b8659b", "#7f7f4f", "#8c6150",
)  # fmt: skip
BASELINE_COLOUR = "#d9dde2"

_STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "text.color": INK,
    "legend.frameon": False,
    "legend.loc": "upper left",
    "legend.borderaxespad": 0.0,
    "figure.dpi": 100,
    "savefig.dpi": 100,
}


def _styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """A picture drawn in this module's style, whatever the user's own is."""

    @wraps(draw)
    def styled(*args: Any, **kwargs: Any) -> Figure:
        import matplotlib

        with matplotlib.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return styled


def colour(position: int) -> str:
    """The colour of the channel at this place in the specification."""
    return CHANNEL_COLOURS[position % len(CHANNEL_COLOURS)]


@_styled
def fit(tree: xr.DataTree) -> Figure:
    """KPI and fit over time, in revenue, with the 90 % interval of the fit; weeks left out are marked."""
    parts = decompose(tree)
    figure, (axes,) = _figure(9, 3.6)
    week = parts["week"].to_numpy()
    axes.fill_between(
        week,
        parts["predicted_q05"],
        parts["predicted_q95"],
        color=colour(0),
        alpha=0.25,
        lw=0,
        label="90 % interval",
    )
    axes.plot(week, parts["predicted"], color=colour(0), lw=1.4, label="fit")
    axes.plot(week, parts["actual"], color=INK, lw=0, marker=".", ms=3.5, label="actual")
    seen = tree["constant_data"]["observed"].to_numpy().any(axis=0)
    if not seen.all():
        axes.axvspan(week[~seen][0], week[-1], color=RULE, alpha=0.5, lw=0, label="held out")
    axes.set_title(f"{tree.attrs['model']}: actual and fitted {spec_of(tree).kpi.column}")
    _money(axes.yaxis)
    _legend(figure, axes, 4)
    return figure


@_styled
def contributions(source: xr.DataTree | xr.Dataset) -> Figure:
    """Stacked weekly contributions, baseline below and channels above, with the actual line.

    Takes a posterior, or what `mmm_core.contributions.contributions` made of it (geos summed).
    """
    parts = source if not hasattr(source, "children") else decompose(source)  # type: ignore[arg-type]
    figure, (axes,) = _figure(9, 4.4)
    week, mean = parts["week"].to_numpy(), parts["mean"]
    channels = list(parts.attrs["channels"])
    # Parts of the baseline move up and down about 0: together they are one area, the channels stand on it.
    others = [name for name in parts["component"].to_numpy() if name not in channels]
    floor = mean.sel(component=others).sum("component").to_numpy()
    axes.fill_between(week, 0, floor, color=BASELINE_COLOUR, lw=0, label="baseline, season, controls")
    for position, channel in enumerate(channels):
        top = floor + mean.sel(component=channel).to_numpy()
        axes.fill_between(week, floor, top, color=colour(position), lw=0, alpha=0.9, label=channel)
        floor = top
    axes.plot(week, parts["actual"], color=INK, lw=1, label="actual")
    axes.set_title(f"Weekly contributions, {parts.attrs['unit']}")
    axes.set_xlim(week[0], week[-1])
    axes.set_ylim(bottom=min(0.0, float(floor.min())))
    _money(axes.yaxis)
    _legend(figure, axes, 5)
    return figure


@_styled
def roi(tree: xr.DataTree) -> Figure:
    """ROI of each paid channel: posterior mean and 90 % interval over the prior's 90 % interval."""
    spec = spec_of(tree)
    draws = roi_draws(tree)["roi"]
    figure, (axes,) = _figure(7, 1.3 + 0.4 * len(spec.paid), grid="x")
    places = np.arange(len(spec.paid))[::-1]
    beliefs = effect_beliefs(spec, tree["constant_data"].to_dataset())
    for position, (place, name) in enumerate(zip(places, spec.paid, strict=True)):
        belief = beliefs[position]
        if belief.kind == "roi" and belief.prior.family != "fixed":
            low, middle, high = belief.prior.frozen().ppf([0.05, 0.5, 0.95])
            label = "prior, 90 %" if position == 0 else None
            axes.plot([low, high], [place, place], color=RULE, lw=7, solid_capstyle="butt", label=label)
            axes.plot([middle], [place], color=QUIET, marker="|", ms=7, lw=0)
        values = draws.sel(channel=name).to_numpy()
        low, high = np.quantile(values, [0.05, 0.95])
        label = "posterior, 90 %" if position == 0 else None
        axes.plot([low, high], [place, place], color=colour(position), lw=2.2, label=label)
        axes.plot([values.mean()], [place], color=colour(position), marker="o", ms=5, lw=0)
        axes.annotate(
            f"{values.mean():.2f}",
            (high, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.axvline(1.0, color=QUIET, lw=0.8, ls=(0, (4, 3)), zorder=0)
    axes.set_yticks(places, spec.paid)
    axes.set_ylim(-0.6, len(spec.paid) - 0.4)
    axes.set_xlim(left=0)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_title(f"{spec.model}: return on a unit of spend")
    _legend(figure, axes, 2)
    return figure


@_styled
def response_curves(table: pd.DataFrame) -> Figure:
    """Response curves of `mmm_core.curves.response_curves`, one panel a channel, the last period's spend marked."""
    channels = list(dict.fromkeys(table["channel"]))
    columns = min(3, len(channels))
    rows = -(-len(channels) // columns)
    figure, panels = _figure(3.1 * columns, 2.3 * rows + 0.3, rows, columns, grid="both")
    for position, (axes, channel) in enumerate(zip(panels, channels, strict=False)):
        curve = table[table["channel"] == channel]
        axes.fill_between(curve["spend"], curve["q05"], curve["q95"], color=colour(position), alpha=0.2, lw=0)
        axes.plot(curve["spend"], curve["mean"], color=colour(position), lw=1.8)
        once = curve[(curve["multiplier"] - 1).abs() < 1e-9]
        if len(once):
            axes.plot(once["spend"], once["mean"], color=INK, marker="o", ms=4.5, lw=0, zorder=3)
        axes.set_title(channel)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="x", nbins=5)
        axes.locator_params(axis="y", nbins=5)
        _money(axes.xaxis)
        _money(axes.yaxis)
    for axes in panels[len(channels) :]:
        axes.set_visible(False)
    figure.supxlabel("spend over the period (dot: the last period's)", fontsize=8.5, color=QUIET)
    figure.supylabel("incremental revenue, 90 % interval", fontsize=8.5, color=QUIET)
    return figure


@_styled
def budget(plan: Allocation) -> Figure:
    """Spend of each channel before and after a recommendation, its bounds marked."""
    table = plan.channels
    figure, (axes,) = _figure(7, 1.3 + 0.5 * len(table), grid="x")
    places = np.arange(len(table))[::-1]
    for position, (place, row) in enumerate(zip(places, table.to_dict("records"), strict=True)):
        current, recommended = row["current_spend"], row["recommended_spend"]
        axes.barh(place + 0.19, current, height=0.34, color=RULE, label="current" if position == 0 else None)
        axes.barh(
            place - 0.19, recommended, height=0.34, color=colour(position),
            label="recommended" if position == 0 else None,
        )  # fmt: skip
        for bound in (row["lower"], row["upper"]):
            axes.plot([bound, bound], [place - 0.4, place + 0.02], color=INK, lw=1)
        change = f"{recommended / current - 1:+.0%}" if current > 0 else "off"
        axes.annotate(
            change, (recommended, place - 0.19), xytext=(6, 0), textcoords="offset points",
            va="center", fontsize=8,
        )  # fmt: skip
    axes.set_yticks(places, table["channel"])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.1)
    _money(axes.xaxis)
    axes.set_title(
        f"Next {plan.weeks} weeks: {_short(plan.gain)} more revenue expected for {_short(plan.total)} spend"
    )
    axes.set_xlabel("spend (grey: last period, colour: recommended, lines: bounds)", fontsize=8.5)
    return figure


def _figure(
    width: float, height: float, rows: int = 1, columns: int = 1, grid: str = "y"
) -> tuple[Figure, list[Axes]]:
    """A figure and its axes, drawn without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as NewFigure

    figure = NewFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in panels:
        axes.grid(axis=grid, color=RULE, lw=0.6)
        axes.set_axisbelow(True)
    return figure, panels


def _legend(figure: Figure, axes: Axes, columns: int) -> None:
    """The legend below the picture, out of the data's way."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, ncols=columns, loc="outside lower left", fontsize=8)


def _money(axis: Any) -> None:
    axis.set_major_formatter(lambda value, _: _short(value))


def _short(value: float) -> str:
    """1234567 as 1.2M."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"
