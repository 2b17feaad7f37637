"""Landing to raw through Dagster: incremental, repeatable, and all or nothing a table."""

import dataclasses
import gzip
import os
import re
import subprocess
import sys

import dagster as dg
import pytest

from assets.raw import assets as raw_assets
from assets.raw import results
from assets.raw.assets import LEDGER, landing_tables, raw_key
from assets.raw.ingest import ALL_CONTRACTS
from assets.raw.load import load as load_tables
from assets.resources.landing import Landing
from assets.resources.settings import REPOSITORY
from tests.assets.raw.weekly_files import (
    MACRO,
    RIVALS,
    confidence,
    evaluation,
    load,
    loaded,
    refusals,
    version,
)
from tests.fixtures_warehouse import checks, execute, materializations


def counted(platform):
    """What staging takes: of each week the row of the latest export."""
    rows = platform.query(
        "select week_start, consumer_confidence from raw.macro__weekly "
        "qualify row_number() over (partition by week_start, market order by _export_order desc) = 1 order by all"
    )
    return dict(zip(rows["week_start"].dt.strftime("%Y-%m-%d"), rows["consumer_confidence"], strict=True))


def files_of(platform, table="macro__weekly"):
    """Loaded files of a table with their order of export."""
    rows = platform.query(
        f"select file, export_order from raw.landing_files where source_table = '{table}' order by export_order"
    )
    return list(rows.itertuples(index=False, name=None))


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


def test_a_file_that_is_deleted_is_retracted(landed):
    landed.land("macro/weekly/2025.csv", "week_start,market,consumer_confidence\n2024-01-08,us,90\n")
    load(landed)
    assert counted(landed) == {"2024-01-01": 100, "2024-01-08": 90}
    (landed.landing / "macro/weekly/2025.csv").unlink()
    result = load(landed)
    assert counted(landed) == {"2024-01-01": 100, "2024-01-08": 101.5}  # what it had overruled counts again
    metadata = materializations(result)["raw/macro__weekly"].metadata
    assert metadata["files_retracted"].value == 1
    assert "| macro/weekly/2025.csv | | | retracted |" in metadata["files"].value


def test_a_table_whose_files_are_all_gone_keeps_its_rows_until_told(landed):
    """A folder that was not mounted is no retraction."""
    load(landed)
    landed.land("competitor/weekly/2025.csv", RIVALS.replace("2024-01-01", "2025-01-06"))
    (landed.landing / "macro/weekly/2024.csv").unlink()
    result = load(landed)
    assert result.success
    assert "refused: macro/weekly; macro__weekly keeps the 2 rows it had" in refusals(result)
    assert "every file it was loaded from is gone (macro/weekly/2024.csv)" in refusals(result)
    assert "landing/macro/weekly/RETRACTED" in refusals(result)
    assert len(confidence(landed)) == 2
    assert len(landed.query("select * from raw.competitor__weekly")) == 2
    landed.land("macro/weekly/RETRACTED", "")
    assert load(landed).success
    assert confidence(landed) == {}


def test_a_warehouse_made_again_holds_the_same(landed):
    """Whatever was loaded before and in which order: what counts is what lies in the landing folder."""
    later = landed.land("macro/weekly/2025.csv", MACRO.replace("100", "1"))
    first = landed.land("macro/weekly/2024.csv", MACRO)
    os.utime(later, (1e9, 1e9))
    os.utime(first, (2e9, 2e9))
    landed.land("macro/weekly/2023.csv", "week_start,market,consumer_confidence\n2024-01-08,us,7\n")
    load(landed)
    (landed.landing / "macro/weekly/2023.csv").unlink()
    os.utime(later, (3e9, 3e9))  # a file that is touched is the newest export
    grown = load(landed)
    before = counted(landed)
    (landed.folder / "warehouse.duckdb").unlink()
    again = load(landed)
    assert counted(landed) == before == {"2024-01-01": 1, "2024-01-08": 101.5}
    assert version(again) == version(grown)
    assert files_of(landed) == [("macro/weekly/2024.csv", 1), ("macro/weekly/2025.csv", 2)]


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


def test_columns_kept_out_are_told(landed):
    landed.land(
        "macro/weekly/2024.csv",
        MACRO.replace("confidence\n", "confidence,note\n").replace("100", "100,x").replace("101.5", "101.5,"),
    )
    result = load(landed)
    assert result.success
    assert (
        materializations(result)["raw/macro__weekly"].metadata["columns_kept_out"].value
        == "macro/weekly/2024.csv: note"
    )
    assert checks(result)["keeps_contract"].passed


