"""From exports as platforms and agencies make them to the right week: one build for many kinds of file.

Weeks from 2 December 2024 to 6 January 2025. Market us has television invoiced by weeks that begin on a Sunday, Meta
rows of seven days from Thursday, Google exported twice with the account written in two ways, LinkedIn on working days,
and out of home in a folder below. Market uk has one Meta row of 42 days, search that Meta exported by week, and TikTok
campaigns that were renamed. Television and the row of 42 days were saved a second time under another name.
"""

import datetime as dt
import os
import re
import shutil

import dagster as dg
import pandas as pd
import pytest

from assets.marts.assets import dbt_marts
from assets.marts.invoke import invoke
from assets.marts.project import dbt_manifest
from assets.raw.assets import landing_tables, raw_key
from tests.fixtures_warehouse import Platform, checks, execute

pytestmark = pytest.mark.slow

WEEKS = pd.date_range("2024-12-02", periods=6, freq="7D")
DAYS = pd.date_range(WEEKS[0], periods=42, freq="D")
WORKING_DAYS = DAYS[(DAYS.weekday < 5) & (DAYS < "2025-01-09")]
SUNDAYS = WEEKS - pd.Timedelta(days=1)
OLD, NEW = "uk_all_tiktok_x", "uk_all_tiktok_y"
THURSDAYS = pd.date_range("2024-12-05", periods=5, freq="7D")


def iso(days):
    return days.strftime("%Y-%m-%d")


def google(account, daily_spend):
    return pd.DataFrame(
        {
            "customer_id": account, "currency_code": "USD", "date": iso(DAYS), "campaign_id": 7,
            "campaign_name": "us_all_search_brand", "device": "MOBILE", "ad_network_type": "SEARCH",
            "impressions": 100, "clicks": 3, "cost_micros": 1_000_000 * daily_spend,
        }
    )  # fmt: skip


def meta(market, first, last, spend, impressions):
    return pd.DataFrame(
        {
            "account_id": f"act_{market}", "account_currency": "USD", "date_start": iso(first), "date_stop": iso(last),
            "campaign_id": 7, "campaign_name": f"{market.upper()}_all_Meta_x", "impressions": impressions, "reach": 10,
            "inline_link_clicks": 3, "spend": spend,
        }
    )  # fmt: skip


def by_week(campaign, weeks):
    rows = meta("uk", weeks, weeks + pd.Timedelta(days=6), 70, 140)
    return rows.assign(campaign_id=campaign, campaign_name=f"uk_all_search_{campaign}", reach=56)


def tiktok(campaign, name, days, spend):
    return pd.DataFrame(
        {
            "advertiser_id": 3, "currency": "USD", "stat_time_day": iso(days), "campaign_id": campaign,
            "campaign_name": name, "impressions": 10, "clicks": 1, "spend": spend,
        }
    )  # fmt: skip


def linkedin():
    return pd.DataFrame(
        {
            "account_id": 5, "local_currency": "USD", "day": iso(WORKING_DAYS), "campaign_id": 7,
            "campaign_name": "us_all_linkedin_leads", "impressions": 10, "clicks": 1, "cost_in_local_currency": 1.0,
        }
    )  # fmt: skip


def invoices(seller, weeks, cost, **units):
    return pd.DataFrame(
        {
            "invoice_id": [f"I{i}" for i in range(len(weeks))], seller: "KXYZ", "market": "US", "region": "All",
            "week_commencing": iso(weeks), "net_cost": cost, "currency": "usd", **units,
        }
    )  # fmt: skip


def by_market(**columns):
    return pd.concat(
        pd.DataFrame({"week_start": iso(WEEKS), "market": market, **columns}) for market in ("us", "uk")
    )


