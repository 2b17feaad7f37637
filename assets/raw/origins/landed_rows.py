"""The rows of a table that were fetched before, and what a piece of rows brings that is not among them.

The landing files are all there is to know of earlier fetches, so that a fetch may be killed anywhere: of a piece only
the rows land that no file holds as they are now. Rows that are no longer in the database are taken out of the files
that hold them, whose first form stays in `.retired/`, with a record of what went (`assets.raw.gone`): what was deleted
there is not counted here.
"""

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from assets.raw.contract import Contract
from assets.raw.files import ROWS_AS_SHOWN, FileRefused, check
from assets.raw.folder import LandingFile
from assets.raw.gone import RETIRED, STAMP, record, records
from assets.raw.origins.origin import NotFetched, TableOrigin
from assets.raw.origins.sql import Piece, Value
from assets.raw.personal import without_addresses
from assets.raw.plain import days_in_doubt, plain_file, repeats_a_row
from assets.raw.surface import Surface
from mmm_core.errors import listed
from mmm_core.files import write_whole
from mmm_core.plural import plural

if TYPE_CHECKING:
    import duckdb

PREFIX = "fetched-"
_LAST = "last"  # key in a file's footer: its last cursor


_COMPARED = {"integer": "double", "number": "double", "date": "timestamp", "moment": "timestamp"}
"""As what values of two types are compared, by the kind of their column: a column whose type was changed, and no value
of it, lands nothing."""

_Side = tuple[str, dict[str, str]]
"""Name of a relation, and the types of its columns."""


@dataclass
class Landing:
    """What a fetch left in the landing folder: rows that are new or changed, files, and rows taken out."""

    rows: int = 0
    files: int = 0
    retired: int = 0


