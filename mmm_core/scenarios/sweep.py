"""A budget sweep: the best plan at each of several budgets, the efficient frontier.

Budgets are multiples of the last period's spend. At each the budget's question is asked with that total: relative
bounds are of the last period's mix scaled to it, so that every multiple can be planned; a limit on change counts as
such a bound; money (bounds, commitments, locked channels) stays as it is stated. Where bounds are relative alone and
media do no harm, more budget never brings less. A solver starts from the plan of the budget before.

Every plan is evaluated as a scenario is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import jax
import numpy as np

from mmm_core.budget.flighting import Flight
from mmm_core.budget.problem import Answer, Problem
from mmm_core.budget.question import question
from mmm_core.budget.shadow_prices import slope_of_optimum
from mmm_core.budget.solve import solve
from mmm_core.budget.solve_weeks import solve_weeks
from mmm_core.errors import InputError
from mmm_core.scenarios.evaluate import Evaluated, Evaluator
from mmm_core.scenarios.media import repeat
from mmm_core.scenarios.plan import Planner
from mmm_core.scenarios.recommended import of_cells, over
from mmm_core.spec.budget_spec import DEFAULT, Bounds, Budget
from mmm_core.spec.scenarios_spec import Sweep

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm
    from mmm_core.posterior.handle import Posterior


STEP = 1e-6
"""Share by which a budget is moved to see how far its constraints move; they are linear in it."""


@dataclass(frozen=True)
class Point:
    """The best plan of a budget.

    Attributes:
        multiple: of the last period's spend. evaluated: the plan and what it brings.
        marginal: what one more unit of the budget would add to what is maximised, relative bounds growing with it.
        gap: of the plan's certificate. stopped_early: what ended before it proved the plan; "" where it does.
    """

    multiple: float
    evaluated: Evaluated
    marginal: float
    gap: float
    stopped_early: str = ""


@dataclass(frozen=True)
class Frontier:
    """Best plans of budgets, the smallest first.

    Attributes:
        left_out: multiple and reason of budgets that no plan within the constraints spends.
        objective: what plans are the best by, in words.
    """

    points: tuple[Point, ...]
    left_out: dict[float, str]
    objective: str

    def best(self, margin: float | None) -> int | None:
        """Which point has the most expected profit; None without a margin."""
        if margin is None or not self.points:
            return None
        return int(np.argmax([point.evaluated.profit(margin).mean() for point in self.points]))


def sweep_budgets(
    planner: Planner,
    evaluator: Evaluator,
    rule: Sweep,
    budget: Budget,
    progress: Callable[[int, int], None] | None = None,
    long_term: LongTerm | None = None,
) -> Frontier:
    """The best plan at each of a sweep's budgets.

    Args:
        planner, evaluator: of one posterior and horizon.
        budget: whose bounds and objective hold.
        progress: told (budgets done, budgets).
        long_term: of the same posterior, for a budget with `horizon: long`.

    Raises:
        InputError: a budget over another horizon that states money.
    """
    asked = over(budget, planner.horizon.weeks)
    today = sum(float(planner.repeated()[name].spend.sum()) for name in planner.posterior.spec.paid)
    points: list[Point] = []
    left_out: dict[float, str] = {}
    before: np.ndarray | None = None
    words = ""
    for done, multiple in enumerate(rule.totals):
        try:
            with jax.enable_x64(True):
                posed = question(planner.posterior, scaled_budget(asked, multiple, today), long_term)
                answer = _solved(posed.problem, before)
                media = of_cells(planner, posed, answer.spend)
                marginal = _marginal(planner.posterior, asked, multiple, today, posed.problem, answer)
        except InputError as error:
            left_out[multiple] = str(error)
            continue
        before, words = answer.spend, posed.problem.objective.words
        others = {name: repeat(channel) for name, channel in planner.repeated().items() if name not in media}
        plan = planner.plan(
            f"budget x {multiple:g}",
            {**others, **media},
            {},
            description=f"the best plan at {multiple:.0%} of the last period's spend",
        )
        certificate = answer.certificate
        points.append(
            Point(multiple, evaluator.evaluate(plan), marginal, certificate.gap, certificate.stopped_early)
        )
        if progress:
            progress(done + 1, len(rule.totals))
    return Frontier(tuple(points), left_out, words)


def scaled_budget(budget: Budget, multiple: float, today: float) -> Budget:
    """The question at so many times today's spend."""
    limit = budget.change_limit

    def scaled(bounds: Bounds) -> Bounds:
        form, (low, high) = bounds.stated
        if form == "spend":
            return bounds
        if limit is not None:
            low, high = max(low, 1 - limit), min(high, 1 + limit)
        return Bounds(relative=(low * multiple, max(low, high) * multiple))

    def sized(bounds: Bounds) -> dict[str, tuple[float, float]]:
        form, (low, high) = bounds.stated
        return {} if form == "spend" else {"relative": (low * multiple, high * multiple)}

    return budget.model_copy(
        update={
            "total": multiple * today,
            "goal": None,
            "change_limit": None,
            "bounds": {name: scaled(budget.bounds_of(name)) for name in (*budget.bounds, DEFAULT)},
            "groups": {
                name: group.model_copy(update=sized(group.bounds)) for name, group in budget.groups.items()
            },
            "geos": {name: rule.model_copy(update=sized(rule)) for name, rule in budget.geos.items()},
            "weekly": budget.weekly and budget.weekly.model_copy(update=sized(budget.weekly)),
        }
    )


def _solved(problem: Problem, before: np.ndarray | None) -> Answer:
    """The best plan, looked for from that of the budget before."""
    if before is not None and before.sum() > 0:
        start = before * float(problem.constraints.limits[0].high / before.sum())
        problem = replace(problem, start=start)
    return solve_weeks(problem) if isinstance(problem.response, Flight) else solve(problem)


def _marginal(
    posterior: Posterior, budget: Budget, multiple: float, today: float, problem: Problem, answer: Answer
) -> float:
    """The slope of the frontier: what is maximised by one more unit of budget.

    By the envelope theorem that is what the constraints that bind are worth, each times how far it moves with the
    budget: the total by one, relative bounds in proportion, money not at all.
    """
    short = budget.model_copy(
        update={"horizon": "short"}
    )  # constraints are the same, and no long term is needed
    for step in (STEP, -STEP):
        try:
            moved = question(
                posterior, scaled_budget(short, multiple * (1 + step), today)
            ).problem.constraints
        except InputError:  # money allows no plan beyond: the slope of the other side
            continue
        switched = answer.spend > 0
        gain = slope_of_optimum(
            answer.certificate.marginal,
            answer.spend,
            problem.constraints.given(switched),
            moved.given(switched),
        )
        return gain / (step * multiple * today)
    return float("nan")
