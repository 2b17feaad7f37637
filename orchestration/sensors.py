"""What waits for something to happen: new landing files, source changes, failed runs."""

from collections.abc import Iterable

import dagster as dg

from assets.models import load_model, vintage_of
from assets.raw.assets import OWNERS
from assets.raw.origins.notes import WAS_FETCHED
from assets.raw.results import KEEPS_CONTRACT
from orchestration.alerts import Alert, send
from orchestration.environments import run_page
from orchestration.jobs import ingest
from orchestration.landing_sensor import RUNNING, new_landing_files
from orchestration.owners import DEFAULT_OWNER, address
from orchestration.reasons import reason_of
from orchestration.stale import alert_of_stale_assets
from orchestration.sweep import ask_again, what_follows


@dg.run_failure_sensor(
    monitor_all_code_locations=True,
    default_status=RUNNING,
    description="Tells the owners of what failed: which asset, which partition, why, and where to look.",
)
def alert_owners(context: dg.RunFailureSensorContext) -> None:
    for alert in alerts_of(context):
        send(alert)


def alerts_of(context: dg.RunFailureSensorContext) -> Iterable[Alert]:
    """One alert an owner of a failed asset; a model's own owner hears of every failure of its vintages."""
    run = context.dagster_run
    partition = run.tags.get("dagster/partition")
    failures = context.get_step_failure_events()
    evaluations = _evaluations(context.instance, run)
    reasons = [f"{event.step_key}: {reason_of(event, evaluations)}" for event in failures] or [
        context.failure_event.message or "the run ended without saying why"
    ]
    steps = {event.step_key for event in failures}
    owners = set(_owners_of(context, steps)) | _model_owner(partition) or {DEFAULT_OWNER}
    for owner in {address(owner): owner for owner in sorted(owners)}.values():  # one alert an address
        yield Alert(
            owner,
            address(owner),
            f"{run.job_name} failed" + (f" for {partition}" if partition else ""),
            "\n".join(
                [
                    *reasons,
                    *filter(None, [what_follows(context.instance, run)]),
                    f"Run {run_page(run.run_id)}",
                ]
            ),
            run.run_id,
        )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[ingest],
    default_status=RUNNING,
    description=(
        "Tells the owners of raw tables which landing files were refused and which tables could not be fetched; such a "
        "run goes on without them."
    ),
)
def alert_of_refused_files(context: dg.RunStatusSensorContext) -> None:
    for alert in refusals_of(context.instance, context.dagster_run):
        send(alert)


def refusals_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterable[Alert]:
    """One alert of all landing files that a run of `ingest` refused, and of all tables it could not fetch."""
    checks = [event.asset_check_evaluation_data for event in _evaluations(instance, run)]
    failed = [check for check in checks if not check.passed]
    refused = [check for check in failed if check.check_name == KEEPS_CONTRACT]
    away = [check for check in failed if check.check_name == WAS_FETCHED]
    if refused or away:
        lines = [f"{check.asset_key.to_user_string()}: {check.description}" for check in [*away, *refused]]
        lines += [str(check.metadata["faults"].value) for check in refused]
        what = " and ".join(
            ["could not fetch tables"] * bool(away) + ["refused landing files"] * bool(refused)
        )
        for owner in OWNERS:
            body = "\n".join([*lines, f"Run {run_page(run.run_id)}"])
            yield Alert(owner, address(owner), f"{run.job_name} {what}", body, run.run_id)


def _evaluations(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.DagsterEvent]:
    """What the asset checks of a run found."""
    evaluated = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    records = instance.get_records_for_run(run.run_id, of_type=evaluated).records
    return [record.event_log_entry.get_dagster_event() for record in records]


def _owners_of(context: dg.RunFailureSensorContext, steps: set[str]) -> Iterable[str]:
    graph = context.repository_def.asset_graph if context.repository_def else None
    for definition in graph.assets_defs if graph else ():
        if definition.node_def.name in steps:
            yield from (owner for spec in definition.specs for owner in spec.owners)


def _model_owner(partition: str | None) -> set[str]:
    from mmm_core.errors import SpecError

    try:
        return {load_model(vintage_of(partition).model).owner} if partition else set()
    except SpecError:
        return set()


marts_follow_sources = dg.AutomationConditionSensorDefinition(
    "marts_follow_sources",
    target=dg.AssetSelection.all(),
    default_status=RUNNING,
    minimum_interval_seconds=30,
    description="Rebuilds marts whose sources' content or own SQL changed, and what is reported of new results.",
)

ALL = [
    new_landing_files,
    alert_owners,
    alert_of_refused_files,
    alert_of_stale_assets,
    marts_follow_sources,
    ask_again,
]
