"""Objects of a bucket, of a server that speaks S3's protocol on this machine, come into the landing folder."""

import io
import logging
import re
import socket
import time

import boto3
import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from assets.raw.connector import connector
from assets.raw.gone import records
from assets.raw.load import load
from assets.raw.origins import bucket as origin_of_objects
from assets.raw.origins import earlier_forms
from assets.raw.origins.configured import read_origin
from assets.raw.origins.fetch import fetch
from assets.resources.landing import Landing
from assets.resources.warehouse import Warehouse

pytestmark = pytest.mark.slow

VARIABLE, BUCKET = "TEST_BUCKET_URL", "exports"
NAMES = ["date", "market", "region", "orders", "gross_sales", "discounts", "returns", "net_sales", "currency"]
HEADER = ";".join([*NAMES[1:], "buyer_email"])
ROW = "us;all;1;1.234,50;0;0;1.234,50;USD;ann@example.com"


@pytest.fixture(scope="module")
def storage():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address = "{}:{}".format(*server.get_host_and_port())
    client = boto3.client(
        "s3", endpoint_url=f"http://{address}", region_name="us-east-1",
        aws_access_key_id="testing", aws_secret_access_key="hush",
    )  # fmt: skip
    client.create_bucket(Bucket=BUCKET)
    yield client, f"s3://testing:hush@{BUCKET}/%s?scheme=http&region=us-east-1&endpoint_override={address}"
    server.stop()


class Bucket:
    """A folder of the bucket, and the landing folder its objects are copied into."""

    def __init__(self, client, folder, landing):
        self.client, self.folder, self.landing = client, folder, landing

    def put(self, key, content):
        body = content if isinstance(content, bytes) else content.encode()
        self.client.put_object(Bucket=BUCKET, Key=f"{self.folder}/{key}", Body=body)

    def fetch(self, files="shop/**/*.csv", **columns):
        read = {"from": "bucket", "connection": VARIABLE, "tables": {"daily_orders": {"files": files}}}
        read["tables"]["daily_orders"]["columns"] = columns
        origin = read_origin("shopify", read, "sources.shopify")
        return fetch(origin, origin.tables["daily_orders"], self.landing)

    def files(self):
        found = sorted(path for path in self.landing.rglob("*") if path.is_file())
        return [path for path in found if path.name[0] != "." and ".retired" not in path.parts]

    def signatures(self):
        """By what the loader knows a file that it has read."""
        return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in self.files()]


@pytest.fixture
def bucket(storage, tmp_path, monkeypatch):
    client, address = storage
    monkeypatch.setenv(VARIABLE, address % tmp_path.name)
    return Bucket(client, tmp_path.name, tmp_path / "landing")


def parquet(**names):
    frame = pd.DataFrame({"date": ["2026-01-02"], "market": ["us"], "region": ["all"], "currency": ["USD"]})
    for name in NAMES:
        if name not in frame:
            frame[name] = 1.5 if name != "orders" else 1
    frame = frame.assign(buyer_email="ann@example.com").rename(columns=names)
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


def test_text_and_parquet_land_once_with_their_wanted_columns_and_are_loaded(bucket, tmp_path):
    bucket.put("shop/date=2026-01-01/a.csv", f"{HEADER}\n{ROW}\n")
    bucket.put("shop/more/b.parquet", parquet())
    bucket.put("shop/readme.md", "not of this table")
    first = bucket.fetch("shop/**/*.[cp]*")
    assert (first.note.fault, first.landing.files, first.landing.rows) == ("", 2, 2)
    text, packed = bucket.files()
    assert text.read_text() == f"{';'.join(NAMES)}\n2026-01-01;us;all;1;1.234,50;0;0;1.234,50;USD\n"
    assert list(pd.read_parquet(packed)) == NAMES
    assert not any(b"example.com" in path.read_bytes() for path in bucket.files())
    before = bucket.signatures()
    second = bucket.fetch("shop/**/*.[cp]*")
    assert (second.landing.files, bucket.signatures()) == (0, before)

    warehouse = Warehouse(path=str(tmp_path / "warehouse.duckdb"))
    warehouse.prepare()
    (contract,) = connector("shopify").contracts
    done = load([contract], Landing(folder=str(bucket.landing)), warehouse)
    assert done.refused == []
    with warehouse.connect(read_only=True) as connection:
        loaded = connection.execute(
            "select date, net_sales from raw.shopify__daily_orders order by date"
        ).fetchall()
    assert [amount for _, amount in loaded] == [1234.5, 1.5]


