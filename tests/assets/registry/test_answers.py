"""Registered curves and budgets: a version a table, promoted with the posterior, answering where there is no JAX."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from assets.allocation.budget_allocation import budget_allocation
from assets.curves.response_curves import response_curves
from assets.models import load_model
from assets.posteriors.model_review import model_review
from assets.registry.champion import champion
from mmm_core.errors import SpecError
from tests.assets.registry.test_registry import reviewed
from tests.assets.vintage import SMALL, VINTAGE, metadata
from tests.fixtures_warehouse import failure

pytestmark = pytest.mark.slow

WITHOUT_JAX = """
import io, sys
for name in ("jax", "numpyro", "xarray", "mmm_core"):
    sys.modules[name] = None  # importing it fails
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
for question in sys.argv[3:]:
    try:
        print(model.predict(pd.read_json(io.StringIO(question), orient="split")).to_json(orient="split"))
    except (ValueError, mlflow.exceptions.MlflowException) as error:
        print(str(error).replace("\\n", " "))
"""


def answers(stages, name, *questions):
    """What a registered model says to tables, in a folder and a process of its own."""
    asked = [question.to_json(orient="split") for question in questions]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_JAX, stages.tracking.uri, f"models:/{name}@challenger", *asked],
        capture_output=True, text=True, cwd=stages.folder, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


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
    said, refused, nobody, bare = answers(
        stages, f"mmm_{VINTAGE.model}_curves", question, beyond, unknown, question[["spend"]]
    )
    expected = [curve["mean"].iloc[2], curve["mean"].iloc[1:3].mean()]
    np.testing.assert_allclose(table_of(said)["mean"], expected, rtol=1e-8)
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
    assert asked == {"channel": ("string", False)}  # an empty table asks for all of it
    assert list(answered) == list(table_of(whole).columns)
    assert answered["recommended_spend"] == ("double", True)


def test_the_same_table_is_the_same_version_and_aliases_move_together(stages):
    posterior = stages.posteriors.current(VINTAGE)
    reviewed(stages, posterior)
    around = (model_review, response_curves, budget_allocation)
    assert "no curves of posterior" in failure(stages.materialize(champion, *around))
    assert stages.tracking.aliases(VINTAGE.model) == {"challenger": "1"}, "all of them or none"
    for asset in (response_curves, budget_allocation, response_curves):
        assert stages.materialize(asset).success
    assert stages.materialize(champion, *around).success
    for kind in ("", "curves", "budget"):
        assert stages.tracking.aliases(VINTAGE.model, kind) == {"challenger": "1", "champion": "1"}
    stages.write_spec(budget={"bounds": {"default": [0.9, 1.1]}})
    assert metadata(stages.materialize(budget_allocation), "budget_allocation")["budget_version"] == "2"
    assert stages.materialize(champion, *around).success
    assert stages.tracking.aliases(VINTAGE.model, "budget") == {
        "challenger": "2", "champion": "2", "previous": "1",
    }  # fmt: skip


def test_a_model_named_like_anothers_curves_is_refused(stages):
    name = f"{VINTAGE.model}_curves"
    path = stages.folder / "models" / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**SMALL, "model": name}))
    with pytest.raises(SpecError, match="give this model another name"):
        load_model(name)
