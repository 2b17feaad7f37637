"""Pictures of a model: fit, contributions, base, ROI, response, carryover, budget. Each returns a matplotlib Figure.

Where the posterior is approximate every picture says so below its title.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmm_core.budget.change import change_in_words
from mmm_core.effects.contributions import contributions as decompose
from mmm_core.effects.decay import decay_draws, saturation_draws
from mmm_core.effects.roi import roi_draws, summarise
from mmm_core.errors import InputError
from mmm_core.model.beliefs import effect_beliefs
from mmm_core.plots.style import (
    BASELINE_COLOUR,
    INK,
    QUIET,
    RULE,
    band,
    colour,
    heading,
    legend,
    money,
    new_figure,
    panels_of,
    short,
    styled,
    title,
)  # fmt: skip
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import approximation, outcome_name

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmm_core.budget.allocation import Allocation

PARTS = 9
"""Panels of the picture of the base: level and the parts that move the KPI most."""

MOST = 4000
"""Draws behind an interval over time."""


@styled
def fit(tree: xr.DataTree) -> Figure:
    """KPI and fit over time, in units of the outcome, with the 90 % interval of the fit; weeks left out are marked."""
    parts = decompose(tree)
    figure, (axes,) = new_figure(9, 3.6)
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
    _name_weeks(axes, parts["week"])
    axes.plot(week, parts["actual"], color=INK, lw=0, marker=".", ms=3.5, label="actual")
    seen = Posterior.of(tree).data["observed"].to_numpy().any(axis=0)
    if not seen.all():
        axes.axvspan(week[~seen][0], week[-1], color=RULE, alpha=0.5, lw=0, label="held out")
    title(
        axes, f"{tree.attrs['model']}: actual and fitted {parts.attrs['outcome']}", parts.attrs["approximate"]
    )
    money(axes.yaxis)
    legend(figure, axes, 4)
    return figure


@styled
def contributions(source: xr.DataTree | xr.Dataset) -> Figure:
    """Stacked weekly contributions, baseline below and channels above, with the actual line.

    Takes a posterior, or what `mmm_core.effects.contributions.contributions` made of it (geos summed).
    """
    parts = source if not hasattr(source, "children") else decompose(source)  # type: ignore[arg-type]
    figure, (axes,) = new_figure(9, 4.4)
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
    title(axes, f"Weekly contributions, {parts.attrs['outcome']}", parts.attrs["approximate"])
    axes.set_xlim(week[0], week[-1])
    _name_weeks(axes, parts.coords["week"])
    axes.set_ylim(bottom=min(0.0, float(floor.min())))
    money(axes.yaxis)
    legend(figure, axes, 5)
    return figure


@styled
def roi(tree: xr.DataTree) -> Figure:
    """ROI of each paid channel: posterior mean and 90 % interval over the prior's 90 % interval.

    Where the KPI has no revenue it is the cost of an incremental unit, whose point is the median.
    """
    posterior = Posterior.of(tree)
    spec = posterior.spec
    priced = spec.kpi.kind == "revenue"
    draws = roi_draws(posterior)["roi" if priced else "cpik"]
    figure, (axes,) = new_figure(7, 1.3 + 0.4 * len(spec.paid), grid="x")
    places = np.arange(len(spec.paid))[::-1]
    beliefs = effect_beliefs(spec, posterior.data)
    for position, (place, name) in enumerate(zip(places, spec.paid, strict=True)):
        belief = beliefs[position]
        if belief.kind == "roi" and belief.prior.family != "fixed":
            low, middle, high = belief.prior.frozen().ppf([0.05, 0.5, 0.95])
            if not priced:
                low, middle, high = 1 / high, 1 / middle, 1 / max(low, 1e-300)
            label = "prior, 90 %" if position == 0 else None
            axes.plot([low, high], [place, place], color=RULE, lw=7, solid_capstyle="butt", label=label)
            axes.plot([middle], [place], color=QUIET, marker="|", ms=7, lw=0)
        figures = summarise(draws.sel(channel=name).to_numpy())
        low, high = figures["q05"], figures["q95"]
        middle = figures["mean" if priced else "median"]
        label = "posterior, 90 %" if position == 0 else None
        axes.plot([low, high], [place, place], color=colour(position), lw=2.2, label=label)
        axes.plot([middle], [place], color=colour(position), marker="o", ms=5, lw=0)
        axes.annotate(
            f"{middle:.2f}" if priced else short(middle),
            (high, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    if priced:
        axes.axvline(1.0, color=QUIET, lw=0.8, ls=(0, (4, 3)), zorder=0)
    axes.set_yticks(places, spec.paid)
    axes.set_ylim(-0.6, len(spec.paid) - 0.4)
    axes.set_xlim(left=0)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    what = "return on a unit of spend" if priced else f"spend per incremental unit of {outcome_name(spec)}"
    title(axes, f"{spec.model}: {what}", approximation(tree))
    legend(figure, axes, 2)
    return figure


@styled
def response_curves(table: pd.DataFrame) -> Figure:
    """Response curves of `mmm_core.effects.curves`, one panel a channel, the last period's spend marked."""
    channels = list(dict.fromkeys(table["channel"]))
    figure, panels = panels_of(len(channels))
    for position, (axes, channel) in enumerate(zip(panels, channels, strict=True)):
        curve = table[table["channel"] == channel]
        axes.fill_between(curve["spend"], curve["q05"], curve["q95"], color=colour(position), alpha=0.2, lw=0)
        axes.plot(curve["spend"], curve["mean"], color=colour(position), lw=1.8)
        once = curve[(curve["multiplier"] - 1).abs() < 1e-9]
        off = channel in table.attrs.get("off", ())
        if len(once) and not off:
            axes.plot(once["spend"], once["mean"], color=INK, marker="o", ms=4.5, lw=0, zorder=3)
        axes.set_title(f"{channel} (off since {curve['last_week'].iloc[0]:%Y-%m-%d})" if off else channel)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="x", nbins=5)
        axes.locator_params(axis="y", nbins=5)
        money(axes.xaxis)
        money(axes.yaxis)
    figure.supxlabel(
        "spend over the period (dot: the last period's, band: 90 % interval)", fontsize=8.5, color=QUIET
    )
    outcome = table.attrs.get("outcome", "revenue")
    figure.supylabel(f"incremental {outcome}", fontsize=8.5, color=QUIET)
    if "approximate" in table:
        heading(figure, "Response to spend", str(table["approximate"].iloc[0]))
    return figure


