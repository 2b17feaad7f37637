"""Rows of a real PostgreSQL come into the landing folder: what is new of them, once, and nothing else."""

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from assets.marts.invoke import invoke
from assets.marts.known_exports import known_exports
from assets.marts.project import dbt_manifest
from assets.raw.connector import connector
from assets.raw.load import load
from assets.raw.origins import landed_rows, sql
from assets.raw.origins.configured import read_origin
from assets.raw.origins.fetch import fetch
from assets.resources.landing import Landing
from assets.resources.settings import REPOSITORY
from assets.resources.warehouse import Warehouse
from tests.postgres import server

pytestmark = [pytest.mark.slow, pytest.mark.integration]

PASSWORD = "s3cr3t/word"
VARIABLE = "TEST_WAREHOUSE_URL"
DAYS = 100
LAST = dt.date(2026, 1, 1) + dt.timedelta(days=DAYS - 1)
ORDERS = """
drop schema if exists shop cascade;
create schema shop;
create table shop.daily (
    day date, market text, region text, orders integer, gross_sales numeric, discounts numeric(12, 2),
    returns double precision, net_sales numeric(14, 4), currency char(3), buyer_email text
);
insert into shop.daily
select date '2026-01-01' + g, 'us', 'all', g, g + 0.12345678901234, 1.5, 0.25, g, 'USD', 'ann@example.com'
from generate_series(0, 99) as g;
create table shop.changes (
    id bigint, updated_at timestamptz, name text, advertising_channel_type text, owner_phone text
);
insert into shop.changes
select g, timestamptz '2026-01-01 12:00+00' + g * interval '1 day', 'campaign ' || g, 'SEARCH', '+44 20 7946 0958'
from generate_series(1, 30) as g;
"""


@pytest.fixture(scope="module")
def postgres():
    with server("analyst", "s3cr3t%2Fword", PASSWORD) as url:
        engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg2:"))
        yield url, engine
        engine.dispose()


class Shop:
    """A shop's tables in the database, and the landing folder they are fetched into."""

    def __init__(self, url: str, engine: sa.Engine, folder: Path):
        self.url, self.engine, self.folder = url, engine, folder
        self.landing = folder / "landing"
        self.day = dt.datetime(2026, 4, 20, tzinfo=dt.UTC)

    def do(self, statements: str) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql(statements)

    def origin(self, source="shopify", name="daily_orders", /, **keys):
        keys = keys or {"table": "shop.daily", "columns": {"date": "day"}}
        read = {"from": "postgres", "connection": VARIABLE, "tables": {name: keys}}
        return read_origin(source, read, f"sources.{source}")

    def fetch(self, *origin, **keys):
        """A fetch a day after the last."""
        self.day += dt.timedelta(days=1)
        found = self.origin(*origin, **keys)
        (table,) = found.tables.values()
        return fetch(found, table, self.landing, self.day)

    def files(self) -> list[Path]:
        """What the loader sees."""
        found = self.landing.rglob("*.parquet")
        return sorted(path for path in found if path.name[0] != "." and ".retired" not in path.parts)

    def rows(self, columns="*"):
        files = [str(path) for path in self.files()]
        return duckdb.sql(
            f"select {columns} from read_parquet({files}, union_by_name = true) order by all"
        ).fetchall()

    def load(self):
        warehouse = Warehouse(path=str(self.folder / "warehouse.duckdb"))
        warehouse.prepare()
        contract = connector("shopify").contracts[0]
        done = load([contract], Landing(folder=str(self.landing)), warehouse)
        with warehouse.connect(read_only=True) as connection:
            overruled = "select day, differing, amount, later_amount from raw.landing_overruled"
            not_loaded = "select status, reason from raw.landing_files where status <> 'loaded'"
            found = [connection.execute(query).fetchall() for query in (overruled, not_loaded)]
        return done.tables[0], *found


@contextmanager
def before_each(hear):
    """While it lasts, every statement is heard before a database is asked."""

    def listen(connection, cursor, statement, *rest):
        hear(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", listen)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", listen)


