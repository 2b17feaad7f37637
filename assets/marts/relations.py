"""What dbt built, as the database has it: rows, columns, and which column came from which.

`dagster-dbt` fetches the same through a dbt adapter of its own, with a query a table. Here it is two queries in all,
and lineage, which follows from the compiled SQL and the columns it reads, is worked out again only where one of them
has changed.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg

from assets.marts.column_lineage import column_lineage
from assets.marts.runner import DbtBuild
from assets.resources.warehouse import Warehouse
from mmm_core.files import write_whole
from mmm_core.json_text import dumps

LINEAGE = "column_lineage.json"

Columns = dict[str, str]
"""Name -> type."""


class Relations:
    """Tables and views of the warehouse after a build.

    Args:
        built: dbt's build, which has ended: the manifest, and the SQL it compiled.
        kept: where lineage is kept from one build to the next.

    Attributes:
        kinds: `table` or `view` of each, by schema and name.
    """

    def __init__(self, warehouse: Warehouse, built: DbtBuild, kept: Path):
        self._built = built
        self.manifest, self.compiled = built.manifest, built.target_path
        self._kept = kept / LINEAGE
        with warehouse.connect(read_only=True) as connection:
            self._columns = _columns(connection)
            self._rows = _rows(connection)
            self.kinds = _kinds(connection)

    def metadata(self, unique_id: str) -> dict[str, Any]:
        """Row count (of a table), columns with the project's descriptions, and lineage of a model or seed."""
        node = self.manifest["nodes"][unique_id]
        name = (node["schema"], node["alias"])
        found: dict[str, Any] = {
            "dagster/column_schema": dg.TableSchema(
                [
                    dg.TableColumn(
                        column, kind, description=node["columns"].get(column, {}).get("description")
                    )
                    for column, kind in self._columns.get(name, {}).items()
                ]
            )
        }
        if node["config"]["materialized"] != "view" and name in self._rows:
            found["dagster/row_count"] = self._rows[name]
        if node["resource_type"] == "model":
            found["dagster/column_lineage"] = dg.TableColumnLineage(
                {
                    column: [dg.TableColumnDep(dg.AssetKey(key), name) for key, name in deps]
                    for column, deps in self._lineage(node).items()
                }
            )
        return found

    def keep_lineage(self) -> None:
        """Write down what was worked out, for the next build."""
        text = dumps(self._known, sort_keys=True)
        if not self._kept.is_file() or self._kept.read_text() != text:
            write_whole(self._kept, lambda partial: partial.write_text(text))

    @cached_property
    def _known(self) -> dict[str, dict[str, Any]]:
        try:
            known = json.loads(self._kept.read_text())
        except (OSError, ValueError):  # none yet, or a damaged one: it can be made again
            return {}
        return known if isinstance(known, dict) else {}

    def _lineage(self, node: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Column -> [path of the asset's key, column] of each column it is made from."""
        parents = {parent["relation_name"]: parent for parent in map(self._node, node["depends_on"]["nodes"])}
        relations = {
            name: self._of(parent) for name, parent in {**parents, node["relation_name"]: node}.items()
        }
        compiled = self.compiled.joinpath(
            "compiled", node["package_name"], node["original_file_path"]
        ).read_text()
        sql = compiled
        if node["config"]["materialized"] == "incremental":
            # Its SQL names what is new, which is another each time.
            sql = str(self._built.dagster_dbt_translator.get_code_version(node))
        basis = dumps([sql, relations, version("sqlglot")], sort_keys=True)
        digest = hashlib.sha256(basis.encode()).hexdigest()
        entry = self._known.get(node["unique_id"])
        if not entry or entry.get("basis") != digest:
            entry = {"basis": digest, "columns": self._parsed(node, compiled, relations, parents)}
            self._known[node["unique_id"]] = entry
        return entry["columns"]

    def _parsed(
        self,
        node: Mapping[str, Any],
        sql: str,
        relations: Mapping[str, Columns],
        parents: Mapping[str, Mapping[str, Any]],
    ) -> dict[str, list[Any]]:
        """The lineage of a model's compiled SQL; `relations` and `parents` by the name that the SQL has for them."""
        translator = self._built.dagster_dbt_translator
        keys = {name: tuple(translator.get_asset_key(parent).path) for name, parent in parents.items()}
        found = column_lineage(sql, relations, keys)
        there = {column.lower() for column in relations[node["relation_name"]]}
        return {
            column: [[list(key), name] for key, name in found[column]]
            for column in sorted(there & set(found))
        }

    def _node(self, unique_id: str) -> Mapping[str, Any]:
        return self.manifest["nodes"].get(unique_id) or self.manifest["sources"][unique_id]

    def _of(self, node: Mapping[str, Any]) -> Columns:
        return self._columns.get((node["schema"], node.get("alias") or node["identifier"]), {})


def _columns(connection: Any) -> dict[tuple[str, str], Columns]:
    found: dict[tuple[str, str], Columns] = {}
    for schema, table, column, kind in connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() where not internal "
        "order by schema_name, table_name, column_index"
    ).fetchall():
        found.setdefault((schema, table), {})[column] = kind
    return found


def _kinds(connection: Any) -> dict[tuple[str, str], str]:
    rows = connection.execute(
        "select schema_name, table_name, 'table' from duckdb_tables() where not internal "
        "union all select schema_name, view_name, 'view' from duckdb_views() where not internal"
    ).fetchall()
    return {(schema, name): kind for schema, name, kind in rows}


def _rows(connection: Any) -> dict[tuple[str, str], int]:
    """Rows of every table, counted: DuckDB's own figure is an estimate."""
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where not internal and schema_name <> 'raw'"
    ).fetchall()
    counts = [f'(select count(*) from "{schema}"."{table}")' for schema, table in tables]
    if not counts:
        return {}
    return dict(zip(tables, connection.execute(f"select {', '.join(counts)}").fetchone(), strict=True))
