"""The version of a raw table is a sum over days: worked out day by day, it is that of the whole, whatever came when."""

import dataclasses
import random
from decimal import Decimal
from itertools import pairwise

import duckdb
import pandas as pd
import pytest

from assets.raw import versions
from assets.raw.contracts import CONTRACTS
from assets.raw.ingest import make_table
from assets.raw.versions import Overruling, brought_up_to_date

META = CONTRACTS["meta_ads__campaign_insights"]
RATES = CONTRACTS["reference__exchange_rates"]
SURVEY = CONTRACTS["brand_tracker__monthly"]
ROWS_A_FILE = 100_000


@pytest.fixture
def raw():
    with duckdb.connect() as connection:
        connection.execute("create schema raw")
        for contract in (META, RATES, SURVEY):
            make_table(connection, contract)
        yield connection


def put(connection, contract, file, order, rows):
    """Rows of a file in place of those it left before."""
    connection.execute(f"delete from raw.{contract.name} where _file = ?", [file])
    filled = [
        {
            **{c.name: "x" if c.kind in ("text", "month") else 1 for c in contract.columns},
            **row,
            "_file": file,
            "_row": number,
            "_export_order": order,
        }
        for number, row in enumerate(rows)
    ]
    if filled:
        connection.register("incoming", pd.DataFrame(filled))
        connection.execute(f"insert into raw.{contract.name} by name select * from incoming")
        connection.unregister("incoming")


def meta(start, stop, spend, campaign="7"):
    return {
        "date_start": pd.Timestamp(start),
        "date_stop": pd.Timestamp(stop),
        "spend": spend,
        "campaign_id": campaign,
    }


def days_by_hand(connection):
    """Spend of each campaign and day that counts, of what was overruled, and of what each file brought first, by day.

    In Python, row by row.
    """
    rows = connection.execute(
        "select campaign_id, date_start, date_stop, spend, _file, _export_order, _row "
        "from raw.meta_ads__campaign_insights"
    ).fetchall()
    held = {}
    for campaign, start, stop, spend, file, order, row in rows:
        days = pd.date_range(start, stop)
        for day in days:
            held.setdefault((campaign, day), []).append((order, row, file, spend / len(days)))
    counting = {key: max(lines)[3] for key, lines in held.items()}
    overruled = {}
    for lines in held.values():
        for line, later in pairwise(sorted(lines)):
            pair = overruled.setdefault((line[2], later[2]), [0, 0, 0.0, 0.0])
            pair[0] += 1
            pair[1] += abs(line[3] - later[3]) > 1e-9
            pair[2] += line[3]
            pair[3] += later[3]
    brought = {}
    for (_, day), lines in held.items():
        first = min(lines)
        part = brought.setdefault((day.date(), first[2]), [0, 0.0])
        part[0] += 1
        part[1] += first[3]
    return counting, overruled, brought


def brought_first(connection):
    rows = connection.execute("select day, file, row_count, amount from raw.landing_brought").fetchall()
    return {(day, file): (count, float(amount)) for day, file, count, amount in rows}


def fresh(connection, contract):
    for name in ("landing_days", "landing_shared_days", "landing_overruled", "landing_brought"):
        connection.execute(f"drop table if exists raw.{name}")
    return brought_up_to_date(connection, contract, ())


@pytest.mark.parametrize("together", [1, 1_000_000])
def test_day_by_day_is_the_whole(raw, monkeypatch, together):
    """Files come, change, go and change places at random; after each step the parts add up to the whole."""
    monkeypatch.setattr(versions, "_TOGETHER", together)
    chance, seen = random.Random(7), {}
    orders = {}
    for step in range(14):
        file = chance.choice("abcd")
        moved = chance.choice("abcd")
        orders[file] = orders.get(file, step + 1)
        orders[moved] = 100 + step
        rows = []
        day = pd.Timestamp("2024-01-01") + pd.Timedelta(days=chance.randrange(6))
        for campaign in "78"[: chance.randrange(3)]:
            length = chance.randrange(4)
            rows.append(meta(day, day + pd.Timedelta(days=length), chance.choice([7.0, 14.0]), campaign))
        put(raw, META, file, orders[file], rows)
        raw.execute(
            "update raw.meta_ads__campaign_insights set _export_order = ? where _file = ?",
            [orders[moved], moved],
        )
        now = brought_up_to_date(raw, META, {file, moved})
        counting, overruled, brought = days_by_hand(raw)
        assert {
            (line.file, line.later_file): (
                line.rows,
                line.differing,
                float(line.amount),
                float(line.later_amount),
            )
            for line in now.overruled
        } == {pair: pytest.approx(tuple(sums), abs=1e-5) for pair, sums in overruled.items()}
        assert brought_first(raw) == {
            key: pytest.approx(tuple(part), abs=1e-5) for key, part in brought.items()
        }
        same = seen.setdefault(tuple(sorted(counting.items())), now.hash)
        assert same == now.hash
        assert now == fresh(raw, META)
    assert len(set(seen.values())) == len(seen) > 5


