"""The cells of a file in the contract's types, and what speaks against each: the one place that says what a kind is."""

import functools
import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from assets.raw.contract import Column, Contract
from assets.raw.faults import Fault
from assets.raw.kinds import LARGEST_AMOUNT
from assets.raw.personal import holds_email, with_hashed_emails, without_addresses
from assets.raw.spelling import LOST_DIGITS, lost_digits, spelled
from mmm_core.errors import listed, shown

if TYPE_CHECKING:
    import pandas as pd

_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_LARGEST = 2**63  # the first that 64 bits do not hold
_EXACT = 2**53  # up to here every whole number is a double
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?"
    r"(?P<zone> ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?"
)
_FLAGS = {
    "true": True,
    "t": True,
    "1": True,
    "yes": True,
    "false": False,
    "f": False,
    "0": False,
    "no": False,
}
BLANK = "is blank"
_HOLDS_EMAIL = "holds an e-mail address"
_AS_EXPORTED = "export the file again, or correct the value in it"

_Faults = list[tuple[str, str, "pd.Series"]]  # fault, remedy, where


def typed(contract: Contract, cells: "pd.DataFrame") -> "tuple[pd.DataFrame, list[Fault]]":
    """The contract's columns in their types, and every column's faults. A cell at fault may have any value.

    Args:
        cells: text, as `mmm_core.data.reader` returns it; its index is the row in the file.
    """
    import pandas as pd

    from mmm_core.data.cells import DECIMAL_COMMAS, rows_named

    columns, faults = {}, []
    for column in contract.columns:
        text = cells[column.name]
        values, found = _column(column, text, cells.attrs.get(DECIMAL_COMMAS, False))
        columns[column.name] = values
        seen = pd.Series(False, index=text.index)
        for fault, remedy, wrong in found:
            rows = text[wrong & ~seen]  # a cell that is no number has no other fault
            seen |= wrong
            if len(rows):
                values_shown = (shown(without_addresses(value)) for value in rows.unique())
                which = "" if fault == BLANK else listed(values_shown, 3) + " "
                line = f"column {column.name}: {which}{fault} ({rows_named(rows.index)})"
                faults.append(
                    Fault(
                        f"{line}: {remedy}" if remedy else line,
                        f"{column.name} {fault}",
                        column.name,
                        remedy,
                        tuple(rows.index),
                    )
                )
    return pd.DataFrame(columns, index=cells.index), faults


def _column(column: Column, text: "pd.Series", decimal_commas: bool) -> tuple["pd.Series", _Faults]:
    """The values of a column and, by fault, the rows that have it."""
    from mmm_core.data.cells import days

    if column.kind in ("integer", "number"):
        values, faults = _figures(column, text, decimal_commas)
        blank = values.isna()
    elif column.kind == "amounts":
        values, wrong, blank = *_amounts(text, decimal_commas), text == ""
        faults = [("is no list of amounts", "write numbers of 0 or more, with ';' between channels", wrong)]
    elif column.kind == "moment":
        values, wrong, blank = *_moments(text), text == ""
        faults = [
            ("is no day and time", "write it as 2024-01-31 23:59:00, with its zone if it is not UTC", wrong)
        ]
    elif column.kind == "flag":
        values, blank = text.str.lower().map(_FLAGS).astype(object), text == ""
        faults = [("is neither true nor false", "write true or false", values.isna() & ~blank)]
    elif column.kind == "date":
        day = days(text)
        values, faults, blank = (
            day.values,
            [("is not a day (YYYY-MM-DD)", day.remedy, day.wrong)],
            day.values.isna(),
        )
    else:
        values = spelled(text, column.spelling)
        faults, blank = _text_faults(column, text, values), text == ""
        values = values.where(~blank, column.blank or None)
    if column.required:
        faults.append((BLANK, "fill it in, or take the row out", blank))
    return values, faults


def _text_faults(column: Column, text: "pd.Series", values: "pd.Series") -> _Faults:
    given, faults = text != "", []
    if column.kind == "month":
        faults.append(
            (
                "is not a month (YYYY-MM)",
                "write it as 2024-01",
                given & ~_each(text, lambda cell: bool(_MONTH.fullmatch(cell))),
            )
        )
    if column.kind == "pattern":
        faults.append(
            (
                "is no regular expression",
                "look for a bracket that is not closed, for a * or + with nothing before it, and for lookaheads and "
                "back-references, which RE2 does not have",
                given & ~_each(text, _is_pattern),
            )
        )
        faults.append(
            (
                _HOLDS_EMAIL,
                "ask for what else the name holds: a hash stands in place of the address when rules are asked",
                _each(text, lambda cell: with_hashed_emails(plain := cell.replace("\\", "")) != plain),
            )
        )
    if column.kind == "zone":
        known = _each(text, lambda cell: _is_taken("select timezone(?, now())", cell))
        faults.append(
            (
                "is no time zone",
                "write its name in the tz database, such as Europe/Berlin or America/New_York",
                given & ~known,
            )
        )
    if column.spelling == "id":
        faults.append(
            (LOST_DIGITS, "format the column as text and export it again", _each(text, lost_digits))
        )
    if column.names_things and not column.allowed:
        faults.append(
            (
                _HOLDS_EMAIL,
                "export the number or the name of what it is, and no person's address",
                _each(text, holds_email),
            )
        )
    if column.allowed:
        faults.append(
            (
                *_not_one_of(column),
                given & ~values.isin(column.allowed),
            )
        )
    return faults


