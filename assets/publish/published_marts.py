"""`published_marts`: marts and reporting tables as one DuckDB file and as Parquet, replaced whole.

The warehouse is locked while a run writes. Analysts open this copy instead: it is written under another name and
renamed, so a reader has the old file or the new one, and one that holds the old file open keeps reading it.

`from marts.fct_media_weekly` and `from reporting.rpt_channel_roi` read the same table in the warehouse and in the copy.
In the copy, `marts` is the name of the file's catalog, and its tables lie in the main schema: a schema of the catalog's
own name would make every reference to it ambiguous.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.marts.assets import dbt_marts, dbt_reporting
from assets.marts.project import manifest
from assets.resources.published import Published
from assets.resources.warehouse import POOL, Warehouse

if TYPE_CHECKING:
    import duckdb

LAYERS = ("marts", "reporting")
CHECK = "holds_every_row"


def publish(warehouse: Warehouse, folder: Path) -> dict[str, int]:
    """Copy every table of the published layers; returns the rows of each, by `layer.table`."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "marts.duckdb.tmp"
    partial.unlink(missing_ok=True)
    with warehouse.connect(read_only=True) as source, duckdb.connect(partial) as copy:
        rows = {name: _copy_table(source, copy, name, folder) for name in _tables(source)}
    os.replace(partial, folder / "marts.duckdb")
    for path in folder.glob("*.parquet"):
        if path.stem not in {name.split(".")[1] for name in rows}:
            path.unlink()  # of a table that is no longer there
    return rows


def _tables(connection: "duckdb.DuckDBPyConnection") -> list[str]:
    found = connection.execute(
        "select table_schema || '.' || table_name from information_schema.tables "
        f"where table_schema in {LAYERS} and table_type = 'BASE TABLE' order by all"
    )
    return [name for (name,) in found.fetchall()]


def _copy_table(
    source: "duckdb.DuckDBPyConnection", copy: "duckdb.DuckDBPyConnection", name: str, folder: Path
) -> int:
    import pyarrow.parquet as pq

    table = name.split(".")[1]
    rows = source.execute(f"from {name} order by all").to_arrow_table()
    copy.execute("create schema if not exists reporting")
    copy.register("incoming", rows)
    copy.execute(f"create table {_place(name)} as from incoming")
    copy.unregister("incoming")
    for statement in _comments(name, rows.column_names):
        copy.execute(statement)
    partial = folder / f"{table}.parquet.tmp"
    pq.write_table(rows, partial)
    os.replace(partial, folder / f"{table}.parquet")
    return rows.num_rows


def _place(name: str) -> str:
    """Where the copy holds a table of the warehouse."""
    return name.replace("marts.", "main.")


def _comments(name: str, columns: list[str]) -> list[str]:
    """The documentation of a table and its columns, for SQL editors and `duckdb_columns()`."""
    node = _nodes().get(name)
    if node is None:
        return []
    documented = {
        column: node["columns"][column]["description"] for column in columns if column in node["columns"]
    }
    return [
        f"comment on table {_place(name)} is {_literal(node['description'])}",
        *(
            f'comment on column {_place(name)}."{column}" is {_literal(text)}'
            for column, text in documented.items()
        ),
    ]


def _nodes() -> Mapping[str, Any]:
    return {f"{node['schema']}.{node['name']}": node for node in manifest()["nodes"].values()}


def _literal(text: str) -> str:
    return "'" + text.strip().replace("'", "''") + "'"


@dg.asset(
    key=dg.AssetKey("published_marts"),
    group_name="publish",
    description=(
        "Marts and reporting tables for analysts: published/marts.duckdb, and a Parquet file a table beside it.\n\n"
        "Replaced whole after a run, so it can be queried at any time, also while a run writes."
    ),
    deps=[key for key in sorted(dbt_marts.keys | dbt_reporting.keys) if key.path[0] in LAYERS],
    owners=["data-platform@carryover.example"],
    kinds={"duckdb", "parquet"},
    pool=POOL,
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset="published_marts",
            description="The copy opens by itself and holds as many rows of each table as the warehouse.",
        )
    ],
)
def published_marts(warehouse: Warehouse, published: Published) -> dg.MaterializeResult:
    folder = Path(published.folder)
    rows = publish(warehouse, folder)
    found = published_rows(folder / "marts.duckdb")
    lines = [f"| {name} | {count:,} |" for name, count in rows.items()]
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(folder / "marts.duckdb")),
            "tables": dg.MetadataValue.md("\n".join(["| table | rows |", "|---|---:|", *lines])),
            "dagster/row_count": sum(rows.values()),
            "size_bytes": (folder / "marts.duckdb").stat().st_size,
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=CHECK, passed=bool(rows) and found == rows, metadata={"tables": len(found)}
            )
        ],
    )


def published_rows(path: Path) -> dict[str, int]:
    """Rows of each table in a published file, by the name it has in the warehouse."""
    import duckdb

    with duckdb.connect(path, read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        names = [f"{schema}.{table}" for schema, table in tables]
        return {
            name.replace("main.", "marts."): (
                connection.execute(f"select count(*) from {name}").fetchone() or (0,)
            )[0]
            for name in names
        }
