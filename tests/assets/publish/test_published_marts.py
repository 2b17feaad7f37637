"""The published copy: whole, documented, and readable at any time."""

import os
import subprocess
import sys
import textwrap
import time

import duckdb
import pandas as pd
import pytest

from assets.marts.assets import dbt_reporting
from assets.publish.published_marts import publish, published_marts, published_rows
from tests.fixtures_warehouse import Platform, checks, execute, materializations

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
    rows = publish(small.warehouse, small.published)
    assert rows == {"marts.dim_channel": 1, "reporting.rpt_channel_roi": 1}
    assert published_rows(small.published / "marts.duckdb") == rows
    assert {path.name for path in small.published.iterdir()} == {
        "marts.duckdb",
        "dim_channel.parquet",
        "rpt_channel_roi.parquet",
    }
    assert pd.read_parquet(small.published / "dim_channel.parquet")["label"].tolist() == ["Television"]


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
    assert "one dollar of spend" in comments["roi"]


def test_a_table_that_is_gone_leaves_the_copy(small):
    publish(small.warehouse, small.published)
    execute(small, "drop table reporting.rpt_channel_roi")
    publish(small.warehouse, small.published)
    assert {path.name for path in small.published.iterdir()} == {"marts.duckdb", "dim_channel.parquet"}


def test_an_open_reader_keeps_the_old_copy(small):
    publish(small.warehouse, small.published)
    with duckdb.connect(small.published / "marts.duckdb", read_only=True) as reader:
        execute(small, "update marts.dim_channel set label = 'TV'")
        publish(small.warehouse, small.published)
        assert reader.execute("select label from dim_channel").fetchall() == [("Television",)]
    with duckdb.connect(small.published / "marts.duckdb", read_only=True) as reader:
        assert reader.execute("select label from dim_channel").fetchall() == [("TV",)]


def test_a_failure_half_way_leaves_the_old_copy(small, monkeypatch):
    publish(small.warehouse, small.published)
    before = (small.published / "marts.duckdb").read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    execute(small, "update marts.dim_channel set label = 'TV'")
    with pytest.raises(OSError, match="disk full"):
        publish(small.warehouse, small.published)
    monkeypatch.undo()
    assert (small.published / "marts.duckdb").read_bytes() == before
    publish(small.warehouse, small.published)  # and what was left lying does not disturb the next one
    assert pd.read_parquet(small.published / "dim_channel.parquet")["label"].tolist() == ["TV"]


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
        printed, _ = reader.communicate(timeout=30)
    assert reader.returncode == 0
    assert int(printed) == 3  # the media figures never changed, the results went from none to one
    assert checks(result)["holds_every_row"].passed
    assert materializations(result)["published_marts"].metadata["dagster/row_count"].value > 20_000
    with duckdb.connect(path, read_only=True) as copy:
        found = copy.execute("select label, roi, is_latest from reporting.rpt_channel_roi").fetchall()
    assert found == [("Television", 1.5, True)]
