"""The marts as they were known as of a past week: the same dbt project, on the exports that were known then.

They are built into a DuckDB file of their own, beside the warehouse, whose raw tables are views of the warehouse's
without later exports, and with the rows that were deleted later. Where no later export holds a day of the week and no
row of it was deleted later, nothing is built: the warehouse's marts are those.
"""

import contextlib
import datetime as dt
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from assets.marts.gone_later import Copy
from assets.marts.known_exports import KnownExports
from assets.raw.folder import LandingFile, export_order
from assets.raw.ingest import ALL_CONTRACTS
from assets.raw.ledger import LOADED
from assets.raw.retired import rows_table
from assets.resources.warehouse import Warehouse
from mmm_core.files import ABANDONED_SECONDS

if TYPE_CHECKING:
    import duckdb

FOLDER, FILE = "known_then", "warehouse.duckdb"
"""Below the folder of the warehouse; the name of the file is that of the database that dbt parsed for."""

KEPT = 3
"""How many of these files are kept: steps that follow read the same marts."""

LIVE, ENVIRONMENT = "live", "MMM_LIVE_WAREHOUSE"
"""The warehouse as dbt's target `known_then` attaches it, and the variable that tells it where that is."""

BUILD = (
    "--no-write-json", "--quiet", "build", "--target", FOLDER, "--exclude-resource-type", "test", "unit_test",
    "--select", "+path:models/marts", "--exclude", "fct_restatements",
)  # fmt: skip


def marts_then(warehouse: Warehouse, known: KnownExports) -> Warehouse:
    """The warehouse to read marts from, as they were known then.

    Raises:
        RuntimeError: dbt cannot build them; with what it said.
    """
    if known.are_of_today:
        return warehouse
    from assets.marts.project import fingerprint

    key = hashlib.sha256(f"{known.key} {fingerprint()}".encode()).hexdigest()[:16]
    folder = Path(warehouse.path).parent / FOLDER
    made = folder / key
    if (made / FILE).is_file():
        os.utime(made)  # whoever keeps the last keeps what is in use
    else:
        make_apart(made, lambda building: _build(warehouse, known, building / FILE))
        _keep_the_last(folder, made)
    return Warehouse(
        path=str(made / FILE), wait_seconds=warehouse.wait_seconds, memory_limit=warehouse.memory_limit
    )


def make_apart(made: Path, build: Callable[[Path], object]) -> None:
    """Have `build` fill a folder of its own, then rename it: runs that make the same at once do not meet.

    Of those the first one's stays, which others may be reading already; what the others made is the same.
    """
    building = made.with_name(f".{made.name}.{uuid.uuid4().hex[:8]}")
    building.mkdir(parents=True)
    try:
        build(building)
        if not (made / FILE).is_file():
            shutil.rmtree(made, ignore_errors=True)  # what a killed process left of removing it
        with contextlib.suppress(OSError):  # another run was first
            building.rename(made)
        if not (made / FILE).is_file():
            raise FileNotFoundError(f"{made / FILE}: was built and is not there: was it deleted meanwhile?")
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _build(warehouse: Warehouse, known: KnownExports, path: Path) -> None:
    from assets.marts.invoke import invoke
    from assets.marts.project import dbt_manifest

    there = Warehouse(path=str(path), memory_limit=warehouse.memory_limit)
    with there.connect() as connection:
        connection.execute(f"attach '{_quoted(warehouse.path)}' as {LIVE} (read_only)")
        raw_as_then(connection, known)
    before = os.environ.get(ENVIRONMENT)
    os.environ[ENVIRONMENT] = warehouse.path
    errors: list[str] = []

    def listen(event: object) -> None:
        if event.info.level == "error":  # type: ignore[attr-defined]
            errors.append(event.info.msg)  # type: ignore[attr-defined]

    try:
        done = invoke(BUILD, str(path), path.parent / "dbt", dbt_manifest(warehouse.path), listen)
    finally:
        if before is None:
            os.environ.pop(ENVIRONMENT)
        else:
            os.environ[ENVIRONMENT] = before
    if not done.success:
        raise RuntimeError("\n".join(errors) or str(done.exception))
    shutil.rmtree(path.parent / "dbt", ignore_errors=True)
    with there.connect() as connection:  # views of the warehouse say nothing without it
        for schema in ("staging", "intermediate", "raw"):
            connection.execute(f"drop schema if exists {schema} cascade")


