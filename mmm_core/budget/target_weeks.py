"""Flightings that just reach a target: the most outcome at a return, and the least spend for an outcome.

As `mmm_core.budget.target` has it for cells that add up: plans that maximise value - price x spend, a higher price
buying less at a higher return; the price at which the target is just met is found by bisection, and what is left
between the plans on either side is closed along the line from one to the other. Where curves are S-shaped no price
leads to some plans: totals between the plan and the bound are tried too.

The bound is that of duality. Let no plan's value - p x spend exceed B(p) (`mmm_core.budget.solve_weeks.upper_bound`).
Of plans with a value of T at least

    spend >= (T - B(p)) / p

and of plans that return t per unit of spend at least, whose spend is value / t at most,

    value <= B(p) t / (t - p)      for p < t

whatever the price: where the plan's own leaves a gap, others are tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mmm_core.budget.change import figure
from mmm_core.budget.climb import climb
from mmm_core.budget.constraints import Limit, extreme
from mmm_core.budget.problem import Answer, Goal, Problem, Progress
from mmm_core.budget.solve import Best, Unreachable, certified
from mmm_core.budget.solve_weeks import best_flighting, upper_bound

MOST_PRICES = 14
"""Prices tried between one that buys too much and one that buys too little."""
MOST_DOUBLINGS = 40
"""Times that a price at which the target is still reached is doubled."""
LOOSE = 0.01
"""Gap above which curves are S-shaped, so that prices leave out plans, and totals are tried too."""
TOTALS, BOUNDS = 8, 8
"""Totals tried, and prices at which the bound is worked out."""
BEGUN = 1e-3
"""Least spend, as a share of the most, of a plan whose return is asked for."""
HIGHEST = 0.999
"""Highest price of a bound of a return, as a share of the return: at the return itself it says nothing."""
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True)
class Target:
    """A problem of a target: what its plans are, and how far from it.

    Attributes:
        problem: whose goal is `return` or `least_spend`.
        least, most: spend of the plans that spend the least and the most.
    """

    problem: Problem
    least: float
    most: float

    @classmethod
    def of(cls, problem: Problem) -> Target:
        """Of a problem whose constraints a plan meets."""
        ones = np.ones(problem.constraints.cells)
        ends = [extreme(problem.constraints, sign * ones) for sign in (1.0, -1.0)]
        assert ends[0] is not None
        assert ends[1] is not None
        return cls(problem, float(ends[0].sum()), float(ends[1].sum()))

    @property
    def of_outcome(self) -> bool:
        """Whether a value is asked for at the least spend, not a return."""
        return self.problem.goal.kind == "least_spend"

    def value(self, plan: np.ndarray) -> float:
        """Of the objective, at a plan (cell,)."""
        return self.problem.objective.value(self.problem.draws(plan))

    def excess(self, plan: np.ndarray) -> float:
        """How far a plan is above the target; below 0 where it misses it."""
        wanted = self.problem.goal.target
        return self.value(plan) - wanted * (1.0 if self.of_outcome else float(plan.sum()))

    def figure(self, plan: np.ndarray) -> float:
        """What is minimised, or maximised."""
        return float(plan.sum()) if self.of_outcome else self.value(plan)

    def better(self, plan: np.ndarray, than: np.ndarray) -> bool:
        """Whether a plan does better, of two that reach the target."""
        return (
            self.figure(plan) < self.figure(than)
            if self.of_outcome
            else self.figure(plan) > self.figure(than)
        )

    def at_price(self, price: float) -> Problem:
        """The problem that maximises value - price x spend."""
        return self.problem.maximising(price)

    def climbed(self, price: float, start: np.ndarray) -> tuple[np.ndarray, str]:
        """The best plan at a price, climbed to from another, and what ended early."""
        best = Best(self.at_price(price))
        least = extreme(self.problem.constraints, np.ones(len(start)))
        assert least is not None
        for begin in (start, (start + least) / 2):  # a corner can end a climb before it has begun
            best.offer(*climb(best.problem, begin))
            if not best.words:
                break
        return best.spend, best.words

    def bound(self, price: float, plan: np.ndarray) -> tuple[float, str, str]:
        """What no plan that reaches the target does better than, what that rests on, and what ended early."""
        most, rests_on, early = upper_bound(self.at_price(price), plan)
        wanted = self.problem.goal.target
        if self.of_outcome:
            return (wanted - most) / price, rests_on, early
        return most * wanted / (wanted - price), rests_on, early

    def gap(self, plan: np.ndarray, bound: float) -> float:
        """Between a plan and a bound."""
        figure = self.figure(plan)
        return abs(bound - figure) / max(abs(bound), abs(figure), 1e-300)


def reach_weeks(problem: Problem, progress: Progress | None = None) -> Answer:
    """The flighting that does best among those that reach the target. Raises Unreachable with the nearest figure."""
    target = Target.of(problem)

    def told(step: int) -> None:
        if progress:
            progress(step, MOST_PRICES + 2)

    everything, early = best_flighting(target.at_price(0.0))
    told(1)
    if target.of_outcome and target.excess(everything) < 0:
        value = target.value(everything)
        raise Unreachable(
            f"no plan within the constraints reaches {figure(problem.goal.target)} ({problem.objective.words}): the "
            f"most that was found is {figure(value)}, at a spend of {everything.sum():,.0f}",
            value,
        )
    if not target.of_outcome and target.excess(everything) >= 0:
        return _answer(target, everything, 0.0, early)
    inside: np.ndarray
    outside: np.ndarray | None
    if target.of_outcome:
        low, high, inside, outside = _doubled(target, everything)
        price = low
    else:
        low, high = 0.0, problem.goal.target
        inside, outside, price = _at_return(problem), everything, high
    start = inside if target.of_outcome or outside is None else outside
    for number in range(MOST_PRICES):
        middle = (low + high) / 2
        plan, early = target.climbed(middle, start)
        reaches = target.excess(plan) >= 0
        if not reaches:
            outside = plan
        elif target.better(plan, inside):
            inside, price = plan, middle
        if reaches == target.of_outcome:  # a higher price buys less: more return, less outcome
            low = middle
        else:
            high = middle
        # the last plan, unless it has given up: curves that are S-shaped are not climbed from nothing
        dearer = inside if target.of_outcome or outside is None else outside
        start = plan if plan.sum() > 0.5 * dearer.sum() else dearer
        told(number + 2)
    plan = inside if outside is None else _closed(target, inside, outside)
    found = _answer(
        target,
        plan,
        (price or high) if target.of_outcome else min(price, HIGHEST * problem.goal.target),
        early,
    )
    told(MOST_PRICES + 2)
    return found


def _answer(target: Target, plan: np.ndarray, price: float, early: str) -> Answer:
    """The plan with its certificate, better where its price left much between it and the bound.

    Args:
        price: of a unit of spend, at which the plan is the best.
    """
    problem = target.problem
    bound, rests_on, ended = target.bound(price, plan)
    bound = max(bound, target.least) if target.of_outcome else bound
    if target.gap(plan, bound) > LOOSE:
        bound = _closest(target, plan, bound)
        plan = _at_totals(target, plan, bound)
        price = _slope(problem, plan, price)
    return certified(
        problem, plan, target.figure(plan), bound, f"{rests_on}, at the price of the target",
        "; ".join(part for part in (early, ended) if part), target.at_price(price),
    )  # fmt: skip


def _doubled(target: Target, everything: np.ndarray) -> tuple[float, float, np.ndarray, np.ndarray | None]:
    """Prices on either side of the one at which a value is just reached.

    Where spend buys the most it may return many times what it does where everything is spent, so the price is doubled
    until it buys too little, or no less for being doubled.

    Returns:
        The highest price at which the value was reached and the next one, the plan at the first, and that at the second
        where it misses the value; None where no price does.
    """
    upper = target.problem.constraints.upper
    slopes = target.at_price(0.0).slopes(np.maximum(everything, 1e-6 * upper))
    average = target.value(everything) / max(float(everything.sum()), 1e-300)
    low, high = 0.0, 2.0 * max(float(slopes.max()), average, 1e-300)
    inside = everything
    for _ in range(MOST_DOUBLINGS):
        plan, _words = target.climbed(high, inside)
        if target.excess(plan) < 0:
            return low, high, inside, plan
        inside = plan if plan.sum() < inside.sum() else inside
        low, high = high, 2.0 * high
        if inside.sum() <= target.least * (1 + 1e-9):
            break
    return low, high, inside, None


def _closest(target: Target, plan: np.ndarray, bound: float) -> float:
    """The closest of the bounds at several prices, all of which hold, by golden section; `bound` is known already."""
    wanted = target.problem.goal.target
    if target.of_outcome:
        average = wanted / max(float(plan.sum()), 1e-300)
        low, high = float(np.log(average / 8.0)), float(np.log(average * 8.0))
    else:
        low, high = 0.0, HIGHEST * wanted

    def at(position: float) -> float:
        return target.bound(float(np.exp(position)) if target.of_outcome else position, plan)[0]

    closest: Callable[..., float] = max if target.of_outcome else min
    inner = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)]
    found = [at(position) for position in inner]
    for _ in range(BOUNDS - 2):
        if closest(found) == found[0]:
            high = inner[1]
            inner = [high - GOLDEN * (high - low), inner[0]]
            found = [at(inner[0]), found[0]]
        else:
            low = inner[0]
            inner = [inner[1], low + GOLDEN * (high - low)]
            found = [found[1], at(inner[1])]
        bound = closest(bound, *found)
    return bound


def _at_totals(target: Target, plan: np.ndarray, bound: float) -> np.ndarray:
    """The plan improved by fixing its total: none of its kind that is better lies beyond the one of the bound."""
    problem = target.problem
    ones = np.ones(problem.constraints.cells)
    near = float(plan.sum())
    far = max(bound, target.least) if target.of_outcome else min(bound / problem.goal.target, target.most)
    missing = None
    for _ in range(TOTALS):
        total = (near + far) / 2
        limits = (*problem.constraints.limits, Limit("the total", ones, total, total))
        constraints = replace(problem.constraints, limits=limits)
        found, _words = best_flighting(replace(problem, constraints=constraints, goal=Goal(), start=plan))
        if target.excess(found) >= 0:
            plan, near = found, total
        else:
            far, missing = total, found
    return plan if missing is None else _closed(target, plan, missing)


def _slope(problem: Problem, plan: np.ndarray, price: float) -> float:
    """What a unit of spend is worth at a plan: the slope of the weeks that may move; `price` where none may."""
    near = 1e-6 * np.maximum(problem.constraints.upper, 1e-300)
    moves = (plan > problem.constraints.lower + near) & (plan < problem.constraints.upper - near)
    return float(np.median(problem.maximising(0.0).slopes(plan)[moves])) if moves.any() else price


def _closed(target: Target, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """The plan nearest to the one that misses the target, on the line to it, that reaches it."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if target.excess(inside + middle * (outside - inside)) >= 0:
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