def orders():
    return pd.concat(
        pd.DataFrame(
            {
                "date": iso(DAYS), "market": market, "region": "all", "orders": 10, "gross_sales": 100.0,
                "discounts": 0.0, "returns": 0.0, "net_sales": 100.0, "currency": "USD",
            }
        )
        for market in ("us", "uk")
    )  # fmt: skip


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """The platform, and the run that built it."""
    platform = Platform(tmp_path_factory.mktemp("landed"))
    platform.land("shopify/daily_orders/a.csv", orders())
    platform.land("macro/weekly/a.csv", by_market(consumer_confidence=100.0))
    platform.land("competitor/weekly/a.csv", by_market(competitor_spend=5.0))
    geos = {"market": ["us", "uk"], "geo": "all", "geo_name": "National", "population": 1000}
    platform.land("reference/geos/a.csv", pd.DataFrame(geos))
    rates = pd.DataFrame({"week_start": iso(WEEKS), "currency": "EUR", "rate_to_usd": 1.1})
    platform.land("reference/exchange_rates/a.csv", rates)
    platform.land("google_ads/campaign_stats/stats (1).csv", google("123-456-7890", 3))
    platform.land("google_ads/campaign_stats/stats.csv", google("1234567890", 2))
    platform.land(
        "meta_ads/campaign_insights/us.csv", meta("us", THURSDAYS, THURSDAYS + pd.Timedelta(days=6), 700, 701)
    )
    uk = platform.land("meta_ads/campaign_insights/uk.csv", meta("uk", DAYS[:1], DAYS[-1:], 4200, 1000))
    shutil.copyfile(uk, uk.with_name("uk (1).csv"))
    platform.land(
        "meta_ads/campaign_insights/weeks.csv", pd.concat([by_week(8, WEEKS), by_week(9, WEEKS[-1:])])
    )
    renamed = [tiktok(7, OLD, DAYS[:28], 1.0), tiktok(7, NEW, DAYS[28:], 1.0)]
    unknown = [tiktok(9, "uk_all_tiktok_z", DAYS[:21], 0.1), tiktok(9, "Brand 2025", DAYS[21:], 0.1)]
    platform.land("tiktok_ads/campaign_report/a.csv", pd.concat([*renamed, *unknown]))
    platform.land("tiktok_ads/campaign_report/b.csv", tiktok(7, NEW, DAYS[14:28], 1.0))
    first = platform.land("linkedin_ads/ad_analytics_by_campaign/a.csv", linkedin().assign(cost_in_usd=""))
    os.utime(first, (dt.datetime(2026, 2, 1, tzinfo=dt.UTC).timestamp(),) * 2)
    late = linkedin().assign(cost_in_usd="", campaign_id=8, cost_in_local_currency=5.0)
    second = platform.land(
        "linkedin_ads/ad_analytics_by_campaign/b.csv", late[late["day"].isin(["2024-12-11", "2024-12-12"])]
    )
    os.utime(second, (dt.datetime(2026, 2, 2, tzinfo=dt.UTC).timestamp(),) * 2)
    tv = platform.land(
        "tv/invoices/a.csv", invoices("station", SUNDAYS, [100, 200, 300, 400, 500, 600], grps=10)
    )
    shutil.copyfile(tv, tv.with_name("a - copy.csv"))
    platform.land("ooh/invoices/2024/Q4.CSV", invoices("vendor", WEEKS, 100, panels=3, contacts=10))
    result = platform.run(landing_tables, dbt_marts)
    assert result.success
    return platform, result


def model_table(platform, market="us"):
    return platform.query(
        f"select * from marts.mmm_model_table where market = '{market}' order by week_start"
    )


def test_spend_is_in_the_weeks_it_was_spent_in(build):
    table = model_table(build[0])
    assert table["week_start"].tolist() == WEEKS.tolist()
    weeks = [100 * 6 / 7 + 200 / 7, 1500 / 7, 2200 / 7, 2900 / 7, 3600 / 7, 3600 / 7]
    assert table["tv_spend"].tolist() == pytest.approx(weeks, abs=1e-5)
    assert table["meta_spend"].tolist() == pytest.approx([400, 700, 700, 700, 700, 300], abs=1e-5)
    assert table["search_spend"].tolist() == pytest.approx([21] * 6)
    assert table["ooh_spend"].tolist() == pytest.approx([100] * 6)
    assert model_table(build[0], "uk")["meta_spend"].tolist() == pytest.approx([700] * 6, abs=1e-5)


def test_nothing_is_lost_or_made_by_spreading(build):
    spread = build[0].query(
        "select source, market, sum(cast(spend_local as decimal(18, 6))) as spend, sum(impressions) as impressions, "
        "sum(clicks) as clicks from intermediate.int_media_activity where channel <> 'search' or source <> 'meta_ads' "
        "group by all order by all"
    )
    totals = {(row.source, row.market): (float(row.spend), row.impressions) for row in spread.itertuples()}
    assert totals["tv", "us"][0] == 2100
    assert totals["tv", "us"][1] == pytest.approx(60, abs=1e-9)
    assert totals["ooh", "us"] == (600, pytest.approx(60, abs=1e-9))
    assert totals["meta_ads", "us"] == (3500, 5 * 701)
    assert totals["meta_ads", "uk"] == (4200, 1000)
    assert spread.set_index(["source", "market"]).loc[("meta_ads", "uk"), "clicks"] == 3


