"""A column that changes for good from one week to the next: a change of unit, of scope, of price, or of the world.

A series is held against what a level that moves slowly makes: level (a random walk), season (two pairs of waves, from a
year and a half on) and noise. With V its covariance up to a factor and r the residual of the regression on the season,
the best test of a shift b (0 before a week, 1 from it on) is b'V^-1 r / (s sqrt(b'V^-1 b)), standard normal where there
is none: the auxiliary residual of Harvey and Koopman (1992), which the review computes again once there is a posterior
(`mmm_core.diagnostics.breaks`). A change in the middle of a week makes two half steps, which are looked for as well.
How far the level moves against the noise is the likeliest of a few values. Weeks that are outliers by themselves take
the value of those around them first, as one of them is no change for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import solve_triangular

from mmm_core.data.calendar import fourier, step_indicators
from mmm_core.data_health.finding import EVERYWHERE, Finding, day
from mmm_core.data_health.outliers import distances
from mmm_core.data_health.weekly_panel import WeeklyPanel, is_indicator
from mmm_core.spec.data_health_spec import DataHealth
from mmm_core.threads import one_blas_thread

FAMILY = "level_shifts"

RATIOS = tuple(float(ratio) for ratio in np.geomspace(0.003, 3, 8))
"""Weekly step of the level over the sd of the noise: from hardly any to all of the movement."""

PERIOD, ORDER, SEASON_FROM = 52.18, 2, 78
"""Season that is taken out, in weeks and pairs of waves, and weeks from which on it can be told from a level."""

EDGE = 4
"""A shift leaves at least so many weeks on either side: one at the very end is an outlier until it has lasted."""

APART = 8
"""Of shifts closer than so many weeks only the largest is told."""

NAMED = 3
"""Shifts of a column that are told, the largest first."""

NEAR_A_STEP = 2
"""Weeks from a step that the model names within which a shift is that step."""


@dataclass(frozen=True)
class _Level:
    """What one ratio of level and noise makes of `weeks` weeks: all that does not depend on the series.

    Attributes:
        root: Cholesky factor of V, (week, week). season: orthonormal basis of the season under it.
        shifts: (week, shift) a shift from each week after the first on, then the same in two half steps, whitened,
            season taken out. size: their lengths.
        log_det: of V.
    """

    root: np.ndarray
    season: np.ndarray
    shifts: np.ndarray
    size: np.ndarray
    log_det: float


@one_blas_thread
def shift_scores(series: np.ndarray, season: np.ndarray) -> np.ndarray:
    """Standard errors by which a series shifts from each week on, (week,); 0 where a shift could not be told.

    Args:
        series: (week,) without gaps. season: (week, term), an intercept among them.
    """
    out = np.zeros(len(series))
    if len(series) < 2 * EDGE + season.shape[1]:
        return out
    best = -np.inf
    for level in _levels(len(series), season.tobytes(), season.shape[1]):
        residual = solve_triangular(level.root, series, lower=True)
        residual = residual - level.season @ (level.season.T @ residual)
        variance = float(residual @ residual) / len(series)
        if variance <= 1e-18 * max(float(series @ series) / len(series), 1e-300):
            return out
        likelihood = -0.5 * (len(series) * np.log(variance) + level.log_det)
        if likelihood > best:
            best = likelihood
            known = level.size > 1e-3 * level.size.max()
            scores = level.shifts.T @ residual / np.where(known, level.size, 1.0) / np.sqrt(variance)
            whole, half = np.split(np.where(known, scores, 0.0), 2)
            out[1:] = np.where(np.abs(half) > np.abs(whole), half, whole)
    out[:EDGE] = out[len(series) - EDGE + 1 :] = 0.0
    return out


@lru_cache(maxsize=4)
def _levels(weeks: int, season: bytes, terms: int) -> tuple[_Level, ...]:
    columns = np.frombuffer(season).reshape(weeks, terms)
    steps = np.tril(np.ones((weeks, weeks)))[:, 1:]
    walk, found = steps @ steps.T, []
    for ratio in RATIOS:
        root = np.linalg.cholesky(np.eye(weeks) + ratio**2 * walk)
        basis = np.linalg.qr(solve_triangular(root, columns, lower=True))[0]
        shifts = solve_triangular(root, steps, lower=True)
        shifts = shifts - basis @ (basis.T @ shifts)
        halves = np.column_stack([(shifts[:, :-1] + shifts[:, 1:]) / 2, shifts[:, -1]])
        shifts = np.hstack([shifts, halves])
        size = np.sqrt((shifts**2).sum(axis=0))
        found.append(_Level(root, basis, shifts, size, float(2 * np.log(np.diag(root)).sum())))
    return tuple(found)


def season_terms(panel: WeeklyPanel) -> np.ndarray:
    """Intercept and, where there are weeks enough, waves of the season, (week, term)."""
    ones = np.ones((len(panel.weeks), 1))
    if len(panel.weeks) < SEASON_FROM:
        return ones
    return np.ascontiguousarray(np.hstack([ones, fourier(panel.first_days, PERIOD, ORDER)]))


def ordinary(values: np.ndarray, outlier: float) -> np.ndarray | None:
    """A series whose gaps and outliers take the value of the weeks around them, by its logarithm where it is above 0.

    Returns:
        (week,); None where it has too few values to look at.
    """
    known = values[np.isfinite(values)]
    if len(known) < len(values) / 2 or is_indicator(values):
        return None
    found = distances(values)
    usual = found.usual
    far = ~np.isfinite(values) | (np.abs(np.nan_to_num(found.score)) > outlier)
    filled = np.where(far, usual, values)
    if not np.isfinite(filled).all():
        position = np.arange(len(values))
        there = np.isfinite(filled)
        filled = np.interp(position, position[there], filled[there])
    return np.log(filled) if (filled > 0).all() else filled


def level_shifts(panel: WeeklyPanel, rule: DataHealth) -> Iterator[Finding]:
    """Shifts of the KPI, of what a unit is worth, of controls and treatments: over all geos, then of single ones."""
    season, spec = season_terms(panel), panel.spec
    series: dict[str, tuple[np.ndarray, bool]] = {spec.kpi.column: (panel.kpi, False)}
    if spec.kpi.revenue_per_unit:
        series[spec.kpi.revenue_per_unit] = (panel.columns[spec.kpi.revenue_per_unit], True)
    series |= {name: (values, True) for name, values in panel.levers.items() if name not in series}
    for subject, (values, mean) in series.items():
        together = ordinary(panel.all_geos(values, mean), rule.outlier)
        if together is None:
            continue
        found = [(week, EVERYWHERE, z) for week, z in peaks(shift_scores(together, season), rule.level_shift)]
        if len(panel.geos) > 1 and np.ptp(np.nan_to_num(values), axis=0).any():
            common = [week for week, _, _ in found]
            for position, geo in enumerate(panel.geos):
                alone = ordinary(values[position], rule.outlier)
                if alone is None:
                    continue
                found += [
                    (week, geo, z)
                    for week, z in peaks(shift_scores(alone, season), rule.level_shift)
                    if all(abs(week - other) >= APART for other in common)
                ]
        found.sort(key=lambda one: -abs(one[2]))
        if not found:
            largest = float(np.abs(shift_scores(together, season)).max())
            words = f"{subject}: no shift of level (the largest {largest:.1f} standard errors)"
            yield Finding(FAMILY, "shift_z", subject, largest, rule.level_shift, "ok", words)
        for number, (week, geo, z) in enumerate(found[:NAMED]):
            geo_values = panel.all_geos(values, mean) if geo == EVERYWHERE else values[panel.geos.index(geo)]
            more = len(found) - NAMED if number == NAMED - 1 else 0
            yield _one(panel, subject, week, geo, z, geo_values, more, rule)


def peaks(scores: np.ndarray, threshold: float) -> list[tuple[int, float]]:
    """Weeks whose score is beyond a threshold and the largest of those around, the largest first."""
    left, found = np.abs(scores), []
    while left.max(initial=0.0) > threshold:
        week = int(left.argmax())
        found.append((week, float(scores[week])))
        left = np.where(np.abs(np.arange(len(left)) - week) < APART, 0.0, left)
    return found


def _one(
    panel: WeeklyPanel,
    subject: str,
    week: int,
    geo: str,
    z: float,
    values: np.ndarray,
    more: int,
    rule: DataHealth,
) -> Finding:
    start, spec = panel.weeks[week], panel.spec
    before, after = values[max(0, week - 13) : week], values[week : week + 13]
    place = f" of {geo}" if geo != EVERYWHERE else ""
    words = (
        f"{subject}{place} shifts {'up' if z > 0 else 'down'} from the week of {day(start)} on by {abs(z):.1f} "
        "standard "
        f"errors ({rule.level_shift:g} at most): {np.nanmedian(before):,.4g} in the middle week of the quarter before, "
        f"{np.nanmedian(after):,.4g} in that after"
    )
    step = _step_there(panel, week)
    if step:
        words += f"; the model names it: {step}"
    elif subject == spec.kpi.column:
        words += (
            ": look for a change of unit, scope or price; name it (`baseline: "
            f"{{steps: {{change: {start.date()}}}}}`), "
            "or model one side of it (`time: {from: ...}` or `to:`)"
        )
    else:
        words += ": look for a change of definition or unit; the model takes it for what the column does to the KPI"
    if more:
        words += f"; {more} more of {subject}, smaller"
    return Finding(
        FAMILY, "shift_z", subject, z, rule.level_shift, "ok" if step else "warn", words, geo, start, panel.weeks[-1]
    )  # fmt: skip


def _step_there(panel: WeeklyPanel, week: int) -> str:
    """The step of the model that begins near a week; "" without one."""
    for name, values in step_indicators(panel.weeks, panel.spec).items():
        begins = np.flatnonzero(np.diff(values)) + 1
        if len(begins) and abs(int(begins[0]) - week) <= NEAR_A_STEP:
            return name
    return ""
