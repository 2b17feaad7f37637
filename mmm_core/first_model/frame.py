"""The frame of a table: which column holds the weeks, which the geos, which rows are of one market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mmm_core.data.cells import text_of
from mmm_core.data.currency_columns import several_currencies
from mmm_core.data.weeks import not_weekly
from mmm_core.errors import InputError, listed, shown
from mmm_core.first_model import words
from mmm_core.first_model.columns import ColumnValues
from mmm_core.first_model.day_order import days_otherwise

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


@dataclass(frozen=True)
class WeekColumn:
    """Which column holds the weeks.

    Attributes:
        column: its name. Where no column holds days, that of one which is named as if it did, or None.
        why: the reason.
        fault: what is wrong where it holds none, and what to do.
    """

    column: str | None
    why: str = ""
    fault: str = ""


_DAY_OTHERWISE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
MOST = 0.9


def frame_of(columns: Mapping[str, ColumnValues], source: str) -> Frame:
    """The frame of a table.

    Raises:
        InputError: no column of days, rows that are no weeks, or several rows a week that no column tells apart.
    """
    found = week_of(columns)
    if found.fault or found.column is None:
        raise InputError(f"{source}: {found.fault}")
    week, why = found.column, found.why
    weeks = columns[week].values
    keep = weeks.notna()
    geo, chosen, more = places_of(columns, week, keep, source)
    for column, value in chosen.items():
        keep &= columns[column].values == value
    unique = pd.DatetimeIndex(np.sort(weeks[keep].unique()))
    marks, trap = _marks(week, unique)
    if (fault := not_weekly(unique, week, marks)) and not fault.startswith("missing weeks"):
        raise InputError(f"{source}: column {week}: {fault}")
    traps = [trap] if trap else []
    if geo and not words.has(words.tokens(geo), words.GEO):
        there = text_of(columns[geo].values).unique()
        traps.append(
            f"column {geo} alone tells the rows of a week apart ({listed(map(shown, there), 3)}), and is not named as "
            "a place: taken for geos; where it is none, add its rows up by week"
        )
    if chosen:
        column, value = next(iter(chosen.items()))
        others = sorted(set(columns[column].values) - {value, ""})
        traps.append(
            f"column {column} has {shown(value)} and {listed(map(shown, others), 3)}: the proposal is for "
            f"{shown(value)}; "
            f"write a model for each; `landing/weekly_tables` takes a file of each, without `filter` in its model"
        )
    return Frame(week, marks, geo, chosen, keep, {week: why, **more}, tuple(traps))


def week_of(columns: Mapping[str, ColumnValues]) -> WeekColumn:
    """The column of the weeks: the first that holds days and is named as one, or the first that holds days.

    A column is named as one by a word of `mmm_core.first_model.words.WEEK`, in any capitals. `mmm inspect` and the
    landing of weekly tables both ask here, so that a table that one reads is read by the other.

    Args:
        columns: of the table, in its order.
    """
    found = [name for name, column in columns.items() if column.kind == "day"]
    named = [name for name in found if _named_week(name)]
    if not found:
        return _no_week(columns)
    pool = named or found
    best = next((name for name in pool if columns[name].missing == 0), pool[0])
    why = "a day in every row" + (", and named as one" if named else "")
    others = [name for name in found if name != best]
    return WeekColumn(best, why + (f"; {listed(others)} too" if others else ""))


def _named_week(name: str) -> bool:
    return words.has(words.tokens(name), words.WEEK)


def _no_week(columns: Mapping[str, ColumnValues]) -> WeekColumn:
    """Why no column holds the weeks."""
    otherwise = next((name for name, column in columns.items() if _holds_days(column)), None)
    if otherwise is not None:
        return WeekColumn(None, fault=f"column {otherwise} {days_otherwise(columns[otherwise].values)}")
    named = next(
        (name for name, column in columns.items() if _named_week(name) and not column.is_number), None
    )
    if named is not None:
        first = next((cell for cell in columns[named].values if cell and cell == cell), "")
        return WeekColumn(
            named, fault=f"column {named}: {shown(first)} is not a day: write days as YYYY-MM-DD"
        )
    return WeekColumn(
        None,
        fault="no column of days: one must hold a day of each week, written YYYY-MM-DD (a number of the week, or a "
        "month, is no day)",
    )


def _holds_days(column: ColumnValues) -> bool:
    """Whether a text has days in another form than YYYY-MM-DD in nearly every row."""
    return column.kind == "text" and column.values.str.fullmatch(_DAY_OTHERWISE).mean() > MOST


def places_of(
    columns: Mapping[str, ColumnValues], week: str, keep: pd.Series, source: str
) -> tuple[str | None, dict[str, str], dict[str, str]]:
    """Geo column, filter, and why of each; rows of one week must be told apart by them.

    Args:
        week: column of the days. keep: rows that have one.

    Raises:
        InputError: several rows a week that no column, and no two of them, tell apart.
    """
    weeks = columns[week].values
    if not weeks[keep].duplicated().any():
        return None, {}, {}

    def apart(*names: str) -> bool:
        keys = pd.DataFrame({"week": weeks, **{name: columns[name].values for name in names}})[keep]
        return not keys.duplicated().any()

    texts = {name: column.values[keep] for name, column in columns.items() if column.kind == "text"}
    several = several_currencies(
        texts
    )  # a week in two currencies is one place, whose rows cannot be added up
    candidates = [
        name
        for name, column in columns.items()
        if name != week
        and not column.constant
        and name not in several
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
    fault = f"{source}: column {week}: several rows for {repeated:%Y-%m-%d}, and no column tells them apart: "
    if several:
        name, codes = next(iter(several.items()))
        fault += f"column {name} has {listed(codes)}: convert to one currency, then "
    raise InputError(f"{fault}add them up by week (and geo), or name the geo in a column")


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