@pytest.fixture
def shop(postgres, tmp_path, monkeypatch):
    url, engine = postgres
    monkeypatch.setenv(VARIABLE, url)
    made = Shop(url, engine, tmp_path)
    made.do(ORDERS)
    return made


def test_rows_land_once_with_every_digit_and_without_columns_nobody_asked_for(shop):
    asked = []
    with before_each(lambda statement: asked.append(statement)):
        first = shop.fetch()
    assert (first.note.fault, first.landing.rows, first.landing.files) == ("", DAYS, 1)
    assert not [statement for statement in asked if "buyer_email" in statement]
    (path,) = shop.files()
    assert b"example.com" not in path.read_bytes()
    assert shop.rows("date, orders, gross_sales, net_sales")[1] == (
        dt.date(2026, 1, 2), 1, "1.12345678901234", 1,
    )  # fmt: skip
    before = path.stat()
    second = shop.fetch()
    assert (second.landing.rows, second.landing.files, second.note.fault) == (0, 0, "")
    assert shop.files() == [path]
    assert path.stat() == before


def test_late_and_restated_rows_come_as_a_later_export_and_deleted_ones_go(shop):
    shop.fetch()
    shop.load()
    shop.do(f"""
        update shop.daily set net_sales = net_sales + 5 where day = '{LAST}';
        delete from shop.daily where day = date '{LAST}' - 1;
        insert into shop.daily values (date '{LAST}' - 3, 'uk', 'all', 7, 7, 0, 0, 7, 'GBP');
        insert into shop.daily values (date '{LAST}' + 1, 'us', 'all', 7, 1, 0, 0, 1, 'USD');
        update shop.daily set net_sales = -1 where day = '2026-01-01';
    """)
    done = shop.fetch()
    assert (done.landing.rows, done.landing.retired) == (
        3,
        1,
    )  # restated, late, new; the first day is long past
    table, overruled, _ = shop.load()
    assert overruled == [(LAST, 1, DAYS - 1, DAYS + 4)]
    held = sum(entry.row_count for entry in table.entries.values())
    assert held == DAYS - 1 + 3  # the deleted row is counted no more, the restated one is kept in both forms
    assert shop.fetch().landing.rows == 0
    assert shop.fetch(table="shop.daily", columns={"date": "day"}, lookback=DAYS).landing.rows == 1
    kept = [path for path in shop.landing.rglob("*.parquet") if ".retired" in path.parts]
    assert len([path for path in kept if "fetched-" in path.name]) == 1  # as it was first seen


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Auckland", "America/Los_Angeles"])
def test_days_of_moments_begin_where_the_database_lets_them(shop, zone):
    """A `timestamptz` of midnight is of another day in UTC, in which its day must neither be missed nor land again."""
    shop.do(f"""
        alter table shop.daily alter day type timestamptz using day::timestamp at time zone '{zone}';
        alter role analyst set timezone to '{zone}';
    """)
    try:
        first = shop.fetch()
        assert (first.note.fault, first.landing.rows) == ("", DAYS)
        second = shop.fetch()
        assert (second.landing.rows, second.landing.retired) == (0, 0)
        earliest = f"(date '{LAST}' - 28)::timestamp at time zone '{zone}'"  # of those asked for again
        shop.do(f"""
            insert into shop.daily
            select max(day) + interval '1 day', 'us', 'all', 7, 1, 0, 0, 1, 'USD' from shop.daily;
            delete from shop.daily where day in ({earliest}, {earliest} - interval '1 day');
        """)
        third = shop.fetch()
        assert (third.landing.rows, third.landing.retired) == (1, 1)
        assert len(shop.rows()) == DAYS  # less the day that went, and the one before it was not looked at
    finally:
        shop.do("alter role analyst reset timezone")