def test_a_weekly_table_tells_of_its_columns_of_words_and_of_several_currencies(landed):
    landed.land(
        "weekly_tables/own.csv", "Week,sales,events,currency\n2024-01-01,1,na,USD\n2024-01-08,2,event1,EUR\n"
    )
    key = raw_key("weekly_tables__values")
    result = landed.run(landing_tables, selection=[key])
    metadata = materializations(result)["raw/weekly_tables__values"].metadata
    assert metadata["columns_kept_out"].value == "weekly_tables/own.csv: events, currency"
    assert "column currency has USD in 1 row, EUR in 1 row (row 3)" in metadata["remarks"].value
    held = landed.query("select column_name from raw.weekly_tables__values")["column_name"]
    assert set(held) == {"sales"}
    (kept_out,) = landed.query("select kept_out from raw.landing_files where status = 'loaded'")["kept_out"]
    assert list(kept_out) == ["events", "currency"]
    landed.land("weekly_tables/own.csv", "Week,sales,events\n2024-01-01,1,na\n2024-01-08,2,event1\n")
    (table,) = load_tables(
        [ALL_CONTRACTS["weekly_tables__values"]], Landing(folder=str(landed.landing)), landed.warehouse
    ).tables
    (words,) = results.warnings(table)
    assert words.endswith("1 column holds words or days and no numbers, and is left out: events")


def test_columns_kept_out_of_many_files_are_named_once(landed):
    for monday in ("2024-01-01", "2025-01-06"):
        text = f"week_start,market,consumer_confidence,note,more\n{monday},us,100,x,y\n"
        landed.land(f"macro/weekly/{monday[:4]}.csv", text)
    landed.warehouse.prepare()
    contract = ALL_CONTRACTS["macro__weekly"]
    (table,) = load_tables([contract], Landing(folder=str(landed.landing)), landed.warehouse).tables
    assert len(table.landed.taken) == 2
    said = "macro__weekly: 2 columns are kept out, as the contract does not name them: note, more"
    assert said in list(results.warnings(table))


def test_no_address_of_a_text_is_in_the_warehouse_and_it_is_said_how_many_were(landed):
    """Two exports of a campaign that is called after a person still are one campaign, and the later counts."""
    names = ["us_all_meta_jo@example.com", '"Sale, JO@Example.com"', "us_all_meta_plain"]
    for file, spend in (("a", 10), ("b", 20)):
        rows = [f"act_1,USD,2024-12-02,2024-12-02,{i},{name},420,9,1,{spend}" for i, name in enumerate(names)]
        landed.land(f"meta_ads/campaign_insights/{file}.csv", "\n".join([SPENT, *rows]))
    key = raw_key("meta_ads__campaign_insights")
    result = landed.run(landing_tables, selection=[key, LEDGER])
    assert result.success
    metadata = materializations(result)["raw/meta_ads__campaign_insights"].metadata
    assert metadata["addresses_hashed"].value == 4
    held = landed.query("select file, hashed_cells from raw.landing_files order by file")
    assert held["hashed_cells"].tolist() == [2, 2]
    assert (
        "3 of 3 rows in both differ"
        in evaluation(result, "exports_agree", "meta_ads__campaign_insights").description
    )
    kept = landed.query("select distinct campaign_name from raw.meta_ads__campaign_insights")[
        "campaign_name"
    ].tolist()
    (person,) = {re.search("email[0-9]{13}", name)[0] for name in kept if "plain" not in name}
    assert set(kept) == {f"us_all_meta_{person}", f"Sale, {person}", "us_all_meta_plain"}

    again = landed.run(landing_tables, selection=[key, LEDGER])
    assert materializations(again)["raw/meta_ads__campaign_insights"].metadata["addresses_hashed"].value == 4


def test_a_contract_that_asks_for_more_reads_files_again(landed, monkeypatch):
    load(landed)
    contract = ALL_CONTRACTS["macro__weekly"]
    column = dataclasses.replace(contract.columns[-1], name="prices", required=False)
    wider = dataclasses.replace(contract, columns=(*contract.columns, column))
    monkeypatch.setattr(raw_assets, "ALL_CONTRACTS", {**ALL_CONTRACTS, contract.name: wider})
    landed.land(
        "macro/weekly/2024.csv",
        MACRO.replace("confidence\n", "confidence,prices\n")
        .replace("100", "100,7")
        .replace("101.5", "101.5,"),
    )
    assert load(landed).success
    assert landed.query("select prices from raw.macro__weekly order by week_start")["prices"].tolist()[0] == 7


