"""The nearest plan within bounds and limits: feasible, and no feasible plan lies on its nearer side."""

import numpy as np
import pytest

from mmm_core.budget.climb import projected_gradient
from mmm_core.budget.constraints import Constraints, Limit, extreme
from mmm_core.budget.projection import project, scales


def within(rng, cells, groups):
    """Bounds, a total and a band for each of some groups, all of which some plan meets."""
    lower = rng.uniform(0, 1, cells) * rng.integers(0, 2, cells)
    upper = lower + rng.uniform(0.1, 3, cells)
    inside, which = rng.uniform(lower, upper), rng.integers(0, groups, cells)
    limits = [Limit("total", np.ones(cells), inside.sum(), inside.sum())]
    for group in range(groups):
        row = (which == group).astype(float)
        limits.append(
            Limit(f"group {group}", row, 0.95 * row @ inside if group % 3 else -np.inf, 1.05 * row @ inside)
        )
    return Constraints(tuple(map(str, range(cells))), lower, upper, tuple(limits))


@pytest.mark.parametrize("seed", range(40))
def test_no_plan_within_the_limits_is_nearer(seed):
    rng = np.random.default_rng(seed)
    constraints = within(rng, int(rng.integers(5, 300)), int(rng.integers(2, 12)))
    scale = scales(constraints)
    target = (constraints.lower + constraints.upper) / 2
    target = target + rng.normal(size=constraints.cells) * 10.0 ** rng.uniform(-2, 1) * scale
    plan = project(target, constraints, scale)
    assert constraints.violation(plan) < 1e-9
    away = (target - plan) / scale**2
    other = extreme(constraints, -away)  # the plan furthest in the direction of the target
    assert away @ (other - plan) <= 1e-5 * np.linalg.norm(away * scale) * np.linalg.norm(
        (other - plan) / scale
    )


def test_cells_that_add_up_take_few_steps_to_an_optimum_solved_by_hand():
    """Maximise the sum of a log(1 + x) under a total: 1 + x is proportional to a."""
    cells = 200
    worth = np.exp(np.random.default_rng(0).normal(size=cells))
    total = 500.0
    limits = (Limit("total", np.ones(cells), total, total), Limit("half", np.arange(cells) < 100, 0.0, 450.0))
    constraints = Constraints(tuple(map(str, range(cells))), np.zeros(cells), np.full(cells, total), limits)
    asked = 0

    def evaluate(spend):
        nonlocal asked
        asked += 1
        return float(worth @ np.log1p(spend)), worth / (1 + spend)

    plan, words = projected_gradient(evaluate, np.full(cells, total / cells), constraints, adds_up=True)
    level = np.sort(worth)
    for kept in range(1, cells + 1):  # those that are worth spending on
        price = level[-kept:].sum() / (total + kept)
        if kept == cells or level[-kept - 1] <= price <= level[-kept]:
            break
    expected = np.maximum(worth / price - 1, 0)
    assert words == ""
    np.testing.assert_allclose(plan, expected, atol=2e-3 * expected.max())
    assert worth @ np.log1p(expected) - worth @ np.log1p(plan) < 1e-6 * (worth @ np.log1p(expected))
    assert asked < 60
