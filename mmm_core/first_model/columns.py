"""What the values of a column say of it: whether they are days, numbers or text, and of which kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from mmm_core.data.cells import Typed, days, holds_words, quantities, text_of

NUMBERS = 0.98
"""Share of the cells that state something which must be numbers (or days) for the column to be one of them."""


@dataclass(frozen=True)
class ColumnValues:
    """A column as it was read.

    Attributes:
        kind: day, number or text.
        values: days as datetime64, numbers as float64, text as text ("" where blank).
        unread: cells that should be as the others are, and are not; of a column of words none.
        remedy: what to write in their place.
    """

    name: str
    kind: str
    values: pd.Series
    unread: pd.Series = field(default_factory=lambda: pd.Series(dtype=object))
    remedy: str = ""

    @cached_property
    def known(self) -> np.ndarray:
        """The numbers that are there."""
        values = self.values.to_numpy(dtype=float)
        return values[np.isfinite(values)]

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers, and at least one."""
        return self.kind == "number" and len(self.known) > 0

    @property
    def never_negative(self) -> bool:
        """No number below 0."""
        return self.is_number and float(self.known.min()) >= 0

    @property
    def constant(self) -> bool:
        """One value, or none."""
        return self.values.nunique(dropna=True) <= 1

    @property
    def indicator(self) -> bool:
        """Zeros and ones."""
        return self.is_number and set(np.unique(self.known)) <= {0.0, 1.0}

    @property
    def counts_up(self) -> bool:
        """Whole numbers that go up by the same step, or start again: a counter of rows, weeks or years."""
        if not self.is_number or self.indicator or len(self.known) < 3:
            return False
        if not np.array_equal(self.known, np.round(self.known)):
            return False
        steps = np.diff(self.known)
        usual = steps[steps >= 0]
        return bool(
            len(usual)
            and (steps >= 0).mean() > 0.9
            and usual.max() <= 7
            and np.unique(usual).size <= 3
            and usual.any()
        )

    @property
    def missing(self) -> int:
        """Cells that state nothing."""
        return int(self.values.isna().sum()) if self.kind != "text" else int((self.values == "").sum())


def read_column(cells: pd.Series, decimal_commas: bool) -> ColumnValues:
    """A column by what nearly all of its cells are; cells that are something else are then missing."""
    name, stated = str(cells.name), max(int((text_of(cells) != "").sum()), 1)
    as_days = days(cells)
    if int(as_days.values.notna().sum()) >= NUMBERS * stated and not pd.api.types.is_numeric_dtype(
        cells.dtype
    ):
        return ColumnValues(name, "day", as_days.values, *_unread(cells, as_days))
    as_numbers = quantities(cells, decimal_commas)
    finite = as_numbers.values.where(np.isfinite(as_numbers.values))
    if int(finite.notna().sum()) >= NUMBERS * stated or not as_numbers.wrong.any():
        return ColumnValues(name, "number", finite, *_unread(cells, as_numbers))
    if holds_words(cells):
        return ColumnValues(name, "text", text_of(cells))
    return ColumnValues(name, "text", text_of(cells), *_unread(cells, as_numbers))


def _unread(cells: pd.Series, typed: Typed) -> tuple[pd.Series, str]:
    return text_of(cells[typed.wrong]), typed.remedy
