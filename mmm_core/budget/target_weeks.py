"""Flightings that just reach a target: the most outcome at a return, and the least spend for an outcome.

As `mmm_core.budget.target` has it for cells that add up: plans that maximise value - price x spend, a higher price
buying less at a higher return; the price at which the target is just met is found by bisection, and what is left
between the plans on either side is closed along the line from one to the other.

The bound is that of duality. Let no plan's value - p x spend exceed B(p) (`mmm_core.budget.solve_weeks.upper_bound`).
Of plans with a value of T at least

    spend >= (T - B(p)) / p

and of plans that return t per unit of spend at least, whose spend is value / t at most,

    value <= B(p) t / (t - p)      for p < t
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mmm_core.budget.climb import climb
from mmm_core.budget.constraints import Limit
from mmm_core.budget.problem import Answer, Goal, Problem, Progress
from mmm_core.budget.solve import Unreachable, certified
from mmm_core.budget.solve_weeks import best_flighting, upper_bound

MOST_PRICES = 14
"""Prices tried."""
BEGUN = 1e-3
"""Least spend, as a share of the most, of a plan whose return is asked for."""


def reach_weeks(problem: Problem, progress: Progress | None = None) -> Answer:
    """The flighting that does best among those that reach the target. Raises Unreachable with the nearest figure."""
    least = problem.goal.kind == "least_spend"
    ones = np.ones(problem.constraints.cells)
    target = problem.goal.target

    def told(step: int) -> None:
        if progress:
            progress(step, MOST_PRICES + 2)

    def value(plan: np.ndarray) -> float:
        return problem.objective.value(problem.draws(plan))

    def excess(plan: np.ndarray) -> float:
        return value(plan) - target * (1.0 if least else float(plan.sum()))

    def answer(plan: np.ndarray, price: float, early: str) -> Answer:
        at_price = problem.maximising(price * ones)
        most, rests_on, words = upper_bound(at_price, plan)
        if least:
            figure, bound = float(plan.sum()), (target - most) / price if price > 0 else 0.0
            bound = max(bound, float(problem.constraints.lower.sum()))
        else:
            figure, bound = value(plan), most * target / (target - price)
        early = "; ".join(part for part in (early, words) if part)
        return certified(
            problem, plan, figure, bound, f"{rests_on}, at the price of the target", early, at_price
        )

    everything, words = best_flighting(problem.maximising(0.0))
    told(1)
    if least and excess(everything) < 0:
        raise Unreachable(
            f"no plan within the constraints reaches {target:,.6g} ({problem.objective.words}): the most that was "
            f"found is {value(everything):,.6g}, at a spend of {everything.sum():,.0f}",
            value(everything),
        )
    if not least and excess(everything) >= 0:
        return answer(everything, 0.0, words)
    slopes = problem.maximising(0.0).slopes(np.maximum(everything, 1e-6 * problem.constraints.upper))
    low, high = 0.0, 2.0 * float(np.max(slopes)) if least else target
    inside, outside, price = (everything, None, low) if least else (_at_return(problem), everything, high)
    start = everything
    for number in range(MOST_PRICES):
        middle = (low + high) / 2
        plan, words = climb(problem.maximising(middle * ones), start)
        if excess(plan) >= 0:
            better = plan.sum() < inside.sum() if least else value(plan) > value(inside)
            inside, price = (plan, middle) if better else (inside, price)
        else:
            outside = plan
        if (excess(plan) >= 0) == least:  # a higher price buys less: more return, less outcome
            low = middle
        else:
            high = middle
        start = plan
        told(number + 2)
    plan = inside if outside is None else _closed(inside, outside, excess)
    found = answer(plan, min(price, 0.999 * target) if not least else price, words)
    told(MOST_PRICES + 2)
    return found


def _closed(inside: np.ndarray, outside: np.ndarray, excess: Callable[[np.ndarray], float]) -> np.ndarray:
    """The plan nearest to the one that misses the target, on the line to it, that reaches it."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if excess(inside + middle * (outside - inside)) >= 0:
            low = middle
        else:
            high = middle
    return np.asarray(inside + low * (outside - inside))


def _at_return(problem: Problem) -> np.ndarray:
    """A plan that returns the target at least.

    The plan of the highest return is looked for by Dinkelbach's iteration: the best at a price of the return so far.

    Raises:
        Unreachable: none was found, with the highest return.
    """
    constraints = problem.constraints
    ones = np.ones(constraints.cells)
    begun = Limit("some spend", ones, BEGUN * float(constraints.upper.sum()))
    within = replace(constraints, limits=(*constraints.limits, begun))
    some = replace(problem, constraints=within, goal=Goal())

    def rate(plan: np.ndarray) -> float:
        return problem.objective.value(problem.draws(plan)) / max(float(plan.sum()), 1e-300)

    plan, best = problem.start, -np.inf
    for price in (problem.goal.target, *[None] * 8):
        plan, _ = climb(some.maximising((best if price is None else price) * ones), plan)
        found = rate(plan)
        if found >= problem.goal.target:
            return plan
        if found <= best * (1 + 1e-6):
            break
        best = found
    raise Unreachable(
        f"no plan was found within the constraints that returns {problem.goal.target:.6g} per unit of spend: the "
        f"highest is {best:.4g}, at a spend of {plan.sum():,.0f}",
        best,
    )
