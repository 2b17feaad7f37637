"""The asset graph as agreed, and what every asset owes its readers."""

import dagster as dg
import pytest

from assets.brief import LEFT_OUT
from orchestration import jobs
from orchestration.fits_ahead import UP_TO_THE_FIT
from tests.orchestration.graph import SNAPSHOT, describe


@pytest.fixture(scope="module")
def defs():
    from orchestration.definitions import defs

    return defs


@pytest.fixture(scope="module")
def specs(defs):
    graph = defs.resolve_asset_graph()
    return [spec for spec in defs.resolve_all_asset_specs() if graph.get(spec.key).is_materializable]


def test_the_graph_is_the_one_agreed_on(defs):
    assert describe(defs) == SNAPSHOT.read_text(), "if this was meant: python -m tests.orchestration.graph"


def test_every_asset_has_owner_description_kind_group_and_check(defs, specs):
    checked = {key.asset_key for key in defs.resolve_asset_graph().asset_check_keys}
    assert len(specs) > 30
    for spec in specs:
        name = spec.key.to_user_string()
        assert spec.owners, name
        assert spec.description, name
        assert spec.kinds, name
        assert spec.group_name != "default", name
        assert spec.key in checked, name


def test_python_assets_link_to_their_code(specs):
    for spec in specs:
        if "dbt" not in spec.kinds and spec.key.path[0] != "raw":
            (reference,) = spec.metadata["dagster/code_references"].code_references
            assert f"/assets/{'publish' if 'publish' in spec.key.path[-1] else ''}" in reference.file_path


def test_model_stages_state_meaning_and_grain(defs, specs):
    staged = [spec for spec in specs if spec.partitions_def is not None]
    assert len(staged) > 10
    for spec in staged:
        assert "Grain:" in spec.description
        assert spec.code_version


def test_a_backfill_is_one_run_a_vintage(defs, specs):
    graph = defs.resolve_asset_graph()
    staged = [spec.key for spec in specs if spec.partitions_def is not None]
    assert {graph.get(key).backfill_policy.max_partitions_per_run for key in staged} == {1}


def test_nothing_from_the_model_table_on_runs_by_itself(specs):
    automated = {spec.key.to_user_string() for spec in specs if spec.automation_condition is not None}
    assert "marts/mmm_model_table" in automated
    assert "reporting/rpt_channel_roi" in automated
    assert not automated & {spec.key.to_user_string() for spec in specs if spec.partitions_def is not None}


def test_every_asset_has_the_job_that_runs_it(defs):
    job_of = jobs.job_of_each(defs.resolve_asset_graph())
    runs = {job.name: defs.resolve_job_def(job.name).asset_layer.selected_asset_keys for job in jobs.ALL}
    assert runs.pop("refresh_past_week") == set(jobs.of_past_weeks(job_of))
    for job, of_job in runs.items():
        assert of_job == {key for key, its_job in job_of.items() if its_job == job}


def test_a_past_week_goes_without_what_nothing_of_it_is_made_of(defs):
    """What the brief job leaves out, nothing in it but the publication reads; and it has all that a fit needs."""
    graph, brief = defs.resolve_asset_graph(), set(LEFT_OUT)
    of_past_weeks = {key.to_user_string() for key in jobs.of_past_weeks(jobs.job_of_each(graph))}
    readers = {
        child.to_user_string() for name in brief for child in graph.get(dg.AssetKey(name)).child_keys
    } & of_past_weeks
    # a budget and its version may count a long term, which a brief run does without
    assert readers == {"budget_allocation", "champion", "published_results"}
    fit = {dg.AssetKey(name) for name in UP_TO_THE_FIT}
    needed = {key for each in fit for key in graph.get(each).parent_keys if graph.get(key).is_partitioned}
    assert needed | {dg.AssetKey("mmm_posterior")} == fit


def test_everything_that_fits_or_writes_the_warehouse_has_its_pool(defs):
    graph = defs.resolve_asset_graph()
    for asset, pool in (
        ("mmm_posterior", "mcmc"),
        ("model_selection", "mcmc"),
        ("bvar_posterior", "mcmc"),
        ("brand_state", "duckdb"),
        ("model_table", "duckdb"),
        ("lift_evidence", "duckdb"),
        ("published_results", "duckdb"),
    ):
        assert graph.assets_def_for_key(dg.AssetKey(asset)).op.pool == pool
