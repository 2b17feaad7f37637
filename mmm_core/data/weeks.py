"""Weeks of a table: the days they hold, and whether its rows are weeks at all.

A week is known by the table's own date everywhere, so that what comes out joins back to the table. Which seven days it
holds follows from what that date marks (`time: {marks: start}` or `end`); whatever goes by the calendar asks
`first_days`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmm_core.errors import listed

if TYPE_CHECKING:
    from mmm_core.spec.model_spec import ModelSpec

_WEEK = pd.Timedelta(days=7)
_TO_LAST = pd.Timedelta(days=6)


def first_days(weeks: pd.DatetimeIndex, spec: ModelSpec) -> pd.DatetimeIndex:
    """The first day of each week, from the table's dates."""
    return weeks - _TO_LAST if spec.time.marks == "end" else weeks


def week_coordinate(weeks: Any, spec: ModelSpec, dim: str = "week") -> tuple[str, Any, dict[str, str]]:
    """A coordinate of the table's dates, whose attribute `marks` says what they mark: "start" or "end" of a week."""
    return dim, weeks, {"marks": spec.time.marks}


def week_heading(spec: ModelSpec) -> str:
    """What a column or axis of the table's dates is called."""
    return "week ending" if spec.time.marks == "end" else "week"


def with_first_day(table: pd.DataFrame, spec: ModelSpec, column: str = "week") -> pd.DataFrame:
    """The table with a column `first_day` beside that of its weeks, where the dates are not first days themselves."""
    if spec.time.marks == "start":
        return table
    days = first_days(pd.DatetimeIndex(table[column]), spec)
    out = table.copy()
    out.insert(list(table.columns).index(column) + 1, "first_day", days)
    return out


def not_weekly(weeks: pd.DatetimeIndex, column: str, marks: str = "start") -> str | None:
    """What is wrong with the distinct, sorted days as a calendar of weeks, and what to do; None where nothing is.

    Rows of days, fortnights, months, quarters and years are named as such; then weeks on another weekday than the
    others, then weeks left out.

    Args:
        marks: whether a date is the first day of its week, or the last (`end`).
    """
    gaps = np.diff(weeks.to_numpy()).astype("timedelta64[D]").astype(int)
    if not len(gaps):
        return None
    if kind := _kind(gaps):
        return f"the rows are {kind[0]} ({_dates(weeks[:3])} ...): {kind[1]}"
    weekday = weeks.day_name().value_counts().index[0]
    stray = weeks[weeks.day_name() != weekday]
    if len(stray):
        day, ordinary = stray[0], weeks[weeks.day_name() == weekday][0]
        after = pd.Timedelta(days=(day - ordinary).days % 7)
        week = day - after if marks == "start" else day - after + _WEEK
        return (
            f"weeks that are not 7 days apart: {_dates(stray)}: every {column} must fall on the same weekday, and "
            f"most fall on a {weekday}: {day.date()} is a {day.day_name()}, in the week of {week.date()}"
        )
    absent = pd.date_range(weeks[0], weeks[-1], freq=_WEEK).difference(weeks)
    return f"missing weeks {_dates(absent)}: add a row for each" if len(absent) else None


def months_written(values: pd.Series) -> bool:
    """Whether every cell that states something is a month, such as 2024-01 or 202401."""
    stated = values.astype(str)[values.notna()]
    return len(stated) > 1 and bool(stated.str.fullmatch(r"[0-9]{4}-?(0[1-9]|1[0-2])").all())


def _kind(gaps: np.ndarray) -> tuple[str, str] | None:
    """What rows so many days apart are, and the remedy; None for weeks, whole or with some left out."""
    usual = int(np.median(gaps))
    if usual == 1:
        return "days", "a weekly table is needed: add them up by week"
    if usual == 14 and len(gaps) > 2:
        return "fortnights", "a weekly table is needed"
    spans = {"months": (28, 31), "quarters": (90, 92), "years": (365, 366)}
    for kind, (shortest, longest) in spans.items():
        if shortest <= usual <= longest and (np.unique(gaps).size > 1 or usual % 7):
            return kind, "a weekly table is needed"
    return None


def _dates(days: pd.DatetimeIndex) -> str:
    return listed(days.strftime("%Y-%m-%d"))
