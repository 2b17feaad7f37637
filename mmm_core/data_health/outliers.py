"""Single weeks far from the weeks before and from those after, by a Hampel filter: distance from medians in robust sds.

The distance is the smaller of the two, and none where they lie on different sides: a week at the edge of a step is no
outlier (see `mmm_core.data_health.level_shifts`).

A series that is always above 0 is looked at by its logarithm, so that a digit too many is as far as a digit too few. Of
media only the weeks in which they are on are looked at, one after the other, and only for being too high: when they are
on, and how small a campaign was, is no fault. (Hampel 1974; Pearson 2002.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.data.calendar import event_and_holiday_indicators
from mmm_core.data_health.activity import TRICKLE
from mmm_core.data_health.finding import EVERYWHERE, Finding, day
from mmm_core.data_health.robust import medians_beside, robust_sd
from mmm_core.data_health.weekly_panel import WeeklyPanel, is_indicator
from mmm_core.spec.data_health_spec import DataHealth

FAMILY = "outliers"

EITHER_SIDE = 3
"""Weeks on either side that a week is held against: few enough that a series may wander, and enough that two odd weeks
beside each other do not hide one another."""

FEWEST = 13
"""Weeks with values from which on a series has ordinary weeks."""

NAMED = 5
"""Weeks of a column that are told one by one, the farthest first; the others are counted."""


@dataclass(frozen=True)
class Distances:
    """How far each week of a series is from those around it.

    Attributes:
        score: (week,) in robust standard deviations; nan where it is not judged.
        usual: (week,) the mean of the medians before and after, in the series' own units.
    """

    score: np.ndarray
    usual: np.ndarray


def distances(values: np.ndarray, on_only: bool = False) -> Distances:
    """Distance of every week from the medians of those before and after it.

    Args:
        values: (week,), nan where one is missing.
        on_only: leave weeks out in which media are off or trickle, before the median is taken.
    """
    positive = values[values > 0]  # comparisons with nan are false
    floor = TRICKLE * float(np.median(positive)) if len(positive) else 0.0
    judged = np.isfinite(values) & ((values > floor) | (not on_only))
    score, usual = np.full(len(values), np.nan), np.full(len(values), np.nan)
    series = values[judged]
    if len(series) < FEWEST or is_indicator(series):
        return Distances(score, usual)
    logged = bool((series > 0).all())
    if logged:
        series = np.log(series)
    before, after = medians_beside(series, EITHER_SIDE)
    middle = np.where(np.isnan(before), after, np.where(np.isnan(after), before, (before + after) / 2))
    scale = robust_sd(series - middle)
    # at an end there is one side only: the other is that side carried on, as a trend would go
    after[-1] = _carried_on(before[-1], before[-1 - EITHER_SIDE])
    before[0] = _carried_on(after[0], after[EITHER_SIDE])
    if scale > 1e-9 * max(float(np.abs(series).max()), 1e-300):  # most weeks are the same: none is ordinary
        score[judged] = _nearer(series - before, series - after) / scale
    usual[judged] = np.exp(middle) if logged else middle
    return Distances(score, usual)


def _carried_on(near: float, far: float) -> float:
    """What a series would be at an end if it went on, of the median of the weeks beside it and that of those before."""
    return near + (near - far) * (EITHER_SIDE + 1) / 2 / EITHER_SIDE


def _nearer(from_before: np.ndarray, from_after: np.ndarray) -> np.ndarray:
    """The smaller of two distances, 0 where they have different signs."""
    smaller = np.where(np.abs(from_before) < np.abs(from_after), from_before, from_after)
    return np.where(from_before * from_after > 0, smaller, 0.0)


def outliers(panel: WeeklyPanel, rule: DataHealth) -> Iterator[Finding]:
    """Of every column the weeks that are out: of single geos, or of all where half of them are or none is by itself."""
    named = _named_weeks(panel)
    for subject, values, on_only, mean in _series(panel):
        total = panel.all_geos(values, mean)
        together = distances(total, on_only)
        far = _far(together, rule, on_only)
        out: list[tuple[int, str, float, float, float]] = []
        if len(panel.geos) > 1 and np.ptp(np.nan_to_num(values), axis=0).any():
            found = [distances(part, on_only) for part in values]
            alone = np.stack([_far(each, rule, on_only) for each in found])
            far = far & ((alone.mean(axis=0) >= 0.5) | ~alone.any(axis=0))
            for position, week in np.argwhere(alone & ~far).tolist():
                each = found[position]
                out.append(
                    (week, panel.geos[position], each.score[week], values[position, week], each.usual[week])
                )
        for week in np.flatnonzero(far).tolist():
            out.append((week, EVERYWHERE, together.score[week], total[week], together.usual[week]))
        out.sort(key=lambda one: -abs(one[2]))
        if not out:
            yield _none(subject, together, rule, on_only)
        names = named if subject == panel.spec.kpi.column else {}
        for number, (place, geo, score, value, usual) in enumerate(out[:NAMED]):
            more = len(out) - NAMED if number == NAMED - 1 else 0
            figures = (score, value, usual)
            yield _one(panel, subject, panel.weeks[place], geo, figures, names.get(place, ""), more, rule)


def _far(found: Distances, rule: DataHealth, high_only: bool) -> np.ndarray:
    score = np.nan_to_num(found.score)
    return np.asarray((score if high_only else np.abs(score)) > rule.outlier)


def _series(panel: WeeklyPanel) -> Iterator[tuple[str, np.ndarray, bool, bool]]:
    """Subject, values (geo, week), whether only weeks that are on count, and whether geos are averaged."""
    spec = panel.spec
    yield spec.kpi.column, panel.kpi, False, False
    if spec.kpi.revenue_per_unit:
        yield spec.kpi.revenue_per_unit, panel.columns[spec.kpi.revenue_per_unit], False, True
    seen = {spec.kpi.column, spec.kpi.revenue_per_unit}
    for channel in spec.channel_specs:
        column = getattr(
            channel, "spend", channel.media_column
        )  # of exposure, what a unit costs is looked at
        yield column, panel.columns[column], True, False
        seen.add(column)
    for name, values in panel.levers.items():
        if name not in seen and not is_indicator(values):
            yield name, values, False, True


def _named_weeks(panel: WeeklyPanel) -> dict[int, str]:
    """Positions of the weeks that the model names as an event or holiday, with the name."""
    named: dict[int, str] = {}
    for name, happens in event_and_holiday_indicators(panel.first_days, panel.spec).items():
        for week in np.flatnonzero(happens).tolist():
            named.setdefault(week, name)
    return named


def _none(subject: str, found: Distances, rule: DataHealth, high_only: bool) -> Finding:
    if not np.isfinite(found.score).any():
        words = f"{subject}: too few weeks with values, or too many alike, to say which are ordinary"
        return Finding(FAMILY, "robust_z", subject, float("nan"), rule.outlier, "ok", words)
    largest = float(np.nanmax(found.score if high_only else np.abs(found.score)))
    words = f"{subject}: no week is out (the farthest {largest:.1f} robust sds)"
    return Finding(FAMILY, "robust_z", subject, largest, rule.outlier, "ok", words)


def _one(
    panel: WeeklyPanel,
    subject: str,
    week: pd.Timestamp,
    geo: str,
    figures: tuple[float, float, float],
    named: str,
    more: int,
    rule: DataHealth,
) -> Finding:
    score, value, usual = figures
    place = f" of {geo}" if geo != EVERYWHERE else ""
    words = (
        f"{subject}{place}: {value:,.4g} in the week of {day(week)}, where {usual:,.4g} is usual "
        f"({score:+.1f} robust sds, {rule.outlier:g} at most)"
    )
    if named:
        words += f"; the model names it: {named}"
    elif subject == panel.spec.kpi.column:
        words += ": correct it, name it as an event (`baseline: {events: ...}`), or let `likelihood: student_t` bear it"
    elif panel.spec.column_keys.get(subject, ("",))[0].startswith("media."):
        words += ": look for a digit, a currency or a double booking; a true burst may stay"
    else:
        words += ": look for a digit or a change of unit"
    if more:
        words += f"; {more} more of {subject} are out, by less"
    return Finding(
        FAMILY, "robust_z", subject, float(score), rule.outlier, "ok" if named else "warn", words,
        geo, week, week,
    )  # fmt: skip
