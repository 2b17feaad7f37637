"""Fit one model: the process behind `mmm_posterior`.

It is told through Pipes what to read (`table`, `spec`, `lift_tests`), which version that makes and what to write: the
posterior, for the review the same fit without the last weeks, what the lift tests moved, for which it may fit again
without some, and what changed since an earlier posterior, for which it fits with inputs swapped. It reports its
progress and puts each file in place whole. It needs `mmm_core` and `dagster_pipes`, no orchestrator. It does one such
fit, or stays for the next of whoever started it (`assets.resources.kept_fit`).
"""

import json
import os
import resource
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_pipes import (
    PipesContext,
    PipesDefaultContextLoader,
    PipesDefaultMessageWriter,
    PipesMappingParamsLoader,
)

if TYPE_CHECKING:
    from pandas import DataFrame
    from xarray import DataTree

    from mmm_core.inference.hmc.state import Progress

REPORT_SECONDS = 2.0
SERVE = "--serve"  # followed by the number of a socket
ASKED_BYTES = 2**20
LARGE_BYTES = 2 * 2**30
"""A process that has grown to so much is not kept: what comes after its fit wants the memory."""
_extensions: set[str] = set()
"""Modules of a user's own that this process has imported."""


def main() -> int:
    end_with_parent(os.getppid())
    if SERVE in sys.argv[1:]:
        return serve(socket.socket(fileno=int(sys.argv[sys.argv.index(SERVE) + 1])))
    return fitted(os.environ)


