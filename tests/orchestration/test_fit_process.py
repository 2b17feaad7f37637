"""Why a fit failed reaches the terminal, the alert and the event log, and a fit ends with its run."""

import os
import signal
import subprocess
import sys
import textwrap

import dagster as dg
import pytest

from assets.resources.fitting import FitProcess, why_it_ended
from assets.resources.settings import REPOSITORY
from orchestration.reasons import reason_of
from orchestration.sensors import alerts_of
from tests.disks import disk
from tests.orchestration.house import MODEL, SPEC, failure, vintage
from tests.orchestration.test_faults import UP_TO_POSTERIOR, fits_running
from tests.waiting import HANGS, Stopwatch, wait_for


def fit_process(*command: str) -> FitProcess:
    return FitProcess(command=list(command), environment={}, folder=str(REPOSITORY))


def fitted(process: FitProcess, **extras) -> tuple[dg.ExecuteInProcessResult, dg.DagsterInstance]:
    """A run whose only step is a fit."""

    @dg.asset
    def posterior(context: dg.AssetExecutionContext, fit_process: FitProcess) -> dg.MaterializeResult:
        fit_process.run(context, extras)
        return dg.MaterializeResult()

    return dg.materialize([posterior], resources={"fit_process": process}, raise_on_error=False)


def failed(result) -> str:
    (event,) = result.filter_events(lambda event: event.is_step_failure)
    return reason_of(event)


def test_the_reason_of_the_entry_point_is_the_reason_of_the_step(tmp_path):
    spec = tmp_path / "brand [x].yaml"
    spec.write_text("model: brand\nkpis: {column: revenue}\n")
    result = fitted(
        fit_process(sys.executable, "-m", "orchestration.pipes.fit"), spec=str(spec), table="t", version="v"
    )
    words = failed(result)
    assert str(spec) in words
    assert "kpis" in words
    assert "code 1" not in words


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sh", "-c", "kill -9 $$"], ["SIGKILL", "memory ran out", "last checkpoint"]),
        (["sh", "-c", "kill -11 $$"], ["SIGSEGV"]),
        (["sh", "-c", "exit 3"], ["exit code 3", "the run's log"]),
    ],
)
def test_a_fit_that_ended_without_a_word_is_said_to_have(command, words):
    message = failed(fitted(fit_process(*command)))
    for word in words:
        assert word in message


def test_a_reason_that_was_given_counts_more_than_how_the_process_ended():
    assert (
        why_it_ended(-signal.SIGSEGV, [{"other": 1}, {"failure": "no room for p.nc"}]) == "no room for p.nc"
    )


# A fit whose threads wait for ever, watched as every fit is.
STANDS_STILL = """
import threading
from mmm_core.inference import watchdog
watchdog.LOOK_SECONDS, watchdog.IDLE_LOOKS, watchdog.IDLE_SHARE = 0.5, 3, 0.3
from orchestration.pipes import fit

def never(pipes):
    with watchdog.watched(None):
        threading.Event().wait()

fit.fit_model = never
raise SystemExit(fit.main())
"""


def test_a_fit_that_computes_nothing_ends_with_the_reason():
    words = failed(fitted(fit_process(sys.executable, "-c", STANDS_STILL)))
    assert "the fit has computed nothing" in words
    assert "PJRT_NPROC=16" in words


@pytest.mark.slow
def test_a_fit_on_a_full_disk_says_so_everywhere_and_the_next_run_works(new_house, monkeypatch):
    """The disk is full for the fit alone: a limit on the size of its files stands for it."""
    from orchestration import resources
    from orchestration.definitions import definitions

    house = new_house
    whole = resources.fit_process()
    with monkeypatch.context() as full:
        limited = ["sh", "-c", f"ulimit -f 64; exec {sys.executable} -m orchestration.pipes.fit"]
        full.setattr(resources, "fit_process", lambda: fit_process(*limited))
        result = house.refresh(only=UP_TO_POSTERIOR)
    folder = house.posteriors.path(vintage(), "any").parent
    words = failure(result, "mmm_posterior")
    for word in (str(folder), "could not be written", "make room"):
        assert word in words
    run = house.instance.get_run_by_id(result.run_id)
    (event,) = result.filter_events(lambda event: event.event_type_value == "PIPELINE_FAILURE")
    context = dg.build_run_status_sensor_context(
        "alert_owners", event, house.instance, run, repository_def=definitions().get_repository_def()
    ).for_run_failure()
    assert all("make room" in alert.body for alert in alerts_of(context))
    assert not list(folder.glob("*.nc"))

    monkeypatch.setattr(resources, "fit_process", lambda: whole)
    assert house.refresh(only=UP_TO_POSTERIOR).success
    house.posteriors.load(vintage(), house.posteriors.current(vintage()))


