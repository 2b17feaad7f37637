"""Days that are written in another order than YYYY-MM-DD: whether a cell of their column settles the order.

16/01/2023 can only be the sixteenth of January, and then 03/01/2023 beside it is the third. Such a column is still not
read: it is said how its days are to be written, and whoever knows the table writes them.
"""

from __future__ import annotations

import re

import pandas as pd

from mmm_core.data.cells import places
from mmm_core.errors import shown

_PARTS = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")
_MONTHS = 12
WRITE = "write days as YYYY-MM-DD"


def days_otherwise(cells: pd.Series) -> str:
    """What is wrong with days in another order, and what to write, as words that follow the column's name.

    Args:
        cells: text; the index may be rows of a file.
    """
    written = cells[cells.str.fullmatch(_PARTS.pattern).fillna(False)]
    parts = written.str.extract(_PARTS).astype({0: int, 2: int})
    day_first, month_first = written[parts[0] > _MONTHS], written[parts[2] > _MONTHS]
    first = next(cell for cell in cells if cell)
    if len(day_first) and len(month_first):
        return (
            f"holds {_named(day_first)}, which begins with the day, and {_named(month_first)}, which begins with the "
            f"month: ask whoever made it which is which, and {WRITE}"
        )
    if len(day_first):
        return _settled(day_first, "day", "%d", "%m", first)
    if len(month_first):
        return _settled(month_first, "month", "%m", "%d", first)
    return (
        f"holds {shown(first)}, of which nobody can say for sure what is the day and what the month, and no other cell "
        f"settles it: {WRITE}"
    )


def _settled(telling: pd.Series, leads: str, one: str, two: str, example: str) -> str:
    """The order, the cell that settles it, and how the column becomes one that is read."""
    separator = next(sign for sign in telling.iloc[0] if not sign.isdigit())
    form = f"{one}{separator}{two}{separator}%Y"
    words = f"begins with the {leads} (`{form}`), as {_named(telling)} can be nothing else: {WRITE}"
    day = pd.to_datetime(example, format=form, errors="coerce")
    if pd.notna(day):
        words += f", so {shown(example)} as {day:%Y-%m-%d}"
    return f'{words} (in pandas: `pd.to_datetime(column, format="{form}")`)'


def _named(cells: pd.Series) -> str:
    return f"{shown(cells.iloc[0])} {places(cells.iloc[:1])}"