def test_weeks_that_lost_or_gained_rows_say_how_much(shop, monkeypatch):
    monday = LAST - dt.timedelta(days=LAST.weekday() + 14)
    lost = f"delete from shop.daily where day between date '{monday}' and date '{monday}' + 7"
    sales = (monday - dt.date(2026, 1, 1)).days  # of the Monday; one more each day

    def gone(where="rows_gone > 0", columns="rows_gone, amount_before, amount_now, amount_change"):
        shop.load()
        path = str(shop.folder / "warehouse.duckdb")
        assert invoke(
            ["run", "--select", "fct_restatements"], path, shop.folder / "dbt", dbt_manifest(path)
        ).success
        with duckdb.connect(path) as connection:
            return connection.execute(
                f"select week_start, restated_at, {columns} from marts.fct_restatements where {where} "
                "order by restated_at, week_start"
            ).fetchall()

    def exported_on_its_day():
        (newest,) = set(shop.files()) - exported
        exported.add(newest)
        os.utime(newest, (shop.day.timestamp(),) * 2)

    exported: set[Path] = set()
    shop.fetch()
    exported_on_its_day()
    shop.do(f"""
        update shop.daily set net_sales = net_sales + 1 where day = '{monday}';
        insert into shop.daily values (date '{monday}' - 3, 'uk', 'all', 7, 7, 0, 0, 7, 'GBP');
        insert into shop.daily values (date '{LAST}' + 1, 'us', 'all', 7, 1, 0, 0, 1, 'USD');
    """)
    shop.fetch()
    exported_on_its_day()
    second = dt.datetime(2026, 4, 22)
    assert gone("rows_gone = 0", "rows_changed, rows_added, amount_added, amount_change") == [
        (monday - dt.timedelta(days=7), second, 0, 1, 7, 7),  # late; the day after the last one is new
        (monday, second, 1, 0, 0, 1),
    ]
    assert gone() == []
    link, linked = os.link, []

    def killed(*given):
        linked.append(given)
        if len(linked) == 2:  # the Monday has two forms, in two files
            raise KeyboardInterrupt
        link(*given)

    shop.do(lost)
    monkeypatch.setattr(landed_rows.os, "link", killed)
    with pytest.raises(KeyboardInterrupt):
        shop.fetch()
    monkeypatch.setattr(landed_rows.os, "link", link)
    assert shop.fetch().note.fault == ""
    first = dt.datetime(2026, 4, 23)
    weeks = [
        (monday, first, 7, 7 * sales + 22, 0, -7 * sales - 22),  # once, in its later form
        (monday + dt.timedelta(days=7), first, 1, sales + 7, 0, -sales - 7),
    ]
    assert gone() == weeks
    with duckdb.connect(shop.folder / "warehouse.duckdb") as connection:  # a week that had them
        known = known_exports(connection, monday, is_past=True)
        after = known_exports(connection, dt.date(2026, 4, 13), is_past=True)  # they went before its refresh
    assert known.as_today["shopify__daily_orders"].startswith(
        "no export of then is left, 7 rows were deleted"
    )
    assert after.known_then
    shop.do(f"insert into shop.daily values ('{monday}', 'us', 'all', 7, 7, 0, 0, 7, 'USD')")
    shop.fetch()
    assert gone() == weeks
    shop.do(lost)
    shop.fetch()
    assert gone() == [*weeks, (monday, dt.datetime(2026, 4, 26), 1, 7, 0, -7)]
    (shop.folder / "warehouse.duckdb").unlink()
    assert gone() == [
        *weeks,
        (monday, dt.datetime(2026, 4, 26), 1, 7, 0, -7),
    ]  # it follows from the landing folder


