"""A past week is frozen from the exports that were known then, through the real loader, dbt and DuckDB."""

import datetime as dt
import os
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pyarrow as pa
import pytest

from assets.marts.data_until import data_until
from assets.marts.invoke import invoke
from assets.marts.known_exports import HOLE, LATE_AT_MOST, known_by, known_exports, were_of_then
from assets.marts.marts_then import FILE, LIVE, _keep_the_last, make_apart, raw_as_then
from assets.marts.project import dbt_manifest
from assets.model_inputs.as_known import marts_of, table_as_known
from assets.model_inputs.what_is_read import raw_tables_behind, reads
from assets.models import Vintage
from assets.raw.assets import landing_tables, raw_key
from assets.raw.contracts import CONTRACTS
from assets.raw.gone import record
from assets.raw.origins.configured import read_origin
from assets.raw.origins.fetch import fetch
from assets.raw.origins.landed_rows import LandedRows, Landing
from assets.raw.origins.origin import TableOrigin
from assets.raw.origins.sql import Piece
from assets.raw.versions import DayAlone
from assets.resources.stores import VintageStore
from assets.resources.vintage_origin import VintageOrigin
from mmm_core.data.table import check_table, fingerprint
from mmm_core.spec.model_spec import parse_spec
from tests.fixtures_warehouse import Platform, execute

SPEC = parse_spec(
    {
        "model": "us_revenue",
        "table": "mmm_model_table",
        "filter": {"market": "us"},
        "kpi": {"column": "revenue"},
        "media": {"channels": {name: {"spend": f"{name}_spend"} for name in ("search", "tv")}},
    }
)
BETWEEN, GONE = dt.datetime(2026, 10, 5), "2026-09-03"
WEEK = "select search_spend, revenue from marts.mmm_model_table where market = 'us' and week_start = '2026-08-31'"
PAST, LAST = dt.date(2026, 9, 7), dt.date(2026, 11, 9)
THEN, LATER = dt.datetime(2026, 9, 15), dt.datetime(2026, 11, 16)
GOOGLE, SHOP = "google_ads__campaign_stats", "shopify__daily_orders"
RESTATED = "google_ads/campaign_stats/restated.csv"


def exported(path, moment):
    os.utime(path, (moment.replace(tzinfo=dt.UTC).timestamp(),) * 2)


@pytest.fixture(scope="module")
def restated(built_warehouse, tmp_path_factory):
    """The sample world as if exported in September, and an export of November with twice the search spend."""
    platform = built_warehouse.copy_to(tmp_path_factory.mktemp("restated"))
    for path in platform.landing.rglob("*.*"):
        exported(path, THEN)
    (original,) = platform.landing.glob("google_ads/campaign_stats/*2026.csv")
    rows = pd.read_csv(original)
    rows["cost_micros"] *= 2
    exported(platform.land(RESTATED, rows), LATER)
    assert platform.run(landing_tables).success
    return platform


def known(platform, week, is_past=True):
    with platform.warehouse.connect(read_only=True) as connection:
        return known_exports(connection, week, is_past)


def vintage(week=PAST):
    return Vintage("us_revenue", str(week))


def freeze(platform, vintages, week=PAST, **options):
    table, origin = table_as_known(platform.warehouse, vintages, SPEC, vintage(week), **options)
    version = fingerprint(check_table(table, SPEC, "mart"))
    vintages.save(vintage(week), version, table)
    vintages.point(vintage(week), version)
    return table.set_index("week_start"), vintages.keep_origin(vintage(week), version, origin)


def test_a_later_export_does_not_count_for_a_past_week_and_does_for_the_last(restated, tmp_path):
    vintages = VintageStore(folder=str(tmp_path))
    before = restated.query("select search_spend from marts.mmm_model_table where market = 'us'")
    then, origin = freeze(restated, vintages)
    assert origin.known_then
    assert (
        origin.words
        == "the data are those known by 2026-09-21; 1 export with rows of these weeks came later and does not count"
    )
    assert origin.data_until == THEN.isoformat()
    assert then.index.max().date() == PAST
    # the marts of the warehouse were built before the restatement: what was known then is what they hold
    whole, _ = table_as_known(restated.warehouse, vintages, SPEC, vintage(), as_known_today=True)
    assert then.reset_index().equals(whole)

    marts = marts_of(restated.warehouse, vintages, vintage())
    assert marts.path != restated.warehouse.path
    with marts.connect(read_only=True) as connection:
        held = connection.execute("select search_spend from marts.mmm_model_table where market = 'us'").df()
        assert len(held) == len(before)
        assert not connection.execute("select * from duckdb_views() where not internal").fetchall()

    _, origin = freeze(restated, vintages, LAST)
    assert origin.words == "the data are those known by 2026-11-23"
    assert origin.data_until == LATER.isoformat()
    assert not origin.as_then
    assert marts_of(restated.warehouse, vintages, vintage(LAST)).path == restated.warehouse.path


