"""What was not made in time is told to those who own it, once."""

import datetime as dt

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from orchestration.owners import own
from orchestration.policies import MORNING_DEADLINE, apply
from orchestration.stale import alert_of_stale_assets


@dg.asset(key=["origins", "tv__invoices"], group_name="origins")
def fetched() -> None: ...


@dg.asset(group_name="report")
def weekly_report() -> None: ...


@dg.asset(group_name="marts")
def mart() -> None: ...


LOCATION = dg.Definitions(assets=[fetched, weekly_report, mart]).map_asset_specs(
    func=lambda spec: apply(own(spec))
)
TABLE, REPORT = dg.AssetKey(["origins", "tv__invoices"]), dg.AssetKey("weekly_report")


def test_fetched_tables_are_to_be_fetched_by_the_morning():
    graph = LOCATION.resolve_asset_graph()
    assert graph.get(TABLE).freshness_policy == MORNING_DEADLINE
    assert graph.get(dg.AssetKey("mart")).freshness_policy is None


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as found:
        assert dg.materialize([fetched], instance=found).success
        yield found


def turned(instance, key, state, hour):
    """What Dagster's daemon notes of an asset."""
    at = dt.datetime(2026, 1, 6, hour, tzinfo=dt.UTC).timestamp()
    change = FreshnessStateChange(
        key=key, previous_state=FreshnessState.UNKNOWN, new_state=state, state_change_timestamp=at
    )
    instance._report_runless_asset_event(asset_event=change)


def look(instance, cursor, capsys):
    """What is told, and the cursor after it."""
    repository = LOCATION.get_repository_def()
    with dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=repository) as context:
        alert_of_stale_assets(context)
        return capsys.readouterr().out, context.cursor


def test_owners_hear_once_of_what_is_not_fresh(instance, capsys, monkeypatch):
    monkeypatch.delenv("MMM_ALERT_SINK", raising=False)
    said, cursor = look(instance, None, capsys)
    assert said == ""
    turned(instance, TABLE, FreshnessState.FAIL, 6)
    turned(instance, REPORT, FreshnessState.PASS, 6)
    said, cursor = look(instance, cursor, capsys)
    run = instance.get_latest_materialization_event(TABLE).run_id
    assert "ALERT for data-platform@carryover.example" in said
    assert (
        f"origins/tv__invoices: not fresh since 2026-01-06 06:00 UTC; last by run http://127.0.0.1:3000/runs/{run}"
        in said
    )
    assert "weekly_report" not in said
    said, cursor = look(instance, cursor, capsys)
    assert said == "", "it was told"
    turned(instance, REPORT, FreshnessState.FAIL, 9)
    said, cursor = look(instance, cursor, capsys)
    assert "ALERT for marketing-science@carryover.example" in said
    assert "weekly_report: not fresh since 2026-01-06 09:00 UTC; never made" in said
    assert "tv__invoices" not in said
    turned(instance, TABLE, FreshnessState.PASS, 10)
    said, cursor = look(instance, cursor, capsys)
    turned(instance, TABLE, FreshnessState.FAIL, 11)
    said, cursor = look(instance, cursor, capsys)
    assert "tv__invoices" in said