def test_a_killed_fetch_goes_on_and_nothing_lands_twice(shop, monkeypatch):
    script = f"""
import os, signal, datetime as dt
from pathlib import Path
from assets.raw.origins import landed_rows, sql
from assets.raw.origins.configured import read_origin
from assets.raw.origins.fetch import fetch
sql.PIECE, sql.BATCH = 30, 10
keeps, calls = landed_rows.keeps_contract, []
def killed(*given):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    keeps(*given)
landed_rows.keeps_contract = killed
origin = read_origin("shopify", {{"from": "postgres", "connection": "{VARIABLE}",
    "tables": {{"daily_orders": {{"table": "shop.daily", "columns": {{"date": "day"}}}}}}}}, "")
fetch(origin, origin.tables["daily_orders"], Path({str(shop.landing)!r}), dt.datetime(2026, 4, 20, tzinfo=dt.UTC))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder = shop.landing / "shopify" / "daily_orders"
    assert len(shop.files()) == 2
    assert list(folder.glob(".*.partial*"))
    assert list(folder.glob(".comparing-*"))
    landed = len(shop.rows())
    monkeypatch.setattr(sql, "PIECE", 30)
    monkeypatch.setattr(sql, "BATCH", 10)
    rest = shop.fetch()
    assert (rest.note.fault, landed + rest.landing.rows) == ("", DAYS)
    assert rest.landing.files > 1
    assert len({row[0] for row in shop.rows("date")}) == len(shop.rows()) == DAYS
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [".fetched.json"]


def test_two_fetches_at_once_are_one_after_the_other(shop):
    together = threading.Barrier(2)
    origin = shop.origin()
    (table,) = origin.tables.values()
    done = []

    def run():
        together.wait()
        done.append(fetch(origin, table, shop.landing, shop.day))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.landing.rows for one in done) == [0, DAYS]
    assert len(shop.rows()) == DAYS


def test_a_column_renamed_between_fetches_is_named_and_what_has_landed_stays(shop):
    shop.fetch()
    shop.do("alter table shop.daily rename net_sales to net_sale")
    done = shop.fetch()
    assert "shop.daily: column net_sales is missing: did you mean 'net_sale'" in done.note.fault
    assert "map it in `columns:`" in done.note.fault
    assert done.note.fetched_at == "2026-04-21T00:00:00+00:00"
    table, _, ledger = shop.load()
    assert sum(entry.row_count for entry in table.entries.values()) == DAYS
    assert ledger == [("not fetched", done.note.words)]
    mapped = shop.fetch(table="shop.daily", columns={"date": "day", "net_sales": "net_sale"})
    assert (mapped.note.fault, mapped.landing.rows) == ("", 0)
    assert shop.load()[2] == []


def test_a_table_changed_while_it_is_read_lands_nothing_and_is_read_anew(shop):
    changed = []

    def rename(statement):
        if "shop.daily" in statement and "ORDER BY" in statement and not changed:
            changed.append(statement)
            shop.do("set lock_timeout = '5s'; alter table shop.daily rename currency to unit")

    with before_each(rename):
        done = shop.fetch()
    assert "column t.currency does not exist" in done.note.fault
    assert "the next fetch asks again" in done.note.fault
    assert shop.files() == []
    shop.do("alter table shop.daily rename unit to currency")
    assert shop.fetch().landing.rows == DAYS


def test_a_changed_type_is_read_where_it_can_be_and_refused_where_not(shop):
    shop.fetch()
    shop.do("alter table shop.daily alter orders type text, alter net_sales type double precision")
    assert (shop.fetch().landing.rows, shop.load()[0].landed.refused) == (0, [])
    shop.do(f"update shop.daily set orders = 'many' where day = '{LAST}'")
    done = shop.fetch()
    assert "shop.daily: column orders: 'many' is not a number" in done.note.fault
    assert len(shop.files()) == 1
    shop.do("alter table shop.daily alter day type text")
    assert "cast it in a view" in shop.fetch().note.fault


def test_rows_that_share_a_grain_are_named(shop):
    shop.do(f"insert into shop.daily select * from shop.daily where day = '{LAST}'")
    assert f"rows share the same date, market, region ({LAST}/us/all)" in shop.fetch().note.fault
    assert shop.files() == []


def test_a_table_that_is_empty_for_a_moment_takes_nothing_away(shop):
    shop.fetch()
    shop.do("delete from shop.daily")
    assert "it is empty, and 29 rows of it have landed" in shop.fetch().note.fault
    assert len(shop.rows()) == DAYS


def test_a_cursor_takes_up_what_was_committed_late_and_each_row_once(shop):
    campaigns = {"table": "shop.changes", "cursor": "updated_at"}
    where = ("google_ads", "campaign_history")
    assert shop.fetch(*where, **campaigns).landing.rows == 30
    assert shop.fetch(*where, **campaigns).landing.rows == 0
    shop.do("""
        insert into shop.changes values (3, '2026-02-01', 'renamed', 'SEARCH');
        insert into shop.changes values (99, '2026-01-31 06:00+00', 'late', 'VIDEO');
    """)
    assert shop.fetch(*where, **campaigns).landing.rows == 2
    assert shop.fetch(*where, **campaigns).landing.rows == 0
    assert len(shop.rows()) == 32
    assert "7946" not in str(shop.rows())
    # From the last cursor on, less a day: older rows are not looked at again.
    shop.do("insert into shop.changes values (98, '2026-01-05', 'too late', 'VIDEO')")
    assert shop.fetch(*where, **campaigns).landing.rows == 0


def test_a_whole_table_follows_what_is_taken_out_of_it(shop):
    where = ("google_ads", "campaign_history")
    assert shop.fetch(*where, table="shop.changes").landing.rows == 30
    shop.do("delete from shop.changes where id < 3; update shop.changes set name = 'other' where id = 9")
    done = shop.fetch(*where, table="shop.changes")
    assert (done.landing.rows, done.landing.retired) == (1, 2)
    assert {row[0] for row in shop.rows("id")} == {str(number) for number in range(3, 31)}


def test_an_integer_cursor_in_pieces(shop, monkeypatch):
    monkeypatch.setattr(sql, "PIECE", 10)
    monkeypatch.setattr(sql, "BATCH", 4)
    keys = {"table": "shop.changes", "cursor": "id"}
    first = shop.fetch("google_ads", "campaign_history", **keys)
    assert (first.landing.rows, first.landing.files) == (30, 3)
    shop.do("insert into shop.changes values (100, '2026-03-01', 'new', 'VIDEO')")
    assert shop.fetch("google_ads", "campaign_history", **keys).landing.rows == 1


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "TEST_WAREHOUSE_URL is not set"),
        ("postgresql://ann:{secret}@127.0.0.1:1/shop", "postgres does not answer"),
        ("postgresql://analyst:wr0ng{secret}@{server}", "postgres refuses: connection to server"),
        ("mysql://ann:{secret}@host/shop", "is an address of mysql, and `from:` says postgres"),
        ("{secret}", "is no address: write postgresql://"),
    ],
)
def test_a_warehouse_that_is_away_is_told_without_its_secret(shop, monkeypatch, url, message):
    shop.fetch()
    there = shop.url.partition("@")[2]
    monkeypatch.setenv(VARIABLE, url.format(secret="hush%2Fhush", server=there))
    done = shop.fetch()
    assert message in done.note.fault
    assert "hush" not in done.note.words
    assert "last fetched 2026-04-21 00:00 UTC" in done.note.words
    assert len(shop.rows()) == DAYS
    monkeypatch.setenv(VARIABLE, shop.url)
    assert shop.fetch().note.fault == ""


def test_a_table_that_is_not_there_is_named(shop):
    assert "shop.daly: there is no such table" in shop.fetch(table="shop.daly").note.fault
    assert (
        "the table has no column updated"
        in shop.fetch(table="shop.daily", columns={"date": "day"}, cursor="updated").note.fault
    )


def test_landing_stamps_grow_whatever_the_clock_says(shop):
    shop.fetch()
    shop.do(f"update shop.daily set orders = 8 where day = '{LAST}'")
    shop.day -= dt.timedelta(days=30)
    shop.fetch()
    first, second = shop.files()
    assert second.stat().st_mtime == first.stat().st_mtime + 1
    assert landed_rows.PREFIX in second.name
