"""Jobs run in this process, one after the other, a line a phase on the terminal: for `make demo` and `make refresh`.

The runs are real ones in the deployment's Dagster instance, so the UI shows them afterwards.
"""

import logging
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TextIO

import dagster as dg
from rich.console import Console
from rich.status import Status
from rich.table import Table

from assets.model_inputs.mart import read_mart
from assets.models import Vintage, load_model
from assets.resources.warehouse import Warehouse
from orchestration import resources
from orchestration.instance import prepare


@contextmanager
def own_terminal(log: Path) -> Iterator[TextIO]:
    """The terminal for the demo alone: what dbt, fits and libraries print goes to a log file."""
    sys.stdout.flush()
    kept = os.dup(1), os.dup(2)
    log.parent.mkdir(parents=True, exist_ok=True)
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
class Foreground:
    """Runs one phase after the other and says how far it is."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    title: str = ""
    status: Status | None = None

    @cached_property
    def warehouse(self) -> Warehouse:
        return resources.warehouse()

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        return prepare(self.warehouse, resources.tracking())

    @cached_property
    def definitions(self) -> dg.Definitions:
        from orchestration.definitions import definitions

        return dg.Definitions.merge(definitions(), dg.Definitions(loggers={"follow": follower(self)}))

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

    def run(self, job: str, vintage: Vintage | None = None) -> None:
        """Run a job in this process; a failed step stops what depends on it, and the next phase goes on."""
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
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
            reason = re.sub(r"^[\w.]+: ", "", error.message.strip())  # without the class of the exception
            self.console.print(f"[red]{event.step_key}[/]: {' '.join(reason.split())}", soft_wrap=True)

    def show_timing(self) -> None:
        table = Table(title="Seconds", title_justify="left", show_footer=True, box=None)
        table.add_column("phase", footer="all")
        table.add_column("s", footer=f"{sum(self.seconds.values()):.1f}", justify="right")
        for title, seconds in self.seconds.items():
            table.add_row(title, f"{seconds:.1f}")
        self.console.print(table)


def follower(foreground: Foreground) -> dg.LoggerDefinition:
    """A logger that shows the step at work, and the progress of a fit, in place of the log."""

    class Follow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            meta = getattr(record, "dagster_meta", None) or {}
            step, event = meta.get("step_key"), meta.get("dagster_event")
            if step and event is None:
                foreground.say(
                    f"{step}: {meta.get('orig_message', record.getMessage())}".splitlines()[0][:120]
                )
            elif step and event is not None and event.event_type_value == "STEP_START":
                foreground.say(step)

    @dg.logger
    def follow(_) -> logging.Logger:
        logger = logging.Logger("foreground", level=logging.DEBUG)
        logger.addHandler(Follow())
        return logger

    return follow


def last_vintage(warehouse: Warehouse, model: str) -> Vintage:
    """The vintage of the last week that a model's table holds: as of the Monday of that week or the first one after.

    Raises:
        InputError: whatever the model's table is refused for.
    """
    import pandas as pd

    spec = load_model(model)
    weeks = read_mart(warehouse, spec, Vintage(model, str(pd.Timestamp.max.date())))[spec.time.column]
    last = min(weeks.max(), pd.Timestamp(spec.time.to or weeks.max()))
    return Vintage(model, str((last + pd.Timedelta(days=-last.weekday() % 7)).date()))
