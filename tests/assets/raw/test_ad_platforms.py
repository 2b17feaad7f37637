"""Ad platforms: real exports of all of them land in one run and one build, and come out as the files have them.

The exports are of the catalogue of data sets (`connector_exports`); figures expected of them are worked out by pandas
from the files.
"""

import re
from collections.abc import Iterator

import duckdb
import pandas as pd
import pytest

from tests.built_sources import BuiltSources
from tests.connector_exports import (
    EXPORTS,
    FILES,
    OTHER_CUTS,
    SPEND,
    cut_otherwise,
    files_of,
    files_with_spend,
    rows_of,
    spend_of,
)
from tests.fixtures_connectors import BLANK_GEO, CANADIAN, PLATFORMS, TEMPLATES_FROM

pytestmark = pytest.mark.slow

PRIVATE = re.compile(
    "mail|phone|address|contacter|company|username|buyer|client_name|account_name|business_name", re.I
)


@pytest.fixture
def built(built_connectors: BuiltSources) -> BuiltSources:
    return built_connectors


@pytest.fixture
def query(built):
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        yield lambda sql: connection.execute(sql).df()


def exported(query, source: str, *columns: str) -> pd.DataFrame:
    """Staged rows of the real exports."""
    rows = query(
        f"select {', '.join(columns) or '*'} from staging.stg_{source}__media "
        f"where activity_date < '{TEMPLATES_FROM}' order by activity_date, campaign_id"
    )
    if rows.empty:
        pytest.skip("the real exports are not here")
    return rows


def test_everything_lands_and_agrees_with_the_files(built):
    assert "spend_reconciles_with_the_files" in built.outcome["checks"]
    files_of("google_ads/campaign_stats")
    # some of the real exports end without a line end, the templates beside them do not; several campaigns of a channel
    # have a reach each, which nobody can add up; two rows of Microsoft's have more clicks than impressions; most are of
    # single days
    told = {
        ("marts/fct_unmapped_spend", "spend_is_mapped"),
        ("marts/fct_unmapped_spend", "unmapped_spend_is_small"),
        ("raw/landing_files", "every_file_has_its_end"),
        ("intermediate/int_media_reach", "reach_by_week_is_known"),
        ("raw/microsoft_ads__campaign_performance_daily_report", "meets_expectations"),
        ("intermediate/int_media_delivery", "media_weeks_are_complete"),
        ("marts/fct_kpi_weekly", "kpi_weeks_are_complete"),
        ("marts/fct_media_weekly", "media_was_delivered"),
    }
    # what files of shops and offline media are made to hold, as test_shop_exports has it; of the weather they agree
    raw_tables = {f"raw/{table.replace('/', '__')}" for table in BLANK_GEO} - {"raw/weather__daily"}
    made = {(table, "exports_agree") for table in raw_tables} | {
        ("raw/orders__orders", "no_row_in_quarantine"),
        ("raw/generic__media", "no_blank_was_filled_in"),
    }
    assert set(map(tuple, built.outcome["failed"])) == told | made
    failure = "".join(built.outcome["failures"])
    assert "spend_is_mapped" not in failure
    without = built.query(
        "select distinct source from marts.fct_unmapped_spend where spend is null order by 1"
    )
    assert f"sources_of_unknown_value {', '.join(without['source'])}" in failure
    assert len(without) > 1


def test_every_file_of_the_catalogue_that_is_of_one_of_our_tables_is_landed(query):
    files_of("google_ads/campaign_stats")
    landed = query(
        "select source_table, file, status from raw.landing_files where regexp_matches(file, '/export [0-9].csv$')"
    )
    assert landed["status"].eq("loaded").all()
    files = landed.groupby("source_table")["file"].count()
    assert files.to_dict() == {table.replace("/", "__"): len(names) for table, names in FILES.items()}
    assert (len(files), files.sum()) == (46, 76)


def test_no_spend_of_the_catalogue_is_passed_over_unknowingly():
    """A file with spend is landed, or holds that of a landed one, cut in another way, which would count it twice."""
    files_of("google_ads/campaign_stats")
    landed = {file for names in FILES.values() for file in names}
    found = set(files_with_spend())
    assert {file for file in found if not cut_otherwise(file)} == found & landed
    assert len(found & landed) == 2 * len(SPEND)
    assert not {file for file in landed if cut_otherwise(file)}
    cuts = {file for file in found if cut_otherwise(file)}
    assert len(cuts) == 2 * sum(map(len, OTHER_CUTS.values()))


