"""Ad platforms: real exports of all of them land in one run and one build, and come out as the files have them.

The exports are of the catalogue of data sets (`connector_exports`); figures expected of them are worked out here from
the files. Beside them every connector's template is landed: its rows are of January 2026, when no export has any.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pandas as pd
import pytest

from assets.raw.connector import connector
from assets.resources.settings import REPOSITORY

pytestmark = pytest.mark.slow

EXPORTS = REPOSITORY.parent / "shared" / "data" / "connector_exports"
TEMPLATES_FROM = "2026-01-01"
CANADIAN = 0.79
"""Rate of what the export of TikTok calls CAN."""

PLATFORMS = (
    "google_ads", "meta_ads", "microsoft_ads", "linkedin_ads", "tiktok_ads", "pinterest_ads",
    "snapchat_ads", "reddit_ads", "amazon_ads", "apple_search_ads", "x_ads", "display",
)  # fmt: skip
IN_PLACE_OF_ANOTHER = ("basic_ad", "basic_ad_actions", "basic_ad_action_values", "campaign_report_hourly")
"""Tables of a second way to export the same days: their templates are landed as another campaign's."""

ALL = "dbt_ad_reporting"
FILES = {
    "google_ads/campaign_stats": (ALL, "google_ads_campaign_stats_data"),
    "google_ads/campaign_history": (ALL, "google_ads_campaign_history_data"),
    "google_ads/account_history": (ALL, "google_ads_account_history_data"),
    "meta_ads/basic_ad": (ALL, "facebook_ads_basic_ad_data"),
    "meta_ads/basic_ad_actions": (ALL, "facebook_ads_basic_ad_actions_data"),
    "meta_ads/basic_ad_action_values": (ALL, "facebook_ads_basic_ad_action_values_data"),
    "meta_ads/ad_history": (ALL, "facebook_ads_ad_history_data"),
    "meta_ads/campaign_history": (ALL, "facebook_ads_campaign_history_data"),
    "meta_ads/account_history": (ALL, "facebook_ads_account_history_data"),
    "microsoft_ads/campaign_performance_daily_report": (ALL, "microsoft_ads_campaign_performance_daily_report_data"),
    "microsoft_ads/campaign_history": (ALL, "microsoft_ads_campaign_history_data"),
    "microsoft_ads/account_history": (ALL, "microsoft_ads_account_history_data"),
    "linkedin_ads/ad_analytics_by_campaign": (ALL, "linkedin_ad_analytics_by_campaign_data"),
    "linkedin_ads/campaign_history": (ALL, "linkedin_ad_campaign_history_data"),
    "linkedin_ads/account_history": (ALL, "linkedin_ad_account_history_data"),
    "tiktok_ads/campaign_report_hourly": ("dbt_tiktok_ads", "tiktok_campaign_report_hourly_data"),
    "tiktok_ads/campaign_history": ("dbt_tiktok_ads", "tiktok_campaign_history_data"),
    "tiktok_ads/campaign_history/of_ads": (ALL, "tiktok_campaign_history_data"),
    "tiktok_ads/advertiser": (ALL, "tiktok_advertiser_data"),
    "pinterest_ads/campaign_report": (ALL, "pinterest_campaign_report_data"),
    "pinterest_ads/campaign_report/known": ("dbt_pinterest", "pinterest_campaign_report_data"),
    "pinterest_ads/campaign_history": (ALL, "pinterest_campaign_history_data"),
    "pinterest_ads/advertiser_history": (ALL, "pinterest_advertiser_history_data"),
    "amazon_ads/campaign_level_report": (ALL, "amazon_ads_campaign_level_report_data"),
    "amazon_ads/campaign_history": (ALL, "amazon_ads_campaign_history_data"),
    "amazon_ads/profile": (ALL, "amazon_ads_profile_data"),
    "apple_search_ads/campaign_report": (ALL, "apple_search_campaign_report_data"),
    "apple_search_ads/campaign_history": (ALL, "apple_search_campaign_history_data"),
    "x_ads/campaign_report": (ALL, "twitter_campaign_report_data"),
    "x_ads/campaign_history": (ALL, "twitter_campaign_history_data"),
    "x_ads/account_history": (ALL, "twitter_account_history_data"),
}  # fmt: skip
"""Export by the table it is landed as."""

