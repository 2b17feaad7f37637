"""The published copy: whole, documented, and readable at any time."""

import subprocess
import sys
import textwrap
import time

import duckdb
import pandas as pd
import pytest

from assets.marts.assets import dbt_reporting
from assets.publish.publication import publications
from assets.publish.publish import PublicationLoses, publish
from assets.publish.published_marts import published_marts
from assets.publish.tables import published_rows
from tests.fixtures_warehouse import Platform, checks, execute, failure, materializations
from tests.waiting import HANGS

WEEK = "2026-11-09"


@pytest.fixture
def small(tmp_path):
    """A warehouse with two tables to publish and one that is nobody's business."""
    platform = Platform(tmp_path)
    execute(
        platform,
        "create schema marts; create schema reporting; create schema raw",
        "create table marts.dim_channel as select 'tv' as channel, 'Television' as label",
        "create table reporting.rpt_channel_roi as select 'us' as model, date '2026-11-09' as as_of_week, 1.5 as roi",
        "create table raw.secrets as select 1",
    )
    return platform


def test_the_copy_holds_what_is_published_and_nothing_else(small):
    publication = publish(small.warehouse, small.published)
    assert publication.rows == {"marts.dim_channel": 1, "reporting.rpt_channel_roi": 1}
    folder = small.published / publication.version
    assert published_rows(folder / "marts.duckdb") == publication.rows
    tables = {"marts.duckdb", "dim_channel.parquet", "rpt_channel_roi.parquet"}
    assert {path.name for path in folder.iterdir()} == {*tables, "publication.json"}
    assert {path.name for path in small.published.iterdir()} == {*tables, "current", publication.version}
    for path in ("current/dim_channel.parquet", "dim_channel.parquet"):
        assert pd.read_parquet(small.published / path)["label"].tolist() == ["Television"]


def test_the_same_query_reads_the_warehouse_and_the_copy(small):
    publish(small.warehouse, small.published)
    query = "select label, roi from marts.dim_channel, reporting.rpt_channel_roi"
    with duckdb.connect(small.published / "marts.duckdb", read_only=True) as copy:
        assert copy.execute(query).fetchall() == small.query(query).to_records(index=False).tolist()
        assert copy.execute("select label from dim_channel").fetchall() == [("Television",)]


def test_columns_are_documented_in_the_copy(small):
    publish(small.warehouse, small.published)
    with duckdb.connect(small.published / "marts.duckdb", read_only=True) as copy:
        comments = dict(copy.execute("select column_name, comment from duckdb_columns()").fetchall())
    assert comments["channel"] == "Media channel, a key of dim_channel."
    assert "one unit of money spent" in comments["roi"]


@pytest.mark.slow
def test_every_published_column_has_a_comment_and_those_of_the_wide_table_their_unit(
    built_warehouse, tmp_path
):
    publish(Platform(built_warehouse.folder).warehouse, tmp_path / "published")
    with duckdb.connect(tmp_path / "published" / "marts.duckdb", read_only=True) as copy:
        found = copy.execute(
            "select table_name, column_name, comment from duckdb_columns() where not internal"
        ).fetchall()
        (held,) = copy.execute("select count(distinct variable) from marts.fct_model_inputs").fetchone()
    assert [(table, column) for table, column, comment in found if not comment] == []
    wide = {column: comment for table, column, comment in found if table == "mmm_model_table"}
    assert len(wide) == 3 + held
    assert wide["search_spend"].startswith("Spend of Paid search in the week, USD")
    assert "gross rating points" in wide["tv_impressions"]
    assert "a number of clicks" in wide["search_clicks"]
    assert wide["revenue"].startswith("KPI revenue: money, USD")
    assert wide["orders"].startswith("KPI orders: a number of")
    assert "revenue by order, USD" in wide["average_order_value"]
    assert "US dollars" in wide["competitor_spend"]
    assert "persons" in wide["population"]


def test_a_table_that_is_gone_leaves_the_copy_once_that_is_accepted(small):
    first = publish(small.warehouse, small.published)
    execute(small, "drop table reporting.rpt_channel_roi")
    with pytest.raises(PublicationLoses, match=r"Lost: reporting\.rpt_channel_roi itself"):
        publish(small.warehouse, small.published)
    assert (small.published / "current").resolve().name == first.version
    publication = publish(small.warehouse, small.published, accepted=["reporting.rpt_channel_roi"])
    assert publication.accepted == ["reporting.rpt_channel_roi itself"]
    assert set(names(small.published / "current")) == {
        "marts.duckdb",
        "dim_channel.parquet",
        "publication.json",
    }
    assert {path.name for path in small.published.glob("*.*")} == {"marts.duckdb", "dim_channel.parquet"}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("path", ["marts.duckdb", "current/marts.duckdb"])
def test_the_process_that_has_the_old_copy_open_sees_the_new_one_by_the_same_path(small, path):
    publish(small.warehouse, small.published)
    with duckdb.connect(small.published / path, read_only=True) as old:
        execute(small, "update marts.dim_channel set label = 'TV'")
        publish(small.warehouse, small.published)
        with duckdb.connect(small.published / path, read_only=True) as new:
            assert new.execute("select label from dim_channel").fetchall() == [("TV",)]
        assert old.execute("select label from dim_channel").fetchall() == [("Television",)]


