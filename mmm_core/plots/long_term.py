"""Pictures of the long term, from its tables: returns, what follows what, brand metrics and their surveys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmm_core.long_term.identification import told_from_none
from mmm_core.plots.style import (
    INK,
    QUIET,
    RULE,
    colour,
    heading,
    legend,
    money,
    new_figure,
    panels_of,
    styled,
)
from mmm_core.plural import plural

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

EFFECTS = {"short": ("short term", "o"), "long": ("long term", "s"), "total": ("both", "D")}
FILLS = {"short": "white", "long": None, "total": INK}
APART = 0.22
MOST_PANELS = 36


@styled
def returns(
    table: pd.DataFrame,
    model: str = "",
    unit: str = "revenue per unit of spend",
    severe: Sequence[str] = (),
) -> Figure:
    """A row a channel: short-term, long-term and total return with 90 % intervals.

    Args:
        table: of `mmm_core.long_term.tables.roi`. unit: what a return is. severe: what forbids to read it.
    """
    shown = table[(table["path"] == "all") & table["effect"].isin(EFFECTS)]
    channels = list(dict.fromkeys(shown["channel"]))
    figure, (axes,) = new_figure(8, 1.5 + 0.7 * len(channels), grid="x")
    axes.axvline(0.0, color=RULE, lw=1)
    for place, channel in enumerate(channels):
        rows = shown[shown["channel"] == channel].set_index("effect")
        for number, (effect, (label, marker)) in enumerate(EFFECTS.items()):
            row, height = rows.loc[effect], len(channels) - 1 - place + APART * (1 - number)
            hue = INK if effect == "total" else colour(place)
            axes.plot([row["q05"], row["q95"]], [height, height], color=hue, lw=2, solid_capstyle="butt")
            axes.plot(
                [row["median"]], [height], marker=marker, ms=5, color=hue, mfc=FILLS[effect] or hue, lw=0,
                label=label if place == 0 else None,
            )  # fmt: skip
    told = told_from_none(table) if "positive" in table else {}
    named = [
        f"{name}\n(long term not identified)" if not told.get(str(name), True) else name for name in channels
    ]
    axes.set_yticks(np.arange(len(channels))[::-1], named)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(unit)
    horizon, discount = _stated(table)
    words = f"medians and 90 % intervals; {horizon}{discount}"
    heading(figure, _titled(model, "short and long term"), _forbidden(severe) + words)
    legend(figure, axes, 3)
    return figure


@styled
def responses(
    table: pd.DataFrame, model: str = "", response: str | None = None, severe: Sequence[str] = ()
) -> Figure:
    """A panel a cause and response: what follows, week by week, with a 90 % band.

    Args:
        table: of `mmm_core.long_term.tables.responses`. response: only what follows for this variable. severe: what
            forbids to read it.
    """
    shown = table if response is None else table[table["response"] == response]
    groups = list(shown.groupby(["kind", "cause", "response"], sort=False))[:MOST_PANELS]
    causes = list(dict.fromkeys(shown["cause"]))
    figure, panels = panels_of(len(groups))
    for axes, ((kind, cause, variable), rows) in zip(panels, groups, strict=True):
        hue = colour(causes.index(cause)) if kind == "media" else QUIET
        axes.axhline(0.0, color=RULE, lw=1)
        axes.fill_between(rows["weeks_after"], rows["q05"], rows["q95"], color=hue, alpha=0.2, lw=0)
        axes.plot(rows["weeks_after"], rows["median"], color=hue, lw=1.8)
        axes.set_title(f"{cause} \u2192 {variable}", fontsize=9)
        axes.set_ylabel(str(rows["unit"].iloc[0]), fontsize=8)
        axes.set_xlabel("weeks after", fontsize=8)
        money(axes.yaxis)
    shock = "a generalised shock" if "generalised" in set(shown["kind"]) else "a shock"
    words = (
        f"channels: a week of average media; others: {shock} of one sd; medians and 90 % bands; "
        "each panel has its own scale"
    )
    heading(figure, _titled(model, "what follows"), _forbidden(severe) + words)
    return figure


@styled
def brand(table: pd.DataFrame, model: str = "") -> Figure:
    """A panel a metric: its weekly state with a 90 % band, and what was surveyed.

    Args:
        table: of `mmm_core.long_term.tables.brand`.
    """
    metrics = list(dict.fromkeys(table["metric"]))
    figure, panels = new_figure(8, 0.6 + 2.2 * len(metrics), len(metrics), 1)
    for place, (axes, metric) in enumerate(zip(panels, metrics, strict=True)):
        rows = table[table["metric"] == metric]
        hue = colour(place)
        axes.fill_between(rows["week_start"], rows["q05"], rows["q95"], color=hue, alpha=0.2, lw=0)
        axes.plot(rows["week_start"], rows["median"], color=hue, lw=1.8)
        axes.plot(*_waves(rows), color=INK, lw=1.2, marker=".", ms=3)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_title(metric, fontsize=9)
    heading(
        figure,
        _titled(model, "brand metrics"),
        "weekly state, median and 90 % band; dots: what was surveyed, a line over the weeks of a wave",
    )
    return figure


def _waves(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Weeks and what was surveyed in them, with a gap before each wave: other people, or another answer."""
    asked = rows[["surveyed", "sample"]]
    starts = np.flatnonzero((asked != asked.shift()).any(axis=1))
    weeks = rows["week_start"].to_numpy()
    surveyed = rows["surveyed"].to_numpy(dtype=float)
    return np.insert(weeks, starts, weeks[starts]), np.insert(surveyed, starts, np.nan)


def _forbidden(severe: Sequence[str]) -> str:
    return f"NO FIGURE OF THESE MAY BE READ: {'; '.join(severe)}. " if severe else ""


def _titled(model: str, words: str) -> str:
    return f"{model}: {words}" if model else words[0].upper() + words[1:]


def _stated(table: pd.DataFrame) -> tuple[str, str]:
    """Horizon and discount of the long term, in words."""
    row = table[table["effect"] == "long"].iloc[0]
    discount = f", discounted by {row['discount']:.0%} a year" if row["discount"] else ""
    return f"long term: {plural(int(row['horizon_weeks']), 'week')} after the spend", discount