SPEND = {
    "google_ads": ("google_ads/campaign_stats", "cost_micros", 1e6),
    "meta_ads": ("meta_ads/basic_ad", "spend", 1),
    "microsoft_ads": ("microsoft_ads/campaign_performance_daily_report", "spend", 1),
    "linkedin_ads": ("linkedin_ads/ad_analytics_by_campaign", "cost_in_local_currency", 1),
    "tiktok_ads": ("tiktok_ads/campaign_report_hourly", "SPEND", 1),
    "amazon_ads": ("amazon_ads/campaign_level_report", "cost", 1),
    "apple_search_ads": ("apple_search_ads/campaign_report", "local_spend_amount", 1),
    "x_ads": ("x_ads/campaign_report", "billed_charge_local_micro", 1e6),
}
PRIVATE = re.compile(
    "mail|phone|address|contacter|company|username|buyer|client_name|account_name|business_name", re.I
)

BUILD = """
import json, sys
from pathlib import Path
from assets.marts.assets import dbt_marts
from assets.raw.assets import landing_tables
from tests.fixtures_warehouse import Platform, checks

result = Platform(Path(sys.argv[1])).run(landing_tables, dbt_marts)
failed = {name: str(check.metadata) for name, check in checks(result).items() if not check.passed}
errors = [str(event.step_failure_data.error)[:3000] for event in result.all_events if event.is_step_failure]
told = {"checks": sorted(checks(result)), "failed": failed, "errors": errors}
Path(sys.argv[1], "result.json").write_text(json.dumps(told))
"""


def export(table: str) -> pd.DataFrame:
    """The rows of an export, or skip."""
    folder, name = FILES[table]
    path = EXPORTS / folder / f"{name}.csv"
    if not path.is_file():
        pytest.skip("the real exports are not here")
    return pd.read_csv(path, encoding="utf-8-sig")


