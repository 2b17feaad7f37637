"""A picture of several engines on one model: their returns with intervals, and the errors of their forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmm_core.plots.style import QUIET, colour, heading, legend, money, new_figure, styled, title
from mmm_core.plural import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmm_core.diagnostics.engine_comparison import EngineComparison


@styled
def engine_comparison(found: EngineComparison) -> Figure:
    """ROI of each channel by engine with 90 % intervals; beside it, where weeks were held out, the forecasts' CRPS.

    The simple forecasts stand below the engines', in grey.
    """
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
        label = f"{engine} (approximate)" if rows["approximate"].any() else engine
        axes.plot(rows["mean"], at, "o", ms=4, color=hues[engine], label=label)
    axes.set_yticks(places, channels)
    axes.set_xlim(left=0)
    title(axes, "ROI, mean and 90 % interval")
    if len(scored):
        axes, bars = panels[1], forecast_bars(found)
        at = np.arange(len(bars))[::-1]
        axes.barh(at, list(bars.values()), color=[hues.get(name, QUIET) for name in bars], height=0.6)
        axes.set_yticks(at, list(bars))
        money(axes.xaxis)
        title(axes, f"CRPS of the last {plural(found.holdout_weeks, 'week')}, lower is better")
    left_out = [name for name in found.table["engine"] if name not in engines]
    which = f" ({', '.join(left_out)} not fitted)" if left_out else ""
    heading(figure, f"{found.model}: {len(engines)} engines on one specification{which}")
    legend(figure, panels[0], 6)
    return figure


def forecast_bars(found: EngineComparison) -> dict[str, float]:
    """CRPS of every engine that forecast, then of the simple forecasts, by name."""
    scored = found.table.dropna(subset="crps")
    simple = {name: crps for name, crps in found.simple.items() if np.isfinite(crps)}
    return {**dict(zip(scored["engine"], scored["crps"], strict=True)), **simple}
