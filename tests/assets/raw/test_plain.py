"""The quick reader and the careful one: what DuckDB takes, the careful reader takes too, and both read the same."""

import datetime as dt
import gzip
from decimal import Decimal
from functools import cache
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.raw.contract import Column, Contract, Period
from assets.raw.contracts import CONTRACTS
from assets.raw.files import FileRefused, check, read_bytes, total
from assets.raw.folder import LandingFile
from assets.raw.ingest import insert_accepted, insert_plain, make_table
from assets.raw.plain import KINDS, days_in_doubt, plain_file, repeats_a_row
from assets.raw.surface import surface
from mmm_core.data.cells import MISSING

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

EVERY_KIND = Contract(
    "every",
    "kind",
    "A column of every kind",
    ("account", "day", "name"),
    (
        Column("account", "text", "a number", spelling="id"),
        Column("day", "date", "the first day"),
        Column("until", "date", "the last day"),
        Column("name", "text", "a name", also=("label",)),
        Column("code", "text", "a code", spelling="lower", required=False),
        Column("currency", "text", "a currency", spelling="upper", allowed=("USD", "EUR")),
        Column("month", "month", "a month", required=False, may_lack=True),
        Column("shown", "integer", "a count", minimum=0, over_days="sum"),
        Column("spend", "number", "an amount", minimum=0, over_days="sum"),
        Column("share", "number", "a share", required=False, minimum=0, maximum=1),
        Column("left", "integer", "a count, perhaps", required=False),
        Column("changed", "moment", "when it was last changed", required=False, may_lack=True),
        Column("paused", "flag", "whether it rests", required=False, may_lack=True),
        Column("zone", "zone", "whose days they are", required=False, may_lack=True),
        Column("place", "text", "where", spelling="lower", required=False, may_lack=True, blank="all"),
    ),
    period=Period("day", stop="until"),
    amount="spend",
)
GOOD = {
    "account": "7", "day": "2024-01-01", "until": "2024-01-01", "name": "us_all_search", "code": "us",
    "currency": "USD", "month": "2024-01", "shown": "5", "spend": "12.5", "share": "0.25", "left": "3",
    "changed": "2024-01-31 23:59:00", "paused": "false", "zone": "Europe/Berlin", "place": "g01",
}  # fmt: skip
CELLS = {
    'account': [
        '7', '123-456-7890', 'act_77', '7.0', '1.5E+3', '1.23457E+11', 'ab-7', 'AB_7', '-7', '7-', '007',
        'urn:li:a:5', "'7", 'Act_7', '7 7', '\xe9', '-', '1.50'
    ],
    'day': [
        '2024-01-01', '2024-01-02', '2024-01-03 00:00:00', '2024-01-04T00:00:00', '2024-02-30', '2024-1-1',
        '01/02/2024', '2024-01-01 07:00:00', '1500-01-01', '2024-01-05 00:00:00Z', 'NA', ''
    ],
    'until': [
        '2024-01-01', '2024-01-02', '2024-01-09', '2023-12-31', ''
    ],
    'name': [
        'us_all_search', '\xfcmlaut', 'u\u0308mlaut', ' padded ', 'two  blanks', 'no\xa0break',
        'zero\u200bwidth', 'a,b', 'a;b', 'say "x"', '=1+1', '12,5', '1.234', '\u65e5\u672c\u8a9e', 'tab\tin',
        'null', 'NA', '', "'", '\\', '\x01', 'line\nbreak',
        'to jo@example.com', 'jo%40example.com', 'bid@1.20', '20%', '\xe9', '\u0130', '\x85x'
    ],
    'code': [
        'us', 'US', ' uk ', 'two  blanks', '\u0130', '\xc9', '', 'NA', 'a\xa0b'
    ],
    'currency': [
        'USD', 'usd', 'EUR', 'SEK', '', 'Us D'
    ],
    'month': [
        '2024-01', '2024-1', '2024-13', '', 'NA'
    ],
    'shown': [
        '5', '0', '-1', '5.0', '5.5', '1e3', '007', '+5', '1,000', '1.000', '9223372036854775807',
        '9223372036854775808', '9007199254740993', '', 'NA', '\uff15', '1_000', '0x10', ' 5', '-0'
    ],
    'spend': [
        '12.5', '0', '-0.01', '12.50', '.5', '5.', '1e2', '1.234', '12,5', '1.234,5', '0.1',
        '0.30000000000000004', '12345678901234567', '0.000001', '1e-9', '12.340000000000001', '', 'NaN', 'inf',
        '1 000', '+1.5', '-', '.', '100000.123456789'
    ],
    'share': [
        '0.25', '1', '1.0001', '', 'NA', 'NULL', 'null', 'None', 'nan', 'n/a', '0'
    ],
    'left': [
        '3', '', 'NA', '-4', '1.5', 'nil', '3.000', '3.0000'
    ],
    'zone': [
        'Europe/Berlin', 'UTC', 'europe/berlin', ' America/New_York ', 'America/New York', 'CEST', '+02:00', '', 'NA'
    ],
    'place': [
        'g01', 'ALL', '', ' ', 'NA', 'jo@example.com', '@home', 'two  blanks', '\xc9'
    ],
}  # fmt: skip


