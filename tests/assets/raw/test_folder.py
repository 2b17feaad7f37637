"""The landing folder is listed without opening a file: each belongs to a table, is refused, or is named as not read."""

import os

import pytest

from assets.raw.folder import LandingFile, export_order, scan

SECOND = 10**9


@pytest.fixture
def land(tmp_path):
    def write(name: str, text: str = "a\n1\n"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    write.folder = tmp_path
    return write


def names(listing, table):
    return [file.name for file in listing.tables[table]]


def test_files_are_read_whatever_the_case_of_their_ending_packed_or_below(land):
    for name in ("Q1.csv", "Q2.CSV", "Q3.csv.gz", "Q4.tsv", "2024/december/Q5.csv"):
        land(f"tv/invoices/{name}")
    land("weekly_tables/brand.csv")
    listing = scan(land.folder)
    assert names(listing, "tv__invoices") == [
        f"tv/invoices/{name}" for name in ("2024/december/Q5.csv", "Q1.csv", "Q2.CSV", "Q3.csv.gz", "Q4.tsv")
    ]
    assert [file.stem for file in listing.tables["weekly_tables__values"]] == ["brand"]
    assert listing.not_read == {}


def test_every_other_file_is_named_with_the_remedy(land):
    for name in (
        "tv/invoices/Q1.xlsx",
        "tv/invoces/Q1.csv",
        "elsewhere/Q1.csv",
        "tv/Q1.csv",
        "notes.md",
        "tv/invoices/.Q1.csv.7.partial",
    ):
        land(name)
    assert scan(land.folder).not_read == {
        "notes.md": "it lies in no table's folder: put it into <source>/<table>/",
        "elsewhere/Q1.csv": "no table has the folder elsewhere: docs/connectors.md says which there are",
        "tv/Q1.csv": "no table has the folder tv: known: tv/invoices",
        "tv/invoces/Q1.csv": "no table has the folder tv/invoces: did you mean 'tv/invoices'?",
        "tv/invoices/Q1.xlsx": "it is none of .csv, .csv.gz, .tsv, .tsv.gz, .txt, .txt.gz, .parquet: save it as CSV",
    }


def test_what_is_no_file_has_a_fault_and_nothing_waits_for_it(land):
    folder = land("tv/invoices/good.csv").parent
    os.mkfifo(folder / "pipe.csv")
    (folder / "folder.csv").mkdir()
    (folder / "link.csv").symlink_to("nowhere.csv")
    (folder / "loop").symlink_to(folder)
    with open(os.fsencode(folder) + b"/caf\xe9.csv", "w") as file:
        file.write("a\n")
    faults = {file.name: file.fault for file in scan(land.folder).tables["tv__invoices"]}
    assert faults == {
        "tv/invoices/caf\\xe9.csv": "its name is not plain UTF-8, or holds a line break: give it another one",
        "tv/invoices/folder.csv": "is a folder, and is named like a file: give it another name",
        "tv/invoices/good.csv": "",
        "tv/invoices/link.csv": "a link to a file that is not there",
        "tv/invoices/pipe.csv": "is a pipe or a device: write its content to a file",
    }


def test_a_file_named_as_an_address_is_refused_and_its_name_kept_nowhere(land):
    for name in ("jo@example.com.csv", "jo@example.com/2024.csv", "stats@2x.csv", "li@example.com.csv"):
        land(f"tv/invoices/{name}")
    land("jo@example.com/notes.csv")
    listing = scan(land.folder)
    why = "its name holds an e-mail address, which is kept nowhere: give it another one"
    assert {file.name: file.fault for file in listing.tables["tv__invoices"]} == {
        "tv/invoices/(left out).csv": why,
        "tv/invoices/(left out).csv (2)": why,
        "tv/invoices/(left out)/2024.csv": why,
        "tv/invoices/stats@2x.csv": "",
    }
    assert [name for name in listing.not_read if "jo" in name] == []
    assert not any("jo@" in why for why in listing.not_read.values())


def test_a_landing_folder_that_is_not_there_is_empty(tmp_path):
    assert not any(scan(tmp_path / "landing").tables.values())


def ordered(**seconds):
    """Names of files, oldest export first; a file's time of modification in seconds."""
    files = [LandingFile(None, name, int(second * SECOND)) for name, second in seconds.items()]
    order = export_order(files)
    return sorted(order, key=order.get)


def test_the_later_export_is_the_one_modified_later_whatever_its_name():
    assert ordered(**{"a.csv": 1000, "b.csv": 0}) == ["b.csv", "a.csv"]


@pytest.mark.parametrize(
    "exports",
    [
        ["stats.csv", "stats (1).csv", "stats (2).csv", "stats (10).csv"],
        ["2019-03-03.csv", "2019-03-03 2.csv"],
        ["export_9.csv", "export_10.csv"],
        ["2024.csv.gz", "2025.csv.gz"],
        ["2024/12.csv", "2025/2.csv", "2025/11.csv"],
    ],
)
def test_files_that_came_together_are_ordered_by_the_numbers_in_their_names(exports):
    """A copy gives its files the times of copying, in any order."""
    copied = {name: 0.001 * position for position, name in enumerate(reversed(exports))}
    assert ordered(**copied) == exports


def test_a_copy_that_takes_long_is_still_one_copy():
    assert ordered(**{"c.csv": 0, "b.csv": 50, "a.csv": 100}) == ["a.csv", "b.csv", "c.csv"]
    assert ordered(**{"c.csv": 0, "b.csv": 50, "a.csv": 111}) == ["b.csv", "c.csv", "a.csv"]
