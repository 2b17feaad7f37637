"""A build works out the weeks whose raw rows changed, leaves the others, and ends where a first one would."""

import datetime as dt
import shutil

import dagster as dg
import pandas as pd
import pytest

from assets.marts.assets import dbt_marts
from assets.marts.invoke import invoke
from assets.marts.made_by import is_made_otherwise
from assets.marts.project import dbt_manifest, fingerprint
from assets.raw.assets import landing_tables
from tests.fixtures_warehouse import execute

pytestmark = pytest.mark.slow

DAY = dt.date(2025, 6, 4)  # a Wednesday: no day beside it is of another week
WEEK, OTHER = dt.date(2025, 6, 2), dt.date(2025, 3, 3)
TOUCHED = "update intermediate.int_campaign_weekly set spend_local = -1"


@pytest.fixture
def built(built_warehouse, tmp_path):
    return built_warehouse.copy_to(tmp_path)


def land(platform):
    assert platform.run(landing_tables).success


def build(platform, *arguments):
    path = platform.warehouse.path
    done = invoke(
        ["run", "--select", "int_media_weeks", "int_campaign_weekly", *arguments],
        path,
        platform.folder / "dbt",
        dbt_manifest(path),
        made_by=fingerprint(),
    )
    shutil.rmtree(platform.folder / "dbt", ignore_errors=True)
    return done


def weekly(platform, where="true", columns="* exclude (week_version, source_version)"):
    return platform.query(
        f"select {columns} from intermediate.int_campaign_weekly where {where} order by all"
    )


def touched(platform):
    """Weeks that no build has worked out since they were touched."""
    rows = platform.query(
        "select distinct source, cast(week_start as varchar) as week from intermediate.int_campaign_weekly "
        "where spend_local = -1"
    )
    return set(rows.itertuples(index=False, name=None))


def restated(platform):
    """The day of Meta once more, in a later export, one campaign of it with another amount."""
    rows = platform.query(f"from raw.meta_ads__campaign_insights where date_start = date '{DAY}'")
    rows = rows[[name for name in rows if not name.startswith("_")]]
    rows["date_start"] = rows["date_stop"] = str(DAY)
    return rows.assign(spend=rows["spend"] + ([5.0] + [0.0] * (len(rows) - 1)))


def test_only_changed_weeks_are_worked_out_again(built):
    before = weekly(built)
    assert build(built).success  # nothing has changed
    pd.testing.assert_frame_equal(weekly(built), before)
    execute(built, f"{TOUCHED} where source = 'meta_ads' and week_start in ('{WEEK}', '{OTHER}')")
    late = built.land("meta_ads/campaign_insights/zz_late.csv", restated(built))
    land(built)
    assert build(built).success
    assert touched(built) == {("meta_ads", str(OTHER))}
    week = f"source = 'meta_ads' and week_start = '{WEEK}'"
    spent = before[(before["source"] == "meta_ads") & (before["week_start"] == pd.Timestamp(WEEK))]
    assert weekly(built, week)["spend_local"].sum() == pytest.approx(spent["spend_local"].sum() + 5)

    late.unlink()  # the export is taken back
    land(built)
    assert build(built).success
    pd.testing.assert_frame_equal(weekly(built, week), spent.reset_index(drop=True), check_dtype=False)
    assert touched(built) == {("meta_ads", str(OTHER))}
    assert build(built, "--full-refresh").success
    pd.testing.assert_frame_equal(weekly(built), before)


def test_what_is_of_no_day_is_of_every_week_of_its_source(built):
    execute(built, f"{TOUCHED} where week_start = '{OTHER}' and source in ('meta_ads', 'google_ads')")
    row = {"id": "act_new", "currency": "EUR", "synced_at": "2025-06-04T00:00:00Z"}
    built.land("meta_ads/account_history/new.csv", pd.DataFrame([row]))
    land(built)
    assert build(built).success
    assert touched(built) == {("google_ads", str(OTHER))}


