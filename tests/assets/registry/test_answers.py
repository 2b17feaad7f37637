"""Registered curves and budgets: a version a table, promoted with the posterior, answering where there is no JAX."""

import ast
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from assets.allocation.budget_allocation import budget_allocation
from assets.curves.response_curves import response_curves
from assets.models import load_model
from assets.registry.answers import PREDICTORS, REQUIRED
from assets.registry.champion import champion
from mmm_core.budget.allocation import allocate
from mmm_core.effects.curves import response_draws
from mmm_core.errors import SpecError
from mmm_core.posterior.schema import load_posterior, spec_of
from tests.assets.registry.test_registry import AROUND, judged, reviewed
from tests.assets.vintage import SMALL, VINTAGE, metadata
from tests.fixtures_warehouse import failure

pytestmark = pytest.mark.slow

WITHOUT_JAX = """
import io, json, sys
for name in ("jax", "numpyro", "xarray", "mmm_core"):
    sys.modules[name] = None  # importing it fails
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
for question in sys.argv[3:]:
    try:
        rows, _, params = question.partition("|")
        table = pd.read_json(io.StringIO(rows), orient="split")
        answer = model.predict(table, params=json.loads(params) if params else None)
        print(answer.to_json(orient="split", double_precision=15))
    except (ValueError, mlflow.exceptions.MlflowException) as error:
        print(str(error).replace("\\n", " "))
"""


def answers(stages, name, *questions):
    """What a registered model says to tables, or pairs of a table and params, in a folder and a process of its own."""
    asked = []
    for question in questions:
        table, params = question if isinstance(question, tuple) else (question, None)
        asked.append(table.to_json(orient="split") + (f"|{json.dumps(params)}" if params else ""))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_JAX, stages.tracking.uri, f"models:/{name}@challenger", *asked],
        capture_output=True, text=True, cwd=stages.folder, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def posterior_of(stages):
    return load_posterior(stages.posteriors.path(VINTAGE, stages.posteriors.current(VINTAGE)))


def signature(stages, kind):
    """Columns that a registered model is asked and answers: name -> MLflow's type, and whether it must be there."""
    import mlflow

    stages.tracking.client()  # from here on MLflow itself looks there too
    info = mlflow.models.get_model_info(f"models:/mmm_{VINTAGE.model}_{kind}@challenger")
    return tuple(
        {column.name: (column.type.name, column.required) for column in schema.inputs}
        for schema in (info.signature.inputs, info.signature.outputs)
    )


def table_of(answer):
    from io import StringIO

    return pd.read_json(StringIO(answer), orient="split")


def test_curves_answer_between_their_points_and_refuse_what_was_not_worked_out(stages):
    result = stages.materialize(response_curves)
    assert metadata(result, "response_curves")["curves_version"] == "1"
    kept = stages.results.read("response_curves", VINTAGE)
    channel = kept["channel"].iloc[0]
    curve = kept[kept["channel"] == channel].sort_values("spend")
    some = [curve["spend"].iloc[2], curve["spend"].iloc[1:3].mean()]
    question = pd.DataFrame({"channel": channel, "spend": some})
    beyond = pd.DataFrame({"channel": [channel], "spend": [curve["spend"].iloc[-1] * 1.5]})
    unknown = pd.DataFrame({"channel": ["radoi"], "spend": [1.0]})
    every = kept[kept["multiplier"] == 1.5][["channel", "spend"]]
    said, refused, nobody, bare, together, draws, odd = answers(
        stages, f"mmm_{VINTAGE.model}_curves", question, beyond, unknown, question[["spend"]],
        (every, {"answer": "sum"}), (every, {"answer": "draws"}), (every, {"answer": "median"}),
    )  # fmt: skip
    expected = [curve["mean"].iloc[2], curve["mean"].iloc[1:3].mean()]
    np.testing.assert_allclose(table_of(said)["mean"], expected, rtol=1e-8)
    # everything together is the sum draw by draw, of the posterior's own draws
    kept_draws = response_draws(posterior_of(stages), [1.5])["response"].squeeze("multiplier")
    summed = kept_draws.sum("channel").to_numpy()
    np.testing.assert_allclose(table_of(together)["mean"], summed.mean(), rtol=1e-8)
    np.testing.assert_allclose(table_of(together)["q05"], np.quantile(summed, 0.05), rtol=1e-8)
    by_draw = table_of(draws).groupby("channel")["outcome"].apply(np.array)
    np.testing.assert_allclose(by_draw[channel], kept_draws.sel(channel=channel), rtol=1e-8)
    assert "'median' is none of each, sum, draws" in odd
    assert "lies outside of its curve" in refused
    assert "no curve of 'radoi'" in nobody
    assert "Model is missing inputs ['channel']" in bare
    asked, answered = signature(stages, "curves")
    assert asked == {"channel": ("string", True), "spend": ("double", True)}
    assert list(answered) == list(table_of(said).columns)


def test_the_budget_answers_with_its_plan(stages):
    for asset in (response_curves, budget_allocation):
        assert stages.materialize(asset).success
    plan = stages.results.read("budget_allocation", VINTAGE)
    last = plan["channel"].iloc[-1]
    whole, one, nobody = answers(
        stages,
        f"mmm_{VINTAGE.model}_budget",
        pd.DataFrame(),
        pd.DataFrame({"channel": [last]}),
        pd.DataFrame({"channel": ["radoi"]}),
    )
    np.testing.assert_allclose(table_of(whole)["recommended_spend"], plan["recommended_spend"], rtol=1e-8)
    assert list(table_of(one)["channel"]) == [last]
    assert "not in the plan: radoi" in nobody
    asked, answered = signature(stages, "budget")
    # an empty table asks for all of it
    assert asked == {"channel": ("string", False), "lower": ("double", False), "upper": ("double", False)}
    assert list(answered) == list(table_of(whole).columns)
    assert answered["recommended_spend"] == ("double", True)