class LandedRows:
    """The files that earlier fetches of a table left in its landing folder.

    Args:
        at: when this fetch began, UTC: the time of modification of what it writes, by which exports are ordered.
        left: counts what this fetch does.
    """

    def __init__(
        self,
        connection: "duckdb.DuckDBPyConnection",
        folder: Path,
        table: TableOrigin,
        at: dt.datetime,
        left: Landing,
    ):
        self.connection, self.folder, self.table = connection, folder, table
        self.grain = table.contract.grain
        self.files = sorted(folder.glob(f"{PREFIX}*.parquet"))
        self.at = _after(self.files, at)
        self.left = left

    def last(self) -> str | None:
        """The last day or cursor that has landed, as text; None where none has."""
        if self.table.incremental == "whole" or not self.files:
            return None
        if self.table.incremental == "partition":
            day = f'cast("{self.table.day}" as date)'
            found = self.connection.execute(
                f"select cast(max({day}) as varchar) from {_read(self.files)}"
            ).fetchone()
            return found[0] if found else None
        lasts = list(self._lasts().values())
        return max(lasts, key=_ordered) if lasts else None

    def _lasts(self) -> dict[Path, str]:
        rows = self.connection.execute(
            f"select file_name, decode(value) from parquet_kv_metadata([{_names(self.files)}]) where key = '{_LAST}'"
        )
        return {Path(name): value for name, value in rows.fetchall()}

    def land(self, piece: Piece) -> None:
        """Write what a piece brings, and take out what is no longer there.

        Raises:
            NotFetched: rows share a grain or break the contract, or a table that had rows is empty; nothing of the
                piece has landed.
        """
        self.connection.register("incoming", piece.rows)
        try:
            self._unique(piece)
            self._compare(piece)
            self._retire()
            self._write(piece)
        finally:
            self.connection.unregister("incoming")
            self.connection.execute(
                "drop table if exists landed; drop table if exists gone; drop table if exists news"
            )

    def _unique(self, piece: Piece) -> None:
        columns = [name for name in self.grain if name in piece.rows.column_names]
        rows = self.connection.execute(
            f"select {_list(columns)}, count(*) from incoming group by {_list(columns)} having count(*) > 1 "
            "order by all limit 3"
        ).fetchall()
        if rows:
            which = listed(without_addresses("/".join(map(str, row[:-1]))) for row in rows)
            raise NotFetched(
                f"{self.table.place}: rows share the same {', '.join(columns)} ({which}): leave one of each, in a view "
                "if need be"
            )

    def _compare(self, piece: Piece) -> None:
        """Make `landed`, the latest form of each row in the range of the piece, `news` and `gone`."""
        contract, connection = self.table.contract, self.connection
        files = self._in_question(piece)
        if not files:
            connection.execute(
                "create temp table news as from incoming; create temp table gone as from incoming limit 0"
            )
            return
        connection.execute(
            f"create temp table landed as select * from {_read(files)} where {self._range(piece)} "
            f"qualify row_number() over (partition by {_list(self._there(files, self.grain))} "
            "order by filename desc, file_row_number desc) = 1"
        )
        ours, theirs = self._types("incoming"), self._types("landed")
        names = [column.name for column in contract.columns if column.name in ours or column.name in theirs]
        same = self._same(names, ("incoming", ours), ("landed", theirs))
        connection.execute(
            f"create temp table news as select * from incoming where not exists (select 1 from landed where {same})"
        )
        if self.table.incremental == "cursor":  # what is below the cursor was not asked for
            connection.execute("create temp table gone as from landed limit 0")
            return
        grain = self._same(self.grain, ("incoming", ours), ("landed", theirs))
        connection.execute(
            f"create temp table gone as select * from landed where not exists (select 1 from incoming where {grain})"
        )
        held = connection.execute("select count(*) from landed").fetchone()
        if piece.after is None and not piece.rows.num_rows and held != (0,):
            landed = plural(held[0], "row of it has", "rows of it have")
            raise NotFetched(
                f"{self.table.place}: it is empty, and {landed} landed: it may be written anew just now, and the next "
                f"fetch asks again; if they are gone for good, delete landing/{contract.folder}/"
            )

    def _in_question(self, piece: Piece) -> list[Path]:
        """The files that may hold rows of a piece."""
        if self.table.incremental != "cursor" or not self.files:
            return self.files
        if piece.start is None:
            return self.files
        first, lasts = _text(piece.start), self._lasts()
        return [path for path in self.files if _ordered(lasts.get(path, first)) >= _ordered(first)]

    def _range(self, piece: Piece) -> str:
        if self.table.incremental != "partition":
            return "true"
        day = f'cast("{self.table.day}" as date)'
        lower = f"{day} >= date '{_text(piece.start)[:10]}'" if piece.start else "true"
        if piece.after:
            lower = f"{day} > date '{piece.after}'"
        return lower if piece.ends else f"{lower} and {day} <= date '{piece.last}'"

    def _same(self, names: Sequence[str], ours: "_Side", theirs: "_Side") -> str:
        """Whether columns are the same on both sides, whatever their types; one that a side lacks is blank there."""
        kinds = {column.name: column.kind for column in self.table.contract.columns}
        conditions = []
        for name in names:
            one, other = (f'{side}."{name}"' if name in types else "null" for side, types in (ours, theirs))
            if name in ours[1] and name in theirs[1] and ours[1][name] != theirs[1][name]:
                kind = _COMPARED.get(kinds[name], "varchar")
                conditions.append(f"({one} is null) = ({other} is null)")
                one, other = f"try_cast({one} as {kind})", f"try_cast({other} as {kind})"
            conditions.append(f"{one} is not distinct from {other}")
        return " and ".join(conditions)

    def _types(self, relation: str) -> dict[str, str]:
        rows = self.connection.execute(f"describe {relation}").fetchall()
        return {row[0]: row[1] for row in rows if row[0] not in ("filename", "file_row_number")}

    def _there(self, files: Sequence[Path], names: Sequence[str]) -> list[str]:
        there = {
            row[0] for row in self.connection.execute(f"describe select * from {_read(files)}").fetchall()
        }
        return [name for name in names if name in there]

    def _retire(self) -> None:
        """Take the rows that are gone out of every file that holds one of their forms."""
        count = (self.connection.execute("select count(*) from gone").fetchone() or (0,))[0]
        if not count:
            return
        gone, left = self._types("gone"), dict[Path, tuple[str, int]]()
        for path in self.files:
            types = self._types(f"select * from {_read([path])}")
            same = self._same(self.grain, ("held", types), ("gone", gone))
            keep = f"from {_read([path])} as held where not exists (select 1 from gone where {same})"
            before, after = (
                (self.connection.execute(f"select count(*) {words}").fetchone() or (0,))[0]
                for words in (f"from {_read([path])}", keep)
            )
            if before != after:
                left[path] = keep, after
        self._record([path.name for path in left])
        for path, (keep, after) in left.items():
            kept = self.folder / RETIRED / f"{_stamp(self.at)}-{path.name}"
            kept.parent.mkdir(exist_ok=True)
            if not kept.exists():
                os.link(path, kept)
            if not after:
                path.unlink()
                self.files.remove(path)
                continue
            last, modified = self._lasts().get(path, ""), path.stat().st_mtime_ns + 1000
            select = f"select * exclude (filename, file_row_number) {keep} order by file_row_number"
            self._copy(select, path, last, modified)
        self.left.retired += count

    def _record(self, taken_from: Sequence[str]) -> None:
        """Write down what is gone, but for what a killed fetch wrote down and did not take out of every file."""
        select, before = "select * exclude (filename, file_row_number) from gone", records(self.folder)
        if before:
            noted = f"read_parquet([{_names(before)}], union_by_name = true, filename = true)"
            types = self._types(f"select * from {noted}")
            same = self._same(self.grain, ("noted", types), ("gone", self._types("gone")))
            later = f"{_stamp_in('noted.filename')} >= {_stamp_in('gone.filename')}"
            select += f" where not exists (select 1 from {noted} as noted where {same} and {later})"
        record(self.connection, self.folder, select, self.at, taken_from)

    def _write(self, piece: Piece) -> None:
        count = (self.connection.execute("select count(*) from news").fetchone() or (0,))[0]
        if not count:
            return
        path = self.folder / f"{PREFIX}{_stamp(self.at)}-{self.left.files + 1:04d}.parquet"
        by = _list([name for name in self.grain if name in piece.rows.column_names])
        last = _text(piece.last) if self.table.incremental == "cursor" else ""
        modified = int(self.at.timestamp()) * 10**9
        self._copy(f"select * from news order by {by}", path, last, modified, as_asked=True)
        self.files.append(path)
        self.left.rows += count
        self.left.files += 1

    def _copy(self, select: str, path: Path, last: str, modified_ns: int, as_asked: bool = False) -> None:
        """Write a landing file, whole; what is new must be as its contract asks."""
        options = f", kv_metadata {{{_LAST}: '{last.replace(chr(39), chr(39) * 2)}'}}" if last else ""

        def write(partial: Path) -> None:
            target = str(partial).replace("'", "''")
            self.connection.execute(
                f"copy ({select}) to '{target}' (format parquet, compression zstd{options})"
            )
            if as_asked:
                keeps_contract(self.connection, partial, self.table.contract, self.table.place)
            os.utime(partial, ns=(modified_ns, modified_ns))

        write_whole(path, write)


