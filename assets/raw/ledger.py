"""raw.landing_files: every file of the landing folder, what became of it, and what it holds.

Sums are taken when a file is read, before anything is loaded: reconciliation starts here.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

TABLE = "landing_files"
LOADED, WAITING, REFUSED, NOT_READ = "loaded", "waiting", "refused", "not read"
NOT_FETCHED = "not fetched"
NO_END = "its last row has no line end: it may be cut off"
"""Remark on a file that is loaded."""

COLUMNS = {
    "file": ("VARCHAR", "Path inside the landing folder."),
    "source_table": ("VARCHAR", "Raw table the file belongs to; empty where it belongs to none."),
    "status": (
        "VARCHAR",
        "loaded, waiting (for a refused file of its table), refused, not read; a table whose last fetch failed: not "
        "fetched.",
    ),
    "reason": (
        "VARCHAR",
        "Why it waits, was refused, is not read or was not fetched; of a loaded file what is odd about it.",
    ),
    "digest": ("VARCHAR", "Hash of the file and of how it was read."),
    "exported_at": (
        "TIMESTAMP",
        "When the file was modified last, UTC, as it was first seen to hold what it holds: a copy of the same bytes "
        "brings nothing new.",
    ),
    "size": ("BIGINT", "Its bytes. A file of the same size and time is not read again."),
    "export_order": ("BIGINT", "Its place among the files of its table, oldest export first."),
    "row_count": ("BIGINT", "Rows of the file that are loaded."),
    "amount": (
        "DECIMAL(38, 6)",
        "Sum of their amount (spend or sales), in the file's own unit; 0 without one.",
    ),
    "overruled_rows": (
        "BIGINT",
        "Rows that a later export holds too, so they do not count; days, where rows are spread over days.",
    ),
    "overruled_amount": ("DECIMAL(38, 6)", "Sum of the amount in these rows."),
    "quarantined_rows": (
        "BIGINT",
        "Rows of the file that break their contract and were set aside: landing_quarantine has them.",
    ),
    "quarantined_amount": ("DECIMAL(38, 6)", "Sum of the amount in these rows, as far as it can be read."),
    "hashed_cells": (
        "BIGINT",
        "Cells of the loaded rows in which a hash stands in place of an e-mail address.",
    ),
    "modified_at": ("TIMESTAMP", "When the file was last modified, UTC."),
    "kept_out": (
        "VARCHAR[]",
        "Its columns that are not loaded: the contract does not name them; of a weekly table, they hold no numbers.",
    ),
}
"""Name, type and meaning of each column."""


@dataclass(frozen=True)
class Entry:
    """A row of the ledger."""

    file: str
    source_table: str
    status: str
    reason: str = ""
    digest: str = ""
    exported_at: dt.datetime | None = None
    size: int | None = None
    export_order: int | None = None
    row_count: int | None = None
    amount: Decimal | None = None
    overruled_rows: int | None = None
    overruled_amount: Decimal | None = None
    quarantined_rows: int | None = None
    quarantined_amount: Decimal | None = None
    hashed_cells: int | None = None
    modified_at: dt.datetime | None = None
    kept_out: list[str] | None = None


assert [field.name for field in fields(Entry)] == list(COLUMNS)


def entries(connection: "duckdb.DuckDBPyConnection", source_table: str) -> dict[str, Entry]:
    """The files of a table that are loaded."""
    rows = connection.execute(
        f"select {', '.join(COLUMNS)} from raw.{TABLE} where source_table = ? and status = ?",
        [source_table, LOADED],
    )
    return {row[0]: Entry(*row) for row in rows.fetchall()}


def make(connection: "duckdb.DuckDBPyConnection") -> None:
    """Make the ledger, or add the columns that one of an earlier release lacks."""
    ddl = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
    connection.execute(f"create table if not exists raw.{TABLE} ({ddl})")
    for name, (kind, _) in COLUMNS.items():
        connection.execute(f"alter table raw.{TABLE} add column if not exists {name} {kind}")


def write(connection: "duckdb.DuckDBPyConnection", source_table: str, rows: Iterable[Entry]) -> None:
    """Replace the entries of a table."""
    connection.execute(f"delete from raw.{TABLE} where source_table = ?", [source_table])
    values = [astuple(row) for row in rows]
    if values:
        marks = ", ".join("?" * len(COLUMNS))
        connection.executemany(f"insert into raw.{TABLE} ({', '.join(COLUMNS)}) values ({marks})", values)


def not_ended(connection: "duckdb.DuckDBPyConnection") -> list[str]:
    """Loaded files whose last row may be cut off.

    Some programs end no file with a line end: where no file of a table has one, and there are several, it is a habit.
    """
    rows = connection.execute(
        f"select file from raw.{TABLE} where status = ? "
        "window by_table as (partition by source_table) "
        "qualify reason = ? and (count(*) over by_table = 1 or bool_or(reason <> ?) over by_table) order by file",
        [LOADED, NO_END, NO_END],
    )
    return [name for (name,) in rows.fetchall()]


def version(connection: "duckdb.DuckDBPyConnection") -> str:
    """Hash of the ledger, whenever its files were copied: marts are built anew where it changes."""
    columns = ", ".join(name for name in COLUMNS if name != "modified_at")
    rows = connection.execute(f"select {columns} from raw.{TABLE} order by all").fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]
