"""Shop, web, CRM, offline and control connectors: their templates and real exports, built once by the real tools.

Real exports are of the column sets that ELT tools load; what the marts should hold of them is worked out by pandas.
"""

import re
from decimal import Decimal

import duckdb
import pandas as pd
import pytest

from assets.raw.connector import connector
from assets.raw.filled_in import FilledIn, filled_in
from tests.built_sources import BuiltSources
from tests.connector_exports import EXPORTS, FILES
from tests.connector_exports import rows_of as exported
from tests.fixtures_connectors import HASHED_GB, INVOICES, WON_STAGE
from tests.fixtures_connectors import SHOPS as SOURCES

pytestmark = pytest.mark.slow

PRIVATE = re.compile("address|email$|recipient|phone|_ip$|user_id|customer_id|person_id|pseudo")


@pytest.fixture
def built(built_connectors: BuiltSources) -> BuiltSources:
    return built_connectors


def test_every_template_and_export_is_built(built):
    """The build stops in front of the models alone: of ad platforms there is spend in currencies nobody states."""
    for failure in built.outcome["failures"]:
        assert {check for check in built.failed if check in failure} == {"unmapped_spend_is_small"}, failure
    assert len(built.outcome["failures"]) <= 1
    rows = built.query(
        "select table_name, estimated_size as n from duckdb_tables() where schema_name = 'raw'"
    )
    empty = set(rows.loc[rows["n"] == 0, "table_name"])
    assert not empty & {contract.name for source in SOURCES for contract in connector(source).contracts}


def test_what_the_files_hold_is_what_the_marts_are_made_of(built):
    assert "spend_reconciles_with_the_files" not in built.failed
    assert not {name for name in built.failed if "grain" in name}


def test_rows_in_quarantine_are_counted_and_the_rest_reconciles(built):
    """The marts are short of two orders; `spend_reconciles_with_the_files` above is of what was loaded."""
    assert built.failed_of("no_row_in_quarantine") == ["raw/orders__orders"]
    found = built.query(
        "select source_table, column_name, reason, rows_in_quarantine, amount_in_quarantine, rows_without_amount, "
        "first_row, cast(week_start as varchar) from marts.fct_quarantine order by reason"
    )
    assert found.values.tolist() == [
        ["orders__orders", "currency", "currency is no currency of ISO 4217", 1, 30.2, 0, 3, "2026-01-05"],
        ["orders__orders", "net_amount", "net_amount is not a number", 1, 0, 1, 4, "2026-01-12"],
    ]
    counted = built.query("select sum(value) as v from staging.stg_orders__kpi where currency is not null")
    files = built.query(
        "select sum(amount) as a, sum(quarantined_amount) as q from raw.landing_files "
        "where source_table = 'orders__orders'"
    )
    assert (
        counted["v"].item() == files["a"].item() == 20.1 + 10.5 + 511
    )  # with the template's and those of 2025
    assert files["q"].item() == 30.2
    contents = built.query("select contents from raw.landing_quarantine order by row")["contents"]
    assert [row["currency"] for row in contents] == ["(left out)", "USD"]


def test_each_staging_model_does_what_its_page_says(built):
    assert len(built.outcome["unit_tests"]) >= 10
    assert {name: said for name, said in built.outcome["unit_tests"].items() if said[0] != "pass"} == {}


def test_a_campaign_that_was_filled_in_later_counts_twice_and_is_found(built):
    """Of the tables whose grain may have blanks, invoices among them, one alone has such rows."""
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        contracts = [contract for source in SOURCES for contract in connector(source).contracts]
        found = [each for contract in contracts for each in filled_in(connection, contract)]
    unnamed, named = (f"generic/media/{name}.csv" for name in ("unnamed", "named"))
    assert found == [FilledIn(("campaign",), unnamed, named, 1, Decimal(70))]
    spend = built.query(
        "select sum(spend) as spend from marts.fct_media_weekly where channel = 'tv' and week_start = '2025-02-03'"
    )
    assert spend["spend"].item() == 140


