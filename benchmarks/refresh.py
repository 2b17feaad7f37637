"""Processor seconds of one further week of a national model, step by step.

python -m benchmarks.refresh

The sample world is refreshed as of the week before its last, which compiles what there is to compile, and then, in a
process of its own that is measured, as of its last week: ingest, marts, fit, review, results, publication. A second
national model then follows in the same process, and the same again without its long term: the difference is what that
adds to a refresh.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from benchmarks.common.machine import finish, machine, rounded

MODEL, SECOND, SHORT = "us_revenue", "us_revenue_again", "us_revenue_short"
ROOT = Path(__file__).parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--measured", help=argparse.SUPPRESS
    )  # the process that is measured: as of which week
    options = parser.parse_args()
    if options.measured:
        measured(options.measured)
        return
    started_with = machine()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        environment = {**os.environ, **place(root)}
        last = last_week(environment)
        for week in (last - timedelta(weeks=1), last):
            subprocess.run(
                [sys.executable, "-m", "benchmarks.refresh", "--measured", str(week)],
                env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL if week != last else None,
            )  # fmt: skip
    finish("refresh", started_with)


def place(root: Path) -> dict[str, str]:
    """A data folder with the sample world landed, and the national models; the settings that name them."""
    from mmm_core.simulate import simulate_world, write_landing

    data, models = root / "data", root / "models"
    write_landing(simulate_world(seed=7), data / "landing")
    models.mkdir()
    for path in (ROOT / "models").glob(f"{MODEL}.*"):  # its YAML, and what that names beside it
        shutil.copy(path, models)
    spec = yaml.safe_load((models / f"{MODEL}.yaml").read_text())
    short = {name: part for name, part in spec.items() if name != "long_term"}
    for name, parts in ((SECOND, spec), (SHORT, short)):
        (models / f"{name}.yaml").write_text(yaml.safe_dump({**parts, "model": name}, sort_keys=False))
    return {"MMM_DATA_DIR": str(data), "MMM_MODELS_DIR": str(models)}


def last_week(environment: dict[str, str]) -> date:
    """Monday of the last week of the sample world, from its exports."""
    files = (Path(environment["MMM_DATA_DIR"]) / "landing" / "shopify" / "daily_orders").glob("*.csv")
    days = [line.split(",")[0] for path in files for line in path.read_text().splitlines()[1:]]
    day = date.fromisoformat(max(days))
    return day - timedelta(days=day.weekday() + (7 if day.weekday() < 6 else 0))


def measured(week: str) -> None:
    """Refresh the models as of a week in this process, and print what each step took."""
    spent = Spent()
    from rich.console import Console

    from assets.models import Vintage
    from orchestration.foreground import Foreground

    foreground = Foreground(Console(file=sys.stderr, highlight=False))
    _ = foreground.instance
    with spent.steps():
        spent.mark("ingest job")
        foreground.run("ingest")
        for model in (MODEL, SECOND, SHORT):
            spent.mark(f"refresh_model job of {model}", model)
            foreground.run("refresh_model", Vintage(model, week))
        spent.mark("report job", "")
        foreground.run("report")
    spent.mark("end")
    if foreground.failed:
        raise SystemExit(f"failed: {', '.join(foreground.failed)}")
    spent.show()


class Spent:
    """Processor and wall seconds between marks, of this process and of those it started and waited for."""

    def __init__(self) -> None:
        self.model = ""
        self.rows: list[tuple[str, str, float, float, float]] = []
        self._name, self._since = "imports and instance", now()

    def mark(self, name: str, model: str | None = None) -> None:
        here = now()
        parts = [after - before for after, before in zip(here, self._since, strict=True)]
        self.rows.append((self.model, self._name, *parts))
        self._name, self._since = name, here
        if model is not None:
            self.model = model

    @contextmanager
    def steps(self) -> Iterator[None]:
        """Mark the start and end of every step of a job."""
        from dagster._core.execution.plan import execute_plan

        run_step = execute_plan.dagster_event_sequence_for_step

        def marked(context: Any, *args: Any, **options: Any) -> Iterator[Any]:
            self.mark(context.step.key)
            yield from run_step(context, *args, **options)
            self.mark("between steps")

        execute_plan.dagster_event_sequence_for_step = marked
        try:
            yield
        finally:
            execute_plan.dagster_event_sequence_for_step = run_step

    def show(self) -> None:
        sums: dict[tuple[str, str], list[float]] = {}
        for model, name, *parts in self.rows:
            total = sums.setdefault((model, name), [0.0, 0.0, 0.0])
            for place, value in enumerate(parts):
                total[place] += value
        print(f"{'model':<18}{'step':<40}{'own':>8}{'children':>10}{'wall':>8}")
        for (model, name), (own, children, wall) in sums.items():
            print(f"{model:<18}{name:<40}{own:8.2f}{children:10.2f}{wall:8.2f}")
        processor, wall = defaultdict[str, float](float), defaultdict[str, float](float)
        for (model, _), (own, children, seconds) in sums.items():
            processor[model] += own + children
            wall[model] += seconds
        for unit, by_model in (("processor", processor), ("wall", wall)):
            figures = {
                "one further week of one model": sum(by_model.values()) - by_model[SECOND] - by_model[SHORT],
                "the second model of the run": by_model[SECOND],
                "the long term adds to it": by_model[SECOND] - by_model[SHORT],
            }
            print(f"\n{unit} seconds: " + ", ".join(f"{n} {rounded(v, 3)}" for n, v in figures.items()))


def now() -> tuple[float, float, float]:
    """Processor seconds of this process and of its children, and the clock."""
    own, children = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime, time.monotonic()


if __name__ == "__main__":
    main()
