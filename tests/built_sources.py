"""A warehouse built from sources of its own, in a process of its own: which sources there are is read when modules are.

`build_sources` is for tests; `python -m tests.built_sources FOLDER COMMANDS` is what it starts.
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
        outcome: `success`, what the steps that failed say (`failures`), the `checks` there were, those that `failed`,
            as [asset, check], and dbt's unit tests by status.
    """

    warehouse: Path
    outcome: dict[str, Any]

    def query(self, sql: str) -> pd.DataFrame:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).df()

    @property
    def failed(self) -> set[str]:
        """Names of the checks that failed."""
        return {check for _, check in self.outcome["failed"]}

    def failed_of(self, check: str) -> list[str]:
        """The assets of which a check failed."""
        return [asset for asset, name in self.outcome["failed"] if name == check]

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
    folder: Path,
    sources: Sequence[str] | Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
    unit_tests: Sequence[str] = (),
    models: Sequence[str] = (),
) -> BuiltSources:
    """Load what lies in folder/landing and build the marts of these sources.

    Args:
        sources: names, or by name the entry in `sources.yaml`.
        settings: what else `sources.yaml` says.
        unit_tests: paths of the dbt project whose unit tests are run as well.
        models: marts that are built after it, whatever check has stopped the build in front of them.
    """
    chosen = folder / "sources.yaml"
    entries = sources if isinstance(sources, Mapping) else dict.fromkeys(sources, "landing")
    chosen.write_text(yaml.safe_dump({"currency": "USD", **(settings or {}), "sources": dict(entries)}))
    environment = {**os.environ, "MMM_SOURCES": str(chosen), "MMM_DATA_DIR": str(folder / "data")}
    commands = []
    if unit_tests:
        commands.append(["test", "--select", *(f"path:{path},test_type:unit" for path in unit_tests)])
    if models:
        commands.append(["run", "--select", *models])
    done = subprocess.run(
        [sys.executable, "-m", "tests.built_sources", str(folder), json.dumps(commands)],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    outcome = folder / "outcome.json"
    assert outcome.is_file(), done.stdout[-3000:] + done.stderr[-3000:]
    return BuiltSources(folder / "warehouse.duckdb", json.loads(outcome.read_text()))


def main(folder: Path, commands: Sequence[Sequence[str]]) -> None:
    from assets.marts.assets import dbt_marts
    from assets.marts.invoke import invoke
    from assets.marts.project import dbt_manifest
    from assets.raw.assets import landing_tables
    from tests.fixtures_warehouse import Platform, failures

    platform = Platform(folder)
    result = platform.run(landing_tables, dbt_marts)
    evaluations = result.get_asset_check_evaluations()
    outcome: dict[str, Any] = {
        "success": result.success,
        "failures": failures(result),
        "checks": sorted({each.check_name for each in evaluations}),
        "failed": sorted(
            [each.asset_key.to_user_string(), each.check_name] for each in evaluations if not each.passed
        ),
        "unit_tests": {},
    }
    for command in commands:
        path = platform.warehouse.path
        done = invoke(command, path, folder / "target", dbt_manifest(path))
        outcome["unit_tests"] |= {
            each.node.name: [str(each.status), each.message or ""]
            for each in done.result or []
            if each.node.resource_type == "unit_test"
        }
    (folder / "outcome.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
