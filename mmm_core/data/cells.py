"""From the cells of a table to numbers and days: one rule, whoever asks.

A cell is text, as a file holds it, or a Python value, as a data frame does. A function here never guesses: what it
cannot read for certain it marks, and whoever asked refuses it by row and value.
"""

from __future__ import annotations

import datetime
import numbers as abstract
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.data.currencies import CURRENCIES
from mmm_core.errors import InputError, listed, shown
from mmm_core.names import alike, normal_name

MISSING = frozenset({"", "NA", "NaN", "nan", "NULL", "null", "None"})
"""Cells of a column of numbers or days that state nothing: blank, or as pandas, R and SQL write it."""

ROW = "row"
"""Name of the index of a table that was read from a file: the row in it, as a spreadsheet counts."""

DECIMAL_COMMAS = "decimal_commas"
"""Attribute of such a table: whether its numbers may have decimal commas, as where semicolons separate its cells."""

DIGITS_ONLY = "write digits only, with a point for decimals"
COMMA_IS_UNCLEAR = "a comma may stand for decimals or for thousands"
_WITH_SEMICOLONS = f"{COMMA_IS_UNCLEAR}: save a file with decimal commas with semicolons between its cells"
_NO_CELL_TELLS = f"{COMMA_IS_UNCLEAR}, and no cell of the column tells which"
A_DAY = "write the day alone, YYYY-MM-DD"
_UNCLEAR_POINT = (
    "the point may stand for thousands or for decimals: save the file with commas between its cells"
)

_NO_DAY = "no day"

_POINT_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMA_NUMBER = re.compile(r"[+-]?([0-9]+|[1-9][0-9]{0,2}(\.[0-9]{3})+)(,[0-9]+)?([eE][+-]?[0-9]+)?")
_COMMA_FOR_CERTAIN = re.compile(r"[+-]?([0-9.]*\.[0-9]{3},[0-9]+|0,[0-9]+|[0-9]+,([0-9]{1,2}|[0-9]{4,}))")
_THOUSANDS_PERHAPS = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+")
_DIGITS_AND_COMMAS = re.compile(r"[+-]?[0-9.]*[0-9],[0-9][0-9.,]*")
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?")
_GROUPED_FOR_CERTAIN = re.compile(r"[+-]?[1-9][0-9]{0,2}((,[0-9]{3})+\.[0-9]+|(,[0-9]{3}){2,})")
_OTHERWISE_A_NUMBER = re.compile(
    rf"({'|'.join(CURRENCIES)}|[^\w\s]+)?\s*[-+(]?\s*([^\w\s]+\s*)?[0-9][0-9.,'\u2019\s]*\)?\s*"
    rf"({'|'.join(CURRENCIES)}|[kKmM]|bn|[^\w\s]+)?"
)
_LONGEST_NUMBER = 60
LARGEST = 1e100
"""No quantity of a weekly table is larger; squares of much larger numbers are none any more."""
_DAY = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"  # the day as it is written, in whatever zone
    r"([ T]00:00(:00(\.0+)?)? ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)


@dataclass(frozen=True)
class Typed:
    """A column that was read by its role."""

    values: pd.Series  # nan or NaT where a cell is missing or wrong
    wrong: pd.Series  # where a cell holds something that cannot be read
    remedy: str  # what to write in its place


def numbers(cells: pd.Series, decimal_commas: bool = False) -> Typed:
    """Numbers as float64.

    Where there may be decimal commas, a column is read with them if one of its cells leaves no doubt ("12,5",
    "1.234,56"); one whose points may all be thousands ("1.234") is marked as wrong. Commas between thousands are read
    where a cell leaves no doubt ("1,234.56", "1,234,567") and none speaks for decimal commas. Any other comma is marked
    as wrong, "17,82" of a file with commas between its cells too: "1,234" beside it would be one or a thousand.

    Args:
        cells: text or Python values.
        decimal_commas: whether the file may have them; see `may_have_decimal_commas`.
    """
    if _is_numeric(cells):
        values = pd.Series(cells.to_numpy(dtype="float64", na_value=np.nan), cells.index, name=cells.name)
        return Typed(values, pd.Series(False, index=cells.index), "")
    text = [cell.strip() if isinstance(cell, str) else "" for cell in cells]
    comma = decimal_commas and any(map(_COMMA_FOR_CERTAIN.fullmatch, text))
    if decimal_commas and not comma and _may_be_thousands(text):
        unclear = pd.Series(["." in cell for cell in text], cells.index)
        return Typed(pd.Series(np.nan, cells.index, name=cells.name), unclear, _UNCLEAR_POINT)
    if (
        not comma
        and any(map(_GROUPED_FOR_CERTAIN.fullmatch, text))
        and not any(map(_COMMA_FOR_CERTAIN.fullmatch, text))
    ):
        text = [written.replace(",", "") if _GROUPED.fullmatch(written) else written for written in text]
    read = [
        _number(written, comma) if isinstance(cell, str) else _python_number(cell)
        for cell, written in zip(cells, text, strict=True)
    ]
    wrong = pd.Series([number is None for number in read], cells.index, dtype=bool)
    at_fault = [written for written, number in zip(text, read, strict=True) if number is None]
    remedy = _remedy(at_fault, decimal_commas, comma)
    return Typed(pd.Series(read, cells.index, dtype="float64", name=cells.name), wrong, remedy)


