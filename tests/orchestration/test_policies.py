"""What runs by itself: marts after their sources at once, what is reported of models at set minutes and only once."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from orchestration.policies import apply

BEGAN = datetime(2026, 1, 5, 9, 2, tzinfo=UTC)


@dg.asset(kinds={"python"})
def results() -> dg.MaterializeResult:
    results.count = getattr(results, "count", 0) + 1
    return dg.MaterializeResult(data_version=dg.DataVersion(str(results.count)))


def dbt_asset(*key: str, deps=(results,), sql: str = "select 1", view: bool = False) -> dg.AssetsDefinition:
    @dg.asset(key=dg.AssetKey(key), deps=deps, kinds={"dbt"}, code_version=sql, is_virtual=view)
    def built() -> dg.MaterializeResult:
        return dg.MaterializeResult(data_version=dg.DataVersion("the same rows"))

    return built.map_asset_specs(apply)


class Daemon:
    """Ticks of the automation sensor over one mart and one reporting table."""

    def __init__(self, instance: dg.DagsterInstance):
        self.instance, self.cursor = instance, None
        self.upgrade()

    def upgrade(self, view: str = "select 1", mart: str = "select 1") -> None:
        """The code location loaded anew, with the SQL of a staging view and of the mart as they are now."""
        self.staging = dbt_asset("staging", "view", sql=view, view=True)
        self.mart = dbt_asset("marts", "mart", deps=(self.staging,), sql=mart)
        self.report = dbt_asset("reporting", "report")
        self.definitions = dg.Definitions(assets=[results, self.staging, self.mart, self.report])

    def tick(self, minutes: float) -> set[str]:
        """What it asks for at a time after the beginning, and materializes at once."""
        found = dg.evaluate_automation_conditions(
            self.definitions, self.instance, cursor=self.cursor, evaluation_time=BEGAN + timedelta(minutes=minutes)
        )  # fmt: skip
        self.cursor = found.cursor
        asked = {
            a.key.path[-1]: a
            for a in (self.staging, self.mart, self.report)
            if found.get_num_requested(a.key)
        }
        for asset in asked.values():
            self.build(asset)
        return set(asked)

    def build(self, asset: dg.AssetsDefinition) -> None:
        assert dg.materialize(
            [results, self.staging, self.mart, self.report], instance=self.instance, selection=[asset]
        ).success


@pytest.fixture
def daemon():
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = Daemon(instance)
        for asset in (results, daemon.staging, daemon.mart, daemon.report):
            daemon.build(asset)
        daemon.tick(0)
        yield daemon


def test_a_mart_follows_at_once_and_a_report_at_the_next_ten_minutes(daemon):
    assert daemon.tick(1) == set()
    daemon.build(results)
    assert daemon.tick(2) == {"view", "mart"}
    assert daemon.tick(5) == set()
    assert daemon.tick(9) == {"report"}
    assert daemon.tick(19) == set()


def test_what_a_refresh_reported_itself_is_not_built_again(daemon):
    daemon.build(results)
    assert daemon.tick(2) == {"view", "mart"}, "the daemon looks between the model's job and the report"
    daemon.build(daemon.report)
    assert "report" not in daemon.tick(3) | daemon.tick(9) | daemon.tick(19)


def test_a_mart_that_somebody_built_since_is_not_built_again_although_its_rows_are_the_same(daemon):
    daemon.build(results)
    daemon.build(daemon.staging)
    daemon.build(daemon.mart)
    assert daemon.tick(2) == set()


def test_after_an_upgrade_what_has_other_sql_is_built_with_what_reads_it_and_nothing_else(daemon):
    daemon.upgrade()
    assert daemon.tick(1) == set(), "the same SQL, loaded anew"
    daemon.upgrade(mart="select 2")
    assert daemon.tick(2) == {"mart"}
    daemon.upgrade(view="select 2", mart="select 2")
    assert daemon.tick(3) == {"view", "mart"}, "although both were built since the last look"
    assert daemon.tick(4) == set()
