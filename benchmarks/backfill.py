"""Twelve past weeks of a national model of the sample world, refreshed in one process: seconds, and where they go.

python -m benchmarks.backfill [--weeks 12]

The week before the first of them is refreshed first, in a process of its own, so that programs are compiled and the
first week starts warm: as on a platform that has run before. The world's exports are all of one moment, so that no
marts of a past week are built.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from benchmarks.common.machine import finish, machine, rounded
from benchmarks.refresh import MODEL, ROOT, Spent, last_week, place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weeks", type=int, default=12)
    parser.add_argument(
        "--measured", help=argparse.SUPPRESS
    )  # the process that is measured: up to which week
    options = parser.parse_args()
    if options.measured:
        measured(date.fromisoformat(options.measured), options.weeks)
        return
    started_with = machine()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **place(Path(folder))}
        last = last_week(environment)
        for week, weeks in ((last - timedelta(weeks=options.weeks), 1), (last, options.weeks)):
            subprocess.run(
                [sys.executable, "-m", "benchmarks.backfill", "--measured", str(week), "--weeks", str(weeks)],
                env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL if week != last else None,
            )  # fmt: skip
    finish("backfill", started_with)


def measured(last: date, weeks: int) -> None:
    """Refresh so many weeks up to one in this process, and print what each step took of all of them."""
    spent, started = Spent(), time.monotonic()
    from rich.console import Console

    from orchestration.foreground import Foreground
    from orchestration.refresh import refresh

    foreground = Foreground(Console(file=sys.stderr, highlight=False))
    with spent.steps():
        refresh(foreground, MODEL, str(last), weeks)
    wall = time.monotonic() - started
    spent.mark("end")
    if foreground.failed:
        raise SystemExit(f"failed: {', '.join(foreground.failed)}")
    spent.show()
    processor = sum(own + children for _, _, own, children, _ in spent.rows)
    print(
        f"{weeks} weeks: {wall:.0f} s, {processor:.0f} processor seconds, {rounded(processor / weeks, 3)} a week"
    )


if __name__ == "__main__":
    main()
