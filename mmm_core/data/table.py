"""The weekly table a model is fitted on: refusing a bad one, typing a good one, and its fingerprint."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pandas as pd

from mmm_core.data.cells import (
    DECIMAL_COMMAS,
    ROW,
    days,
    holds_words,
    names_alike,
    places,
    quantities,
    same_value,
    text_of,
)
from mmm_core.data.contract import contract_faults, weeks_of
from mmm_core.data.panel import panel_faults
from mmm_core.data.reader import read_table as read_table
from mmm_core.data.weeks import first_days, months_written, not_weekly
from mmm_core.errors import InputError, listed, nearest, shown
from mmm_core.names import normal_name
from mmm_core.spec.model_spec import ModelSpec

OF_TEXT = (
    "the column is text: write numbers (1 where it holds, 0 elsewhere), or name events by their dates "
    "(`baseline: {events: ...}`)"
)
"""What becomes of a column without any number that a model names."""


def check_table(table: pd.DataFrame, spec: ModelSpec, source: str = "table") -> pd.DataFrame:
    """The rows and columns the model reads, typed and sorted by geo and week.

    Args:
        table: one row a week, or a week and geo; of text, as `read_table` returns it, or of Python values.
        source: what to call the table in messages.

    Returns:
        Columns `spec.columns` without the filters: the week as datetime64, the geo as text, the rest float64.

    Raises:
        InputError: a missing or repeated column, text among numbers, rows that are not weeks, a duplicated or missing
            week, negative or missing media, a missing control, a KPI gap, a channel without any media, geos named
            alike, a geo whose KPI never changes or whose population jumps, weeks that were closed, or no rows left.
    """
    rows = by_name(table, source)
    _require_columns(rows, spec, source)
    for column, value in spec.filter.items():
        rows = matching(rows, column, value, source)
    decimal_commas = bool(table.attrs.get(DECIMAL_COMMAS, False))
    rows = rows[[column for column in spec.columns if column not in spec.filter]].copy()
    rows[spec.time.column] = week_column(rows, spec, source)
    rows = _within_window(rows, spec)
    if rows.empty:
        raise InputError(f"{source}: no rows between time.from {spec.time.from_} and time.to {spec.time.to}")
    if spec.geo:
        rows[spec.geo.column] = _geos(rows, spec, source)
    for column in spec.numeric_columns:
        rows[column] = _finite_numbers(rows, column, spec, source, decimal_commas)
    _check_calendar(rows, spec, source)
    keys = [spec.geo.column, spec.time.column] if spec.geo else [spec.time.column]
    rows = rows.sort_values(keys)
    faults = contract_faults(rows, spec) or panel_faults(rows, spec)
    if faults:
        raise InputError(
            f"{source}: " + (faults[0] if len(faults) == 1 else "".join(f"\n  {line}" for line in faults))
        )
    return rows.reset_index(drop=True)


def by_name(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """The table under normalised names, its rows told apart by their index.

    Raises:
        InputError: a column that is there twice.
    """
    names = [normal_name(str(column)) for column in table.columns]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(
            f"{source}: column {listed(map(shown, twice))} is there twice: keep one, or rename the other"
        )
    rows = table.set_axis(names, axis=1)
    return rows if table.index.name == ROW and table.index.is_unique else rows.reset_index(drop=True)


def matching(rows: pd.DataFrame, column: str, value: str, source: str) -> pd.DataFrame:
    """The rows that a filter keeps: where the column is the value, as text or as a number.

    Raises:
        InputError: there is none; the values there are follow.
    """
    kept = rows[same_value(rows[column], value)]
    if kept.empty:
        known = [text for text in text_of(rows[column]).unique() if text]
        raise InputError(f"{source}: no row has {column} = {shown(value)}: {nearest(value, known)}")
    return kept


def week_column(rows: pd.DataFrame, spec: ModelSpec, source: str) -> pd.Series:
    """The weeks of a table as datetime64[ns].

    Raises:
        InputError: a cell that is blank or no day, with its rows.
    """
    column = spec.time.column
    cells = rows[column]
    read = days(cells)
    bad = read.wrong | read.values.isna()
    if not bad.any():
        return read.values
    if months_written(cells):
        raise InputError(
            f"{source}: column {column}: the rows are months ({listed(map(shown, cells), 3)}): a weekly table is "
            f"needed, its weeks written YYYY-MM-DD"
        )
    blank = bad & ~read.wrong
    if blank.any():
        raise InputError(
            f"{source}: column {column}: no week {places(cells[blank])}: state it, or delete the row"
        )
    raise InputError(
        f"{source}: column {column}: not a date written YYYY-MM-DD: {listed(map(shown, cells[bad].unique()))}"
        f" {places(cells[bad])}: {read.remedy}"
    )


def fingerprint(table: pd.DataFrame) -> str:
    """Content hash of a table: the order of rows and columns does not matter, any value does."""
    columns = sorted(table.columns)
    frame = table[columns].copy()
    for column in columns:
        if pd.api.types.is_datetime64_any_dtype(frame[column]):
            frame[column] = frame[column].astype("datetime64[ns]").astype("int64")
        elif pd.api.types.is_numeric_dtype(frame[column]):
            frame[column] = frame[column].astype("float64")
        else:
            frame[column] = frame[column].astype(str)
    rows = np.sort(pd.util.hash_pandas_object(frame, index=False).to_numpy())
    digest = hashlib.sha256("\x1f".join(columns).encode())
    digest.update(rows.tobytes())
    return digest.hexdigest()[:16]


def _require_columns(table: pd.DataFrame, spec: ModelSpec, source: str) -> None:
    missing = {column: keys for column, keys in spec.column_keys.items() if column not in table.columns}
    if missing:
        known = [str(column) for column in table.columns]
        faults = "\n".join(
            f"  '{column}' ({', '.join(dict.fromkeys(keys))}): {nearest(column, known)}"
            for column, keys in missing.items()
        )
        raise InputError(f"{source}: columns that model {spec.model} names are not there\n{faults}")
    if table.empty:
        raise InputError(f"{source}: the table has no rows")


def _within_window(rows: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Rows from the week that holds the day `time.from` to the one that holds `time.to`."""
    first = first_days(pd.DatetimeIndex(rows[spec.time.column]), spec)
    keep = np.ones(len(rows), dtype=bool)
    if spec.time.from_:
        keep &= first + pd.Timedelta(days=6) >= pd.Timestamp(spec.time.from_)
    if spec.time.to:
        keep &= first <= pd.Timestamp(spec.time.to)
    return rows[keep].copy()


