"""One row of a table of lift tests: its cells by kind, and what speaks against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

import pandas as pd

from mmm_core.data.cells import DECIMAL_COMMAS, DIGITS_ONLY, Typed, days, numbers, text_of
from mmm_core.errors import listed, nearest, shown
from mmm_core.evidence.columns import COLUMNS
from mmm_core.names import normal_name

Word = TypeVar("Word", bound=str)

BETWEEN = ";"
"""What separates channels and geos in a cell."""
MOST = 1e15
"""Money and units beyond this are a slip: more than a year's turnover of the world, but for the smallest currencies."""
SLIP = "look for a slip in its digits or its unit"
_ALSO_CALLED = {"pending": "needs review"}


@dataclass(frozen=True)
class Rows:
    """The columns of a table by their kind; those that it lacks are blank."""

    text: Mapping[str, pd.Series]
    typed: Mapping[str, Typed]
    decimal_commas: bool

    @classmethod
    def of(cls, table: pd.DataFrame) -> Rows:
        """From the columns of `mmm_core.evidence.columns`."""
        commas = bool(table.attrs.get(DECIMAL_COMMAS, False))
        blank = pd.Series("", index=table.index, dtype=object)
        cells = {column.name: table.get(column.name, blank) for column in COLUMNS}
        typed = {
            column.name: numbers(cells[column.name], commas) if column.kind == "number" else days(cells[column.name])
            for column in COLUMNS
            if column.kind != "text"
        }  # fmt: skip
        return cls({name: text_of(values) for name, values in cells.items()}, typed, commas)


@dataclass
class Row:
    """One row, and what was found wrong with it so far."""

    rows: Rows
    position: int
    faults: list[str] = field(default_factory=list)

    def fault(self, column: str, text: str) -> None:
        """Note what speaks against a cell, and the remedy."""
        self.faults.append(f"column {column}: {text}")

    def text(self, column: str) -> str:
        """A cell as text, "" where it is blank."""
        return str(self.rows.text[column].iloc[self.position])

    def required(self, column: str) -> str:
        """A cell that may not be blank."""
        written = self.text(column)
        if not written:
            self.fault(column, "is blank: fill it in")
        return written

    def number(self, column: str) -> float | None:
        """A number; None where there is none, or none that can be read."""
        value = self._typed(column, "a number")
        if value is not None and abs(value) > MOST:
            self.fault(column, f"{value:g} is beyond anything that is measured: {SLIP}")
            return None
        return None if value is None else float(value)

    def day(self, column: str, required: bool = False) -> date | None:
        """A day; None as of `number`. One that is required is a fault where it is blank, or nan as some tools write."""
        value = self._typed(column, "a day", required)
        return None if value is None else pd.Timestamp(value).date()

    def _typed(self, column: str, kind: str, required: bool = False) -> Any:
        typed = self.rows.typed[column]
        if typed.wrong.iloc[self.position]:
            self.fault(column, f"{shown(self.text(column))} is not {kind}: {typed.remedy}")
            return None
        value = typed.values.iloc[self.position]
        if pd.isna(value):
            if required:
                self.fault(column, "is blank: fill it in")
            return None
        return value

    def word(self, column: str, known: Sequence[Word]) -> Word | None:
        """One of the known words, however it is cased, None for a blank; what was meant is offered for any other."""
        written = self.text(column)
        plain = "".join(letter if letter.isalnum() else " " for letter in written.lower()).split()
        meant = {word.replace("_", " "): word for word in known}
        found = meant.get(_ALSO_CALLED.get(" ".join(plain), " ".join(plain)))
        if written and found is None:
            self.fault(column, f"{shown(written)} is none: {nearest(written.lower(), known)}")
        return found

    def names(self, column: str) -> tuple[str, ...]:
        """Names separated by ';', each once."""
        found = tuple(name for part in self.text(column).split(BETWEEN) if (name := normal_name(part)))
        twice = sorted({name for name in found if found.count(name) > 1})
        if twice:
            self.fault(column, f"{listed(map(shown, twice))} is there twice: name each once")
        return found

    def amounts(self, column: str, parts: list[str]) -> list[float] | None:
        """Amounts of money, none negative; None where one is no such amount."""
        typed = numbers(pd.Series(parts, dtype=object), self.rows.decimal_commas)
        wrong = [part for part, bad in zip(parts, typed.wrong | typed.values.isna(), strict=True) if bad]
        if wrong:
            self.fault(column, f"{listed(map(shown, wrong), 3)} is not a number: {DIGITS_ONLY}")
            return None
        if (typed.values < 0).any():
            self.fault(column, f"{typed.values.min():g} is negative: spend is what was paid, 0 or more")
            return None
        if (typed.values > MOST).any():
            self.fault(column, f"{typed.values.max():g} is beyond anything that is spent: {SLIP}")
            return None
        return [float(value) for value in typed.values]
