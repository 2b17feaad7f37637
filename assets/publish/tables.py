"""Writing marts and reporting tables into a folder, as one DuckDB file and as Parquet.

`from marts.fct_media_weekly` and `from reporting.rpt_channel_roi` read the same table in the warehouse and in the copy.
In the copy, `marts` is the name of the file's catalog, and its tables lie in the main schema: a schema of the catalog's
own name would make every reference to it ambiguous, which DuckDB refuses. The catalog has the name of the file, or what
it is attached as: `docs/operations.md` says what to write where that is another.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.marts.project import manifest
from assets.publish.publication import DATABASE
from assets.publish.variable_comments import WIDE, variable_comments

if TYPE_CHECKING:
    import duckdb

LAYERS = ("marts", "reporting")


def published_tables(source: "duckdb.DuckDBPyConnection") -> list[str]:
    """Tables of the warehouse that analysts get, as `layer.table`."""
    found = source.execute(
        "select table_schema || '.' || table_name from information_schema.tables "
        f"where table_schema in {LAYERS} and table_type = 'BASE TABLE' order by all"
    )
    return [name for (name,) in found.fetchall()]


def copy_tables(source: "duckdb.DuckDBPyConnection", tables: list[str], folder: Path) -> dict[str, int]:
    """Copy tables of the warehouse into a folder; returns the rows of each.

    Raises:
        RuntimeError: what was written does not hold the rows it should.
    """
    import duckdb

    with duckdb.connect(folder / DATABASE) as copy:
        rows = {name: _copy_table(source, copy, name, folder) for name in tables}
        copy.execute("checkpoint")  # an error here is raised, one while closing is not
    found = published_rows(folder / DATABASE)
    if found != rows:
        raise RuntimeError(
            f"{folder / DATABASE}: holds rows {found} where {rows} were written: is the disk full?"
        )
    return rows


def _copy_table(
    source: "duckdb.DuckDBPyConnection", copy: "duckdb.DuckDBPyConnection", name: str, folder: Path
) -> int:
    import pyarrow.parquet as pq

    rows = source.execute(f"from {name} order by all").to_arrow_table()
    copy.execute("create schema if not exists reporting")
    copy.register("incoming", rows)
    copy.execute(f"create table {_place(name)} as from incoming")
    copy.unregister("incoming")
    for statement in _comments(name, rows.column_names, variable_comments(source) if name == WIDE else {}):
        copy.execute(statement)
    pq.write_table(rows, folder / f"{name.split('.')[1]}.parquet")
    return rows.num_rows


def published_rows(path: Path) -> dict[str, int]:
    """Rows of each table in a published file, by the name it has in the warehouse."""
    import duckdb

    with duckdb.connect(path, read_only=True) as connection:
        return {
            name.replace("main.", "marts."): (
                connection.execute(f"select count(*) from {name}").fetchone() or (0,)
            )[0]
            for name in _tables_of_copy(connection)
        }


def _tables_of_copy(connection: "duckdb.DuckDBPyConnection") -> list[str]:
    tables = connection.execute("select schema_name || '.' || table_name from duckdb_tables() order by all")
    return [name for (name,) in tables.fetchall()]


def _place(name: str) -> str:
    """Where the copy holds a table of the warehouse."""
    return name.replace("marts.", "main.")


def _comments(name: str, columns: list[str], told: Mapping[str, str]) -> list[str]:
    """The documentation of a table and its columns, for SQL editors and `duckdb_columns()`.

    Args:
        told: of columns that dbt does not know.
    """
    node = _nodes().get(name)
    if node is None:
        return []
    known = {**told, **{column: about["description"] for column, about in node["columns"].items()}}
    documented = {column: known[column] for column in columns if column in known}
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
