"""The best flighting of a problem whose cells are weeks, with a bound from a concave majorant.

Plans come from climbing from several flightings: the last period's, an even one, a pulsed one. Where curves are
S-shaped bursts may do better that no small change leads to: what a channel brings hangs on no other, so each channel's
spend is laid out in the best of many bursts and pulses at once, and the climb goes on from there. The bound: let M be
the concave majorant (`mmm_core.budget.majorant`) of what is maximised, and g its gradient at any plan x0. Then no plan
exceeds M(x0) + max over plans x of g . (x - x0), a linear programme; x0 is where M is greatest. Where every curve is
concave M is what is maximised, and the bound meets the plan. A mean less its standard deviation is not bounded by a
majorant, as outcome may count against it: the bound is then that of the mean, which lies above. A probability is
bounded by 1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mmm_core.budget.climb import SETTLED, climb
from mmm_core.budget.constraints import extreme
from mmm_core.budget.flighting import Flight, shares
from mmm_core.budget.majorant import majorant
from mmm_core.budget.objective import Objective
from mmm_core.budget.problem import Answer, Problem, Progress
from mmm_core.budget.projection import feasible
from mmm_core.budget.solve import Best, certified, refuse_conflict

RELAID = 3
"""Times that every channel's spend is laid out anew at most."""


def solve_weeks(problem: Problem, progress: Progress | None = None) -> Answer:
    """The best flighting found and its certificate; call inside `jax.enable_x64(True)`. Raises as `solve`."""
    assert isinstance(problem.response, Flight)
    refuse_conflict(problem)
    if problem.goal.kind in ("return", "least_spend"):
        from mmm_core.budget.target_weeks import reach_weeks

        return reach_weeks(problem, progress)
    plan, early = best_flighting(problem, progress)
    bound, rests_on, words = upper_bound(problem, plan)
    if progress:
        progress(1, 1)
    early = "; ".join(part for part in (early, words) if part)
    return certified(problem, plan, problem.worth(plan), bound, rests_on, early)


def best_flighting(problem: Problem, progress: Progress | None = None) -> tuple[np.ndarray, str]:
    """The best plan found of a problem that maximises, and what ended early."""
    starts = _starts(problem)
    best = Best(problem)
    for number, start in enumerate(starts):
        near = feasible(start, problem.constraints)
        if near is not None:
            best.offer(near)
            best.offer(*climb(problem, near))
        if progress:
            progress(number + 1, len(starts) + 1)
    for _ in range(RELAID):
        before = best.worth
        anew = laid_out(problem, best.spend)
        near = None if np.allclose(anew, best.spend) else feasible(anew, problem.constraints)
        if near is None:
            break
        best.offer(near)
        best.offer(*climb(problem, near))
        if best.worth <= before * (1 + np.sign(before) * SETTLED):
            break
    return best.spend, best.words


def _starts(problem: Problem) -> list[np.ndarray]:
    """Flightings of the channels' current spend: the last period's, even, pulsed.

    In the last two a channel that was off has half of what it may have: S-shaped curves are not climbed from nothing.
    """
    flight = problem.response
    assert isinstance(flight, Flight)
    count = len(flight.channels)
    weeks = problem.constraints.cells // count
    each = problem.start.reshape(count, weeks).sum(axis=1)
    each = np.where(each > 0, each, reachable(problem).reshape(count, weeks).max(axis=1) / 2)
    others = [np.outer(each, shares(pattern, weeks)).ravel() for pattern in ("even", "pulsed")]
    return [problem.start, *others]


def laid_out(problem: Problem, plan: np.ndarray) -> np.ndarray:
    """A plan (cell,) with each channel's spend in the one of its own weeks, bursts and pulses that counts the most.

    What counts is the objective's weighted mean of the draws at the plan. Limits of weeks are not looked at.
    """
    flight = problem.response
    assert isinstance(flight, Flight)
    weekly = plan.reshape(len(flight.channels), -1)
    spent = weekly.sum(axis=1, keepdims=True)
    lower, upper = (
        bound.reshape(weekly.shape) for bound in (problem.constraints.lower, problem.constraints.upper)
    )
    plans = np.stack([weekly, *(np.clip(spent * share, lower, upper) for share in bursts(weekly.shape[1]))])
    by_channel = np.asarray(_by_channel(flight, jnp.asarray(plans.reshape(len(plans), -1))))
    weights = problem.objective.weights(by_channel[0].sum(axis=1))
    chosen = np.argmax(np.einsum("pnc,n->pc", by_channel, weights), axis=0)
    return np.asarray(plans[chosen, np.arange(len(weekly))].ravel())


@jax.jit
def _by_channel(flight: Flight, plans: Any) -> Any:
    """Outcome (plan, draw, channel) of plans (plan, cell)."""
    return jax.lax.map(flight.by_channel, plans)


def bursts(weeks: int) -> np.ndarray:
    """Shares of spend by week, (flighting, week): bursts of every length and time, and pulses of them."""
    week, out = np.arange(weeks), []
    length = max(1, weeks // 13)
    while length < weeks:
        block = week // length
        out += [block == first for first in range(block[-1] + 1)]
        out += [block % period == first for period in (2, 3, 4) for first in range(period)]
        length *= 2
    rows = np.unique([row for row in out if row.any()] or [week >= 0], axis=0).astype(float)
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def upper_bound(problem: Problem, plan: np.ndarray) -> tuple[float, str, str]:
    """What no flighting exceeds, what that rests on, and what ended early."""
    objective, words = problem.objective, "the concave majorant of every week's saturation, draw by draw"
    if objective.kind == "probability":
        cheapest = extreme(problem.constraints, problem.price)
        assert cheapest is not None
        return problem.scale - float(problem.price @ cheapest), "no probability being more than 1", ""
    if (
        objective.kind == "mean_risk"
        and not objective.is_mean
        and (objective.risk == "sd" or objective.weight > 1)
    ):
        objective, words = Objective(), f"{words}; of the mean, above which the mean less its risk cannot be"
    flight, constraints = problem.response, problem.constraints
    assert isinstance(flight, Flight)
    above = replace(
        problem,
        response=majorant(flight, constraints.lower, reachable(problem)),
        objective=objective,
    )
    highest, early = climb(above, plan)
    bound = np.inf
    for spend in (plan, highest):
        value, slopes = above.worth_and_slopes(np.maximum(spend, 1e-9 * constraints.upper))
        furthest = extreme(constraints, -slopes)
        if furthest is not None:
            start = np.maximum(spend, 1e-9 * constraints.upper)
            bound = min(bound, value + float(slopes @ (furthest - start)))
    return bound, words, f"of the majorant, {early}" if early else ""


def reachable(problem: Problem) -> np.ndarray:
    """(cell,) the most spend that limits leave to each week."""
    constraints = problem.constraints
    upper = constraints.upper.copy()
    for limit in constraints.limits:
        if (limit.coefficients >= 0).all() and np.isfinite(limit.high):
            others = float(limit.coefficients @ constraints.lower)
            of_cells = limit.coefficients > 0
            room = (limit.high - others) / np.where(of_cells, limit.coefficients, 1.0) + constraints.lower
            upper = np.where(of_cells, np.minimum(upper, room), upper)
    return np.maximum(upper, constraints.lower)
