"""Files that are refused, cut off or read by nobody: each is named, and nothing else suffers for it."""

import os

import dagster as dg
import pytest

from assets.raw.assets import landing_tables, raw_key
from tests.assets.raw.weekly_files import (
    KEYS,
    MACRO,
    RIVALS,
    confidence,
    evaluation,
    load,
    loaded,
    refusals,
    version,
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (MACRO.replace("consumer_confidence", "confidence"), "column consumer_confidence is missing"),
        (
            MACRO.replace("101.5", "high"),
            "column consumer_confidence: 'high' is not a number (row 3): write",
        ),
    ],
)
def test_a_bad_file_stops_its_table_alone(landed, text, message):
    before = load(landed)
    landed.land("macro/weekly/2025.csv", text)
    landed.land("macro/weekly/2024.csv", MACRO.replace("100", "55"))  # good, yet waits for its neighbour
    landed.land("competitor/weekly/2024.csv", RIVALS.replace(",5", ",6"))
    result = load(landed)
    assert result.success
    assert "macro/weekly/2025.csv; macro__weekly keeps the 2 rows it had" in refusals(result)
    assert message in refusals(result)
    assert version(result) == version(before)  # so that nothing downstream is built again for it
    assert loaded(result) == 0
    assert confidence(landed) == {"2024-01-01": 100, "2024-01-08": 101.5}
    assert landed.query("select competitor_spend from raw.competitor__weekly")[
        "competitor_spend"
    ].tolist() == [6]
    told = landed.query(
        "select file, status from raw.landing_files where source_table = 'macro__weekly' order by all"
    )
    assert list(told.itertuples(index=False, name=None)) == [
        ("macro/weekly/2024.csv", "loaded"),  # as it was
        ("macro/weekly/2024.csv", "waiting"),  # as it is now
        ("macro/weekly/2025.csv", "refused"),
    ]
    refused = [e for e in result.get_asset_check_evaluations() if not e.passed]
    assert [e.asset_key for e in refused] == [raw_key("macro__weekly")]
    assert message in refused[0].metadata["faults"].value
    assert refused[0].severity == dg.AssetCheckSeverity.ERROR


STRANGE = [
    "link.csv",
    "folder.csv",
    "pipe.csv",
    "memory.csv",
    "big.csv",
    "nul.csv",
    "quote.csv",
    "caf\\xe9.csv",
]


def land_strange(folder):
    (folder / "link.csv").symlink_to("nowhere.csv")
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    (folder / "memory.csv").symlink_to(
        "/proc/self/mem"
    )  # a regular file that cannot be read, not even by root
    (folder / "big.csv").write_text(SAMPLE.replace(",7", ",99999999999999999999"))
    (folder / "nul.csv").write_text(SAMPLE.replace(",7", ",7\0"))
    (folder / "quote.csv").write_text('"' + "a" * 131_073 + "\n")
    with open(os.fsencode(folder) + b"/caf\xe9.csv", "w") as file:
        file.write(SAMPLE)


SAMPLE = "month,market,metric,value,sample_size\n2024-01,us,awareness,0.5,7\n"


def test_whatever_a_file_is_it_is_refused_by_name_and_the_others_are_loaded(landed):
    landed.land("brand_tracker/monthly/good.csv", SAMPLE)
    landed.land("weekly_tables/good.csv", "date,value\n2024-01-01,1\n")
    landed.land("weekly_tables/twice.csv", "date,week_start,value\n2024-01-01,1,1\n")
    land_strange(landed.landing / "brand_tracker/monthly")
    tables = [raw_key("brand_tracker__monthly"), raw_key("weekly_tables__values")]
    result = landed.run(landing_tables, selection=[*KEYS, *tables])
    assert result.success
    for name in [*STRANGE, "twice.csv"]:
        assert f"/{name}" in refusals(result)
    assert "brand_tracker__monthly has no rows yet" in refusals(result)
    assert "every other file of weekly_tables__values is loaded" in refusals(result)
    assert len(confidence(landed)) == 2
    assert landed.query("select distinct table_name from raw.weekly_tables__values")[
        "table_name"
    ].tolist() == ["good"]
    refused = landed.query("select file, reason from raw.landing_files where status = 'refused'")
    assert len(refused) == len(STRANGE) + 1
    assert (refused["reason"] != "").all()
    assert landed.query("select * from raw.brand_tracker__monthly").empty  # there, as dbt reads it