def test_what_is_left_out_is_what_came_after_the_week_of_the_refresh(restated):
    assert known(restated, PAST).left_out == {GOOGLE: (RESTATED,)}
    assert known(restated, PAST, is_past=False).as_today == {GOOGLE: "exported after the week of its refresh"}
    assert known_by(dt.date(2026, 11, 2)) == LATER  # exported on the first moment that is too late
    assert known(restated, dt.date(2026, 11, 2)).left_out == {GOOGLE: (RESTATED,)}
    assert not known(restated, dt.date(2026, 11, 9)).left_out
    # it holds no day of 2025: an earlier year is the same with and without it
    in_2025 = known(restated, dt.date(2025, 12, 15))
    assert GOOGLE in in_2025.as_today  # nothing was exported then
    assert known(restated, PAST).key != known(restated, LAST).key


def test_a_week_before_anything_was_exported_is_what_is_known_today_and_says_so(restated, tmp_path):
    vintages = VintageStore(folder=str(tmp_path))
    _, origin = freeze(restated, vintages, dt.date(2026, 6, 1))
    assert not origin.known_then
    assert origin.words.startswith("not all of the data were known by 2026-06-15: no export of then is left:")
    assert (
        marts_of(restated.warehouse, vintages, vintage(dt.date(2026, 6, 1))).path == restated.warehouse.path
    )


def test_an_export_that_was_written_over_is_not_taken_for_silence(built_warehouse, tmp_path):
    """The archive ends long before the file that is written over every week: without it, spend would be nil."""
    platform = built_warehouse.copy_to(tmp_path)
    for path in platform.landing.rglob("*.*"):
        exported(path, THEN)
    (current,) = platform.landing.glob("google_ads/campaign_stats/*2026.csv")
    exported(current, LATER)
    assert platform.run(landing_tables, selection=[raw_key(GOOGLE)]).success
    reason = known(platform, PAST).as_today[GOOGLE]
    assert reason == "the exports of then end with 2025-12-31, those of now with 2026-09-13"
    assert dt.date(2026, 9, 13) - dt.date(2025, 12, 31) > LATE_AT_MOST

    # a table that was frozen in its own time still holds what was known
    vintages = VintageStore(folder=str(tmp_path / "vintages"))
    table, origin = freeze(platform, vintages)
    assert not origin.known_then
    in_its_time = table.reset_index().assign(search_spend=1.0)
    version = fingerprint(check_table(in_its_time, SPEC, "mart"))
    vintages.save(vintage(), version, in_its_time)
    vintages.point(vintage(), version)
    vintages.keep_origin(vintage(), version, VintageOrigin(True, "2026-09-21", False, "then"))
    again, origin = freeze(platform, vintages)
    assert set(again["search_spend"]) == {1.0}
    assert origin.words == "the data are those known by 2026-09-21, as they were frozen then"
    today, origin = freeze(platform, vintages, as_known_today=True)
    assert today["search_spend"].equals(table["search_spend"])
    assert not origin.known_then


