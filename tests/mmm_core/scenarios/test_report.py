"""Scenarios side by side: tables on common draws, probabilities, what is left out, and words."""

import numpy as np
import pytest

from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.report import COLUMNS, evaluate_scenarios
from mmm_core.spec.scenarios_spec import Scenarios
from tests.mmm_core.posteriors import posterior

PUBLISHED = {"tv": 700.0, "search": 575.0}
PLANS = {
    "bolder": {"spend": {"search": "+20%", "tv": "-30%"}},
    "dearer": {"spend": {"all": "+10%"}, "controls": {"price": {"1-2": "+20%"}}},
    "same": {},
}


def asked(**keys):
    return Scenarios.model_validate({"plans": PLANS, **keys})


@pytest.fixture(scope="module")
def tree():
    return Posterior.of(posterior(draws=50))


@pytest.fixture(scope="module")
def report(tree):
    return evaluate_scenarios(tree, asked(), published=PUBLISHED)


def test_a_row_a_plan_with_the_built_in_ones_first(report):
    table = report.table.set_index("scenario")
    assert list(table.index) == ["current", "recommended", "bolder", "dearer", "same"]
    assert list(report.table.columns) == list(COLUMNS)
    assert list(table["is_reference"]) == [True, False, False, False, False]
    assert (report.weeks, str(report.first_week.date()), report.outcome) == (6, "2025-03-24", "revenue")
    np.testing.assert_allclose(table.loc["recommended", "spend"], 1275)
    assert table["profit"].isna().all()  # nobody stated a margin


def test_plans_are_compared_on_common_draws(report):
    table = report.table.set_index("scenario")
    gain = report.of("bolder").draws["total"] - report.of("current").draws["total"]
    assert table.loc["bolder", "gain"] == pytest.approx(float(gain.mean()))
    assert table.loc["bolder", "gain_q05"] == pytest.approx(float(gain.quantile(0.05)))
    assert table.loc["bolder", "probability_better"] == pytest.approx(float((gain > 0).mean()))
    # media add up, so the level's steps and the noise cancel: far less is uncertain than of either plan
    assert float(gain.std()) < 0.2 * float(report.of("current").draws["outcome_noise"].sum("week").std())


def test_the_same_plan_is_the_same(report):
    same = report.table.set_index("scenario").loc["same"]
    assert (same["gain"], same["gain_q05"], same["spend_change"]) == (0, 0, 0)
    assert np.isnan(same["probability_better"])
    assert "same: the same as 'current'" in report.words


def test_pairs_are_each_others_mirror(report):
    pairs = report.pairs.set_index(["scenario", "against"])
    assert len(pairs) == 5 * 4
    for first, second in (("bolder", "dearer"), ("recommended", "bolder")):
        there, back = pairs.loc[(first, second)], pairs.loc[(second, first)]
        assert there["gain"] == pytest.approx(-back["gain"])
        assert there["probability_better"] + back["probability_better"] == pytest.approx(1)


def test_weeks_and_channels_add_up_to_the_table(report):
    table = report.table.set_index("scenario")
    weekly = report.weekly.groupby("scenario")[["spend", "kpi", "outcome", "incremental"]].sum()
    channels = report.channels.groupby("scenario")[["spend", "incremental"]].sum()
    for name in table.index:
        for column in ("spend", "kpi", "outcome"):
            assert weekly.loc[name, column] == pytest.approx(table.loc[name, column])
        inside = table.loc[name, "incremental"] - table.loc[name, "carried_out"]
        assert weekly.loc[name, "incremental"] == pytest.approx(inside)
        assert channels.loc[name, "incremental"] == pytest.approx(table.loc[name, "incremental"])
        assert channels.loc[name, "spend"] == pytest.approx(table.loc[name, "spend"])


def test_with_a_margin_plans_are_compared_by_profit(tree):
    report = evaluate_scenarios(tree, asked(against="bolder"), margin=0.4, published=PUBLISHED)
    table = report.table.set_index("scenario")
    for name in ("bolder", "dearer"):
        total = float(report.of(name).draws["total"].mean())
        assert table.loc[name, "profit"] == pytest.approx(0.4 * total - table.loc[name, "spend"])
    assert table.loc["dearer", "gain"] == pytest.approx(
        table.loc["dearer", "profit"] - table.loc["bolder", "profit"]
    )
    assert "held against 'bolder' by profit" in report.words[0]
    with pytest.raises(InputError, match="margin: 40 of revenue is more than all of it"):
        evaluate_scenarios(tree, asked(), margin=40)
    with pytest.raises(
        InputError,
        match=r"margin: write a number above 0, got -0.1: .* nearest feasible",
    ):
        evaluate_scenarios(tree, asked(), margin=-0.1)


def test_a_plan_that_is_refused_is_left_out_where_that_is_wanted(tree):
    spoilt = asked(
        plans={**PLANS, "late": {"spend": {"tv": {"9": "off"}}}}, against="late", recommended=False
    )
    with pytest.raises(InputError, match="week 9 is outside of the horizon"):
        evaluate_scenarios(tree, spoilt)
    report = evaluate_scenarios(tree, spoilt, tolerant=True)
    assert report.against == "current"
    assert report.names == ("current", "bolder", "dearer", "same")
    assert "week 9 is outside" in report.left_out["late"]
    assert any(line.startswith("left out: late: scenario 'late'") for line in report.words)


def test_a_recommendation_for_other_weeks_is_left_out_with_its_reason(tree):
    budget = tree.spec.budget.model_copy(update={"total": 2000.0})
    report = evaluate_scenarios(tree, asked(weeks=8), budget, published=PUBLISHED)
    assert "recommended" not in report.names
    assert "total is money over 6 weeks, and the scenarios' horizon is 8" in report.left_out["recommended"]


def test_spend_far_above_any_that_was_seen_is_an_extrapolation(tree):
    most = float(tree.data["spend"].sel(paid_channel="tv").max())
    plans = {"huge": {"spend": {"tv": {"2": 3 * most}}}, "known": {"spend": {"tv": {"2": most}}}}
    words = evaluate_scenarios(tree, asked(plans=plans, recommended=False)).words
    assert (
        "huge: tv: its highest week is 3 times the highest that the model has seen: what it brings there is an "
        in "".join(words)
    )
    assert not any(line.startswith("known: tv:") for line in words)


def test_words_say_how_much_for_how_much_and_how_sure(report):
    (bolder,) = (line for line in report.words if line.startswith("bolder:"))
    assert " revenue at 202 less spend (90 % interval " in bolder
    assert " % sure that it is " in bolder
    # a control changes too: the difference is not what spend brings
    (dearer,) = (line for line in report.words if line.startswith("dearer:"))
    assert "for each unit of spend" not in dearer
