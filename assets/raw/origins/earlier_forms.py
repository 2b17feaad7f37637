"""What an object of a bucket was before: earlier forms of it stay, but for the rows that its new form does not have.

A form that loses rows is kept as it was in `.retired/`, beside a record of the rows (`assets.raw.gone`); what is left
of it still says which rows the object's new form restates. All records are written before the first form is touched,
so that one who goes on after a kill knows which there are.
"""

import datetime as dt
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.raw.contract import Contract
from assets.raw.files import FileRefused, check
from assets.raw.folder import LandingFile
from assets.raw.gone import RETIRED, STAMP, moment_of, record, records, taken_from
from assets.raw.origins.copied_text import cells_of, text_of
from assets.raw.origins.origin import TableOrigin
from mmm_core.files import write_whole

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

FOLDER = "fetched"
"""Folder of the copies of objects inside the table's landing folder."""

_RETIRING = ".retiring-"
_COPY = re.compile(
    r"(?P<form>.+@\d{8}T\d{6}Z-[0-9a-f]{10})@(?P<when>\d{8}T\d{6}Z)(?P<ending>\.csv|\.parquet)"
)


@dataclass(frozen=True)
class Losing:
    """An earlier form that has rows which the new form does not have.

    Attributes:
        is_gone: of each of its rows, whether the new form lacks it.
        first: of each of its rows, whether it is gone and no later form has it.
    """

    path: Path
    cells: "pd.DataFrame"
    is_gone: Sequence[bool]
    first: Sequence[bool]


def mark_of(target: Path) -> Path:
    """The file that lies beside a copy until its earlier forms have lost what it lacks.

    A fetch that finds it goes on where another was killed.
    """
    return target.with_name(f"{_RETIRING}{target.name}")


def earlier(target: Path, name: str) -> list[Path]:
    """Copies of other forms of an object, the latest first.

    Args:
        name: of the object, without its folders.
    """
    return sorted(
        (path for path in target.parent.glob(f"{_escaped(name)}@*") if path != target), reverse=True
    )


def retire_lost(
    connection: "duckdb.DuckDBPyConnection", folder: Path, table: TableOrigin, target: Path, name: str
) -> int:
    """Take the rows that a new form does not have out of the earlier ones; returns how many rows they are.

    Args:
        folder: landing folder of the table.
        target: the copy of the new form.
        name: of the object, without its folders.
    """
    found = _losing(target, name, table)
    at = dt.datetime.fromtimestamp(target.stat().st_mtime_ns // 10**9, dt.UTC)
    copies, stamp = folder / RETIRED / target.parent.relative_to(folder / FOLDER), at.strftime(STAMP)
    if not any(copies.glob(f"{_escaped(name)}@*@{stamp}.*")):
        _record(connection, folder, table.contract, found, at)
    for each in found:
        _keep_copy(each.path, copies / f"{each.path.stem}@{stamp}{each.path.suffix}")
        _take_out(each, table.contract)
    for mark in target.parent.glob(f"{_RETIRING}{_escaped(name)}@*"):
        mark.unlink()
    return sum(sum(each.first) for each in found)


def copy_in(name: str) -> tuple[str, dt.datetime] | None:
    """Which form a file in `.retired/` is a copy of, and when the rows went (UTC); None where it is no such copy.

    Args:
        name: of the file, without its folders.
    """
    found = _COPY.fullmatch(name)
    return found and (found["form"] + found["ending"], dt.datetime.strptime(found["when"], STAMP))


def _losing(target: Path, name: str, table: TableOrigin) -> list[Losing]:
    new, told, found = set(_grains(_cells_in(target), table)), set[tuple[Any, ...]](), []
    for path in earlier(target, name):
        cells = _cells_in(path)
        grains = _grains(cells, table)
        gone = set(grains) - new
        if gone:
            is_gone, first = ([grain in some for grain in grains] for some in (gone, gone - told))
            found.append(Losing(path, cells, is_gone, first))
            told |= gone
    return found


def _record(
    connection: "duckdb.DuckDBPyConnection",
    folder: Path,
    contract: Contract,
    found: Sequence[Losing],
    at: dt.datetime,
) -> None:
    """Write down what each form loses, but for forms of which a fetch that was killed has done so."""
    names = [each.path.relative_to(folder).as_posix() for each in found]
    noted = [
        taken_from(connection, path) for path in records(folder) if moment_of(path) == at.replace(tzinfo=None)
    ]
    own = {files[0] for files in noted if files}
    for each, name in zip(found, names, strict=True):
        lines = each.cells[each.first]
        if lines.empty or name in own:
            continue
        connection.register("lost", _typed(lines, contract))
        try:
            record(connection, folder, "from lost", at, [name, *(other for other in names if other != name)])
        finally:
            connection.unregister("lost")


def _typed(cells: "pd.DataFrame", contract: Contract) -> "pd.DataFrame":
    """Rows as the loader reads them."""
    try:
        return check(LandingFile(Path("gone.csv"), "gone.csv"), contract, text_of(cells).encode(), "").rows
    except FileRefused:  # it landed under another contract
        return cells


def _keep_copy(path: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if not copy.exists():
        os.link(path, copy)


def _take_out(form: Losing, contract: Contract) -> None:
    """Write a form anew without the rows that are gone, or delete it where nothing would be left that reads the same.

    Its time of modification moves by a microsecond, or the loader would take it for the file that it has read.
    """
    at = form.path.stat().st_mtime_ns + 1000
    left = form.cells[[not gone for gone in form.is_gone]]
    if left.empty or not _reads_the_same(form, left, contract):
        form.path.unlink()
        return

    def write(partial: Path) -> None:
        if form.path.suffix == ".parquet":
            _write_parquet(form, partial)
        else:
            partial.write_text(text_of(left), encoding="utf-8")
        os.utime(partial, ns=(at, at))

    write_whole(form.path, write)


def _reads_the_same(form: Losing, left: "pd.DataFrame", contract: Contract) -> bool:
    """Whether rows mean the same without those that are gone, which may have told decimal commas."""
    from pandas.util import hash_pandas_object

    if form.path.suffix == ".parquet":
        return True
    readings = []
    for cells in (form.cells, left):
        try:
            readings.append(
                check(LandingFile(form.path, form.path.name), contract, text_of(cells).encode(), "").rows
            )
        except FileRefused:
            return False
    before, after = (set(hash_pandas_object(rows, index=False)) for rows in readings)
    return after <= before


def _write_parquet(form: Losing, partial: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    rows = parquet.read_table(form.path)
    kept = pa.array([not gone for gone in form.is_gone])
    parquet.write_table(rows.filter(kept), partial, compression="zstd")


def _cells_in(path: Path) -> "pd.DataFrame":
    return cells_of(path.read_bytes(), path.name)


def _grains(cells: "pd.DataFrame", table: TableOrigin) -> list[tuple[Any, ...]]:
    names = [name for name in table.contract.grain if name in cells]
    return list(cells[names].itertuples(index=False, name=None))


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
