"""`budget_scenarios`: plans of the YAML as it is now, the published budget, and earlier ones that were published."""

import json

import pandas as pd
import pytest

from assets.allocation.answer import ANSWER
from assets.allocation.budget_allocation import budget_allocation
from assets.allocation.budget_scenarios import budget_scenarios
from assets.models import Vintage
from mmm_core.data.table import fingerprint
from tests.assets.vintage import VINTAGE, metadata
from tests.fixtures_warehouse import checks, failure

pytestmark = pytest.mark.slow

PLANS = {"bolder": {"spend": {"search": "+20%"}}, "late": {"spend": {"tv": {"9": "off"}}}}


BY_WEEK = [(1, 400.0), (2, 100.0), (3, 50.0), (4, 30.0), (5, 20.0), (6, 0.0)]
"""What either channel is to spend in each week, 600 in all."""


def published_earlier(stages, week, channels=("tv", "search"), cells=None):
    """A budget that a vintage of an earlier week published, with the weeks that it decided."""
    vintage = Vintage(VINTAGE.model, week)
    table = pd.DataFrame(
        {"channel": channels, "current_spend": 1.0, "recommended_spend": 600.0, "posterior_version": "old"}
    )
    stages.results.record_publication(vintage, {"budget_allocation": table})
    if cells is not None:
        facts = dict.fromkeys(
            ("total", "current_total", "gain", "gain_q05", "gain_q95", "probability_better"), 1.0
        )
        answer = {
            **facts, "weeks": 6, "gain_in": "revenue", "horizon": "short", "words": "", "cells": json.dumps(cells),
            "budget_version": fingerprint(table),
        }  # fmt: skip
        stages.results.versions(ANSWER).point(
            vintage, stages.results.keep(ANSWER, vintage, pd.DataFrame([answer]))
        )


def test_plans_stand_beside_the_published_budget_and_what_was_spent_since_earlier_ones(stages):
    stages.write_spec(margin=0.6, scenarios={"plans": PLANS, "sweep": {"totals": [0.9, 1.1]}})
    for week in ("2024-11-04", "2025-02-24", "2025-03-10"):
        published_earlier(stages, week)
    assert stages.materialize(budget_allocation).success
    result = stages.materialize(budget_scenarios, budget_allocation)
    assert result.success
    table = stages.results.read("budget_scenarios", VINTAGE)
    pairs = table[table["kind"] == "pair"].set_index(["scenario", "against"])
    assert len(pairs) == 3 * 2
    there, back = pairs.loc[("bolder", "recommended")], pairs.loc[("recommended", "bolder")]
    assert there["gain_median"] == pytest.approx(-back["gain_median"])
    assert there["gain_q05"] < there["gain_median"] < there["gain_q95"]
    assert 0 <= there["probability_better"] == pytest.approx(1 - back["probability_better"])
    whole = table[(table["channel"] == "") & (table["kind"] != "pair")]
    # the budget of November is over; the oldest that is not, and the last
    assert list(whole["scenario"]) == [
        "current", "recommended", "bolder", "budget x 0.9", "budget x 1.1", "spent since 2025-02-24",
        "spent since 2025-03-10",
    ]  # fmt: skip
    plan = stages.results.read("budget_allocation", VINTAGE)
    row = whole.set_index("scenario").loc["recommended"]
    assert row["spend"] == pytest.approx(plan["recommended_spend"].sum())
    assert row["incremental"] == pytest.approx(plan["recommended_revenue"].sum(), rel=1e-9)
    assert set(table["posterior_version"]) == {stages.posteriors.current(VINTAGE)}
    assert checks(result)["recommended_brings_what_was_claimed"].passed
    left = checks(result)["every_plan_is_evaluated"]
    assert not left.passed
    assert "late: scenario 'late': spend.tv: week 9 is outside of the horizon" in left.description
    found = metadata(result, "budget_scenarios")
    assert found["compared_by"] == "profit"
    assert "* recommended: " in found["found"]
    for picture in ("scenarios", "budget_sweep"):
        assert found[picture].startswith("![](data:image/png;base64,")


def test_a_budget_of_another_posterior_is_refused_and_one_of_other_channels_left_out(stages):
    by_week = [(channel, "", week, "", spend) for channel in ("tv", "search") for week, spend in BY_WEEK]
    names = ["channel", "geo", "week", "pattern", "recommended_spend"]
    published_earlier(stages, "2025-02-24", cells=pd.DataFrame(by_week, columns=names).to_dict("list"))
    published_earlier(stages, "2025-03-10", ("tv", "radio"))
    assert stages.materialize(budget_allocation).success
    result = stages.materialize(budget_scenarios, budget_allocation)
    assert result.success
    left = checks(result)["every_plan_is_evaluated"].description
    assert "no spend is stated for search" in left
    assert "2025-02-24" not in left
    table = stages.results.read("budget_scenarios", VINTAGE)
    followed = table[(table["kind"] == "followed") & (table["channel"] == "")]
    assert len(followed) == 1  # what its weeks have had of it since, not their share of the sums
    planned = (followed["spend"] - followed["spend_change"]).iloc[0]
    assert planned == pytest.approx(2 * (400 + 100 + 50))  # three weeks have gone by
    assert "in the week of " in followed["description"].iloc[0]
    plan = stages.results.read("budget_allocation", VINTAGE).assign(posterior_version="another")
    stages.results.versions("budget_allocation").point(
        VINTAGE, stages.results.keep("budget_allocation", VINTAGE, plan)
    )
    refused = stages.materialize(budget_scenarios, budget_allocation)
    assert "budget_allocation come from another posterior" in failure(refused)
