"""Landing to raw through Dagster and dlt: incremental, repeatable, and all or nothing a table."""

import dataclasses
import os
import subprocess
import sys

import dagster as dg
import pytest

from assets.raw import assets as raw_assets
from assets.raw.assets import landing_tables, raw_key
from assets.raw.ingest import ALL_CONTRACTS
from assets.resources.settings import REPOSITORY
from tests.fixtures_warehouse import checks, failure, materializations

MACRO = "week_start,market,consumer_confidence\n2024-01-01,us,100\n2024-01-08,us,101.5\n"
RIVALS = "week_start,market,competitor_spend\n2024-01-01,us,5\n"
KEYS = [raw_key("macro__weekly"), raw_key("competitor__weekly")]


@pytest.fixture
def landed(new_platform):
    new_platform.land("macro/weekly/2024.csv", MACRO)
    new_platform.land("competitor/weekly/2024.csv", RIVALS)
    return new_platform


def load(platform):
    return platform.run(landing_tables, selection=KEYS)


def confidence(platform):
    rows = platform.query("select week_start, consumer_confidence from raw.macro__weekly order by all")
    return dict(zip(rows["week_start"].dt.strftime("%Y-%m-%d"), rows["consumer_confidence"], strict=True))


def version(result, key="raw/macro__weekly"):
    return materializations(result)[key].tags["dagster/data_version"]


def loaded(result, key="raw/macro__weekly"):
    return materializations(result)[key].metadata["rows_loaded"].value


def test_loading_twice_changes_nothing(landed):
    first = load(landed)
    second = load(landed)
    assert confidence(landed) == {"2024-01-01": 100, "2024-01-08": 101.5}
    assert (loaded(first), loaded(second)) == (2, 0)
    assert version(first) == version(second)
    assert materializations(second)["raw/macro__weekly"].metadata["dagster/row_count"].value == 2


def test_a_changed_file_replaces_its_own_rows(landed):
    landed.land("macro/weekly/2025.csv", "week_start,market,consumer_confidence\n2025-01-06,us,90\n")
    before = load(landed)
    landed.land("macro/weekly/2024.csv", "week_start,market,consumer_confidence\n2024-01-01,us,99\n")
    after = load(landed)
    assert confidence(landed) == {"2024-01-01": 99, "2025-01-06": 90}
    assert loaded(after) == 1
    assert version(before) != version(after)


def test_the_data_version_is_the_content_whatever_the_files(landed, tmp_path):
    whole = version(load(landed))
    (landed.landing / "macro/weekly/2024.csv").unlink()
    header, first, second = MACRO.splitlines()
    landed.land("macro/weekly/b.csv", f"{header}\n{first}\n")
    landed.land("macro/weekly/a.csv", f"{header}\n{second}\n")
    other = type(landed)(tmp_path / "other")
    (tmp_path / "other").mkdir()
    landed.landing.rename(other.landing)
    assert version(load(other)) == whole


def test_rows_of_a_file_that_is_gone_stay(landed):
    load(landed)
    (landed.landing / "macro/weekly/2024.csv").unlink()
    result = load(landed)
    assert len(confidence(landed)) == 2
    assert "no longer there" in materializations(result)["raw/macro__weekly"].metadata["files"].value


def test_a_deleted_warehouse_is_loaded_again(landed):
    load(landed)
    (landed.folder / "warehouse.duckdb").unlink()
    assert loaded(load(landed)) == 2
    assert len(confidence(landed)) == 2


def test_a_table_without_files_is_there_and_empty(new_platform):
    result = load(new_platform)
    assert result.success
    assert confidence(new_platform) == {}
    new_platform.land("macro/weekly/2024.csv", MACRO)  # and takes rows later
    assert load(new_platform).success
    assert len(confidence(new_platform)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (MACRO.replace("consumer_confidence", "confidence"), "column consumer_confidence is missing"),
        (MACRO.replace("101.5", "high"), r"column consumer_confidence: 'high' is not a number (row 3)"),
    ],
)
def test_a_bad_file_stops_its_table_alone(landed, text, message):
    load(landed)
    landed.land("macro/weekly/2025.csv", text)
    landed.land("macro/weekly/2024.csv", MACRO.replace("100", "55"))  # good, yet waits for its neighbour
    landed.land("competitor/weekly/2024.csv", RIVALS.replace(",5", ",6"))
    result = load(landed)
    assert not result.success
    assert "macro/weekly/2025.csv was refused" in failure(result)
    assert message in failure(result)
    assert confidence(landed) == {"2024-01-01": 100, "2024-01-08": 101.5}
    assert landed.query("select competitor_spend from raw.competitor__weekly")[
        "competitor_spend"
    ].tolist() == [6]
    assert set(materializations(result)) == {"raw/competitor__weekly"}
    refused = [e for e in result.get_asset_check_evaluations() if not e.passed]
    assert [e.asset_key for e in refused] == [raw_key("macro__weekly")]
    assert message in refused[0].metadata["faults"].value
    assert refused[0].severity == dg.AssetCheckSeverity.ERROR


def test_columns_kept_out_are_told(landed):
    landed.land(
        "macro/weekly/2024.csv", MACRO.replace("confidence\n", "confidence,note\n").replace("100", "100,x")
    )
    result = load(landed)
    assert result.success
    assert (
        materializations(result)["raw/macro__weekly"].metadata["columns_kept_out"].value
        == "macro/weekly/2024.csv: note"
    )
    assert checks(result)["keeps_contract"].passed


def test_a_contract_that_asks_for_more_reads_files_again(landed, monkeypatch):
    load(landed)
    contract = ALL_CONTRACTS["macro__weekly"]
    column = dataclasses.replace(contract.columns[-1], name="prices", required=False)
    wider = dataclasses.replace(contract, columns=(*contract.columns, column))
    monkeypatch.setattr(raw_assets, "ALL_CONTRACTS", {**ALL_CONTRACTS, contract.name: wider})
    landed.land(
        "macro/weekly/2024.csv", MACRO.replace("confidence\n", "confidence,prices\n").replace("100", "100,7")
    )
    assert load(landed).success
    assert landed.query("select prices from raw.macro__weekly order by week_start")["prices"].tolist()[0] == 7


def test_every_raw_asset_is_documented_and_checked():
    checked = {check.asset_key for check in landing_tables.check_specs}
    for spec in landing_tables.specs:
        assert spec.key in checked
        assert spec.owners
        assert spec.description
        assert spec.group_name == "raw"
        assert all(column.description for column in spec.metadata["dagster/column_schema"].columns)


LOAD_AND_LISTEN = """
import socket, sys
sought = []
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: (sought.append(host), resolve(host, *rest, **more))[1]
from pathlib import Path
from tests.fixtures_warehouse import Platform
from tests.assets.raw.test_landing import load
import assets.raw.ingest, time
assert load(Platform(Path(sys.argv[1]))).success
time.sleep(1)  # telemetry is sent from threads
print("sought:", sought)
"""


@pytest.mark.slow
def test_dlt_asks_nobody_and_keeps_to_its_folder(landed):
    """Without any setting in the environment: no host is looked up, nothing is written to the home folder."""
    ours = ("RUNTIME__DLTHUB_TELEMETRY", "DO_NOT_TRACK")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"HOME": str(landed.folder / "home"), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_LISTEN, str(landed.folder)],
        env=environment, cwd=landed.folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "sought: []"
    assert {path.name for path in landed.folder.iterdir()} == {"landing", "dlt", "warehouse.duckdb"}
