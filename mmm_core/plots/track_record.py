"""A picture of past forecasts: how far they were off beside last season's values, and whether their intervals held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmm_core.plots.style import QUIET, RULE, colour, heading, legend, new_figure, styled, title
from mmm_core.plural import plural

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "D")
"""Of the horizons, so that they are told apart without colours."""


@styled
def track_record(table: pd.DataFrame) -> Figure:
    """Left, CRPS over that of last season's values, right, share of weeks in the 90 % interval; by as-of week.

    Args:
        table: forecast_as_of and the columns of `mmm_core.forecast.track_record.COLUMNS`.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    figure, (left, right) = new_figure(10, 3.4, 1, 2)
    for place, (_, rows) in enumerate(table.sort_values("forecast_as_of").groupby("horizon")):
        look: dict[str, Any] = {
            "color": colour(place),
            "marker": MARKERS[place % len(MARKERS)],
            "ms": 4,
            "lw": 1.2,
        }
        left.plot(
            rows["forecast_as_of"],
            rows["crps"] / rows["crps_naive"],
            label=f"{plural(rows['horizon'].iloc[0], 'week')} ahead",
            **look,
        )
        right.plot(rows["forecast_as_of"], rows["coverage_90"], **look)
    for axes, line in ((left, 1.0), (right, 0.9)):
        axes.axhline(line, color=QUIET, lw=1, ls=(0, (4, 3)), zorder=0)
        axes.axhline(0, color=RULE, lw=0.6, zorder=0)
        dates = AutoDateLocator(maxticks=7)
        axes.xaxis.set_major_locator(dates)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(dates))
    title(left, "CRPS over last season's values", "below 1 the forecast is the better one")
    title(right, "Share of weeks within 90 % intervals", "dashed: what was promised")
    heading(figure, "Forecasts of earlier weeks, by the last week that they saw")
    legend(figure, left, 3)
    return figure
