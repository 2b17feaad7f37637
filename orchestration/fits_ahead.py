"""Several weeks of a model on two cores: a process beside this one fits them, and this one reads the fits.

A week's fit needs nothing of the week before it. What is read from it does, so that weeks are read one after the other,
the oldest first. While this process has nothing to read, it makes the inputs of weeks to come; the process beside is
told which weeks have theirs, runs `mmm_posterior` of each, as a run of its own, and says of each week whether it is
fitted. A week that it would have to wait for it takes as it is, and makes the inputs itself. One that is not fitted,
for whatever reason, is for whoever reads to try again.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

import dagster as dg

from assets.models import Vintage, vintage_of
from mmm_core.json_text import dumps
from orchestration import resources, stopping
from orchestration.follow import waits_told
from orchestration.foreground import Foreground
from orchestration.pipes.fit import end_with_parent
from orchestration.terminal import plain_console

INPUTS = ("model_table", "data_health", "geo_lift", "lift_evidence")
"""Assets of a week's job that its fit needs."""
FIT = ("mmm_posterior",)
UP_TO_THE_FIT = (*INPUTS, *FIT)
LOOK_SECONDS = 0.1
END_SECONDS = 20.0
BUSY_WITH = 2
"""Weeks that the process beside should have been asked for and not have done: the one it is at, and the next."""
READING = ("mmm_core.review", "mmm_core.budget.allocation", "mlflow.pyfunc")
"""Modules that reading a fit imports, and that take seconds."""
FITTING = ("mmm_core.diagnostics.summary", "mlflow")
"""And those that a fit's run imports."""


@dataclass(frozen=True)
class Week:
    """A week of a model, and the job that it is refreshed by."""

    job: str
    vintage: Vintage

    @property
    def name(self) -> str:
        return f"{self.job}:{self.vintage.key}"


@dataclass
class FitsAhead:
    """The process beside this one, as far as it is.

    Attributes:
        asks: what it is asked to do is written here.
        left: weeks that it is not asked to fit yet, the oldest first.
        at_it: weeks that it was asked to fit and has not done.
        fitted: by week, the version of its posterior; "" where its run failed.
        told: lines for the terminal that nobody has seen yet.
        doing: what it is at.
        is_ready: whether this process has imported what reading a fit takes.
    """

    asks: IO[bytes] | None = None
    left: list[Week] = field(default_factory=list)
    at_it: set[str] = field(default_factory=set)
    fitted: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    doing: str = ""
    is_ready: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def listen(self, said: IO[bytes]) -> None:
        """Take in what the process says until it ends."""
        try:
            with said:
                for line in said:
                    self._take(json.loads(line))
        except ValueError:  # the last line of one that was killed
            pass
        finally:
            self.ended.set()

    def _take(self, said: Mapping[str, str]) -> None:
        if "week" in said:
            self.fitted[said["week"]] = said["posterior"]
            self.at_it.discard(said["week"])
        if "tell" in said:
            self.told.append(said["tell"])
        self.doing = said.get("say", self.doing)

    def _tell(self, foreground: Foreground) -> None:
        while self.told:
            foreground.warn(self.told.pop(0))

    def wait(self, week: Week, foreground: Foreground) -> str:
        """Version of a week's posterior once it is fitted; "" once it is known that it will not be.

        Meanwhile inputs of weeks to come are made. What the process beside does is shown, and a signal is heard.
        """
        while week.name not in self.fitted and not self.ended.is_set():
            if self.left:
                self._ask(foreground, self.left.pop(0), with_inputs=True)
            elif not self.ended.wait(LOOK_SECONDS):
                foreground.say(self.doing)
            if len(self.at_it) >= BUSY_WITH:
                self._get_ready()
            self._tell(foreground)
        self._tell(foreground)  # what came while a week was read
        while self.left and len(self.at_it) < BUSY_WITH and not self.ended.is_set():
            self._ask(
                foreground, self.left.pop(0), with_inputs=False
            )  # it may be done before this week is read
        return self.fitted.get(week.name, "")

    def _ask(self, foreground: Foreground, week: Week, with_inputs: bool) -> None:
        """Ask the process for a week's fit, after its inputs were made here, or with them."""
        if with_inputs and not foreground.makes(week.job, week.vintage, INPUTS):
            self.fitted[week.name] = ""
            return
        words = dumps({"week": week.name, "only": list(FIT if with_inputs else UP_TO_THE_FIT)})
        assert self.asks is not None
        self.at_it.add(week.name)
        try:
            self.asks.write(f"{words}\n".encode())
            if not self.left:  # the process ends when it has fitted this one
                self.asks.close()
        except BrokenPipeError:  # it has ended, of which `ended` tells
            pass

    def _get_ready(self) -> None:
        """Import what reading a fit takes, while the first is made."""
        if not self.is_ready:
            self.is_ready = True
            for module in READING:
                importlib.import_module(module)


