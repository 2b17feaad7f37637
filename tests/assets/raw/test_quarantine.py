"""Rows that break their contract: set aside with the reason, counted, and taken back by a later good file."""

import csv
import dataclasses
import io
import os
import random
from decimal import Decimal

import duckdb
import pandas as pd
import pytest

from assets.raw import quarantine, results
from assets.raw.assets import raw_key
from assets.raw.connector import connector
from assets.raw.contracts import CONTRACTS
from assets.raw.files import FileRefused, check
from assets.raw.folder import LandingFile
from assets.raw.ingest import make_table, reading_version
from assets.raw.load import load
from assets.resources.landing import Landing
from tests.assets.raw.test_plain import CELLS, EVERY_KIND, GOOD
from tests.fixtures_warehouse import Platform, execute

TV = dataclasses.replace(CONTRACTS["tv__invoices"], bad_rows="quarantine", bad_share=0.6)
META = dataclasses.replace(CONTRACTS["meta_ads__campaign_insights"], bad_rows="quarantine", bad_share=0.9)
HEADER = "invoice_id,station,market,region,week_commencing,grps,net_cost,currency\n"
BAD = [
    "i2,KX,us,all,2024-01-08,1,jo@example.com,USD",
    "i3,KX,us,all,2024-01-15,1,-5.50,USX",
    "i4,KX,us,all,2024-01-22,1,3.10,USD",
    "i4,KX,us,all,2024-01-22,1,4.20,USD",
    ",KX,us,all,2024-01-22,1,6.05,USD",
]
SOUND = [f"s{day},KX,us,all,2025-01-{day:02d},1,5.01,USD" for day in (6, 13, 20, 27)]
LINES = [SOUND[0], *BAD, *SOUND[1:]]
FILE = "tv/invoices/a.csv"


def invoices(*lines):
    return HEADER + "".join(f"{line}\n" for line in lines)


@pytest.fixture
def landed(new_platform):
    os.utime(new_platform.land(FILE, invoices(*LINES)), (1e9, 1e9))
    return new_platform


@pytest.fixture(scope="module")
def lying(tmp_path_factory):
    """A platform with five rows in quarantine, and the load that put them there: only look at them."""
    platform = Platform(tmp_path_factory.mktemp("quarantine"))
    platform.land(FILE, invoices(*LINES))
    return platform, loaded(platform)


def loaded(platform, contract=TV):
    landing = Landing(folder=str(platform.landing))
    platform.warehouse.prepare()
    (table,) = load([contract], landing, platform.warehouse).tables
    return table


def quarantined(platform):
    return platform.query("select * from raw.landing_quarantine order by file, row")


def told(table):
    """Checks, metadata and log of a table."""
    result = results.of_table(raw_key("tv__invoices"), table)
    return (
        {check.check_name: check for check in result.check_results},
        result.metadata,
        [*results.warnings(table)],
    )


def read(contract, text, name=FILE):
    return check(LandingFile(None, name), contract, text.encode(), "digest")


def refusal(contract, text):
    with pytest.raises(FileRefused) as refused:
        read(contract, text)
    return str(refused.value)


def test_good_rows_are_loaded_and_the_others_lie_in_quarantine_with_the_reason(lying):
    platform, table = lying
    assert not table.landed.refused
    assert platform.query("select _row from raw.tv__invoices order by 1")["_row"].tolist() == [2, 8, 9, 10]
    rows = quarantined(platform)
    assert list(rows[["row", "column_name", "reason"]].itertuples(index=False, name=None)) == [
        (3, "net_cost", "net_cost is not a number"),
        (4, "net_cost, currency", "net_cost is negative; currency is no currency of ISO 4217"),
        (5, "", "repeats the same invoice_id, station, market, region, week_commencing"),
        (6, "", "repeats the same invoice_id, station, market, region, week_commencing"),
        (7, "invoice_id", "invoice_id is blank"),
    ]
    assert set(rows["source"]) == {"tv"}
    assert set(rows["source_table"]) == {"tv__invoices"}
    assert rows["day"].dt.day.tolist() == [8, 15, 22, 22, 22]
    assert rows["remedy"][0] == "write digits only, with a point for decimals"
    assert rows["contents"][1]["currency"] == "USX"
    assert list(rows["contents"][1]) == [column.name for column in TV.columns]


def test_the_file_is_what_was_loaded_and_what_lies_in_quarantine_to_the_cent(lying):
    platform, _ = lying
    (entry,) = platform.query("select * from raw.landing_files where status = 'loaded'").to_dict("records")
    cells = [row["net_cost"] for row in csv.DictReader(io.StringIO(invoices(*LINES)))]
    readable = [Decimal(cell) for cell in cells if "@" not in cell]
    assert Decimal(str(entry["amount"])) + Decimal(str(entry["quarantined_amount"])) == sum(readable)
    assert entry["row_count"] + entry["quarantined_rows"] == len(cells)
    aside = quarantined(platform)["amount"]
    assert aside.isna().tolist() == [
        True,
        False,
        False,
        False,
        False,
    ]  # what cannot be read is unknown, not 0
    assert aside.sum() == pytest.approx(-5.50 + 3.10 + 4.20 + 6.05)