def test_what_two_exports_hold_counts_once_as_the_later_has_it(query):
    """The package of all platforms and the connector's own have the same days of the same campaigns."""
    held = query(
        "select source_table, parse_filename(file) as file, row_count, amount, overruled_rows, overruled_amount "
        "from raw.landing_files where regexp_matches(file, '/export [0-9].csv$') and status = 'loaded'"
    ).set_index(["source_table", "file"])
    for platform, (table, column, unit) in SPEND.items():
        earlier, later = files_of(table)
        name = table.replace("/", "__")
        before, after = held.loc[name, "export 1.csv"], held.loc[name, "export 2.csv"]
        assert float(before["amount"]) / unit == pytest.approx(earlier[column].sum() / unit, abs=0.005)
        counts_of_earlier = spend_of(platform) - later[column].sum() / unit
        assert float(before["amount"] - before["overruled_amount"]) / unit == pytest.approx(
            counts_of_earlier, abs=0.005
        )
        assert before["overruled_rows"] == len(earlier) + len(later) - len(rows_of(table))
        assert (after["overruled_rows"], after["overruled_amount"]) == (0, 0)
    both = held["overruled_rows"].unstack("file")["export 1.csv"]
    assert both["pinterest_ads__campaign_report"] == 0  # these two are of two campaigns
    assert both["meta_ads__basic_ad"] == 10


def test_marts_have_the_spend_of_the_files_to_the_cent(query):
    """What is mapped and what is not, together, is what the files hold of every account whose currency is known."""
    hours, reports = rows_of("tiktok_ads/campaign_report_hourly"), rows_of("x_ads/campaign_report")
    in_dollars, in_can = hours["SPEND"][:2]
    of_known = {
        **{name: spend_of(name) for name in SPEND},
        "meta_ads": 0,  # this account history states no currency
        "pinterest_ads": files_of("pinterest_ads/campaign_report")[1]["spend_in_micro_dollar"].sum() / 1e6,
        "tiktok_ads": in_dollars + CANADIAN * in_can,  # no account is known of the others
        "x_ads": 0,  # no campaign is known
    }
    assert not set(reports["campaign_id"]) & set(rows_of("x_ads/campaign_history")["id"])
    unmapped = query(
        f"select source, sum(spend) as spend from marts.fct_unmapped_spend where week_start < '{TEMPLATES_FROM}' "
        "group by source"
    ).set_index("source")["spend"]
    mapped = query(
        f"select sum(spend) as spend from marts.fct_media_weekly where week_start < '{TEMPLATES_FROM}' "
        "and channel = 'search'"
    )["spend"].item()
    found = {name: unmapped.get(name, 0) for name in SPEND} | {"amazon_ads": mapped}
    assert {name: 0 if pd.isna(spend) else spend for name, spend in found.items()} == {
        name: pytest.approx(spend, abs=0.005) for name, spend in of_known.items()
    }


def test_every_template_is_built(query):
    rows = query(
        "select source, count(*) as n, sum(spend_local) as spend from intermediate.int_media_activity "
        f"where week_start >= '{TEMPLATES_FROM}' group by source"
    )
    platforms = rows[rows["source"].isin(PLATFORMS)]
    assert set(platforms["source"]) == set(PLATFORMS)
    assert (platforms["spend"] > 0).all()


@pytest.mark.parametrize("source", SPEND)
def test_spend_is_that_of_the_file_to_the_cent(query, source):
    expected = spend_of(source)
    assert expected > 1
    spend = query(
        f"select sum(spend_local) as spend from intermediate.int_media_activity "
        f"where source = '{source}' and week_start < '{TEMPLATES_FROM}'"
    )["spend"][0]
    assert spend == pytest.approx(expected, abs=0.005)


def test_google_campaigns_have_the_name_type_and_currency_of_their_history(query):
    name = rows_of("google_ads/campaign_history").sort_values("updated_at")["name"].iloc[-1]
    rows = exported(query, "google_ads")
    assert len(rows) == len(rows_of("google_ads/campaign_stats"))
    assert rows["booking"].unique().tolist() == [name]
    assert rows["campaign_type"].unique().tolist() == ["SEARCH"]
    assert rows["currency"].unique().tolist() == ["USD"]


