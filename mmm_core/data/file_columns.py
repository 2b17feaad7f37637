"""The columns of a file that people fill in: what each holds, a template, and what is refused by their names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import pandas as pd

from mmm_core.errors import InputError, listed

_MISSPELT = 0.75


@dataclass(frozen=True)
class FileColumn:
    """A column that a reader knows.

    Attributes:
        about: what it holds, with its unit.
        kind: text, number or day.
        required: whether it must be there and filled in.
        example: of a cell, for the template.
    """

    name: str
    about: str
    kind: str = "text"
    required: bool = False
    example: str = ""


def template_of(columns: Sequence[FileColumn]) -> str:
    """A CSV to fill in: the header, and a row that is an example."""
    header, row = (",".join(cells) for cells in zip(*((c.name, c.example) for c in columns), strict=True))
    return f"{header}\n{row}\n"


def refuse_columns(
    table: pd.DataFrame, columns: Sequence[FileColumn], source: str, what: str, also: Collection[str] = ()
) -> None:
    """Raise InputError for a column that is missing, or nearly named like one that is.

    Args:
        what: whose columns they are, for the message. also: further names that are not read, and no mistake.
    """
    names = {column.name for column in columns}
    missing = [column.name for column in columns if column.required and column.name not in table.columns]
    if missing:
        unread = [name for name in map(str, table.columns) if name not in names and name not in also]
        faults = "; ".join(f"'{name}': {_in_its_place(name, unread)}" for name in missing)
        raise InputError(f"{source}: columns that {what} need are not there: {faults}")
    free = [column.name for column in columns if column.name not in table.columns]
    for name in map(str, table.columns):
        near = [] if name in names or name in also else get_close_matches(name, free, n=1, cutoff=_MISSPELT)
        if near:
            raise InputError(
                f"{source}: column '{name}' is not read: did you mean '{near[0]}'? Otherwise rename it"
            )


def _in_its_place(name: str, unread: Sequence[str]) -> str:
    """What to do about a column that is missing: name one of the file that nobody reads so, or add it."""
    if near := get_close_matches(name, unread, n=1, cutoff=0.6):
        return f"did you mean '{near[0]}'? Call it {name}"
    others = f", or rename the one that holds it; nobody reads {listed(unread)}" if unread else ""
    return f"add it{others}"
