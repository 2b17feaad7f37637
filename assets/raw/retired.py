"""Files as they were before a fetch took rows out of them, so that a past week can have those rows again.

A fetch keeps them in `.retired/`, beside a record of the rows (`assets.raw.gone`). The record alone would not do: it
has the last form of a row, and a week may have known an earlier one. Every load reads what is new there as it reads
landing files. raw.landing_retired lists the copies and the records; raw.<table>__retired holds the rows that each copy
has and its file has no more, and all rows of each record, which tell whether a copy of them is left. `_file` is the
copy.
"""

import dataclasses
import datetime as dt
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from assets.raw.contract import SQL_TYPES, Contract
from assets.raw.folder import LandingFile
from assets.raw.gone import RETIRED, STAMP, moment_of, records, taken_from
from assets.raw.ingest import ORIGIN, make_table, reading_version
from assets.raw.landed import modified
from assets.raw.origins.earlier_forms import FOLDER, copy_in
from assets.raw.origins.landed_rows import PREFIX
from assets.raw.quarantine import TABLE as QUARANTINE
from assets.raw.quarantine import retract
from assets.raw.raw_tables import of_files
from mmm_core.errors import InputError

if TYPE_CHECKING:
    import duckdb

TABLE = "landing_retired"
COLUMNS = {
    "source_table": "VARCHAR",
    "copy": "VARCHAR",
    "file": "VARCHAR",
    "digest": "VARCHAR",
    "exported_at": "TIMESTAMP",
    "gone_at": "TIMESTAMP",
    "row_count": "BIGINT",
    "taken_from": "VARCHAR[]",
    "reason": "VARCHAR",
    "made_of": "VARCHAR",
}
"""Name and type of each column. `file`: what the copy is of, "" of a record; `taken_from`: the files that held rows of
a record; `reason`: why no row of it is held."""

_OF_ROWS = re.compile(rf"(?P<when>\d{{8}}T\d{{6}}Z)-(?P<file>{PREFIX}.+\.parquet)")
_OF_OBJECT = re.compile(r"(?P<object>.+)@\d{8}T\d{6}Z-[0-9a-f]{10}\.(csv|parquet)")
_NO_NEXT = (
    "no later form of this object is in the landing folder, so nothing says when its rows went: put that back, or "
    "delete this copy"
)

Take = Callable[[Contract, LandingFile], str]
"""Reads a file into the raw table of a contract, and returns the hash of the file and of how it was read.

Raises `InputError` where it cannot.
"""


@dataclass(frozen=True)
class Copy:
    """A file in `.retired/`: what a landing file was, or a record of rows.

    Attributes:
        file: the landing file that it was; "" of a record.
        gone_at: when rows of it were seen to be gone (UTC); None where nothing says so.
    """

    at: LandingFile
    file: str
    gone_at: dt.datetime | None


def rows_table(contract: Contract) -> Contract:
    """The contract of the table of such rows."""
    return dataclasses.replace(contract, table=f"{contract.table}__retired")


