"""The frame of a table: which column holds the weeks, which the geos, which rows are of one market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mmm_core.data.weeks import not_weekly
from mmm_core.errors import InputError, listed, shown
from mmm_core.first_model import words
from mmm_core.first_model.columns import ColumnValues

SUNDAY, SATURDAY = 6, 5


@dataclass(frozen=True)
class Frame:
    """What a row is.

    Attributes:
        week: column of the weeks; marks: whether its dates are first or last days.
        geo: column of the geos; None where there is one row a week.
        filter: column to the value that is kept.
        keep: rows that the filter keeps, by the table's index.
        why: column to the reason.
        traps: what to look at.
    """

    week: str
    marks: str
    geo: str | None
    filter: Mapping[str, str]
    keep: pd.Series
    why: Mapping[str, str]
    traps: tuple[str, ...] = field(default=())


_DAY_OTHERWISE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
MOST = 0.9


def frame_of(columns: Mapping[str, ColumnValues], source: str) -> Frame:
    """The frame of a table.

    Raises:
        InputError: no column of days, rows that are no weeks, or several rows a week that no column tells apart.
    """
    week, why = _week(columns, source)
    weeks = columns[week].values
    keep = weeks.notna()
    geo, chosen, more = _places(columns, week, keep, source)
    for column, value in chosen.items():
        keep &= columns[column].values == value
    unique = pd.DatetimeIndex(np.sort(weeks[keep].unique()))
    marks, trap = _marks(week, unique)
    if (fault := not_weekly(unique, week, marks)) and not fault.startswith("missing weeks"):
        raise InputError(f"{source}: column {week}: {fault}")
    traps = [trap] if trap else []
    if chosen:
        column, value = next(iter(chosen.items()))
        others = sorted(set(columns[column].values) - {value, ""})
        traps.append(
            f"column {column} has {shown(value)} and {listed(map(shown, others), 3)}: the proposal is for "
            f"{shown(value)}; "
            "write a model for each"
        )
    return Frame(week, marks, geo, chosen, keep, {week: why, **more}, tuple(traps))


def _week(columns: Mapping[str, ColumnValues], source: str) -> tuple[str, str]:
    found = [name for name, column in columns.items() if column.kind == "day" and column.missing == 0]
    found = found or [name for name, column in columns.items() if column.kind == "day"]
    if not found:
        otherwise = next((name for name, column in columns.items() if _holds_days(column)), None)
        if otherwise is not None:
            first = next(cell for cell in columns[otherwise].values if cell)
            raise InputError(
                f"{source}: column {otherwise} holds {shown(first)}, of which nobody can say for sure what is the day "
                "and what the month: write days as YYYY-MM-DD"
            )
        raise InputError(
            f"{source}: no column of days: one must hold a day of each week, written YYYY-MM-DD (a number of the week, "
            "or a month, is no day)"
        )
    named = [name for name in found if words.has(words.tokens(name), words.WEEK)]
    best = (named or found)[0]
    why = "a day in every row" + (", and named as one" if named else "")
    return best, why + (f"; {listed(name for name in found if name != best)} too" if len(found) > 1 else "")


def _holds_days(column: ColumnValues) -> bool:
    """Whether a text has days in another form than YYYY-MM-DD in nearly every row."""
    return column.kind == "text" and column.values.str.fullmatch(_DAY_OTHERWISE).mean() > MOST


def _places(
    columns: Mapping[str, ColumnValues], week: str, keep: pd.Series, source: str
) -> tuple[str | None, dict[str, str], dict[str, str]]:
    """Geo column, filter, and why of each; rows of one week must be told apart by them."""
    weeks = columns[week].values
    if not weeks[keep].duplicated().any():
        return None, {}, {}

    def apart(*names: str) -> bool:
        keys = pd.DataFrame({"week": weeks, **{name: columns[name].values for name in names}})[keep]
        return not keys.duplicated().any()

    candidates = [
        name
        for name, column in columns.items()
        if name != week
        and not column.constant
        and (column.kind == "text" or words.has(words.tokens(name), words.GEO))
        and column.values.nunique() < keep.sum() / 2
    ]
    candidates.sort(key=lambda name: not words.has(words.tokens(name), words.GEO))
    for name in candidates:
        if apart(name):
            count = columns[name].values.nunique()
            return name, {}, {name: f"with the week it tells all rows apart: {count} places"}
    for name in candidates:
        for other in candidates:
            if other != name and apart(name, other):
                market, geo = sorted((name, other), key=lambda each: _width(columns[each]))
                value = str(columns[market].values[keep].value_counts().index[0])
                within = columns[geo].values[keep & (columns[market].values == value)]
                why = {market: f"with {geo} and the week it tells all rows apart", geo: f"places of {market}"}
                return (geo if within.nunique() > 1 else None), {market: value}, why
    repeated = weeks[keep][weeks[keep].duplicated()].iloc[0]
    raise InputError(
        f"{source}: column {week}: several rows for {repeated:%Y-%m-%d}, and no column tells them apart: add "
        "them up by "
        "week (and geo), or name the geo in a column"
    )


def _width(column: ColumnValues) -> tuple[bool, int]:
    """What makes of two columns one the market and the other its places: its name, then that it has fewer values."""
    return not words.has(words.tokens(column.name), words.MARKET), int(column.values.nunique())


def _marks(week: str, weeks: pd.DatetimeIndex) -> tuple[str, str]:
    """Whether the dates are first or last days, and what to check where the name does not say."""
    named = words.tokens(week)
    weekday = int(weeks.dayofweek.value_counts().index[0])
    if words.has(named, words.ENDS):
        return "end", ""
    if words.has(named, words.STARTS) or weekday not in (SATURDAY, SUNDAY):
        return "start", ""
    day = weeks.day_name()[0]
    return "end", (
        f"column {week}: the dates are {day}s and the name does not say what they mark: taken for last days, as "
        "`resample('W')` and market research write them; if a week begins on that day write `time: {marks: start}`"
    )
