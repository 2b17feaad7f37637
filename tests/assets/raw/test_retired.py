"""Rows that a fetch took out of their files are read from the copies in `.retired/`, by the real loader."""

import dataclasses
import datetime as dt
import os
import shutil

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from assets.raw.contracts import CONTRACTS
from assets.raw.folder import LandingFile
from assets.raw.load import load
from assets.raw.origins.landed_rows import LandedRows, Landing
from assets.raw.origins.origin import TableOrigin
from assets.raw.origins.sql import Piece
from assets.raw.results import warnings
from assets.raw.retired import copies
from assets.resources import landing

CONTRACT = dataclasses.replace(CONTRACTS["shopify__daily_orders"], bad_rows="quarantine", bad_share=0.5)
ORDERS = pd.DataFrame(
    {
        "date": [f"2026-03-0{day}" for day in range(1, 7)], "market": "US", "region": "all", "orders": "7",
        "gross_sales": 10.0, "discounts": 0.0, "returns": 0.0, "net_sales": [1.0, 2, 3, 4, 5, 6], "currency": "USD",
    }
)  # fmt: skip
FIRST, SECOND, THIRD = (dt.datetime(2026, 3, day, tzinfo=dt.UTC) for day in (10, 20, 30))
HELD = (
    "select file, gone_at, list(net_sales order by net_sales) from raw.shopify__daily_orders__retired as held "
    "inner join raw.landing_retired as listed on held._file = listed.copy where file <> '' group by all order by all"
)


class Shop:
    """A table that is fetched, and the warehouse that it is loaded into."""

    def __init__(self, platform):
        self.platform = platform
        self.folder = platform.landing / CONTRACT.folder
        self.folder.mkdir(parents=True)
        platform.warehouse.prepare()

    def fetch(self, at, rows):
        with duckdb.connect() as connection:
            landed = LandedRows(connection, self.folder, TableOrigin(CONTRACT, "shop.daily"), at, Landing())
            landed.land(Piece(pa.Table.from_pandas(rows, preserve_index=False), ends=True))

    def load(self):
        (done,) = load(
            [CONTRACT], landing.Landing(folder=str(self.platform.landing)), self.platform.warehouse
        ).tables
        assert not done.landed.refused
        return done

    def query(self, sql):
        with self.platform.warehouse.connect(read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def shop(new_platform):
    """Five days and a bad one, of which the first went on the 20th, the second and the bad one on the 30th."""
    made = Shop(new_platform)
    orders = ORDERS.assign(orders=ORDERS["orders"].where(ORDERS["net_sales"] < 6, "seven"))
    made.fetch(FIRST, orders)
    made.load()
    made.fetch(SECOND, orders[1:])
    made.fetch(THIRD, orders[2:5])
    return made


def test_each_row_is_held_once_with_the_moment_it_went_as_the_raw_table_would_hold_it(shop):
    done = shop.load()
    file = f"{CONTRACT.folder}/fetched-20260310T000000Z-0001.parquet"
    naive = [at.replace(tzinfo=None) for at in (SECOND, THIRD)]
    assert shop.query(HELD) == [(file, naive[0], [1.0]), (file, naive[1], [2.0])]
    assert done.not_kept == {}
    assert shop.query("select distinct market from raw.shopify__daily_orders__retired") == [
        ("us",)
    ]  # as it is spelt
    live, retired = (
        shop.query(f"select column_name, column_type from (describe raw.{name})")
        for name in ("shopify__daily_orders", "shopify__daily_orders__retired")
    )
    assert live == retired
    # the bad row was never counted, is not now, and went out of quarantine with its file
    assert shop.query("select count(*) from raw.landing_quarantine") == [(0,)]
    assert shop.query("select sum(net_sales) from raw.shopify__daily_orders") == [(12.0,)]


def test_what_was_read_is_not_read_again_and_follows_from_the_landing_folder(shop):
    shop.load()
    read = "select copy, made_of from raw.landing_retired order by all"
    loaded = "select max(_loaded_at) from raw.shopify__daily_orders__retired"
    before, at, held = shop.query(read), shop.query(loaded), shop.query(HELD)
    shop.load()
    assert (shop.query(read), shop.query(loaded)) == (before, at)
    shutil.move(shop.platform.warehouse.path, shop.platform.folder / "aside.duckdb")
    shop.platform.warehouse.prepare()
    shop.load()
    assert (shop.query(read), shop.query(HELD)) == (before, held)
    shutil.rmtree(shop.folder / ".retired")
    shop.load()
    assert shop.query("select count(*) from raw.landing_retired") == [(0,)]
    assert (
        shop.query("select 1 from duckdb_tables() where table_name = 'shopify__daily_orders__retired'") == []
    )


def test_a_copy_that_cannot_be_read_stops_nothing_and_is_named_in_the_log(shop):
    copy = shop.folder / ".retired" / "20260320T000000Z-fetched-20260310T000000Z-0001.parquet"
    content = copy.read_bytes()
    copy.unlink()  # it is a link to the file
    copy.write_bytes(content[:200])
    done = shop.load()
    (name,) = done.not_kept
    assert name == f"{CONTRACT.folder}/.retired/{copy.name}"
    assert any(line.startswith(f"{name}: past weeks cannot have") for line in warnings(done))
    assert [amounts for *_, amounts in shop.query(HELD)] == [[2.0]]


def test_a_form_of_an_object_was_all_there_was_until_the_next_one_was_written(tmp_path):
    folder = tmp_path / CONTRACT.folder

    def written(name, day):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        os.utime(path, (dt.datetime(2026, 3, day, tzinfo=dt.UTC).timestamp(),) * 2)
        return LandingFile(path, path.relative_to(tmp_path).as_posix(), path.stat().st_mtime_ns)

    forms = [f"eu/day=1/a@b.csv@2026030{day}T000000Z-000000000{day}.csv" for day in (1, 2, 3)]
    for day, name in enumerate(forms[:2], start=1):
        written(f".retired/{name}", day)
    alone = "gone-x.parquet@20260301T000000Z-0000000004.parquet"  # the form after it was deleted by hand
    written(f".retired/{alone}", 1)
    written(".retired/gone-20260303T000000Z-0001.parquet", 3)
    written(".retired/somebodys notes.txt", 3)
    live = [written(f"fetched/{forms[2]}", 3), written("by_hand.csv", 4)]
    found = {copy.at.path.name: (copy.file, copy.gone_at) for copy in copies(tmp_path, CONTRACT, live)}
    place = f"{CONTRACT.folder}/fetched"
    assert found == {
        forms[0].rpartition("/")[2]: (f"{place}/{forms[0]}", dt.datetime(2026, 3, 2)),
        forms[1].rpartition("/")[2]: (f"{place}/{forms[1]}", dt.datetime(2026, 3, 3)),
        alone: (f"{place}/{alone}", None),
        "gone-20260303T000000Z-0001.parquet": ("", dt.datetime(2026, 3, 3)),
    }
