"""Past weeks of a national model of the sample world, by `make refresh WEEKS=13`: seconds, and where they go.

python -m benchmarks.backfill [--weeks 12] [--whole]

As many past weeks as asked, and then the last week whole. A week before all of them is refreshed first, so that
programs are compiled: as on a platform that has run before. The world's exports are all of one moment, so that no marts
of a past week are built. Last, one JSON object: `past_s` is from the first past week's beginning to the last one's end,
`all_s` of the command with its start, `processor_s` of all its processes.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from benchmarks.common.machine import finish, machine, rounded
from benchmarks.refresh import MODEL, ROOT, last_week, place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weeks", type=int, default=12, help="past weeks; the last one comes on top")
    parser.add_argument("--whole", action="store_true", help="past weeks with everything the last one has")
    parser.add_argument(
        "--measured", help=argparse.SUPPRESS
    )  # the process that is measured: up to which week
    options = parser.parse_args()
    if options.measured:
        measured(date.fromisoformat(options.measured), options.weeks, options.whole)
        return
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **place(Path(folder))}
        last = last_week(environment)
        before = last - timedelta(weeks=options.weeks + 1)
        command = [sys.executable, "-m", "benchmarks.backfill", "--measured"]
        further = ["--weeks", str(options.weeks), *(["--whole"] if options.whole else [])]
        subprocess.run(
            [*command, str(before), "--weeks", "0"],
            env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        subprocess.run([*command, str(last), *further], env=environment, cwd=ROOT, check=True)


def measured(last: date, past: int, whole: bool) -> None:
    """Refresh so many weeks before one, and that one, in this process; print what each phase took."""
    started_with, started = machine(), time.monotonic()
    from rich.console import Console

    from orchestration.foreground import Foreground
    from orchestration.refresh import refresh

    foreground = Foreground(Console(file=sys.stderr, highlight=False))
    refresh(foreground, MODEL, str(last), past + 1, whole)
    seconds = time.monotonic() - started
    if foreground.failed:
        raise SystemExit(f"failed: {', '.join(foreground.failed)}")
    for phase, taken in foreground.seconds.items():
        print(f"{taken:7.1f}  {phase}")
    weeks = [taken for phase, taken in foreground.seconds.items() if phase.startswith("Model ")]
    own, others = (resource.getrusage(which) for which in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    finish(
        "backfill",
        started_with,
        past_weeks=past,
        whole=whole,
        past_s=rounded(sum(weeks[:-1]), 3),
        last_week_s=rounded(weeks[-1], 3),
        all_s=rounded(seconds, 3),
        processor_s=rounded(own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime, 3),
    )


if __name__ == "__main__":
    main()
