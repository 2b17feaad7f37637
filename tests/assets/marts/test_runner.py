"""A build that cannot tell what it does, as the disk of its log is full, ends: dbt would wait for ever."""

import io
import signal
import sys
from types import SimpleNamespace

import dagster as dg
import pytest

from assets.marts import runner
from assets.marts.assets import dbt_marts
from assets.raw.assets import landing_tables
from tests.fixtures_warehouse import failure

EVENT = SimpleNamespace(info=SimpleNamespace(msg="1 of 2 OK", level="info"))
MOST_SECONDS = 240


@pytest.fixture
def not_for_ever():
    def too_long(*_):
        raise TimeoutError("the build waits for what never comes")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(MOST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
def test_a_build_whose_events_are_not_heard_fails_of_that(new_platform, monkeypatch, not_for_ever):
    def deaf(event):
        raise RuntimeError("not heard")

    monkeypatch.setattr(runner, "tell", deaf)
    new_platform.land("weekly_tables/own.csv", "date,sales\n2026-01-04,10\n2026-01-11,12.5\n")
    result = new_platform.run(landing_tables, dbt_marts)
    assert not result.success
    assert "not heard" in failure(result)


HEADERS, BLOCK = 3 * 4096, 262144
"""Bytes of DuckDB's headers, and of each block behind them."""


@pytest.mark.slow
def test_a_damaged_warehouse_is_said_to_be_one_where_dbt_meets_the_damage(built_warehouse, tmp_path):
    platform = built_warehouse.copy_to(tmp_path)
    blocks = platform.query("select distinct block_id from pragma_storage_info('marts.fct_media_weekly')")
    with open(platform.warehouse.path, "r+b") as file:
        for block in blocks.query("block_id >= 0")["block_id"]:
            file.seek(HEADERS + int(block) * BLOCK + BLOCK // 2)
            file.write(bytes(range(256)))
    result = platform.run(dbt_marts, selection=[dg.AssetKey(["marts", "fct_attribution"])])
    assert not result.success
    said = failure(result)
    assert f"{platform.warehouse.path} is damaged (IO Error: Corrupt database file" in said
    assert "rename it and run make ingest" in said
    assert "\n" not in said.strip()  # and nothing of every model that met it


def test_a_line_for_which_the_log_has_no_room_is_lost(monkeypatch):
    class Full(io.StringIO):
        def flush(self):
            raise OSError(28, "No space left on device")

    full = Full()
    monkeypatch.setattr(sys, "stdout", full)
    runner.tell(EVENT)
    assert full.getvalue().endswith("1 of 2 OK\n")  # it was tried