def test_a_good_file_beside_a_refused_one_is_said_to_wait_and_follows_when_that_is_mended(landed):
    """Totals never miss a file silently: the table stays as it was, and says which files and deletions wait."""
    landed.land("macro/weekly/2025/a.csv", "week_start,market,consumer_confidence\n2025-01-06,us,90\n")
    load(landed)
    landed.land("macro/weekly/b.csv", "week_start,market,consumer_confidence\n2025-01-13,us,high\n")
    landed.land("macro/weekly/2025/c.csv", "week_start,market,consumer_confidence\n2025-01-20,us,92\n")
    (landed.landing / "macro/weekly/2024.csv").unlink()
    result = load(landed)
    told = evaluation(result, "keeps_contract").description
    assert told == (
        "refused: macro/weekly/b.csv; macro__weekly keeps the 3 rows it had; the 1 other new or changed file of this "
        "table was not loaded either: macro/weekly/2025/c.csv; the rows of files that are no longer there stay: "
        "macro/weekly/2024.csv; mend what was refused, or move it out of the folder, and the rest follows"
    )
    assert evaluation(result, "keeps_contract", "competitor__weekly").passed
    waiting = landed.query("select file from raw.landing_files where status = 'waiting'")["file"]
    assert waiting.tolist() == ["macro/weekly/2025/c.csv"]
    (landed.landing / "macro/weekly/b.csv").unlink()
    assert "not loaded" not in evaluation(load(landed), "keeps_contract").description
    assert confidence(landed) == {"2025-01-06": 90, "2025-01-20": 92}


def test_a_fault_of_the_reader_is_the_refusal_of_the_file(landed, monkeypatch):
    def broken(*_):
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr("assets.raw.files.typed", broken)
    landed.land("macro/weekly/2024.csv", MACRO.replace("100", "1e2"))  # not plain: DuckDB leaves it alone
    landed.land("weekly_tables/good.csv", "date,value\n2024-01-01,1\n")
    result = landed.run(landing_tables, selection=[*KEYS, raw_key("weekly_tables__values")])
    assert "refused: macro/weekly/2024.csv" in refusals(result)
    assert "could not be read: RuntimeError: nobody thought of this" in refusals(result)
    assert len(landed.query("select * from raw.weekly_tables__values")) == 1


def test_files_that_nobody_reads_are_named(landed):
    landed.land("macro/weekly/2025.xlsx", "x")
    landed.land("makro/weekly/2025.csv", MACRO)
    found = evaluation(load(landed), "every_file_is_read", "landing_files")
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.description == "not read: macro/weekly/2025.xlsx, makro/weekly/2025.csv"
    assert "did you mean 'macro/weekly'?" in found.metadata["not_read"].value
    assert (
        landed.query("select count(*) as n from raw.landing_files where status = 'not read'")["n"].item() == 2
    )


def ends(platform):
    return evaluation(load(platform), "every_file_has_its_end", "landing_files")


