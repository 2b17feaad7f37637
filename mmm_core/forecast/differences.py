"""Whether one forecast is better than another, or the difference is chance: paired scores over rolling origins.

The test is that of Diebold and Mariano (1995): the mean difference of two forecasts' scores over its standard error.
What makes it right or wrong is the standard error. All weeks forecast from one origin share that origin's error of the
level, so a Newey-West sum over weeks, even with 12 lags and the correction of Harvey, Leybourne and Newbold (1997),
calls 13 to 20 % of equal forecasts different at 5 % where there are three to eight origins of a quarter each. So the
unit here is the origin, one mean difference each, and the long-run variance is the equal-weighted mean of the first B
cosine transforms of them, compared with Student's t at B degrees of freedom (Lazarus, Lewis, Stock and Watson 2018;
for forecasts, Coroneo and Iacone 2020). Where origins do not overlap and are a quarter apart, B is their number less
one, and this is the paired t-test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import stats

QUARTER = 13
"""Weeks after which two differences are taken to have little to do with each other."""
LEVEL = 0.05

BETTER, WORSE, UNSAID = "better", "worse", "cannot be said"


@dataclass(frozen=True)
class PairedDifference:
    """Mean difference of two forecasts' scores, and what can be said of it.

    Attributes:
        mean: score of the first less that of the second, in the score's units; below 0 the first is better.
        se: its standard error, dependence counted; nan with one origin.
        df: degrees of freedom of its t statistic, 0 with one origin.
        p_value: two-sided; nan with one origin.
        origins: how many origins have both.
        relative: `mean` over the second's mean score.
        level: two-sided level of the verdict.
    """

    mean: float
    se: float
    df: int
    p_value: float
    origins: int
    relative: float
    level: float

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or `cannot be said`: the first forecast beside the second."""
        if not self.p_value < self.level:
            return UNSAID
        return BETTER if self.mean < 0 else WORSE

    @property
    def relative_se(self) -> float:
        """`se` in the units of `relative`."""
        return abs(self.se * self.relative / self.mean) if self.mean else self.se

    @property
    def words(self) -> str:
        """The verdict with its figures, such as `18% lower (standard error 5%, p 0.01 over 6 origins): better`."""
        if self.mean == 0:
            return "the same"
        size = f"{abs(self.relative):.0%} {'lower' if self.mean < 0 else 'higher'}"
        if self.origins < 2:
            return f"{size}, of one origin, which says nothing of chance"
        figures = f"standard error {self.relative_se:.0%}, p {self.p_value:.2g} over {self.origins} origins"
        return f"{size} ({figures}): " + (self.verdict if self.verdict != UNSAID else "may be chance")


def paired_difference(first: xr.DataArray, second: xr.DataArray, level: float = LEVEL) -> PairedDifference:
    """Compare two forecasts of the same weeks by their scores.

    Args:
        first, second: scores (the lower the better, such as CRPS) over (origin, ahead) or (origin, ahead, geo), of the
            same cells; `origin` the first week forecast, as a date, `ahead` in weeks from 1. Cells where either is nan
            do not count.
        level: two-sided level of the verdict.

    Returns:
        The mean over all cells that both have, hence the difference of the pooled scores, with its standard error.

    Raises:
        ValueError: the cells of the two are not the same, or they have none in common.
    """
    first, second = xr.align(first.sortby("origin"), second.sortby("origin"), join="exact")
    ahead, starts = first["ahead"].to_numpy(), first["origin"].to_numpy()
    week = starts.astype("datetime64[D]").astype(int) / 7
    return difference_of_scores(_by_origin(first), _by_origin(second), week, int(ahead.max()), level)


def _by_origin(scores: xr.DataArray) -> np.ndarray:
    """Scores (origin, cell)."""
    return np.asarray(scores.transpose("origin", ...).to_numpy().reshape(scores.sizes["origin"], -1))


def difference_of_scores(
    first: np.ndarray, second: np.ndarray, week: np.ndarray, horizon: int, level: float = LEVEL
) -> PairedDifference:
    """The same of plain arrays: scores (origin, cell), `week` the number of each origin's first week, ascending."""
    difference = first - second
    known = np.isfinite(difference)
    kept = known.any(axis=1)
    if not kept.any():
        raise ValueError("the two forecasts have no scored week in common")
    cells = known.sum(axis=1)[kept]
    by_origin = np.where(known, difference, 0.0).sum(axis=1)[kept] / cells
    mean = float(cells @ by_origin / cells.sum())
    relative = mean / float(second[known].mean())
    if len(cells) < 2:
        return PairedDifference(mean, np.nan, 0, np.nan, len(cells), relative, level)
    se, df = _standard_error(cells / cells.mean() * (by_origin - mean), week[kept], horizon)
    p_value = float(2 * stats.t.sf(abs(mean) / se, df)) if se > 0 else float(mean == 0)
    return PairedDifference(mean, se, df, p_value, len(cells), relative, level)


def _standard_error(deviations: np.ndarray, week: np.ndarray, horizon: int) -> tuple[float, int]:
    """Standard error of the mean of a series of origins, and its degrees of freedom.

    Args:
        deviations: from the mean, (origin,).
        week: number of each origin's first week, ascending.
        horizon: weeks forecast from each.

    Origins that overlap share weeks: the waves, which are orthogonal to the mean, then see less of the variance than
    the mean does. The share of weeks in common says by how much, and the variance is raised by that.
    """
    count = len(deviations)
    span = week[-1] - week[0] + horizon
    df = min(count - 1, max(int(span / max(QUARTER, horizon)) - 1, 2))
    half_steps = np.arange(count) + 0.5
    waves = np.sqrt(2 / count) * np.cos(np.pi * np.outer(np.arange(1, df + 1), half_steps) / count)
    variance = ((waves @ deviations) ** 2).mean()
    shared = np.clip(1 - np.abs(np.subtract.outer(week, week)) / horizon, 0, None)
    seen_by_waves = np.einsum("ij,jk,ik->i", waves, shared, waves).mean()
    variance *= max(shared.sum() / count / seen_by_waves, 1.0)
    return float(np.sqrt(variance / count)), df
