"""A warehouse built from sources of its own, in a process of its own: which sources there are is read when modules are.

`build_sources` is for tests; `python -m tests.built_sources FOLDER PATHS` is what it starts.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import yaml

from assets.resources.settings import REPOSITORY


@dataclass(frozen=True)
class BuiltSources:
    """What came of a build.

    Attributes:
        outcome: `success`, the message of the first `failure`, checks that `failed`, and dbt's unit tests by status.
    """

    warehouse: Path
    outcome: dict[str, Any]

    def query(self, sql: str) -> pd.DataFrame:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).df()

    def texts(self) -> set[str]:
        """Every text of the warehouse, in lower case."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            columns = connection.execute(
                "select schema_name, table_name, column_name from duckdb_columns() where data_type = 'VARCHAR' "
                "and schema_name in ('raw', 'staging', 'intermediate', 'marts')"
            ).fetchall()
            return {
                text
                for schema, table, column in columns
                for (text,) in connection.execute(
                    f'select distinct lower("{column}") from {schema}."{table}" where "{column}" is not null'
                ).fetchall()
            }


def build_sources(
    folder: Path, sources: Sequence[str] | Mapping[str, Any], unit_tests: Sequence[str] = ()
) -> BuiltSources:
    """Load what lies in folder/landing and build the marts of these sources.

    Args:
        sources: names, or by name the entry in `sources.yaml`.
        unit_tests: paths of the dbt project whose unit tests are run as well.
    """
    chosen = folder / "sources.yaml"
    entries = sources if isinstance(sources, Mapping) else dict.fromkeys(sources, "landing")
    chosen.write_text(yaml.safe_dump({"currency": "USD", "sources": dict(entries)}))
    environment = {**os.environ, "MMM_SOURCES": str(chosen), "MMM_DATA_DIR": str(folder / "data")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.built_sources", str(folder), *unit_tests],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    outcome = folder / "outcome.json"
    assert outcome.is_file(), done.stdout[-3000:] + done.stderr[-3000:]
    return BuiltSources(folder / "warehouse.duckdb", json.loads(outcome.read_text()))


def main(folder: Path, unit_tests: Sequence[str]) -> None:
    from assets.marts.assets import dbt_marts
    from assets.marts.invoke import invoke
    from assets.marts.project import dbt_manifest
    from assets.raw.assets import landing_tables
    from tests.fixtures_warehouse import Platform, checks, failure

    platform = Platform(folder)
    result = platform.run(landing_tables, dbt_marts)
    outcome: dict[str, Any] = {
        "success": result.success,
        "failure": None if result.success else failure(result),
        "failed": sorted(name for name, check in checks(result).items() if not check.passed),
        "unit_tests": {},
    }
    if unit_tests and result.success:
        path = platform.warehouse.path
        selection = [f"path:{name},test_type:unit" for name in unit_tests]
        done = invoke(["test", "--select", *selection], path, folder / "target", dbt_manifest(path))
        outcome["unit_tests"] = {
            test.node.name: [str(test.status), test.message or ""] for test in done.result or []
        }
    (folder / "outcome.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
