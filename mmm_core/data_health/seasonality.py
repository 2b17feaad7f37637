"""How much of a channel's media the calendar alone explains, and the periods in which nothing else does.

Media that follow the season cannot be told from the season: what the two share goes to whichever prior is wider. The
share is the adjusted R^2 of the regression on the waves of the model's own season; what is left of the channel beside
season, other channels and controls is what its effect is learned from.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmm_core.data.calendar import fourier
from mmm_core.data_health.activity import runs
from mmm_core.data_health.collinearity import explaining
from mmm_core.data_health.finding import Finding, at_most, day, weeks
from mmm_core.data_health.weekly_panel import WeeklyPanel
from mmm_core.spec.data_health_spec import DataHealth

FAMILY = "seasonality"

FEWEST = 1.5
"""Periods from which on a season can be told from a level."""

WINDOW = 26
"""Weeks of a period that is looked at by itself."""

MOVES = 0.1
"""Standard deviation over mean below which media of a period hardly move: that is told elsewhere."""


def season_share(values: np.ndarray, waves: np.ndarray) -> tuple[float, np.ndarray]:
    """Adjusted R^2 of a series (week,) on an intercept and waves (week, term), and its residual (week,).

    The figure is 0 at least: waves that explain less than chance explain nothing.
    """
    terms = np.column_stack([np.ones(len(values)), waves])
    residual = values - terms @ np.linalg.lstsq(terms, values, rcond=None)[0]
    total = float(((values - values.mean()) ** 2).sum())
    free = len(values) - terms.shape[1]
    if total <= 0 or free < 1:
        return float("nan"), residual
    share = 1 - (float(residual @ residual) / free) / (total / (len(values) - 1))
    return max(share, 0.0), residual


def seasonal_periods(values: np.ndarray, residual: np.ndarray, threshold: float) -> list[tuple[int, int]]:
    """First and last week of the periods of half a year and more in which a season explains more than a threshold.

    Args:
        residual: of the season that was fitted to all weeks.
    """
    follows = np.zeros(len(values), dtype=bool)
    for start in range(len(values) - WINDOW + 1):
        part, left = values[start : start + WINDOW], residual[start : start + WINDOW]
        spread = float(part.std())
        if spread > MOVES * abs(float(part.mean())) and float((left**2).mean()) < (1 - threshold) * spread**2:
            follows[start : start + WINDOW] = True
    return runs(follows)


def seasonality(panel: WeeklyPanel, rule: DataHealth) -> Iterator[Finding]:
    """Of every channel the share of the season, over all weeks and in periods of its own."""
    season = panel.spec.baseline.seasonality
    order = season.order or 2
    if len(panel.weeks) < FEWEST * season.period:
        return
    waves = fourier(panel.first_days, season.period, order)
    left = _left(panel, waves)
    for name, values in panel.media.items():
        series = panel.all_geos(np.nan_to_num(values))
        share, residual = season_share(series, waves)
        if not np.isfinite(share):
            continue
        verdict = at_most(share, rule.season)
        words = f"{name}: the season explains {share:.0%} of its movement"
        if name in left:
            words += f"; {left[name]:.0%} is neither season nor another channel or control"
        if verdict != "ok":
            words += (
                f" ({rule.season:.0%} at most): what it brings cannot be told from the season: spend against "
                "it for some "
                "weeks, or test it"
            )
        yield Finding(FAMILY, "season_share", name, share, rule.season, verdict, words)
        if verdict != "ok":
            continue
        for first, last in seasonal_periods(series, residual, max(rule.season, 0.9)):
            words = (
                f"{name}: from {day(panel.weeks[first])} to {day(panel.weeks[last])} "
                f"({weeks(last - first + 1)}) its media "
                "follow the season and nothing else: those weeks say nothing of its effect"
            )
            yield Finding(
                FAMILY, "seasonal_weeks", name, float(last - first + 1), float(WINDOW), "warn", words,
                first_week=panel.weeks[first], last_week=panel.weeks[last],
            )  # fmt: skip


def _left(panel: WeeklyPanel, waves: np.ndarray) -> dict[str, float]:
    """Of every channel the share of its movement that is neither season nor another channel or control."""
    names, columns, _ = explaining(panel)
    season = np.tile(waves, (len(panel.geos), 1))
    if len(columns) != len(season):  # rows with gaps were left out
        return {}
    out = {}
    for position, name in enumerate(names):
        if name not in panel.media:
            continue
        others = np.column_stack([np.ones(len(season)), season, np.delete(columns, position, axis=1)])
        series = columns[:, position]
        rest = series - others @ np.linalg.lstsq(others, series, rcond=None)[0]
        out[name] = float(rest @ rest / ((series - series.mean()) ** 2).sum())
    return out
