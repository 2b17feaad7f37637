"""A picture of several engines on one model: their returns with intervals, and the errors of their forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmm_core.plots.style import QUIET, colour, heading, legend, money, new_figure, styled, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmm_core.diagnostics.engine_comparison import EngineComparison


@styled
def engine_comparison(found: EngineComparison) -> Figure:
    """ROI of each channel by engine with 90 % intervals; beside it, where weeks were held out, the forecasts' CRPS."""
    fitted = found.table[found.table["reason"] == ""]
    engines, channels = list(fitted["engine"]), list(dict.fromkeys(found.returns["channel"]))
    scored = fitted.dropna(subset="crps")
    height = 1.6 + 0.22 * len(channels) * (len(engines) + 1)
    figure, panels = new_figure(
        10 if len(scored) else 7, max(height, 3.0), 1, 2 if len(scored) else 1, grid="x"
    )
    axes = panels[0]
    hues = {name: colour(position) for position, name in enumerate(found.table["engine"])}
    offsets = (np.arange(len(engines)) - (len(engines) - 1) / 2) * 0.8 / max(len(engines), 1)
    places = np.arange(len(channels))[::-1]
    for engine, offset in zip(engines, offsets, strict=True):
        rows = found.returns[found.returns["engine"] == engine].set_index("channel").loc[channels]
        at = places - offset
        axes.hlines(at, rows["q05"], rows["q95"], color=hues[engine], lw=2)
        axes.plot(rows["mean"], at, "o", ms=4, color=hues[engine], label=engine)
    axes.set_yticks(places, channels)
    axes.set_xlim(left=0)
    title(axes, "ROI, mean and 90 % interval")
    if len(scored):
        axes = panels[1]
        at = np.arange(len(scored))[::-1]
        axes.barh(at, scored["crps"], color=[hues[name] for name in scored["engine"]], height=0.6)
        axes.set_yticks(at, scored["engine"])
        for name, crps in found.simple.items():
            if np.isfinite(crps):
                axes.axvline(crps, color=QUIET, lw=1, ls=":")
                axes.annotate(
                    name, (crps, 1), (3, -3), ("data", "axes fraction"), "offset points",
                    rotation=90, va="top", fontsize=7, color=QUIET,
                )  # fmt: skip
        money(axes.xaxis)
        title(axes, f"CRPS of the last {found.holdout_weeks} weeks, lower is better")
    heading(figure, f"{found.model}: {len(engines)} engines on one specification")
    legend(figure, panels[0], 6)
    return figure