@pytest.mark.parametrize("source", INVOICES)
def test_an_invoice_is_spend_of_its_channel(built, source):
    spend = built.query(
        f"select sum(spend) as spend from marts.fct_media_weekly where channel = '{source}' and market = 'us'"
    )
    assert spend["spend"].item() == 15.75  # of the later export, whether or not it writes out the geo 'all'


def test_a_later_export_overrules_one_that_writes_the_whole_market_in_another_way(built):
    values = built.query(
        "select 'kpi' as name, sum(value) as value from staging.stg_generic__kpi union all "
        "select control, avg(value) from marts.fct_controls_weekly group by control"
    ).set_index("name")["value"]
    names = ["kpi", "control 1", "promotion_depth", "out_of_stock_share"]
    assert values[names].tolist() == [15.75, 15.75, 0.75, 0.75]
    days = built.query("select geo, count(*) as n from raw.weather__daily group by all")
    assert days.values.tolist() == [["all", 2]]


def test_controls_reach_the_model_inputs(built):
    found = built.query("select distinct variable from marts.fct_model_inputs where kind = 'control'")
    assert set(found["variable"]) == {
        "control 1", "kind 1_days", "promotion_depth", "promotion_days", "price_index", "out_of_stock_share",
    }  # fmt: skip


def test_shop_orders_count_on_the_day_of_the_shop(built):
    orders = exported("shopify_orders/order")
    orders["day"] = (
        pd.to_datetime(orders["created_at"])
        .dt.tz_localize("UTC")
        .dt.tz_convert("America/New_York")
        .dt.date.astype(str)
    )
    orders["net"] = orders["subtotal_price"] - orders["total_tax"].where(orders["taxes_included"], 0)
    orders["market"] = orders["shipping_address_country_code"].eq(HASHED_GB).map({True: "uk", False: "us"})
    assert not orders["test"].any()
    assert orders["cancelled_at"].isna().all()
    expected = orders.groupby(["market", "day"])["net"].agg(["sum", "size"]).reset_index()
    found = built.query(
        "select market, strftime(activity_date, '%Y-%m-%d') as day, "
        "sum(value) filter (where kpi = 'revenue') as revenue, sum(value) filter (where kpi = 'orders') as orders "
        "from staging.stg_shopify_orders__kpi where kpi is not null group by all having orders > 0 order by all"
    )
    assert (
        found[["market", "day", "orders"]].values.tolist()
        == expected[["market", "day", "size"]].values.tolist()
    )
    assert found["revenue"].tolist() == pytest.approx(expected["sum"].tolist(), abs=1e-9)
    assert expected["sum"].sum() == pytest.approx(589.97)  # of 590.00 with tax
    # 22:57 and 23:01 UTC are one evening in New York
    assert found.loc[found["market"] == "uk", "day"].tolist() == ["2020-09-09", "2020-09-11"]


def test_days_on_which_summer_time_begins_and_ends_have_23_and_25_hours(built):
    """From midnight to midnight of New York; of the hour that comes twice both are of the day."""
    found = built.query(
        "select strftime(activity_date, '%Y-%m-%d') as day, value from staging.stg_orders__kpi "
        "where kpi = 'revenue' and value > 0 and year(activity_date) = 2025 order by day"
    )
    assert found.values.tolist() == [
        ["2025-03-08", 1], ["2025-03-09", 2 + 4], ["2025-03-10", 8],
        ["2025-11-02", 16 + 32 + 64 + 128], ["2025-11-03", 256],
    ]  # fmt: skip


def test_refunds_of_orders_that_are_not_there_take_nothing_off(built):
    refunds, orders = exported("shopify_orders/refund"), exported("shopify_orders/order")
    assert not set(refunds["order_id"]) & set(orders["id"])
    told = built.query("select distinct not_counted from staging.stg_shopify_orders__kpi where kpi is null")
    assert set(told["not_counted"]) == {"tax"}


