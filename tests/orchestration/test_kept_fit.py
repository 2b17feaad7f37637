"""A fit's process that stays: the next fit finds it; one that failed, grew or was killed is followed by another."""

import os
import signal
import subprocess
import sys
import textwrap

import dagster as dg
import pytest

from assets.resources.fitting import FitProcess
from assets.resources.kept_fit import kept_fit
from assets.resources.settings import REPOSITORY
from orchestration.reasons import reason_of
from tests.waiting import wait_for

# The entry point as it is, with another fit: it does what it is told, and writes which process it was.
SAYS_WHO = """
import os, sys, time
from pathlib import Path
from orchestration.pipes import fit

def says_who(pipes):
    Path(pipes.get_extra("file")).write_text(str(os.getpid()))
    print("a line of", pipes.get_extra("file"), flush=True)
    what = pipes.get_extra("do")
    if what == "fail":
        raise MemoryError("no room")
    if what == "be killed":
        os.kill(os.getpid(), 9)
    if what == "import":
        fit._extensions.add("my_shapes")
    if what == "grow":
        fit.LARGE_BYTES = 0
    if what == "wait":
        time.sleep(600)

fit.fit_model = says_who
fit.get_ready = lambda: None
raise SystemExit(fit.main())
"""


@pytest.fixture
def fit(tmp_path):
    """Have a fit done in a run of its own; its process's number, and why it failed where it did."""

    def fitted(
        do: str = "nothing", environment: dict[str, str] | None = None, begun: bool = True
    ) -> tuple[int, str]:
        process = FitProcess(
            command=[sys.executable, "-c", SAYS_WHO],
            environment=environment or {},
            folder=str(REPOSITORY),
        )
        if begun:
            process.begin()

        @dg.asset
        def posterior(context: dg.AssetExecutionContext, fit_process: FitProcess) -> dg.MaterializeResult:
            fit_process.run(context, {"file": str(tmp_path / "who"), "do": do})
            return dg.MaterializeResult()

        result = dg.materialize([posterior], resources={"fit_process": process}, raise_on_error=False)
        failures = result.filter_events(lambda event: event.is_step_failure)
        return int((tmp_path / "who").read_text()), "".join(reason_of(event) for event in failures)

    yield fitted
    kept_fit().close()
    kept_fit().is_wanted = False


def test_the_next_fit_is_done_by_the_same_process_and_prints_where_it_was_asked(fit, tmp_path, capfd):
    first, why = fit()
    assert why == ""
    assert capfd.readouterr().out.count("a line of") == 1
    assert fit() == (first, "")
    assert capfd.readouterr().out == f"a line of {tmp_path / 'who'}\n"
    kept_fit().close()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


@pytest.mark.parametrize(
    ("do", "words"),
    [("fail", "memory ran out"), ("be killed", "ended by SIGKILL"), ("grow", ""), ("import", "")],
)
def test_a_process_that_failed_was_killed_or_grew_is_followed_by_a_new_one(fit, do, words):
    first, _ = fit()
    second, why = fit(do)
    assert second == first
    assert words in why
    assert bool(why) == bool(words)
    third, why = fit()
    assert (third != first, why) == (True, "")


def test_another_environment_has_another_process(fit):
    first, _ = fit()
    assert fit(environment={"MMM_COMPILATION_CACHE": "elsewhere"})[0] != first


def test_a_variable_that_a_library_has_set_since_is_none_of_a_fits(fit, monkeypatch):
    monkeypatch.setenv("OF_A_PERSON", "before")
    first, _ = fit()
    monkeypatch.setenv("OF_A_LIBRARY", "as it is imported")
    assert fit()[0] == first
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    assert (second := fit()[0]) != first
    monkeypatch.setenv("OF_A_PERSON", "after")
    assert (third := fit()[0]) != second
    monkeypatch.delenv("OF_A_PERSON")
    assert fit()[0] != third


def test_a_fit_that_is_stopped_takes_its_process_along(tmp_path):
    kept = kept_fit()
    never_ready = SAYS_WHO.replace("lambda: None", "lambda: time.sleep(600)")
    kept.begin([sys.executable, "-c", never_ready], dict(os.environ), str(REPOSITORY))
    process = kept.process
    previous = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            kept.fit({})
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert process.poll() is not None
    assert kept.process is None


def test_one_that_ended_while_it_was_idle_is_replaced_before_the_fit(fit):
    first, _ = fit()
    kept = kept_fit()
    real, asked = kept._said, []

    def said(told):
        if not asked:  # killed between the look whether it is there and the question
            asked.append(kept.process.kill())
            kept.process.wait()
        return real(told)

    kept._said = said
    try:
        second, why = fit()
    finally:
        del kept._said
    assert (second != first, why) == (True, "")


def test_a_process_that_runs_one_job_keeps_none(fit, tmp_path):
    """Nobody has begun one: what a run of the daemon kept would stand idle."""
    kept_fit().is_wanted = False
    first, _ = fit(begun=False)
    assert fit(begun=False)[0] != first
    assert kept_fit().process is None


@pytest.mark.parametrize("ends", ["", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_it_ends_with_the_process_that_started_it(tmp_path, ends):
    script = f"""
        import os, sys
        from assets.resources.kept_fit import kept_fit
        kept = kept_fit()
        kept.begin([sys.executable, "-c", {SAYS_WHO!r}], dict(os.environ), {str(REPOSITORY)!r})
        print(kept.process.pid, flush=True)
        {ends}
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)

    def gone():
        try:
            os.kill(int(run.stdout), 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(gone)
