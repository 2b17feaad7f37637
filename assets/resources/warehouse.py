"""The warehouse: one DuckDB file, opened for as short a time as possible and always closed.

DuckDB lets one process write, or several read, never both. Everything that opens the file through Dagster therefore
runs in the pool named here, and a connection waits for the lock before it gives up and names the process that holds it.
"""

import datetime as dt
import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.resources.results import ADDED_LATER, RESULT_TABLES
from mmm_core.disk import is_out_of_space, out_of_space
from mmm_core.errors import InputError, nearest

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

POOL = "duckdb"
"""Dagster pool of everything that opens the warehouse file (limit 1)."""

LOG = dg.get_dagster_logger("warehouse")
"""Waits are told here: in a run's log while a run is at work."""
MEMORY_LIMIT = "1500MB"
"""What DuckDB may take, unless told otherwise: with Python beside it a load stays below 4 GB, whatever has landed."""

TELL_SECONDS = 0.5  # no wait that is over sooner is worth a line

_HOLDER = re.compile(r"held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")
_DAMAGED = ("not a valid DuckDB database file", "Corrupt database file", "Could not read enough bytes")
LOCKED = "Could not set lock on file"
"""DuckDB's words of a file that another process holds."""
# Or this process holds it in the other mode (reading while it writes).
_WAIT_FOR = (LOCKED, "different configuration")


class WarehouseLocked(RuntimeError):
    """The warehouse stayed locked for longer than we were told to wait."""


class WarehouseDamaged(RuntimeError):
    """The file is no DuckDB database, or not a whole one."""


