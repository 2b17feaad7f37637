"""`make demo`: the sample world through the whole graph, as real runs that the UI shows afterwards."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import dagster as dg
from rich.console import Console
from rich.status import Status
from rich.table import Table

from assets.models import Vintage, load_model
from assets.resources.warehouse import Warehouse
from orchestration import environments as env
from orchestration import resources
from orchestration.demo_tables import show, show_places
from orchestration.instance import prepare

MODELS = ("us_revenue", "uk_geo_revenue")
SEED = 7


def main() -> int:
    log = env.paths().root / "logs" / "demo.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with own_terminal(log) as terminal:
        console = Console(file=terminal, highlight=False)
        demo = Demo(console)
        vintages = demo.run_all()
        for vintage in vintages:
            show(console, vintage)
        demo.show_timing()
        show_places(console)
        if demo.failed:
            console.print(f"[red]failed: {', '.join(demo.failed)}[/]; the whole log is in {log}")
    return 1 if demo.failed else 0


@contextmanager
def own_terminal(log: Path) -> Iterator[TextIO]:
    """The terminal for the demo alone: what dbt, fits and libraries print goes to a log file."""
    sys.stdout.flush()
    kept = os.dup(1), os.dup(2)
    with log.open("wb") as file, os.fdopen(os.dup(1), "w") as terminal:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield terminal
        finally:
            sys.stdout.flush()
            for number, was in zip((1, 2), kept, strict=True):
                os.dup2(was, number)
                os.close(was)


@dataclass
class Demo:
    """Runs one phase after the other and says how far it is."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    title: str = ""
    status: Status | None = None

    def run_all(self) -> list[Vintage]:
        """Every phase; the vintages that were refreshed."""
        with self.phase("Set up"):
            warehouse = resources.warehouse()
            instance = prepare(warehouse, resources.tracking())
            from orchestration.definitions import definitions

            defs = dg.Definitions.merge(definitions(), dg.Definitions(loggers={"follow": follower(self)}))
        with self.phase("Sample world"):
            write_world(self)
        with self.phase("Ingest and marts"):
            self.run(defs, instance, "ingest")
        vintages = [Vintage(model, last_week(warehouse, model)) for model in MODELS]
        for vintage in vintages:
            with self.phase(f"Model {vintage.model} as of {vintage.as_of_week}"):
                self.run(defs, instance, "refresh_model", vintage)
        with self.phase("Reporting marts and the published copy"):
            self.run(defs, instance, "report")
        return vintages

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        started = time.monotonic()
        self.title = title
        with self.console.status(title) as self.status:
            yield
        self.seconds[title] = time.monotonic() - started
        mark = "[red]✗[/]" if title in self.failed else "[green]✓[/]"
        self.console.print(f"{mark} {title} [dim]{self.seconds[title]:.1f} s[/]")

    def say(self, what: str) -> None:
        if self.status:
            self.status.update(f"{self.title} [dim]{what}[/]")

    def run(
        self, defs: dg.Definitions, instance: dg.DagsterInstance, job: str, vintage: Vintage | None = None
    ) -> None:
        """Run a job in this process; a failed step stops what depends on it, and the demo goes on."""
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            partition_key=vintage.key if vintage else None,
            run_config={"loggers": {"follow": {}}},
            raise_on_error=False,
        )
        if not result.success:
            self.failed.append(self.title)
        for event in result.filter_events(lambda event: event.is_step_failure):
            error = event.step_failure_data.error
            while error.cause is not None:
                error = error.cause
            self.console.print(f"[red]{event.step_key}[/]: {error.message.strip()}", markup=True)

    def show_timing(self) -> None:
        table = Table(title="Seconds", title_justify="left", show_footer=True, box=None)
        table.add_column("phase", footer="all")
        table.add_column("s", footer=f"{sum(self.seconds.values()):.1f}", justify="right")
        for title, seconds in self.seconds.items():
            table.add_row(title, f"{seconds:.1f}")
        self.console.print(table)


def follower(demo: Demo) -> dg.LoggerDefinition:
    """A logger that shows the step at work, and the progress of a fit, in place of the log."""

    class Follow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            meta = getattr(record, "dagster_meta", None) or {}
            step, event = meta.get("step_key"), meta.get("dagster_event")
            if step and event is None:
                demo.say(f"{step}: {meta.get('orig_message', record.getMessage())}".splitlines()[0][:120])
            elif step and event is not None and event.event_type_value == "STEP_START":
                demo.say(step)

    @dg.logger
    def follow(_) -> logging.Logger:
        logger = logging.Logger("demo", level=logging.DEBUG)
        logger.addHandler(Follow())
        return logger

    return follow


def write_world(demo: Demo) -> None:
    """The sample world as raw exports, unless something has landed already."""
    from mmm_core.simulate import simulate_world, write_landing, write_truth

    landing = env.paths().landing
    if any(landing.rglob("*.csv")):
        demo.say("landing files are there already")
        return
    world = simulate_world(seed=SEED)
    demo.say("writing exports")
    write_landing(world, landing)
    write_truth(world, env.paths().root / "truth")


def last_week(warehouse: Warehouse, model: str) -> str:
    """The last week that a model's mart holds."""
    spec = load_model(model)
    conditions = " and ".join(f'"{column}" = ?' for column in spec.filter) or "true"
    with warehouse.connect(read_only=True) as connection:
        (week,) = connection.execute(
            f'select max({spec.time.column})::date from marts."{spec.table}" where {conditions}',
            list(spec.filter.values()),
        ).fetchone()
    return str(week)


if __name__ == "__main__":
    sys.exit(main())
