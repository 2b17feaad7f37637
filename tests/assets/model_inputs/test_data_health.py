"""`data_health`: findings of a frozen vintage as checks, a table for the mart, and a fit that one of them stops."""

import numpy as np
import pandas as pd
import pytest

from assets.marts.assets import dbt_reporting
from assets.model_inputs.data_health import CHECKS, MAY_FAIL, data_health
from assets.model_inputs.delivery import read_delivery
from assets.models import Vintage, load_model
from assets.posteriors.mmm_posterior import mmm_posterior
from mmm_core.data.table import fingerprint
from mmm_core.data_health.finding import FAMILIES, TABLE
from mmm_core.spec.model_spec import load_spec
from tests.assets.vintage import VINTAGE, metadata
from tests.fixtures_warehouse import checks
from tests.mmm_core.posteriors import weekly_table

pytestmark = pytest.mark.slow


def freeze(stages, table):
    """A vintage of this table, beside a warehouse that knows nothing of its deliveries."""
    with stages.warehouse.connect() as connection:
        connection.execute("create schema if not exists marts")
    version = fingerprint(table)
    stages.vintages.save(VINTAGE, version, table)
    stages.vintages.point(VINTAGE, version)
    return version


def test_findings_are_checks_a_table_and_pictures(unfitted):
    table = weekly_table()
    week = table["week_start"].iloc[30]
    table.loc[30, "revenue"] *= 20
    frozen = freeze(unfitted, table)
    result = unfitted.materialize(data_health)
    assert result.success
    found = checks(result)
    assert set(found) == set(CHECKS) == set(FAMILIES) - {"contract"}
    assert not found["outliers"].passed
    assert found["outliers"].severity.value == "WARN"
    assert f"in the week of {week:%Y-%m-%d}" in found["outliers"].description
    assert found["coverage"].passed
    assert (
        found["coverage"].description
        == "nothing to judge it by: nothing is known of what the sources delivered"
    )
    shown = metadata(result, "data_health")
    assert shown["series"].startswith("![](data:image/png;base64,")
    assert shown["correlations"].startswith("![](data:image/png;base64,")
    assert "delivery" not in shown
    kept = unfitted.results.read("data_health", VINTAGE)
    assert list(kept) == [*TABLE, "table_version"]
    assert set(kept["table_version"]) == {frozen}
    again = unfitted.materialize(data_health)
    assert (
        again.asset_materializations_for_node("data_health")[0].tags["dagster/data_version"]
        == result.asset_materializations_for_node("data_health")[0].tags["dagster/data_version"]
    )


def test_one_series_under_two_names_stops_the_fit_and_a_threshold_lets_it_pass(unfitted):
    table = weekly_table()
    freeze(unfitted, table.assign(search_clicks=2 * table["tv_spend"]))
    result = unfitted.materialize(data_health)
    found = checks(result)["collinearity"]
    assert not found.passed
    assert found.severity.value == "ERROR"
    assert "search and tv correlate 1.00" in found.description
    assert "they are one series under two names" in found.description
    assert {spec.name for spec in data_health.check_specs if spec.blocking} == set(MAY_FAIL)
    assert data_health.key in mmm_posterior.asset_deps[mmm_posterior.key]

    unfitted.write_spec(data_health={"identical": 1.0})
    freeze(unfitted, table.assign(search_clicks=2 * table["tv_spend"] + np.arange(len(table)) % 2))
    assert checks(unfitted.materialize(data_health))["collinearity"].severity.value == "WARN"


def test_deliveries_are_those_of_the_models_channels_market_and_weeks(built_warehouse, models):
    as_of = built_warehouse.query("select max(week_start) as week from marts.mmm_model_table")["week"].iloc[0]
    vintage = Vintage("us_revenue", f"{as_of:%Y-%m-%d}")
    spec = load_spec(models / "us_revenue.yaml")
    found = read_delivery(built_warehouse.warehouse, spec, vintage)
    assert set(found["channel"]) == set(spec.paid)
    assert found["week"].max() == as_of
    rows = built_warehouse.query(
        "select count(*) as n from marts.fct_media_weekly where market = 'us' and channel in "
        f"{spec.paid} and week_start <= '{as_of:%Y-%m-%d}'"
    )
    assert len(found) == rows["n"].iloc[0]
    earlier = read_delivery(built_warehouse.warehouse, spec, Vintage("us_revenue", "2025-01-06"))
    assert earlier["week"].max() == pd.Timestamp("2025-01-06")
    assert (
        read_delivery(built_warehouse.warehouse, load_spec(models / "conjura_single_series.yaml"), vintage)
        is None
    )


@pytest.fixture
def models():
    """The models of this repository."""
    from assets.resources.settings import models_dir

    return models_dir()


def test_the_mart_holds_every_finding(built_warehouse, tmp_path, unfitted):
    platform = built_warehouse.copy_to(tmp_path)
    assert unfitted.materialize(data_health).success
    assert platform.run(dbt_reporting).success
    rows = platform.query("select * from reporting.rpt_data_health")
    kept = unfitted.results.read("data_health", VINTAGE)
    assert len(rows) == len(kept)
    assert set(rows["health_version"]) == {unfitted.results.versions("data_health").current(VINTAGE)}
    assert rows["is_latest"].all()
    assert not rows["fit_is_blocked"].any()
    assert load_model(VINTAGE.model).model == rows["model"].iloc[0]