def test_meta_ads_are_campaigns_and_one_type_of_purchase_counts(query):
    ads = rows_of("meta_ads/basic_ad")
    rows = exported(query, "meta_ads")
    spending = rows[rows["spend"] > 0]
    campaign_of = rows_of("meta_ads/ad_history").groupby("id")["campaign_id"].first()
    expected = ads.groupby([ads["date"], ads["ad_id"].map(campaign_of)])["spend"].sum()
    assert sorted(spending["spend"].round(2)) == sorted(expected.round(2))
    assert set(spending["campaign_id"]) == set(campaign_of[ads["ad_id"].unique()].astype(str))
    assert spending["booking"].notna().all()
    assert rows["currency"].isna().all()  # this account history states none
    values = rows_of("meta_ads/basic_ad_action_values")
    pixel = values.loc[values["action_type"] == "offsite_conversion.fb_pixel_purchase", "value"].sum()
    every = values.loc[values["action_type"].str.contains("purchase"), "value"].sum()
    assert 0 < pixel < every
    assert rows["conversion_value"].sum() == pytest.approx(pixel, abs=0.005)


def test_microsoft_rows_of_match_types_and_devices_are_added_up(query):
    report = rows_of("microsoft_ads/campaign_performance_daily_report")
    rows = exported(query, "microsoft_ads")
    by = ["date", "account_id", "campaign_id", "network", "device_type"]
    assert len(rows) == len(report.groupby(by)) < len(report)
    assert rows["impressions"].sum() == report["impressions"].sum()
    expected = report["conversions_qualified"].fillna(report["conversions"]).sum()
    assert rows["conversions"].sum() == pytest.approx(expected) != report["conversions"].sum()
    assert rows["campaign_type"].dropna().unique().tolist() == ["SEARCH"]


def test_linkedin_spends_in_the_currency_of_the_account_of_the_campaign(query):
    history = rows_of("linkedin_ads/campaign_history").sort_values("last_modified_time")
    rows = exported(query, "linkedin_ads")
    assert rows["currency"].unique().tolist() == ["USD"]
    latest = history.groupby("id")["name"].last()
    renamed = history[history["id"] == 148633856]["name"]
    assert renamed.nunique() == 2
    assert rows.set_index("campaign_id")["booking"].to_dict() == {
        campaign: latest[int(campaign)] for campaign in rows["campaign_id"]
    }


def test_tiktok_in_capitals_and_by_hour_becomes_days_with_names(query):
    report = rows_of("tiktok_ads/campaign_report_hourly")
    rows = exported(query, "tiktok_ads")
    assert rows["campaign_id"].tolist() == report["CAMPAIGN_ID"].astype(str).tolist()
    assert rows["booking"].tolist() == [f"campaign name {n}" for n in ("one", "two", "three", "four")]
    assert {str(day.date()) for day in rows["activity_date"]} == set(report["STAT_TIME_HOUR"].str[:10])
    assert rows["conversions"].sum() == report["CONVERSION"].sum()
    assert set(rows["currency"].dropna()) == {"USD", "CAN"}  # what this export calls Canadian dollars
    assert rows["currency"].isna().sum() == 2  # no account is known of two


def test_pinterest_counts_what_was_paid_for_and_divides_by_a_million(query):
    rows = exported(query, "pinterest_ads")
    reports = files_of("pinterest_ads/campaign_report")
    for report, currency in zip(reports, (None, "USD"), strict=True):
        ours = rows[rows["campaign_id"] == str(report["campaign_id"][0])]
        assert ours["spend"].sum() == pytest.approx(report["spend_in_micro_dollar"].sum() / 1e6, abs=0.005)
        assert ours["impressions"].sum() == report["impression_1"].sum()
        value = report["total_conversions_value_in_micro_dollar"].sum() / 1e6
        assert ours["conversion_value"].sum() == pytest.approx(value)
        assert [None if pd.isna(found) else found for found in ours["currency"].unique()] == [currency]


def test_amazon_has_blanks_and_the_last_name_of_a_campaign(query):
    report = rows_of("amazon_ads/campaign_level_report")
    rows = exported(query, "amazon_ads")
    assert rows["impressions"].isna().sum() == report["impressions"].isna().sum() > 0
    assert rows["conversions"].sum() == report["purchases_30_d"].sum()
    assert rows["conversion_value"].sum() == report["sales_30_d"].sum()
    assert rows["booking"].unique().tolist() == ["Gold Leader"]
    assert rows["account_id"].unique().tolist() == ["66"]


