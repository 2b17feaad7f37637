"""The sweep of what failed for a reason that passes: it is asked for again, ever later, three times at most.

A run that lost its process is run again at once by Dagster (`run_retries` in dagster.yaml). One that lost it twice is
this sensor's, as are those whose step failed because the warehouse was locked, MLflow was away, a disk was full or the
process was told to end. What data or a check refused comes out the same every time: that is for people.

A repeat is the run as it was asked for: same job, partition, assets and configuration. What was finished before is kept
by its version, and no gate is passed over, as it might be if only what is missing ran.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus

from assets.models import PARTITIONS
from assets.resources.dead_runs import end_dead_runs
from orchestration import jobs
from orchestration.landing_sensor import RUNNING
from orchestration.reasons import is_passing
from orchestration.terminal_runs import is_of_a_terminal

WAITS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4))
"""How long after a run failed it is asked for again: the first time, the second, the third."""
LOOKS_BACK = timedelta(days=2)
"""What failed longer ago is of a week that somebody has looked at since."""
REPEATS, ATTEMPT = "sweep/repeats", "sweep/attempt"
"""Tags of a repeat: the run that it repeats, and how many repeats of the first run it makes."""
_ASKED_FOR = ("owner", REPEATS, ATTEMPT)
_EVENTS = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_SUCCESS,
}


@dg.sensor(
    jobs=jobs.ALL,
    minimum_interval_seconds=60,
    default_status=RUNNING,
    description=(
        "Asks again for runs that failed for a reason that passes (the process died, the warehouse was locked, MLflow "
        "was away, the disk was full): after 15 minutes, an hour and four hours, unless the same was run since."
    ),
)
def ask_again(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    end_dead_runs(context.instance)
    assert context.repository_def is not None
    job_of = jobs.job_of_each(context.repository_def.asset_graph)
    asked = [
        request
        for record in _failed(context.instance, datetime.now(UTC) - LOOKS_BACK)
        if is_due(context.instance, record, datetime.now(UTC))
        for request in requests(record.dagster_run, job_of)
    ]
    yield from asked or [dg.SkipReason("nothing failed that could come out otherwise now")]


def is_due(instance: dg.DagsterInstance, record: dg.RunRecord, now: datetime) -> bool:
    """Whether a run that failed is to be asked for again by now."""
    again_at = asked_again_at(instance, record)
    return again_at is not None and again_at <= now and not _was_run_since(instance, record)


def asked_again_at(instance: dg.DagsterInstance, record: dg.RunRecord) -> datetime | None:
    """When a run that failed is asked for again, unless somebody runs the same before; None where it is not.

    A run of a terminal (`make refresh`) is not: whoever started it was told.
    """
    run, attempts = record.dagster_run, attempts_of(record.dagster_run)
    if is_of_a_terminal(run) or will_be_retried(run) or attempts >= len(WAITS) or not record.end_time:
        return None
    failures = _events(instance, run).failures
    if not all(is_passing(event.step_failure_data.error) for event in failures):
        return None
    return datetime.fromtimestamp(record.end_time, UTC) + WAITS[attempts]


def attempts_of(run: dg.DagsterRun) -> int:
    """How many times what a run is for was asked for again, this run included."""
    return int(run.tags.get(ATTEMPT, 0))


def will_be_retried(run: dg.DagsterRun) -> bool:
    """Whether Dagster's daemon runs a failed run again by itself."""
    return run.tags.get("dagster/will_retry") == "true"


def requests(run: dg.DagsterRun, job_of: Mapping[dg.AssetKey, str]) -> Iterable[dg.RunRequest]:
    """A run as it was asked for; one that automation put together of several jobs' assets, job by job.

    None where its partition, or all of its assets, are gone.
    """
    partition = run.tags.get("dagster/partition")
    if partition is not None and not PARTITIONS.has_partition_key(partition):
        return
    tags = {name: run.tags[name] for name in _ASKED_FOR if name in run.tags}
    tags |= {REPEATS: run.run_id, ATTEMPT: str(attempts_of(run) + 1), "dagster/max_retries": "0"}
    if run.job_name == jobs.refresh_past_week.name:  # what it runs is otherwise another job's
        job_of = dict.fromkeys(jobs.of_past_weeks(job_of), run.job_name)
    whole = run.asset_selection is None and run.asset_check_selection is None
    wanted = {run.job_name} if whole else {job_of.get(key) for key in _asset_keys(run)} - {None}
    for job in sorted(wanted & set(job_of.values())):
        of_job = [key for key, its_job in job_of.items() if its_job == job]
        yield dg.RunRequest(
            run_key=f"{job} again after {run.run_id}",
            job_name=job,
            partition_key=partition,
            asset_selection=_those(run.asset_selection, of_job),
            asset_check_keys=_checks(run, of_job),
            run_config=run.run_config,
            tags=tags,
        )


def what_follows(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """What becomes of a run that failed, for its alert; empty where nothing does by itself."""
    if will_be_retried(run):
        return "Dagster runs it again now."
    record = instance.get_run_record_by_id(run.run_id)
    if record and (at := asked_again_at(instance, record)):
        return f"It is asked for again after {at:%Y-%m-%d %H:%M} UTC, unless the same is run before."
    if attempts_of(run) >= len(WAITS):
        return f"It was asked for {len(WAITS)} times again, and is not any more."
    return ""


@dataclass(frozen=True)
class _Events:
    """What a run's events say of it."""

    unfinished: set[dg.AssetKey]
    planned: set[dg.AssetKey]
    failures: list[dg.DagsterEvent]


def _events(instance: dg.DagsterInstance, run: dg.DagsterRun) -> _Events:
    entries = instance.all_logs(run.run_id, of_type=_EVENTS)
    events = [entry.get_dagster_event() for entry in entries]
    done = {event.step_key for event in events if event.is_step_success}
    planned = [event for event in events if event.is_asset_materialization_planned]
    return _Events(
        {_planned_key(event) for event in planned if event.step_key not in done},
        {_planned_key(event) for event in planned},
        [event for event in events if event.is_step_failure],
    )


def _planned_key(event: dg.DagsterEvent) -> dg.AssetKey:
    return event.asset_materialization_planned_data.asset_key


def _failed(instance: dg.DagsterInstance, since: datetime) -> list[dg.RunRecord]:
    """Runs that failed since then, the oldest first."""
    failed = dg.RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=since)
    return list(instance.get_run_records(failed, ascending=True))


def _was_run_since(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """Whether later runs of the same partition took up all that a run did not finish, however they ended."""
    run, left = record.dagster_run, _events(instance, record.dagster_run).unfinished
    for later in instance.get_runs(dg.RunsFilter(created_after=record.create_timestamp)):
        same = later.tags.get("dagster/partition") == run.tags.get("dagster/partition")
        if left and same and later.run_id != run.run_id:
            left = left - _events(instance, later).planned
    return not left


def _asset_keys(run: dg.DagsterRun) -> set[dg.AssetKey]:
    """The assets that a run is of, those of its checks included."""
    return {*(run.asset_selection or ()), *(check.asset_key for check in run.asset_check_selection or ())}


def _those(
    selected: Collection[dg.AssetKey] | None, of_job: Collection[dg.AssetKey]
) -> list[dg.AssetKey] | None:
    return None if selected is None else sorted(set(selected) & set(of_job))


def _checks(run: dg.DagsterRun, of_job: Collection[dg.AssetKey]) -> list[dg.AssetCheckKey] | None:
    if run.asset_check_selection is None:
        return None
    return sorted(check for check in run.asset_check_selection if check.asset_key in of_job)
