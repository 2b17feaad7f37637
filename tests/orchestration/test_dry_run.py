"""`DRY=1`: what a refresh would load and build is told as the load and the stores have it, and no byte changes."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assets.marts.project import fingerprint
from assets.raw.contracts import CONTRACTS
from assets.raw.load import load
from assets.raw.would_load import would_load
from assets.resources.landing import Landing
from assets.resources.settings import REPOSITORY
from orchestration import refresh
from orchestration.dry_run import dry_run
from tests.fixtures_warehouse import execute
from tests.orchestration.house import LAST_WEEK, MODEL, NEXT_WEEK, vintage

MACRO = "week_start,market,consumer_confidence\n2024-01-01,us,100\n2024-01-08,us,101.5\n"
RIVALS = "week_start,market,competitor_spend\n2024-01-01,us,5\n"
TABLES = ("macro__weekly", "competitor__weekly", "google_ads__campaign_stats")


def on_disk(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file and folder with its time of modification and a hash of its bytes."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    }


def told(*arguments, **options) -> str:
    return "\n".join(dry_run(MODEL, *arguments, **{"as_of": None, "weeks": 1, **options}))


def found(platform):
    """What would be loaded of three tables, by table, held against what a load then does."""
    contracts = [CONTRACTS[name] for name in TABLES]
    before = on_disk(platform.folder)
    _, news = would_load(contracts, platform.landing, platform.warehouse)
    assert on_disk(platform.folder) == before
    done = load(contracts, Landing(folder=str(platform.landing)), platform.warehouse)
    for said, table in zip(news, done.tables, strict=True):
        landed = table.landed
        assert [str(refusal) for refusal in said.refused] == [str(refusal) for refusal in landed.refused]
        assert {(file.name, file.rows, file.aside) for file in said.files} == {
            (taken.file.name, taken.row_count, taken.quarantined_rows) for taken in landed.taken
        }
        assert sorted(said.gone) == landed.retracted
        assert said.stays == (not landed.takes_changes)
    return {said.contract.name: said for said in news}


def test_what_would_be_loaded_is_what_is_loaded_then(new_platform):
    new_platform.landing.mkdir()
    assert not any(said.files for said in found_without_a_warehouse(new_platform))
    new_platform.land("macro/weekly/2024.csv", MACRO)
    odd = MACRO.replace("2024-01-01", " 2023-01-02").replace("2024-01-08", "2023-01-09")  # not plain
    new_platform.land("macro/weekly/odd.csv", odd)
    new_platform.warehouse.prepare()
    first = found(new_platform)["macro__weekly"]
    assert [(file.rows, file.had) for file in first.files] == [(2, None), (2, None)]

    new_platform.land("macro/weekly/2024.csv", MACRO + "2024-01-15,us,99\n")
    (new_platform.landing / "macro/weekly/odd.csv").unlink()
    new_platform.land("competitor/weekly/a.csv", RIVALS)
    new_platform.land("google_ads/campaign_stats/a.csv", "customer_id\n1\n")
    second = found(new_platform)
    assert [(file.rows, file.had) for file in second["macro__weekly"].files] == [(3, 2)]
    assert not any(file.left_out for said in second.values() for file in said.files)
    assert second["macro__weekly"].gone == {"macro/weekly/odd.csv": 2}
    assert second["competitor__weekly"].rows == 1
    assert second["google_ads__campaign_stats"].stays
    again = found(new_platform)
    assert not any(again[name].files or again[name].gone for name in TABLES)
    assert again["macro__weekly"].unchanged == 1
    (new_platform.landing / "macro/weekly/folder.csv").mkdir()
    refused = found(new_platform)["macro__weekly"]
    assert (refused.unchanged, [refusal.name for refusal in refused.refused]) == (
        1,
        ["macro/weekly/folder.csv"],
    )


def found_without_a_warehouse(platform):
    _, news = would_load([CONTRACTS[name] for name in TABLES], platform.landing, platform.warehouse)
    assert not Path(platform.warehouse.path).exists()
    return news


def test_a_warehouse_whose_ledger_is_of_an_earlier_release_has_all_read_again(new_platform):
    new_platform.land("macro/weekly/2024.csv", MACRO)
    new_platform.warehouse.prepare()
    found(new_platform)
    execute(new_platform, "alter table raw.landing_files drop column size")
    _, news = would_load([CONTRACTS["macro__weekly"]], new_platform.landing, new_platform.warehouse)
    assert [(file.name, file.rows, file.had) for file in news[0].files] == [
        ("macro/weekly/2024.csv", 2, None)
    ]


@pytest.mark.slow
def test_a_dry_run_says_what_a_refresh_would_do_and_changes_no_byte(new_house):
    def said(**options):
        before = on_disk(new_house.root)
        text = told(**options)
        assert on_disk(new_house.root) == before
        return text

    from orchestration.definitions import definitions

    job = definitions().resolve_job_def("refresh_model")
    stages = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    first = said()
    assert "would be loaded: 0 rows into 0 tables." in first
    assert f"as of {LAST_WEEK}, the last week of the marts as they are." in first
    (line,) = [line for line in first.splitlines() if " assets each: " in line]
    count, names = line.split(" assets each: ")
    assert int(count) == len(stages)
    assert set(names.split(", ")) == stages
    assert f"{LAST_WEEK}|{MODEL}: fitted, as it was never made" in first

    assert new_house.refresh(only="model_table lift_evidence").success
    assert "fitted, as no posterior is there" in said()
    from assets.models import load_model
    from mmm_core.inference.version import posterior_version

    version = posterior_version(new_house.vintages.current(vintage()), load_model(MODEL))
    path = new_house.posteriors.path(vintage(), version)
    path.parent.mkdir(parents=True)
    path.touch()
    new_house.posteriors.point(vintage(), version)
    text = said()
    assert f"not fitted, as posterior {version} is there" in text
    assert "every week is worked out anew" not in text
    with new_house.warehouse.connect() as marts:
        marts.execute("create schema intermediate; create table intermediate.int_campaign_weekly (week date)")
        marts.execute(f"comment on table intermediate.int_campaign_weekly is '{fingerprint()}'")
    assert f"not fitted, as posterior {version} is there" in said()
    with new_house.warehouse.connect() as marts:
        marts.execute("comment on table intermediate.int_campaign_weekly is 'another sources.yaml'")
    text = said()
    assert (
        "sources.yaml or the dbt project changed since the marts were made: every week is worked out" in text
    )
    assert (
        f"fitted if what changed in sources.yaml or the dbt project changes its table: posterior {version}"
        in text
    )

    new_house.write_spec(fit={"chains": 2, "warmup": 150, "draws": 150, "seed": 4})
    assert f"fitted, as posterior {version} is of another table, YAML, seed" in said()
    new_house.write_spec()
    landed = new_house.root / "landing/macro/weekly/2024.csv"
    landed.parent.mkdir(parents=True)
    landed.write_text(MACRO)
    (new_house.root / "landing/note.csv").write_text("x")
    table = new_house.root / "landing/weekly_tables/own.csv"
    table.parent.mkdir()
    table.write_text("Date,sales,events\n2024-01-01,1,na\n2024-01-08,2,opening\n")
    assert "    weekly_tables/own.csv: 2 rows, new, without events (no numbers)" in said(weeks=2)
    table.unlink()
    text = said(weeks=2)
    assert "WEEKS=2 holds no forecast of 4 weeks ahead" in text
    assert "would be loaded: 2 rows into 1 table:" in text
    assert "    macro/weekly/2024.csv: 2 rows, new" in text
    assert "not read: note.csv: it lies in no table's folder" in text
    assert "rows of macro__weekly differ" in text
    assert f"fitted if the new rows change its table: posterior {version}" in text
    assert text.index(f"|{MODEL}: fitted, as it was never made") < text.index(
        f"{LAST_WEEK}|{MODEL}: fitted if"
    )
    assert f"not {NEXT_WEEK}: land the weeks" in said(as_of=str(NEXT_WEEK))
    assert "WEEKS=500: model " in said(weeks=500)


@pytest.mark.slow
def test_the_command_needs_no_data_folder_and_leaves_none(tmp_path):
    environment = {**os.environ, "MMM_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path)}

    def dry_run(*command):
        return subprocess.run(
            [sys.executable, "-m", *(command or ("orchestration.refresh", MODEL)), "--dry-run"],
            cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = dry_run()
    assert done.returncode == 2
    assert done.stdout.startswith("Dry run: nothing is fetched, loaded, built or written.\n")
    assert "there is no warehouse yet" in done.stderr
    assert list(tmp_path.iterdir()) == []
    first_file = tmp_path / "data/landing/macro/weekly/2024.csv"
    first_file.parent.mkdir(parents=True)
    first_file.write_text("week_start,market,consumer_confidence\n2024-01-01,us,100\n")
    done = dry_run()
    assert (done.returncode, done.stderr) == (0, "")  # no warning of what it is made with
    assert "macro/weekly/2024.csv: 1 row, new" in done.stdout
    of_ingest = dry_run("orchestration.ingest")
    assert (of_ingest.returncode, of_ingest.stderr) == (0, "")
    assert done.stdout.startswith(of_ingest.stdout)  # what is of a model follows
    assert "macro/weekly/2024.csv: 1 row, new" in of_ingest.stdout
    assert MODEL not in of_ingest.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [first_file]


def test_a_model_that_is_not_there_is_refused_in_a_dry_run_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MMM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "argv", ["refresh", "us_revenu", "--dry-run"])
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    assert refresh.main() == 2
    assert "did you mean 'us_revenue'?" in capsys.readouterr().err