@contextmanager
def fits_ahead(jobs: tuple[str, str]) -> Iterator[FitsAhead]:
    """A process beside this one that fits weeks as it is asked, and ends with the block.

    It imports what it takes at once; `FitsAhead.left` is set when the weeks are known.

    Args:
        jobs: module, and its function from name to job.
    """
    # channels of their own: whatever a step prints goes where this process prints
    (reads, says), (hears, asks) = os.pipe(), os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, "--jobs", *jobs, "--channels", str(hears), str(says)],
        pass_fds=[hears, says],
        start_new_session=True,
    )
    os.close(says)
    os.close(hears)
    with os.fdopen(asks, "wb", buffering=0) as asking:
        ahead = FitsAhead(asking)
        threading.Thread(
            target=ahead.listen, args=[os.fdopen(reads, "rb")], name="fits ahead", daemon=True
        ).start()
        try:
            yield ahead
        finally:
            if process.poll() is None:
                process.terminate()  # its run is cancelled in good order
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass
class Beside(Foreground):
    """Runs in the process beside: its lines go to whoever started it."""

    channel: int = -1

    def say(self, what: str) -> None:
        self._send(say=what)

    def tell(self, what: str) -> None:
        self._send(tell=what)

    warn = tell  # whoever reads tells it, once

    def get_ready(self) -> None:
        """Import and open what a fit takes, before the first is asked for."""
        dg.build_reconstructable_job(*self.jobs, ("refresh_past_week",)).get_definition()
        _ = self.instance
        for module in FITTING:
            importlib.import_module(module)

    def fit(self, name: str, only: Collection[str]) -> None:
        """Run the part of a week's job that ends with its posterior, and say what came of it."""
        job, _, partition = name.partition(":")
        failed = len(self.failed)
        made = self.run(job, vintage_of(partition), only=only)
        succeeded = len(self.failed) == failed  # a blocking check fails a run that has made its posterior
        posterior = (
            made["mmm_posterior"]["posterior_version"] if succeeded and "mmm_posterior" in made else ""
        )
        self._send(week=name, posterior=posterior)

    def _send(self, **words: str) -> None:
        os.write(self.channel, f"{dumps(words)}\n".encode())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", nargs=2, required=True)
    parser.add_argument(
        "--channels", nargs=2, type=int, required=True, help="pipes to hear from and to say to"
    )
    options = parser.parse_args()
    end_with_parent(os.getppid())
    hears, says = options.channels
    for channel in options.channels:
        os.set_inheritable(channel, False)
    beside = Beside(plain_console(sys.stderr), jobs=tuple(options.jobs), channel=says)
    try:
        with stopping.stoppable(), waits_told(beside.tell), os.fdopen(hears, "rb") as asked:
            resources.fit_process().begin()
            beside.get_ready()
            for line in asked:
                week = json.loads(line)
                beside.fit(week["week"], week["only"])
    except stopping.Stopped as stopped:
        return stopped.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
