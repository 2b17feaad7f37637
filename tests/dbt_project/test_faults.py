"""Bad input that only shows once tables are joined: each fault fails the test that names it, and stops what follows."""

import pandas as pd
import pytest

from assets.marts.assets import dbt_marts
from assets.marts.invoke import invoke
from assets.marts.project import dbt_manifest
from assets.raw.assets import landing_tables
from tests.fixtures_warehouse import Platform, checks, execute, failure, materializations

pytestmark = pytest.mark.slow

WEEKS = pd.date_range("2024-12-02", periods=6, freq="7D")
DAYS = pd.date_range(WEEKS[0], periods=7 * len(WEEKS), freq="D").strftime("%Y-%m-%d")


def google(campaign="us_all_search_brand", currency="USD", days=DAYS):
    return pd.DataFrame(
        {
            "customer_id": 1, "currency_code": currency, "date": days, "campaign_id": campaign,
            "campaign_name": campaign, "device": "MOBILE", "ad_network_type": "SEARCH",
            "impressions": 100, "clicks": 3, "cost_micros": 2_000_000,
        }
    )  # fmt: skip


def orders(days=DAYS):
    return pd.DataFrame(
        {
            "date": days, "market": "us", "region": "all", "orders": 10, "gross_sales": 110.0,
            "discounts": 5.0, "returns": 5.0, "net_sales": 100.0, "currency": "USD",
        }
    )  # fmt: skip


def television(*weeks):
    return pd.DataFrame(
        {
            "invoice_id": [f"I{week}" for week in weeks], "station": "KXYZ", "market": "us", "region": "all",
            "week_commencing": weeks, "net_cost": 100.0, "currency": "USD", "grps": 10,
        }
    )  # fmt: skip


def weekly(**columns):
    return pd.DataFrame({"week_start": WEEKS.strftime("%Y-%m-%d"), "market": "us", **columns})


def small_world(platform: Platform) -> Platform:
    """Six weeks of one market across a turn of the year."""
    platform.land("google_ads/campaign_stats/a.csv", google())
    platform.land("shopify/daily_orders/a.csv", orders())
    platform.land("macro/weekly/a.csv", weekly(consumer_confidence=100.0))
    platform.land("competitor/weekly/a.csv", weekly(competitor_spend=5.0))
    geos = pd.DataFrame({"market": ["us"], "geo": ["all"], "geo_name": ["National"], "population": [1000]})
    platform.land("reference/geos/a.csv", geos)
    rates = weekly(currency="EUR", rate_to_usd=1.1).drop(columns="market")
    platform.land("reference/exchange_rates/a.csv", rates[:-1])  # none for the last week
    return platform


def rows_of(check) -> str:
    return check.metadata["failing_rows"].value


def test_faults_that_stop_the_marts_are_named(new_platform):
    platform = small_world(new_platform)
    platform.land("google_ads/campaign_stats/b.csv", google("Brand US 2024"))
    platform.land("google_ads/campaign_stats/c.csv", google("us_north_search_brand"))
    platform.land("google_ads/campaign_stats/d.csv", google("us_all_radio_brand"))
    result = platform.run(landing_tables, dbt_marts)
    assert not result.success
    words = failure(result)  # all that the terminal and the alert have
    assert "Failure in test unmapped_spend_is_small (tests/unmapped_spend_is_small.sql)" in words
    assert (
        "unmapped_spend_is_small: first failing row: week_start 2024-12-02, spend 42, percent_of_week"
        in words
    )
    assert "largest_campaign google_ads 1 " in words
    assert ", and 5 like it; Weeks in which more" in words
    assert (
        " Weeks in which more of the spend is unmapped than `unmapped_share` of sources.yaml allows" in words
    )
    assert "spend_is_mapped" not in words  # it only warns
    found = checks(result)
    failed = {name: rows_of(found[name]) for name in found if not found[name].passed}
    assert set(failed) == {"unmapped_spend_is_small", "spend_is_mapped"}
    unmapped = failed["spend_is_mapped"]
    assert "| google_ads | Brand US 2024 | no rule says its market, geo, channel |" in unmapped
    assert "| google_ads | us_north_search_brand | reference/geos does not list market and geo |" in unmapped
    assert "| google_ads | us_all_radio_brand | its channel is not listed |" in unmapped
    assert "| 2024-12-02 | 42 |" in failed["unmapped_spend_is_small"]
    made = set(materializations(result))
    assert "marts/fct_unmapped_spend" in made
    assert not {"marts/fct_model_inputs", "marts/mmm_model_table"} & made


