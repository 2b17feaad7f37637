"""A load as a whole: killed half way, beside files that change, and into tables of an earlier contract."""

import dataclasses
import datetime as dt
import os
import signal
import subprocess
import sys

import pytest

from assets.raw import load as load_module
from assets.raw.contract import Column
from assets.raw.contracts import CONTRACTS
from assets.raw.load import load
from assets.raw.results import warnings
from assets.resources.landing import Landing
from assets.resources.settings import REPOSITORY
from mmm_core.errors import InputError
from tests.fixtures_warehouse import execute

MACRO, RIVALS = CONTRACTS["macro__weekly"], CONTRACTS["competitor__weekly"]
HEADER = "week_start,market,consumer_confidence\n"


@pytest.fixture
def landed(new_platform):
    new_platform.land("competitor/weekly/a.csv", "week_start,market,competitor_spend\n2024-01-01,us,5\n")
    for number, name in enumerate("abc"):
        path = new_platform.land(
            f"macro/weekly/{name}.csv", f"{HEADER}2024-01-0{1 + 7 * (number // 2)},us,{number}\n"
        )
        os.utime(path, (1e9 + 1000 * number,) * 2)
    return new_platform


def loaded(platform, *contracts):
    landing = Landing(folder=str(platform.landing))
    platform.warehouse.prepare()
    return load(contracts or (RIVALS, MACRO), landing, platform.warehouse)


def held(platform):
    rows = platform.query(
        "select _file, _row, _export_order, consumer_confidence from raw.macro__weekly order by all"
    )
    return list(rows.itertuples(index=False, name=None))


KILLED = """
import os, signal, sys
from pathlib import Path
from assets.raw import load
from tests.assets.raw.test_load import loaded
from tests.fixtures_warehouse import Platform
insert, files = load.insert_plain, []
def killed(*given):
    insert(*given)
    files.append(given[3])
    if len(files) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
load.insert_plain = killed
loaded(Platform(Path(sys.argv[1])))
"""


def test_a_load_that_is_killed_leaves_whole_tables_and_the_next_one_takes_up_the_rest(
    landed, tmp_path_factory
):
    done = subprocess.run([sys.executable, "-c", KILLED, str(landed.folder)], cwd=REPOSITORY, check=False)
    assert done.returncode == -signal.SIGKILL  # with one table loaded, and two files of three of the other
    assert len(landed.query("select * from raw.competitor__weekly")) == 1
    assert held(landed) == []
    rivals, macro = loaded(landed).tables
    assert [len(table.landed.new) for table in (rivals, macro)] == [0, 3]
    assert [row[0] for row in held(landed)] == [f"macro/weekly/{name}.csv" for name in "abc"]
    again = type(landed)(tmp_path_factory.mktemp("again"))
    landed.landing.rename(again.landing)
    assert [table.version for table in loaded(again).tables] == [rivals.version, macro.version]


def test_a_file_that_changed_costs_its_own_rows(landed, monkeypatch):
    loaded(landed)
    before = held(landed)
    landed.land("macro/weekly/a.csv", f"{HEADER}2024-01-01,us,9\n")  # now the latest export
    opened = []
    look = load_module.look.__globals__["surface"]
    monkeypatch.setattr("assets.raw.landed.surface", lambda file: opened.append(file.name) or look(file))
    (_, macro) = loaded(landed).tables
    assert opened == ["macro/weekly/a.csv"]
    after = held(landed)
    assert after[1:] == before[1:]  # neither read, nor moved among the exports
    assert after[0][2] > max(row[2] for row in before)
    assert [(line.file, line.later_file) for line in macro.overruled] == [
        ("macro/weekly/b.csv", "macro/weekly/a.csv")
    ]


def test_a_file_that_is_touched_is_not_loaded_again_and_counts_as_exported_later(landed):
    first = loaded(landed).tables[1]
    os.utime(landed.landing / "macro/weekly/a.csv", (2e9, 2e9))
    second = loaded(landed).tables[1]
    assert second.landed.taken == []
    assert [row[0] for row in sorted(held(landed), key=lambda row: row[2])] == [
        f"macro/weekly/{name}.csv" for name in "bca"
    ]
    assert second.version != first.version
    assert [row[1:2] for row in held(landed)] == [(2,)] * 3


def test_a_file_that_changes_while_it_is_read_is_read_again(landed, monkeypatch):
    read = load_module.plain_file

    def overtaken(connection, file, *rest):
        plain = read(connection, file, *rest)
        file.path.write_text(file.path.read_text() + "2024-02-05,us,7\n")
        return plain

    monkeypatch.setattr(load_module, "plain_file", overtaken)
    done = loaded(landed, MACRO)
    assert all("changed while it was read: the next load reads it again" in fault for fault in done.refused)
    assert len(done.refused) == 3
    assert held(landed) == []
    monkeypatch.undo()
    assert loaded(landed, MACRO).refused == []
    assert len(held(landed)) == 6


def test_a_column_that_the_contract_gains_is_added_and_a_type_is_never_changed(landed):
    loaded(landed, MACRO)
    wider = dataclasses.replace(
        MACRO, columns=(*MACRO.columns, Column("note", "text", "a note", required=False, may_lack=True))
    )
    loaded(landed, wider)
    assert landed.query("select note from raw.macro__weekly")["note"].isna().all()
    execute(landed, "alter table raw.macro__weekly alter consumer_confidence type varchar")
    with pytest.raises(
        InputError, match=r"raw.macro__weekly: consumer_confidence is VARCHAR, the contract says DOUBLE"
    ):
        loaded(landed, wider)
    assert len(held(landed)) == 3


def test_a_warehouse_of_an_earlier_release_is_taken_up(landed):
    """Places that count 1, 2, 3, a ledger without sizes, and nothing kept of the days."""
    before = loaded(landed).tables[1]
    execute(
        landed,
        "update raw.macro__weekly set _export_order = _export_order // 1048576",
        "alter table raw.landing_files drop column size",
        "drop table raw.landing_days", "drop table raw.landing_shared_days", "drop table raw.landing_overruled",
    )  # fmt: skip
    after = loaded(landed).tables[1]
    assert after.version == before.version
    assert [row[2] for row in held(landed)] == [1, 2, 3]
    assert after.landed.new == []
    brought = landed.query("from raw.landing_brought order by all")
    execute(
        landed,
        "alter table raw.landing_days drop column amount",
        "update raw.landing_days set made_by = 'an earlier one'",
        "drop table raw.landing_brought",
    )
    assert loaded(landed).tables[1].lost == []
    assert landed.query("from raw.landing_brought order by all").equals(brought)
    assert len(brought) > 0


def test_a_load_of_some_tables_makes_those_of_which_nothing_has_landed(new_platform):
    """The daemon loads what has files, and the marts read every table."""
    loaded(new_platform, MACRO)
    there = new_platform.query("select table_name from duckdb_tables() where schema_name = 'raw'")[
        "table_name"
    ]
    assert {*CONTRACTS} <= {*there}


def test_a_file_of_the_future_is_told(new_platform):
    path = new_platform.land("macro/weekly/a.csv", f"{HEADER}2024-01-01,us,1\n")
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(days=90)
    os.utime(path, (ahead.timestamp(),) * 2)
    (table,) = loaded(new_platform, MACRO).tables
    (said,) = warnings(table)
    assert said.startswith(f"macro/weekly/a.csv: was modified on {ahead:%Y-%m-%d}, by its own word")
    os.utime(path)
    (table,) = loaded(new_platform, MACRO).tables
    assert list(warnings(table)) == []
