"""The instance's configuration: one at a time in each pool, nothing sent anywhere."""

import sqlite3

import dagster as dg
import yaml

from assets.resources.tracking import Tracking
from mmm_core.files import HOST
from orchestration.instance import prepare, prepare_home
from orchestration.publish import accepting


def test_a_new_home_gets_a_configuration_and_an_old_one_keeps_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    home = prepare_home()
    with dg.DagsterInstance.get() as instance:
        pools = instance.get_concurrency_config().pool_config
        assert pools.default_pool_limit == 1
        assert pools.pool_granularity.value == "op"
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] > 0
        assert instance.telemetry_enabled is False
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 1
        assert not instance.run_retries_retry_on_asset_or_op_failure
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    prepare_home()
    assert yaml.safe_load((home / "dagster.yaml").read_text()) == {"telemetry": {"enabled": False}}


def test_what_killed_processes_left_half_written_is_removed_at_the_next_start(new_house):
    left = [
        new_house.root / place / f".{name}.{HOST}.4194305.partial{suffix}"  # of a process that cannot be
        for place, name, suffix in (
            ("vintages/us_revenue/2026-01-05", "v1.parquet", ".parquet"),
            ("evidence/us_revenue/2026-01-05", "v1.json", ".json"),
            ("posteriors/us_revenue/2026-01-05", "v1.nc", ".nc"),
            ("results/roi/us_revenue/2026-01-05", "v1.parquet", ".parquet"),
        )
    ]
    for path in left:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"half")
    folder = new_house.root / "published" / f".publication.{HOST}.4194305.partial"
    folder.mkdir(parents=True)
    (folder / "marts.duckdb").write_bytes(b"half")
    prepare(new_house.warehouse, new_house.tracking)
    assert not [path for path in (*left, folder) if path.exists()]


def test_a_publication_that_may_lose_something_is_a_run_of_the_report_job():
    from orchestration.definitions import job_named

    config = accepting(["old_model", "marts.fct_kpi_weekly"])
    assert dg.validate_run_config(job_named("report"), config)["ops"]["published_marts"]["config"] == {
        "accept_losses": ["old_model", "marts.fct_kpi_weekly"]
    }


def test_a_first_start_that_was_killed_while_mlflow_made_its_tables_is_begun_anew(tmp_path):
    database = tmp_path / "mlflow" / "mlflow.db"
    half = database.with_name(".mlflow.db.beginning")
    half.parent.mkdir()
    with sqlite3.connect(half) as connection:  # as a kill in the middle of a migration leaves it
        connection.execute("create table alembic_version (version_num varchar(32))")
        connection.execute("insert into alembic_version values ('451aebb31d03')")
        connection.execute("create table _alembic_tmp_tags (key varchar)")
    tracking = Tracking(uri=f"sqlite:///{database}", artifacts=None, ui="")
    tracking.prepare()
    assert [path.name for path in database.parent.iterdir()] == [database.name]
    tracking.client().create_experiment("mmm/us")
    tracking.prepare()  # what is there is kept
    assert "mmm/us" in {found.name for found in tracking.client().search_experiments()}
