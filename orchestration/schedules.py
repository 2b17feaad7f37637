"""What runs on a clock."""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg

from assets.models import MODELS, Vintage, load_model
from orchestration.environments import SCHEDULES_RUNNING, environment
from orchestration.jobs import refresh_model
from orchestration.policies import MONDAY_MORNING, TIMEZONE


@dg.schedule(
    job=refresh_model,
    cron_schedule=MONDAY_MORNING,
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING
    if SCHEDULES_RUNNING[environment()]
    else dg.DefaultScheduleStatus.STOPPED,
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
        yield dg.SkipReason(f"none of {len(models)} models says `schedule: weekly`")


def last_complete_week(day: date) -> date:
    """Monday of the last ISO week that ended before a day."""
    return day - timedelta(days=day.weekday() + 7)


ALL = [weekly_refresh]
