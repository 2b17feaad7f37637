"""Several weeks of a model on two cores: a process beside this one fits them, and this one reads the fits.

A week's fit needs nothing of the week before it. What is read from it does, so that weeks are read one after the other,
the oldest first. The process beside this one runs the part of each week's job that ends with `mmm_posterior`, as a run
of its own, and says of each week whether it is fitted. One that is not, for whatever reason, is for whoever reads to
try again.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from assets.models import Vintage, vintage_of
from mmm_core.json_text import dumps
from orchestration import resources, stopping
from orchestration.follow import waits_told
from orchestration.foreground import Foreground
from orchestration.pipes.fit import end_with_parent
from orchestration.terminal import plain_console

UP_TO_THE_FIT = ("model_table", "data_health", "geo_lift", "lift_evidence", "mmm_posterior")
"""Assets of a week's job that the process beside runs: `mmm_posterior` and all that it needs."""
LOOK_SECONDS = 0.1
END_SECONDS = 20.0


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
        fitted: by week, the version of its posterior; "" where its run failed.
        told: lines for the terminal that nobody has seen yet.
        doing: what it is at.
    """

    process: "subprocess.Popen[bytes]"
    fitted: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    doing: str = ""
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
        if "tell" in said:
            self.told.append(said["tell"])
        self.doing = said.get("say", self.doing)

    def _tell(self, foreground: Foreground) -> None:
        while self.told:
            foreground.tell(self.told.pop(0))

    def wait(self, week: Week, foreground: Foreground) -> str:
        """Version of a week's posterior once it is fitted; "" once it is known that it will not be.

        What the process beside does meanwhile is shown, and a signal is heard.
        """
        while week.name not in self.fitted and not self.ended.wait(LOOK_SECONDS):
            foreground.say(self.doing)
            self._tell(foreground)
        self._tell(foreground)  # what came while a week was read
        return self.fitted.get(week.name, "")


@contextmanager
def fits_ahead(weeks: Sequence[Week], jobs: tuple[str, str]) -> Iterator[FitsAhead]:
    """Have weeks fitted by a process beside this one, which ends with the block.

    Args:
        weeks: in the order in which they are fitted.
        jobs: module, and its function from name to job.
    """
    # a channel of its own: whatever a step prints goes where this process prints
    reads, writes = os.pipe()
    names = [week.name for week in weeks]
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, *names, "--jobs", *jobs, "--channel", str(writes)],
        pass_fds=[writes],
        start_new_session=True,
    )
    os.close(writes)
    ahead = FitsAhead(process)
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

    def fit(self, name: str) -> None:
        """Run a week's job up to its posterior, and say what came of it."""
        job, _, partition = name.partition(":")
        failed = len(self.failed)
        made = self.run(job, vintage_of(partition), only=UP_TO_THE_FIT)
        succeeded = len(self.failed) == failed  # a blocking check fails a run that has made its posterior
        posterior = (
            made["mmm_posterior"]["posterior_version"] if succeeded and "mmm_posterior" in made else ""
        )
        self._send(week=name, posterior=posterior)

    def _send(self, **words: str) -> None:
        os.write(self.channel, f"{dumps(words)}\n".encode())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weeks", nargs="+", help="job:partition")
    parser.add_argument("--jobs", nargs=2, required=True)
    parser.add_argument("--channel", type=int, required=True, help="number of the pipe to speak into")
    options = parser.parse_args()
    end_with_parent(os.getppid())
    os.set_inheritable(options.channel, False)
    beside = Beside(plain_console(sys.stderr), jobs=tuple(options.jobs), channel=options.channel)
    try:
        with stopping.stoppable(), waits_told(beside.tell):
            resources.fit_process().begin()
            for name in options.weeks:
                beside.fit(name)
    except stopping.Stopped as stopped:
        return stopped.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
