"""Jobs run in this process, one after the other, a line a phase on the terminal: for `make demo` and `make refresh`.

The runs are real ones in the deployment's Dagster instance, so the UI shows them afterwards.
"""

import logging
import re
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import dagster as dg
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from assets.models import Vintage
from assets.raw.origins.notes import WAS_FETCHED
from assets.raw.quarantine_check import NAME as NO_ROW_IN_QUARANTINE
from assets.raw.results import ALL_READ, EXPORTS_AGREE, KEEPS_CONTRACT
from assets.resources.warehouse import Warehouse
from mmm_core.errors import on_one_line, shortened
from mmm_core.plural import plural
from orchestration import stopping
from orchestration.follow import FOLLOW, following
from orchestration.reasons import is_evaluation, reason, reason_of
from orchestration.terminal_runs import execute

LOG = logging.getLogger(__name__)

Made = Mapping[str, Mapping[str, Any]]
# To the terminal, and to the log file.
LOGGERS = {FOLLOW: {}, "console": {"config": {"log_level": "INFO"}}}
WAIT_SECONDS = (
    600.0  # a run beside this one writes the warehouse for minutes; the wait is told and can be ended
)
MOST_WARNED = 20
LONGEST_WARNING = 400
LONGEST_REPEATED = 120
DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")


