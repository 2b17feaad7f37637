"""What is run together: every asset is in one job, by its group, and one that is in none is refused."""

from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets import brief

JOB_OF_GROUP = {
    "origins": "ingest",
    "raw": "ingest",
    "staging": "ingest",
    "intermediate": "ingest",
    "marts": "ingest",
    "model_inputs": "refresh_model",
    "evidence": "refresh_model",
    "transforms": "refresh_model",
    "posteriors": "refresh_model",
    "long_term": "refresh_model",
    "registry": "refresh_model",
    "curves": "refresh_model",
    "allocation": "refresh_model",
    "report": "refresh_model",
    "selection": "select_model",
    "experiments": "plan_experiments",
    "reporting": "report",
}
# The group `publish` lies on both sides of the reporting marts.
JOB_OF_ASSET = {"published_results": "refresh_model", "published_marts": "report"}


class Unplaced(ValueError):
    """An asset that no job would run."""


def placed(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The asset as it is, if a job runs it.

    Raises:
        Unplaced: neither it nor its group is in a job.
    """
    if spec.group_name not in JOB_OF_GROUP and spec.key.to_user_string() not in JOB_OF_ASSET:
        raise Unplaced(
            f"asset {spec.key.to_user_string()} of the group {spec.group_name!r} is in no job: add the group to "
            "JOB_OF_GROUP or the asset to JOB_OF_ASSET in orchestration/jobs.py"
        )
    return spec


def job_of_each(graph: AssetGraph) -> Mapping[dg.AssetKey, str]:
    """The name of the job that each asset is in."""
    nodes = [graph.get(key) for key in graph.materializable_asset_keys]
    return {
        node.key: JOB_OF_ASSET.get(node.key.to_user_string()) or JOB_OF_GROUP[str(node.group_name)]
        for node in nodes
    }


def of_past_weeks(job_of: Mapping[dg.AssetKey, str]) -> list[dg.AssetKey]:
    """The assets of `refresh_past_week`, from the job that each asset is placed in."""
    of_a_week = [key for key, job in job_of.items() if job == "refresh_model"]
    return [key for key in of_a_week if key.to_user_string() not in brief.LEFT_OUT]


def _of(job: str) -> dg.AssetSelection:
    """Everything that is placed in a job."""
    assets = [asset for asset, its_job in JOB_OF_ASSET.items() if its_job == job]
    groups = [group for group, its_job in JOB_OF_GROUP.items() if its_job == job]
    return dg.AssetSelection.groups(*groups) | dg.AssetSelection.assets(*assets)


ingest = dg.define_asset_job(
    "ingest",
    selection=_of("ingest"),
    description="Fetch what is elsewhere, load what has landed and build the marts.",
)
refresh_model = dg.define_asset_job(
    "refresh_model",
    selection=_of("refresh_model"),
    description="One model as of one week: table, fit, review, registration, results, budget, publication.",
)
refresh_past_week = dg.define_asset_job(
    "refresh_past_week",
    selection=_of("refresh_model") - dg.AssetSelection.assets(*brief.LEFT_OUT),
    tags=brief.TAGS,
    description="A past week, for what later weeks are held against: fit, review, scores, returns, curves, budget. "
    "Without pictures, scenarios, long term and report; `refresh_model` makes a week whole.",
)
select_model = dg.define_asset_job(
    "select_model",
    selection=_of("select_model"),
    description="Which baseline a model should have, by forecasts of weeks it has not seen: only when asked for.",
)
plan_experiments = dg.define_asset_job(
    "plan_experiments",
    selection=_of("plan_experiments"),
    description="Which experiment is worth running next, of a posterior that is there: only when asked for.",
)
report = dg.define_asset_job(
    "report",
    selection=_of("report"),
    description="Build the reporting marts from the published results, and the read-only copy that analysts open.",
)

ALL = [ingest, refresh_model, refresh_past_week, select_model, plan_experiments, report]
