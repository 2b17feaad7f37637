"""What goes wrong on a Monday: MLflow away, a run killed in its fit, two runs at once, a YAML with a typo."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import dagster as dg
import pytest

from mmm_core.files import partial_name
from orchestration.instance import prepare
from tests.orchestration.house import (
    LAST_WEEK,
    MODEL,
    NEXT_WEEK,
    SPEC,
    failure,
    materialized,
    metadata,
    vintage,
)
from tests.waiting import Stopwatch, wait_for

UP_TO_POSTERIOR = "model_table lift_evidence mmm_posterior"


def run_elsewhere(house, week, only=UP_TO_POSTERIOR) -> subprocess.Popen:
    """The same run in a process of its own, as a run worker is one."""
    script = f"""
        import dagster as dg

        tags = {{"dagster/partition": "{week}|{MODEL}"}}
        tags |= {{"dagster/partition/model": "{MODEL}", "dagster/partition/as_of_week": "{week}"}}
        result = dg.execute_job(
            dg.build_reconstructable_job("orchestration.definitions", "job_named", ("refresh_model",)),
            instance=dg.DagsterInstance.get(), tags=tags,
            asset_selection=[dg.AssetKey(name) for name in "{only}".split()],
        )
        raise SystemExit(0 if result.success else 1)
    """
    log = (house.root / f"run-{week}.log").open("wb")
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=log, stderr=log)


def fits_running(house) -> list[int]:
    """Processes that fit something of this house."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with (
                open(f"/proc/{entry}/cmdline", "rb") as command,
                open(f"/proc/{entry}/environ", "rb") as environ,
            ):
                if (
                    b"orchestration.pipes.fit" in command.read()
                    and str(house.root).encode() in environ.read()
                ):
                    found.append(int(entry))
        except OSError:  # ended meanwhile, or not ours
            continue
    return found


@pytest.mark.slow
def test_mlflow_away_keeps_the_posterior_and_it_can_be_registered_afterwards(house, monkeypatch):
    with socket.socket() as reserved:  # a port that nothing listens on
        reserved.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        monkeypatch.setenv("MMM_MLFLOW_URI", uri)
        with Stopwatch() as refresh:
            result = house.refresh(only=f"{UP_TO_POSTERIOR} registered_model roi")
    assert materialized(result) == {"model_table", "lift_evidence", "mmm_posterior"}
    message = failure(result, "registered_model")
    assert uri in message
    assert "MMM_MLFLOW_URI" in message
    assert "kept" in message
    version = house.posteriors.current(vintage())
    assert refresh.seconds < 120

    monkeypatch.delenv("MMM_MLFLOW_URI")
    later = house.refresh(only="registered_model roi")
    assert later.success
    assert metadata(later, "roi")["posterior_version"] == version


@pytest.mark.slow
def test_a_run_killed_in_its_fit_leaves_nothing_half_written_and_a_rerun_the_same_version(new_house):
    house = new_house
    # long enough to be killed in
    house.write_spec(fit={**SPEC["fit"], "draws": 100_000, "target_accept": 0.99})
    run = run_elsewhere(house, LAST_WEEK)
    fitting = wait_for(lambda: fits_running(house))
    folder = house.posteriors.path(vintage(), "any").parent
    time.sleep(3)
    assert run.poll() is None
    run.send_signal(signal.SIGKILL)
    run.wait()
    wait_for(lambda: not fits_running(house), 20)  # the fit does not outlive its run
    assert fitting
    assert list(folder.glob("*.nc")) == []
    with pytest.raises(FileNotFoundError):
        house.posteriors.current(vintage())

    (dead,) = house.instance.get_runs()
    assert not dead.is_finished
    prepare(house.warehouse, house.tracking)  # as every start does
    assert house.instance.get_run_by_id(dead.run_id).status == dg.DagsterRunStatus.FAILURE
    house.write_spec()
    (folder.parent / str(LAST_WEEK)).mkdir(parents=True, exist_ok=True)
    first = house.refresh(only=UP_TO_POSTERIOR)
    version = house.posteriors.current(vintage())
    path = house.posteriors.path(vintage(), version)
    partial_name(path, "123").write_bytes(b"half")  # what a power cut leaves
    path.unlink()
    again = house.refresh(only=UP_TO_POSTERIOR)
    assert metadata(first, "mmm_posterior")["fitted"] is metadata(again, "mmm_posterior")["fitted"] is True
    assert house.posteriors.current(vintage()) == version
    assert {file.name for file in folder.iterdir()} == {f"{version}.nc", "current.json"}


