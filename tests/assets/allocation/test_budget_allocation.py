"""`budget_allocation`: the library's plan, for the budget that the YAML asks about now."""

import pytest

from assets.allocation.budget_allocation import budget_allocation
from tests.assets.vintage import VINTAGE, metadata
from tests.fixtures_warehouse import checks, failure

pytestmark = pytest.mark.slow


def test_the_plan_answers_the_yaml_as_it_is_now(stages):
    stages.write_spec(budget={"weeks": 8, "bounds": {"default": [0.8, 1.2]}})
    result = stages.materialize(budget_allocation)
    assert result.success
    assert checks(result)["keeps_total_and_bounds"].passed
    plan = stages.results.read("budget_allocation", VINTAGE)
    assert plan["recommended_spend"].sum() == pytest.approx(plan["current_spend"].sum())
    assert plan["lower"].to_numpy() == pytest.approx(0.8 * plan["current_spend"])
    assert plan["upper"].to_numpy() == pytest.approx(1.2 * plan["current_spend"])
    assert metadata(result, "budget_allocation")["weeks"] == 8


def test_a_total_that_the_bounds_do_not_allow_leaves_no_plan(stages):
    stages.write_spec(budget={"weeks": 8, "total": 1.0, "bounds": {"default": [0.8, 1.2]}})
    result = stages.materialize(budget_allocation)
    assert not result.success
    assert "bounds" in failure(result)
    assert stages.results.read("budget_allocation", VINTAGE) is None
