"""Plans that just reach a target: the most outcome at a return, and the least spend for an outcome.

Both lie on one curve: plans that maximise value - price x spend, for prices from nothing up. A higher price buys less
and at a higher return. The price at which the target is just met is found by bisection; what is left between the
plans on either side is closed along the line from one to the other. The bound is that of a relaxation with the target
as a row (`mmm_core.budget.relaxation`), which holds whatever the plans do.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from mmm_core.budget.change import figure
from mmm_core.budget.climb import climb
from mmm_core.budget.constraints import Limit
from mmm_core.budget.problem import Answer, Goal, Problem, Progress
from mmm_core.budget.projection import feasible
from mmm_core.budget.relaxation import relaxed
from mmm_core.budget.solve import ENDED, PROVED, Search, Unreachable, certified
from mmm_core.plural import plural

MOST_PRICES = 24
"""Prices tried."""
MOST_ROUNDS = 25
"""Relaxations solved."""
TOTALS = 10
"""Totals tried between the plan and what a relaxation promises."""


def reach(problem: Problem, seconds: float, progress: Progress | None = None) -> Answer:
    """The plan that does best among those that reach the target. Raises Unreachable with the nearest figure."""
    goal = problem.goal
    if not len(goal.price):
        goal = replace(goal, price=np.ones(problem.constraints.cells))
        problem = replace(problem, goal=goal)
    search = Search(problem.maximising(0.0), seconds)
    target = _Target(problem, search)
    plan, price = target.approached(progress)
    bound, plan = target.bounded(plan, progress)
    plan = target.at_totals(plan)
    least = goal.kind == "least_spend"
    price = target.price_at(plan, price)
    return certified(
        problem, plan,
        float(plan.sum()) if least else problem.objective.value(problem.draws(plan)),
        bound,
        "envelopes of each cell over its range of spend, the target among the constraints",
        target.early,
        problem.maximising(price * goal.price),
    )  # fmt: skip


class _Target:
    """Plans on either side of the target."""

    def __init__(self, problem: Problem, search: Search) -> None:
        self.problem, self.search, self.goal = problem, search, problem.goal
        self.early = ""
        self.promising: np.ndarray | None = None

    def value(self, plan: np.ndarray) -> float:
        return self.problem.objective.value(self.problem.draws(plan))

    def excess(self, plan: np.ndarray) -> float:
        """How far a plan is above the target; below 0 where it misses it."""
        if self.goal.kind == "least_spend":
            return self.value(plan) - self.goal.target
        return self.value(plan) - self.goal.target * float(self.goal.price @ plan)

    def score(self, plan: np.ndarray) -> float:
        """The greater the better, among plans that reach the target."""
        return -float(plan.sum()) if self.goal.kind == "least_spend" else self.value(plan)

    def at_price(self, price: float, start: np.ndarray) -> np.ndarray:
        plan, words = climb(self.problem.maximising(price * self.goal.price), start)
        self.early = words or self.early
        return plan

    def approached(self, progress: Progress | None) -> tuple[np.ndarray, float]:
        """The best plan that reaches the target, and its price."""
        problem = self.problem
        whole = Search(problem.maximising(0.0), 5.0)
        whole.run(None)
        most = whole.best.spend
        returns = self.goal.kind == "return"
        if not returns and self.excess(most) < 0:
            self._refuse_value(most, whole.bound)
        if returns and self.excess(most) >= 0:
            return most, 0.0
        hair = np.maximum(problem.constraints.lower, 1e-6 * problem.constraints.upper)
        steepest = float(np.max(problem.maximising(0.0).slopes(hair)))
        low, high = 0.0, self.goal.target if returns else 2.0 * max(steepest, 1e-300)
        inside, outside = (None, most) if returns else (most, None)
        if returns:
            dear = Search(problem.maximising(high * self.goal.price), 5.0)
            dear.run(None)
            inside = dear.best.spend
            size = max(abs(self.value(inside)), 1e-300)
            nothing = float(inside.sum()) <= 1e-9 * float(problem.constraints.upper.sum())
            if nothing or self.excess(inside) < -1e-9 * size:
                self._refuse_return()
        price = high if returns else low
        start = most
        for number in range(MOST_PRICES):
            middle = (low + high) / 2
            plan = self.at_price(middle, start)
            reaches = self.excess(plan) >= 0
            if reaches:
                if inside is None or self.score(plan) > self.score(inside):
                    inside, price = plan, middle
            else:
                outside = plan
            # a higher price buys less: more return, less outcome
            if reaches == returns:
                high = middle
            else:
                low = middle
            start = plan
            if progress:
                progress(number + 1, MOST_PRICES + MOST_ROUNDS)
        assert inside is not None
        return self.closed(inside, outside), price

    def closed(self, inside: np.ndarray, outside: np.ndarray | None) -> np.ndarray:
        """The plan nearest to the one that misses the target, on the line to it, that reaches it."""
        if outside is None or (
            self.problem.constraints.switched.any() and ((inside > 0) != (outside > 0)).any()
        ):
            return inside
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            if self.excess(inside + middle * (outside - inside)) >= 0:
                low = middle
            else:
                high = middle
        plan = inside + low * (outside - inside)
        return plan if self.score(plan) > self.score(inside) else inside

    def at_totals(self, plan: np.ndarray) -> np.ndarray:
        """The plan improved by fixing the total, which no price does where responses are S-shaped."""
        if self.promising is None:
            return plan
        near, far = float(plan.sum()), float(self.promising.sum())
        on = self.promising > 1e-9 * max(float(self.promising.max()), 1e-300)
        low, high = 0.0, 1.0
        for share in (1.0, *([None] * TOTALS)):
            step = (low + high) / 2 if share is None else share
            total = near + step * (far - near)
            limit = Limit("the total", np.ones(len(plan)), total, total)
            problem = replace(self.problem, goal=Goal())
            problem = replace(
                problem,
                constraints=replace(problem.constraints, limits=(*problem.constraints.limits, limit)),
            )
            found, _ = climb(problem, self.promising, on)
            if self.problem.constraints.violation(found) <= 1e-7 and self.excess(found) >= 0:
                plan = found if self.score(found) > self.score(plan) else plan
                low = step
                if share is not None:
                    break
            else:
                high = step
        return plan

    def price_at(self, plan: np.ndarray, price: float) -> float:
        """What a unit of spend is worth at a plan: the slope of the cells that may move."""
        constraints = self.problem.constraints.given(plan > 0)
        near = 1e-6 * np.maximum(constraints.upper, 1e-300)
        moves = (plan > constraints.lower + near) & (plan < constraints.upper - near)
        if not moves.any() or constraints.limits:
            return price
        slopes = self.problem.maximising(0.0).slopes(plan)
        return float(np.median(slopes[moves] / self.goal.price[moves]))

    def bounded(self, plan: np.ndarray, progress: Progress | None) -> tuple[float, np.ndarray]:
        """What no plan exceeds (of spend, what none is below), and the plan, better where a relaxation knew better."""
        search, least = self.search, self.goal.kind == "least_spend"
        bound = -np.inf if least else np.inf
        search.cut_at(plan)
        words = ""
        for number in range(MOST_ROUNDS):
            found = relaxed(
                search.pieces, self.problem.constraints, search.cuts, self.goal, search.ceiling,
                search.until - time.monotonic(),
            )  # fmt: skip
            if found is None:
                break
            words = found.stopped_early
            self.promising = found.plan
            bound = max(bound, found.bound) if least else min(bound, found.bound)
            on = found.plan > 1e-9 * max(float(found.plan.max()), 1e-300)
            near = feasible(found.plan, self.problem.constraints.given(on))
            if near is not None:
                near = near if self.excess(near) >= 0 else self.closed(plan, near)
                if self.excess(near) >= 0 and self.score(near) > self.score(plan):
                    plan = near
            if progress:
                progress(MOST_PRICES + number + 1, MOST_PRICES + MOST_ROUNDS)
            gap = abs(bound - (float(plan.sum()) if least else self.value(plan)))
            if gap <= PROVED * max(abs(bound), 1e-300):
                break
            if time.monotonic() > search.until:
                words = words or f"{ENDED} with its time"
                break
            if not search.refine(found.plan, found.value):
                break
        else:
            words = words or f"{ENDED} after {plural(MOST_ROUNDS, 'round')}"
        self.early = "; ".join(part for part in (self.early, words) if part)
        return bound, plan

    def _refuse_value(self, most: np.ndarray, bound: float) -> None:
        value = self.value(most)
        reaches = "reaches" if bound < self.goal.target else "was found that reaches"
        asked = f"{figure(self.goal.target)} ({self.problem.objective.words})"
        raise Unreachable(
            f"no plan within the constraints {reaches} {asked}: the most is {figure(value)}, at a spend of "
            f"{most.sum():,.0f} (no plan exceeds {figure(bound)})",
            value,
        )

    def _refuse_return(self) -> None:
        highest, plan = highest_return(self.problem)
        raise Unreachable(
            f"no plan within the constraints returns {self.goal.target:.6g} per unit of spend: the highest is "
            f"{highest:.4g}, at a spend of {plan.sum():,.0f}",
            highest,
        )


def highest_return(problem: Problem) -> tuple[float, np.ndarray]:
    """The highest value per unit of spend of any plan that spends something, by Dinkelbach's iteration."""
    limits, cells = problem.constraints.limits, problem.constraints.cells
    something = Limit("some spend", np.ones(cells), 1e-3 * float(problem.constraints.upper.sum()))
    within = replace(problem.constraints, limits=(*limits, something))
    problem = replace(problem, constraints=within, goal=Goal())
    plan, _ = climb(problem, problem.start if len(problem.start) else within.lower)
    rate = problem.objective.value(problem.draws(plan)) / max(float(plan.sum()), 1e-300)
    for _ in range(8):
        search = Search(problem.maximising(rate), 3.0)
        search.run(None)
        plan = search.best.spend
        better = problem.objective.value(problem.draws(plan)) / max(float(plan.sum()), 1e-300)
        if better <= rate * (1 + 1e-6):
            break
        rate = better
    return rate, plan