def test_what_files_the_rows_came_in_does_not_matter_and_any_value_does(raw):
    put(raw, META, "a", 1, [meta("2024-01-01", "2024-01-01", 5.0), meta("2024-01-02", "2024-01-02", 6.0)])
    whole = brought_up_to_date(raw, META, {"a"}).hash
    put(raw, META, "a", 1, [meta("2024-01-02", "2024-01-02", 6.0)])
    put(raw, META, "b", 2, [meta("2024-01-01", "2024-01-01", 5.0)])
    assert brought_up_to_date(raw, META, {"a", "b"}).hash == whole
    put(raw, META, "b", 2, [{**meta("2024-01-01", "2024-01-01", 5.0), "account_currency": "EUR"}])
    assert brought_up_to_date(raw, META, {"b"}).hash != whole


def test_a_restatement_is_of_the_export_that_brought_it_and_of_no_other(raw):
    """Of five exports of a day the third restates it once, and the last takes that back."""
    for order, (file, spend) in enumerate(zip("abcde", (5.0, 5.0, 7.5, 7.5, 5.0), strict=True)):
        put(raw, META, file, order, [meta("2024-01-01", "2024-01-01", spend)])
    found = brought_up_to_date(raw, META, set("abcde")).overruled
    assert [(line.file, line.later_file, line.differing) for line in found] == [
        ("a", "b", 0), ("b", "c", 1), ("c", "d", 0), ("d", "e", 1),
    ]  # fmt: skip
    restated = [(line.amount, line.later_amount) for line in found if line.differing]
    assert restated == [(Decimal(5), Decimal("7.5")), (Decimal("7.5"), Decimal(5))]


def test_rows_of_weeks_and_rows_of_no_day_are_compared_by_their_grain(raw):
    week = {"week_start": pd.Timestamp("2024-01-01"), "currency": "EUR"}
    put(raw, RATES, "a", 1, [{**week, "rate_to_usd": 1.1}])
    put(raw, RATES, "b", 2, [{**week, "rate_to_usd": 1.2}, {**week, "currency": "GBP", "rate_to_usd": 1.3}])
    assert brought_up_to_date(raw, RATES, {"a", "b"}).overruled == (
        Overruling("a", "b", 1, 1, Decimal(0), Decimal(0)),
    )
    put(raw, SURVEY, "a", 1, [{"metric": "awareness", "value": 0.5}])
    put(raw, SURVEY, "b", 2, [{"metric": "awareness", "value": 0.5}])
    assert brought_up_to_date(raw, SURVEY, {"a", "b"}).overruled == (
        Overruling("a", "b", 1, 0, Decimal(0), Decimal(0)),
    )


def test_only_the_days_of_the_files_that_changed_are_read(raw):
    put(raw, META, "a", 1, [meta("2024-01-01", "2024-01-01", 5.0)])
    put(raw, META, "b", 2, [meta("2024-02-01", "2024-02-01", 5.0)])
    before = brought_up_to_date(raw, META, {"a", "b"})
    raw.execute(
        "update raw.meta_ads__campaign_insights set spend = 9 where _file = 'a'"
    )  # behind everyone's back
    assert brought_up_to_date(raw, META, {"b"}) == before
    assert brought_up_to_date(raw, META, {"a"}) != before


def test_another_contract_works_all_out_anew(raw):
    put(raw, META, "a", 1, [meta("2024-01-01", "2024-01-01", 5.0)])
    before = brought_up_to_date(raw, META, {"a"})
    raw.execute("update raw.meta_ads__campaign_insights set spend = 9")
    assert brought_up_to_date(raw, dataclasses.replace(META, about="told otherwise"), ()) != before


def test_a_table_without_rows_has_a_version(raw):
    assert brought_up_to_date(raw, META, ()).overruled == ()


def test_rows_that_are_not_committed_are_read_in_bounded_memory(tmp_path):
    """A load is one transaction a table: with ten times the rows that memory holds it must still find their hashes."""
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(
            "set memory_limit = '60MB'; set threads = 1"
        )  # every thread holds blocks of its own
        connection.execute("create schema raw")
        make_table(connection, META)
        kinds = {column.name: column.kind for column in META.columns}
        values = ", ".join(
            f"md5(range || '{name}') as {name}" if kind == "text"
            else f"date '2024-01-01' + cast(range % 28 as integer) as {name}" if name.startswith("date")
            else f"range as {name}"
            for name, kind in kinds.items()
        )  # fmt: skip
        connection.begin()
        for order in range(8):
            connection.execute(
                f"insert into raw.{META.name} by name select {values}, 'file {order}' as _file, range as _row, "
                f"{order} as _export_order from range({ROWS_A_FILE})"
            )
        found = brought_up_to_date(connection, META, {f"file {order}" for order in range(8)})
        days = connection.execute("select count(*), sum(row_count) from raw.landing_days").fetchone()
        assert days == (8 * 28, 8 * ROWS_A_FILE)
        assert found.hash
