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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from assets.models import Vintage
from mmm_core.json_text import dumps

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
    """The process beside this one, as far as it is."""

    process: "subprocess.Popen[str]"
    said: dict[str, str] = field(default_factory=dict)  # by week, the posterior's version; "" without one
    ended: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said |= json.loads(line)
        self.ended.set()

    def wait(self, week: Week) -> str:
        """Version of a week's posterior once it is fitted; "" once it is known that it will not be."""
        while week.name not in self.said and not self.ended.wait(LOOK_SECONDS):
            pass
        return self.said.get(week.name, "")


@contextmanager
def fits_ahead(weeks: Sequence[Week], jobs: tuple[str, str]) -> Iterator[FitsAhead]:
    """Have weeks fitted by a process beside this one, which ends with the block.

    Args:
        weeks: in the order in which they are fitted.
        jobs: module, and its function from name to job.
    """
    command = [sys.executable, "-m", __name__, *(week.name for week in weeks), "--jobs", *jobs]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    ahead = FitsAhead(process)
    threading.Thread(target=ahead.listen, name="fits ahead", daemon=True).start()
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weeks", nargs="+", help="job:partition")
    parser.add_argument("--jobs", nargs=2, required=True)
    options = parser.parse_args()

    from assets.models import vintage_of
    from orchestration import stopping
    from orchestration.foreground import Foreground
    from orchestration.pipes.fit import end_with_parent
    from orchestration.terminal import plain_console

    end_with_parent(os.getppid())
    foreground = Foreground(plain_console(sys.stderr), jobs=tuple(options.jobs))
    try:
        with stopping.stoppable():
            for name in options.weeks:
                job, _, partition = name.partition(":")
                made = foreground.run(job, vintage_of(partition), only=UP_TO_THE_FIT)
                posterior = made.get("mmm_posterior", {}).get("posterior_version", "")
                sys.stdout.write(f"{dumps({name: posterior})}\n")
                sys.stdout.flush()
    except stopping.Stopped as stopped:
        return stopped.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
