"""Loading accepted files with dlt: a file's rows replace the rows it left before, every other row stays.

Each raw row carries where it came from: `_file` and `_row` (as a spreadsheet counts), `_digest` of the file and of how
it was read, `_export_order` of the file among those of its table, and `_loaded_at`. What was loaded is read back from
the warehouse, so one that is restored or deleted is loaded again correctly.
"""

import datetime as dt
import hashlib
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from assets.raw.contract import SQL_TYPES, Contract
from assets.raw.contracts import CONTRACTS, WEEKLY_TABLES
from assets.raw.files import Accepted

os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")  # read when dlt makes its first pipeline

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt import Pipeline
    from dlt.extract import DltSource

ALL_CONTRACTS: Mapping[str, Contract] = {**CONTRACTS, WEEKLY_TABLES.name: WEEKLY_TABLES}


def landing_source(tables: "Mapping[str, pa.Table]") -> "DltSource":
    """A dlt source with one resource a raw table."""
    import dlt

    # The columns are the contract's. A type that differs from the table's would make dlt add a column beside it:
    # that is refused. A column that a contract gains is added.
    modes = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}

    @dlt.source(name="landing", schema_contract=modes)
    def landing() -> "Iterable[dlt.sources.DltResource]":
        for name, table in tables.items():
            empty = table.num_rows == 0
            merged = {"disposition": "merge", "strategy": "delete-insert"}
            yield dlt.resource(
                [table],
                name=name,
                write_disposition="append" if empty else merged,
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


def write(tables: "Mapping[str, pa.Table]", warehouse_path: str, dlt_folder: str) -> None:
    """Load rows into raw tables, those of a file in place of the ones it left before.

    Raises:
        dlt.pipeline.exceptions.PipelineStepFailed: they could not be loaded.
    """
    pipeline = landing_pipeline(warehouse_path, dlt_folder)
    pipeline.drop()  # what a load that failed left would be loaded again; what dlt must know is in the warehouse
    pipeline.run(landing_source(tables)).raise_on_failed_jobs()


def rows_to_load(contract: Contract, accepted: Accepted, order: int, loaded_at: dt.datetime) -> "pa.Table":
    """Rows of a file in the contract's types, with the columns that say where they came from."""
    import pyarrow as pa

    rows = accepted.rows.assign(
        _file=accepted.file.name,
        _row=accepted.rows.index,
        _digest=accepted.digest,
        _export_order=order,
        _loaded_at=loaded_at,
    )
    return pa.Table.from_pandas(rows, schema=_arrow_schema(contract), preserve_index=False)


def table_to_load(contract: Contract, parts: "Iterable[pa.Table]") -> "pa.Table":
    """The rows of several files as one table, empty where there are none."""
    import pyarrow as pa

    return pa.concat_tables([_arrow_schema(contract).empty_table(), *parts])


READERS = ("contract", "files", "kinds", "periods", "schema", "spelling", "weekly_tables")
SHARED_READERS = ("names", "data/cells", "data/reader", "data/weeks")


@cache
def reading_version(contract: Contract) -> str:
    """What is asked of a table's files and how they are read; files are read again when it changes."""
    import mmm_core

    ours, shared = Path(__file__).parent, Path(mmm_core.__file__).parent
    modules = [ours / f"{name}.py" for name in READERS] + [shared / f"{name}.py" for name in SHARED_READERS]
    source = b"\0".join(module.read_bytes() for module in modules)
    return hashlib.sha256(repr(contract).encode() + source).hexdigest()[:8]


def _arrow_schema(contract: Contract) -> "pa.Schema":
    import pyarrow as pa

    types = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us"),
        "BOOLEAN": pa.bool_(),
    }
    fields = [pa.field(column.name, types[SQL_TYPES[column.kind]]) for column in contract.columns]
    fields += [
        pa.field("_file", pa.string(), nullable=False),
        pa.field("_row", pa.int64()),
        pa.field("_digest", pa.string()),
        pa.field("_export_order", pa.int64()),
        pa.field("_loaded_at", pa.timestamp("us", tz="UTC")),
    ]
    return pa.schema(fields)


def landing_folder_of(contract: Contract) -> Path:
    """Folder of a table's files inside the landing folder."""
    return Path(WEEKLY_TABLES.source if contract is WEEKLY_TABLES else contract.folder)
