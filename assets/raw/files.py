"""Reading landing files: a file becomes a typed table that keeps its contract, or is refused with its faults named."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from assets.raw.brackets import bracket_faults
from assets.raw.contract import Column, Contract
from assets.raw.faults import Fault, rows_at_fault
from assets.raw.folder import LandingFile
from assets.raw.likely_columns import likely
from assets.raw.periods import period_faults
from assets.raw.personal import with_hashed_emails, without_addresses
from assets.raw.schema import typed
from assets.raw.set_aside import SetAside, set_aside
from mmm_core.errors import InputError, listed, shown
from mmm_core.plural import plural

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ALSO_IS_EXPLAINED = "docs/contracts.md, names of columns"
ROWS_AS_SHOWN = "Rows are counted as a spreadsheet shows them: the header is row 1."


@dataclass(frozen=True)
class Accepted:
    """The typed rows of a file, indexed by their row in it.

    Attributes:
        extra_columns: the columns of it that were kept out.
        hashed: by column, the cells in which a hash stands in place of an e-mail address.
        set_aside: the rows that break their contract, where the source has them quarantined.
        remarks: what is odd about the file, and refuses it not.
    """

    file: LandingFile
    digest: str
    rows: "pd.DataFrame"
    extra_columns: tuple[str, ...] = ()
    hashed: Mapping[str, int] = field(default_factory=dict)
    set_aside: SetAside | None = None
    remarks: tuple[str, ...] = ()


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
        extra: the file's other columns, which are kept out; of one that is there several times, how many times.
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


def read_cells(file: LandingFile, content: bytes, wanted: Collection[str] | None = None) -> "pd.DataFrame":
    """Every cell of the file as text; the index is the row in the file.

    Args:
        wanted: the names that are asked for; None for all of the file. Others may be there several times.

    Raises:
        FileRefused: what `mmm_core.data.reader` refuses.
    """
    from mmm_core.data import reader

    try:
        return reader.table_from(content, file.name, wanted)
    except reader.UnreadableFile as refusal:
        raise FileRefused(file.name, [refusal.fault]) from None


def check(file: LandingFile, contract: Contract, content: bytes, digest: str) -> Accepted:
    """Read a file and hold it against the contract of its table.

    Raises:
        FileRefused: naming every column at fault, and its rows; where rows are quarantined, only if the file itself is
            at fault, or too many of its rows.
    """
    from mmm_core.data.reader import HEADER

    cells = read_cells(file, content, contract.names)
    columns = named(file, contract, cells.attrs.pop(HEADER, tuple(cells)))
    cells = cells.rename(columns={written: name for name, written in columns.written.items()})
    cells[list(columns.lacked)] = ""
    changed = _hash_emails(contract, cells)
    rows, faults = typed(contract, cells)
    faults += bracket_faults(contract, cells)
    faults += _faults_of_days(contract, rows, faults)
    if not faults:
        return Accepted(file, digest, rows, columns.extra, _counted(changed))
    if contract.bad_rows == "refuse" or not all(fault.rows for fault in faults):
        raise FileRefused(file.name, [*(fault.line for fault in faults), ROWS_AS_SHOWN])
    bad = rows.index.isin(rows_at_fault(faults))
    if bad.all() or bad.mean() > contract.bad_share:
        raise FileRefused(
            file.name, [*(fault.line for fault in faults), _too_many(bad, contract), ROWS_AS_SHOWN]
        )
    aside = set_aside(contract, cells, rows, faults)
    kept = {name: where[~bad] for name, where in changed.items()}
    return Accepted(file, digest, rows[~bad], columns.extra, _counted(kept), aside)


def _hash_emails(contract: Contract, cells: "pd.DataFrame") -> "dict[str, pd.Series]":
    """Put a hash in place of each e-mail address in a free text; by column, where there was one."""
    changed = {}
    for column in contract.columns:
        if column.is_free_text:
            text = cells[column.name]
            hashed = {cell: with_hashed_emails(cell) for cell in text.unique()}
            other = {cell for cell, written in hashed.items() if written != cell}
            if other:
                changed[column.name] = text.isin(other)
                cells[column.name] = text.map(hashed)
    return changed


def _counted(changed: "Mapping[str, pd.Series]") -> dict[str, int]:
    return {name: int(where.sum()) for name, where in changed.items() if where.any()}


def _faults_of_days(contract: Contract, rows: "pd.DataFrame", faults: list[Fault]) -> list[Fault]:
    """Rows that are there twice, or cover days that they may not; of cells at fault nothing is concluded."""
    period = contract.period
    days = [name for name in (period.start, period.stop) if name] if period else []
    told = rows.drop(index=rows_at_fault(faults, (*contract.grain, *days)))
    return _repeated(contract, told) + period_faults(contract, told.drop_duplicates(list(contract.grain)))


def _too_many(bad: "np.ndarray[Any, Any]", contract: Contract) -> str:
    """Why rows are not set aside."""
    verb = "is" if bad.sum() == 1 else "are"
    share = f"{bad.sum():,} of {plural(len(bad), 'row')} {verb} at fault ({bad.mean():.1%})"
    if bad.all():
        return f"{share}: there is nothing left to load"
    return (
        f"{share}, more than the {contract.bad_share:.1%} that may be set aside (bad_share of {contract.source} in "
        "sources.yaml)"
    )


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
    others = Counter(without_addresses(name) for name in names if name not in written.values())
    extra = tuple(others)
    if missing:
        raise FileRefused(
            file.name,
            [
                f"column {listed(map(_or_also, missing))} is missing: {_remedy(contract, missing, names, extra)}"
            ],
        )
    lacked = tuple(column.name for column in absent)
    if misspelt := _misspelt(extra, lacked):
        raise FileRefused(file.name, misspelt)
    told = (name if count == 1 else f"{name} ({count} times)" for name, count in others.items())
    return Named(written, lacked, tuple(told))


def _remedy(contract: Contract, missing: Sequence[Column], names: Sequence[str], extra: Sequence[str]) -> str:
    """What to do about columns that are missing: what may stand for them in the file, or what to add."""
    if len(names) == 1:
        return f"{shown(names[0])} stands alone in the first row: take out the lines above the names of the columns"
    lower = {name.lower(): name for name in extra}
    for column in missing:
        if written := next((lower[name] for name in (column.name, *column.also) if name in lower), ""):
            return f"names are in lower case: write {column.name} for {written}"
    yaml = f"assets/raw/connectors/{contract.source}/connector.yaml ({ALSO_IS_EXPLAINED})"
    if guesses := {column.name: name for column in missing if (name := likely(column, extra))}:
        meant = listed(f"did you mean {shown(theirs)}?" for theirs in guesses.values()).replace("?, ", "? ")
        (ours, theirs), *_ = guesses.items()
        others = [name for name in extra if name not in guesses.values()]
        rest = f"; also read by nobody: {listed(others)}" if others else ""
        return (
            f"{meant} If it holds the same in the same unit, export it under the name {ours}, or write {shown(theirs)} "
            f"under `also:` of {ours} in {yaml}{rest}"
        )
    blank = [column.name for column in missing if not column.required]
    cells = f"; cells of {listed(blank)} may be blank" if blank else ""
    under = (
        f". If it is one of those that nobody reads ({listed(extra)}), write that name under `also:` of "
        f"{missing[0].name} in {yaml}"
        if extra
        else ""
    )
    return f"export the file with it{cells}{under}"


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


def _repeated(contract: Contract, rows: "pd.DataFrame") -> list[Fault]:
    from mmm_core.data.cells import rows_named

    repeated = rows.duplicated(list(contract.grain), keep=False)
    if not repeated.any():
        return []
    index, remedy = rows.index[repeated], "keep one row each"
    repeat = f"the same {', '.join(contract.grain)}"
    return [
        Fault(f"{rows_named(index)} repeat {repeat}: {remedy}", f"repeats {repeat}", "", remedy, tuple(index))
    ]


def total(rows: "pd.DataFrame", column: str) -> Decimal:
    """The exact sum of a column as its cells write it."""
    return sum(map(Decimal, map(str, rows[column].dropna())), Decimal(0))
