"""Writing rows into raw tables: a file's rows replace the rows it left before, every other row stays.

Each raw row carries where it came from: `_file` and `_row` (as a spreadsheet counts), `_digest` of the file and of how
it was read, `_export_order` of the file among those of its table (larger is later; see `assets.raw.places`), and
`_loaded_at`. What was loaded is read back from the warehouse, so one that is restored or deleted is loaded again
correctly.

DuckDB reads and writes in one statement, so rows and what the ledger says of them are of one transaction, and no rows
pass through this process. A load tool between them would write them three times.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from assets.raw.contract import SQL_TYPES, Contract
from assets.raw.contracts import CONTRACTS, WEEKLY_TABLES
from assets.raw.files import Accepted
from assets.raw.plain import PlainFile
from mmm_core.errors import InputError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

ALL_CONTRACTS: Mapping[str, Contract] = {**CONTRACTS, WEEKLY_TABLES.name: WEEKLY_TABLES}

ORIGIN = {
    "_file": "VARCHAR",
    "_row": "BIGINT",
    "_digest": "VARCHAR",
    "_export_order": "BIGINT",
    "_loaded_at": "TIMESTAMP WITH TIME ZONE",
}
"""The columns that say where a row came from, and their types."""


def make_table(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> None:
    """Make a raw table, or add the columns that its contract has gained. A type is never changed under its readers.

    Rows that were loaded before the contract said what a blank stands for have it written out: those of a table that a
    refused file keeps as it is are not read again.

    Raises:
        InputError: the table has a column in another type than the contract's.
    """
    asked = {**{column.name: SQL_TYPES[column.kind] for column in contract.columns}, **ORIGIN}
    columns = ", ".join(f'"{name}" {kind}' for name, kind in asked.items())
    connection.execute(f"create table if not exists raw.{contract.name} ({columns})")
    there = dict(
        connection.execute(
            "select column_name, data_type from information_schema.columns "
            "where table_schema = 'raw' and table_name = ?",
            [contract.name],
        ).fetchall()
    )
    other = [name for name, kind in asked.items() if there.get(name, kind) != kind]
    if other:
        kinds = "; ".join(f"{name} is {there[name]}, the contract says {asked[name]}" for name in other)
        raise InputError(
            f"raw.{contract.name}: {kinds}: rename the column in the contract, or rename the warehouse and load "
            "the landing folder anew"
        )
    for name, kind in asked.items():
        if name not in there:
            connection.execute(f'alter table raw.{contract.name} add column "{name}" {kind}')
    for column in contract.columns:
        if column.blank:
            connection.execute(
                f'update raw.{contract.name} set "{column.name}" = ? where "{column.name}" is null',
                [column.blank],
            )


def insert_plain(
    connection: "duckdb.DuckDBPyConnection",
    contract: Contract,
    plain: PlainFile,
    file: str,
    digest: str,
    order: int,
    loaded_at: dt.datetime,
) -> None:
    """Write the rows of a plain file."""
    statement = (
        f"insert into raw.{contract.name} by name select *, ? as _file, ? as _digest, "
        f"cast(? as bigint) as _export_order, cast(? as timestamptz) as _loaded_at from ({plain.rows})"
    )
    with _one_thread(connection, plain.in_order):
        connection.execute(statement, [file, digest, order, loaded_at])


@contextmanager
def _one_thread(connection: "duckdb.DuckDBPyConnection", wanted: bool) -> Iterator[None]:
    """Text is counted by rows from its beginning: a second thread would only wait, and take three times the seconds."""
    before = connection.execute("select current_setting('threads')").fetchone()
    if wanted:
        connection.execute("set threads = 1")
    try:
        yield
    finally:
        if wanted and before:
            connection.execute(f"set threads = {before[0]}")


def insert_accepted(
    connection: "duckdb.DuckDBPyConnection",
    contract: Contract,
    accepted: Accepted,
    order: int,
    loaded_at: dt.datetime,
) -> None:
    """Write the rows of a file that the careful reader read."""
    connection.register("incoming", _rows_to_load(contract, accepted, order, loaded_at))
    try:
        connection.execute(f"insert into raw.{contract.name} by name select * from incoming")
    finally:
        connection.unregister("incoming")


def _rows_to_load(contract: Contract, accepted: Accepted, order: int, loaded_at: dt.datetime) -> "pa.Table":
    """Rows of a file in the contract's types, with the columns that say where they came from."""
    import pyarrow as pa

    rows = accepted.rows.assign(
        _file=accepted.file.name,
        _row=accepted.rows.index,
        _digest=accepted.digest,
        _export_order=order,
        _loaded_at=loaded_at,
    )
    types = {
        "VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us"), "BOOLEAN": pa.bool_(),
        "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    }  # fmt: skip
    kinds = {**{column.name: SQL_TYPES[column.kind] for column in contract.columns}, **ORIGIN}
    schema = pa.schema([pa.field(name, types[kind]) for name, kind in kinds.items()])
    return pa.Table.from_pandas(rows, schema=schema, preserve_index=False)


READERS = (
    "brackets", "contract", "daily_tables", "faults", "files", "kinds", "periods", "personal", "plain", "schema",
    "set_aside", "spelling", "weekly_tables",
)  # fmt: skip
SHARED_READERS = (
    "names", "data/cells", "data/currencies", "data/currency_columns", "data/reader", "data/weeks",
    "first_model/columns", "first_model/day_order", "first_model/frame", "first_model/words",
)  # fmt: skip


@cache
def reading_version(contract: Contract) -> str:
    """What is asked of a table's files and how they are read; files are read again when it changes."""
    import mmm_core

    ours, shared = Path(__file__).parent, Path(mmm_core.__file__).parent
    modules = [ours / f"{name}.py" for name in READERS] + [shared / f"{name}.py" for name in SHARED_READERS]
    source = b"\0".join(module.read_bytes() for module in modules)
    return hashlib.sha256(repr(contract).encode() + source).hexdigest()[:8]


def landing_folder_of(contract: Contract) -> Path:
    """Folder of a table's files inside the landing folder."""
    return Path(WEEKLY_TABLES.source if contract is WEEKLY_TABLES else contract.folder)