def test_files_of_an_earlier_layout_become_links(small):
    small.published.mkdir()
    (small.published / "dropped.parquet").write_bytes(b"of a table that is gone")
    with duckdb.connect(small.published / "marts.duckdb") as old:
        old.execute("create table dim_channel as select 'old' as label")
    with duckdb.connect(small.published / "marts.duckdb", read_only=True) as reader:
        publish(small.warehouse, small.published)
        assert reader.execute("select label from dim_channel").fetchall() == [("old",)]
    with duckdb.connect(small.published / "marts.duckdb", read_only=True) as reader:
        assert reader.execute("select label from dim_channel").fetchall() == [("Television",)]
    assert not (small.published / "dropped.parquet").exists()


def test_models_and_weeks_are_not_lost_in_silence(small):
    """A warehouse made again holds one vintage; the publication of two stays in force, and the message says why."""
    execute(
        small,
        "insert into reporting.rpt_channel_roi values ('us', '2026-11-02', 1.4), ('uk', '2026-11-02', 2.0)",
    )
    before = publish(small.warehouse, small.published)
    execute(small, "delete from reporting.rpt_channel_roi where as_of_week < '2026-11-09'")
    result = small.run(published_marts)
    assert not result.success
    found = checks(result)["keeps_models_and_weeks"]
    assert not found.passed
    message = found.description
    assert message == failure(result)
    assert "holds 2 models in 3 vintages" in message
    assert "would hold 1 model in 1 vintage" in message
    assert "reporting.rpt_channel_roi: 1 of 2 weeks of us (2026-11-02)" in message
    assert 'make publish ACCEPT="uk us"' in message
    assert "published_marts" not in materializations(result)
    assert [path.name for path in publications(small.published)] == [before.version]

    with pytest.raises(PublicationLoses, match=r"weeks of us") as refused:
        publish(small.warehouse, small.published, accepted=["uk"])
    assert " of uk" not in str(refused.value)
    result = small.run(published_marts, config={"accept_losses": ["uk", "us"]})
    assert result.success
    assert (
        "let go: reporting.rpt_channel_roi: 1 of 1 week of uk"
        in checks(result)["keeps_models_and_weeks"].description
    )
    assert (
        publish(small.warehouse, small.published).accepted == []
    )  # what was let go is not asked about again


def test_weeks_of_a_mart_are_not_lost_in_silence(small):
    execute(
        small,
        "create table marts.fct_kpi_weekly as select 'us' as market, week_start::date as week_start, 1.0 as revenue "
        "from range(timestamp '2026-01-05', timestamp '2026-03-02', interval 7 day) weeks(week_start)",
    )
    publish(small.warehouse, small.published)
    execute(small, "delete from marts.fct_kpi_weekly where week_start < '2026-01-19'")
    with pytest.raises(
        PublicationLoses,
        match=r"fct_kpi_weekly: 2 of 8 weeks of us \(2026-01-05 to 2026-01-12\).*landed again",
    ):
        publish(small.warehouse, small.published)


READER = """
    import duckdb, sys, time
    path, stop = sys.argv[1:]
    import os
    seen = set()
    print("ready", flush=True)
    while not os.path.exists(stop):
        with duckdb.connect(path, read_only=True) as connection:
            for _ in range(3):
                seen.add(connection.execute(
                    "select count(*), sum(spend) from marts.fct_media_weekly where market = 'us'").fetchone())
                seen.add(connection.execute("select count(*) from reporting.rpt_channel_roi").fetchone())
                time.sleep(0.02)
    print(len(seen))
"""


@pytest.mark.slow
def test_analysts_read_while_a_run_writes_and_publishes(built_warehouse, tmp_path):
    platform = built_warehouse.copy_to(tmp_path)
    publish(platform.warehouse, platform.published)
    path, stop = platform.published / "marts.duckdb", tmp_path / "stop"
    reader = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(READER), str(path), str(stop)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert reader.stdout.readline() == "ready\n"
        roi = {"posterior_version": "p", "model_version": "1", "channel": "tv", "metric": "roi"}
        figures = {"mean": 1.5, "median": 1.4, "sd": 0.2, "q05": 1.0, "q95": 2.0}
        platform.warehouse.replace_results({"channel_roi": pd.DataFrame([roi | figures])}, "us_revenue", WEEK)
        result = platform.run(dbt_reporting, published_marts)
        assert result.success
        time.sleep(0.3)
    finally:
        stop.touch()
        printed, _ = reader.communicate(timeout=HANGS)
    assert reader.returncode == 0
    assert int(printed) == 3  # the media figures never changed, the results went from none to one
    assert checks(result)["holds_every_row"].passed
    assert materializations(result)["published_marts"].metadata["dagster/row_count"].value > 20_000
    with duckdb.connect(path, read_only=True) as copy:
        found = copy.execute("select label, roi, is_latest from reporting.rpt_channel_roi").fetchall()
    assert found == [("Television", 1.5, True)]
