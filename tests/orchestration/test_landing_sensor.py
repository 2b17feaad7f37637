"""New landing files start an ingest of their tables, until the warehouse holds them and not before."""

import datetime as dt
import json
import os

import dagster as dg
import pytest

from assets.raw.assets import LEDGER, landing_tables, raw_key
from assets.raw.ingest import ALL_CONTRACTS
from assets.resources.warehouse import landing_notes
from orchestration import landing_sensor
from orchestration.environments import paths
from orchestration.landing_sensor import new_landing_files
from tests.fixtures_warehouse import Platform

MACRO = "week_start,market,consumer_confidence\n2024-01-01,us,100\n"
RIVALS = "week_start,market,competitor_spend\n2024-01-01,us,5\n"
TABLES = {raw_key("macro__weekly"), raw_key("competitor__weekly")}
EVERY = {raw_key(table) for table in ALL_CONTRACTS}
THE_WHOLE_JOB = None  # the marts too, with all that they read


@pytest.fixture
def platform(tmp_path, monkeypatch):
    """A platform whose folder the environment names, with a file for each of two tables."""
    monkeypatch.setenv("MMM_DATA_DIR", str(tmp_path))
    platform = Platform(tmp_path)
    assert platform.landing == paths().landing
    platform.land("macro/weekly/2024.csv", MACRO)
    platform.land("competitor/weekly/2024.csv", RIVALS)
    return platform


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def later(monkeypatch):
    """Moves the sensor's clock."""
    clock = {"now": dt.datetime(2026, 1, 5, tzinfo=dt.UTC)}

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return clock["now"]

    monkeypatch.setattr(landing_sensor, "datetime", Clock)

    def move(**delta):
        clock["now"] += dt.timedelta(**delta)

    return move


def look(instance, cursor=None):
    """What the sensor does next, and its cursor after it."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    result = new_landing_files(context)
    return result, result.cursor if isinstance(result, dg.SensorResult) else context.cursor


def asked(result):
    """The tables that a run is asked for; the ledger of all files comes with each."""
    (request,) = result.run_requests
    if request.asset_selection is None:
        return THE_WHOLE_JOB
    assert LEDGER in request.asset_selection
    return set(request.asset_selection) - {LEDGER}


def load(platform, keys=EVERY):
    return platform.run(landing_tables, selection=[*keys, LEDGER])


def test_each_new_changed_or_deleted_file_starts_its_table_until_it_is_loaded(platform, instance):
    assert (
        asked(look(instance)[0]) is THE_WHOLE_JOB
    )  # the first time: the marts read tables of which nothing has landed too
    assert load(platform).success
    assert isinstance(look(instance)[0], dg.SkipReason)

    platform.land("macro/weekly/2025.csv", MACRO.replace("2024", "2025").replace("01-01", "01-06"))
    assert asked(look(instance)[0]) == {raw_key("macro__weekly")}
    changed = platform.land("competitor/weekly/2024.csv", RIVALS.replace(",5", ",6"))
    os.utime(changed, (2e9, 2e9))
    assert asked(look(instance)[0]) == TABLES
    assert load(platform).success
    assert isinstance(look(instance)[0], dg.SkipReason)

    (platform.landing / "macro/weekly/2025.csv").unlink()
    assert asked(look(instance)[0]) == {raw_key("macro__weekly")}
    assert load(platform).success
    assert isinstance(look(instance)[0], dg.SkipReason)


def test_a_load_that_failed_is_asked_for_again_ever_later(platform, instance, later):
    """Of the run nothing is known but that the warehouse does not hold the files."""
    first, cursor = look(instance)
    keys = {first.run_requests[0].run_key}
    waits = []
    for _ in range(9):
        assert isinstance(look(instance, cursor)[0], dg.SkipReason)
        again_after = dt.datetime.fromisoformat(json.loads(cursor)["again_after"])
        waits.append(again_after - landing_sensor.datetime.now(dt.UTC))
        later(seconds=waits[-1].total_seconds())
        result, cursor = look(instance, cursor)
        assert asked(result) is THE_WHOLE_JOB
        keys.add(result.run_requests[0].run_key)
    assert len(keys) == 10  # Dagster passes over a key that it has seen
    assert [wait.total_seconds() for wait in waits] == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    platform.land("macro/weekly/2025.csv", MACRO.replace("01-01", "01-08"))
    assert asked(look(instance, cursor)[0]) is THE_WHOLE_JOB  # something else is asked for at once


def test_a_run_that_goes_on_is_waited_for(platform, instance, later):
    result, cursor = look(instance)
    run = instance.create_run_for_job(
        _job(),
        tags={"dagster/run_key": result.run_requests[0].run_key},
        status=dg.DagsterRunStatus.STARTED,
    )
    later(hours=2)
    waiting, cursor = look(instance, cursor)
    assert run.run_id in waiting.skip_message
    instance.report_run_failed(run)
    assert asked(look(instance, cursor)[0]) is THE_WHOLE_JOB


def _job():
    @dg.job
    def ingest():
        pass

    return ingest


def test_a_refused_file_is_left_alone_until_it_changes(platform, instance):
    bad = platform.land("macro/weekly/2024.csv", MACRO.replace("100", "high"))
    assert asked(look(instance)[0]) is THE_WHOLE_JOB
    load(platform)
    assert isinstance(look(instance)[0], dg.SkipReason)
    bad.write_text(MACRO)
    os.utime(bad, (2e9, 2e9))
    assert asked(look(instance)[0]) == {raw_key("macro__weekly")}


def test_a_warehouse_that_was_lost_is_loaded_again(platform, instance):
    load(platform)
    (platform.folder / "warehouse.duckdb").unlink()
    assert asked(look(instance)[0]) is THE_WHOLE_JOB
    platform.warehouse.prepare()  # another one, with nothing in it
    assert asked(look(instance)[0]) is THE_WHOLE_JOB
    load(platform)
    assert isinstance(look(instance)[0], dg.SkipReason)
    older = paths().warehouse.stat().st_mtime - 10
    os.utime(paths().warehouse, (older, older))  # as a copy of last week's would be
    assert asked(look(instance)[0]) is THE_WHOLE_JOB
    load(platform)
    landing_notes(paths().warehouse).write_text("{")  # damaged notes cost a load that finds nothing new
    assert asked(look(instance)[0]) is THE_WHOLE_JOB


def test_files_that_nobody_reads_start_the_ledger_once_and_are_named(platform, instance):
    load(platform)
    platform.land("macro/weekly/notes.xlsx", "not an export")
    assert asked(look(instance)[0]) == set()
    load(platform, keys=())
    skipped, _ = look(instance)
    assert "not read: macro/weekly/notes.xlsx" in skipped.skip_message


def test_a_contract_that_is_read_in_another_way_is_loaded_again(platform, instance, monkeypatch):
    load(platform)
    monkeypatch.setattr(landing_sensor, "reading_version", lambda contract: "another")
    assert asked(look(instance)[0]) == EVERY


def test_the_tables_of_a_source_that_is_new_are_loaded_with_the_next(platform, instance):
    """Also those of which nothing has landed: what reads a table is built once it has been loaded."""
    load(platform, keys=EVERY - {raw_key("tv__invoices"), raw_key("ooh__invoices")})
    assert isinstance(look(instance)[0], dg.SkipReason)
    platform.land("macro/weekly/2025.csv", MACRO.replace("01-01", "01-08"))
    assert asked(look(instance)[0]) == {
        raw_key(name) for name in ("macro__weekly", "tv__invoices", "ooh__invoices")
    }
