"""A picture of a reconciliation: what each source says of each channel's return, and what is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmm_core.plots.style import INK, QUIET, RULE, heading, legend, new_figure, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmm_core.reconciliation.reconcile import Reconciliation

KINDS = (
    # column, label, colour, marker
    ("model", "model", "#3b6fb6", "o"),
    ("tests", "lift tests", "#4f9d69", "s"),
    ("attribution", "attribution, bias taken away", "#e0803c", "D"),
    ("weighted", "weighted average", QUIET, "v"),
    ("fused", "fused", INK, "o"),
)
CLAIMED = ("claimed by reports", "#e0803c", "x")
WARNING = "#c2514f"
APART = 0.15  # of a row, between two sources
BESIDE = 1.12  # of the figures that must be seen, what the axis holds; what reaches further ends in an arrow


@styled
def reconciliation(found: Reconciliation) -> Figure:
    """A row a channel: points and 90 % intervals of every source and of both answers; hollow: already in the posterior.

    A channel whose sources disagree is shaded, and said to. Intervals that reach beyond the picture end in an arrow.
    """
    from mmm_core.reconciliation.tables import channel_table

    table = channel_table(found)
    figure, (axes,) = new_figure(8.5, 1.6 + 0.85 * len(table), grid="x")
    places = np.arange(len(table))[::-1].astype(float)
    low, high = _ends(table)
    axes.set_xlim(low, high)
    axes.axvline(1.0, color=RULE, lw=1, ls=(0, (4, 3)), zorder=0)
    for place, row in zip(places, table.to_dict("records"), strict=True):
        if row["sources_disagree"]:
            axes.axhspan(place - 0.48, place + 0.48, color=WARNING, alpha=0.1, lw=0, zorder=0)
        if row["claimed_roi"] == row["claimed_roi"]:
            _, hue, marker = CLAIMED
            axes.plot(
                [min(row["claimed_roi"], high)], [place], marker=marker, ms=6, mew=1.5, color=hue, alpha=0.6
            )
        for number, (name, _, hue, marker) in enumerate(KINDS):
            if row[f"{name}_roi"] == row[f"{name}_roi"]:
                hollow = name == "tests" and row["new_tests"] == 0
                height = place + APART * (2 - number)
                figures = (row[f"{name}_roi"], row[f"{name}_roi_q05"], row[f"{name}_roi_q95"])
                _source(axes, height, figures, hue, marker, 2.6 if name == "fused" else 1.5, hollow)
    apart = table["sources_disagree"].to_numpy()
    names = [
        f"{name}\nsources disagree" if flag else name
        for name, flag in zip(table["channel"], apart, strict=True)
    ]
    axes.set_yticks(places, names)
    for text, flag in zip(axes.get_yticklabels(), apart, strict=True):
        text.set_color(WARNING if flag else INK)
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(found.returns)
    _key(axes, found)
    heading(figure, f"{found.model}: model, lift tests and attribution", f"90 % intervals; {found.words}")
    legend(figure, axes, 3)
    return figure


def _ends(table: pd.DataFrame) -> tuple[float, float]:
    """Ends of the axis: every point and the intervals of model and answers; those of tests and claims may reach out."""
    points = table[[*(f"{name}_roi" for name, *_ in KINDS), "claimed_roi"]].to_numpy(dtype=float)
    sure = table[[f"{name}_roi_{end}" for name in ("model", "weighted", "fused") for end in ("q05", "q95")]]
    shown = np.concatenate([points.ravel(), sure.to_numpy(dtype=float).ravel(), [0.0, 1.0]])
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    return low - (BESIDE - 1) / 2 * (high - low), high + (BESIDE - 1) * (high - low)


def _source(
    axes: Axes,
    height: float,
    figures: tuple[float, float, float],
    hue: str,
    marker: str,
    width: float,
    hollow: bool,
) -> None:
    """A point and its interval, cut at the ends of the axis."""
    middle, low, high = figures
    left, right = axes.get_xlim()
    axes.plot(
        [max(low, left), min(high, right)], [height, height], color=hue, lw=width, solid_capstyle="butt"
    )
    for beyond, edge, arrow in ((low < left, left, "<"), (high > right, right, ">")):
        if beyond:
            axes.plot([edge], [height], marker=arrow, ms=5, color=hue, clip_on=False)
    axes.plot([middle], [height], marker=marker, ms=5, color=hue, mfc="white" if hollow else hue, lw=0)


def _key(axes: Axes, found: Reconciliation) -> None:
    """Handles of the legend, without data: only what the picture shows."""
    tests = [test for channel in found.channels for test in channel.tests]
    new = any(not test.seen for test in tests)
    claims = any(channel.claimed for channel in found.channels)
    nothing: Any = ([], [])
    for name, label, hue, marker in KINDS:
        if (name, True) in (("tests", not new), ("attribution", not claims)):
            continue
        axes.plot(*nothing, color=hue, marker=marker, ms=5, label=label)
    if claims:
        axes.plot(
            *nothing, color=CLAIMED[1], marker=CLAIMED[2], ms=6, mew=1.5, lw=0, alpha=0.6, label=CLAIMED[0]
        )
    if any(test.seen for test in tests):
        label = "lift tests that the posterior has seen"
        axes.plot(*nothing, color=KINDS[1][2], marker="s", mfc="white", ms=5, label=label)