def test_rules_that_land_map_what_names_do_not_say(new_platform):
    """Any name, channel, level, brand metric and currency of the marts: YAML and files, no SQL."""
    platform = small_world(new_platform)
    platform.land("google_ads/campaign_stats/b.csv", google("Brand US 2024"))
    platform.land("google_ads/campaign_stats/c.csv", google("Video Germany"))
    rules = pd.DataFrame(
        [
            {
                "rule": 1,
                "campaign": "^brand (us)",
                "network": "search",
                "market": r"\1",
                "channel": "google_brand",
            },
            {"rule": 2, "campaign": "video", "market": "us", "channel": "radio"},
        ]
    ).assign(geo="all")
    platform.land("reference/mapping_rules/a.csv", rules)
    channels = {"channel": ["google_brand"], "label": "Brand search", "channel_group": "online"}
    platform.land("reference/channels/a.csv", pd.DataFrame(channels))
    levels = {"channel": ["google_brand", "search"], "level": "type", "name": "all_search"}
    platform.land("reference/channel_levels/a.csv", pd.DataFrame(levels))
    waves = {"month": ["2024-12"], "market": "us", "metric": "trust", "value": 0.42, "sample_size": 900}
    platform.land("brand_tracker/monthly/a.csv", pd.DataFrame(waves))
    platform.run(landing_tables, dbt_marts)
    unmapped = platform.query(
        "select campaign, unmapped_because, sum(spend) as spend from marts.fct_unmapped_spend group by all"
    )
    assert unmapped.to_dict("records") == [
        {"campaign": "Video Germany", "unmapped_because": "its channel is not listed", "spend": 84}
    ]
    platform.land("google_ads/campaign_stats/c.csv", google("Video Germany").assign(cost_micros=1000))
    result = platform.run(landing_tables, dbt_marts)
    assert result.success
    assert {name for name, check in checks(result).items() if not check.passed} == {"spend_is_mapped"}
    table = platform.query("select * from marts.mmm_model_table order by week_start")
    assert table["google_brand_spend"].tolist() == [14] * 6
    assert table["all_search_spend"].tolist() == [28] * 6
    assert table["all_search_clicks"].tolist() == [42] * 6
    assert platform.query("select metric, value from marts.fct_brand_metrics").to_dict("records") == [
        {"metric": "trust", "value": 0.42}
    ]


def test_gaps_are_told_and_left_to_the_model(new_platform):
    platform = small_world(new_platform)
    whole = (DAYS < "2024-12-16") | (DAYS >= "2024-12-23")
    platform.land("google_ads/campaign_stats/a.csv", google(days=DAYS[whole]))
    for name, currency in {"b": "EUR", "c": None}.items():  # nothing is spent, so that no rate is asked for
        nothing = google(currency=currency, days=DAYS[whole]).assign(customer_id=name, cost_micros=0)
        platform.land(f"google_ads/campaign_stats/{name}.csv", nothing)
    platform.land("shopify/daily_orders/a.csv", orders(DAYS[(DAYS != "2024-12-11") & (DAYS < "2025-01-09")]))
    weeks = WEEKS.strftime("%Y-%m-%d")
    platform.land("tv/invoices/a.csv", television(*weeks, "2062-01-02"))  # a year that is mistyped
    result = platform.run(landing_tables, dbt_marts)
    assert result.success
    found = checks(result)
    assert {name for name in found if not found[name].passed} == {
        "media_was_delivered",
        "media_weeks_are_complete",
        "kpi_weeks_are_complete",
        "media_weeks_have_a_kpi",
        "dates_are_not_in_the_future",
    }
    assert "| us | search | 2024-12-16 |" in rows_of(found["media_was_delivered"])
    assert "| us | all | revenue | 2024-12-09 | 6 |" in rows_of(found["kpi_weeks_are_complete"])
    waiting = rows_of(found["media_weeks_have_a_kpi"]).splitlines()[2:]
    assert waiting == [
        "| us | tv | tv | 2025-01-06 | 2025-01-06 | 1 | 100 |",
        "| us | google_ads | search | 2025-01-06 | 2025-01-06 | 1 | 14 |",
    ]
    future = rows_of(found["dates_are_not_in_the_future"]).splitlines()[2:]
    assert future == ["| media | tv | us | tv | 2062-01-02 | 2062-01-02 | 100 |"]
    table = platform.query(
        "select week_start, revenue, search_spend, search_clicks from marts.mmm_model_table order by all"
    )
    assert table["week_start"].dt.strftime("%m-%d").tolist() == ["12-02", "12-09", "12-16", "12-23", "12-30"]
    assert table["revenue"].isna().tolist() == [False, True, False, False, False]
    assert table["search_spend"].isna().tolist() == [False, False, True, False, False]
    assert table["search_spend"].iloc[0] == 14
    assert table["search_clicks"].iloc[0] == 3 * 3 * 7  # of all three


