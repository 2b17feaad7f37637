"""`experiment_plan`: experiments of a registered posterior, as the YAML asks now, kept and reported."""

import shutil

import dagster as dg
import pytest

from assets.experiments.experiment_plan import experiment_plan
from assets.marts.assets import dbt_reporting
from mmm_core.posterior.schema import load_posterior
from tests.assets.vintage import VINTAGE, metadata
from tests.fixtures_warehouse import checks
from tests.mmm_core.budget.long_terms import long_term_of
from tests.mmm_core.posteriors import SPEC

pytestmark = pytest.mark.slow
ASKED = {"weeks": [4], "changes": [-1, 0.5], "shares": [0.25, 1.0], "horizon_weeks": 26}


def test_a_plan_answers_the_yaml_as_it_is_now_and_analysts_find_it(stages, built_warehouse, tmp_path):
    version = stages.posteriors.current(VINTAGE)
    long = {"long_term": {"metrics": ["awareness"]}, "budget": {**SPEC["budget"], "horizon": "long"}}
    stages.write_spec(experiments=ASKED, **long)
    tree = load_posterior(stages.posteriors.path(VINTAGE, version))
    stages.long_terms.save(VINTAGE, "of_tv", long_term_of(tree, {"tv": 1.5}))
    stages.long_terms.point(VINTAGE, "of_tv")
    assert stages.posteriors.current(VINTAGE) == version  # no key of it is read by a fit
    result = stages.materialize(experiment_plan)
    assert result.success
    found = checks(result)
    assert found["worth_is_possible"].passed
    assert found["every_channel_can_be_tested"].description == "8 experiments of 2 channels"
    kept = stages.results.stored("experiment_plan", VINTAGE)
    assert set(kept["horizon_weeks"]) == {26}
    assert set(kept["weeks"]) == {4}
    assert kept["rank"].tolist() == list(range(1, 9))
    assert set(kept["posterior_version"]) == {version}
    shown = metadata(result, "experiment_plan")
    assert shown["most_worth_running"] == kept["experiment"][0]
    assert "by way of the brand within 10 weeks (tv 1.50)" in shown["counted"]
    assert shown["experiment_plan"].startswith("![")
    run = shown["mlflow_run"].rsplit("/", 1)[1]
    artifacts = {file.path for file in stages.tracking.client().list_artifacts(run)}
    assert {"experiment_plan.csv", "experiment_plan.png", "lift_tests_to_fill_in.csv"} <= artifacts

    (tmp_path / "platform").mkdir()
    platform = built_warehouse.copy_to(tmp_path / "platform")
    shutil.copytree(stages.results.folder, platform.folder / "results")
    only = dg.AssetSelection.keys(["reporting", "rpt_experiment_plan"])
    assert platform.run(dbt_reporting, selection=only).success
    rows = platform.query("from reporting.rpt_experiment_plan order by net_value_rank")
    assert rows["experiment"].tolist() == kept["experiment"].tolist()
    assert rows["evsi"].tolist() == kept["evsi"].tolist()
    assert rows["is_latest"].all()
    assert set(rows["horizon"]) == {"long"}
    assert set(rows["plan_version"]) == {stages.results.versions("experiment_plan").current(VINTAGE)}