def test_reach_is_known_where_one_row_holds_the_week(build):
    """Weeks of one campaign are; weeks of two, a row over several weeks and rows over the edge of weeks are not."""
    rows = build[0].query(
        "select market, channel, reach, frequency, impressions from marts.fct_media_weekly "
        "order by week_start, market, channel"
    )
    known = rows[rows["reach"] > 0]
    assert known.values.tolist() == [["uk", "search", 56, 2.5, 140]] * 5
    assert rows.loc[rows["channel"] == "meta", ["reach", "frequency"]].isna().all(axis=None)
    table = model_table(build[0], "uk")
    assert table["search_reach"].tolist()[:5] == [56] * 5
    assert table["search_frequency"].tolist()[:5] == [2.5] * 5
    assert table[["search_reach", "search_frequency"]].iloc[5].isna().all()
    assert "meta_reach" not in table


def test_a_channel_that_lost_the_reach_its_exports_state_is_named_and_why(build):
    """Not the row of 42 days, which nobody exported for the reach of a week."""
    found = checks(build[1])["reach_by_week_is_known"]
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["failing_rows"].value.splitlines()[2:] == [
        "| us | all | meta | its rows run over the edge of a week | 5 | 2024-12-02 | 2024-12-30 | 1 |",
        "| uk | all | search | several campaigns or accounts are in it | 1 | 2025-01-06 | 2025-01-06 | 2 |",
    ]
    assert "give each a channel of its own by a mapping rule" in found.description


def test_a_campaign_renamed_half_way_is_one_campaign(build):
    """Days of the old name that were exported again under the new one count once, and no rule loses a name quietly."""
    assert model_table(build[0], "uk")["tiktok_spend"].tolist() == pytest.approx([7.7] * 3 + [7] * 3)
    names = build[0].query(
        "select booking, week_start, spend_local from intermediate.int_media_activity "
        f"where booking in ('{OLD}', '{NEW}') order by week_start"
    )
    assert names["booking"].tolist() == [OLD] * 2 + [NEW] * 4
    assert names["week_start"].tolist() == WEEKS.tolist()
    assert names["spend_local"].tolist() == [7] * 6
    unmapped = build[0].query("select campaign, week_start, spend from marts.fct_unmapped_spend order by all")
    assert unmapped["campaign"].tolist() == ["Brand 2025"] * 3
    assert unmapped["week_start"].tolist() == WEEKS[3:].tolist()
    assert unmapped["spend"].tolist() == pytest.approx([0.7] * 3)
    assert not checks(build[1])["spend_is_mapped"].passed


@pytest.mark.parametrize(
    ("table", "source", "files", "spend"),
    [
        ("tv__invoices", "tv", ("a.csv", "a - copy.csv"), 2100),
        ("meta_ads__campaign_insights", "meta_ads", ("uk.csv", "uk (1).csv"), 4200),
    ],
)
def test_a_file_delivered_under_two_names_counts_once(build, table, source, files, spend):
    landed = build[0].query(
        f"select file, row_count, amount from raw.landing_files where source_table = '{table}'"
    )
    copies = landed[landed["file"].str.rpartition("/")[2].isin(files)]
    assert copies["amount"].tolist() == [spend, spend]  # both were read
    counted = build[0].query(
        "select sum(spend_local) as spend from intermediate.int_media_activity "
        f"where source = '{source}' and channel in ('tv', 'meta') and (market = 'uk' or source = 'tv')"
    )
    assert counted["spend"].item() == pytest.approx(spend, abs=1e-9)
    (agree,) = [
        found for found in build[1].get_asset_check_evaluations()
        if found.check_name == "exports_agree" and found.asset_key == raw_key(table)
    ]  # fmt: skip
    assert agree.passed
    restated = build[0].query(f"select * from marts.fct_restatements where source_table = '{table}'")
    assert restated.empty


