"""The message meant for people is shown, not the cause below it nor the wrapper above."""

import sqlite3
import subprocess
import sys

import dagster as dg
import pytest

from assets.marts.runner import DbtFailed
from assets.resources.warehouse import WarehouseLocked
from mmm_core.errors import InputError
from orchestration import reasons
from orchestration.reasons import MAKE_ROOM, is_evaluation, reason, reason_of


def failing(how, **options) -> str:
    """The reason of a step of a real run that fails with what `how` raises."""

    @dg.asset(**options)
    def fails():
        how()

    result = dg.materialize([fails], raise_on_error=False)
    (event,) = result.filter_events(lambda event: event.is_step_failure)
    return reason_of(event)


def raised(error, cause=None):
    def how():
        raise error from cause

    return how


REMEDY = "w.duckdb is locked by python (process 12).\nClose that connection"


@pytest.mark.parametrize(
    "error",
    [
        WarehouseLocked(REMEDY),
        InputError(REMEDY),
        dg.Failure(REMEDY),
        dg.Failure(REMEDY, allow_retries=False),
    ],
)
def test_a_message_with_the_remedy_is_not_replaced_by_its_cause(error):
    assert failing(raised(error, OSError("Could not set lock on file"))) == REMEDY


def test_nor_by_the_tries_it_took():
    policy = dg.RetryPolicy(max_retries=1)
    assert failing(raised(InputError(REMEDY), ValueError("low")), retry_policy=policy) == REMEDY


def test_a_message_of_ours_below_a_library_s_is_found():
    assert failing(raised(RuntimeError("pipeline step failed"), InputError(REMEDY))) == REMEDY


def test_of_others_messages_the_lowest_is_shown_without_its_class():
    assert (
        failing(raised(RuntimeError("pipeline step failed"), ValueError("no column  [spend]")))
        == "no column [spend]"
    )
    below_sqlalchemy = RuntimeError("(sqlite3.OperationalError) no such table: runs")
    assert failing(raised(RuntimeError("not stored"), below_sqlalchemy)) == "no such table: runs"


def test_a_folder_of_another_user_is_said_to_be_one():
    def denied():
        raise RuntimeError("publication failed") from PermissionError(
            13, "Permission denied", "/data/published"
        )

    assert failing(denied) == (
        "/data/published may not be read or written by this user: give it and its folder to whoever runs the platform, "
        "or name another data folder in MMM_DATA_DIR"
    )


def test_a_full_disk_is_said_whoever_met_it():
    words = failing(raised(RuntimeError("load failed"), OSError(28, "No space left on device", "w.duckdb")))
    assert "w.duckdb" in words
    assert words.endswith(MAKE_ROOM)


def test_a_full_disk_that_no_message_names_is_looked_for(tmp_path, monkeypatch):
    """Of several disks the one that is full is named, where SQLite says "disk I/O error" and nothing else."""
    monkeypatch.setenv("MMM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "history"))
    fault = raised(RuntimeError("not stored"), sqlite3.OperationalError("disk I/O error"))
    assert MAKE_ROOM not in failing(fault)
    with monkeypatch.context() as full:
        full.setattr(reasons, "is_full", lambda folder: folder == tmp_path / "history")
        assert failing(fault).endswith(f": the disk that holds {tmp_path / 'history'} is full: {MAKE_ROOM}")
    limited = failing(raised(RuntimeError("x"), sqlite3.OperationalError("database or disk is full")))
    assert f"reached, in {tmp_path / 'data'} or {tmp_path / 'history'} or " in limited


def test_of_a_message_that_ends_with_a_colon_the_full_disk_follows_the_one_it_has(tmp_path):
    """As where dbt had no room to parse its project: of an error outside of any step, its first line is told."""
    cause = "dbt cannot parse /srv/dbt_project:\n[Errno 28] No space left on device"
    assert "::" not in failing(raised(RuntimeError(cause)))
    log = tmp_path / "run.log"
    code = (
        "import sys; from pathlib import Path; from orchestration.command import command\n"
        f"def fails(foreground): raise RuntimeError({cause!r})\n"
        "sys.exit(command(Path(sys.argv[1]), fails, again='make refresh'))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(log)], capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    assert "failed: " in told
    assert "dbt_project: a disk is full" in told
    assert "::" not in told


def test_of_dbt_its_own_errors_are_shown():
    errors = "Database Error in model x\n  IO Error"
    raised_by_dbt = raised(DbtFailed(errors), RuntimeError("a cause below"))
    assert failing(raised_by_dbt).startswith("Database Error in model x\nIO Error")


def test_no_error_is_said_to_be_none():
    assert reason(None) == "it ended without saying why"


def test_of_blocking_checks_what_they_found_is_told_and_of_others_nothing():
    """Of a step that makes two assets, each with a check that blocks, and one with a check that does not."""

    @dg.multi_asset(
        specs=[dg.AssetSpec("spend"), dg.AssetSpec("sales")],
        check_specs=[
            dg.AssetCheckSpec("whole", asset="spend", blocking=True),
            dg.AssetCheckSpec("recent", asset="sales", blocking=True),
            dg.AssetCheckSpec("usual", asset="sales"),
        ],
    )
    def load():
        found = [
            ("spend", "whole", "3 rows are [lost]"),
            ("sales", "recent", None),
            ("sales", "usual", "unusual"),
        ]
        for asset in ("spend", "sales"):
            checks = [
                dg.AssetCheckResult(passed=False, asset_key=of, check_name=check, description=description)
                for of, check, description in found
                if of == asset
            ]
            yield dg.MaterializeResult(asset_key=asset, check_results=checks)

    result = dg.materialize([load], raise_on_error=False)
    (event,) = result.filter_events(lambda event: event.is_step_failure)
    assert reason_of(event, result.filter_events(is_evaluation)).splitlines() == [
        "check whole of spend failed: 3 rows are [lost]",
        "check recent of sales failed: it says no more",
    ]
    assert "blocking asset checks failed" in reason_of(event)  # where nobody has the evaluations
