"""`make demo`: the sample world through the whole graph, as real runs that the UI shows afterwards."""

import logging
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

warnings.filterwarnings("ignore", module="dagster|dlt|mlflow")

import dagster as dg  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from assets.models import Vintage, load_model  # noqa: E402
from assets.resources.warehouse import Warehouse  # noqa: E402
from orchestration import environments as env  # noqa: E402
from orchestration import resources  # noqa: E402
from orchestration.demo_tables import show, show_places  # noqa: E402
from orchestration.instance import prepare  # noqa: E402

MODELS = ("us_revenue", "uk_geo_revenue")
SEED = 7


def main() -> int:
    console = Console(highlight=False)
    demo = Demo(console)
    with demo.phase("Set up"):
        warehouse = resources.warehouse()
        instance = prepare(warehouse, resources.tracking())
        from orchestration.definitions import definitions

        following = dg.Definitions(loggers={"console": follower(demo)})
        defs = dg.Definitions.merge(definitions(), following)
    with demo.phase("Sample world"):
        write_world(demo)
    with demo.phase("Ingest and marts"):
        demo.run(defs, instance, "ingest")
    vintages = [Vintage(model, last_week(warehouse, model)) for model in MODELS]
    for vintage in vintages:
        with demo.phase(f"Model {vintage.model} as of {vintage.as_of_week}"):
            demo.run(defs, instance, "refresh_model", vintage)
    with demo.phase("Reporting marts and published copy"):
        demo.run(defs, instance, "report")
    for vintage in vintages:
        show(console, vintage)
    demo.show_timing()
    show_places(console)
    return 1 if demo.failed else 0


@dataclass
class Demo:
    """Runs one phase after the other and says how far it is."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    status = None

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        started = time.monotonic()
        with self.console.status(title) as self.status:
            self.title = title
            yield
        self.seconds[title] = time.monotonic() - started
        mark = "[red]✗[/]" if title in self.failed else "[green]✓[/]"
        self.console.print(f"{mark} {title} [dim]{self.seconds[title]:.1f} s[/]")

    def say(self, what: str) -> None:
        self.status.update(f"{self.title} [dim]{what}[/]")

    def run(
        self, defs: dg.Definitions, instance: dg.DagsterInstance, job: str, vintage: Vintage | None = None
    ) -> None:
        """Run a job in this process; a failed step stops what depends on it, and the demo goes on."""
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance, partition_key=vintage.key if vintage else None, raise_on_error=False
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
    def console(_) -> logging.Logger:
        logger = logging.Logger("demo", level=logging.DEBUG)
        logger.addHandler(Follow())
        return logger

    return console


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
