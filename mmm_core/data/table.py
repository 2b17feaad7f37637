"""The weekly table a model is fitted on: reading it, refusing a bad one, and its fingerprint."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from mmm_core.data.contract import hold_to_contract, weeks_of
from mmm_core.errors import InputError, listed, nearest
from mmm_core.spec.model_spec import ModelSpec


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a weekly table from CSV or Parquet.

    Raises:
        InputError: no such file, an empty one, or another format.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix in {".csv", ".gz"}:
            return pd.read_csv(path, float_precision="round_trip")  # the digits written are the number read
    except pd.errors.EmptyDataError:
        raise InputError(f"{path}: the file is empty") from None
    except (pd.errors.ParserError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    raise InputError(f"{path}: unknown format '{path.suffix}': write .csv or .parquet")


def check_table(table: pd.DataFrame, spec: ModelSpec, source: str = "table") -> pd.DataFrame:
    """The rows and columns the model reads, typed and sorted by geo and week.

    Args:
        table: one row a week, or a week and geo.
        source: what to call the table in messages.

    Returns:
        Columns `spec.columns` without the filters: the week as datetime64, the geo as text, the rest float64.

    Raises:
        InputError: a missing column, text among numbers, a duplicated or missing week, negative or missing media,
            a missing control, a KPI gap, a channel without any media, or no rows left.
    """
    _require_columns(table, spec, source)
    rows = table
    for column, value in spec.filter.items():
        kept = rows[rows[column].astype(str) == value]
        if kept.empty:
            raise InputError(
                f"{source}: no row has {column} = '{value}': {nearest(value, rows[column].astype(str).unique())}"
            )
        rows = kept
    rows = rows[[column for column in spec.columns if column not in spec.filter]].copy()
    rows[spec.time.column] = _weeks(rows[spec.time.column], spec, source)
    rows = _within_window(rows, spec)
    if rows.empty:
        raise InputError(f"{source}: no rows between time.from {spec.time.from_} and time.to {spec.time.to}")
    for column in spec.numeric_columns:
        rows[column] = _finite_numbers(rows, column, spec, source)
    _check_calendar(rows, spec, source)
    if spec.geo:
        rows[spec.geo.column] = rows[spec.geo.column].astype(str)
    rows = rows.reset_index(drop=True)
    hold_to_contract(rows, spec, source)
    keys = [spec.geo.column, spec.time.column] if spec.geo else [spec.time.column]
    return rows.sort_values(keys).reset_index(drop=True)


def dates(values: pd.Series) -> pd.Series:
    """ISO dates as datetime64[ns] at midnight; NaT where a value is none (5/1/2024 is a guess, not a date)."""
    parsed = pd.to_datetime(values, errors="coerce", format="ISO8601")
    return parsed.dt.normalize().astype("datetime64[ns]")


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


def _weeks(values: pd.Series, spec: ModelSpec, source: str) -> pd.Series:
    weeks = dates(values)
    if weeks.isna().any():
        raise InputError(
            f"{source}: column {spec.time.column}: not a date written YYYY-MM-DD: "
            f"{listed(map(repr, values[weeks.isna()].unique()))}"
        )
    return weeks


def _within_window(rows: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    weeks = rows[spec.time.column]
    keep = pd.Series(True, index=rows.index)
    if spec.time.from_:
        keep &= weeks >= pd.Timestamp(spec.time.from_)
    if spec.time.to:
        keep &= weeks <= pd.Timestamp(spec.time.to)
    return rows[keep].copy()


def as_numbers(rows: pd.DataFrame, column: str, spec: ModelSpec, source: str) -> pd.Series:
    """A column as floats, nan where a value is missing.

    Raises:
        InputError: text among the values, with the weeks it is in.
    """
    values = rows[column]
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    text = numbers.isna() & values.notna()
    if text.any():
        raise InputError(
            f"{source}: column {column}: not a number in weeks {weeks_of(rows[text], spec)}: "
            f"{listed(map(repr, values[text].unique()), 3)}: write digits only, with a point for decimals"
        )
    return numbers


def _finite_numbers(rows: pd.DataFrame, column: str, spec: ModelSpec, source: str) -> pd.Series:
    numbers = as_numbers(rows, column, spec, source)
    if np.isinf(numbers).any():
        raise InputError(
            f"{source}: column {column}: infinite in weeks {weeks_of(rows[np.isinf(numbers)], spec)}: correct "
            "the division by 0 behind it"
        )
    return numbers


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
    weeks = np.sort(rows[time].unique())
    if len(weeks) < spec.l_max + 26:
        raise InputError(
            f"{source}: {len(weeks)} weeks; at least {spec.l_max + 26} are needed "
            f"({spec.l_max} of media history for l_max {spec.l_max}, and 26 to learn from)"
        )
    expected = pd.date_range(weeks[0], weeks[-1], freq="7D")
    absent = expected.difference(pd.DatetimeIndex(weeks))
    if len(absent):
        raise InputError(f"{source}: missing weeks {listed(absent.strftime('%Y-%m-%d'))}: add a row for each")
    irregular = pd.DatetimeIndex(weeks).difference(expected)
    if len(irregular):
        raise InputError(
            f"{source}: weeks that are not 7 days apart: {listed(irregular.strftime('%Y-%m-%d'))}: "
            f"every {time} must fall on the same weekday"
        )
    if spec.geo:
        count = rows.groupby(spec.geo.column)[time].count()
        short = count[count < len(weeks)]
        if len(short):
            geo = str(short.index[0])
            held = pd.DatetimeIndex(rows.loc[rows[spec.geo.column] == short.index[0], time])
            lost = listed(expected.difference(held).strftime("%Y-%m-%d"))
            raise InputError(f"{source}: missing weeks {lost} in geo '{geo}': add a row for each")
