"""Whether the rows of a table are weeks, and in words what they are if not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mmm_core.errors import listed

_WEEK = pd.Timedelta(days=7)


def not_weekly(weeks: pd.DatetimeIndex, column: str) -> str | None:
    """What is wrong with the distinct, sorted days as a calendar of weeks, and what to do; None where nothing is.

    Rows of days, fortnights, months, quarters and years are named as such; then weeks on another weekday than the
    others, then weeks left out.
    """
    gaps = np.diff(weeks.to_numpy()).astype("timedelta64[D]").astype(int)
    if not len(gaps):
        return None
    if kind := _kind(gaps):
        return f"the rows are {kind[0]} ({_dates(weeks[:3])} ...): {kind[1]}"
    weekday = weeks.day_name().value_counts().index[0]
    stray = weeks[weeks.day_name() != weekday]
    if len(stray):
        day = stray[0]
        monday = day - pd.Timedelta(days=(day - weeks[weeks.day_name() == weekday][0]).days % 7)
        return (
            f"weeks that are not 7 days apart: {_dates(stray)}: every {column} must fall on the same weekday, and "
            f"most fall on a {weekday}: {day.date()} is a {day.day_name()}, in the week of {monday.date()}"
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
