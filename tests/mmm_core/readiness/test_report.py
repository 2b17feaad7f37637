"""Readiness of a recommended budget: every gate's figure by hand, both of its sides, and what an override does."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from mmm_core.budget.allocation import allocate
from mmm_core.effects.curves import response_curves
from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.readiness.gates import GATES, Verdict, gates
from mmm_core.readiness.overrides import Override
from mmm_core.readiness.proposal import propose
from mmm_core.readiness.report import TABLE, readiness
from mmm_core.report.moves import probability_right
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.model_spec import parse_spec
from mmm_core.spec.readiness_spec import Readiness
from tests.mmm_core.agreement.calibrated import calibrated
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table

AS_OF = date(2025, 3, 24)
WEEKS = 6
LENIENT = Readiness(
    history_weeks=0, unproven=1, moved=9, channel_change=9, extrapolation=9, probability=0, profit=-1e9
)


def check(name, passed, severity="ERROR"):
    return Verdict(name, severity, passed)


PASSED = (check("rhat", True), check("ess_bulk", True), check("holdout", True), check("mape", False, "WARN"))


@pytest.fixture(scope="module")
def tree():
    return posterior(draws=30, coefficient=[[3.0, 0.6, 0.1]])


@pytest.fixture(scope="module")
def spent():
    last = weekly_table().tail(WEEKS)
    return {"tv": last["tv_spend"].sum(), "search": last["search_spend"].sum()}


def found(tree, plan, review=PASSED, overrides=None, budget=None, **rule):
    return readiness(tree, plan, review, AS_OF, LENIENT.model_copy(update=rule), overrides, budget)


def gate(name, *arguments, **options):
    (wanted,) = (each for each in found(*arguments, **options).gates if each.name == name)
    return wanted


def shifted(spent, tv, search=1.0):
    return {"tv": tv * spent["tv"], "search": search * spent["search"]}


def test_a_plan_within_every_threshold_is_ready(tree, spent):
    report = found(tree, spent)
    assert report.ready
    assert report.verdict == "ready"
    assert report.reasons == ""
    table = report.table()
    assert list(table["gate"]) == list(GATES)
    assert list(table.columns) == list(TABLE)
    assert table["passed"].all()
    assert not table["overridden"].any()


def test_what_a_plan_brings_more_is_what_the_curves_say(tree, spent):
    proposal = propose(tree, shifted(spent, 1.4, 0.8))
    curves = response_curves(tree, [0.8, 1.0, 1.4], WEEKS).set_index(["channel", "multiplier"])["mean"]
    wanted = curves["tv", 1.4] - curves["tv", 1.0] + curves["search", 0.8] - curves["search", 1.0]
    assert proposal.more_outcome.mean() == pytest.approx(wanted)
    assert proposal.current.sum() == pytest.approx(sum(spent.values()))
    more_spend = 0.4 * spent["tv"] - 0.2 * spent["search"]
    assert proposal.more_profit(0.4) == pytest.approx(0.4 * proposal.more_outcome - more_spend)


@pytest.mark.parametrize(
    ("name", "tv", "search", "figure"),
    [
        ("moved", 1.3, 1.0, lambda spent: 0.3 * spent["tv"] / sum(spent.values())),
        ("moved", 0.5, 1.1, lambda spent: 0.5 * spent["tv"] / sum(spent.values())),
        ("channel_change", 1.3, 0.4, lambda spent: 0.6),
        (
            "extrapolation",
            3.0,
            1.0,
            lambda spent: 3 * weekly_table().tail(WEEKS)["tv_spend"].max() / weekly_table()["tv_spend"].max(),
        ),
    ],
)
def test_the_size_of_a_move_is_what_a_calculator_says_and_is_refused_beyond_its_threshold(
    tree, spent, name, tv, search, figure
):
    plan, wanted = shifted(spent, tv, search), figure(spent)
    assert gate(name, tree, plan).figure == pytest.approx(wanted)
    assert gate(name, tree, plan, **{name: wanted * 1.001}).passed
    refused = gate(name, tree, plan, **{name: wanted * 0.999})
    assert not refused.passed
    assert refused.threshold == pytest.approx(wanted * 0.999)


def test_the_chance_of_a_gain_and_its_worth_count_what_the_plan_costs(tree, spent):
    """Draws that bring 0, 1, ... 9 times what the plan costs more: at a margin of a half, seven of ten pay."""
    cost = 0.5 * spent["tv"]
    proposal = replace(propose(tree, shifted(spent, 1.5)), more_outcome=cost * np.arange(10.0))

    def verdict(name, **rule):
        found = gates(Posterior.of(tree), proposal, PASSED, LENIENT.model_copy(update=rule))
        return next(gate for gate in found if gate.name == name)

    assert verdict("probability", margin=0.5).figure == pytest.approx(0.7)
    assert verdict("probability", margin=0.5, probability=0.7).passed
    assert not verdict("probability", margin=0.5, probability=0.71).passed
    assert verdict("probability", margin=0.25).figure == pytest.approx(0.5)
    assert (
        "has probability 70 %, at least 99.9 % wanted"
        in verdict("probability", margin=0.5, probability=0.999).message
    )
    gain = cost * (0.5 * 4.5 - 1)
    assert verdict("profit", margin=0.5).figure == pytest.approx(gain)
    assert verdict("profit", margin=0.5, profit=gain * 0.99).passed
    assert not verdict("profit", margin=0.5, profit=gain * 1.01).passed


def test_history_is_in_weeks_that_were_modelled(tree, spent):
    weeks = gate("history", tree, spent).figure
    assert weeks == tree["constant_data"].sizes["week"]
    assert not gate("history", tree, spent, history_weeks=int(weeks) + 1).passed


def test_checks_of_the_review_close_the_gate_they_belong_to_and_warnings_close_none(tree, spent):
    review = (*PASSED, check("holdout_of_all", False), check("ess_tail", False))
    report = found(tree, spent, review)
    assert [closed.name for closed in report.closed] == ["review", "convergence"]
    assert report.verdict == "not ready: review, convergence"
    assert report.reasons == "review: holdout_of_all, ess_tail failed; convergence: ess_tail failed"


def test_where_the_draws_alone_fail_the_review_fails_too_and_the_page_says_nothing_else(tree, spent):
    report = found(tree, spent, (*PASSED, check("ess_tail", False)))
    assert [closed.name for closed in report.closed] == ["review", "convergence"]
    table = report.table().set_index("gate")["message"]
    assert table["review"] == table["convergence"] == "ess_tail failed"
    # and a model whose draws are fine fails its review alone
    other = found(tree, spent, (*PASSED, check("holdout_of_all", False)))
    assert [closed.name for closed in other.closed] == ["review"]


def test_no_review_is_no_pass(tree, spent):
    report = found(tree, spent, ())
    assert [closed.name for closed in report.closed] == ["review", "convergence"]
    assert "no check of the review was run" in report.reasons


def test_money_may_move_where_a_test_or_the_data_speak(spent):
    """Where no contraction is enough the data tell nothing; a lift test of tv speaks for tv alone."""
    spec = {**SPEC, "review": {"contraction": 0.9999}}
    plan = shifted(spent, 0.9, 0.8)
    moved = np.array([0.1 * spent["tv"], 0.2 * spent["search"]])
    silent = gate("evidence", posterior(spec, draws=100), plan, unproven=0.99)
    assert silent.figure == pytest.approx(1.0)
    assert not silent.passed
    assert "speak for (tv, search)" in silent.message
    tested = gate("evidence", calibrated({"a": 1.0}, spec, draws=100), plan, unproven=0.99)
    assert tested.figure == pytest.approx(moved[1] / moved.sum())
    assert tested.passed
    assert gate("evidence", posterior(draws=100), plan, unproven=0.0).passed  # the hand-made draws are narrow


def test_spend_where_there_was_none_is_an_infinite_change(spent):
    table = weekly_table()
    table.loc[table.index[-WEEKS:], "tv_spend"] = 0.0
    tree = posterior(table=table, draws=5)
    plan = {"tv": 100.0, "search": spent["search"]}
    change = gate("channel_change", tree, plan)
    assert change.figure == np.inf
    assert "spend where there was none" in change.message


def test_a_channel_without_history_needs_somebody_who_signs_for_it(tree, spent):
    plan = {**spent, "podcast": 60.0}
    new = {"spend": 60, "roi": {"lognormal": [0, 0.5]}, "bounds": {"spend": [0, 90]}}
    budget = Budget(weeks=WEEKS, new_channels={"podcast": new})
    report = readiness(tree, plan, PASSED, AS_OF, Readiness(history_weeks=0), budget=budget)
    assert {"evidence", "channel_change", "extrapolation", "probability", "profit"} <= {
        g.name for g in report.closed
    }
    assert report.proposal.more_profit(1.0) == pytest.approx(-60.0)
    assert report.proposal.planned_peak[-1] == pytest.approx(60.0 / WEEKS)


@pytest.mark.parametrize("keys", [{"price_rise": {"tv": 0.5}}, {"discount": 0.5}])
def test_gates_judge_the_profit_that_the_budget_counts(tree, spent, keys):
    budget = Budget(weeks=WEEKS, bounds={"default": (0.5, 2.0)}, total=1.4 * sum(spent.values()), **keys)
    plan = allocate(tree, budget)
    spend = dict(zip(plan.channels["channel"], plan.channels["recommended_spend"], strict=True))
    assert spend["tv"] > 1.05 * spent["tv"]
    proposal = propose(tree, spend, budget)
    assert proposal.more_outcome.mean() == pytest.approx(
        plan.gain
    )  # of a stated question: over the last period
    assert (proposal.more_profit(1.0) > 0).mean() == pytest.approx(
        gate("probability", tree, spend, budget=budget, margin=1.0).figure
    )
    plain = propose(tree, spend, Budget(weeks=WEEKS))
    assert plain.more_outcome.mean() > 1.02 * proposal.more_outcome.mean()


def test_a_move_that_makes_media_dearer_is_less_surely_right(tree, spent):
    plan = pd.DataFrame({"channel": ["tv", "search"], "current_spend": spent.values()})
    plan["recommended_spend"] = plan["current_spend"] * [1.4, 1.0]
    plain, dearer = (
        [
            probability_right(Posterior.of(tree), plan, Budget(weeks=WEEKS, price_rise=rise), margin)["tv"]
            for margin in (1.0, 3.0, 10.0, 30.0)
        ]
        for rise in ({}, {"tv": 1.0})
    )
    assert sum(dearer) < sum(plain)


def test_of_a_kpi_without_revenue_the_kpi_is_counted(spent):
    spec = {**SPEC, "kpi": {"column": "orders", "kind": "non_revenue"}}
    proposal = propose(posterior(spec, draws=5), shifted(spent, 1.2))
    assert proposal.outcome != "revenue"
    assert (proposal.more_profit(None) == proposal.more_outcome).all()
    cost = proposal.recommended.sum() - proposal.current.sum()
    assert proposal.more_profit(12.0) == pytest.approx(12 * proposal.more_outcome - cost)


def override(until, on=date(2025, 3, 1), gate="moved"):
    return Override(gate, "team:finance", on, until, "agreed with the board")


def test_a_person_may_let_a_gate_pass_until_a_stated_week(tree, spent):
    plan = shifted(spent, 1.3)
    report = found(tree, plan, moved=0.01, overrides={"moved": (override(AS_OF),)})
    assert report.ready
    assert report.verdict == "ready, moved overridden"
    assert "let pass by team:finance on 2025-03-01 until 2025-03-24 (agreed with the board)" in report.reasons
    row = report.table().set_index("gate").loc["moved"]
    assert not row["passed"]
    assert (row["overridden"], row["decided_by"]) == (True, "team:finance")
    assert row["decided_on"] == pd.Timestamp("2025-03-01")
    # a week later, or for another gate, it holds no more
    late = {"moved": (override(date(2025, 3, 17)),)}
    assert found(tree, plan, moved=0.01, overrides=late).verdict == "not ready: moved"
    other = {"profit": (override(AS_OF, gate="profit"),)}
    assert found(tree, plan, moved=0.01, overrides=other).verdict == "not ready: moved"


def test_an_override_of_a_gate_that_passes_decides_nothing(tree, spent):
    assert found(tree, spent, overrides={"moved": (override(AS_OF),)}).verdict == "ready"


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ({"tv": 1.0}, "no spend is stated for search"),
        ({"tv": 1.0, "search": 1.0, "radio": 2.0}, "no paid channel is called radio"),
        ({"tv": -1.0, "search": 1.0}, "spend of tv is no number of 0 or more"),
        ({"tv": 1.0, "search": float("nan")}, "spend of search is no number of 0 or more"),
    ],
)
def test_a_plan_that_is_none_is_refused(tree, plan, says):
    with pytest.raises(InputError, match=says):
        propose(tree, plan)


def test_thresholds_come_from_the_yaml_and_change_no_fit():
    plain, strict = parse_spec(SPEC), parse_spec({**SPEC, "readiness": {"probability": 0.95, "margin": 0.4}})
    assert plain.readiness == Readiness()
    assert strict.readiness.probability == 0.95
    assert plain.spec_hash == strict.spec_hash
