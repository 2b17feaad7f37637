"""The warehouse file: locks, clean closing, and results that are replaced as a whole or not at all."""

import datetime as dt
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from assets.resources.results import ADDED_LATER, RESULT_TABLES
from assets.resources.warehouse import Warehouse, WarehouseDamaged, WarehouseLocked
from mmm_core.errors import InputError
from tests.waiting import Stopwatch, exit_code

WEEK = dt.date(2026, 11, 9)


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(path=str(tmp_path / "deep" / "warehouse.duckdb"), wait_seconds=10)


def _hold(path, seconds):
    """A process that holds the file open for writing; returns once it does."""
    program = f"""
        import duckdb, time
        connection = duckdb.connect({path!r})
        print("held", flush=True)
        time.sleep({seconds})
        connection.close()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def _roi(model="us", mean=1.0, **more):
    row = {
        "posterior_version": "p1", "model_version": "1", "channel": "search", "metric": "roi",
        "mean": mean, "median": mean, "sd": 0.1, "q05": 0.5, "q95": 1.5,
    }  # fmt: skip
    return pd.DataFrame([{**row, **more}])


def test_a_failing_body_leaves_no_connection_behind(warehouse):
    with pytest.raises(duckdb.ParserException), warehouse.connect() as connection:
        connection.execute("create table t as select 1; selec")
    with warehouse.connect(read_only=True) as connection:  # refused if the writer were still open
        assert connection.execute("select 1").fetchone() == (1,)


def test_waits_for_another_process(warehouse):
    warehouse.prepare()
    process = _hold(warehouse.path, 1.0)
    with warehouse.connect() as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert exit_code(process) == 0


def test_names_the_process_that_holds_the_file(warehouse):
    warehouse.prepare()
    impatient = Warehouse(path=warehouse.path, wait_seconds=0.2)
    process = _hold(warehouse.path, 60)
    try:
        with (
            Stopwatch() as refusal,
            pytest.raises(WarehouseLocked, match=rf"process {process.pid}\).*published"),
            impatient.connect(),
        ):
            pass
        assert refusal.seconds < 10
    finally:
        process.kill()
        process.wait()


def test_while_it_waits_it_says_for_whom(warehouse, caplog):
    warehouse.prepare()
    with _hold(warehouse.path, 2) as holder, warehouse.connect():
        pass
    told = [record.getMessage() for record in caplog.records if "waiting for" in record.getMessage()]
    assert len(told) == 1
    assert f"process {holder.pid}" in told[0]
    assert warehouse.path in told[0]


def test_a_full_disk_names_the_warehouse_and_the_next_write_works(warehouse):
    warehouse.prepare()
    program = f"""
        import resource
        from assets.resources.warehouse import Warehouse
        from mmm_core.errors import OutOfSpace

        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
        try:
            with Warehouse(path={warehouse.path!r}).connect() as connection:
                connection.execute("create table raw.large as select random() as x from range(2_000_000)")
        except OutOfSpace as error:
            print(error)
    """
    full = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert warehouse.path in full.stdout, full.stderr
    assert "make room" in full.stdout
    with warehouse.connect() as connection:
        connection.execute("create table raw.large as select 1 as x")


def test_reading_before_writing_is_a_clear_error(warehouse):
    with pytest.raises(InputError, match="make ingest makes it"), warehouse.connect(read_only=True):
        pass


def test_a_file_that_is_no_database_is_not_waited_for(tmp_path):
    path = tmp_path / "w.duckdb"
    path.write_bytes(b"x" * 8192)
    with pytest.raises(WarehouseDamaged, match="not a valid DuckDB"), Warehouse(path=str(path)).connect():
        pass


def test_prepare_keeps_what_is_there(warehouse):
    warehouse.prepare()
    warehouse.replace_results({"channel_roi": _roi()}, "us", WEEK)
    warehouse.prepare()
    with warehouse.connect(read_only=True) as connection:
        assert connection.execute("select count(*) from results.channel_roi").fetchone() == (1,)
        found = {name for (name,) in connection.execute(
            "select table_name from information_schema.tables where table_schema = 'results'"
        ).fetchall()}  # fmt: skip
    assert found == set(RESULT_TABLES)


def test_replace_results_replaces_one_model_and_week(warehouse):
    warehouse.replace_results({"channel_roi": _roi(mean=1.0)}, "us", WEEK)
    warehouse.replace_results({"channel_roi": _roi(mean=2.0)}, "uk", "2026-11-09")
    warehouse.replace_results({"channel_roi": _roi(mean=3.0)}, "us", dt.date(2026, 11, 2))
    assert warehouse.replace_results({"channel_roi": _roi(mean=4.0)}, "us", WEEK) == {"channel_roi": 1}
    with warehouse.connect(read_only=True) as connection:
        rows = connection.execute(
            "select model, as_of_week, mean from results.channel_roi order by mean"
        ).fetchall()
    assert rows == [("uk", WEEK, 2.0), ("us", dt.date(2026, 11, 2), 3.0), ("us", WEEK, 4.0)]


def test_a_failure_half_way_changes_nothing(warehouse):
    warehouse.replace_results({"channel_roi": _roi(mean=1.0)}, "us", WEEK)
    curves = pd.DataFrame(
        [{"posterior_version": "p1", "model_version": "1", "channel": "search", "spend": "much", "multiplier": 1.0,
              "mean": 1.0, "q05": 1.0, "q95": 1.0}]
    )  # fmt: skip
    with pytest.raises(duckdb.ConversionException):
        warehouse.replace_results({"channel_roi": _roi(mean=9.0), "response_curves": curves}, "us", WEEK)
    with warehouse.connect(read_only=True) as connection:
        assert connection.execute("select mean from results.channel_roi").fetchall() == [(1.0,)]


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"channel_rio": _roi()}, "did you mean 'channel_roi'"),
        ({"channel_roi": _roi().drop(columns="q05")}, "missing columns q05"),
        ({"channel_roi": _roi(extra=1)}, "unknown columns extra"),
        ({"channel_roi": _roi(as_of_week="2026-11-02")}, "rows of another as_of_week"),
    ],
)
def test_rows_that_do_not_fit_are_refused(warehouse, tables, message):
    with pytest.raises(InputError, match=message):
        warehouse.replace_results(tables, "us", WEEK)


def test_a_column_that_is_new_is_declared_as_one_that_earlier_versions_lack():
    """Else a warehouse of before stays without it, and every build of the reporting marts fails there."""
    lines = (Path(__file__).parent / "result_columns.txt").read_text().splitlines()
    made_with = dict(line.split(": ") for line in lines if not line.startswith("#"))
    now = {
        table: " ".join(name for name in columns if name not in ADDED_LATER.get(table, ()))
        for table, columns in RESULT_TABLES.items()
    }
    assert now == made_with


def test_results_of_an_earlier_version_lack_columns_that_are_null_then(warehouse):
    columns = RESULT_TABLES["budget_allocation"]
    earlier = ", ".join(f"{name} {kind}" for name, kind in columns.items() if name != "note")
    with warehouse.connect() as connection:
        connection.execute(f"create schema results; create table results.budget_allocation ({earlier})")
    figures = {name: 1.0 for name, kind in columns.items() if kind == "DOUBLE"}
    row = {"posterior_version": "p1", "model_version": "1", "channel": "tv", **figures, "mroi": float("nan")}
    for note in ({}, {"note": "tv had no spend"}):
        frame = pd.DataFrame([{**row, **note}])
        warehouse.replace_results({"budget_allocation": frame}, "us", "2025-01-13")
        with warehouse.connect(read_only=True) as connection:
            kept = connection.execute("select note, mroi from results.budget_allocation").fetchall()
        assert kept == [(note.get("note"), None)]


@pytest.mark.parametrize("damage", ["overwritten", "cut", "flipped"])
def test_a_damaged_file_is_named_with_its_remedy(warehouse, damage):
    with warehouse.connect() as connection:
        connection.execute(
            "create table t as select range as i, md5(range::varchar) as s from range(100_000)"
        )
    path = Path(warehouse.path)
    whole = path.read_bytes()
    flipped = bytes(byte ^ 255 for byte in whole[4096:4160])
    path.write_bytes(
        {
            "overwritten": b"not a database" * 1000,
            "cut": whole[: len(whole) // 2],
            "flipped": whole[:4096] + flipped + whole[4160:8192] + flipped + whole[8256:],
        }[damage]
    )
    asked = pytest.raises(WarehouseDamaged, match="rename it and run make ingest")
    with asked as refusal, warehouse.connect(read_only=True) as connection:
        connection.execute("select max(s) from t").fetchall()
    assert warehouse.path in str(refusal.value)


@pytest.mark.parametrize(("read_only", "may_not"), [(True, "may not be read"), (False, "may not be written")])
def test_a_file_of_another_user_is_told_to_be_one(tmp_path, monkeypatch, read_only, may_not):
    path = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(path)).close()

    def denied(*_, **__):  # in DuckDB's words: whoever runs the tests may be allowed everything
        raise duckdb.IOException(f'IO Error: Cannot open file "{path}": Permission denied')

    monkeypatch.setattr(duckdb, "connect", denied)
    with (
        pytest.raises(InputError, match=f"{may_not} by this user: .* MMM_DATA_DIR"),
        Warehouse(path=str(path)).connect(read_only=read_only),
    ):
        pass
