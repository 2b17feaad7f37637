"""Who hears of what is not fresh: Dagster's daemon decides by the policies of `orchestration.policies`, this tells."""

import json
from collections.abc import Iterable, Mapping

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateRecord

from mmm_core.json_text import dumps
from mmm_core.plural import plural
from orchestration.alerts import Alert, send
from orchestration.environments import SCHEDULES_RUNNING, environment, run_page
from orchestration.owners import DEFAULT_OWNER, address

STATUS = (
    dg.DefaultSensorStatus.RUNNING if SCHEDULES_RUNNING[environment()] else dg.DefaultSensorStatus.STOPPED
)
"""Running where the schedules are: elsewhere nothing is made on time."""


@dg.sensor(
    minimum_interval_seconds=300,
    default_status=STATUS,
    description="Tells owners, once, which of their assets were not made by the time that their policies state.",
)
def alert_of_stale_assets(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    assert context.repository_def is not None
    graph = context.repository_def.asset_graph
    owners = {
        key: graph.get(key).owners
        for key in graph.materializable_asset_keys
        if graph.get(key).freshness_policy
    }
    stale = {
        key: record
        for key, record in context.instance.get_freshness_state_records(list(owners)).items()
        if record.freshness_state is FreshnessState.FAIL
    }
    told = json.loads(context.cursor or "{}")
    since = {key.to_user_string(): record.updated_at.isoformat() for key, record in stale.items()}
    news = {
        key: record for key, record in stale.items() if told.get(name := key.to_user_string()) != since[name]
    }
    for alert in alerts_of(context.instance, news, owners):
        send(alert)
    context.update_cursor(dumps(since))
    return dg.SkipReason(
        f"{len(stale)} of {plural(len(owners), 'asset')} not fresh, {len(news)} of them since the last look"
    )


def alerts_of(
    instance: dg.DagsterInstance,
    stale: Mapping[dg.AssetKey, FreshnessStateRecord],
    owners: Mapping[dg.AssetKey, Iterable[str]],
) -> Iterable[Alert]:
    """One alert an owner, of all that is stale of theirs, with the run that made each of them last."""
    of_owner: dict[str, list[dg.AssetKey]] = {}
    for key in sorted(stale):
        for owner in owners.get(key) or [DEFAULT_OWNER]:
            of_owner.setdefault(owner, []).append(key)
    for owner, keys in of_owner.items():
        made = {key: instance.get_latest_materialization_event(key) for key in keys}
        runs = {key: event.run_id if event else "" for key, event in made.items()}
        lines = [
            f"{key.to_user_string()}: not fresh since {stale[key].updated_at:%Y-%m-%d %H:%M} UTC"
            + (f"; last by run {run_page(runs[key])}" if runs[key] else "; never made")
            for key in keys
        ]
        lines += [
            "Look whether the daemon and its schedules run, and for failed runs; then materialize what is stale."
        ]
        yield Alert(
            owner,
            address(owner),
            f"{plural(len(keys), 'asset is', 'assets are')} not fresh",
            "\n".join(lines),
            runs[keys[-1]],
        )