def quantities(cells: pd.Series, decimal_commas: bool = False) -> Typed:
    """Numbers, as `numbers` reads them, of which one beyond `LARGEST` is marked as wrong. An infinite one is not."""
    read = numbers(cells, decimal_commas)
    large = read.values.abs().between(LARGEST, np.inf, inclusive="neither")
    if not large.any():
        return read
    remedy = read.remedy if read.wrong.any() else f"larger than any quantity ({LARGEST:g}): correct it"
    return Typed(read.values.mask(large), read.wrong | large, remedy)


def _remedy(at_fault: list[str], decimal_commas: bool, comma: bool) -> str:
    """What to write in place of cells that are no numbers; of commas, why they are not read."""
    if comma or not any(map(_DIGITS_AND_COMMAS.fullmatch, at_fault)):
        return DIGITS_ONLY
    return f"{DIGITS_ONLY}: {_NO_CELL_TELLS if decimal_commas else _WITH_SEMICOLONS}"


def holds_words(cells: pd.Series) -> bool:
    """Whether a column is of words: something is stated in it, and no cell is a number, in whatever notation.

    "EUR 1 200", "12 %" and "1.5k" are numbers in a notation that is not read, so their column is one of numbers that
    has to be mended. One number among words is enough to doubt that it is a column of words.
    """
    stated = {cell for cell in text_of(cells) if cell not in MISSING}
    return bool(stated) and not any(map(_may_be_a_number, stated))


def may_have_decimal_commas(cells: Iterable[str], separator: str) -> bool:
    """Whether the numbers of a file may have decimal commas: semicolons separate it, or a cell leaves no doubt."""
    if separator == ",":
        return False
    return separator == ";" or any("," in cell and _COMMA_FOR_CERTAIN.fullmatch(cell) for cell in cells)


def days(cells: pd.Series) -> Typed:
    """Days as datetime64[ns] at midnight: YYYY-MM-DD, alone or with a time of midnight, in whatever zone.

    The day is the one that is written: midnight in Berlin is that day in Berlin. 5/1/2024 would be a guess, and so
    would the day of 23:00 in UTC.
    """
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        cells = cells.dt.tz_localize(None)
    if pd.api.types.is_datetime64_dtype(cells.dtype):
        values = cells.dt.normalize()
        wrong = (values != cells) & cells.notna()
    else:
        text = cells.map(_day_text)
        values = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
        wrong = values.isna() & (text != "")
    return Typed(values.where(~wrong).astype("datetime64[ns]"), wrong, A_DAY)


def same_value(cells: pd.Series, wanted: str) -> pd.Series:
    """Where cells are a value: the same text, or the same number ("1" is 1.0). A code such as 01 is text."""
    target, plain = normal_name(wanted), _plain_number(wanted)

    def same(cell: object) -> bool:
        if missing(cell):
            return False
        text = normal_name(str(cell))
        return text == target or (plain is not None and _plain_number(text) == plain)

    return cells.map(same).astype(bool)


def text_of(cells: pd.Series) -> pd.Series:
    """Cells as normalised text; "" where there is none. NA, 01 and None are text."""
    return cells.map(lambda cell: "" if missing(cell) else normal_name(str(cell)))


def missing(cell: object) -> bool:
    """Whether a Python value states nothing. Text always states something but where it is blank."""
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or cell is pd.NA or cell is pd.NaT or cell != cell