def test_what_lies_in_quarantine_is_told_by_a_check_metadata_and_the_log(lying):
    checks, metadata, log = told(lying[1])
    found = checks["no_row_in_quarantine"]
    assert not found.passed
    assert found.severity.value == "WARN"
    words = (
        "5 rows with net_cost 7.85 and 1 amount that cannot be read, of tv/invoices/a.csv lie in quarantine, beside 4 "
        "that are loaded: 2 x repeats the "
        "same invoice_id, station, market, region, week_commencing (row 5 on), 1 x invoice_id is blank (row 7 on), "
        "1 x net_cost is negative; currency is no currency of ISO 4217 (row 4 on) and 1 more: mend them in the file, "
        "or export these days again"
    )
    assert found.description == words
    assert f"tv__invoices: {words}" in log
    assert metadata["rows_in_quarantine"] == 5
    assert "| tv/invoices/a.csv | net_cost is not a number | 1 | 3 | 0.00 |" in metadata["quarantine"].value
    assert checks["holds_what_landed"].passed
    refused = CONTRACTS["tv__invoices"]  # as it is shipped
    names, as_shipped = (
        {spec.name for spec in results.check_specs(raw_key("t"), contract)} for contract in (TV, refused)
    )
    assert names - as_shipped == {"no_row_in_quarantine"}


def test_a_file_that_is_mended_takes_its_rows_out(landed):
    loaded(landed)
    mended = [line.replace("jo@example.com", "2").replace("-5.50,USX", "5.50,USD") for line in LINES]
    landed.land(FILE, invoices(*mended[:4], *mended[5:]).replace("\n,KX", "\ni5,KX"))
    after = loaded(landed)
    assert quarantined(landed).empty
    assert len(landed.query("select * from raw.tv__invoices")) == 8
    assert told(after)[0]["no_row_in_quarantine"].description == "no row is in quarantine"


def test_a_later_export_that_holds_a_row_takes_it_out(landed):
    loaded(landed)
    later = landed.land(
        "tv/invoices/b.csv", invoices("i2,KX,us,all,2024-01-08,1,9,USD", "I4,kx,US,all,2024-01-22,1,3.10,USD")
    )
    os.utime(later, (2e9, 2e9))
    table = loaded(landed)
    assert quarantined(landed)["replaced_by"].fillna("").tolist() == [
        "tv/invoices/b.csv", "", "tv/invoices/b.csv", "tv/invoices/b.csv", "",
    ]  # fmt: skip
    assert told(table)[1]["rows_in_quarantine"] == 2
    later.unlink()
    assert told(loaded(landed))[1]["rows_in_quarantine"] == 5  # they are missing again
    earlier = landed.land("tv/invoices/0.csv", invoices("i2,KX,us,all,2024-01-08,1,9,USD"))
    os.utime(earlier, (5e8, 5e8))
    assert told(loaded(landed))[1]["rows_in_quarantine"] == 5  # its row counts in the meantime


def test_a_file_that_is_taken_away_takes_its_rows_out(landed):
    landed.land("tv/invoices/b.csv", invoices("x,KX,us,all,2023-01-02,1,9,USD"))
    loaded(landed)
    (landed.landing / FILE).unlink()
    assert loaded(landed).quarantined == []
    assert quarantined(landed).empty


def test_a_table_that_keeps_its_rows_keeps_its_quarantine(landed):
    loaded(landed)
    landed.land(FILE, invoices(*SOUND))
    landed.land("tv/invoices/b.csv", "invoice_id\n1\n")
    table = loaded(landed)
    assert [refused.name for refused in table.landed.refused] == ["tv/invoices/b.csv"]
    assert (len(quarantined(landed)), len(landed.query("select * from raw.tv__invoices"))) == (5, 4)
    assert table.lost == []


def test_rows_that_leave_the_quarantine_by_no_file_are_missed(landed):
    loaded(landed)
    execute(landed, "delete from raw.landing_quarantine where row = 4")
    found = told(loaded(landed))[0]["holds_what_landed"]
    assert not found.passed
    assert (
        "tv/invoices/a.csv: 5 rows with 7.85 were set aside, the quarantine holds 4 with 13.35"
        in found.description
    )


def test_amounts_of_more_decimals_than_the_warehouse_adds_up_are_not_missed(landed):
    landed.land(FILE, invoices("i1,KX,us,all,2024-01-08,1,0.3333333,USD"))
    assert loaded(landed).lost == []


def test_as_shipped_a_file_with_a_bad_row_is_refused_whole(landed):
    table = loaded(landed, CONTRACTS["tv__invoices"])
    assert [refused.name for refused in table.landed.refused] == [FILE]
    assert landed.query("select * from raw.tv__invoices").empty
    assert quarantined(landed).empty