def test_another_form_of_an_object_is_a_later_export_and_replaces_one_that_holds_more(bucket):
    key = "shop/date=2026-01-01/a.csv"
    bucket.put(key, f"{HEADER}\n{ROW}\n")
    bucket.fetch()
    time.sleep(1.1)  # S3 counts in seconds
    bucket.put(key, f"{HEADER}\n{ROW.replace(';1;', ';2;')}\n")
    again = bucket.fetch()
    assert (again.landing.files, again.landing.retired) == (1, 0)
    first, second = bucket.files()  # the later one is later by name and by time
    assert "1;1.234,50" in first.read_text()
    assert "2;1.234,50" in second.read_text()
    assert first.stat().st_mtime < second.stat().st_mtime
    time.sleep(1.1)
    bucket.put(key, f"{HEADER}\n{ROW.replace('all', 'ny')}\n")
    assert bucket.fetch().landing.retired == 1  # the row of the whole country, which both forms have
    assert len(bucket.files()) == 1
    (record,) = records(bucket.landing / "shopify" / "daily_orders")
    assert duckdb.sql(f"select region, orders, net_sales from '{record}'").fetchall() == [("all", 2, 1234.5)]


@pytest.mark.parametrize(
    ("module", "step", "done"),
    [
        (origin_of_objects, "retire_lost", 0),
        (earlier_forms, "record", 0),
        *((earlier_forms, step, done) for step in ("_keep_copy", "_take_out") for done in (0, 1)),
    ],
)
def test_a_fetch_that_was_killed_before_earlier_forms_lost_their_rows_is_mended_by_the_next(
    bucket, monkeypatch, module, step, done
):
    """Killed after so many calls of a step: each row that was lost is recorded once, and no form stays behind."""
    key = "shop/date=2026-01-01/a.csv"
    both = f"{ROW}\n{ROW.replace('all', 'tx')}\n"
    for text in (both, f"{both}{ROW.replace('all', 'ca')}\n"):
        bucket.put(key, f"{HEADER}\n{text}")
        bucket.fetch()
        time.sleep(1.1)  # S3 counts in seconds
    assert (len(bucket.files()), gone_regions(bucket)) == (2, [])
    bucket.put(key, f"{HEADER}\n{ROW.replace('all', 'ny')}\n")
    really, calls = getattr(module, step), []

    def killed(*arguments):
        if len(calls) == done:
            raise KeyboardInterrupt
        calls.append(arguments)
        return really(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(module, step, killed)
        with pytest.raises(KeyboardInterrupt):
            bucket.fetch()
    assert len(bucket.files()) > 1
    assert bucket.fetch().note.fault == ""
    (left,) = bucket.files()
    assert "ny" in left.read_text()
    assert gone_regions(bucket) == ["all", "ca", "tx"]
    assert not list(bucket.landing.rglob(".retiring-*"))
    assert bucket.fetch().landing.retired == 0


def gone_regions(bucket):
    found = records(bucket.landing / "shopify" / "daily_orders")
    return sorted(row for path in found for (row,) in duckdb.sql(f"select region from '{path}'").fetchall())


@pytest.fixture
def loaded(bucket, tmp_path):
    """Fetches, loads, and asks the warehouse."""
    warehouse = Warehouse(path=str(tmp_path / "warehouse.duckdb"))
    warehouse.prepare()
    (contract,) = connector("shopify").contracts

    def after(*questions, files="shop/*"):
        assert bucket.fetch(files).note.fault == ""
        assert load([contract], Landing(folder=str(bucket.landing)), warehouse).refused == []
        with warehouse.connect(read_only=True) as connection:
            return [connection.execute(question).fetchall() for question in questions]

    return after


RESTATED = (
    "select cast(sum(differing) as int), cast(sum(amount) as double), cast(sum(later_amount) as double) "
    "from raw.landing_overruled where differing > 0"
)
RETIRED = (
    "select strftime(gone_at, '%H:%M:%S'), region, orders from raw.shopify__daily_orders__retired as held "
    "inner join raw.landing_retired as listed on held._file = listed.copy where file <> '' order by all"
)
FIRST_OF_A_ROW = "select file, cast(sum(row_count) as int) from raw.landing_brought group by all order by all"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_form_that_loses_a_row_still_says_which_ones_its_next_form_restates(bucket, loaded, kind):
    def put(**sales):
        lines = [ROW.replace("all", region).replace("1.234,50", amount) for region, amount in sales.items()]
        content = "\n".join([f"date;{HEADER}", *(f"2026-01-01;{line}" for line in lines), ""])
        if kind == "parquet":
            frame = pd.read_csv(io.StringIO(content), sep=";", decimal=",", thousands=".")
            content = frame.to_parquet()
        bucket.put(f"shop/a.{kind}", content)

    put(ny="10,50", tx="20,50", ca="30,50")
    loaded()
    time.sleep(1.1)  # S3 counts in seconds
    put(ny="11,50", tx="20,50")
    restated, brought = loaded(RESTATED, FIRST_OF_A_ROW)
    assert restated == [(1, 31.0, 32.0)]
    first, _ = (path.relative_to(bucket.landing).as_posix() for path in bucket.files())
    assert brought == [(first, 2)], "no row came late with the second form"
    assert len(gone_regions(bucket)) == 1
    time.sleep(1.1)
    put(ny="12,50")
    restated, retired = loaded(RESTATED, RETIRED)
    assert restated == [(2, 22.0, 24.0)]  # 10.50 to 11.50, and 11.50 to 12.50
    moments = sorted({moment for moment, *_ in retired})
    # Texas went from both forms, California from the first alone; each with the moment at which it went
    assert retired == [(moments[0], "ca", 1), (moments[1], "tx", 1), (moments[1], "tx", 1)]
    assert gone_regions(bucket) == ["ca", "tx"]


def test_a_form_that_reads_otherwise_without_the_row_that_is_gone_is_put_aside_whole(bucket, loaded):
    """Only the comma of the row that is gone told that the other is of a thousand."""

    def put(**sales):
        lines = [f"2026-01-01;us;{region};1;0;0;0;{amount};USD" for region, amount in sales.items()]
        bucket.put("shop/a.csv", "\n".join([";".join(NAMES), *lines, ""]))

    put(ny="1.234", tx="2,5")
    sales = "select region, net_sales from raw.shopify__daily_orders order by all"
    assert loaded(sales) == [[("ny", 1234.0), ("tx", 2.5)]]
    time.sleep(1.1)
    put(ny="1.234", ca="3,5")
    assert loaded(sales) == [[("ca", 3.5), ("ny", 1234.0)]]
    assert len(bucket.files()) == 1
    assert gone_regions(bucket) == ["tx"]


def test_a_column_that_nobody_asks_for_may_be_there_twice_in_an_object(bucket):
    bucket.put("shop/date=2026-01-01/a.csv", f"{HEADER};note;note\n{ROW};1;2\n")
    first = bucket.fetch()
    assert (first.note.fault, first.landing.files) == ("", 1)
    (copy,) = bucket.files()
    assert copy.read_text().splitlines()[0] == ";".join(NAMES)
    bucket.put("shop/date=2026-01-02/b.csv", f"{HEADER};net_sales\n{ROW};2\n")
    assert "column 'net_sales' is there twice: keep one" in bucket.fetch().note.fault
    frame = pa.Table.from_arrays([["us"], ["us"], ["2026-01-03"]], names=["market", "market", "date"])
    stored = io.BytesIO()
    pq.write_table(frame, stored)
    bucket.put("other/c.parquet", stored.getvalue())
    assert "column 'market' is there twice" in bucket.fetch("other/*.parquet").note.fault


def test_a_renamed_column_is_named_and_read_once_it_is_mapped(bucket):
    bucket.put("shop/a.parquet", parquet(net_sales="net"))
    assert "shop/a.parquet: column net_sales is missing" in bucket.fetch("shop/*.parquet").note.fault
    assert "column net_amount, which `columns:` reads as net_sales, is not there" in (
        bucket.fetch("shop/*.parquet", net_sales="net_amount").note.fault
    )
    assert bucket.fetch("shop/*.parquet", net_sales="net").landing.files == 1
    (path,) = bucket.files()
    assert pd.read_parquet(path)["net_sales"].tolist() == [1.5]


@pytest.mark.parametrize(
    ("key", "content", "message"),
    [
        ("shop/a.csv", f"date;{HEADER}\n2026-01-01;{ROW.replace(';1;', ';x;')}\n", "column orders: 'x' is not"),
        ("shop/a.csv", "date;market\n2026-01-01;us\n", "shop/a.csv: column region, orders, gross_sales"),
        ("shop/a.csv", "PK\x03\x04", "is a workbook or an archive"),
        ("shop/a.parquet", "PAR1 cut short", "shop/a.parquet: cannot be read as Parquet"),
        ("other/a.csv", "date\n", "no object of the bucket has such a name"),
    ],
)  # fmt: skip
def test_an_object_that_cannot_land_holds_up_what_came_after_it(bucket, key, content, message):
    bucket.put(key, content)
    time.sleep(1.1)
    bucket.put("shop/later.parquet", parquet())
    pattern = "shop/*" if key.startswith("shop") else "none/*"
    done = bucket.fetch(pattern)
    assert re.search(re.escape(message), done.note.fault)
    assert bucket.files() == []


def test_an_object_that_is_written_anew_in_the_same_second_and_size_is_read_again(bucket):
    first, second = (f"date;{HEADER}\n2026-01-0{day};{ROW}\n" for day in (1, 2))
    while True:
        bucket.put("shop/a.csv", first)
        assert bucket.fetch("shop/*.csv").landing.rows == 1
        (file,), known = bucket.files(), bucket.signatures()
        bucket.put("shop/a.csv", second)
        done = bucket.fetch("shop/*.csv")
        if [path.name for path in bucket.files()] == [file.name]:  # the same second, else once more
            break
        file.unlink(missing_ok=True)
        for path in bucket.files():
            path.unlink()
    assert (done.landing.rows, done.landing.files) == (1, 1)
    assert "2026-01-02" in file.read_text()
    read_anew = bucket.signatures()
    assert read_anew != known, "the loader takes it for another file"
    assert bucket.fetch("shop/*.csv").landing.files == 0
    assert bucket.signatures() == read_anew


def test_a_bucket_that_says_nothing_is_not_waited_for(bucket, monkeypatch):
    """A server that takes every request and answers none, as behind a firewall; without its region, which is told."""
    monkeypatch.setattr("assets.raw.origins.bucket.ANSWER_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        for region in ("", "&region=us-east-1"):
            monkeypatch.setenv(
                VARIABLE, f"s3://someone:hush@exports?scheme=http{region}&endpoint_override={address}"
            )
            fault = bucket.fetch("shop/*.parquet").note.fault
            assert "it has not answered for 1 s" in fault
            assert (f"write `region=` into {VARIABLE}" in fault) == (not region)
            assert "hush" not in fault


def test_a_bucket_that_is_away_is_told_without_its_secret(bucket, monkeypatch):
    bucket.put("shop/a.parquet", parquet())
    bucket.fetch("shop/*.parquet")
    monkeypatch.setenv(
        VARIABLE,
        "s3://someone:hush%2Fhush@exports?scheme=http&region=us-east-1&endpoint_override=127.0.0.1:1",
    )
    done = bucket.fetch("shop/*.parquet")
    assert "bucket: " in done.note.fault
    assert "the next fetch asks again" in done.note.fault
    assert "hush" not in done.note.fault
    assert len(bucket.files()) == 1
    monkeypatch.setenv(VARIABLE, "ftp://someone:hush%2Fhush@exports")
    refused = bucket.fetch("shop/*.parquet").note.fault
    assert f"whether {VARIABLE} is right" in refused
    assert "hush" not in refused