def _moments(text: "pd.Series") -> tuple["pd.Series", "pd.Series"]:
    """Points in time, UTC, and where a cell holds something else."""
    import pandas as pd

    # pandas would give a cell without a zone that of the cell before it
    zoned = {cell: _with_zone(cell) for cell in text.unique()}
    written = pd.Series([zoned[cell] for cell in text], index=text.index, dtype=object)
    read = pd.to_datetime(written, utc=True, format="ISO8601", errors="coerce")
    late = pd.to_datetime(
        written.where(read.isna()), utc=True, format="mixed", errors="coerce"
    )  # hours of one digit
    values = read.fillna(late).dt.tz_localize(None).astype("datetime64[us]")
    return values, values.isna() & (text != "")


def _with_zone(cell: str) -> str | None:
    """A point in time with the zone it is of; None of what is none."""
    found = _MOMENT.fullmatch(cell)
    return found and (cell if found["zone"] else f"{cell if len(cell) > 10 else f'{cell} 00:00'}Z")


def _is_pattern(text: str) -> bool:
    """Whether the warehouse, which matches campaigns with it, takes the expression."""
    return _is_taken("select regexp_matches('', ?)", text)


def _is_taken(question: str, text: str) -> bool:
    """Whether the warehouse can work with a cell: one that it cannot would end a build, unnamed."""
    import duckdb

    with duckdb.connect() as connection:
        try:
            connection.execute(question, [text])
        except duckdb.Error:
            return False
    return True


def _not_one_of(column: Column) -> tuple[str, str]:
    if column.is_currency:
        return "is no currency of ISO 4217", "write its three letters, such as EUR, or take the row out"
    return f"is not one of {', '.join(column.allowed)}", "write one of these, or take the row out"


def _amounts(text: "pd.Series", decimal_commas: bool) -> tuple["pd.Series", "pd.Series"]:
    """Amounts with points for decimals, and where a cell holds something else."""
    import pandas as pd

    from mmm_core.data.cells import numbers

    def plain(cell: str) -> str | None:
        """The cell's amounts as they are kept; None where one of them is none."""
        channels = [part.split() for part in cell.split(";")] if cell else []
        if not all(channels):
            return None
        parts = [amount for weeks in channels for amount in weeks]
        read = numbers(pd.Series(parts, dtype=object), decimal_commas)
        if read.wrong.any() or read.values.isna().any() or (read.values < 0).any():
            return None
        kept = iter(repr(float(value)).removesuffix(".0") for value in read.values)
        return ";".join(" ".join(next(kept) for _ in weeks) for weeks in channels)

    values = text.map(plain).astype(object)
    return values.where(text != "", None), values.isna() & (text != "")


def _figures(column: Column, text: "pd.Series", decimal_commas: bool) -> tuple["pd.Series", _Faults]:

    from mmm_core.data.cells import numbers

    number = numbers(text, decimal_commas)
    values = number.values
    faults = [("is not a number", number.remedy, number.wrong)]
    if column.kind == "integer":
        faults.append(("is not a whole number", "write it without decimals", (values % 1).fillna(0) != 0))
        faults.append(
            (
                "is beyond what 64 bits hold",
                "look for digits that ran together",
                _beyond_64_bits(text, values),
            )
        )
    if column.minimum is not None:
        fault = "is negative" if column.minimum == 0 else f"is below {column.minimum:g}"
        faults.append((fault, _AS_EXPORTED, values < column.minimum))
    if column.maximum is not None:
        ran_together = column.maximum >= LARGEST_AMOUNT
        remedy = "look for digits that ran together" if ran_together else _AS_EXPORTED
        faults.append((f"is above {column.maximum:g}", remedy, values > column.maximum))
    if column.kind == "integer":
        sound = ~functools.reduce(operator.or_, (wrong for *_, wrong in faults))
        values = _whole(text, values.where(sound))
    return values, faults


def _beyond_64_bits(text: "pd.Series", values: "pd.Series") -> "pd.Series":
    beyond = values.abs() >= _LARGEST
    for row in beyond.index[beyond]:  # the double next to the largest whole number is beyond it
        beyond[row] = abs(_digits(text[row], values[row])) >= _LARGEST
    return beyond


def _whole(text: "pd.Series", values: "pd.Series") -> "pd.Series":
    """Whole numbers, those that a double may not hold digit by digit."""
    import pandas as pd

    large = values.abs() >= _EXACT  # the double of the next whole number is this one
    if not large.any():
        return values.astype("Int64")
    exact = [_digits(text[row], values[row]) for row in values.index[large]]
    whole = values.where(~large, 0).astype("Int64")
    whole.loc[large] = pd.array(exact, dtype="Int64")
    return whole


def _digits(cell: str, value: float) -> int:
    return int(cell) if _WHOLE.fullmatch(cell) else int(value)


def _each(text: "pd.Series", test: Callable[[str], bool]) -> "pd.Series":
    import pandas as pd

    known = {cell: test(cell) for cell in text.unique()}
    return pd.Series([known[cell] for cell in text], index=text.index, dtype=bool)
