"""Fixtures around the warehouse: the simulated world, landed, loaded and built once a session by the real tools.

`landed_world`      the world and its landing folder (copy the folder before changing it)
`built_warehouse`   the warehouse after landing, dbt_marts and dbt_reporting ran in Dagster (copy it to change it)
`new_platform`      makes an empty platform in a temporary folder
"""

import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pytest

from assets.resources.warehouse import Warehouse

WORLD_SEED, WORLD_END = 7, dt.date(2026, 11, 16)


@dataclass(frozen=True)
class Platform:
    """Landing folder, warehouse and published copy under one folder."""

    folder: Path

    @property
    def landing(self) -> Path:
        return self.folder / "landing"

    @property
    def published(self) -> Path:
        return self.folder / "published"

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(path=str(self.folder / "warehouse.duckdb"), wait_seconds=20)

    def resources(self) -> dict[str, Any]:
        from assets.resources.landing import Landing
        from assets.resources.published import Published
        from assets.resources.report_store import ReportStore
        from assets.resources.stores import ResultStore

        return {
            "warehouse": self.warehouse,
            "landing": Landing(folder=str(self.landing)),
            "published": Published(folder=str(self.published)),
            "results": ResultStore(folder=str(self.folder / "results")),
            "reports": ReportStore(folder=str(self.folder / "reports")),
        }

    def run(
        self, *assets: dg.AssetsDefinition, selection: Any = None, config: Any = None
    ) -> dg.ExecuteInProcessResult:
        """Materialize in this process; a failed run is returned, not raised. `config` is of the only asset."""
        ops = {asset.op.name: {"config": config} for asset in assets} if config else {}
        return dg.materialize(
            list(assets),
            resources=self.resources(),
            selection=selection,
            run_config={"ops": ops},
            raise_on_error=False,
        )

    def query(self, sql: str) -> pd.DataFrame:
        with self.warehouse.connect(read_only=True) as connection:
            return connection.execute(sql).df()

    def land(self, name: str, rows: pd.DataFrame | str) -> Path:
        """Write a landing file, `<source>/<table>/<file>.csv`."""
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(rows, str):
            path.write_text(rows, encoding="utf-8")
        else:
            rows.to_csv(path, index=False)
        return path


@dataclass(frozen=True)
class BuiltWarehouse(Platform):
    """A platform with everything built, the world behind it, and the run that built it."""

    world: Any
    run_result: dg.ExecuteInProcessResult

    def copy_to(self, folder: Path) -> Platform:
        """The same warehouse and landing in another folder, free to be changed."""
        shutil.copytree(self.landing, folder / "landing", dirs_exist_ok=True)
        shutil.copyfile(self.warehouse.path, folder / "warehouse.duckdb")
        return Platform(folder)


@pytest.fixture(scope="session")
def landed_world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    from mmm_core.simulate import simulate_world, write_landing

    world = simulate_world(WORLD_SEED, WORLD_END)
    folder = tmp_path_factory.mktemp("world") / "landing"
    write_landing(world, folder)
    return world, folder


@pytest.fixture(scope="session")
def built_warehouse(landed_world: tuple[Any, Path]) -> BuiltWarehouse:
    from assets.marts.assets import dbt_marts, dbt_reporting
    from assets.raw.assets import landing_tables

    world, landing = landed_world
    platform = Platform(landing.parent)
    platform.land(
        "weekly_tables/example.csv", "date,sales,hldy_Father's Day\n2026-01-04,10,1\n2026-01-11,12.5,\n"
    )
    result = platform.run(landing_tables, dbt_marts, dbt_reporting)
    assert result.success, [
        event.step_failure_data.error for event in result.all_events if event.is_step_failure
    ]
    return BuiltWarehouse(platform.folder, world, result)


@pytest.fixture
def new_platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path)


def materializations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetMaterialization]:
    """Materializations of a run by asset, `layer/name`."""
    events = result.get_asset_materialization_events()
    return {event.asset_key.to_user_string(): event.materialization for event in events}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """Check evaluations of a run, by check name."""
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    """Message of the first step that failed, of its innermost cause."""
    return failures(result)[0]


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """Messages of the steps that failed, of their innermost causes."""
    return [_message(event.step_failure_data) for event in result.all_events if event.is_step_failure]


def _message(data: Any) -> str:
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    cause = data.error
    while cause.cause is not None:
        cause = cause.cause
    return cause.message


def execute(platform: Platform, *statements: str) -> None:
    """Change a warehouse behind everyone's back."""
    with duckdb.connect(platform.warehouse.path) as connection:
        for statement in statements:
            connection.execute(statement)
