"""What runs on a clock."""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg

from assets.models import MODELS, Vintage, load_model
from assets.raw.origins import notes
from assets.raw.origins.assets import FETCHED, origin_key
from mmm_core.plural import plural
from orchestration.environments import SCHEDULES_RUNNING, environment, paths
from orchestration.jobs import ingest, refresh_model
from orchestration.policies import EARLY_MORNING, MONDAY_MORNING, TIMEZONE

STATUS = (
    dg.DefaultScheduleStatus.RUNNING if SCHEDULES_RUNNING[environment()] else dg.DefaultScheduleStatus.STOPPED
)


@dg.schedule(
    job=refresh_model,
    cron_schedule=MONDAY_MORNING,
    execution_timezone=TIMEZONE,
    default_status=STATUS,
    description="Every Monday morning, last week's vintage of every model whose YAML says `schedule: weekly`.",
)
def weekly_refresh(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    from mmm_core.errors import SpecError

    week = last_complete_week(context.scheduled_execution_time.date())
    models = MODELS.get_partition_keys()
    due = 0
    for model in models:
        tags = {}
        try:
            spec = load_model(model)
            if spec.schedule != "weekly":
                continue
            tags["owner"] = spec.owner
        except SpecError as error:  # its run fails with this message, and its owner hears of it
            context.log.error(str(error))
        due += 1
        yield dg.RunRequest(run_key=f"{model} {week}", partition_key=Vintage(model, str(week)).key, tags=tags)
    if not due:
        yield dg.SkipReason(f"of {plural(len(models), 'model')} none says `schedule: weekly`")


def last_complete_week(day: date) -> date:
    """Monday of the last ISO week that ended before a day."""
    return day - timedelta(days=day.weekday() + 7)


@dg.schedule(
    job=ingest,
    cron_schedule=EARLY_MORNING,
    execution_timezone=TIMEZONE,
    default_status=STATUS,
    description=(
        "Every morning, what is new in warehouses and buckets comes into the landing folder, whose sensor loads it. A "
        "table that could not be fetched is asked for again an hour later, twice."
    ),
)
def morning_fetch(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    day = context.scheduled_execution_time.date()
    due = [name for name in FETCHED if not _fetched_on(name, day)]
    if not due:
        return dg.SkipReason(f"all of {plural(len(FETCHED), 'table')} were fetched on {day}")
    return dg.RunRequest(
        run_key=f"{context.scheduled_execution_time:%Y-%m-%dT%H:%M}",
        asset_selection=[origin_key(name) for name in due],
    )


def _fetched_on(table: str, day: date) -> bool:
    """Whether the last fetch of a table was on a day, and went well."""
    note = notes.read(paths().landing / FETCHED[table][1].contract.folder)
    return note is not None and not note.fault and note.fetched_at[:10] >= str(day)


ALL = [weekly_refresh, *([morning_fetch] if FETCHED else [])]
