"""Loading accepted files with dlt: a file's rows replace the rows it left before, every other row stays.

Each raw row carries where it came from: `_file` and `_row` (as a spreadsheet counts), `_digest` of the file and its
contract, and `_loaded_at`. What was loaded is read back from these columns, not from notes beside the warehouse, so a
warehouse that is restored or deleted is loaded again correctly.
"""

import datetime as dt
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from assets.raw.contracts import CONTRACTS, SQL_TYPES, WEEKLY_TABLES, Contract
from assets.raw.files import Accepted, LandingFile

os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")  # read when dlt makes its first pipeline

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from dlt import Pipeline
    from dlt.extract import DltSource

ALL_CONTRACTS: Mapping[str, Contract] = {**CONTRACTS, WEEKLY_TABLES.name: WEEKLY_TABLES}


def landing_source(tables: "Mapping[str, pa.Table | None]") -> "DltSource":
    """A dlt source with one resource a raw table."""
    import dlt

    # The columns are the contract's. A type that differs from the table's would make dlt add a column beside it:
    # that is refused. A column that a contract gains is added.
    modes = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}

    @dlt.source(name="landing", schema_contract=modes)
    def landing() -> "Iterable[dlt.sources.DltResource]":
        for name, table in tables.items():
            empty = table is None or table.num_rows == 0
            yield dlt.resource(
                [] if table is None else [table],
                name=name,
                write_disposition="append"
                if empty
                else {"disposition": "merge", "strategy": "delete-insert"},
                merge_key=None if empty else "_file",
            )

    return landing()


def landing_pipeline(warehouse_path: str, dlt_folder: str) -> "Pipeline":
    """The pipeline into schema `raw`; its working files stay in `dlt_folder`."""
    import dlt

    return dlt.pipeline(
        "landing",
        pipelines_dir=dlt_folder,
        destination=dlt.destinations.duckdb(warehouse_path),
        dataset_name="raw",
    )


def rows_to_load(contract: Contract, accepted: Sequence[Accepted], loaded_at: dt.datetime) -> "pa.Table":
    """Rows of the files in the contract's types, with the columns that say where they came from."""
    import pyarrow as pa

    parts = [_arrow_schema(contract).empty_table()]
    for part in accepted:
        rows = part.rows.assign(
            _file=part.file.name,
            _row=range(2, len(part.rows) + 2),
            _digest=digest(contract, part.file),
            _loaded_at=loaded_at,
        )
        parts.append(pa.Table.from_pandas(rows, schema=_arrow_schema(contract), preserve_index=False))
    return pa.concat_tables(parts)


def digest(contract: Contract, file: LandingFile) -> str:
    """What makes loading a file again worth while: its bytes, or what is asked of them."""
    return f"{file.digest}-{contract_version(contract)}"


@cache
def contract_version(contract: Contract) -> str:
    return hashlib.sha256(repr(contract).encode()).hexdigest()[:8]


def _arrow_schema(contract: Contract) -> "pa.Schema":
    import pyarrow as pa

    types = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "DATE": pa.date32()}
    fields = [pa.field(column.name, types[SQL_TYPES[column.kind]]) for column in contract.columns]
    fields += [
        pa.field("_file", pa.string(), nullable=False),
        pa.field("_row", pa.int64()),
        pa.field("_digest", pa.string()),
        pa.field("_loaded_at", pa.timestamp("us", tz="UTC")),
    ]
    return pa.schema(fields)


def table_exists(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> bool:
    found = connection.execute(
        "select count(*) from information_schema.tables where table_schema = 'raw' and table_name = ?",
        [contract.name],
    ).fetchone()
    return found == (1,)


def loaded_files(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> dict[str, tuple[str, int]]:
    """Digest and row count of every file whose rows are in the raw table."""
    if not table_exists(connection, contract):
        return {}
    rows = connection.execute(
        f"select _file, any_value(_digest), count(*) from raw.{contract.name} group by all"
    )
    return {name: (digest, count) for name, digest, count in rows.fetchall()}


def content_version(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> str:
    """Hash of a raw table's rows: neither their order nor the files they came in matter, any value does."""
    columns = ", ".join(f'"{column.name}"' for column in contract.columns)
    count, total = connection.execute(
        f"select count(*), sum(md5_number_lower(cast(row({columns}) as varchar))) from raw.{contract.name}"
    ).fetchone() or (0, 0)
    return hashlib.sha256(f"{contract.name} {count} {total}".encode()).hexdigest()[:16]


def landing_folder_of(contract: Contract) -> Path:
    """Folder of a table's files inside the landing folder."""
    return Path(WEEKLY_TABLES.source if contract is WEEKLY_TABLES else contract.folder)
