"""The plans of a budget decision: against `mmm allocate`, the curves, and all plans of a grid."""

from itertools import product

import numpy as np
import pytest

from mmm_core.budget.allocation import allocate
from mmm_core.effects.curves import response_draws
from mmm_core.experiments.decision import Decision, decision, distinct
from tests.mmm_core.posteriors import family_spec, posterior


@pytest.fixture(scope="module")
def three():
    """Three paid channels."""
    tree = posterior(family_spec(budget={"weeks": 6, "bounds": {"default": [0.5, 1.5]}}), draws=40)
    return tree, *decision(tree)


def test_today_is_the_plan_of_the_budget(three):
    tree, question, choice = three
    np.testing.assert_allclose(choice.today, allocate(tree).channels["recommended_spend"], rtol=1e-4)
    plan, _ = choice.best(choice.outcome.mean(axis=0)[None])
    paid = choice.payoff(np.stack([choice.today, plan[0]])).mean(axis=0)
    assert paid[1] == pytest.approx(paid[0], rel=1e-4)
    assert plan.sum() == pytest.approx(question.spent.sum())


def test_what_a_plan_brings_is_read_off_the_curves(three):
    tree, question, choice = three
    multipliers = [0.6, 0.83, 1.0]
    curves = response_draws(tree, multipliers)["response"]
    plans = question.spent * np.array(multipliers)[:, None]
    expected = curves.sum("channel").transpose("draw", "multiplier").to_numpy()
    np.testing.assert_allclose(choice.payoff(plans), expected, rtol=1e-3)


def test_the_best_plan_is_the_best_of_all_and_its_price_what_more_would_bring():
    rng = np.random.default_rng(2)
    grid = np.linspace(0.0, 10.0, 11)[:, None] * np.ones(3)
    curves = rng.uniform(1, 4, (30, 3, 1)) * np.sqrt(grid.T)
    choice = Decision(grid, curves, 12.0, np.array([4.0, 4.0, 4.0]))
    plans, price = choice.best(curves)
    np.testing.assert_allclose(plans.sum(axis=1), 12.0)
    every = np.array([p for p in product(range(11), repeat=3) if sum(p) == 12], dtype=float)
    brute = choice.payoff(every).max(axis=1)
    np.testing.assert_allclose(choice.perfect(), brute, rtol=1e-9)
    more, _ = Decision(grid, curves, 13.0, choice.today).best(curves)
    gain = np.array([choice.payoff(more[[i]])[i, 0] - choice.payoff(plans[[i]])[i, 0] for i in range(30)])
    assert (gain <= price * (1 + 1e-6)).all()


def test_plans_around_a_channel_keep_the_total_and_give_it_every_level(three):
    _, question, choice = three
    plans = choice.plans_around(1)
    np.testing.assert_allclose(plans.sum(axis=1), choice.total)
    assert (plans >= question.problem.constraints.lower - 1e-9).all()
    assert (plans <= question.problem.constraints.upper + 1e-9).all()
    assert len(np.unique(plans[:, 1].round(6))) == len(plans) > 5


def test_plans_alike_are_one():
    plans = np.array([[50.0, 50.0], [50.01, 49.99], [60.0, 40.0]])
    np.testing.assert_array_equal(distinct(plans, 100.0), plans[[0, 2]])