@pytest.mark.slow
def test_a_damaged_posterior_is_fitted_again(house):
    assert house.refresh(only=UP_TO_POSTERIOR).success
    path = house.posteriors.path(vintage(), house.posteriors.current(vintage()))
    damaged = bytearray(path.read_bytes())
    for place in range(len(damaged) // 2, len(damaged) // 2 + 64):
        damaged[place] ^= 255
    path.write_bytes(damaged)
    again = house.refresh(only="mmm_posterior")
    assert metadata(again, "mmm_posterior")["fitted"] is True
    assert f"{path.name}: damaged; put aside as" in metadata(again, "mmm_posterior")["damaged_files"]
    house.posteriors.load(vintage(), path.stem)


def test_a_damaged_vintage_is_frozen_again(new_house):
    assert new_house.refresh(only="model_table lift_evidence").success
    path = new_house.vintages.path(vintage(), new_house.vintages.current(vintage()))
    whole = path.read_bytes()
    path.write_bytes(whole[:-100] + bytes(100))
    stopped = new_house.refresh(only="mmm_posterior")  # whose process would read it
    assert "put aside: materialize model_table for 2026-01-05|us_revenue" in failure(stopped, "mmm_posterior")
    again = new_house.refresh(only="model_table")
    assert again.success
    assert path.read_bytes() == whole


@pytest.mark.slow
def test_of_two_runs_at_once_the_second_waits_and_nothing_is_lost(new_house):
    house = new_house
    house.write_mart(NEXT_WEEK)
    runs = [run_elsewhere(house, week) for week in (LAST_WEEK, NEXT_WEEK)]
    most = 0
    while any(run.poll() is None for run in runs):
        most = max(most, len(fits_running(house)))
        time.sleep(0.05)
    assert [run.returncode for run in runs] == [0, 0]
    assert most == 1
    spans = sorted(fit_span(house.instance, run.run_id) for run in house.instance.get_runs())
    assert spans[0][1] <= spans[1][0]
    for week in (LAST_WEEK, NEXT_WEEK):
        house.posteriors.load(vintage(week), house.posteriors.current(vintage(week)))


def fit_span(instance, run_id) -> tuple[float, float]:
    stats = {step.step_key: step for step in instance.get_run_step_stats(run_id)}
    return stats["mmm_posterior"].start_time, stats["mmm_posterior"].end_time


def test_a_yaml_with_a_typo_fails_its_own_partition_with_the_remedy(new_house):
    new_house.write_spec(kpis={"column": "revenue"})
    result = new_house.refresh(only="model_table")
    message = failure(result, "model_table")
    assert "kpis" in message
    assert "did you mean 'kpi'?" in message
    (check,) = [
        e for e in result.get_asset_check_evaluations() if e.check_name == "model_specs_are_valid"
    ] or [None]
    assert check is None or not check.passed


def test_a_folder_with_a_broken_yaml_still_loads_as_a_code_location(tmp_path):
    (tmp_path / "sound.yaml").write_text("model: sound\n")
    (tmp_path / "broken.yaml").write_text("model: [broken\n")
    (tmp_path / "no|key.yaml").write_text("model: x\n")
    code = """
from assets.models import MODELS
from orchestration.definitions import defs
defs.resolve_all_job_defs()
print(MODELS.get_partition_keys())
"""
    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "MMM_MODELS_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.splitlines()[-1] == "['broken', 'sound']"


def test_a_broken_yaml_is_named_by_a_check(new_house):
    from assets.model_inputs.model_table import model_specs_are_valid

    (new_house.root / "models" / "other.yaml").write_text("model: [broken\n")
    context = dg.build_asset_check_context()
    found = model_specs_are_valid(context)
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert "other" in found.description