def test_what_was_mended_in_place_is_taken_as_it_is_today_and_named(built_warehouse, tmp_path):
    """A year whose file was mended since, or a market of it, is in no export of then, and they end no earlier."""
    import duckdb

    platform = built_warehouse.copy_to(tmp_path)
    stats = "google_ads/campaign_stats"
    (year_2024,), (year_2026,) = (platform.landing.glob(f"{stats}/*{year}.csv") for year in (2024, 2026))
    rows = pd.read_csv(year_2026, dtype=str)
    is_uk = rows["campaign_name"].str.startswith("uk")
    year_2026.unlink()
    platform.land(f"{stats}/us.csv", rows[~is_uk])
    for path in platform.landing.rglob("*.*"):
        exported(path, THEN)

    in_march = rows[~is_uk & rows["date"].between("2026-03-02", "2026-03-15")]
    restated = in_march.assign(cost_micros=[str(2 * int(cost)) for cost in in_march["cost_micros"]])
    restated.loc[restated.index[::10], "campaign_id"] += (
        "9"  # late rows among them, which were not known then
    )
    fetched = platform.landing / stats / "fetched-20261116T000000Z-0001.parquet"
    in_march.assign(campaign_id="9" + in_march["campaign_id"]).to_parquet(fetched, index=False)
    for path in (
        fetched,
        platform.land(f"{stats}/restated.csv", restated),
        platform.land(f"{stats}/uk.csv", rows[is_uk]),
        year_2024,
    ):
        exported(path, LATER)
    for day in (PAST, LAST):
        with duckdb.connect() as connection:
            shop = platform.landing / "shopify" / "daily_orders"
            record(connection, shop, f"select date '{day}' as date, 5.0 as net_sales", LATER)
    assert platform.run(landing_tables, selection=[raw_key(GOOGLE), raw_key(SHOP)]).success

    found = known(platform, PAST)
    assert found.left_out == {GOOGLE: (f"{stats}/{fetched.name}", f"{stats}/restated.csv")}
    came = "came later, with rows of"
    assert {table: found.as_today[table] for table in (GOOGLE, SHOP)} == {
        GOOGLE: f"{stats}/{year_2024.name} {came} 2024-01-01 to 2024-12-31 that no export of then has, "
        f"{stats}/uk.csv {came} 2026-01-01 to 2026-09-13 that no export of then has",
        SHOP: "1 rows were deleted where they are fetched, the last seen to be on 2026-11-16, and .retired/ has no "
        "copy of their file that can be read",
    }
    assert not found.known_then
    assert found.words.endswith(
        f"that can be read: {SHOP}; 2 exports with rows of these weeks came later and do not count"
    )


@pytest.fixture(scope="module")
def fetched(built_warehouse, tmp_path_factory):
    """Search from a database and orders from a bucket, fetched in September, in October and in November.

    Each loses rows in November that September knew; of the search rows one was restated in October.
    """
    import duckdb

    platform = built_warehouse.copy_to(tmp_path_factory.mktemp("fetched"))
    stats, shop = (platform.landing / CONTRACTS[name].folder for name in (GOOGLE, SHOP))
    (year,), orders = stats.glob("*2026.csv"), sorted(shop.glob("*.csv"))
    clicks, sold = pd.read_csv(year), pd.concat([pd.read_csv(path, dtype=str) for path in orders])
    year.unlink()
    for path in orders[1:]:
        path.unlink()
    in_2026 = sold["date"] >= "2026"
    sold[~in_2026].to_csv(orders[0], index=False)
    sold = sold[in_2026]
    for path in platform.landing.rglob("*.*"):
        exported(path, THEN)
    origin = read_origin(
        "shopify",
        {"from": "bucket", "connection": "TEST_BUCKET_URL", "tables": {"daily_orders": {"files": "*.csv"}}},
        "sources.shopify",
    )
    bucket = tmp_path_factory.mktemp("bucket")
    os.environ["TEST_BUCKET_URL"] = f"file://{bucket}"
    search = TableOrigin(CONTRACTS[GOOGLE], "ads.campaign_stats")

    def fetch_both(moment, clicks, sold):
        at = moment.replace(tzinfo=dt.UTC)
        with duckdb.connect() as connection:
            rows = LandedRows(connection, stats, search, at, Landing())
            rows.land(Piece(pa.Table.from_pandas(clicks, preserve_index=False), ends=True))
        sold.to_csv(bucket / "orders.csv", index=False)
        exported(bucket / "orders.csv", moment)
        assert not fetch(origin, origin.tables["daily_orders"], platform.landing).note.fault

    us = clicks["campaign_name"].str.startswith("us") & (clicks["date"] == GONE)
    restated = clicks.assign(cost_micros=clicks["cost_micros"].where(~us, 2 * clicks["cost_micros"]))
    fetch_both(THEN, clicks, sold)
    assert platform.run(landing_tables).success
    before = known(platform, PAST)
    fetch_both(BETWEEN, restated, sold)
    fetch_both(LATER, restated[~us], sold[~((sold["date"] == GONE) & (sold["market"] == "us"))])
    assert platform.run(landing_tables, selection=[raw_key(GOOGLE), raw_key(SHOP)]).success
    yield platform, before
    del os.environ["TEST_BUCKET_URL"]