def test_packed_files_and_files_below_are_loaded(landed):
    folder = landed.landing / "macro/weekly/2025/q1"
    folder.mkdir(parents=True)
    text = "week_start\tmarket\tconsumer_confidence\n2025-01-06\tus\t90\n"
    (folder / "a.TSV.gz").write_bytes(gzip.compress(text.encode()))
    (landed.landing / "macro/weekly/2024.csv").rename(landed.landing / "macro/weekly/2024.CSV")
    assert load(landed).success
    assert confidence(landed) == {"2024-01-01": 100, "2024-01-08": 101.5, "2025-01-06": 90}


def test_exports_that_disagree_are_shown_with_figures(landed):
    landed.land("competitor/weekly/2024 (1).csv", RIVALS.replace(",5", ",8") + "2024-01-08,us,6\n")
    landed.land("macro/weekly/2024 (1).csv", MACRO)
    result = load(landed)
    same = evaluation(result, "exports_agree")
    assert same.passed
    assert same.description == "2 rows are in two files, with the same figures"
    found = evaluation(result, "exports_agree", "competitor__weekly")
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert (
        "competitor/weekly/2024 (1).csv counts over competitor/weekly/2024.csv: 1 of 1 row in both differs"
        in found.description
    )
    assert load(landed).success  # nothing new, and the disagreement is still there
    assert not evaluation(load(landed), "exports_agree", "competitor__weekly").passed


SPENT = (
    "account_id,account_currency,date_start,date_stop,campaign_id,campaign_name,"
    "impressions,reach,inline_link_clicks,spend"
)


def test_the_ledger_follows_spend_from_the_files(new_platform):
    """One row of six weeks, and of its last week an export by day that says 50 a day in place of 100."""
    new_platform.land(
        "meta_ads/campaign_insights/a.csv",
        f"{SPENT}\nact_1,USD,2024-12-02,2025-01-12,7,us_all_meta_x,420,9,1,4200\n",
    )
    days = [f"1,USD,2025-01-{day:02},2025-01-{day:02},7,us_all_meta_x,10,9,1,50" for day in range(6, 13)]
    new_platform.land("meta_ads/campaign_insights/b.csv", "\n".join([SPENT, *days]))
    key = raw_key("meta_ads__campaign_insights")
    result = new_platform.run(landing_tables, selection=[key, LEDGER])
    assert result.success
    found = evaluation(result, "exports_agree", "meta_ads__campaign_insights")
    assert found.description.endswith(
        "7 of 7 rows in both differ; their spend (spend in the account's currency) was 700.00 and is 350.00 (-350.00)"
    )
    rows = new_platform.query(
        "select row_count, amount, overruled_rows, overruled_amount from raw.landing_files order by export_order"
    )
    assert rows.astype(float).to_numpy().tolist() == [[1, 4200, 7, 700], [7, 350, 0, 0]]

    execute(new_platform, "update raw.meta_ads__campaign_insights set spend = spend + 1 where spend > 1000")
    lost = evaluation(
        new_platform.run(landing_tables, selection=[key, LEDGER]),
        "holds_what_landed",
        "meta_ads__campaign_insights",
    )
    assert not lost.passed
    assert "a.csv: 1 row with 4,200.00 was read, the warehouse holds 1 with 4,201.00" in lost.description
    execute(new_platform, "delete from raw.meta_ads__campaign_insights where spend > 1000")
    assert (
        loaded(new_platform.run(landing_tables, selection=[key, LEDGER]), "raw/meta_ads__campaign_insights")
        == 1
    )


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
from tests.assets.raw.weekly_files import load
import assets.raw.ingest, time
assert load(Platform(Path(sys.argv[1]))).success
time.sleep(1)  # telemetry is sent from threads
print("sought:", sought)
"""


@pytest.mark.slow
def test_a_load_asks_nobody_and_keeps_to_its_folder(landed):
    """Without any setting in the environment, and expectations are asked: no host is looked up, no home folder made."""
    environment = {name: value for name, value in os.environ.items() if name != "DO_NOT_TRACK"}
    environment |= {"HOME": str(landed.folder / "home"), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_LISTEN, str(landed.folder)],
        env=environment, cwd=landed.folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "sought: []"
    assert {path.name for path in landed.folder.iterdir()} == {
        "expectations",
        "landing",
        "warehouse.duckdb",
        "warehouse.landing.json",
    }
