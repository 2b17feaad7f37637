"""Reading landing files: a file becomes a typed table that keeps its contract, or is refused with its faults named."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING

from assets.raw.contract import Column, Contract
from assets.raw.folder import LandingFile
from assets.raw.periods import period_faults
from assets.raw.schema import typed
from mmm_core.errors import InputError, listed, nearest

if TYPE_CHECKING:
    import pandas as pd

ROWS_AS_SHOWN = "Rows are counted as a spreadsheet shows them: the header is row 1."


@dataclass(frozen=True)
class Accepted:
    """The typed rows of a file, indexed by their row in it, and the columns of it that were kept out."""

    file: LandingFile
    digest: str
    rows: "pd.DataFrame"
    extra_columns: tuple[str, ...] = ()


class FileRefused(InputError):
    """A landing file that was refused: nothing of it is loaded."""

    def __init__(self, name: str, faults: Iterable[str]):
        self.name, self.faults = name, tuple(faults)
        lines = "".join(f"\n  {fault}" for fault in self.faults)
        super().__init__(f"{name} was refused, nothing of it is loaded:{lines}")


@dataclass(frozen=True)
class Named:
    """The columns of a file by the contract's names.

    Attributes:
        written: the name in the file of each column of the contract that is there.
        lacked: columns that the file may lack, and does.
        extra: the file's other columns, which are kept out.
    """

    written: Mapping[str, str]
    lacked: tuple[str, ...]
    extra: tuple[str, ...]


def read_bytes(file: LandingFile) -> tuple[bytes, str]:
    """The bytes of a file and a hash of them.

    Raises:
        FileRefused: it cannot be read.
    """
    from assets.raw.surface import DIGEST
    from mmm_core.data import reader

    if file.fault:
        raise FileRefused(file.name, [file.fault])
    try:
        content = reader.read_bytes(file.path)
    except reader.UnreadableFile as refusal:
        raise FileRefused(file.name, [refusal.fault]) from None
    return content, hashlib.sha256(content).hexdigest()[:DIGEST]


def read_cells(file: LandingFile, content: bytes) -> "pd.DataFrame":
    """Every cell of the file as text; the index is the row in the file.

    Raises:
        FileRefused: what `mmm_core.data.reader` refuses.
    """
    from mmm_core.data import reader

    try:
        return reader.table_from(content, file.name)
    except reader.UnreadableFile as refusal:
        raise FileRefused(file.name, [refusal.fault]) from None


def check(file: LandingFile, contract: Contract, content: bytes, digest: str) -> Accepted:
    """Read a file and hold it against the contract of its table.

    Raises:
        FileRefused: naming every column at fault, and its rows.
    """
    cells = read_cells(file, content)
    columns = named(file, contract, tuple(cells))
    cells = cells.rename(columns={written: name for name, written in columns.written.items()})
    cells[list(columns.lacked)] = ""
    rows, faults = typed(contract, cells)
    faults = faults or _repeated(contract, rows) or period_faults(contract, rows)
    if faults:
        raise FileRefused(file.name, [*faults, ROWS_AS_SHOWN])
    return Accepted(file, digest, rows, columns.extra)


def named(file: LandingFile, contract: Contract, names: Sequence[str]) -> Named:
    """Which column of a file is which of the contract's.

    Raises:
        FileRefused: one is missing, is there under two names, or is nearly named like one that the file may lack.
    """
    found = {
        column.name: [name for name in (column.name, *column.also) if name in names]
        for column in contract.columns
    }
    twice = [
        f"columns {listed(given)} are both {name}: keep one, or rename the other"
        for name, given in found.items()
        if len(given) > 1
    ]
    if twice:
        raise FileRefused(file.name, twice)
    absent = [column for column in contract.columns if not found[column.name]]
    missing = [column for column in absent if not column.may_lack]
    written = {name: given[0] for name, given in found.items() if given}
    extra = tuple(name for name in names if name not in written.values())
    if missing:
        hint = f": {nearest(missing[0].name, extra)}" if extra else ""
        raise FileRefused(file.name, [f"column {listed(map(_or_also, missing))} is missing{hint}"])
    lacked = tuple(column.name for column in absent)
    if misspelt := _misspelt(extra, lacked):
        raise FileRefused(file.name, misspelt)
    return Named(written, lacked, extra)


def _or_also(column: Column) -> str:
    return f"{column.name} (or {' or '.join(column.also)})" if column.also else column.name


def _misspelt(extra: Sequence[str], lacked: Sequence[str]) -> list[str]:
    """Columns that would be kept out, nearly named like one that a file may lack."""
    near = {name: get_close_matches(name, lacked, n=1, cutoff=0.75) for name in extra}
    return [
        f"column {name} is not read: did you mean '{match[0]}'? Otherwise call it something else"
        for name, match in near.items()
        if match
    ]


def _repeated(contract: Contract, rows: "pd.DataFrame") -> list[str]:
    from mmm_core.data.cells import rows_named

    repeated = rows.duplicated(list(contract.grain), keep=False)
    if not repeated.any():
        return []
    grain = ", ".join(contract.grain)
    return [f"{rows_named(rows.index[repeated])} repeat the same {grain}: keep one row each"]


def total(rows: "pd.DataFrame", column: str) -> Decimal:
    """The exact sum of a column as its cells write it."""
    return sum(map(Decimal, map(str, rows[column].dropna())), Decimal(0))