def land_everything(landing: Path) -> None:
    for source in PLATFORMS:
        for contract in connector(source).contracts:
            text = (connector(source).folder / f"{contract.table}.template.csv").read_text()
            if contract.table in IN_PLACE_OF_ANOTHER:
                text = text.replace("1234567890", "77")
            write(landing / contract.folder / "template.csv", text)
    for table, (folder, name) in FILES.items():
        path = EXPORTS / folder / f"{name}.csv"
        if path.is_file():
            write(landing / table / "export.csv", path.read_bytes().decode())
    geos = (connector("reference").folder / "geos.template.csv").read_text()
    write(landing / "reference" / "geos" / "geos.csv", geos)
    rule = "rule,source,campaign,market,geo,channel\n1,amazon_ads,^gold leader$,us,all,search\n"
    write(landing / "reference" / "mapping_rules" / "rules.csv", rule)
    rates = f"week_start,currency,rate_to_usd\n2021-09-13,CAN,{CANADIAN}\n"
    write(landing / "reference" / "exchange_rates" / "rates.csv", rates)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One landing and build of all platforms, in a process of its own: which sources there are is read at import."""
    folder = tmp_path_factory.mktemp("ad_platforms")
    land_everything(folder / "landing")
    named = "".join(f"  {source}: landing\n" for source in (*PLATFORMS, "reference"))
    write(folder / "sources.yaml", f"currency: USD\nunmapped_share: 1\nsources:\n{named}")
    environment = {
        **os.environ,
        "MMM_SOURCES": str(folder / "sources.yaml"),
        "MMM_DATA_DIR": str(folder / "data"),
    }
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert (folder / "result.json").is_file(), done.stdout[-3000:] + done.stderr[-3000:]
    return SimpleNamespace(
        **json.loads((folder / "result.json").read_text()), warehouse=str(folder / "warehouse.duckdb")
    )


@pytest.fixture
def query(built):
    with duckdb.connect(built.warehouse, read_only=True) as connection:
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
    assert "spend_reconciles_with_the_files" in built.checks
    # some of the real exports end without a line end, the templates beside them do not; several campaigns of a channel
    # have a reach each, which nobody can add up
    told = {"spend_is_mapped", "unmapped_spend_is_small", "every_file_has_its_end", "reach_by_week_is_known"}
    assert set(built.failed) == told, built.failed
    assert "spend_is_mapped" not in "".join(built.errors)


def test_every_template_is_built(query):
    rows = query(
        "select source, count(*) as n, sum(spend_local) as spend from intermediate.int_media_activity "
        f"where week_start >= '{TEMPLATES_FROM}' group by source"
    )
    assert set(rows["source"]) == set(PLATFORMS)
    assert (rows["spend"] > 0).all()


@pytest.mark.parametrize("source", SPEND)
def test_spend_is_that_of_the_file_to_the_cent(query, source):
    table, column, unit = SPEND[source]
    expected = export(table)[column].sum() / unit
    assert expected > 1
    spend = query(
        f"select sum(spend_local) as spend from intermediate.int_media_activity "
        f"where source = '{source}' and week_start < '{TEMPLATES_FROM}'"
    )["spend"][0]
    assert spend == pytest.approx(expected, abs=0.005)


def test_google_campaigns_have_the_name_type_and_currency_of_their_history(query):
    name = export("google_ads/campaign_history").sort_values("updated_at")["name"].iloc[-1]
    rows = exported(query, "google_ads")
    assert len(rows) == len(export("google_ads/campaign_stats"))
    assert rows["booking"].unique().tolist() == [name]
    assert rows["campaign_type"].unique().tolist() == ["SEARCH"]
    assert rows["currency"].unique().tolist() == ["USD"]


def test_meta_ads_are_campaigns_and_one_type_of_purchase_counts(query):
    ads = export("meta_ads/basic_ad")
    rows = exported(query, "meta_ads")
    spending = rows[rows["spend"] > 0]
    campaign_of = export("meta_ads/ad_history").groupby("id")["campaign_id"].first()
    expected = ads.groupby([ads["date"], ads["ad_id"].map(campaign_of)])["spend"].sum()
    assert sorted(spending["spend"].round(2)) == sorted(expected.round(2))
    assert set(spending["campaign_id"]) == set(campaign_of[ads["ad_id"].unique()].astype(str))
    assert spending["booking"].notna().all()
    assert rows["currency"].isna().all()  # this account history states none
    values = export("meta_ads/basic_ad_action_values")
    pixel = values.loc[values["action_type"] == "offsite_conversion.fb_pixel_purchase", "value"].sum()
    every = values.loc[values["action_type"].str.contains("purchase"), "value"].sum()
    assert 0 < pixel < every
    assert rows["conversion_value"].sum() == pytest.approx(pixel, abs=0.005)


def test_microsoft_rows_of_match_types_and_devices_are_added_up(query):
    report = export("microsoft_ads/campaign_performance_daily_report")
    rows = exported(query, "microsoft_ads")
    by = ["date", "account_id", "campaign_id", "network", "device_type"]
    assert len(rows) == len(report.groupby(by)) < len(report)
    assert rows["impressions"].sum() == report["impressions"].sum()
    expected = report["conversions_qualified"].fillna(report["conversions"]).sum()
    assert rows["conversions"].sum() == pytest.approx(expected) != report["conversions"].sum()
    assert rows["campaign_type"].dropna().unique().tolist() == ["SEARCH"]


def test_linkedin_spends_in_the_currency_of_the_account_of_the_campaign(query):
    history = export("linkedin_ads/campaign_history").sort_values("last_modified_time")
    rows = exported(query, "linkedin_ads")
    assert rows["currency"].unique().tolist() == ["USD"]
    latest = history.groupby("id")["name"].last()
    renamed = history[history["id"] == 148633856]["name"]
    assert renamed.nunique() == 2
    assert rows.set_index("campaign_id")["booking"].to_dict() == {
        campaign: latest[int(campaign)] for campaign in rows["campaign_id"]
    }


def test_tiktok_in_capitals_and_by_hour_becomes_days_with_names(query):
    report = export("tiktok_ads/campaign_report_hourly")
    rows = exported(query, "tiktok_ads")
    assert rows["campaign_id"].tolist() == report["CAMPAIGN_ID"].astype(str).tolist()
    assert rows["booking"].tolist() == [f"campaign name {n}" for n in ("one", "two", "three", "four")]
    assert {str(day.date()) for day in rows["activity_date"]} == set(report["STAT_TIME_HOUR"].str[:10])
    assert rows["conversions"].sum() == report["CONVERSION"].sum()
    assert set(rows["currency"].dropna()) == {"USD", "CAN"}  # what this export calls Canadian dollars
    assert rows["currency"].isna().sum() == 2  # no account is known of two


def test_pinterest_counts_what_was_paid_for_and_divides_by_a_million(query):
    rows = exported(query, "pinterest_ads")
    reports = [export("pinterest_ads/campaign_report"), export("pinterest_ads/campaign_report/known")]
    for report, currency in zip(reports, (None, "USD"), strict=True):
        ours = rows[rows["campaign_id"] == str(report["campaign_id"][0])]
        assert ours["spend"].sum() == pytest.approx(report["spend_in_micro_dollar"].sum() / 1e6, abs=0.005)
        assert ours["impressions"].sum() == report["impression_1"].sum()
        value = report["total_conversions_value_in_micro_dollar"].sum() / 1e6
        assert ours["conversion_value"].sum() == pytest.approx(value)
        assert [None if pd.isna(found) else found for found in ours["currency"].unique()] == [currency]


def test_amazon_has_blanks_and_the_last_name_of_a_campaign(query):
    report = export("amazon_ads/campaign_level_report")
    rows = exported(query, "amazon_ads")
    assert rows["impressions"].isna().sum() == report["impressions"].isna().sum() > 0
    assert rows["conversions"].sum() == report["purchases_30_d"].sum()
    assert rows["conversion_value"].sum() == report["sales_30_d"].sum()
    assert rows["booking"].unique().tolist() == ["Gold Leader"]
    assert rows["account_id"].unique().tolist() == ["66"]


def test_what_a_rule_maps_is_what_models_are_made_of(query):
    spend = export("amazon_ads/campaign_level_report")["cost"].sum()
    weeks = query(
        "select channel, sum(spend) as spend from intermediate.int_media_spend_weekly "
        f"where source = 'amazon_ads' and market = 'us' and week_start < '{TEMPLATES_FROM}' group by channel"
    )
    assert weeks["channel"].tolist() == ["search"]
    assert weeks["spend"][0] == pytest.approx(spend, abs=0.005)


def test_apple_taps_are_clicks(query):
    report = export("apple_search_ads/campaign_report")
    rows = exported(query, "apple_search_ads")
    assert rows["clicks"].sum() == report["taps"].sum()
    assert rows["currency"].unique().tolist() == ["USD"]
    assert rows["account_id"].unique().tolist() == ["3219110"]


def test_x_moments_are_days_of_the_account(query):
    report = export("x_ads/campaign_report")
    zone = export("x_ads/account_history")["timezone"][0]
    local = pd.to_datetime(report["date"], utc=True).dt.tz_convert(zone)
    rows = exported(query, "x_ads")
    assert sorted(rows["activity_date"].dt.date) == sorted(local.dt.date)
    assert (local.dt.hour == 0).all()
    unknown = ~report["campaign_id"].isin(export("x_ads/campaign_history")["id"])
    assert rows["currency"].isna().sum() == unknown.sum() > 0


def test_what_nobody_mapped_is_shown_and_valued(query):
    shown = query(f"select * from marts.fct_unmapped_spend where week_start < '{TEMPLATES_FROM}'")
    if shown.empty:
        pytest.skip("the real exports are not here")
    by_source = shown.groupby("source")["spend"]
    for source in ("google_ads", "microsoft_ads", "linkedin_ads", "apple_search_ads"):
        table, column, unit = SPEND[source]
        assert by_source.sum()[source] == pytest.approx(export(table)[column].sum() / unit, abs=0.005)
    in_dollars, in_can = export("tiktok_ads/campaign_report_hourly")["SPEND"][:2]
    assert by_source.sum()["tiktok_ads"] == pytest.approx(in_dollars + CANADIAN * in_can)
    assert by_source.count()["tiktok_ads"] == 2
    assert by_source.count()["x_ads"] == 0  # no currency, so no value
    valued = shown[(shown["source"] == "meta_ads") & shown["spend"].notna()]
    assert (
        valued[["account", "spend"]].values.tolist() == [["unknown", 0.0]] * 2
    )  # conversions alone: nothing was spent
    assert "amazon_ads" not in set(shown["source"])


def private_cells() -> Iterator[str]:
    for folder, name in set(FILES.values()):
        rows = pd.read_csv(EXPORTS / folder / f"{name}.csv", dtype=str, encoding="utf-8-sig")
        for column in rows.columns[rows.columns.str.contains(PRIVATE)]:
            yield from rows[column].dropna().unique()


def test_no_private_address_is_anywhere_in_the_warehouse(query):
    export("tiktok_ads/advertiser")
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