def test_the_cells_that_state_nothing_are_those_of_the_careful_reader():
    from assets.raw.plain import _MISSING

    assert {cell.strip("'") for cell in _MISSING.strip("()").split(", ")} == MISSING


@cache
def warehouse() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create schema raw")
    return connection


def both(folder: Path, contract: Contract, name: str, content: bytes) -> tuple[bool, bool]:
    """Read a file by both readers; whether each took it. Where both did, they read the same."""
    path = folder / name
    path.write_bytes(content)
    status = path.stat()
    file = LandingFile(path, name, status.st_mtime_ns, status.st_size)
    seen = surface(file)
    try:
        accepted = check(file, contract, *read_bytes(file))
        assert seen.hash == accepted.digest
    except FileRefused:
        accepted = None
    connection = warehouse()
    connection.execute(f"drop table if exists raw.{contract.name}; drop table if exists raw.quick")
    make_table(connection, contract)
    plain = plain_file(connection, file, contract, seen)
    if plain is not None:
        insert_plain(connection, contract, plain, name, seen.hash, 1, NOW)
        rows = f"raw.{contract.name}"
        if repeats_a_row(connection, contract, rows, plain.row_count) or days_in_doubt(
            connection, contract, rows
        ):
            plain = None
    if plain is not None:
        assert accepted is not None, f"only DuckDB took {content!r}"
        connection.execute(f"alter table raw.{contract.name} rename to quick")
        make_table(connection, contract)
        insert_accepted(connection, contract, accepted, 1, NOW)
        quick, careful = "from raw.quick", f"from raw.{contract.name}"
        for one, other in ((quick, careful), (careful, quick)):
            assert connection.execute(f"({one}) except all ({other})").fetchall() == [], content
        assert plain.row_count == len(accepted.rows)
        assert plain.extra_columns == accepted.extra_columns
        assert plain.amount == (total(accepted.rows, contract.amount) if contract.amount else None)
    return plain is not None, accepted is not None


def written(
    rows: list[dict[str, str]], separator=",", end="\n", quoting="needed", mark=b"", last_end=True
) -> bytes:
    """Rows as text, as programs write it and as they should not."""

    def cell(text: str) -> str:
        special = any(sign in text for sign in (separator, '"', "\n", "\r"))
        if quoting == "all" or (quoting == "needed" and special):
            return '"' + text.replace('"', '""') + '"'
        return text

    lines = [separator.join(map(cell, line)) for line in ([*rows[0]], *(row.values() for row in rows))]
    return mark + (end.join(lines) + (end if last_end else "")).encode()


def row_of_cells(odd: dict[str, str], number: int) -> dict[str, str]:
    return {**GOOD, "account": str(number), **odd}


odd_cells = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(cells) for name, cells in CELLS.items()}
)
few_odd = st.one_of(
    st.just({}),
    *(st.fixed_dictionaries({name: st.sampled_from(cells)}) for name, cells in CELLS.items()),
    odd_cells,
)
layouts = st.fixed_dictionaries(
    {},
    optional={
        "separator": st.sampled_from([",", ";", "\t", "|"]),
        "end": st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\n,\n"]),
        "quoting": st.sampled_from(["needed", "all", "never"]),
        "mark": st.sampled_from([b"", b"\xef\xbb\xbf", b"\n", b" "]),
        "last_end": st.booleans(),
    },
)


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(few_odd, min_size=1, max_size=4), layouts)
def test_what_is_taken_quickly_is_what_the_careful_reader_takes(tmp_path, odd, layout):
    content = written([row_of_cells(cells, i) for i, cells in enumerate(odd)], **layout)
    both(tmp_path, EVERY_KIND, "a.csv", content)


odd_text = st.text(alphabet="ab\",;\n\r\t |\\'1.2é\u00a0", max_size=8)


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(odd_text, min_size=1, max_size=3), st.sampled_from([",", ";", "\t"]))
def test_quotes_wherever_they_stand_are_read_alike_or_left_to_the_careful_reader(tmp_path, texts, separator):
    """The text stands in the file as it is, so that it may end its cell, its row, or the file."""
    lines = [separator.join(GOOD)]
    lines += [
        separator.join(row_of_cells({"name": text, "code": text}, i).values()) for i, text in enumerate(texts)
    ]
    both(tmp_path, EVERY_KIND, "a.csv", "\n".join([*lines, ""]).encode())