def as_numbers(
    rows: pd.DataFrame, column: str, spec: ModelSpec, source: str, decimal_commas: bool = False
) -> pd.Series:
    """A column as floats, nan where a value is missing.

    Raises:
        InputError: text among the values, or a number that no quantity is as large as, with the weeks it is in.
    """
    read = quantities(rows[column], decimal_commas)
    if read.wrong.any():
        values = rows[column][read.wrong]
        remedy = read.remedy
        if set(values.astype(str).str.lower()) <= {"true", "false"}:
            remedy = "write 1 or 0"
        elif holds_words(rows[column]):
            remedy = OF_TEXT
        raise InputError(
            f"{source}: column {column}: not a number in weeks {weeks_of(rows[read.wrong], spec)}: "
            f"{listed(map(shown, values.unique()), 3)}: {remedy}"
        )
    return read.values


def _finite_numbers(
    rows: pd.DataFrame, column: str, spec: ModelSpec, source: str, decimal_commas: bool
) -> pd.Series:
    values = as_numbers(rows, column, spec, source, decimal_commas)
    if np.isinf(values).any():
        raise InputError(
            f"{source}: column {column}: infinite in weeks {weeks_of(rows[np.isinf(values)], spec)}: correct "
            "the division by 0 behind it"
        )
    return values


def _geos(rows: pd.DataFrame, spec: ModelSpec, source: str) -> pd.Series:
    assert spec.geo
    geos = text_of(rows[spec.geo.column])
    blank = geos == ""
    if blank.any():
        raise InputError(
            f"{source}: column {spec.geo.column}: no geo in weeks {weeks_of(rows[blank], spec)}: name it, or delete "
            "the row"
        )
    if fault := names_alike(geos):
        raise InputError(f"{source}: {fault}")
    return geos


def _check_calendar(rows: pd.DataFrame, spec: ModelSpec, source: str) -> None:
    """One row a week (and geo), no week left out, all geos over the same weeks."""
    time = spec.time.column
    keys = [time] + ([spec.geo.column] if spec.geo else [])
    twice = rows[rows.duplicated(keys, keep=False)]
    if not twice.empty:
        hint = (
            "keep one row a week and geo"
            if spec.geo
            else "keep one row a week, choose rows with `filter:`, or name the `geo:` column"
        )
        raise InputError(f"{source}: more than one row for {weeks_of(twice, spec)}: {hint}")
    weeks = pd.DatetimeIndex(np.sort(rows[time].unique()))
    if fault := not_weekly(weeks, time, spec.time.marks):
        raise InputError(f"{source}: {fault}")
    if len(weeks) < spec.l_max + 26:
        raise InputError(
            f"{source}: {len(weeks)} weeks; at least {spec.l_max + 26} are needed "
            f"({spec.l_max} of media history for l_max {spec.l_max}, and 26 to learn from)"
        )
    if spec.geo:
        count = rows.groupby(spec.geo.column)[time].count()
        short = count[count < len(weeks)]
        if len(short):
            geo = str(short.index[0])
            held = pd.DatetimeIndex(rows.loc[rows[spec.geo.column] == geo, time])
            lost = listed(weeks.difference(held).strftime("%Y-%m-%d"))
            raise InputError(f"{source}: missing weeks {lost} in geo {shown(geo)}: add a row for each")
