"""Every asset is in a job and has an owner; one that is not is refused, with the file that would place it."""

import dagster as dg
import pytest

from orchestration.definitions import governed
from orchestration.jobs import JOB_OF_ASSET, JOB_OF_GROUP, Unplaced
from orchestration.owners import OWNER_OF_GROUP, NoOwner


def with_an_asset(group, **options):
    @dg.asset(group_name=group, **options)
    def new_stage():
        pass

    return dg.Definitions(assets=[new_stage])


def test_a_stage_of_an_unknown_group_is_refused():
    with pytest.raises(Unplaced, match=r"new_stage of the group 'unheard_of'.*orchestration/jobs.py"):
        governed(with_an_asset("unheard_of")).resolve_all_asset_specs()
    with pytest.raises(
        Unplaced, match="'publish'"
    ):  # which lies in two jobs: each of its assets is placed by name
        governed(with_an_asset("publish")).resolve_all_asset_specs()


def test_a_stage_that_nobody_owns_is_refused(monkeypatch):
    monkeypatch.setitem(JOB_OF_GROUP, "unheard_of", "refresh_model")
    with pytest.raises(NoOwner, match=r"new_stage is in the group 'unheard_of'.*orchestration/owners.py"):
        governed(with_an_asset("unheard_of")).resolve_all_asset_specs()
    (spec,) = governed(with_an_asset("unheard_of", owners=["team:lab"])).resolve_all_asset_specs()
    assert spec.owners == ["team:lab"]
    (spec,) = governed(with_an_asset("curves")).resolve_all_asset_specs()
    assert spec.owners == [OWNER_OF_GROUP["curves"]]


def test_every_asset_is_in_the_job_it_is_placed_in_and_in_no_other():
    from orchestration.definitions import defs

    runs = {
        name: defs.resolve_job_def(name).asset_layer.selected_asset_keys
        for name in ("ingest", "refresh_model", "select_model", "plan_experiments", "report")
    }
    graph = defs.resolve_asset_graph()
    for spec in defs.resolve_all_asset_specs():
        if graph.get(spec.key).is_materializable:
            name = spec.key.to_user_string()
            placed = JOB_OF_ASSET.get(name) or JOB_OF_GROUP[spec.group_name]
            assert [job for job, keys in runs.items() if spec.key in keys] == [placed], name