@styled
def budget(allocation: Allocation) -> Figure:
    """Spend of each channel before and after a recommendation, its bounds marked."""
    table = allocation.channels
    figure, (axes,) = new_figure(7, 1.3 + 0.5 * len(table), grid="x")
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
        axes.annotate(
            change_in_words(current, recommended), (recommended, place - 0.19), xytext=(6, 0),
            textcoords="offset points", va="center", fontsize=8,
        )  # fmt: skip
    axes.set_yticks(places, table["channel"])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.1)
    money(axes.xaxis)
    what = f"{short(allocation.gain)} more {allocation.outcome} expected for {short(allocation.total)} spend"
    title(axes, f"Next {plural(allocation.weeks, 'week')}: {what}", allocation.approximate)
    axes.set_xlabel("spend (grey: last period, colour: recommended, lines: bounds)", fontsize=8.5)
    return figure


@styled
def baseline(tree: xr.DataTree) -> Figure:
    """What would have sold without media, part by part: the level, then what moves about it, with 90 % intervals."""
    parts = decompose(tree)
    channels = parts.attrs["channels"]
    names = [str(name) for name in parts["component"].to_numpy() if name not in channels]
    moved = {name: float(np.abs(parts["mean"].sel(component=name)).max()) for name in names[1:]}
    largest = sorted(moved, key=lambda name: -moved[name])[: PARTS - 1]
    shown = [names[0], *(name for name in names[1:] if name in largest)]
    figure, panels = panels_of(len(shown), height=1.8)
    week = parts["week"].to_numpy()
    for axes, name in zip(panels, shown, strict=True):
        part = parts.sel(component=name)
        axes.fill_between(week, part["q05"], part["q95"], color=INK, alpha=0.15, lw=0)
        axes.plot(week, part["mean"], color=INK, lw=1.2)
        if name != names[0]:
            axes.axhline(0, color=QUIET, lw=0.8, zorder=0)
        axes.set_title("level" if name == names[0] else name)
        money(axes.yaxis)
        _years(axes)
    heading(figure, f"Base of {parts.attrs['outcome']}, week by week", parts.attrs["approximate"])
    return figure