columns_of_parquet = {
    "account": ["7", 7, "act_7", None],
    "day": [dt.date(2024, 1, 1), "2024-01-01", dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 7), None],
    "shown": [5, 5.0, 5.5, "5", -1, 2**53, float("nan"), None, True, Decimal("5"), Decimal("5.5")],
    "spend": [12.5, 0.1 + 0.2, 3, Decimal("12.340"), "12.5", 1e-7, 1e-5, 3e11, float("inf"), None, -1.0],
    "share": [0.25, None, float("nan"), 1, 2.0, Decimal("0.5")],
    "left": [3, None, 3.0, 2.5, "NA"],
    "name": ["a", " padded ", "ümlaut", "two  blanks", "no\u00a0break", b"bytes", 7, None, "x" * 20],
    "currency": ["USD", "usd", None, "SEK"],
    "changed": [
        "2024-01-31 23:59:00",
        "2024-01-31T23:59:00Z",
        "2024-01-31 23:59:00+02:00",
        "2024-01-31",
        "2024-01-31 9:05",
        "2024-01-31 23:59:00.125",
        "2024-01-31 23:59:00.500",
        "1600-01-01 00:00:00",
        "",
        "NA",
        "2024-01-31 24:00:00",
    ],
    "paused": ["true", "FALSE", "t", "1", "0", "yes", "No", "off", "", " true"],
}


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries({}, optional={n: st.sampled_from(v) for n, v in columns_of_parquet.items()}),
    st.sampled_from(["snappy", "none"]),
)
def test_parquet_is_read_alike(tmp_path, odd, compression):
    first = {
        **GOOD, "account": 1, "day": dt.date(2024, 1, 1), "until": dt.date(2024, 1, 1), "shown": 5, "spend": 12.5,
        "share": 0.5, "left": 3,
    }  # fmt: skip
    columns = {}
    for name, value in first.items():
        cells = [value, odd[name]] if name in odd else [value, value]
        if name == "account" and name not in odd:
            cells = [1, 2]
        try:
            columns[name] = pa.array(cells)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            columns[name] = pa.array([odd[name]] * 2)  # a column of that type throughout
    parquet.write_table(pa.table(columns), tmp_path / "p", compression=compression)
    both(tmp_path, EVERY_KIND, "a.parquet", (tmp_path / "p").read_bytes())


ROWS = [
    row_of_cells({}, 1),
    row_of_cells({"account": "123-456-7890", "name": "ümlaut, quoted", "left": ""}, 2),
]

MIDST, LATE = "2024-01-05", "2024-01-09"


@pytest.mark.parametrize(
    ("content", "taken"),
    [
        pytest.param(written(ROWS), True, id="text"),
        pytest.param(written(ROWS, end="\r\n"), True, id="line ends of Windows"),
        pytest.param(written(ROWS, separator=";"), True, id="semicolons"),
        pytest.param(written(ROWS, quoting="all"), True, id="every cell quoted"),
        pytest.param(written(ROWS, last_end=False), True, id="no end of the last line"),
        pytest.param(written(ROWS, mark=b"\xef\xbb\xbf"), True, id="byte-order mark"),
        pytest.param(gzip.compress(written(ROWS)), True, id="gzip"),
        pytest.param(written([{**row, "note": "x"} for row in ROWS]), True, id="a further column"),
        pytest.param(written([{**row, "note": "x", "memo": "y"} for row in ROWS]).replace(b"memo", b"note"), True,
                     id="a further column twice"),
        pytest.param(written([{**row, "memo": "1"} for row in ROWS]).replace(b"memo", b"spend"), False,
                     id="a column of the contract twice"),
        pytest.param(written([{"memo": "1", **row} for row in ROWS]).replace(b"memo", b"NAME"), False,
                     id="one of them in capitals"),
        pytest.param(written([{**row, "note": "\xff"} for row in ROWS]).replace(b"\xc3", b""), False,
                     id="bytes that are no text in a column that nobody reads"),
        pytest.param(gzip.compress(written(ROWS))[:-6], False, id="gzip cut short"),
        pytest.param(written(ROWS)[:-20], False, id="cut short"),
        pytest.param(written(ROWS).decode().encode("utf-16"), False, id="UTF-16"),
        pytest.param(written([{**ROWS[0], "name": "50% @home"}]), True, id="signs that are of no address"),
        pytest.param(written([{**ROWS[0], "name": "us jo@example.com"}]), False, id="an address in a name"),
        pytest.param(written([{**ROWS[0], "name": "us jo%40example.com"}]), False, id="one as a link has it"),
        pytest.param(written([{**ROWS[0], "note": "jo@example.com"}]), True, id="one in a column that nobody reads"),
        pytest.param(written(ROWS, end="\n\n"), False, id="blank lines"),
        pytest.param(written([ROWS[0], ROWS[0]]), False, id="a row twice"),
        pytest.param(written([{**ROWS[0], "until": LATE}, {**ROWS[0], "day": MIDST, "until": MIDST}]),
                     False, id="days that overlap"),
        pytest.param(written([{**ROWS[0], "until": "2023-01-09"}]), False, id="days backwards"),
        pytest.param(written([{**ROWS[0], "name": "x" * 100_001}]), False, id="a cell that is too long"),
        pytest.param(written([{**ROWS[0], "note": "x" * 100_001}]), False, id="one in a column that nobody reads"),
        pytest.param(written(ROWS[:1])[: len(",".join(GOOD)) + 1], False, id="a header alone"),
        pytest.param(b"", False, id="empty"),
    ],
)  # fmt: skip
def test_plain_files_are_taken_quickly_and_others_are_not(tmp_path, content, taken):
    """Without this, nothing would show that the quick reader takes anything at all."""
    assert both(tmp_path, EVERY_KIND, "a.csv", content)[0] is taken


