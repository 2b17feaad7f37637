"""One reader for every table: what a file may look like, and what it is refused for, by row and with the remedy."""

import codecs
import datetime
import gzip
import os
import re
import socket

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm_core.data.cells import day_column, number_column
from mmm_core.data.reader import MAX_NAME, read_table, readable, table_from
from mmm_core.errors import InputError
from mmm_core.inputs import UnreadableFile, name_of

WEEKS = ["2024-01-01", "2024-01-08"]
PLAIN = "week,spend,geo\n2024-01-01,1.5,NA\n2024-01-08,2,01\n"


def from_text(text: str, name: str = "t.csv") -> pd.DataFrame:
    return table_from(text.encode(), name)


def test_cells_stay_text_and_rows_are_counted_as_a_spreadsheet_counts():
    table = from_text("week,id\n\n2024-01-01,NA\n,\n2024-01-08,01\n2024-01-15,1e5\n2024-01-22,None\n,,,\n\n")
    assert table["id"].tolist() == ["NA", "01", "1e5", "None"]
    assert table.index.tolist() == [3, 5, 6, 7]
    assert table.index.name == "row"
    with pytest.raises(
        InputError, match=r"^t\.csv: column id: not a number: '01x' \(row 3\): write digits only"
    ):
        number_column(from_text("week,id\na,1\nb,01x\n"), "id", "t.csv")


def test_a_cell_of_several_lines_is_in_one_row():
    table = from_text('week,note\na,"one\ntwo\nthree"\nb,x\n')
    assert table.index.tolist() == [2, 3]
    assert table["note"].tolist() == ["one\ntwo\nthree", "x"]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        codecs.BOM_UTF8 + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        codecs.BOM_UTF16_BE + PLAIN.replace(",", "\t").encode("utf-16-be"),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", "|").encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        gzip.compress(PLAIN.encode(), mtime=0),
        " week , spend ,\N{NO-BREAK SPACE}geo,\n2024-01-01, 1.5,NA,\n2024-01-08,2,01,\n,,,\n".encode(),
    ],
)
def test_encodings_separators_and_blanks_are_one_table(content):
    table = table_from(content, "t.csv")
    assert table.columns.tolist() == ["week", "spend", "geo"]
    assert table["geo"].tolist() == ["NA", "01"]
    assert number_column(table, "spend", "t.csv").tolist() == [1.5, 2.0]
    assert day_column(table, "week", "t.csv").tolist() == [pd.Timestamp(week) for week in WEEKS]