def test_the_later_export_counts_and_the_difference_is_shown(build):
    (check,) = [
        found for found in build[1].get_asset_check_evaluations()
        if found.check_name == "exports_agree" and found.asset_key == raw_key("google_ads__campaign_stats")
    ]  # fmt: skip
    assert not check.passed
    assert "stats (1).csv counts over google_ads/campaign_stats/stats.csv: 42 of 42 rows in both differ" in (
        check.description
    )
    assert "; their cost_micros / 1,000,000 was " in check.description
    shown = re.findall(r"[\d,]+\.\d\d", check.description.partition(" was ")[2])
    assert len(shown) == 3, "before, after and the difference, in units to the cent"
    changed = build[0].query(
        "select source_table, week_start, file, rows_changed, amount_before, amount_now from marts.fct_restatements "
        "where rows_changed > 0 order by week_start"
    )
    assert set(changed["source_table"]) == {"google_ads__campaign_stats"}
    assert set(changed["file"]) == {"google_ads/campaign_stats/stats (1).csv"}
    assert changed["week_start"].tolist() == WEEKS.tolist()
    assert set(changed["rows_changed"]) == {7}
    assert set(changed["amount_before"]) | set(changed["amount_now"]) == {14, 21}


def test_rows_that_came_late_are_told_by_week(build):
    """Files that came together, and days after the last one that had landed, are not late."""
    late = build[0].query(
        "select * exclude (source_table, amount_before, amount_now) from marts.fct_restatements where rows_added > 0"
    )
    assert late.to_dict("records") == [
        {
            "week_start": pd.Timestamp("2024-12-09"), "file": "linkedin_ads/ad_analytics_by_campaign/b.csv",
            "restated_at": pd.Timestamp("2026-02-02"), "rows_changed": 0, "rows_added": 2, "rows_gone": 0,
            "amount_added": 10, "amount_change": 10,
        }
    ]  # fmt: skip


def test_weeks_that_an_account_delivered_in_part_are_named_and_marked(build):
    found = checks(build[1])["media_weeks_are_complete"]
    assert not found.passed
    rows = found.metadata["failing_rows"].value
    short = [
        "| us | tv | all | 2024-11-25 | 1 | 7 |",
        "| us | tv | all | 2025-01-06 | 6 | 7 |",
        "| us | meta_ads | us | 2024-12-02 | 4 | 7 |",
        "| us | meta_ads | us | 2025-01-06 | 3 | 7 |",
        "| us | linkedin_ads | 5 | 2025-01-06 | 3 | 5 |",
    ]
    for row in short:
        assert row in rows
    assert len(rows.splitlines()) == 2 + len(short)
    marked = build[0].query(
        "select channel, count(*) as n from marts.fct_media_weekly where delivery = 'partial' group by all order by all"
    )
    assert dict(marked.itertuples(index=False)) == {"linkedin": 1, "meta": 2, "tv": 2}


def dbt(platform, *arguments):
    path = platform.warehouse.path
    return invoke(arguments, path, platform.folder / "dbt_target", dbt_manifest(path))


def test_spend_that_is_not_in_the_files_is_found(build):
    assert checks(build[1])["spend_reconciles_with_the_files"].passed
    change = "update raw.landing_files set amount = amount {} 0.02 where source_table = 'tv__invoices'"
    execute(build[0], change.format("+"))
    done = dbt(build[0], "test", "--select", "spend_reconciles_with_the_files")
    execute(build[0], change.format("-"))
    assert [result.failures for result in done.result] == [1]


def test_marts_are_a_function_of_what_has_landed(build):
    """An export that is deleted is retracted; a warehouse that is made again gives the same marts."""
    platform, _ = build
    television = model_table(platform)["tv_spend"].tolist()
    (platform.landing / "google_ads/campaign_stats/stats (1).csv").unlink()
    (platform.landing / "tv/invoices/a.csv").unlink()  # its copy is there still

    def rebuilt():
        assert platform.run(landing_tables).success
        done = dbt(platform, "run", "--select", "+mmm_model_table")
        assert done.success, done.exception
        return pd.concat([model_table(platform, market) for market in ("us", "uk")])

    before = rebuilt()
    assert before.loc[before["market"] == "us", "search_spend"].tolist() == [14] * 6
    assert before.loc[before["market"] == "us", "tv_spend"].tolist() == television
    (platform.folder / "warehouse.duckdb").unlink()
    platform.warehouse.prepare()
    assert dbt(platform, "seed").success
    pd.testing.assert_frame_equal(rebuilt(), before)