def raw_as_then(connection: "duckdb.DuckDBPyConnection", known: KnownExports) -> None:
    """Make the schema `raw` of views of the tables of an attached warehouse (`LIVE`), as they were then."""
    connection.execute("create schema raw")
    connection.execute("create table raw.left_out (source_table varchar, file varchar)")
    connection.execute("create table raw.restored (source_table varchar, copy varchar, file varchar)")
    connection.execute("create table raw.places (source_table varchar, file varchar, place bigint)")
    for table, files in known.left_out.items():
        connection.executemany("insert into raw.left_out values (?, ?)", [[table, file] for file in files])
    for table, copies in known.restored.items():
        connection.executemany(
            "insert into raw.restored values (?, ?, ?)", [[table, copy.name, copy.file] for copy in copies]
        )
        connection.executemany(
            "insert into raw.places values (?, ?, ?)",
            [[table, file, place] for file, place in _places(connection, table, copies).items()],
        )
    tables = connection.execute(
        "select table_name from duckdb_tables() where database_name = ? and schema_name = 'raw' order by all",
        [LIVE],
    )
    for (table,) in tables.fetchall():
        rows = f'from {LIVE}.raw."{table}"'
        if table in known.left_out:
            rows += f" where _file not in (select file from raw.left_out where source_table = '{table}')"
        if table in known.restored:
            rows = _with_restored(table, rows)
        connection.execute(f'create view raw."{table}" as {rows}')


def _with_restored(table: str, rows: str) -> str:
    """Rows of a raw table and those that its files lost later, which count where their file does among the exports."""
    lost = (
        f'select rows.* replace (restored.file as _file) from {LIVE}.raw."{rows_table(ALL_CONTRACTS[table]).name}" '
        f"as rows inner join raw.restored on rows._file = restored.copy and restored.source_table = '{table}'"
    )
    return (
        f"select rows.* replace (coalesce(places.place, 0) as _export_order) "
        f"from ({rows} union all by name {lost}) as rows "
        f"left join raw.places on rows._file = places.file and places.source_table = '{table}'"
    )


def _places(connection: "duckdb.DuckDBPyConnection", table: str, copies: Iterable[Copy]) -> Mapping[str, int]:
    """The place of each file of a raw table among its exports, with those of which nothing is left but a copy."""
    exported: dict[str, dt.datetime | None] = {copy.file: copy.exported_at for copy in copies}
    rows = connection.execute(
        f"select file, exported_at from {LIVE}.raw.landing_files where source_table = ? and status = ?",
        [table, LOADED],
    )
    exported |= dict(rows.fetchall())
    start, microsecond = dt.datetime(1970, 1, 1), dt.timedelta(microseconds=1)
    return export_order(
        [
            LandingFile(Path(name), name, ((at or start) - start) // microsecond * 1000)
            for name, at in exported.items()
        ]
    )


def _keep_the_last(folder: Path, newest: Path) -> None:
    """Remove older files, and what killed processes left half made."""
    there = [path for path in folder.iterdir() if path.is_dir() and path != newest]
    built = [path for path in there if not path.name.startswith(".")]
    abandoned = [
        path
        for path in there
        if path.name.startswith(".") and path.stat().st_mtime < time.time() - ABANDONED_SECONDS
    ]
    for old in sorted(built, key=lambda path: path.stat().st_mtime)[: -(KEPT - 1)] + abandoned:
        shutil.rmtree(old, ignore_errors=True)


def _quoted(text: str) -> str:
    return text.replace("'", "''")