@pytest.mark.parametrize("written", [str, lambda text: text.replace("2024-01-01", " 2024-01-01 ")])
def test_a_file_that_is_cut_off_inside_its_last_row_is_refused_and_read_when_it_has_grown(landed, written):
    load(landed)
    more = written(MACRO + "2024-01-15,us,102.5\n")
    for cut in ("2024-01-15,", "2024-01-15", "2024-0"):  # half written, or the copy was broken off
        landed.land("macro/weekly/2024.csv", more[: more.index("2024-01-15")] + cut)
        assert "2024.csv" in refusals(load(landed))
        assert confidence(landed) == {"2024-01-01": 100, "2024-01-08": 101.5}
    assert "row 4, the last, has 1 cells where the header (row 1) has 3, and no line end" in refusals(
        load(landed)
    )
    landed.land("macro/weekly/2024.csv", more)
    assert not refusals(load(landed))
    assert confidence(landed)["2024-01-15"] == 102.5


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_file_that_is_cut_off_inside_its_last_value_is_named_until_it_has_grown(landed, encoding):
    """102.5 that is cut to 10 is a figure like any other: only the line end that is missing tells of it."""
    assert ends(landed).passed
    cut = landed.land("macro/weekly/2025.csv", "")
    text = MACRO.replace("2024", "2025").replace("01-01", "01-06").replace("01-08", "01-13")
    cut.write_bytes(text.removesuffix("1.5\n").encode(encoding))
    for _ in range(2):  # the second load does not open the file
        found = ends(landed)
        assert not found.passed
        assert found.severity == dg.AssetCheckSeverity.WARN
        assert "no line end after the last row: macro/weekly/2025.csv: see whether" in found.description
        assert confidence(landed)["2025-01-13"] == 10
    cut.write_bytes(text.encode(encoding))
    assert ends(landed).passed
    assert confidence(landed)["2025-01-13"] == 101.5


def test_files_of_a_program_that_never_ends_its_last_line_are_not_named(landed):
    other = MACRO.replace("2024", "2023").replace("01-01", "01-02").replace("01-08", "01-09")
    landed.land("macro/weekly/2024.csv", MACRO.rstrip())
    landed.land("macro/weekly/2023.csv", other.rstrip())
    assert ends(landed).passed
    landed.land("macro/weekly/2023.csv", other)
    assert not ends(landed).passed
    landed.land("macro/weekly/2024.csv", 'week_start,market,consumer_confidence\n"2024-01-01","us","100"')
    assert ends(landed).passed  # a closing quote is an end


@pytest.mark.parametrize("closed", ["", "macro", "macro/weekly", "macro/weekly/more"])
def test_rows_stay_whose_folder_cannot_be_listed(landed, monkeypatch, closed):
    """No file of a folder that is closed is known to be gone, whichever of the folders above it is."""
    landed.land("macro/weekly/more/2025.csv", MACRO.replace("2024-01-0", "2024-04-0"))
    landed.land("macro/weekly/gone.csv", MACRO.replace("2024-01-0", "2023-05-0"))
    load(landed)
    before = confidence(landed)
    assert len(before) == 6
    listing, folder = os.listdir, landed.landing / closed
    (landed.landing / "macro/weekly/gone.csv").unlink()
    with monkeypatch.context() as other:
        other.setattr(os, "listdir", lambda path: _denied(path, folder) or listing(path))
        told = load(landed)
    assert confidence(landed) == before
    assert "the folder cannot be listed: Permission denied" in refusals(told)
    assert ("files that are no longer there stay: macro/weekly/gone.csv" in refusals(told)) == (
        closed == "macro/weekly/more"
    )
    assert "every file it was loaded from is gone" not in refusals(told)
    assert load(landed).success
    assert {week for week, _ in before.items() if week < "2024"}.isdisjoint(confidence(landed))
    assert len(confidence(landed)) == 4


def test_weekly_tables_stay_whose_folder_cannot_be_listed(landed, monkeypatch):
    """One refused file keeps no other of them, but nothing is known of those in a closed folder."""
    table = raw_key("weekly_tables__values")
    landed.land("weekly_tables/own.csv", "date,value\n2024-01-01,1\n")
    landed.run(landing_tables, selection=[table])
    listing = os.listdir
    with monkeypatch.context() as other:
        other.setattr(
            os, "listdir", lambda path: _denied(path, landed.landing / "weekly_tables") or listing(path)
        )
        told = landed.run(landing_tables, selection=[table])
    assert "cannot be listed" in refusals(told)
    assert len(landed.query("select * from raw.weekly_tables__values")) == 1


def _denied(path, folder):
    if path == folder:
        raise PermissionError(13, "Permission denied", str(path))