def keeps_contract(
    connection: "duckdb.DuckDBPyConnection", path: Path, contract: Contract, where: str
) -> None:
    """Read a file as the loader will, so that none lands which it would refuse.

    Raises:
        NotFetched: with every column at fault.
    """
    file = LandingFile(path, where)
    content = path.read_bytes() if path.suffix != ".parquet" else b""
    plain = plain_file(connection, file, contract, Surface("", parquet=True)) if not content else None
    if plain is not None:
        rows = f"({plain.rows})"
        if not repeats_a_row(connection, contract, rows, plain.row_count) and not days_in_doubt(
            connection, contract, rows
        ):
            return
    try:
        check(file, contract, content or path.read_bytes(), "")
    except FileRefused as refusal:
        faults = [fault for fault in refusal.faults if fault != ROWS_AS_SHOWN]
        raise NotFetched(f"{where}: {'; '.join(faults)}") from None


def _after(files: Sequence[Path], at: dt.datetime) -> dt.datetime:
    """A moment later than every earlier fetch: two in one second have an order too."""
    at = at.replace(microsecond=0)
    stamps = [path.name.removeprefix(PREFIX).partition("-")[0] for path in files]
    if stamps and max(stamps) >= _stamp(at):
        before = dt.datetime.strptime(max(stamps), STAMP).replace(tzinfo=dt.UTC)
        return before + dt.timedelta(seconds=1)
    return at


def _stamp(at: dt.datetime) -> str:
    return at.strftime(STAMP)


def _stamp_in(name: str) -> str:
    """SQL of the moment that stands in the name of a file."""
    return f"regexp_extract(parse_filename({name}), '[0-9]{{8}}T[0-9]{{6}}Z', 0)"


def _text(value: Value) -> str:
    """A day or cursor as the footer of a file has it; moments of a zone in UTC."""
    if isinstance(value, dt.datetime) and value.tzinfo:
        value = value.astimezone(dt.UTC)
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _ordered(cursor: str) -> tuple[int, Decimal, str]:
    """Cursors in their order: numbers by value, days and moments as ISO has them."""
    try:
        return (0, Decimal(cursor), "")
    except InvalidOperation:
        return (1, Decimal(0), cursor)


def _names(files: Sequence[Path]) -> str:
    return ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)


def _read(files: Sequence[Path]) -> str:
    return (
        f"read_parquet([{_names(files)}], union_by_name = true, filename = true, file_row_number = true, "
        "hive_partitioning = false)"
    )


def _list(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
