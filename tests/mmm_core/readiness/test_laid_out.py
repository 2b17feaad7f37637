"""A plan by week or geo is judged by its own weeks and geos, not by the last period's."""

import numpy as np
import pytest

from mmm_core.budget.decide import decide
from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.readiness.gates import gates
from mmm_core.readiness.proposal import propose
from mmm_core.scenarios.evaluate import Evaluator
from mmm_core.scenarios.plan import Planner
from mmm_core.scenarios.recommended import recommended_plan
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.readiness_spec import Readiness
from tests.mmm_core.posteriors import panel_spec, posterior, weekly_table

WEEKS = 6


def proposed(tree, budget, cells):
    spend = cells.groupby("channel")["recommended_spend"].sum()
    return propose(tree, {str(name): float(money) for name, money in spend.items()}, budget, cells=cells)


def said(tree, proposal):
    """What the gate of the moved money finds."""
    (gate,) = (each for each in gates(Posterior.of(tree), proposal, (), Readiness()) if each.name == "moved")
    return gate.message


def test_a_plan_by_week_is_judged_by_its_highest_week_and_brings_what_was_claimed():
    tree = posterior(draws=5, slope=3.0)
    budget = Budget(weeks=WEEKS, by="week", bounds={"default": (0.5, 1.5)})
    found = decide(tree, budget)
    proposal = proposed(tree, budget, found.cells)
    peaks = found.cells.groupby("channel")["recommended_spend"].max()[["tv", "search"]]
    seen = weekly_table()[["tv_spend", "search_spend"]].max()
    np.testing.assert_allclose(proposal.extrapolation, peaks.to_numpy() / seen.to_numpy())
    np.testing.assert_allclose(proposal.more_outcome.mean(), found.gain)
    assert said(tree, proposal).startswith(
        f"{proposal.moved_share:.0%} of the last 6 weeks' spend is spent otherwise"
    )
    assert "spent otherwise, counted by channel and week, at most 25% wanted" in said(tree, proposal)
    # the same figure as a scenario of that plan has
    one = Posterior.of(tree)
    plan = Evaluator(one, WEEKS).evaluate(recommended_plan(Planner(one, WEEKS), budget)).plan
    by_scenario = plan.spend.sum(axis=0).max(axis=0) / seen.to_numpy()
    np.testing.assert_allclose(proposal.extrapolation, by_scenario, rtol=1e-6)


def test_a_week_beyond_what_was_seen_closes_the_gate_though_the_channels_sum_stays():
    tree = posterior(draws=5)
    budget = Budget(weeks=WEEKS, by="week", bounds={"default": (0.5, 1.5)})
    cells = decide(tree, budget).cells
    spend = weekly_table()["tv_spend"].tail(WEEKS).sum()
    piled = cells.copy()
    tv = piled["channel"] == "tv"
    piled.loc[tv, "recommended_spend"] = np.where(piled["week"][tv] == WEEKS, spend, 0.0)
    proposal = proposed(tree, budget, piled)
    wanted = spend / weekly_table()["tv_spend"].max()
    assert wanted > 1.2
    (gate,) = (
        each for each in gates(Posterior.of(tree), proposal, (), Readiness()) if each.name == "extrapolation"
    )
    assert not gate.passed
    assert gate.figure == pytest.approx(wanted)
    flat = propose(tree, {"tv": spend, "search": 100.0}, Budget(weeks=WEEKS))
    assert flat.extrapolation[0] < wanted
    assert "spent otherwise, at most 25% wanted" in said(
        tree, flat
    )  # of channels alone there is but one measure


def test_money_moved_into_one_geo_is_judged_there():
    table = weekly_table(geos=("north", "south"))
    tree = posterior(panel_spec(), table, draws=5)
    budget = Budget(weeks=WEEKS, by="geo", bounds={"default": (0.0, 5.0)})
    cells = decide(tree, Budget(weeks=WEEKS, by="geo", bounds={"default": (1.0, 1.0)})).cells
    moved = cells.copy()
    north = (moved["channel"] == "tv") & (moved["geo"] == "north")
    moved.loc[north, "recommended_spend"] *= 3.0
    proposal = proposed(tree, budget, moved)
    of_north = table[table["geo"] == "north"]["tv_spend"]
    assert proposal.extrapolation[0] == pytest.approx(3 * of_north.tail(WEEKS).max() / of_north.max())
    spent = of_north.tail(WEEKS).sum()
    current = cells["current_spend"].sum()
    np.testing.assert_allclose(proposal.channel_change, [2.0, 0.0])
    assert proposal.moved_share == pytest.approx(2 * spent / current)
    # the same money, from the south: no channel's sum moves, and no channel's change is hidden by that
    south = (moved["channel"] == "tv") & (moved["geo"] == "south")
    moved.loc[north, "recommended_spend"] = cells.loc[north, "current_spend"] * 1.8
    moved.loc[south, "recommended_spend"] -= 0.8 * float(cells.loc[north, "current_spend"].sum())
    proposal = proposed(tree, budget, moved)
    np.testing.assert_allclose(proposal.recommended, proposal.current)
    assert proposal.channel_change[0] >= 0.8
    assert proposal.moved_share == pytest.approx(0.8 * spent / current)
    assert proposal.moved[0] == pytest.approx(1.6 * spent)
    failed = {each.name for each in gates(Posterior.of(tree), proposal, (), Readiness()) if not each.passed}
    assert {"channel_change"} <= failed
    assert "spent otherwise, counted by channel and geo, at most 25% wanted" in said(tree, proposal)
    as_before = proposed(tree, budget, cells)
    assert as_before.moved.tolist() == [0.0, 0.0], "what rounding moves is not moved"


def test_cells_of_another_budget_or_none_are_refused():
    tree = posterior(draws=5)
    budget = Budget(weeks=WEEKS, by="week", bounds={"default": (1.0, 1.0)})
    cells = decide(tree, budget).cells
    with pytest.raises(InputError, match="made for another budget; allocate again"):
        proposed(tree, budget, cells[cells["week"] < WEEKS])
    with pytest.raises(InputError, match=r"those of the plan are not there .* allocate again"):
        propose(tree, {"tv": 1.0, "search": 1.0}, budget)
