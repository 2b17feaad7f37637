"""The report as one table: plans, budgets of a sweep, what was spent since, and the channels of each."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.recommendation import Recommendation
from mmm_core.scenarios.report import evaluate_scenarios
from mmm_core.scenarios.rows import ROWS, rows_of
from mmm_core.spec.scenarios_spec import Scenarios
from tests.mmm_core.posteriors import posterior

pytestmark = pytest.mark.usefixtures("hurried_compiler")


def test_every_plan_is_a_row_and_so_is_each_of_its_channels():
    one = Posterior.of(posterior())
    made = Recommendation({"tv": 700.0, "search": 500.0}, {}, pd.Timestamp("2025-03-03"), 6)
    asked = {
        "recommended": False,
        "plans": {"budget x 0.8": {"spend": "-20%"}},
        "sweep": {"totals": [0.8, 1.2]},
    }
    report = evaluate_scenarios(one, Scenarios.model_validate(asked), margin=0.5, earlier=[made])
    table = rows_of(report)
    assert list(table.columns) == list(ROWS)
    whole, parts = table[table["channel"] == ""], table[table["channel"] != ""]
    kinds = ["plan", "plan", "sweep", "sweep", "followed"]
    pairs, whole = whole[whole["kind"] == "pair"], whole[whole["kind"] != "pair"]
    assert list(whole["kind"]) == kinds
    assert list(whole["scenario"]) == [
        "current", "budget x 0.8", "budget x 0.8", "budget x 1.2", "spent since 2025-03-03",
    ]  # fmt: skip
    assert list(parts["kind"]) == [kind for kind in kinds for _ in range(2)]
    assert list(parts["channel"]) == ["tv", "search"] * 5
    for kind in ("plan", "sweep", "followed"):
        for name, plan in parts[parts["kind"] == kind].groupby("scenario"):
            row = whole[(whole["kind"] == kind) & (whole["scenario"] == name)].iloc[0]
            assert plan["spend"].sum() == pytest.approx(row["spend"])
            assert plan["spend_change"].sum() == pytest.approx(row["spend_change"], abs=1e-9)
            assert (plan["budget_multiple"].fillna(0) == np.nan_to_num(row["budget_multiple"])).all()
    assert list(pairs["scenario"] + " over " + pairs["against"]) == [
        "current over budget x 0.8", "budget x 0.8 over current",
    ]  # fmt: skip
    there, back = pairs.iloc[1], pairs.iloc[0]
    less = whole.iloc[1]  # the plan that is held against the reference is compared with it as the pair is
    names = [
        "spend_change",
        "gain",
        "gain_median",
        "gain_q05",
        "gain_q95",
        "probability_better",
        "gain_in",
        "last_week",
    ]
    assert there[names].tolist() == less[names].tolist()
    assert back["gain_median"] == pytest.approx(-float(np.median(report.gain("budget x 0.8", "current"))))
    followed = whole.iloc[-1]
    assert (followed["against"], followed["gain_in"]) == ("recommended after 2025-03-03", "profit")
    assert followed["gain"] == pytest.approx(float(report.followed[0].gain.mean()))
    assert followed["description"] == report.followed[0].description
    assert followed["description"].startswith("recommended after 3 Mar 2025, 2 of 6 weeks gone by: ")
    assert str(followed["last_week"].date()) == "2025-03-17"
    assert whole["is_reference"].sum() == 1
    assert whole["is_best"].sum() == 1
