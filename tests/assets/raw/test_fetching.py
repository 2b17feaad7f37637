"""Fetches in the graph: they come before the load, stop nothing where a warehouse is away, and are told.

Which sources there are is read when modules are, so the graph is one of a process of its own: `python -m
tests.assets.raw.test_fetching FOLDER` is what runs there.
"""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from assets.resources.settings import REPOSITORY

SOURCES = {
    "shopify": {
        "from": "bucket",
        "connection": "TEST_BUCKET_URL",
        "tables": {"daily_orders": {"files": "shop/*.csv"}},
    },
    "tv": {
        "from": "postgres",
        "connection": "TEST_WAREHOUSE_URL",
        "schema": "media",
        "tables": ["invoices"],
    },
    "macro": "landing",
}
ORDERS = "date,market,region,orders,gross_sales,discounts,returns,net_sales,currency\n2026-01-01,us,all,1,2,0,0,2,USD\n"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fetching")
    (folder / "sources.yaml").write_text(yaml.safe_dump({"currency": "USD", "sources": SOURCES}))
    (folder / "bucket" / "shop").mkdir(parents=True)
    (folder / "bucket" / "shop" / "a.csv").write_text(ORDERS)
    environment = {
        **os.environ,
        "MMM_SOURCES": str(folder / "sources.yaml"),
        "MMM_DATA_DIR": str(folder),
        "TEST_BUCKET_URL": f"file://{folder}/bucket",
        "TEST_WAREHOUSE_URL": "postgresql://ann:hush@127.0.0.1:1/shop",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.assets.raw.test_fetching", str(folder)],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "hush" not in done.stdout + done.stderr
    return json.loads((folder / "outcome.json").read_text())


def test_a_table_is_fetched_before_it_is_loaded(outcome):
    assert outcome["after"] == {
        "raw/shopify__daily_orders": ["origins/shopify__daily_orders"],
        "raw/tv__invoices": ["origins/tv__invoices"],
        "raw/macro__weekly": [],
    }
    assert outcome["placed"] == ["origins/shopify__daily_orders", "origins/tv__invoices"]
    assert outcome["steps"] == ["fetch_shopify", "fetch_tv", "landing"]


def test_what_answers_is_loaded_and_what_is_away_stops_nothing(outcome):
    assert outcome["success"]
    assert outcome["rows"] == 1
    assert outcome["checks"] == {"origins/shopify__daily_orders": True, "origins/tv__invoices": False}
    ((table, status, reason),) = outcome["ledger"]
    assert (table, status) == ("tv__invoices", "not fetched")
    assert "never fetched: postgres does not answer" in reason


def test_who_runs_it_and_who_owns_it_are_told(outcome):
    (refused,) = outcome["terminal"]
    assert refused.startswith("tv__invoices: not fetched, never fetched: postgres does not answer")
    (subject, body) = outcome["alert"]
    assert subject.endswith("could not fetch tables")
    assert "origins/tv__invoices: tv__invoices: not fetched" in body


def test_a_morning_asks_again_for_what_was_away_and_for_nothing_else(outcome):
    assert outcome["schedules"] == ["weekly_refresh", "morning_fetch"]
    assert outcome["today"] == ["origins/tv__invoices"]
    assert outcome["tomorrow"] == ["origins/shopify__daily_orders", "origins/tv__invoices"]


def run(folder: Path) -> None:
    import dagster as dg

    from assets.raw.assets import landing_tables
    from assets.raw.origins.assets import FETCHES
    from assets.raw.origins.notes import WAS_FETCHED
    from orchestration import owners, schedules
    from orchestration.foreground import refusals
    from orchestration.jobs import placed
    from orchestration.sensors import refusals_of
    from tests.fixtures_warehouse import Platform

    platform = Platform(folder)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [landing_tables, *FETCHES],
            resources=platform.resources(),
            instance=instance,
            raise_on_error=False,
        )
        alerts = list(refusals_of(instance, instance.get_run_by_id(result.run_id)))
    evaluations = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    with platform.warehouse.connect(read_only=True) as connection:
        (rows,) = connection.execute("select count(*) from raw.shopify__daily_orders").fetchone()
        ledger = connection.execute(
            "select source_table, status, reason from raw.landing_files where status <> 'loaded'"
        ).fetchall()

    def due(day: dt.datetime) -> list[str]:
        context = dg.build_schedule_context(scheduled_execution_time=day)
        request = schedules.morning_fetch(context)
        return sorted(key.to_user_string() for key in request.asset_selection)

    now = dt.datetime.now(dt.UTC)
    outcome = {
        "success": result.success,
        "rows": rows,
        "ledger": ledger,
        "after": {
            key.to_user_string(): [parent.to_user_string() for parent in parents]
            for key, parents in landing_tables.asset_deps.items()
            if key.path[1] in ("shopify__daily_orders", "tv__invoices", "macro__weekly")
        },
        "placed": [
            owners.own(placed(spec)).key.to_user_string() for fetch in FETCHES for spec in fetch.specs
        ],
        "steps": [event.step_key for event in result.all_events if event.event_type_value == "STEP_SUCCESS"],
        "checks": {
            check.asset_key.to_user_string(): check.passed
            for check in evaluations
            if check.check_name == WAS_FETCHED
        },
        "terminal": refusals(result),
        "alert": [alerts[0].subject, alerts[0].body],
        "schedules": [schedule.name for schedule in schedules.ALL],
        "today": due(now),
        "tomorrow": due(now + dt.timedelta(days=1)),
    }
    (folder / "outcome.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    run(Path(sys.argv[1]))
