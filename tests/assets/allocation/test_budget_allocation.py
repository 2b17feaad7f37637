"""`budget_allocation` with `horizon: long`: what it reads, says and refuses."""

import pytest

from assets.allocation.budget_allocation import budget_allocation
from assets.allocation.budget_scenarios import budget_scenarios
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
    assert (plans.loc[plans["channel"] == "", "long_term"] > 0).all()

    stages.write_spec(budget={"weeks": 6})  # the same files, and a question that does not ask
    told = metadata(stages.materialize(budget_allocation), "budget_allocation")
    assert told["horizon"] == "short"
    assert set(stages.results.read("budget_allocation", VINTAGE)["horizon"]) == {"short"}