# The fit with a checkpoint after every block, as one that takes hours has; `limits` is put before it.
KEEPS_CHECKPOINTS = """
{limits}
from mmm_core.inference.hmc import sampler
sampler.CHECKPOINT_SECONDS = 0.0
from orchestration.pipes.fit import main
raise SystemExit(main())
"""
ROOM = 256 * 1024  # of a disk or a file: the draws' checkpoint fits twice, the posterior does not


@pytest.fixture
def small_disk(request, new_house):
    """A folder of posteriors without room for one; what its fit is limited by, if not by the disk; what makes room."""
    folder = new_house.posteriors.path(vintage(), "any").parent
    folder.mkdir(parents=True)
    if request.param == "file size":
        pytest.importorskip("resource")
        limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({ROOM}, {ROOM}))"
        yield folder, limit, lambda: None
        return
    with disk(folder, ROOM):
        yield folder, "", lambda: subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("small_disk", ["disk", "file size"], indirect=True)
def test_a_posterior_without_room_leaves_the_draws_and_the_next_run_goes_on_from_them(
    new_house, small_disk, monkeypatch, capfd
):
    from orchestration import resources

    house, (folder, limits, make_room) = new_house, small_disk
    with monkeypatch.context() as full:
        code = KEEPS_CHECKPOINTS.format(limits=limits)
        full.setattr(resources, "fit_process", lambda: fit_process(sys.executable, "-c", code))
        words = failure(house.refresh(only=UP_TO_POSTERIOR), "mmm_posterior")
    assert "could not be written" in words
    assert "make room" in words
    (kept,) = folder.iterdir()
    assert kept.suffix == ".checkpoint"
    capfd.readouterr()

    make_room()
    assert house.refresh(only="mmm_posterior").success
    done = SPEC["fit"]["warmup"] + SPEC["fit"]["draws"]
    assert f"going on from the checkpoint at iteration {done}" in capfd.readouterr().err
    version = house.posteriors.current(vintage())
    house.posteriors.load(vintage(), version)
    assert {file.name for file in folder.iterdir()} == {f"{version}.nc", "current.json"}


@pytest.mark.slow
def test_ctrl_c_in_a_fit_ends_it_and_nothing_of_an_earlier_posterior_is_printed(new_house):
    house = new_house
    house.write_spec(fit={"chains": 2, "draws": 100_000, "target_accept": 0.99, "seed": 3})
    script = f"""
        import sys
        from pathlib import Path
        from assets.models import Vintage
        from orchestration.command import command
        from orchestration.results import show

        def work(foreground):
            vintage = Vintage("{MODEL}", "{vintage().as_of_week}")
            with foreground.phase("Model"):
                made = foreground.run("refresh_model", vintage)
            with foreground.phase("Report"):
                foreground.run("report")
            show(foreground.console, vintage, made)

        sys.exit(command(Path("{house.root / "run.log"}"), work, again="make refresh MODEL={MODEL}"))
    """
    run = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: fits_running(house) or run.poll() is not None)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: everything in front hears it
    with Stopwatch() as end:
        printed, _ = run.communicate(timeout=HANGS)
    assert end.seconds < 120
    assert run.returncode == 130, printed
    assert not fits_running(house)
    assert "promoted" not in printed
    assert "Traceback" not in printed
    assert printed.strip().splitlines()[-1].startswith("stopped by SIGINT: Model. make refresh")
    (found,) = house.instance.get_runs()
    assert found.status == dg.DagsterRunStatus.CANCELED
    assert house.instance.event_log_storage.get_concurrency_run_ids() == set()