def test_too_many_bad_rows_and_a_file_that_is_at_fault_itself_are_refused_in_any_case():
    strict = dataclasses.replace(TV, bad_share=0.5)
    text = invoices(*BAD, *SOUND)
    assert (
        "5 of 9 rows are at fault (55.6%), more than the 50.0% that may be set aside (bad_share of tv in"
        in (refusal(strict, text))
    )
    assert "5 of 5 rows are at fault (100.0%): there is nothing left to load" in (
        refusal(dataclasses.replace(TV, bad_share=1), invoices(*BAD))
    )
    assert "column net_cost is missing" in refusal(TV, text.replace("net_cost", "cost", 1))
    assert "weeks begin on a Monday (rows 2, 3, 4) and on a Tuesday (row 5)" in (
        refusal(TV, invoices(*SOUND).replace("2025-01-27", "2025-01-28"))
    )


def test_a_setting_that_changes_has_the_files_read_again():
    other = [dataclasses.replace(TV, bad_share=0.2), dataclasses.replace(TV, bad_rows="refuse")]
    assert len({reading_version(contract) for contract in (TV, *other)}) == 3


def test_of_rows_that_cover_the_same_days_none_counts():
    header = (
        "account_id,account_currency,date_start,date_stop,campaign_id,campaign_name,impressions,reach,"
        "inline_link_clicks,spend\n"
    )
    spans = [
        ("2024-12-01", "2024-12-31"), ("2024-12-05", "2024-12-06"), ("2024-12-20", "2025-01-02"),  # rows 2 to 4
        ("2025-01-05", "2025-01-04"), ("2025-01-03", "2025-01-04"), ("2025-01-09", "2025-01-09"),
        ("2025-01-09", "2025-01-10"), ("2025-01-11", "2025-01-11"), ("x", "2025-01-11"),
    ]  # fmt: skip
    text = header + "".join(f"1,USD,{start},{stop},7,us_all_meta_x,10,9,1,700\n" for start, stop in spans)
    accepted = read(META, text)
    assert accepted.rows.index.tolist() == [6, 9]
    reasons = accepted.set_aside.rows["reason"]
    covered = "covers days that another row of the same account_id, campaign_id covers"
    assert {row: reasons[row] for row in (2, 3, 4)} == dict.fromkeys((2, 3, 4), covered)
    assert reasons[5] == "date_stop is before date_start"
    assert reasons[7] == "repeats the same account_id, date_start, campaign_id"
    assert reasons[10] == "date_start is not a day (YYYY-MM-DD)"
    assert accepted.set_aside.rows["day"].isna().tolist() == [False] * 6 + [True]


def test_addresses_are_neither_kept_nor_quoted(lying):
    assert quarantined(lying[0])["contents"][0]["net_cost"] == "(left out)"
    refused = refusal(
        CONTRACTS["tv__invoices"], invoices(BAD[0], "a,KX,us,all,2024-01-22,1,1,+44 20 7946 0958")
    )
    assert "column net_cost: '(left out)' is not a number (row 2)" in refused
    assert "column currency: '(left out)' is no currency" in refused


def test_good_rows_are_read_as_if_the_others_were_not_there():
    """Whatever stands in the other rows: files of random cells, read with their bad rows and without."""
    contract = dataclasses.replace(EVERY_KIND, bad_rows="quarantine", bad_share=1)
    random_cells, compared = random.Random(3), 0
    for _ in range(15):
        rows = [GOOD | {"account": str(number)} for number in range(16)]
        for row in random_cells.sample(rows, 8):
            column = random_cells.choice(list(CELLS))
            row[column] = random_cells.choice(CELLS[column])
        lines = pd.DataFrame(rows)
        accepted = read(contract, lines.to_csv(index=False))
        good = lines.iloc[accepted.rows.index - 2]
        alone = read(EVERY_KIND, good.to_csv(index=False)).rows
        pd.testing.assert_frame_equal(accepted.rows.reset_index(drop=True), alone.reset_index(drop=True))
        compared += accepted.set_aside is not None
    assert compared > 10


def test_a_row_of_a_moment_is_taken_back_by_a_later_export_that_has_it_on_another_day():
    """The grain of an order is its number: when it was placed may be what was mended."""
    orders = connector("orders").contracts[0]
    with duckdb.connect() as connection:
        connection.execute("create schema raw")
        make_table(connection, orders)
        quarantine.make(connection)
        place = "insert into raw.orders__orders (order_id, ordered_at, _file, _row, _export_order) values "
        connection.execute(
            place + "('7', '2024-01-06 10:00:00', 'b.csv', 2, 2), ('8', '2024-01-06', 'a.csv', 2, 1)"
        )
        for order, row in (("7", 3), ("9", 4)):
            connection.execute(
                "insert into raw.landing_quarantine (source, source_table, file, row, day, row_key) "
                f"values ('orders', 'orders__orders', 'a.csv', {row}, '2024-03-01', md5('{order}'))"
            )
        quarantine.find_replacements(connection, orders)
        found = connection.execute(
            "select row, replaced_by from raw.landing_quarantine order by row"
        ).fetchall()
    assert found == [(3, "b.csv"), (4, None)]