def test_weeks_whose_rows_are_gone_go(built):
    before = weekly(built)
    first = "source = 'google_ads' and week_start < '2022-12-26'"
    (built.landing / "google_ads" / "campaign_stats" / "campaign_stats_2022.csv").unlink()
    gone = len(weekly(built, first))
    land(built)
    assert build(built).success
    assert gone > 10
    assert weekly(built, first).empty
    assert len(weekly(built)) == len(before) - gone
    half = "source = 'google_ads' and week_start = '2022-12-26'"
    assert set(weekly(built, half)["weekdays"]) == {64}  # a Sunday, the first of January

    incremental = weekly(built, columns="*")
    assert build(built, "--full-refresh").success
    pd.testing.assert_frame_equal(weekly(built, columns="*"), incremental)


def test_another_rule_or_rate_is_one_of_every_week(built):
    """Rules, geos and rates are asked of every week: no week is worked out again for them, and every one follows."""
    execute(built, f"{TOUCHED} where week_start = '{OTHER}' and source = 'tv'")
    tv = "select week_start, sum(clicks) as clicks, sum(spend) as spend from intermediate.int_media_spend_weekly "
    tv += "where channel = '{}' and source = 'meta_ads' and market = 'uk' group by all order by all"
    before = built.query(tv.format("meta"))
    rule = {"rule": 1, "source": "meta_ads", "campaign": "^uk_(g[0-9]+)_", "market": "uk", "geo": r"\1"}
    built.land("reference/mapping_rules/a.csv", pd.DataFrame([{**rule, "channel": "tv"}]))
    rates = built.query("select week_start, currency, rate_to_usd from raw.reference__exchange_rates")
    rates["rate_to_usd"] *= 2
    built.land("reference/exchange_rates/zz_doubled.csv", rates)
    land(built)
    follow = ("int_exchange_rates", "int_campaign_mapping", "int_media_activity", "int_media_spend_weekly")
    assert build(built, *follow).success
    after = built.query(tv.format("tv"))
    assert len(after) > 100
    pd.testing.assert_frame_equal(after.assign(spend=after["spend"] / 2), before)
    assert built.query(tv.format("meta")).empty
    assert touched(built) == {("tv", str(OTHER))}


def test_a_failed_build_leaves_every_week_as_it_was(built):
    execute(built, f"{TOUCHED} where week_start = '{OTHER}'")
    built.land("meta_ads/campaign_insights/zz_late.csv", restated(built))
    land(built)
    before = weekly(built)
    execute(built, "alter view staging.stg_meta_ads__media rename to away")
    done = build(built)
    assert "stg_meta_ads__media" in str(done.result.results[-1].message)
    pd.testing.assert_frame_equal(weekly(built), before)  # what was to go is still there


def test_another_project_or_an_earlier_release_makes_every_week_anew(built):
    warehouse, before = built.warehouse, weekly(built)
    assert not is_made_otherwise(warehouse, fingerprint())
    assert is_made_otherwise(warehouse, "another project")
    execute(built, TOUCHED, "alter table intermediate.int_campaign_weekly drop column source_version")
    execute(
        built, "comment on table intermediate.int_campaign_weekly is null"
    )  # as a release without weeks left it
    done = built.run(dbt_marts, selection=[dg.AssetKey(["intermediate", "int_campaign_weekly"])])
    assert done.success
    pd.testing.assert_frame_equal(weekly(built), before)
    assert not is_made_otherwise(warehouse, fingerprint())


def test_rows_of_changed_weeks_are_asked_whether_they_are_there_twice(built):
    view = "stg_tv__media"
    execute(
        built,
        f"alter view staging.{view} rename to once",
        f"create view staging.{view} as from staging.once union all from staging.once",
    )
    asked = f"unique_grain_{view}*"

    def failures():
        path = built.warehouse.path
        target = built.folder / "dbt"
        done = invoke(["test", "--select", asked], path, target, dbt_manifest(path), made_by=fingerprint())
        (result,) = done.result.results
        return result.failures

    assert failures() == 0  # every week of it was asked when int_campaign_weekly was made
    execute(
        built, f"delete from intermediate.int_campaign_weekly where source = 'tv' and week_start = '{WEEK}'"
    )
    assert failures() > 0
