"""`budget_allocation` with `horizon: long`: what it reads, says and refuses, and what its registered model answers."""

import re

import mlflow
import numpy as np
import pandas as pd
import pytest

from assets.allocation.answer import read_answer
from assets.allocation.budget_allocation import budget_allocation
from assets.allocation.budget_scenarios import budget_scenarios
from assets.models import load_model
from mmm_core.budget.allocation import allocate
from mmm_core.posterior.schema import load_posterior
from tests.assets.vintage import VINTAGE, metadata
from tests.fixtures_warehouse import checks, failure
from tests.mmm_core.budget.long_terms import long_term_of

pytestmark = pytest.mark.slow


def test_a_budget_that_counts_the_long_term_needs_one_and_says_what_it_counts(stages):
    stages.write_spec(long_term={"metrics": ["awareness"]}, budget={"weeks": 6, "horizon": "long"})
    assert "there is no long-term posterior" in failure(stages.materialize(budget_allocation))

    tree = load_posterior(stages.posteriors.path(VINTAGE, stages.posteriors.current(VINTAGE)))
    stages.long_terms.save(VINTAGE, "of_tv", long_term_of(tree, {"tv": 1.5}))
    stages.long_terms.point(VINTAGE, "of_tv")
    result = stages.materialize(budget_allocation)
    assert result.success
    told = metadata(result, "budget_allocation")
    assert told["horizon"] == "long"
    assert "by way of the brand within 10 weeks (tv 1.50)" in told["answer"]
    assert set(stages.results.read("budget_allocation", VINTAGE)["horizon"]) == {"long"}

    held = stages.materialize(budget_scenarios, budget_allocation)
    plans = stages.results.read("budget_scenarios", VINTAGE)
    assert checks(held)["recommended_brings_what_was_claimed"].passed
    assert ", claimed " in checks(held)["recommended_brings_what_was_claimed"].description
    assert set(plans["horizon"]) == {"long"}
    assert (plans.loc[(plans["kind"] == "plan") & (plans["channel"] == ""), "long_term"] > 0).all()

    tv, search = (stages.results.read("budget_allocation", VINTAGE)["current_spend"].iloc[i] for i in (0, 1))
    asked = {
        "weeks": 6, "horizon": "long", "price_rise": {"tv": 0.5}, "discount": 0.2, "bounds": {"default": [0.5, 2.5]},
        "groups": {"paid": {"channels": ["search"], "relative": [0.0, 1.1]}},
        "all_or_nothing": {"tv": 0.4 * float(tv)},
    }  # fmt: skip
    stages.write_spec(long_term={"metrics": ["awareness"]}, budget=asked)
    assert stages.materialize(budget_allocation).success
    plan = stages.results.read("budget_allocation", VINTAGE)
    total = float(plan["recommended_spend"].sum())
    # at its own total the plan as it was decided, to the last digits
    same = registered(stages, total)
    np.testing.assert_allclose(same["recommended_spend"], plan["recommended_spend"], rtol=1e-6)
    np.testing.assert_allclose(same["recommended_outcome"], plan["recommended_revenue"], rtol=1e-6)
    assert (same["gap"] < 1e-6).all()
    assert set(same["horizon"]) == {"long"}
    assert set(same["left_out"]) == {""}
    # at others what the optimizer says there: with the group's limit, and with tv worth nothing less than its floor
    budget = load_model(VINTAGE.model).budget
    for other in (1.2 * total, 0.3 * float(tv) + 0.9 * float(search)):
        found = registered(stages, other)
        exact = allocate(
            tree, budget.model_copy(update={"total": other}), long_term=long_term_of(tree, {"tv": 1.5})
        )
        assert found["value"].iloc[0] == pytest.approx(exact.recommended_revenue, rel=2e-3)
        step = 0.05 * plan["current_spend"]  # between two points of a curve
        assert (abs(found["recommended_spend"] - exact.channels["recommended_spend"]) <= step).all()
        assert found["recommended_spend"].sum() == pytest.approx(other)

    stages.write_spec(budget={"weeks": 6})  # the same files, and a question that does not ask
    told = metadata(stages.materialize(budget_allocation), "budget_allocation")
    assert told["horizon"] == "short"
    assert "* the total of " in told["answer"]
    kept = stages.results.read("budget_allocation", VINTAGE)
    (held,) = set(kept["held_back_by"])
    assert re.search(r"the total of \S+ binds: one more unit of spend would return \S+ more outcome", held)
    assert read_answer(stages.results, VINTAGE, kept).prices == tuple(held.split("; "))
    assert set(kept["marginal_in"]) == {"outcome"}
    assert set(stages.results.read("budget_allocation", VINTAGE)["horizon"]) == {"short"}


def registered(stages, total):
    """What the registered budget answers to another total."""
    stages.tracking.client()  # from here on MLflow itself looks there too
    model = mlflow.pyfunc.load_model(f"models:/mmm_{VINTAGE.model}_budget@challenger")
    return model.predict(pd.DataFrame(), params={"total": float(total)})
