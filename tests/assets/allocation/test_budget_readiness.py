"""`budget_readiness`: the budget's gates by the YAML as it is now, with what people signed; of one posterior alone."""

import pandas as pd
import pytest

from assets.allocation.budget_allocation import budget_allocation
from assets.allocation.budget_readiness import budget_readiness
from assets.posteriors.model_review import model_review
from tests.assets.vintage import VINTAGE, metadata
from tests.fixtures_warehouse import checks, failure

pytestmark = pytest.mark.slow

LENIENT = {
    "history_weeks": 52, "unproven": 1, "moved": 9, "channel_change": 9, "extrapolation": 9, "probability": 0,
    "profit": -1e12,
}  # fmt: skip


def reviewed(stages, **changes):
    """A review that was passed but for a warning, as `model_review` leaves it."""
    version = stages.posteriors.current(VINTAGE)
    table = pd.DataFrame(
        {
            "check_name": ["rhat", "holdout", "mape"],
            "severity": ["ERROR", "ERROR", "WARN"],
            "passed": [True, True, False],
            "posterior_version": version,
            "model_version": stages.tracking.model_version(VINTAGE.model, version),
        }
    ).assign(**changes)
    stages.results.versions("model_review").point(
        VINTAGE, stages.results.keep("model_review", VINTAGE, table)
    )


def decide(stages):
    return stages.materialize(budget_readiness, budget_allocation, model_review)


def tags(stages, version="1"):
    """What a registered budget says of its readiness, as whoever loads it by its alias reads it."""
    client = stages.tracking.client()
    found = client.get_model_version_by_alias(f"mmm_{VINTAGE.model}_budget", "challenger")
    assert str(found.version) == version
    return tuple(found.tags.get(name) for name in ("ready", "not_ready_because", "let_pass"))


def test_gates_follow_the_yaml_and_an_override_is_a_line_of_a_file(stages):
    stages.write_spec(readiness=LENIENT)
    assert stages.materialize(budget_allocation).success
    assert tags(stages) == (None, None, None), "nobody has asked yet"
    reviewed(stages)
    result = decide(stages)
    assert result.success
    assert checks(result)["budget_is_ready"].passed
    assert metadata(result, "budget_readiness")["verdict"] == "ready"
    assert metadata(result, "budget_readiness")["budget_version"] == "1"
    assert tags(stages) == ("true", "none", "none")

    stages.write_spec(readiness={**LENIENT, "history_weeks": 500, "overrides": "signed.csv"})
    line = f"history,team:finance,2025-03-10,{VINTAGE.as_of_week},young market"
    signed = stages.folder / "models" / "signed.csv"
    signed.write_text(f"gate,by,on,until,why\n{line.replace(VINTAGE.as_of_week, '2025-03-16')}\n")
    result = decide(stages)
    found = checks(result)["budget_is_ready"]
    assert not found.passed
    assert found.severity.value == "WARN"
    assert "weeks modelled, at least 500 wanted" in found.description
    assert metadata(result, "budget_readiness")["verdict"] == "not ready: history"
    assert tags(stages) == ("false", found.description, "none")

    signed.write_text(f"gate,by,on,until,why\n{line}\n")
    result = decide(stages)
    assert checks(result)["budget_is_ready"].passed
    kept = stages.results.read("budget_readiness", VINTAGE).set_index("gate")
    assert not kept.loc["history", "passed"]
    assert kept.loc["history", "overridden"]
    assert kept.loc["history", "decided_why"] == "young market"
    assert set(kept["posterior_version"]) == {stages.posteriors.current(VINTAGE)}
    signature = "history: let pass by team:finance on 2025-03-10 until 2025-03-17 (young market)"
    assert tags(stages) == ("true", "none", signature)

    # another plan is another version, of which nobody has asked, and the verdict on the first stays with it
    stages.write_spec(readiness=LENIENT, budget={"weeks": 6, "bounds": {"default": [0.95, 1.05]}})
    assert stages.materialize(budget_allocation).success
    assert tags(stages, "2") == (None, None, None)
    assert decide(stages).success
    assert tags(stages, "2") == ("true", "none", "none")
    first = stages.tracking.client().get_model_version(f"mmm_{VINTAGE.model}_budget", "1")
    assert first.tags["let_pass"] == signature


def test_a_plan_that_is_not_the_registered_one_gets_no_verdict(stages):
    stages.write_spec(readiness=LENIENT)
    assert stages.materialize(budget_allocation).success
    reviewed(stages)
    plan = stages.results.read("budget_allocation", VINTAGE)
    other = plan.assign(recommended_spend=0.9 * plan["recommended_spend"])
    stages.results.versions("budget_allocation").point(
        VINTAGE, stages.results.keep("budget_allocation", VINTAGE, other)
    )
    assert "is not registered in MLflow as mmm_us_revenue_budget" in failure(decide(stages))
    assert tags(stages) == (None, None, None)


def test_a_failed_review_of_this_posterior_closes_the_gate_and_that_of_another_is_none(stages):
    stages.write_spec(readiness=LENIENT)
    assert stages.materialize(budget_allocation).success
    reviewed(stages, passed=[True, False, False])
    result = decide(stages)
    assert metadata(result, "budget_readiness")["verdict"] == "not ready: review"
    reviewed(stages, posterior_version="another")
    assert "model_review come from another posterior than" in failure(decide(stages))


def test_a_budget_with_a_new_channel_goes_all_the_way_and_is_not_ready(stages):
    podcast = {"spend": 100.0, "roi": {"lognormal": [0.3, 0.5]}, "bounds": {"spend": [50.0, 200.0]}}
    stages.write_spec(readiness=LENIENT, budget={"weeks": 6, "new_channels": {"podcast": podcast}})
    planned = stages.materialize(budget_allocation)
    assert planned.success
    assert checks(planned)["keeps_total_and_bounds"].passed
    assert "certificate: no plan within the constraints" in metadata(planned, "budget_allocation")["answer"]
    plan = stages.results.read("budget_allocation", VINTAGE).set_index("channel")
    assert plan.loc["podcast", "recommended_spend"] >= 50.0
    reviewed(stages)
    result = decide(stages)
    assert result.success
    assert metadata(result, "budget_readiness")["verdict"] == "not ready: channel_change, extrapolation"
