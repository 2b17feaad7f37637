"""The marts built from the simulated world rebuild its weekly tables, and are documented to the last column."""

import numpy as np
import pandas as pd
import pytest

from assets.marts.invoke import invoke
from assets.marts.project import dbt_manifest, manifest
from assets.publish.tables import copy_tables
from mmm_core.reconciliation.claims import read_claims

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model_table(built_warehouse):
    return built_warehouse.query("select * from marts.mmm_model_table")


@pytest.mark.parametrize("market", ["us", "uk"])
def test_the_model_table_is_the_worlds_weekly_table(built_warehouse, model_table, market):
    truth = built_warehouse.world.market(market).table
    rows = model_table[model_table["market"] == market]
    keys = ["geo", "week_start"]
    truth, rows = (frame.sort_values(keys).reset_index(drop=True) for frame in (truth, rows))
    assert set(truth.columns) <= set(rows.columns)
    assert (rows[keys].astype(str) == truth[keys].astype(str)).all(axis=None)
    for column in truth.columns.drop(["market", *keys]):
        np.testing.assert_allclose(
            rows[column].to_numpy(float), truth[column].to_numpy(float), atol=1e-5, rtol=0, err_msg=column
        )


def test_linkedin_is_billed_in_euros_and_reported_in_dollars(built_warehouse):
    currencies = built_warehouse.query("select distinct currency from staging.stg_linkedin_ads__media")
    assert currencies["currency"].tolist() == [
        "EUR"
    ]  # or the comparison above would say nothing of conversion


def test_meta_days_exported_twice_count_once(built_warehouse):
    twice = built_warehouse.query(
        "select count(*) - count(distinct (account_id, date_start, campaign_id)) as n "
        "from raw.meta_ads__campaign_insights"
    )
    assert twice["n"].item() > 0


def test_the_mart_tells_zero_from_missing(built_warehouse):
    media = built_warehouse.query(
        "select delivery, count(*) as n, min(spend) as low, max(spend) as high from marts.fct_media_weekly group by all"
    ).set_index("delivery")
    assert set(media.index) == {"reported", "no_activity"}
    assert media.loc["no_activity", ["low", "high"]].tolist() == [0, 0]


def test_attribution_holds_every_claim_beside_the_spend_of_its_channel(built_warehouse):
    """Claims are the sample world's, pounds converted; channels that no other mart knows are among them."""
    from mmm_core.simulate.attribution import attribution_truth

    claims = built_warehouse.query(
        "select market, platform, channel, is_known_channel, sum(revenue) as revenue, sum(spend) as spend, "
        "min(days_reported) as days from marts.fct_attribution group by all"
    ).set_index(["market", "platform", "channel"])
    assert claims["days"].eq(7).all()
    assert set(claims.index[~claims["is_known_channel"]].get_level_values("channel")) == {"email", "direct"}
    for market in built_warehouse.world.markets:
        for report in attribution_truth(market, skip=0).itertuples():
            found = claims.loc[(market.name, report.platform, report.channel)]
            assert found["revenue"] == pytest.approx(report.claimed, rel=1e-9)
            spent = float(market.truth.weekly["spend"].sel(channel=report.channel).sum())
            assert found["spend"] == pytest.approx(spent, rel=1e-9)


def test_published_claims_are_a_file_that_mmm_reconcile_reads(built_warehouse, tmp_path):
    with built_warehouse.warehouse.connect(read_only=True) as connection:
        copy_tables(connection, ["marts.fct_attribution"], tmp_path)
        rows = connection.execute(
            "select market, channel, week_start, revenue from marts.fct_attribution"
        ).df()
    claims = read_claims(tmp_path / "fct_attribution.parquet")
    assert len(claims) == len(rows) > 0
    assert claims.groupby(["market", "channel"])["revenue"].sum().to_dict() == pytest.approx(
        rows.groupby(["market", "channel"])["revenue"].sum().to_dict()
    )
    assert claims["week_start"].min() == pd.Timestamp(rows["week_start"].min())


def test_weekly_tables_keep_their_names(built_warehouse):
    rows = built_warehouse.query("select * from marts.fct_weekly_tables where table_name = 'example'")
    assert set(rows["column_name"]) == {"sales", "hldy_Father's Day"}
    assert rows["value"].isna().sum() == 1


def test_every_test_of_the_world_passes(built_warehouse):
    found = built_warehouse.run_result.get_asset_check_evaluations()
    assert [(each.asset_key.to_user_string(), each.check_name) for each in found if not each.passed] == []
    expected = {each.asset_key.path[-1] for each in found if each.check_name == "meets_expectations"}
    assert {"google_ads__campaign_stats", "tv__invoices", "reference__exchange_rates"} <= expected


def models():
    return [node for node in manifest()["nodes"].values() if node["resource_type"] == "model"]


def test_every_column_of_the_warehouse_is_documented(built_warehouse):
    found = built_warehouse.query(
        "select schema_name, table_name, column_name from duckdb_columns() "
        "where schema_name in ('staging', 'intermediate', 'marts', 'reporting')"
    )
    documented = {
        (node["schema"], node["name"], column)
        for node in manifest()["nodes"].values()
        if node["resource_type"] in {"model", "seed"}
        for column, props in node["columns"].items()
        if props["description"].strip()
    }
    of_the_data = {
        column for column in found.itertuples(index=False, name=None) if column[1] == "mmm_model_table"
    }
    assert set(found.itertuples(index=False, name=None)) - of_the_data == documented - of_the_data


def test_every_column_of_the_model_table_is_a_variable_of_the_long_one(built_warehouse, model_table):
    variables = built_warehouse.query("select distinct variable from marts.fct_model_inputs")["variable"]
    assert set(model_table.columns) == {"market", "geo", "week_start", *variables}


def test_marts_are_contracted_public_and_owned():
    for node in models():
        assert node["description"], node["name"]
        assert node["group"], node["name"]
        public = node["fqn"][1] in {"marts", "reporting"}
        contracted = public and node["name"] != "mmm_model_table"  # whose columns are whatever there is
        assert (node["access"] == "public") == public, node["name"]
        assert node["contract"]["enforced"] == contracted, node["name"]


def test_marts_with_arithmetic_have_unit_tests():
    tested = {test["model"] for test in manifest()["unit_tests"].values()}
    plain = {"dim_channel", "fct_controls_weekly", "fct_weekly_tables"}
    marts = {node["name"] for node in models() if node["fqn"][1] in {"marts", "reporting"}}
    assert marts - plain <= tested


@pytest.mark.slow
def test_the_unit_tests_pass(built_warehouse, tmp_path):
    """Refreshes leave them out: the rows they read are written in the project."""
    path = built_warehouse.warehouse.path
    done = invoke(["test", "--select", "test_type:unit"], path, tmp_path, dbt_manifest(path))
    assert done.success, done.exception
    assert len(done.result.results) == len(manifest()["unit_tests"])
