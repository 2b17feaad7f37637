"""What a load would do to each raw table, found by reading what has landed: nothing is written, not even a folder.

Files are held against their contracts by the readers that load them, so a file that a load would refuse is named here
with the same words.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assets.raw import ledger
from assets.raw.contract import Contract
from assets.raw.contracts import WEEKLY_TABLES
from assets.raw.files import FileRefused, check, read_bytes
from assets.raw.folder import Listing, scan
from assets.raw.ingest import make_table
from assets.raw.landed import NewFile, look
from assets.raw.plain import days_in_doubt, plain_file, repeats_a_row
from assets.raw.weekly_tables import check_weekly_table
from assets.resources.warehouse import Warehouse

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class FileNews:
    """A file that a load would take.

    Attributes:
        rows: that would be loaded; `aside` would lie in quarantine.
        had: the rows of it that are loaded now; None of a new file.
        left_out: columns of a weekly table that hold no numbers.
    """

    name: str
    rows: int
    aside: int = 0
    had: int | None = None
    left_out: tuple[str, ...] = ()


@dataclass
class TableNews:
    """What a load would do to a table.

    Attributes:
        gone: rows that would be taken away, by file that is no longer there.
        refused: why files would be refused; then the table stays as it is, but for ready-made weekly tables.
        unchanged: loaded files that would not be opened, or are the same.
    """

    contract: Contract
    files: list[FileNews] = field(default_factory=list)
    gone: dict[str, int] = field(default_factory=dict)
    refused: list[FileRefused] = field(default_factory=list)
    unchanged: int = 0

    @property
    def stays(self) -> bool:
        """Whether the table would keep the rows it has."""
        return bool(self.refused) and self.contract is not WEEKLY_TABLES

    @property
    def changes(self) -> bool:
        return bool(self.files or self.gone) and not self.stays

    @property
    def rows(self) -> int:
        """Rows that would be read into the table."""
        return sum(file.rows for file in self.files)


def would_load(
    contracts: Sequence[Contract], landing: Path, warehouse: Warehouse
) -> tuple[Listing, list[TableNews]]:
    """What lies in the landing folder, and what a load would do to each table.

    Raises:
        WarehouseLocked: another process writes the warehouse.
    """
    import duckdb

    listing = scan(landing)
    with _as_it_is(warehouse) as known, duckdb.connect() as beside:
        beside.execute("create schema raw")
        ledger.make(beside)
        there = _tables(known)
        news = []
        for contract in contracts:
            make_table(beside, contract)
            # a table that is not there yet is the empty one beside
            news.append(
                _of_table(known if known and contract.name in there else beside, beside, contract, listing)
            )
    return listing, news


@contextmanager
def _as_it_is(warehouse: Warehouse) -> "Iterator[duckdb.DuckDBPyConnection | None]":
    if not Path(warehouse.path).is_file():
        yield None
        return
    with warehouse.connect(read_only=True) as connection:
        yield connection


def _tables(known: "duckdb.DuckDBPyConnection | None") -> set[str]:
    """The raw tables of a warehouse; none where its ledger is of an earlier release, after which all is read again."""
    if known is None:
        return set()
    columns = known.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = 'raw'"
    ).fetchall()
    if not {(ledger.TABLE, name) for name in ledger.COLUMNS} <= set(columns):
        return set()
    return {table for table, _ in columns}


def _of_table(
    known: "duckdb.DuckDBPyConnection",
    beside: "duckdb.DuckDBPyConnection",
    contract: Contract,
    listing: Listing,
) -> TableNews:
    landed = look(known, contract, listing)
    news = TableNews(contract, refused=list(landed.refused))
    news.gone = {name: landed.loaded[name].row_count or 0 for name in landed.retracted}
    looked_at = {*(new.file.name for new in landed.new), *(refusal.name for refusal in landed.refused)}
    news.unchanged = sum(file.name not in looked_at for file in landed.files)
    for new in landed.new:
        entry = landed.loaded.get(new.file.name)
        try:
            rows, aside, left_out = _rows(beside, contract, new)
        except FileRefused as refusal:
            news.refused.append(refusal)
        else:
            had = (entry.row_count or 0) if entry else None
            news.files.append(FileNews(new.file.name, rows, aside, had, left_out))
    return news


def _rows(
    beside: "duckdb.DuckDBPyConnection", contract: Contract, new: NewFile
) -> tuple[int, int, tuple[str, ...]]:
    """How many rows of a file would be loaded, and set aside, and which columns of a weekly table left out.

    Raises:
        FileRefused: it does not keep its contract.
    """
    plain = None if contract is WEEKLY_TABLES else plain_file(beside, new.file, contract, new.surface)
    if plain is not None:
        rows = f"({plain.rows})"
        if not repeats_a_row(beside, contract, rows, plain.row_count) and not days_in_doubt(
            beside, contract, rows
        ):
            return plain.row_count, 0, ()
    content, _ = read_bytes(new.file)
    if contract is WEEKLY_TABLES:
        table = check_weekly_table(new.file, content, new.digest)
        return len(table.rows), 0, table.extra_columns
    accepted = check(new.file, contract, content, new.digest)
    return len(accepted.rows), len(accepted.set_aside.rows) if accepted.set_aside else 0, ()