def test_the_budget_plans_another_total_and_other_bounds_with_a_certificate(stages):
    for asset in (response_curves, budget_allocation):
        assert stages.materialize(asset).success
    plan = stages.results.read("budget_allocation", VINTAGE)
    total, first = float(plan["recommended_spend"].sum()), plan["channel"].iloc[0]
    held = pd.DataFrame({"channel": [first], "lower": [0.9], "upper": [0.95]})
    held[["lower", "upper"]] *= float(plan["current_spend"].iloc[0])
    everything = pd.DataFrame({"channel": plan["channel"]})
    wide = everything.assign(upper=3.0 * plan["current_spend"])
    same, more, within, high, beyond, twice = answers(
        stages,
        f"mmm_{VINTAGE.model}_budget",
        (pd.DataFrame(), {"total": total}),
        (pd.DataFrame(), {"total": 1.1 * total}),
        held,
        (pd.DataFrame(), {"total": 10 * total}),
        wide,
        (pd.concat([held, held]), {"total": total}),
    )
    # on curves that are straight between their points the plan is the posterior's own, to their distance
    tree = posterior_of(stages)
    again = table_of(same)
    assert again["recommended_spend"].sum() == pytest.approx(total)
    assert again["value"].iloc[0] == pytest.approx(plan["recommended_revenue"].sum(), rel=2e-3)
    assert (again["gap"] < 1e-5).all()
    larger = table_of(more)
    exact = allocate(tree, spec_of(tree).budget.model_copy(update={"total": 1.1 * total}))
    assert larger["value"].iloc[0] == pytest.approx(exact.recommended_revenue, rel=2e-3)
    assert larger["value"].iloc[0] > again["value"].iloc[0]
    spent = table_of(within).set_index("channel")["recommended_spend"]
    rounding = 1e-9 * total  # of the question, as text
    assert held["lower"].iloc[0] - rounding <= spent[first] <= held["upper"].iloc[0] + rounding
    assert spent.sum() == pytest.approx(total)
    assert "the nearest is" in high
    assert "lies beyond its curve's end" in beyond
    assert f"asked twice: {first}" in twice


def test_the_same_table_is_the_same_version_and_aliases_move_together(stages):
    posterior = stages.posteriors.current(VINTAGE)
    reviewed(stages, posterior)
    judged(stages)
    around = (*AROUND, response_curves)
    assert "no curves of posterior" in failure(stages.materialize(champion, *around))
    assert stages.tracking.aliases(VINTAGE.model) == {"challenger": "1"}, "all of them or none"
    for asset in (response_curves, budget_allocation, response_curves):
        assert stages.materialize(asset).success
    assert stages.materialize(champion, *around).success
    for kind in ("", "curves", "budget"):
        assert stages.tracking.aliases(VINTAGE.model, kind) == {"challenger": "1", "champion": "1"}
    for kind in ("curves", "budget"):  # what they rest on travels with them
        tags = stages.tracking.client().get_model_version(f"mmm_{VINTAGE.model}_{kind}", "1").tags
        assert (tags["evidence_version"], tags["long_term_version"]) == ("none", "none")
    stages.write_spec(budget={"bounds": {"default": [0.9, 1.1]}})
    assert metadata(stages.materialize(budget_allocation), "budget_allocation")["budget_version"] == "2"
    assert stages.materialize(champion, *around).success
    assert stages.tracking.aliases(VINTAGE.model, "budget") == {
        "challenger": "2", "champion": "2", "previous": "1",
    }  # fmt: skip
    # the question of before has the version of before, and that is what goes live
    stages.write_spec()
    assert metadata(stages.materialize(budget_allocation), "budget_allocation")["budget_version"] == "1"
    assert stages.materialize(champion, *around).success
    assert stages.tracking.aliases(VINTAGE.model, "budget") == {
        "challenger": "1", "champion": "1", "previous": "2",
    }  # fmt: skip
    # a limit that does not bind changes no plan, and what the version answers at another total
    plan = stages.results.read("budget_allocation", VINTAGE)
    for version, most in (("3", 1.05), ("4", 1.06)):
        stages.write_spec(
            budget={"groups": {"g": {"channels": list(plan["channel"]), "relative": [0, most]}}}
        )
        assert (
            metadata(stages.materialize(budget_allocation), "budget_allocation")["budget_version"] == version
        )


def test_a_model_named_like_anothers_curves_is_refused(stages):
    name = f"{VINTAGE.model}_curves"
    path = stages.folder / "models" / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**SMALL, "model": name}))
    with pytest.raises(SpecError, match="give this model another name"):
        load_model(name)


@pytest.mark.parametrize("kind", REQUIRED)
def test_a_version_requires_what_its_predictor_imports_and_nothing_else(kind):
    text = PREDICTORS[kind].read_text()
    tree = ast.walk(ast.parse(text))
    imported = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    packages = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names - {"mlflow"}
    assert set(REQUIRED[kind]) == packages | ({"pyarrow"} if "read_parquet" in text else set())