@dataclass
class Foreground:
    """Runs one phase after the other and says how far it is."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    refused: list[str] = field(
        default_factory=list
    )  # landing files and fetches, with what their tables hold now
    not_read: list[str] = field(default_factory=list)  # landing files that no table takes
    warned: list[str] = field(default_factory=list)  # what checks found that stops nothing, not shown yet
    days_of: dict[str, set[str]] | None = (
        None  # by what runs warned of, the days it was said of; see week_after_week
    )
    title: str = ""
    spinner: Spinner | None = None
    jobs: tuple[str, str] = (
        "orchestration.definitions",
        "job_named",
    )  # module, and its function from name to job

    @cached_property
    def warehouse(self) -> Warehouse:
        """For reading between two runs, where no pool orders who may."""
        from orchestration import resources

        return Warehouse(path=resources.warehouse().path, wait_seconds=WAIT_SECONDS)

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        from orchestration import resources
        from orchestration.instance import prepare

        return prepare(self.warehouse, resources.tracking())

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        started = time.monotonic()
        self.title = title
        self.spinner = Spinner("dots", text=Text(title))
        # What else is printed meanwhile belongs in the log: nothing of it is drawn above the spinner.
        quiet = {"redirect_stdout": False, "redirect_stderr": False}
        with Live(self.spinner, console=self.console, refresh_per_second=12.5, transient=True, **quiet):
            yield
        self.seconds[title] = time.monotonic() - started
        mark = ("✗ ", "red") if title in self.failed else ("✓ ", "green")
        self.console.print(Text.assemble(mark, title, (f" {self.seconds[title]:.1f} s", "dim")))

    def say(self, what: str) -> None:
        """Show what is at work, until something else is."""
        if self.spinner:
            words = Text.assemble(self.title, (f" {what}", "dim"), no_wrap=True, overflow="ellipsis")
            self.spinner.update(text=words)

    def tell(self, what: str) -> None:
        """Print a line that stays."""
        self.console.print(what, style="yellow", soft_wrap=True)

    def warn(self, what: str) -> None:
        """Print what a run warns of; within `week_after_week`, once for all days."""
        days, words = DAY.findall(what), DAY.sub("\u2026", what)
        if self.days_of is None or not days:
            self.tell(what)
            return
        if words not in self.days_of:
            self.tell(what)
        self.days_of.setdefault(words, set()).add(days[0])

    @contextmanager
    def week_after_week(self) -> Iterator[None]:
        """While it lasts, a warning that only names other days than one before is kept; its end says which."""
        self.days_of = {}
        try:
            yield
        finally:
            repeated = {words: days for words, days in self.days_of.items() if len(days) > 1}
            self.days_of = None
            for words, days in repeated.items():
                said = shortened(words, LONGEST_REPEATED)
                self.tell(f"of {plural(len(days), 'day')}, {min(days)} to {max(days)}: {said}")

    def run(
        self,
        job: str,
        vintage: Vintage | None = None,
        config: Mapping[str, Any] | None = None,
        only: Collection[str] | None = None,
        without: Collection[str] = (),
    ) -> Made:
        """Run a job in this process; a failed step stops what depends on it, and the next phase goes on.

        Args:
            only, without: names of assets, where not all of the job are wanted.

        Returns:
            The assets that were materialized, by name, with their metadata.

        Raises:
            Stopped: a signal came; the run has ended as cancelled and what it was at can be gone on with.
        """
        result = self._ran(job, vintage, config, only, without)
        if not result.success:
            self.failed.append(self.title)
            self._say_why(result)
        self.refused += refusals(result)
        self.not_read += passed_over(result)
        self.warned += warnings(result)
        made = result.filter_events(lambda event: event.is_step_materialization)
        return {
            event.asset_key.path[-1]: {
                name: value.value for name, value in event.materialization.metadata.items()
            }
            for event in made
            if event.asset_key
        }

    def makes(self, job: str, vintage: Vintage, only: Collection[str]) -> bool:
        """Whether some assets of a job could be made just now; one that fails is for whoever asks to try again.

        Raises:
            Stopped: a signal came.
        """
        return self._ran(job, vintage, None, only, (), f"{vintage.as_of_week}: ").success

    def _ran(
        self,
        job: str,
        vintage: Vintage | None,
        config: Mapping[str, Any] | None,
        only: Collection[str] | None,
        without: Collection[str],
        shown: str = "",
    ) -> dg.JobExecutionResult:
        """A run that has ended; what it is at is shown after `shown`."""
        built = dg.build_reconstructable_job(*self.jobs, (job,))
        with following(lambda what: self.say(f"{shown}{what}"), self.warn):
            result = execute(
                built,
                self.instance,
                tags=_partition_tags(vintage) if vintage else {},
                run_config={"loggers": LOGGERS, **(config or {})},
                assets=_part(built.get_definition(), only, without) if only or without else None,
            )
        stopping.check()
        return result

    def _say_why(self, result: dg.JobExecutionResult) -> None:
        """Which steps failed and why; or, where none did, what ended the run."""
        failures = result.filter_events(lambda event: event.is_step_failure)
        evaluations = result.filter_events(is_evaluation)
        reasons = [(str(event.step_key), reason_of(event, evaluations)) for event in failures] or [
            (result.job_def.name, reason(event.job_failure_data.error))
            for event in result.filter_events(lambda event: event.event_type_value == "PIPELINE_FAILURE")
        ]
        for name, words in reasons:
            self.console.print(Text.assemble((name, "red"), f": {words}"), soft_wrap=True)

    def show_warned(self) -> None:
        """Print what checks have warned of so far, a line each, and forget it; the log has every line whole."""
        for line in self.warned:
            LOG.warning(line)
        for line in self.warned[:MOST_WARNED]:
            self.tell(f"  {shortened(line, LONGEST_WARNING)}")
        if len(self.warned) > MOST_WARNED:
            more = plural(len(self.warned) - MOST_WARNED, "more warning")
            self.tell(f"  and {more}: the asset checks in the UI have them")
        self.warned.clear()

    def show_timing(self) -> None:
        table = Table(title="Seconds", title_justify="left", show_footer=True, box=None)
        table.add_column("phase", footer="all")
        table.add_column("s", footer=f"{sum(self.seconds.values()):.1f}", justify="right")
        for title, seconds in self.seconds.items():
            table.add_row(title, f"{seconds:.1f}")
        self.console.print(table)


def _part(job: dg.JobDefinition, only: Collection[str] | None, without: Collection[str]) -> list[dg.AssetKey]:
    """Assets of a job: those named, or all but those named."""
    keys = sorted(job.asset_layer.executable_asset_keys)
    wanted = {key.to_user_string() for key in keys} if only is None else set(only)
    return [key for key in keys if key.to_user_string() in wanted - set(without)]


def refusals(result: dg.JobExecutionResult | dg.ExecuteInProcessResult) -> list[str]:
    """The landing files that a run refused and the tables it could not fetch, with what is there instead."""
    return [*_failing(result, WAS_FETCHED), *_failing(result, KEEPS_CONTRACT)]


def passed_over(result: dg.JobExecutionResult | dg.ExecuteInProcessResult) -> list[str]:
    """The landing files that no table takes; one line, which holds nothing up."""
    return _failing(result, ALL_READ)


def warnings(result: dg.JobExecutionResult | dg.ExecuteInProcessResult) -> list[str]:
    """What checks found that stops nothing, and that is told nowhere else."""
    elsewhere = (WAS_FETCHED, KEEPS_CONTRACT, ALL_READ, EXPORTS_AGREE, NO_ROW_IN_QUARANTINE)
    checks = [event.asset_check_evaluation_data for event in result.filter_events(is_evaluation)]
    found = [
        f"{check.asset_key.path[-1]}: {check.check_name}: {check.description}"
        for check in checks
        if not check.passed
        and check.severity is dg.AssetCheckSeverity.WARN
        and check.check_name not in elsewhere
    ]
    return list(dict.fromkeys(map(on_one_line, found)))


def _failing(result: dg.JobExecutionResult | dg.ExecuteInProcessResult, check_name: str) -> list[str]:
    checks = [event.asset_check_evaluation_data for event in result.filter_events(is_evaluation)]
    return [str(check.description) for check in checks if check.check_name == check_name and not check.passed]


def _partition_tags(vintage: Vintage) -> dict[str, str]:
    """The tags that make a run one of a partition."""
    dimensions = {"model": vintage.model, "as_of_week": vintage.as_of_week}
    return {
        "dagster/partition": str(vintage.key),
        **{f"dagster/partition/{name}": key for name, key in dimensions.items()},
    }