def test_events_of_a_website_become_sessions_and_purchases(built):
    """Of the file as it is, which has a column twice that nobody reads."""
    events = exported("ga4/event")
    found = built.query(
        "select market, kpi, sum(value) as value from staging.stg_ga4__kpi where kpi is not null group by all"
    ).set_index(["market", "kpi"])["value"]
    market = events["geo_country"].map({"USA": "us", "UK": "uk"})
    sessions = events.groupby(market)["param_ga_session_id"].nunique()
    assert {name: found[name, "sessions"] for name in sessions.index} == sessions.to_dict()
    purchases = events[events["name"] == "purchase"]
    assert found["us", "ga4_purchases"] == len(purchases) == 1
    assert found["us", "ga4_revenue"] == purchases["ecommerce_purchase_revenue_in_usd"].sum() == 29.99
    left = built.query("select sum(value) as v from staging.stg_ga4__kpi where not_counted = 'no purchase'")
    assert found["us", "ga4_revenue"] + left["v"].item() == pytest.approx(
        events["ecommerce_purchase_revenue_in_usd"].sum()
    )


def test_emails_are_owned_media(built):
    events = exported("hubspot/email_event")
    human = events[events["filtered_event"].astype(str).str.lower() != "true"]
    found = built.query(
        "select cast(sum(spend) as double) as spend, cast(sum(impressions) as double) as delivered, "
        "cast(sum(opens) as double) as opens, cast(sum(sends) as double) as sends from staging.stg_hubspot__media"
    ).iloc[0]
    assert found.to_dict() == {
        "spend": 0,
        "delivered": (events["type"] == "DELIVERED").sum(),
        "opens": (human["type"] == "OPEN").sum(),
        "sends": (events["type"] == "SENT").sum(),
    }
    received = (exported("klaviyo/event")["type"] == "Received Email").sum()
    mart = built.query(
        "select market, sum(impressions) as n, sum(spend) as spend from marts.fct_media_weekly "
        "where channel = 'email' group by all"
    ).set_index("market")
    assert mart["n"].to_dict() == {"us": found["delivered"], "uk": received}
    assert mart["spend"].eq(0).all()


def test_won_deals_are_kpis_of_the_week_they_were_closed(built):
    """Of which stages are won the real export knows; its own deals state neither stage nor amount, and are open."""
    stages = exported("hubspot/deal_pipeline_stage").set_index("stage_id")
    assert stages.loc[WON_STAGE, "closed_won"]
    won = built.query(
        "select market, kpi, strftime(week_start, '%Y-%m-%d') as week, value, days_reported from marts.fct_kpi_weekly "
        "where kpi like 'won_deals%' order by all"
    )
    assert won.values.tolist() == [
        ["uk", "won_deals", "2021-03-01", 1, 5],
        ["uk", "won_deals", "2021-03-08", 0, 7],
        ["uk", "won_deals_amount", "2021-03-01", 70, 5],
        ["uk", "won_deals_amount", "2021-03-08", 0, 7],
        ["us", "won_deals", "2021-03-01", 2, 7],
        ["us", "won_deals", "2021-03-08", 0, 7],
        ["us", "won_deals_amount", "2021-03-01", 1500.3, 7],
        ["us", "won_deals_amount", "2021-03-08", 0, 7],
    ]
    told = built.query("select not_counted, value from staging.stg_hubspot__kpi where kpi is null")
    assert told.values.tolist() == [["lost deal", 8000]]
    variables = built.query("select distinct variable from marts.fct_model_inputs where kind = 'kpi'")
    assert {"won_deals", "won_deals_amount"} <= set(variables["variable"])
    deals = built.query("select count(*) as n from raw.hubspot__deal")["n"].item()
    assert deals == len(exported("hubspot/deal")) + 4


def test_no_address_of_the_exports_is_in_the_warehouse(built):
    values = set()
    shops = [name for table, names in FILES.items() if table.split("/")[0] in SOURCES for name in names]
    for path in (EXPORTS / f"{name}.csv" for name in shops):
        if not path.is_file():
            pytest.skip("the connector exports are not on this machine")
        for column, cells in pd.read_csv(path, dtype=str).items():
            if PRIVATE.search(str(column)) and "country_code" not in str(column):
                values |= {cell.lower() for cell in cells.dropna() if len(cell) > 3}
    assert len(values) > 30
    found = built.texts()
    assert {"us", "email", "promotion_depth"} <= found
    assert not found & values
    assert not {text for text in found if "@" in text}
