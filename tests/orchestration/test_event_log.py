"""The event log keeps its connections and loses nothing by it: other processes, other classes, a killed writer."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log import SqliteEventLogStorage

from mmm_core.errors import OutOfSpace
from orchestration.command import command
from orchestration.event_log import FILES_OPEN, EventLog
from orchestration.instance import prepare_home
from tests.disks import disk
from tests.waiting import wait_for

CHECKS = 5
INDEXED = {
    dg.DagsterEventType.RUN_START,
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}


@dg.asset(check_specs=[dg.AssetCheckSpec(f"check_{i}", asset="counted") for i in range(CHECKS)])
def counted():
    return dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(check_name=f"check_{i}", passed=True) for i in range(CHECKS)]
    )


@pytest.fixture
def instance(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        yield instance


def test_the_event_log_of_a_new_home_is_ours_and_dagsters_own_class_reads_it(instance, tmp_path):
    log = instance.event_log_storage
    assert isinstance(log, EventLog)
    result = dg.materialize([counted], instance=instance)
    own = [entry.message for entry in log.get_logs_for_run(result.run_id)]
    plain = SqliteEventLogStorage(str(tmp_path / "home" / "history" / "runs"))
    assert [entry.message for entry in plain.get_logs_for_run(result.run_id)] == own
    assert instance.get_latest_materialization_event(dg.AssetKey("counted")).run_id == result.run_id


def test_a_watcher_hears_of_events_while_the_writer_keeps_the_file_open(instance, tmp_path):
    reader = EventLog(str(tmp_path / "home" / "history" / "runs"))
    result = dg.materialize([counted], instance=instance)
    ended = threading.Event()

    def hear(event, _cursor):
        if event.is_dagster_event and event.dagster_event_type == dg.DagsterEventType.RUN_SUCCESS:
            ended.set()

    reader.watch(result.run_id, None, hear)
    wait_for(ended.is_set, 20)
    reader.end_watch(result.run_id, hear)
    reader.dispose()


def test_few_files_stay_open_however_many_runs_there_were(instance, tmp_path):
    empty = dg.job(name="empty")(lambda: None)
    for _ in range(FILES_OPEN + 3):
        run = instance.create_run_for_job(empty)
        instance.report_engine_event("an event", run)
    history = str(tmp_path / "home" / "history" / "runs")
    held = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
    assert len({path for path in held if path.startswith(history) and path.endswith(".db")}) == FILES_OPEN


def test_a_log_that_was_wiped_is_made_again(instance):
    dg.materialize([counted], instance=instance)
    instance.event_log_storage.wipe()
    result = dg.materialize([counted], instance=instance)
    last = [entry.dagster_event.event_type_value for entry in instance.all_logs(result.run_id)][-1]
    assert last == "PIPELINE_SUCCESS"


def test_an_event_is_in_its_runs_file_and_in_the_index_or_in_neither(instance, capfd):
    log = instance.event_log_storage
    dg.materialize([counted], instance=instance)
    with log.index_connection() as connection:
        connection.execute(sa.text("alter table asset_check_executions rename to put_away"))
    with pytest.raises(sa.exc.OperationalError, match="asset_check_executions"):
        dg.materialize([counted], instance=instance)
    with log.index_connection() as connection:
        connection.execute(sa.text("alter table put_away rename to asset_check_executions"))
    run = instance.get_runs(limit=1)[0]
    kinds = [entry.dagster_event_type for entry in log.get_logs_for_run(run.run_id) if entry.is_dagster_event]
    assert dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED not in kinds
    assert "Falling back" in capfd.readouterr().err


def test_what_a_run_plans_is_written_at_once_and_an_event_with_its_entry_in_the_index(instance):
    dg.materialize([counted], instance=instance)
    wrote, transactions = set(), []

    def statement(connection, _cursor, words, *_):
        if words.startswith(("INSERT", "UPDATE")):
            wrote.add(connection)

    def commit(connection):
        if connection in wrote and Path(connection.engine.url.database).parent.name == "runs":
            transactions.append(connection)
        wrote.discard(connection)

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", statement)
    sa.event.listen(sa.engine.Engine, "commit", commit)
    try:
        result = dg.materialize([counted], instance=instance)
    finally:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", statement)
        sa.event.remove(sa.engine.Engine, "commit", commit)
    stored = instance.all_logs(result.run_id)
    planned = [entry for entry in stored if "intends to" in entry.message]
    in_the_index = [
        entry for entry in stored if entry.is_dagster_event and entry.dagster_event_type in INDEXED
    ]
    assert len(planned) == CHECKS + 1
    assert len(transactions) == 2 + len(stored) - len(planned) + len(in_the_index)


def test_the_file_of_a_new_run_never_takes_the_place_of_one_that_is_there(instance, monkeypatch):
    run = instance.create_run_for_job(dg.job(name="empty")(lambda: None))
    instance.report_engine_event("first", run)
    other = EventLog(str(Path(instance.event_log_storage.path_for_shard(run.run_id)).parent))
    monkeypatch.setattr(  # as it was a moment before the other made it
        Path, "exists", lambda path: path.suffix != ".db" and os.path.exists(path)
    )
    assert [entry.message for entry in other.get_logs_for_run(run.run_id)] == ["first"]
    other.dispose()


WRITER = """
import sys, dagster as dg
with dg.DagsterInstance.get() as instance:
    run = instance.create_run_for_job(dg.job(name="empty")(lambda: None))
    for i in range(int(sys.argv[1])):
        instance.report_engine_event(f"event {i}", run)
    print(run.run_id, flush=True)
    sys.stdin.read()
"""


def test_what_was_written_is_there_after_the_writer_was_killed(instance):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, "20"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    run_id = process.stdout.readline().strip()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    messages = [entry.message for entry in instance.all_logs(run_id)]
    assert [m for m in messages if m.startswith("event ")] == [f"event {i}" for i in range(20)]


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with disk(folder, "2m"):
        yield folder


def test_a_full_disk_under_the_log_is_told_with_the_file(small_disk):
    """SQLite's own message is "database or disk is full" or "disk I/O error", without a name."""
    log = EventLog(str(small_disk / "runs"))
    event = dg.EventLogEntry(
        error_info=None, level=10, user_message="x" * 100_000, run_id="a-run", timestamp=0.0
    )

    def fill():
        for _ in range(100):
            log.store_event(event)

    with pytest.raises(OutOfSpace) as refusal:
        fill()
    log.dispose()
    words = str(refusal.value)
    assert words.startswith((str(small_disk / "runs" / "a-run.db"), str(small_disk / "runs" / "index.db")))
    assert "could not be written: the disk is full" in words
    assert "make room, and run this again" in words


@pytest.mark.slow
def test_a_full_disk_under_dagsters_history_is_told_on_the_terminal_with_its_folder(
    small_disk, tmp_path, monkeypatch, capfd
):
    """Of the files that Dagster's own classes write, of which nobody knows more."""
    monkeypatch.setenv("MMM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(small_disk))
    with suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
        for _ in range(13):  # some 400 kB are left
            filler.write(bytes(2**17))

    def work(foreground):
        with foreground.phase("Set up"):
            _ = foreground.instance

    assert command(tmp_path / "refresh.log", work, again="make refresh MODEL=x") == 1
    last = capfd.readouterr().out.strip().splitlines()[-1]
    assert last.startswith("failed: Set up: ")
    assert str(small_disk) in last
    assert "make room" in last