def test_a_text_of_many_blocks_is_read_whole_and_in_order(tmp_path):
    """Blocks end within characters, and between the two signs of a line's end."""
    rows = pd.DataFrame({**GOOD, "account": range(9_000), "name": "ümläut" * 4, "spend": 0.1})
    for end in ("\n", "\r\n"):
        text = rows.to_csv(index=False, lineterminator=end).encode()
        assert both(tmp_path, EVERY_KIND, "a.csv", text) == (True, True)


def test_parquet_of_the_usual_types_is_taken_quickly(tmp_path):
    frame = pd.DataFrame(ROWS).assign(
        day=dt.date(2024, 1, 1), until=pd.Timestamp("2024-01-01"), shown=[5, 6], spend=[0.1 + 0.2, 1e-5],
        share=[0.5, None], left=pd.array([1, None], "Int64"), account=[1, 2],
    )  # fmt: skip
    frame.to_parquet(tmp_path / "p", index=False)
    assert both(tmp_path, EVERY_KIND, "a.parquet", (tmp_path / "p").read_bytes()) == (True, True)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_the_template_of_every_connector_is_read_alike(tmp_path, contract):
    from assets.raw.connector import FOLDER

    content = (FOLDER / contract.source / f"{contract.table}.template.csv").read_bytes()
    quick, careful = both(tmp_path, contract, "a.csv", content)
    assert careful
    assert quick is all(column.kind in KINDS for column in contract.columns)


def test_a_blank_is_written_out_as_what_it_stands_for(tmp_path):
    def places():
        return [
            place
            for (place,) in warehouse().execute("select place from raw.every__kind order by _row").fetchall()
        ]

    rows = [
        {**row, "place": place}
        for row, place in zip([*ROWS, row_of_cells({}, 3)], ("", "ALL", "G01"), strict=True)
    ]
    assert both(tmp_path, EVERY_KIND, "a.csv", written(rows)) == (True, True)
    assert places() == ["all", "all", "g01"]
    rows = [{name: cell for name, cell in row.items() if name != "place"} for row in ROWS]
    assert both(tmp_path, EVERY_KIND, "a.csv", written(rows)) == (True, True)
    assert places() == ["all", "all"]
    warehouse().execute(
        "update raw.every__kind set place = null"
    )  # as it was loaded when nothing was said of blanks
    make_table(warehouse(), EVERY_KIND)
    assert places() == ["all", "all"]


def test_a_column_may_have_another_name_and_not_two(tmp_path):
    renamed = [{("label" if name == "name" else name): cell for name, cell in row.items()} for row in ROWS]
    assert both(tmp_path, EVERY_KIND, "a.csv", written(renamed)) == (True, True)
    path = tmp_path / "b.csv"
    path.write_bytes(written([{**row, "label": "x"} for row in ROWS]))
    with pytest.raises(
        FileRefused, match=r"columns name, label are both name: keep one, or rename the other"
    ):
        check(LandingFile(path, "b.csv"), EVERY_KIND, *read_bytes(LandingFile(path, "b.csv")))
    path.write_bytes(written([{k: v for k, v in row.items() if k != "name"} for row in ROWS]))
    with pytest.raises(FileRefused, match=r"column name \(or label\) is missing"):
        check(LandingFile(path, "b.csv"), EVERY_KIND, *read_bytes(LandingFile(path, "b.csv")))