def make(connection: "duckdb.DuckDBPyConnection") -> None:
    """Make the list where there is none."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    connection.execute(f"create table if not exists raw.{TABLE} ({columns})")


def copies(landing: Path, contract: Contract, files: Sequence[LandingFile]) -> list[Copy]:
    """What lies in `.retired/` of a table, what went last first.

    Args:
        files: the landing files of the table: the next form of an object says when rows of the one before it went.
    """
    folder = landing / contract.folder / RETIRED
    if not folder.is_dir():
        return []
    noted, found, forms = set(records(folder.parent)), list[Copy](), list[tuple[str, LandingFile]]()
    for path in sorted(folder.rglob("*")):
        if path.name.startswith(".") or not path.is_file():
            continue
        status, inside = path.stat(), path.relative_to(folder)
        at = LandingFile(path, path.relative_to(landing).as_posix(), status.st_mtime_ns, status.st_size)
        if path in noted:
            found.append(Copy(at, "", moment_of(path)))
        elif form := copy_in(path.name):
            file = f"{contract.folder}/{FOLDER}/{inside.with_name(form[0]).as_posix()}"
            found.append(Copy(at, file, form[1]))
        elif _OF_OBJECT.fullmatch(path.name):  # an earlier release put a form aside whole
            forms.append((f"{contract.folder}/{FOLDER}/{inside.as_posix()}", at))
        elif of_rows := _OF_ROWS.fullmatch(inside.as_posix()):
            gone_at = dt.datetime.strptime(of_rows["when"], STAMP)
            found.append(Copy(at, f"{contract.folder}/{of_rows['file']}", gone_at))
    found += _forms(forms, files)
    return sorted(found, key=lambda copy: (copy.gone_at or dt.datetime.min, copy.at.name), reverse=True)


def _forms(retired: Sequence[tuple[str, LandingFile]], files: Sequence[LandingFile]) -> list[Copy]:
    """Earlier forms of objects: each was all there was until the next one was written."""
    written: dict[str, list[tuple[int, str, LandingFile]]] = {}
    for name, at in [*retired, *((file.name, file) for file in files)]:
        if key := _object(name):
            written.setdefault(key, []).append((at.modified_ns, name, at))
    found = []
    for name, at in retired:
        later = [form for form in written[_object(name)] if form[:2] > (at.modified_ns, name)]
        found.append(Copy(at, name, modified(min(later, key=lambda form: form[:2])[2]) if later else None))
    return found


def _object(name: str) -> str:
    """The object that a landing file is a form of; "" of other files."""
    path = PurePosixPath(name)
    form = _OF_OBJECT.fullmatch(path.name)
    return str(path.with_name(form["object"])) if form else ""


def bring_up_to_date(
    connection: "duckdb.DuckDBPyConnection",
    contract: Contract,
    found: Sequence[Copy],
    digests: Mapping[str, str],
    take: Take,
) -> dict[str, str]:
    """Read the copies that are new or whose file has changed, and forget those that are no longer there.

    Args:
        found: what `copies` found.
        digests: of the files that the raw table holds now.

    Returns:
        By copy whose rows cannot be had, why.
    """
    table = rows_table(contract)
    known = _known(connection, contract, table)
    if not found:
        if known:
            connection.execute(f"delete from raw.{TABLE} where source_table = ?", [contract.name])
            connection.execute(f"drop table raw.{table.name}")
        return {}
    make_table(connection, table)
    for name in sorted(set(known) - {copy.at.name for copy in found}):
        _forget(connection, contract, name)
    later: dict[str, list[Copy]] = {}
    for copy in found:
        before = later.setdefault(copy.file, [])
        next_form = known[before[-1].at.name][0] if before and copy.file else digests.get(copy.file, "")
        made_of = f"{copy.at.signature} {reading_version(contract)} {next_form} {copy.gone_at}"
        made_of = hashlib.sha256(made_of.encode()).hexdigest()[:16]
        if known.get(copy.at.name, ("", ""))[1] != made_of:
            known[copy.at.name] = _take(connection, contract, copy, before, made_of, take)
        before.append(copy)
    unread = connection.execute(
        f"select copy, reason from raw.{TABLE} where source_table = ? and file <> '' and reason <> '' order by copy",
        [contract.name],
    )
    return dict(unread.fetchall())


def _known(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, table: Contract
) -> dict[str, tuple[str, str]]:
    """By copy that was read, its digest and what it was made of; none where the contract has other columns now."""
    asked = {**{column.name: SQL_TYPES[column.kind] for column in contract.columns}, **ORIGIN}
    there = connection.execute(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = 'raw' and table_name = ?",
        [table.name],
    ).fetchall()
    if dict(there) != asked:
        connection.execute(f"drop table if exists raw.{table.name}")
        connection.execute(f"delete from raw.{TABLE} where source_table = ?", [contract.name])
        return {}
    rows = connection.execute(
        f"select copy, digest, made_of from raw.{TABLE} where source_table = ?", [contract.name]
    )
    return {copy: (digest, made_of) for copy, digest, made_of in rows.fetchall()}


def _forget(connection: "duckdb.DuckDBPyConnection", contract: Contract, name: str) -> None:
    retract(connection, rows_table(contract), name)
    connection.execute(f"delete from raw.{TABLE} where source_table = ? and copy = ?", [contract.name, name])


def _take(
    connection: "duckdb.DuckDBPyConnection",
    contract: Contract,
    copy: Copy,
    later: Sequence[Copy],
    made_of: str,
    take: Take,
) -> tuple[str, str]:
    """Read a copy, and keep of it the rows that its file has no more."""
    _forget(connection, contract, copy.at.name)
    table, digest, reason = rows_table(contract), "", "" if copy.gone_at else _NO_NEXT
    files = [copy.file]
    if not copy.file:
        files = [f"{contract.folder}/{name}" for name in taken_from(connection, copy.at.path)]
        # some of the rows were bad ones, and they may be most of what went
        table = dataclasses.replace(table, bad_rows="quarantine", bad_share=1.0)
    if not reason:
        try:
            digest = take(table, copy.at)
            connection.execute(f"delete from raw.{QUARANTINE} where source_table = ?", [table.name])
            if copy.file:
                _take_out_what_is_there(connection, contract, copy, later)
        except InputError as refusal:
            reason = " ".join(str(refusal).split())
    (rows,) = connection.execute(
        f"select count(*) from raw.{table.name} where _file = ?", [copy.at.name]
    ).fetchone() or (0,)
    connection.execute(
        f"insert into raw.{TABLE} ({', '.join(COLUMNS)}) values ({', '.join('?' * len(COLUMNS))})",
        [
            contract.name, copy.at.name, copy.file, digest, modified(copy.at), copy.gone_at, rows, files,
            reason, made_of,
        ],
    )  # fmt: skip
    return digest, made_of


def _take_out_what_is_there(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, copy: Copy, later: Sequence[Copy]
) -> None:
    """Files only ever lose rows: what a later copy or the file itself holds had not gone when this copy was made."""
    table = rows_table(contract)
    grain = ", ".join(f'"{name}"' for name in contract.grain)
    same = " and ".join(f'held."{name}" is not distinct from there."{name}"' for name in contract.grain)
    there = f"select {grain} from raw.{contract.name} where {of_files([copy.file])}"
    if later:
        there += f" union all select {grain} from raw.{table.name} where {of_files([one.at.name for one in later])}"
    connection.execute(
        f"delete from raw.{table.name} where rowid in (select held.rowid from raw.{table.name} as held "
        f"where {of_files([copy.at.name])} and exists (select 1 from ({there}) as there where {same}))"
    )
