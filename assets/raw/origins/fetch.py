"""One fetch of one table: what is new comes into the landing folder, or the reason why not is noted."""

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from assets.raw.origins import bucket, notes, sql
from assets.raw.origins.landed_rows import LandedRows, Landing
from assets.raw.origins.origin import BUCKET, NotFetched, Origin, TableOrigin
from assets.resources.warehouse import MEMORY_LIMIT
from mmm_core.files import abandoned, one_at_a_time

if TYPE_CHECKING:
    import duckdb


ASIDE = ".comparing-"
"""How the folder is called in which rows are put aside while they are compared; one of a dead process is removed."""


@dataclass(frozen=True)
class Fetched:
    """A fetch that has ended.

    Attributes:
        landing: what it left in the landing folder; of one that failed, what had landed before.
        note: how it ended and when one last went well.
    """

    table: TableOrigin
    landing: Landing
    note: notes.Note


def fetch(origin: Origin, table: TableOrigin, landing: Path, at: dt.datetime | None = None) -> Fetched:
    """Fetch what is new of a table. A second fetch at the same time waits for the first, and finds nothing new.

    Args:
        landing: the landing folder.
        at: when it is, UTC; now, unless told otherwise.
    """
    at = at or dt.datetime.now(dt.UTC)
    folder = landing / table.contract.folder
    with one_at_a_time(folder):
        for left in abandoned(folder):
            left.unlink(missing_ok=True)
        for left in folder.glob(f"{ASIDE}*"):
            shutil.rmtree(left, ignore_errors=True)
        done = Landing()
        try:
            with _comparing(folder) as connection:
                _fetch(origin, table, folder, connection, at, done)
        except NotFetched as refusal:
            return Fetched(table, done, notes.write(folder, at, str(refusal)))
        return Fetched(table, done, notes.write(folder, at))


def _fetch(
    origin: Origin,
    table: TableOrigin,
    folder: Path,
    connection: "duckdb.DuckDBPyConnection",
    at: dt.datetime,
    done: Landing,
) -> None:
    if origin.kind == BUCKET:
        with bucket.connected(origin) as found:
            bucket.copy_new(found, table, folder, connection, done)
        return
    rows = LandedRows(connection, folder, table, at, done)
    with sql.connected(origin) as database:
        for piece in sql.pieces(database, table, rows.last()):
            rows.land(piece)


@contextmanager
def _comparing(folder: Path) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A DuckDB of its own to compare rows in; what memory does not hold is put aside beside the landing files."""
    import duckdb

    with TemporaryDirectory(dir=folder, prefix=ASIDE) as aside, duckdb.connect() as connection:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute(f"set temp_directory = '{aside.replace(chr(39), chr(39) * 2)}'")
        yield connection