def raw_rows(platform, week, query):
    """What a query of raw tables gives, as they were known as of a week."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"attach '{platform.warehouse.path}' as {LIVE} (read_only)")
        raw_as_then(connection, known(platform, week))
        return connection.execute(query).fetchall()


@pytest.mark.slow
def test_rows_that_were_deleted_later_are_in_a_past_week_and_not_in_the_live_marts(fetched, tmp_path):
    platform, before = fetched
    found = known(platform, PAST)
    assert set(found.restored) == {GOOGLE, SHOP}
    assert found.known_then
    assert found.words.startswith("the data are those known by 2026-09-21; ")
    assert found.words.endswith("; 2 files count with the rows that were deleted from them later")
    assert found.key == before.key  # what counts is, byte by byte, what counted before anything went

    in_september = platform.query(WEEK)  # the marts were built from the files as they were then
    vintages = VintageStore(folder=str(tmp_path))
    freeze(platform, vintages)
    with marts_of(platform.warehouse, vintages, vintage()).connect(read_only=True) as connection:
        assert connection.execute(WEEK).df().equals(in_september)
    assert in_september["revenue"].notna().all()

    path = platform.warehouse.path
    assert invoke(
        ["--quiet", "run", "--select", "+mmm_model_table"], path, tmp_path, dbt_manifest(path)
    ).success
    (now,) = platform.query(WEEK).to_dict("records")
    (then,) = in_september.to_dict("records")
    assert now["search_spend"] < then["search_spend"]
    assert pd.isna(now["revenue"])  # of a week that lacks a day of its orders
    assert known(platform, LAST).are_of_today  # they went before it was refreshed
    assert marts_of(platform.warehouse, vintages, vintage()).path != path


@pytest.mark.slow
def test_a_row_counts_in_the_form_in_which_a_week_knew_it(fetched):
    platform, _ = fetched
    ours = f"from raw.{GOOGLE} where date = '{GONE}' and campaign_name like 'us%'"
    latest = f"(select * {ours} qualify row_number() over (partition by campaign_id order by _export_order desc) = 1)"
    spend = f"select sum(cost_micros), max(_file) from {latest}"
    (first, file), (doubled, later) = (
        raw_rows(platform, week, spend)[0] for week in (PAST, dt.date(2026, 10, 12))
    )
    assert first > 0
    assert (doubled, file < later) == (2 * first, True)
    assert later.startswith("google_ads/campaign_stats/fetched-20261005")  # nothing is left of it but a copy
    assert raw_rows(platform, LAST, spend) == [(None, None)]
    kinds = f"select distinct typeof(columns(*)) {ours}"
    live = platform.query(f"select distinct typeof(columns(*)) from raw.{GOOGLE} limit 1")
    assert raw_rows(platform, PAST, kinds) == [tuple(live.iloc[0])]


@pytest.mark.slow
def test_a_week_after_which_nothing_went_is_what_it_was_and_another_without_copies_says_so(fetched, tmp_path):
    platform = Platform(tmp_path)
    shutil.copytree(fetched[0].landing, platform.landing)
    shutil.copyfile(fetched[0].warehouse.path, platform.warehouse.path)
    past, last = known(platform, PAST), known(platform, LAST)
    # the form of September is cleaned away, that of October, in which the rows were restated, is there
    (copy,) = (platform.landing / CONTRACTS[GOOGLE].folder / ".retired").glob("*-fetched-20260915*")
    copy.unlink()
    assert platform.run(landing_tables, selection=[raw_key(GOOGLE)]).success
    without = known(platform, PAST)
    assert set(without.restored) == {SHOP}
    assert re.fullmatch(
        r"\d rows were deleted where they are fetched, the last seen to be on 2026-11-16, and .retired/ has no copy of "
        "their file that can be read",
        without.as_today[GOOGLE],
    )
    assert not without.known_then
    assert without.key != past.key
    assert known(platform, LAST) == last

    execute(
        platform, "drop table raw.landing_retired"
    )  # a warehouse of an earlier release, not yet loaded anew
    earlier = known(platform, PAST)
    assert not earlier.restored
    assert not earlier.known_then
    execute(platform, "drop table raw.landing_gone")
    assert known(platform, LAST) == last


@pytest.mark.parametrize(
    ("alone", "is_taken"),
    [
        ([0] * 90, False),
        ([0] * 45 + [10] * 45, True),  # half of the file
        ([4] * 90, False),  # late rows every day
        ([0] * 50 + [5] * HOLE.days + [0] * 50, True),
        ([0] * 50 + [5] * (HOLE.days - 1) + [0] * 50, False),
        ([0, 0, 5] * 30, False),  # never on end
    ],
)
def test_late_rows_are_told_from_a_hole_in_what_is_left_of_then(alone, is_taken):
    days = [DayAlone(PAST + dt.timedelta(days=day), 10, count) for day, count in enumerate(alone)]
    assert bool(were_of_then(days)) is is_taken


def test_a_table_of_no_days_grows_and_was_written_over_where_nothing_of_it_is_of_then():
    never = dt.date(1, 1, 1)
    assert not were_of_then([DayAlone(never, 10, 9)])
    assert were_of_then([DayAlone(never, 10, 10)]) == [never]
    assert not were_of_then([])


def test_a_warehouse_without_a_ledger_says_that_nothing_is_known_of_then(tmp_path):
    import duckdb

    with duckdb.connect(tmp_path / "empty.duckdb") as connection:
        found = known_exports(connection, PAST, is_past=True)
        assert data_until(connection) == ""
        connection.execute("create schema raw; create table raw.landing_gone (gone_at timestamp)")
        connection.execute("insert into raw.landing_gone values ('2026-09-20 08:00:00.5'), ('2026-09-21')")
        assert data_until(connection) == "2026-09-21T00:00:00"
        assert data_until(connection, before=dt.datetime(2026, 9, 21)) == "2026-09-20T08:00:00.500000"
    assert not found.known_then
    assert found.words.endswith("no ledger says when anything was exported: every table")


def test_a_table_that_is_known_to_be_of_then_stays_so(tmp_path):
    vintages = VintageStore(folder=str(tmp_path))
    then, today = (VintageOrigin(known, "2026-09-21", known, "") for known in (True, False))
    vintages.save(vintage(), "v", pd.DataFrame({"a": [1]}))
    assert vintages.origin(vintage(), "v") is None
    assert vintages.keep_origin(vintage(), "v", today) == today
    assert vintages.keep_origin(vintage(), "v", then) == then
    assert vintages.keep_origin(vintage(), "v", today) == then


def test_two_runs_that_build_the_same_week_at_once_do_not_meet(tmp_path):
    import duckdb

    made, both_build = tmp_path / "known_then" / "week", threading.Barrier(2, timeout=20)

    def build(building):
        with duckdb.connect(building / FILE) as connection:
            connection.execute("create table marts as select 1")
            both_build.wait()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: make_apart(made, build), range(2)))
    assert [path.name for path in made.parent.iterdir()] == ["week"]
    with duckdb.connect(made / FILE, read_only=True) as connection:
        assert connection.execute("from marts").fetchall() == [(1,)]

    def fails(building):
        (building / FILE).write_text("half")
        raise RuntimeError("dbt said no")

    other = made.with_name("other")
    with pytest.raises(RuntimeError, match="dbt said no"):
        make_apart(other, fails)
    assert not other.exists()


def test_of_what_was_built_the_last_are_kept_and_what_others_are_building_stays(tmp_path):
    ages = {"a": 5, "b": 4, "c": 3, "d": 2, ".e.left": 2 * 86400, ".f.building": 1}
    for name, age in ages.items():
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (dt.datetime.now().timestamp() - age,) * 2)
    _keep_the_last(tmp_path, tmp_path / "d")
    assert {path.name for path in tmp_path.iterdir()} == {"b", "c", "d", ".f.building"}


def test_a_model_is_told_of_what_it_reads_alone(restated, tmp_path):
    """Neither media that a model of a weekly table does not read nor another one's table was late for it."""
    platform = Platform(tmp_path)
    shutil.copytree(restated.landing, platform.landing)
    shutil.copyfile(restated.warehouse.path, platform.warehouse.path)
    weeks = pd.DataFrame({"week_start": pd.date_range("2026-01-05", PAST, freq="7D"), "sales": 1.0})
    exported(platform.land("weekly_tables/v1.early.csv", weeks), THEN)
    exported(platform.land("weekly_tables/late.csv", weeks), LATER)
    assert platform.run(landing_tables).success

    def found(table):
        with platform.warehouse.connect(read_only=True) as connection:
            spec = SPEC.model_copy(update={"table": table})
            return known_exports(connection, PAST, True, reads(spec).file)

    early = found("weekly_tables/v1.early")
    assert (early.words, early.known_then) == ("the data are those known by 2026-09-21", True)
    late = found("weekly_tables/late")
    assert late.words == (
        "not all of the data were known by 2026-09-21: no export of then is left: weekly_tables__values"
    )
    of_media = found("mmm_model_table")
    assert of_media.words.endswith("1 export with rows of these weeks came later and does not count")
    assert list(of_media.left_out) == ["google_ads__campaign_stats"]
    assert early.key != of_media.key


def test_what_a_mart_is_made_of_follows_its_lineage():
    assert raw_tables_behind("fct_weekly_tables") == {"weekly_tables__values"}
    media = raw_tables_behind("mmm_model_table")
    assert {"google_ads__campaign_stats", "tv__invoices", "shopify__daily_orders"} <= media
    assert not {"weekly_tables__values", "experiments__lift_tests", "brand_tracker__monthly"} & media
    assert raw_tables_behind("no_such_mart") == frozenset()