TAMPERED = {
    "kpi_is_in_known_geos": (
        "update marts.fct_kpi_weekly set geo = 'g99' where geo = 'g01' and kpi = 'orders' and week_start = {week}"
    ),
    "controls_are_in_known_geos": (
        "update marts.fct_controls_weekly set market = 'fr' where market = 'uk' and week_start = {week}"
    ),
    "spend_has_an_exchange_rate": "delete from intermediate.int_exchange_rates where week_start = {week}",
    "kpi_has_an_exchange_rate": "delete from intermediate.int_exchange_rates where week_start = {week}",
    "unique_grain_fct_kpi_weekly_": "insert into marts.fct_kpi_weekly from marts.fct_kpi_weekly limit 1",
    "not_negative_fct_media_weekly": (
        "update marts.fct_media_weekly set spend = -1 where market = 'us' and channel = 'tv' and week_start = {week}"
    ),
    "not_negative_int_campaign_weekly": (
        "update intermediate.int_campaign_weekly set lowest_spend_local = -1 where week_start = {week}"
    ),
    "dates_are_not_in_the_future": (
        "insert into intermediate.int_kpi_weekly select * replace (date '2999-12-30' as week_start) "
        "from intermediate.int_kpi_weekly limit 1"
    ),
    "media_spend_reconciles": (
        "update marts.fct_media_weekly set spend = spend + 0.02 "
        "where market = 'us' and channel = 'search' and week_start = {week}"
    ),
    "model_table_holds_all_spend": (
        "update marts.fct_model_inputs set value = 0 "
        "where variable = 'meta_spend' and market = 'us' and week_start = {week}"
    ),
    "model_table_holds_all_inputs": (
        "update marts.mmm_model_table set tv_spend = 0 where market = 'us' and week_start = {week}"
    ),
    "channel_levels_are_no_channels": (
        "insert into raw.reference__channel_levels (channel, level, name, _export_order, _row, _file) "
        "values ('tv', 'type', 'meta', 1, 2, 'a.csv')"
    ),
    "mapping_rules_have_their_brackets": (
        "insert into staging.mapping_rules (rule, campaign, market, geo, channel) "
        "values (7, 'brand (us)', '\\2', 'all', 'search')"
    ),
    "weeks_without_gaps_fct_controls_weekly": (
        "delete from marts.fct_controls_weekly where market = 'us' and week_start = {week}"
    ),
    "weeks_without_gaps_mmm_model_table": (
        "update marts.mmm_model_table set week_start = week_start + 1 "
        "where market = 'uk' and geo = 'g01' and week_start = {week}"
    ),
    "lift_tests_are_in_known_channels": "update marts.fct_lift_tests set channels = 'tv;radio' where market = 'us'",
    "lift_tests_are_in_known_geos": "update marts.fct_lift_tests set geos = 'g01;g99' where market = 'uk'",
    "lift_tests_state_a_result": "update marts.fct_lift_tests set standard_error = 0 where market = 'uk'",
    "accepted_values_fct_media_weekly_delivery": (
        "update marts.fct_media_weekly set delivery = 'late' where geo = 'g02'"
    ),
    "filled_fct_brand_metrics": "update marts.fct_brand_metrics set value = null where market = 'us'",
    "attribution_is_in_known_channels": (
        "update marts.fct_attribution set channel = 'serach', is_known_channel = false where platform = 'google_ads'"
    ),
    "attribution_has_an_exchange_rate": "update marts.fct_attribution set revenue = null where market = 'uk'",
    "unique_grain_fct_weekly_tables": "insert into marts.fct_weekly_tables from marts.fct_weekly_tables limit 1",
}


def test_data_tests_fail_on_bad_marts(built_warehouse, tmp_path):
    """Marts are tampered with one by one fault, and every test of marts runs once."""
    platform = built_warehouse.copy_to(tmp_path)
    week = "(select max(week_start) - 70 from intermediate.int_calendar_weeks)"
    execute(platform, *(statement.format(week=week) for statement in TAMPERED.values()))
    path = platform.warehouse.path
    done = invoke(
        ["test", "--select", "marts", "intermediate", "mapping_rules", "--exclude", "test_type:unit"],
        path,
        tmp_path,
        dbt_manifest(path),
    )
    found = {result.node.name: str(result.status) for result in done.result}
    failed = [name for name, status in found.items() if status in ("fail", "warn")]
    for name in TAMPERED:
        assert any(name in line for line in failed), f"{name} let it pass\n" + "\n".join(failed)
    passed = [name for name, status in found.items() if status == "pass"]
    assert any("unique_grain_dim_channel" in line or "unique_dim_channel" in line for line in passed)