def test_what_a_rule_maps_is_what_models_are_made_of(query):
    spend = rows_of("amazon_ads/campaign_level_report")["cost"].sum()
    weeks = query(
        "select channel, sum(spend) as spend from intermediate.int_media_spend_weekly "
        f"where source = 'amazon_ads' and market = 'us' and week_start < '{TEMPLATES_FROM}' group by channel"
    )
    assert weeks["channel"].tolist() == ["search"]
    assert weeks["spend"][0] == pytest.approx(spend, abs=0.005)


def test_apple_taps_are_clicks(query):
    report = rows_of("apple_search_ads/campaign_report")
    rows = exported(query, "apple_search_ads")
    assert rows["clicks"].sum() == report["taps"].sum()
    assert rows["currency"].unique().tolist() == ["USD"]
    assert rows["account_id"].unique().tolist() == ["3219110"]


def test_x_moments_are_days_of_the_account(query):
    report = rows_of("x_ads/campaign_report")
    zone = rows_of("x_ads/account_history")["timezone"][0]
    local = pd.to_datetime(report["date"], utc=True).dt.tz_convert(zone)
    rows = exported(query, "x_ads")
    assert sorted(rows["activity_date"].dt.date) == sorted(local.dt.date)
    assert (local.dt.hour == 0).all()
    unknown = ~report["campaign_id"].isin(rows_of("x_ads/campaign_history")["id"])
    assert rows["currency"].isna().sum() == unknown.sum() > 0


def test_what_nobody_mapped_is_shown_and_valued(query):
    shown = query(f"select * from marts.fct_unmapped_spend where week_start < '{TEMPLATES_FROM}'")
    if shown.empty:
        pytest.skip("the real exports are not here")
    by_source = shown.groupby("source")["spend"]
    for source in ("google_ads", "microsoft_ads", "linkedin_ads", "apple_search_ads"):
        assert by_source.sum()[source] == pytest.approx(spend_of(source), abs=0.005)
    in_dollars, in_can = rows_of("tiktok_ads/campaign_report_hourly")["SPEND"][:2]
    assert by_source.sum()["tiktok_ads"] == pytest.approx(in_dollars + CANADIAN * in_can)
    assert by_source.count()["tiktok_ads"] == 2
    assert by_source.count()["x_ads"] == 0  # no currency, so no value
    valued = shown[(shown["source"] == "meta_ads") & shown["spend"].notna()]
    assert (
        valued[["account", "spend"]].values.tolist() == [["unknown", 0.0]] * 2
    )  # conversions alone: nothing was spent
    assert "amazon_ads" not in set(shown["source"])


def private_cells() -> Iterator[str]:
    platforms = [name for table, names in FILES.items() if table.split("/")[0] in PLATFORMS for name in names]
    for name in platforms:
        rows = pd.read_csv(EXPORTS / f"{name}.csv", dtype=str, encoding="utf-8-sig")
        for column in rows.columns[rows.columns.str.contains(PRIVATE)]:
            yield from rows[column].dropna().unique()


def test_no_private_address_is_anywhere_in_the_warehouse(query):
    files_of("tiktok_ads/advertiser")
    private = sorted({cell for cell in private_cells() if len(cell) > 3})
    assert {"louis@vuitton.com", "111-222-3333", "001-002-0003", "summerfashion_admin"} <= set(private)
    assert held(query, ["Gold Leader"])
    assert held(query, private) == []


def held(query, cells: list[str]) -> list[str]:
    """Tables of the warehouse in which any of the texts stands."""
    columns = query(
        "select table_schema || '.' || table_name as relation, column_name from information_schema.columns "
        "where data_type = 'VARCHAR' and table_schema in ('raw', 'staging', 'intermediate', 'marts')"
    )
    pattern = "|".join(map(re.escape, cells)).replace("'", "''")
    found = []
    for relation, names in columns.groupby("relation")["column_name"]:
        text = " || '|' || ".join(f"coalesce(\"{name}\", '')" for name in names)
        rows = query(f"select 1 from {relation} where regexp_matches({text}, '{pattern}', 'i') limit 1")
        found += [relation] if len(rows) else []
    return found
