"""Names a user gives: of channels and other components of the outcome, of columns, and the days that are stated.

A component's name is a label in every store: a coordinate of the posterior, a row of a mart, part of a figure's name.
Names are kept as they are read, composed alike (`normal_name`); refused is what no reader could tell from another name.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated
from unicodedata import bidirectional, category

from pydantic import AfterValidator

from mmm_core.errors import shown
from mmm_core.names import alike, normal_name

MAX_LENGTH = 100
"""Characters of a component's name."""

FIRST_YEAR, LAST_YEAR = 1900, 2200
"""Years in which a week may lie: a slip of a digit is a slip, and not the year 20024."""


_UNSEEN = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's control characters, half characters and separators of lines."""
_TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
"""Classes of the characters that turn the direction of reading: a name with one shows in another order."""


def _column(name: str) -> str:
    if any(category(letter) in _UNSEEN or bidirectional(letter) in _TURNING for letter in name):
        raise ValueError(
            f"{shown(name)} holds characters that nobody sees, or breaks the line: write the name without"
        )
    name = normal_name(name)
    if not name:
        raise ValueError("the name of a column is blank: write the column's name")
    return name


def _component(name: str) -> str:
    if name != name.strip() or not name:
        raise ValueError(f"{shown(name)} begins or ends with a blank, or is one: write a name without")
    name = _column(name)
    if "/" in name or "\\" in name:
        raise ValueError(f"{shown(name)} holds a slash: write another character in its place")
    if len(name) > MAX_LENGTH:
        raise ValueError(f"{shown(name)} has {len(name)} characters: write {MAX_LENGTH} at most")
    return name


def _day(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"write a day of the years {FIRST_YEAR} to {LAST_YEAR}, got {day}")
    return day


def refuse_names_alike(components: Iterable[str]) -> None:
    """Raise ValueError where two components differ in capitals or blanks alone.

    Nobody could tell them apart in a report, and some stores (SQL, file systems) take them for one.
    """
    seen: dict[str, str] = {}
    for name in components:
        other = seen.setdefault(alike(name), name)
        if other != name:
            raise ValueError(f"'{other}' and '{name}' differ in capitals or blanks alone: rename one")


Column = Annotated[str, AfterValidator(_column)]
Component = Annotated[str, AfterValidator(_component)]
FilterValue = Annotated[str, AfterValidator(normal_name)]
Day = Annotated[date, AfterValidator(_day)]
