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


def dbt_asset(*key: str) -> dg.AssetsDefinition:
    @dg.asset(key=dg.AssetKey(key), deps=[results], kinds={"dbt"})
    def built() -> dg.MaterializeResult:
        return dg.MaterializeResult(data_version=dg.DataVersion("the same rows"))

    return built.map_asset_specs(apply)


class Daemon:
    """Ticks of the automation sensor over one mart and one reporting table."""

    def __init__(self, instance: dg.DagsterInstance):
        self.instance, self.cursor = instance, None
        self.mart, self.report = dbt_asset("marts", "mart"), dbt_asset("reporting", "report")
        self.definitions = dg.Definitions(assets=[results, self.mart, self.report])

    def tick(self, minutes: float) -> set[str]:
        """What it asks for at a time after the beginning, and materializes at once."""
        found = dg.evaluate_automation_conditions(
            self.definitions, self.instance, cursor=self.cursor, evaluation_time=BEGAN + timedelta(minutes=minutes)
        )  # fmt: skip
        self.cursor = found.cursor
        asked = {a.key.path[-1]: a for a in (self.mart, self.report) if found.get_num_requested(a.key)}
        for asset in asked.values():
            self.build(asset)
        return set(asked)

    def build(self, asset: dg.AssetsDefinition) -> None:
        assert dg.materialize([asset, results], instance=self.instance, selection=[asset]).success


@pytest.fixture
def daemon():
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = Daemon(instance)
        for asset in (results, daemon.mart, daemon.report):
            daemon.build(asset)
        daemon.tick(0)
        yield daemon


def test_a_mart_follows_at_once_and_a_report_at_the_next_ten_minutes(daemon):
    assert daemon.tick(1) == set()
    daemon.build(results)
    assert daemon.tick(2) == {"mart"}
    assert daemon.tick(5) == set()
    assert daemon.tick(9) == {"report"}
    assert daemon.tick(19) == set()


def test_what_a_refresh_reported_itself_is_not_built_again(daemon):
    daemon.build(results)
    assert daemon.tick(2) == {"mart"}, "the daemon looks between the model's job and the report"
    daemon.build(daemon.report)
    assert "report" not in daemon.tick(3) | daemon.tick(9) | daemon.tick(19)


def test_a_mart_that_somebody_built_since_is_not_built_again_although_its_rows_are_the_same(daemon):
    daemon.build(results)
    daemon.build(daemon.mart)
    assert daemon.tick(2) == set()