REFUSED = {
    "empty": (b"", "the file is empty"),
    "blank lines alone": (b"\n\n", "the file is empty"),
    "header alone": (b"a,b\n", "a header but no rows"),
    "Windows-1252": (
        "a,b\n1,2\nK\xf6ln,2\n".encode("latin-1"),
        r"\(row 3\) is not UTF-8: export the file as UTF-8",
    ),
    "cut UTF-16": (b"\xff\xfea", "is not UTF-16, as its first bytes say"),
    "UTF-16 without a mark": ("a,b\n1,2\n".encode("utf-16-le"), "is UTF-16 without a mark"),
    "NUL in a cell": (b"a,b\n1,2\n1\x002,3\n", "row 3 holds a NUL character"),
    "column twice": (b"a,b,a\n1,2,3\n", "column 'a' is there twice: keep one"),
    "columns alike": (
        b"Week,tv,TV,week\n1,2,3,4\n",
        "columns 'Week', 'week' differ in capitals alone, which a warehouse takes for one name; columns 'tv', 'TV'",
    ),
    "twice but for composition": (
        "k\u00f6ln,ko\u0308ln\n1,2\n".encode(),
        "column 'k\u00f6ln' is there twice",
    ),
    "cells without a name": (b"a,,b\n1,2,3\n", "column 2 has cells and no name"),
    "cut off": (
        b"a,b\n1,2\n3",
        r"row 3, the last, has 1 cells where the header \(row 1\) has 2, and no line end: .*copy",
    ),
    "short row": (b"a,b\n1,2\n3\n", r"row 3: 1 cells in row 3, where the header \(row 1\) has 2"),
    "long rows": (
        b"a,b\n1,2,3\n4,5\n6,7,8\n",
        "rows 2, 4: 3 cells in row 2, .*: quote cells that hold a comma",
    ),
    "lines above the header": (
        b"Campaign report\nJanuary\na,b\n1,2\n3,4\n",
        r"rows 3, 4, 5: 2 cells in row 3, .* has 1: take out the lines above the names of the columns",
    ),
    "open quote": (b'a,b\n1,"2\n3,4\n', "row 2 is not well-formed: .* a quote that is not closed"),
    "long header": (b"a," + b"x" * 131_073 + b"\n1,2\n", "row 1 .*: look for a quote that is not closed"),
    "long name": (b"a," + b"x" * (MAX_NAME + 1) + b"\n1,2\n", "the name of column 2 has 301 characters"),
    "two separators": (b"a,b;c\n1,2;3\n", "separated by commas or semicolons"),
    "workbook": (b"PK\x03\x04rest", "is a workbook or an archive, no text: save the sheet as CSV"),
    "cut gzip": (gzip.compress(PLAIN.encode(), mtime=0)[:-9], "is not whole"),
    "cut Parquet": (b"PAR1 and no more", "cannot be read as Parquet"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_read_for_certain_is_refused_in_one_sentence(fault):
    content, says = REFUSED[fault]
    with pytest.raises(UnreadableFile, match=says) as refusal:
        table_from(content, "t.csv")
    assert str(refusal.value) == f"t.csv: {refusal.value.fault}"
    assert len(str(refusal.value)) < 400


def test_a_file_that_is_none_is_refused_and_nothing_waits(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    (tmp_path / "self.csv").symlink_to(tmp_path / "self.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s.csv"))
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04")
    for name, says in {
        "folder.csv": "is a folder",
        "gone.csv": "a link to a file that is not there",
        "self.csv": "cannot be read: ",
        "pipe.csv": "is a pipe or a device",
        "s.csv": "cannot be read",
        "absent.csv": "no such file",
        "n\0ul.csv": "cannot be read",
        "book.xlsx": "unknown format '.xlsx': .*: save the sheet as CSV",
    }.items():
        with pytest.raises(UnreadableFile, match=says):
            read_table(tmp_path / name)
    listener.close()


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    def forbidden(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)  # whoever runs the tests as root may read everything
    with pytest.raises(UnreadableFile, match="cannot be read: Permission denied"):
        read_table(tmp_path / "t.csv")


def test_names_of_files(tmp_path):
    for name in ("a.csv", "B.CSV", "c.tsv", "d.csv.gz", "e.Parquet", "f.txt"):
        assert readable(tmp_path / name)
    for name in ("a.xlsx", "b.csv.zip", "csv", "c.gz"):
        assert not readable(tmp_path / name)
    assert name_of(os.fsdecode(b"a\xff\nb.csv")) == r"a\xff\nb.csv"
    (tmp_path / os.fsdecode(b"\xff.csv")).write_bytes(PLAIN.encode())
    assert len(read_table(tmp_path / os.fsdecode(b"\xff.csv"))) == 2


def test_parquet_reads_as_the_text_of_it(tmp_path):
    frame = pd.DataFrame(
        {
            "week": pd.to_datetime(WEEKS).tz_localize("Europe/Berlin"),
            "day": [datetime.date(2024, 1, 1), None],
            "spend": [0.1 + 0.2, None],
            "clicks": pd.array([2**62 + 1, None], dtype="Int64"),
            "geo": ["NA", None],
            "open": [True, False],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table["geo"].tolist() == ["NA", ""]
    assert table["clicks"].tolist() == [str(2**62 + 1), ""]
    assert number_column(table, "spend", "t")[1] == 0.1 + 0.2
    assert number_column(table, "open", "t").tolist() == [1, 0]
    assert day_column(table, "week", "t").tolist() == [pd.Timestamp(week) for week in WEEKS]
    assert day_column(table, "day", "t").isna().tolist() == [False, True]
    pd.DataFrame({"a": [[1, 2]]}).to_parquet(tmp_path / "lists.parquet")
    with pytest.raises(UnreadableFile, match="column 'a' holds lists"):
        read_table(tmp_path / "lists.parquet")


def test_decimal_commas_are_read_where_a_cell_leaves_no_doubt():
    table = from_text("week;spend;price\na;9.243,38;9,5\nb;4537;1,250\nc;-1.000;,\n".replace(";,", ";"))
    assert number_column(table, "spend", "t").tolist() == [9243.38, 4537.0, -1000.0]
    assert number_column(table, "price", "t").tolist()[:2] == [9.5, 1.25]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "week;spend\na;1.234\nb;12.500\n",
            r"'1.234', '12.500' \(rows 2, 3\): the point may stand for thousands",
        ),
        (
            "week;spend\na;1,234\nb;5\n",
            r"'1,234' \(row 2\): write digits only, .*: a comma may stand for decimals or for thousands, and no cell",
        ),
        ("week;spend\na;1,25\nb;2.5\n", r"'2.5' \(row 3\)"),
        ('week,spend\na,"1,25"\n', r"'1,25' \(row 2\): write digits only, with a point for decimals"),
        ('week,spend\na,"1,234"\n', r"'1,234' \(row 2\): write digits only, with a point for decimals"),
        (
            'week,spend\na,"17,82"\n',
            "a comma may stand for decimals or for thousands: save a file with decimal commas with semicolons",
        ),
        ('week,spend\na,"1,234.5"\nb,"12,5"\n', r"'1,234.5', '12,5' \(rows 2, 3\)"),
        ('week,spend\na,"1,234.5"\nb,"12,34,5"\n', r"'12,34,5' \(row 3\)"),
    ],
)
def test_commas_and_points_that_may_mean_two_things_are_refused(text, says):
    with pytest.raises(InputError, match=says):
        number_column(from_text(text), "spend", "t")


def test_commas_between_thousands_are_read_where_a_cell_leaves_no_doubt():
    table = from_text('week,spend,sales\na,"1,234.50","-1,234,567"\nb,"12,000",5\nc,7.25,"1,000"\n')
    assert number_column(table, "spend", "t").tolist() == [1234.5, 12000, 7.25]
    assert number_column(table, "sales", "t").tolist() == [-1234567, 5, 1000]


def test_points_of_a_semicolon_file_are_decimals_where_they_cannot_be_thousands():
    assert number_column(from_text("week;spend\na;1.2345\nb;0.500\n"), "spend", "t").tolist() == [1.2345, 0.5]


@settings(max_examples=60)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=1, max_size=5),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_a_number_that_python_wrote_is_read_to_the_last_bit(values, separator, encoding):
    lines = [
        separator.join(("week", "spend", "note")),
        *(f"w{separator}{value!r}{separator}x" for value in values),
    ]
    table = table_from("\n".join(lines).encode(encoding), "t.csv")
    pointed = [repr(value) for value in values]
    if separator == ";" and all(re.fullmatch(r"-?[1-9]\d{0,2}\.\d{3}", text) for text in pointed):
        with pytest.raises(InputError, match="the point may stand for thousands"):
            number_column(table, "spend", "t.csv")
    else:
        assert number_column(table, "spend", "t.csv").tolist() == values


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_be_read_or_refused(content):
    try:
        table = table_from(content, "t.csv")
    except InputError:
        return
    assert table.columns.is_unique
    assert all(name == name.strip() and name for name in table.columns)
    assert all(isinstance(cell, str) for cell in table.to_numpy().ravel())


def test_text_that_is_called_parquet_is_told_to_be_none():
    with pytest.raises(InputError, match=r"a.parquet: is called Parquet and is none"):
        table_from(b"week,spend\na,1\n", "a.parquet")
