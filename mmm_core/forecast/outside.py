"""Forecasts far outside anything seen: named in words, so that nobody plans by them.

A week is flagged where the median or the mean of its forecast lies beyond the lowest or highest KPI its geo has ever
had by more than the whole range between those two, or its 5 % or 95 % quantile by more than three such ranges. The
range is also the largest change that was ever seen, over any number of weeks: a flagged median is as much growth again
on top of all growth so far. Forecasts of a logarithm come to this most easily, for their errors multiply.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

MIDDLE, ENDS = 1.0, 3.0
"""Ranges beyond anything seen that the middle, and the 5 and 95 % quantiles, may lie."""


def far_outside(draws: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Which forecasts lie far outside.

    Args:
        draws: of the KPI, (draw, geo, ahead). seen: KPI of the weeks before, (geo, week), nan where unknown.

    Returns:
        (geo, ahead).
    """
    lowest, highest = np.nanmin(seen, axis=1)[:, None], np.nanmax(seen, axis=1)[:, None]
    span = highest - lowest
    low, median, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
    mean = draws.mean(axis=0)
    middles_low, middles_high = np.minimum(median, mean), np.maximum(median, mean)
    above = (middles_high > highest + MIDDLE * span) | (high > highest + ENDS * span)
    below = (middles_low < lowest - MIDDLE * span) | (low < lowest - ENDS * span)
    return np.asarray(above | below | ~np.isfinite(mean))


def outside_words(flagged: xr.DataArray, log: bool) -> str:
    """What is far outside and what to do, "" where nothing is.

    Args:
        flagged: of `far_outside`, over (geo, week).
        log: whether the KPI is modelled as a logarithm.
    """
    if not flagged.any():
        return ""
    by_week = flagged.any([dim for dim in flagged.dims if dim != "week"])
    first = str(by_week["week"].to_numpy()[by_week.to_numpy()][0])[:10]
    words = f"far outside anything seen in {int(by_week.sum())} of {by_week.size} weeks, from {first} on"
    if flagged.sizes.get("geo", 1) > 1:
        words += f", in {int(flagged.any('week').sum())} of {flagged.sizes['geo']} geos"
    if log:
        return f"{words}: errors of a log KPI multiply, do not plan by this; try `kpi: {{scale: level}}`"
    return f"{words}: do not plan by this; look at the media and controls of those weeks, and at `baseline: slope`"