def rows_named(index: Iterable[int]) -> str:
    """Rows of a file for a message, as a spreadsheet counts them."""
    rows = sorted({int(row) for row in index})
    return f"{'row' if len(rows) == 1 else 'rows'} {listed(rows)}"


def places(cells: pd.Series) -> str:
    """Where cells are, for a message: their rows in the file they were read from, or their positions."""
    if cells.index.name == ROW:
        return f"({rows_named(cells.index)})"
    return f"(at positions {listed(cells.index)})"


def names_alike(cells: pd.Series) -> str:
    """What is wrong where two names in a column of text differ in capitals or blanks alone; "" where none do."""
    written: dict[str, str] = {}
    for name in dict.fromkeys(cells):
        other = written.setdefault(alike(name), name)
        if other != name:
            two = " and ".join(f"{shown(text)} {places(cells[cells == text])}" for text in (other, name))
            return f"column {cells.name}: {two} differ in capitals or blanks alone: write both alike, or rename one"
    return ""


def number_column(table: pd.DataFrame, column: str, source: str) -> pd.Series:
    """A column of a table that was read from a file, as float64; nan where a cell is missing.

    Raises:
        InputError: naming file, column, values, rows and the remedy.
    """
    return _column(
        numbers(table[column], table.attrs.get(DECIMAL_COMMAS, False)), table, column, source, "not a number"
    )


def day_column(table: pd.DataFrame, column: str, source: str) -> pd.Series:
    """A column of a table that was read from a file, as datetime64[ns]; NaT where a cell is missing.

    Raises:
        InputError: naming file, column, values, rows and the remedy.
    """
    return _column(days(table[column]), table, column, source, "not a day")


def _column(typed: Typed, table: pd.DataFrame, column: str, source: str, fault: str) -> pd.Series:
    if typed.wrong.any():
        cells = table[column][typed.wrong]
        raise InputError(
            f"{source}: column {column}: {fault}: {listed(map(shown, cells.unique()), 3)} ({rows_named(cells.index)}): "
            f"{typed.remedy}"
        )
    return typed.values


def _is_numeric(cells: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(cells.dtype) and not pd.api.types.is_complex_dtype(cells.dtype)


def _number(text: str, comma: bool) -> float | None:
    """The number a cell holds, nan where it is missing, None where it is none."""
    if text in MISSING:
        return float("nan")
    if comma:
        if not _COMMA_NUMBER.fullmatch(text):
            return None
        text = text.replace(".", "").replace(",", ".")
    elif not _POINT_NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if np.isfinite(value) else None


def _python_number(value: object) -> float | None:
    if missing(value):
        return float("nan")
    if isinstance(value, abstract.Real | np.bool_) or type(value).__name__ == "Decimal":
        return float(value)  # type: ignore[arg-type]
    return None


def _may_be_a_number(text: str) -> bool:
    return len(text) <= _LONGEST_NUMBER and (
        _number(text, comma=False) is not None or bool(_OTHERWISE_A_NUMBER.fullmatch(text))
    )


def _may_be_thousands(text: list[str]) -> bool:
    """Whether there are points, and every one of them may stand for thousands."""
    pointed = [cell for cell in text if "." in cell]
    return bool(pointed) and all(map(_THOUSANDS_PERHAPS.fullmatch, pointed))


def _plain_number(text: object) -> float | None:
    """The number that text is, written as a number would be: no leading zeros, as codes have."""
    written = str(text).strip()
    if not _POINT_NUMBER.fullmatch(written) or re.match(r"[+-]?0[0-9]", written):
        return None
    return float(written)


def _day_text(cell: object) -> str:
    """YYYY-MM-DD as far as a cell is written so, "" where it is missing, and `_NO_DAY` otherwise."""
    if isinstance(cell, str):
        written = _DAY.fullmatch(cell.strip())
        if written:
            return written.group(1)
        return "" if cell.strip() in MISSING else _NO_DAY
    if missing(cell):
        return ""
    if isinstance(cell, np.datetime64):
        cell = pd.Timestamp(cell)
    if isinstance(cell, datetime.datetime):
        at_midnight = cell.time() == datetime.time()
        return cell.strftime("%Y-%m-%d") if at_midnight else _NO_DAY
    return cell.isoformat() if isinstance(cell, datetime.date) else _NO_DAY