def serve(asked: socket.socket) -> int:
    """One fit after the other, each told by a line of JSON what a process of its own would have in its environment.

    With the line come the standard output and error of whoever asks. The answer is that it has begun, then the exit
    code and whether the process stays.
    """
    from mmm_core.json_text import dumps

    get_ready()

    with asked, open(os.devnull, "wb") as nowhere:
        while True:
            line, streams, _, _ = socket.recv_fds(asked, ASKED_BYTES, 2)
            if not line:  # whoever started this process is done with it
                return 0
            for stream, number in zip(streams, (1, 2), strict=True):
                os.dup2(stream, number)
                os.close(stream)
            asked.sendall(dumps({"begun": True}).encode() + b"\n")
            code = fitted(json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            for number in (1, 2):  # the files of a step that has ended are nobody's to hold open
                os.dup2(nowhere.fileno(), number)
            keep = code == 0 and stays()
            asked.sendall(dumps({"code": code, "stays": keep}).encode() + b"\n")
            if not keep:
                return code


def stays() -> bool:
    """Whether this process is there for the next fit.

    Not where it has grown large, where it has imported a user's own modules, which may change, and where it holds
    memory of an accelerator, which whatever comes after the fit needs.
    """
    import jax

    return _resident_bytes() < LARGE_BYTES and not _extensions and jax.default_backend() == "cpu"


def get_ready() -> None:
    """Import what a fit takes, while nobody waits for it."""
    import mmm_core.agreement.report
    import mmm_core.inference.fit  # noqa: F401


def fitted(told: Mapping[str, str]) -> int:
    """What Pipes says in the environment, or in what stands for it, done; the exit code."""
    loader = PipesMappingParamsLoader(told)
    # not `open_dagster_pipes`, which knows one context a process
    with PipesContext(loader, PipesDefaultContextLoader(), PipesDefaultMessageWriter()) as pipes:
        try:
            _end_when_stuck(pipes)
            fit_model(pipes)
        except Exception as error:
            traceback.print_exc()
            pipes.report_custom_message({"failure": why(error)})
            return 1
    return 0


def _resident_bytes() -> int:
    """Memory of this process; the most it ever was where the system does not say how much it is."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def why(error: Exception) -> str:
    """What a person at the terminal, the event log and an alert are told of a fit that failed."""
    from mmm_core.errors import InputError, OutOfSpace

    if isinstance(error, InputError | OutOfSpace):
        return str(error)
    what = f"the fit failed with {type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return (
            f"{what}: memory ran out: take fewer `draws` or `chains` in the model's YAML, or a larger machine"
        )
    return f"{what}; the run's log holds the traceback"


def fit_model(pipes: PipesContext) -> None:
    """Read once, fit as often as asked, and put each posterior in place.

    Raises:
        InputError: table or specification are not the ones that the version was made of.
    """
    from mmm_core.data.table import check_table, fingerprint, read_table
    from mmm_core.errors import InputError
    from mmm_core.evidence.stored import read_evidence
    from mmm_core.inference.fit import fit_and_save, refit
    from mmm_core.inference.version import posterior_version
    from mmm_core.plural import plural
    from mmm_core.posterior.schema import load_posterior
    from mmm_core.spec.model_spec import load_spec

    source = pipes.get_extra("table")
    spec, table = load_spec(pipes.get_extra("spec")), read_table(source)
    lift_tests = read_evidence(pipes.get_extra("lift_tests"))
    _extensions.update(spec.extensions)
    version = posterior_version(fingerprint(check_table(table, spec, source)), spec, lift_tests)
    if version != pipes.get_extra("version"):
        raise InputError(
            f"{source}, its lift tests, the specification of {spec.model} or the source of the library changed since "
            "the run began: start it again"
        )
    if asked := pipes.extras.get("change"):
        what_changed(pipes, table, source, Path(asked["previous"]), Path(asked["target"]))
    whole = None
    for wanted in pipes.get_extra("fits"):
        holdout_weeks, target = wanted["holdout_weeks"], Path(wanted["posterior"])
        if holdout_weeks:
            pipes.log.info(f"again without the last {plural(holdout_weeks, 'week')}, for the review")
        try:
            if holdout_weeks:
                # where a refit starts says what it draws: read from the file, the same whether the fit ran just now
                if whole is None:
                    whole = load_posterior(Path(pipes.get_extra("posterior")))
                if holdout_weeks not in spec.review.held_out(whole["constant_data"].sizes["week"]):
                    pipes.log.info("left out: too few weeks would be left to learn from")
                    continue
                refit(table, spec, whole, holdout_weeks, target, **_settings(pipes, source, target))
            else:
                fit_and_save(table, spec, target, lift_tests=lift_tests, **_settings(pipes, source, target))
        except InputError as error:
            if not holdout_weeks:
                raise
            pipes.log.warning(f"no holdout: {error}")  # the review says that it was not run
            continue
        for stale in target.parent.glob("*.checkpoint*"):  # of fits never run again, or put aside
            stale.unlink(missing_ok=True)
    if report := pipes.extras.get("report"):
        whole = load_posterior(Path(pipes.get_extra("posterior"))) if whole is None else whole
        try:
            report_on_tests(pipes, whole, table, source, Path(report))
        except InputError as error:
            if not pipes.get_extra("fits"):
                raise
            pipes.log.warning(f"no report of the lift tests: {error}")  # its asset makes it, or says why not


def report_on_tests(
    pipes: PipesContext, whole: "DataTree", table: "DataFrame", source: str, target: Path
) -> None:
    """What the lift tests moved, into a file with its checksum.

    Raises:
        InputError: of a refit.
    """
    from mmm_core.agreement.report import calibration_report
    from mmm_core.agreement.stored import to_json
    from mmm_core.files import write_checked

    text = to_json(calibration_report(whole, table, _reporter(pipes), source=source))
    write_checked(target, lambda partial: partial.write_text(text, encoding="utf-8"))


def what_changed(pipes: PipesContext, table: "DataFrame", source: str, previous: Path, target: Path) -> None:
    """What changed since an earlier posterior and why, by refits with one input swapped at a time, into a file.

    Raises:
        InputError: of a refit.
    """
    from mmm_core.files import write_checked
    from mmm_core.posterior.schema import load_posterior
    from mmm_core.report.change import change
    from mmm_core.report.change_stored import to_json

    now = load_posterior(Path(pipes.get_extra("posterior")))
    text = to_json(change(load_posterior(previous), now, table, _reporter(pipes), source))
    write_checked(target, lambda partial: partial.write_text(text, encoding="utf-8"))


def _settings(pipes: PipesContext, source: str, target: Path) -> dict[str, Any]:
    """How a fit is run whose posterior goes to `target`; what a process that was killed left there is taken away."""
    from mmm_core.files import partial_name

    for abandoned in target.parent.glob(partial_name(target, "*").name):
        abandoned.unlink(missing_ok=True)
    return {
        "source": source,
        "progress": _reporter(pipes),
        "checkpoint": target.with_suffix(
            ".checkpoint"
        ),  # a fit that was killed goes on from there when run again
    }


def _reporter(pipes: PipesContext) -> "Callable[[Progress], None]":
    """Progress in the run's log: every phase once, and then every few seconds."""
    from mmm_core.plural import plural

    last = {"phase": "", "time": 0.0}

    def report(progress: "Progress") -> None:
        now = time.monotonic()
        if (
            progress.phase == last["phase"]
            and not progress.message
            and now - last["time"] < REPORT_SECONDS
            and progress.done < progress.total
        ):
            return
        last.update(phase=progress.phase, time=now)
        share = f" {progress.done}/{plural(progress.total, 'iteration')} a chain" if progress.done else ""
        divergences = f", {plural(progress.divergences, 'divergence')}" if progress.divergences else ""
        accepted = (
            f", acceptance {progress.acceptance:.2f}" if progress.acceptance == progress.acceptance else ""
        )
        rhat = f", R-hat {progress.rhat:.3f}" if progress.rhat == progress.rhat else ""
        message = f": {progress.message}" if progress.message else ""
        pipes.log.info(
            f"{progress.phase}{share}{divergences}{accepted}{rhat}, {progress.seconds:.1f} s{message}"
        )

    return report


def _end_when_stuck(pipes: PipesContext) -> None:
    """A fit that computes nothing any more says so and ends; the next run goes on from its checkpoint."""
    from mmm_core.inference.watchdog import when_stuck

    def end(reason: str) -> None:
        sys.stderr.write(f"{reason}\n")
        sys.stderr.flush()
        pipes.report_custom_message({"failure": reason})
        pipes.close()
        os._exit(1)

    when_stuck(end)


def end_with_parent(parent: int) -> None:
    """A run that is killed takes its fit along: nobody would read the result, and the next run wants the cores."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
