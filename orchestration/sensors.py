"""What waits for something to happen: new landing files, source changes, failed runs."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from assets.models import load_model, vintage_of
from assets.raw.assets import raw_key
from assets.raw.ingest import ALL_CONTRACTS, landing_folder_of
from mmm_core.json_text import dumps
from orchestration.alerts import Alert, send
from orchestration.environments import SENSORS_RUNNING, environment, paths
from orchestration.jobs import ingest
from orchestration.owners import DEFAULT_OWNER, address
from orchestration.reasons import reason_of

RUNNING = dg.DefaultSensorStatus.RUNNING if SENSORS_RUNNING[environment()] else dg.DefaultSensorStatus.STOPPED


def landed_files(landing: Path) -> dict[str, dict[str, list[float]]]:
    """Files of every source table that has any: table -> file name -> [modified at, bytes]."""
    tables: dict[str, dict[str, list[float]]] = {}
    for name, contract in ALL_CONTRACTS.items():
        folder = landing / landing_folder_of(contract)
        files = {
            path.name: [path.stat().st_mtime, path.stat().st_size] for path in sorted(folder.glob("*.csv"))
        }
        if files:
            tables[name] = files
    return tables


@dg.sensor(
    job=ingest,
    minimum_interval_seconds=30,
    default_status=RUNNING,
    description="Loads the source tables that have a new or changed landing file; the marts follow by themselves.",
)
def new_landing_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    files = landed_files(paths().landing)
    seen = json.loads(context.cursor) if context.cursor else _loaded_before(context.instance, files)
    changed = sorted(table for table in files if files[table] != seen.get(table))
    cursor = dumps(files, sort_keys=True)
    if not changed:
        context.update_cursor(cursor)
        return dg.SkipReason(f"nothing new in {paths().landing}")
    run_key = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S} {' '.join(changed)}"
    request = dg.RunRequest(run_key=run_key[:250], asset_selection=[raw_key(table) for table in changed])
    return dg.SensorResult([request], cursor=cursor)


def _loaded_before(
    instance: dg.DagsterInstance, files: dict[str, dict[str, list[float]]]
) -> dict[str, dict[str, list[float]]]:
    """At its first look a sensor takes as seen what was there when a table was last loaded by hand."""
    seen = {}
    for table, found in files.items():
        event = instance.get_latest_materialization_event(raw_key(table))
        if event is not None and all(modified <= event.timestamp for modified, _ in found.values()):
            seen[table] = found
    return seen


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
    reasons = [f"{event.step_key}: {reason_of(event)}" for event in context.get_step_failure_events()] or [
        context.failure_event.message or "the run ended without saying why"
    ]
    steps = {event.step_key for event in context.get_step_failure_events()}
    owners = set(_owners_of(context, steps)) | _model_owner(partition) or {DEFAULT_OWNER}
    for owner in {address(owner): owner for owner in sorted(owners)}.values():  # one alert an address
        yield Alert(
            owner,
            address(owner),
            f"{run.job_name} failed" + (f" for {partition}" if partition else ""),
            "\n".join(reasons) + f"\nRun {run.run_id}",
            run.run_id,
        )


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
    description="Rebuilds marts whose sources' content changed, and reporting marts whose published results did.",
)

ALL = [new_landing_files, alert_owners, marts_follow_sources]