@styled
def decay(tree: xr.DataTree) -> Figure:
    """How each channel's effect spreads over the weeks after an exposure: lag weights with their 90 % interval."""
    from matplotlib.ticker import MaxNLocator

    draws = decay_draws(tree)
    channels = [str(name) for name in draws["channel"].to_numpy()]
    figure, panels = panels_of(len(channels))
    for position, (axes, name) in enumerate(zip(panels, channels, strict=True)):
        part = draws.sel(channel=name)
        last = int(part["l_max"])
        lags, weights = np.arange(last + 1), part["weight"].to_numpy()[:, : last + 1]
        if last:
            band(axes, lags, weights, colour(position), marker="o", ms=3)
        else:
            axes.plot([0], [1], color=colour(position), marker="o", ms=5, lw=0)
        figures = summarise(part["half_life"].to_numpy())
        words = f"half within {figures['median']:.1f} weeks"
        if figures["q95"] > figures["q05"]:
            words += f" ({figures['q05']:.1f} to {figures['q95']:.1f})"
        title(axes, name, words)
        axes.set_xlim(-0.2, max(last, 1) + 0.2)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.supxlabel("weeks after the exposure", fontsize=8.5, color=QUIET)
    figure.supylabel("share of the effect", fontsize=8.5, color=QUIET)
    heading(figure, f"{tree.attrs['model']}: carryover", approximation(tree))
    return figure


@styled
def saturation(tree: xr.DataTree) -> Figure:
    """How each channel saturates: response over a week's media, a dot at the mean week with media."""
    draws = saturation_draws(tree)
    spec = Posterior.of(tree).spec
    figure, panels = panels_of(len(spec.channels))
    for position, (axes, name) in enumerate(zip(panels, spec.channels, strict=True)):
        part = draws.sel(channel=name)
        media, curves = part["media"].to_numpy(), part["response"].to_numpy()
        band(axes, media, curves, colour(position))
        mean = media[-1] / float(part["scaled"][-1])
        axes.plot([mean], [np.interp(mean, media, curves.mean(0))], color=INK, marker="o", ms=4.5, lw=0)
        axes.set_title(f"{name} (frequency)" if spec.channel_specs[position].frequency else name)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="x", nbins=5)
        money(axes.xaxis)
    figure.supxlabel(
        "a week's media, of a geo of mean population (dot: the mean week)", fontsize=8.5, color=QUIET
    )
    figure.supylabel("response, in units of the ceiling", fontsize=8.5, color=QUIET)
    heading(figure, f"{tree.attrs['model']}: saturation", approximation(tree))
    return figure


@styled
def multiplier(tree: xr.DataTree) -> Figure:
    """The time-varying effect of each channel that has one, relative to its average, with its 90 % interval.

    Raises:
        InputError: no channel has one.
    """
    posterior = Posterior.of(tree)
    spec = posterior.spec
    varying = [name for name, c in zip(spec.channels, spec.channel_specs, strict=True) if c.time_varying]
    if not varying:
        raise InputError(
            f"model {spec.model}: no channel is `time_varying`: there is nothing to draw over time"
        )
    paths = posterior.draws("multiplier", posterior.thinned(MOST))
    figure, panels = panels_of(len(varying), columns=2)
    for axes, name in zip(panels, varying, strict=True):
        place = spec.channels.index(name)
        band(axes, posterior.data["week"].to_numpy(), paths[..., place], colour(place))
        axes.axhline(1, color=QUIET, lw=0.8, ls=(0, (4, 3)), zorder=0)
        axes.set_title(name)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.2f}x")
        _years(axes)
    heading(figure, f"{spec.model}: effect over time, relative to its average", approximation(tree))
    return figure


def _years(axes: Axes) -> None:
    """Dates as short as they can be."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=2, maxticks=5)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def _name_weeks(axes: Axes, weeks: Any) -> None:
    """Say of an axis of weeks that it shows their last days, where it does."""
    if weeks.attrs.get("marks") == "end":
        axes.set_xlabel("weeks by their last day", fontsize=8.5, color=QUIET)