def says_locked(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is that another process holds the file: ours or dbt's words."""
    while error is not None:
        if isinstance(error, WarehouseLocked) or LOCKED in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def landing_notes(warehouse: Path) -> Path:
    """The file beside a warehouse that says what was loaded into it; see `assets.raw.manifest`."""
    return warehouse.with_suffix(".landing.json")


class Warehouse(dg.ConfigurableResource):
    """The DuckDB file that holds raw tables, marts and results.

    Attributes:
        wait_seconds: how long to wait for another process that has the file open.
        memory_limit: what DuckDB may take before it puts work aside in `<path>.tmp`, beside the file.
    """

    path: str
    wait_seconds: float = 120.0
    memory_limit: str = MEMORY_LIMIT

    @contextmanager
    def connect(self, *, read_only: bool = False) -> "Iterator[duckdb.DuckDBPyConnection]":
        """A connection, closed on the way out whatever happened.

        Raises:
            InputError: reading before anything was written, or a file that its user may not open.
            WarehouseLocked: another process held the file for all of `wait_seconds`.
            WarehouseDamaged: the file is not what DuckDB wrote.
            OutOfSpace: the disk has no room for what is written.
        """
        if read_only and not Path(self.path).is_file():
            raise InputError(
                f"{self.path}: there is no warehouse yet: make ingest makes it of what has landed"
            )
        import duckdb

        try:
            connection = self._open(read_only)
            try:
                yield connection
            finally:
                connection.close()
        except duckdb.Error as error:
            if is_out_of_space(error):
                raise out_of_space(Path(self.path)) from error
            if damage := self.damage(str(error)):
                raise damage from error
            if "Permission denied" in str(error):
                raise InputError(
                    f"{self.path} may not be {'read' if read_only else 'written'} by this user: give it and its folder "
                    "to whoever runs the platform, or name another data folder in MMM_DATA_DIR"
                ) from error
            raise

    def damage(self, words: str) -> WarehouseDamaged | None:
        """What to raise where these words of DuckDB say that the file is damaged; None where they do not."""
        said = next((line for line in words.splitlines() if any(sign in line for sign in _DAMAGED)), None)
        if said is None:
            return None
        return WarehouseDamaged(
            f"{self.path} is damaged ({said.strip()}): rename it and run make ingest, which makes a new one of the "
            "landing folder; what is published next brings back the results of every vintage from results/"
        )

    def _open(self, read_only: bool) -> "duckdb.DuckDBPyConnection":
        import duckdb

        path = Path(self.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            landing_notes(path).unlink(missing_ok=True)  # they were of a warehouse that is gone
        deadline, delay, told = time.monotonic() + self.wait_seconds, 0.05, ""
        while True:
            try:
                connection = duckdb.connect(self.path, read_only=read_only)
                self._set(connection)
                return connection
            except (duckdb.IOException, duckdb.ConnectionException) as error:
                message = str(error)
                if not any(reason in message for reason in _WAIT_FOR):
                    raise
                if time.monotonic() + delay > deadline:
                    raise WarehouseLocked(self._locked(message)) from error
                if delay > TELL_SECONDS and told != (holder := _holder(message)):
                    told = holder
                    LOG.warning(
                        f"waiting for {self.path}, locked by {holder}, for {self.wait_seconds:g} s at most"
                    )
            time.sleep(delay * random.uniform(0.8, 1.2))
            delay = min(2 * delay, 2.0)

    def _set(self, connection: "duckdb.DuckDBPyConnection") -> None:
        """Set what bounds a query, afterwards: two connections of one process must open the file alike."""
        connection.execute("set memory_limit = ?", [self.memory_limit])
        connection.execute("set temp_directory = ?", [f"{self.path}.tmp"])
        connection.execute(
            "set preserve_insertion_order = true"
        )  # rows of a file are numbered as they stand in it

    def _locked(self, message: str) -> str:
        return (
            f"{self.path} is locked by {_holder(message)}; waited {self.wait_seconds:g} s. "
            "Close that connection, or query the published copy (published/marts.duckdb), which is never locked."
        )

    def prepare(self) -> None:
        """Create the schemas and the empty result tables that dbt reads from; what exists stays as it is."""
        with self.connect() as connection:
            for schema in ("raw", "results"):
                connection.execute(f"create schema if not exists {schema}")
            for table, columns in RESULT_TABLES.items():
                ddl = ", ".join(f"{name} {kind}" for name, kind in columns.items())
                connection.execute(f"create table if not exists results.{table} ({ddl})")
                for name in ADDED_LATER.get(table, ()):
                    connection.execute(
                        f"alter table results.{table} add column if not exists {name} {columns[name]}"
                    )

    def replace_results(
        self, tables: "Mapping[str, pd.DataFrame]", model: str, as_of_week: dt.date | str
    ) -> dict[str, int]:
        """Replace one model's rows of one as-of week in all `tables` at once; returns the rows written to each.

        Frames may leave out `model` and `as_of_week`. Other models and weeks keep their rows, and a failure half way
        leaves everything as it was.

        Raises:
            InputError: an unknown table, a missing or unknown column, or rows of another model or week.
        """
        week = as_of_week if isinstance(as_of_week, dt.date) else dt.date.fromisoformat(as_of_week)
        frames = {name: _result_rows(name, frame, model, week) for name, frame in tables.items()}
        self.prepare()
        with self.connect() as connection:
            connection.begin()
            for name, frame in frames.items():
                connection.execute(
                    f"delete from results.{name} where model = ? and as_of_week = ?", [model, week]
                )
                connection.register("incoming", frame)
                connection.execute(f"insert into results.{name} by name select * from incoming")
                connection.unregister("incoming")
            connection.commit()
        return {name: len(frame) for name, frame in frames.items()}


def _holder(message: str) -> str:
    held = _HOLDER.search(message)
    return f"{held['program']} (process {held['pid']})" if held else "another connection of this process"


def _result_rows(table: str, frame: "pd.DataFrame", model: str, week: dt.date) -> "pd.DataFrame":
    import pandas as pd

    if table not in RESULT_TABLES:
        raise InputError(f"results.{table}: no such table: {nearest(table, RESULT_TABLES)}")
    columns = list(RESULT_TABLES[table])
    rows = frame.assign(**{name: None for name in ADDED_LATER.get(table, ()) if name not in frame})
    for key, value in (("model", model), ("as_of_week", pd.Timestamp(week))):
        if key not in rows:
            rows[key] = value
        given = pd.to_datetime(rows[key]) if key == "as_of_week" else rows[key]
        if not (given == value).all():
            raise InputError(f"results.{table}: rows of another {key} than {value}")
        rows[key] = given
    missing, unknown = set(columns) - set(rows), set(rows) - set(columns)
    if missing or unknown:
        raise InputError(
            f"results.{table}: "
            + "; ".join(
                f"{word} columns {', '.join(sorted(names))}"
                for word, names in (("missing", missing), ("unknown", unknown))
                if names
            )
        )
    return rows[columns]
