"""Maximise a sum of one-channel responses under a total and bounds, and prove how good the answer is.

The problem: max sum_c f_c(x_c) subject to sum_c x_c = total and lower <= x <= upper, where each f_c is smooth and,
with an S-shaped curve or a sum of several, neither concave nor convex. `mmm_core.budget.search` bounds what any
plan can bring and finds plans; sequential quadratic programming polishes them.

What is proved: no plan within the bounds has sum_c f_c above `bound`, up to rounding. It rests on bounds of the
slopes over ranges of spend (`Enclose`), not on curvature seen at points of a grid; without them, on the responses
being increasing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from scipy.optimize import minimize

from mmm_core.budget.envelope import Cells
from mmm_core.budget.search import ROUNDING, Enclose, Search, project

PROVED = 1e-6
"""Gap at which the search for a better plan ends."""

HAIR = 1e-6
"""Share of the upper bound that stands for nothing at all where a slope is asked for: some curves are infinitely steep
at no spend."""

Response = Callable[[Any], Any]
"""Spend (channel,) -> expected response (channel,), traceable by JAX; entry c depends on spend c alone."""


@dataclass(frozen=True)
class Certificate:
    """What is known about a plan's distance from the best possible one.

    `value` the plan's response, `bound` a response that no feasible plan exceeds, `gap` = (bound - value) / bound,
    `kkt_residual` the most that moving one unit of spend between two channels would gain, relative to the marginal
    response (0 at a stationary point), `marginal` the response to one more unit of spend in each channel,
    `stopped_early` what ended before the bound proved the plan, in words ("" where it does).
    """

    value: float
    bound: float
    gap: float
    kkt_residual: float
    marginal: np.ndarray
    stopped_early: str = ""


class FalseBound(ArithmeticError):
    """A plan brings more than a bound that no plan exceeds: what was stated of a response's slopes is wrong."""


def increasing(response: Response) -> Enclose:
    """What is known of responses that increase, and of which nothing else is known."""
    values = jax.jit(response)

    def enclose(low: np.ndarray, high: np.ndarray) -> Cells:
        first, last = np.asarray(values(jnp.asarray(low))), np.asarray(values(jnp.asarray(high)))
        return Cells(low, high, first, last, np.zeros(len(low)), np.full(len(low), np.inf), last)

    return enclose


def tightened(lower: np.ndarray, upper: np.ndarray, total: float) -> tuple[np.ndarray, np.ndarray]:
    """Bounds less what the others must take, and what they cannot take."""
    most = np.minimum(upper, total - (lower.sum() - lower))
    least = np.maximum(lower, total - (upper.sum() - upper))
    return np.minimum(least, upper), np.maximum(most, lower)


def kkt_residual(marginal: np.ndarray, spend: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """How far a plan is from stationary: the best gain from moving one unit of spend, over the marginal response.

    At an optimum no channel that can still take spend has a higher marginal response than one that can give some.
    """
    slack = 1e-7 * np.maximum(upper, 1e-300)
    can_take, can_give = spend < upper - slack, spend > lower + slack
    if not can_take.any() or not can_give.any():
        return 0.0
    best, worst = marginal[can_take].max(), marginal[can_give].min()
    return float(max(0.0, best - worst) / max(abs(best), abs(worst), 1e-300))


def maximise(
    response: Response,
    lower: np.ndarray,
    upper: np.ndarray,
    total: float,
    current: np.ndarray,
    enclose: Enclose | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, Certificate]:
    """The best plan, with its certificate.

    Args:
        response: what is maximised.
        lower, upper, current: spend, (channel,); the bounds must admit the total (the caller says so when they do
            not).
        enclose: bounds on the responses' slopes over ranges of spend; without them the responses must be increasing,
            and the certificate is found more slowly.
        progress: told (steps done, steps).

    Raises:
        FalseBound: `enclose`, or that the responses increase, is not true.
    """
    problem = _Problem(response, np.asarray(lower, float), np.asarray(upper, float), float(total))
    search = problem.search(enclose)
    steps: list[Callable[[], object]] = [
        lambda: search.offer(np.asarray(current, float)),
        lambda: search.offer(problem.polished(search.root.plan)),
        lambda: search.run(PROVED),
        lambda: problem.is_stationary(search.plan) or search.offer(problem.polished(search.plan)),
    ]
    for number, step in enumerate(steps):
        step()
        if progress:
            progress(number + 1, len(steps))
    return search.plan, problem.certificate(search.plan, search)


def certify(
    response: Response,
    spend: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    total: float,
    enclose: Enclose | None = None,
) -> Certificate:
    """The certificate of any feasible plan `spend` (channel,), however it was found.

    Raises:
        FalseBound: as `maximise`.
    """
    problem = _Problem(response, np.asarray(lower, float), np.asarray(upper, float), float(total))
    search = problem.search(enclose)
    search.offer(np.asarray(spend, float))
    search.offer(problem.polished(search.root.plan))
    search.run(PROVED)
    return problem.certificate(np.asarray(spend, float), search)


@jax.jit
def _value_and_slopes(response: Partial, spend: Any) -> Any:
    """Summed response to a plan (channel,), and its gradient."""
    return jax.value_and_grad(lambda spend: response(spend).sum())(spend)


class _Problem:
    """Responses, bounds and a total, with what is compiled for them once."""

    def __init__(self, response: Response, lower: np.ndarray, upper: np.ndarray, total: float) -> None:
        self.response, self.total = response, total
        self.lower, self.upper = tightened(lower, upper, total)
        # a Partial carries its arrays as arguments of the program; any other function is one of its own
        self._evaluate = Partial(
            _value_and_slopes, response if isinstance(response, Partial) else Partial(response)
        )

    def search(self, enclose: Enclose | None) -> Search:
        return Search(enclose or increasing(self.response), self.value, self.lower, self.upper, self.total)

    def value(self, spend: np.ndarray) -> float:
        return float(self._evaluate(jnp.asarray(spend))[0])

    def slopes(self, spend: np.ndarray) -> np.ndarray:
        """Response to one more unit of spend, (channel,); at no spend that of the first unit."""
        return np.asarray(self._evaluate(jnp.asarray(np.maximum(spend, HAIR * self.upper)))[1], dtype=float)

    def is_stationary(self, spend: np.ndarray) -> bool:
        """Whether polishing a plan would change nothing that matters."""
        return kkt_residual(self.slopes(spend), spend, self.lower, self.upper) <= PROVED

    def polished(self, start: np.ndarray) -> np.ndarray:
        """A plan that no small change improves, from a start."""
        lower, upper = self.lower, self.upper
        scale = np.where(upper > lower, upper - lower, 1.0)
        start = project(np.asarray(start, float), lower, upper, self.total)
        unit = abs(self.value(start)) or 1.0
        room = (upper - lower) / scale

        def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = self._evaluate(jnp.asarray(lower + x * scale))
            return -float(value) / unit, -np.asarray(gradient, dtype=float) * scale / unit

        # One constraint, sum(scale x) = total - sum(lower), in units of the total.
        weight = scale / max(self.total, 1e-300)
        left = (self.total - lower.sum()) / max(self.total, 1e-300)
        found = minimize(
            evaluate,
            np.clip((start - lower) / scale, HAIR * room, room),
            jac=True,
            method="SLSQP",
            bounds=[(HAIR * most, most) for most in room],
            constraints=[{"type": "eq", "fun": lambda x: float(weight @ x) - left, "jac": lambda _: weight}],
            options={"maxiter": 200, "ftol": 1e-13},
        )
        x = np.asarray(found.x)
        if not np.isfinite(x).all():
            return start
        plans = [start, project(lower + x * scale, lower, upper, self.total)]
        at_lower = x <= 2 * HAIR * room
        if at_lower.any() and np.where(at_lower, lower, upper).sum() >= self.total:
            plans.append(project(plans[1], lower, np.where(at_lower, lower, upper), self.total))
        return max(plans, key=self.value)

    def certificate(self, spend: np.ndarray, search: Search) -> Certificate:
        bound, value, slopes = search.bound, self.value(spend), self.slopes(spend)
        if value > bound + ROUNDING * max(abs(bound), abs(value)):
            raise FalseBound(
                f"a plan brings {value!r}, more than the {bound!r} that its certificate says no plan exceeds: a "
                "response is steeper than stated, or falls where it should rise"
            )
        bound = max(bound, value)  # they differ by rounding
        gap = (bound - value) / abs(bound) if bound else 0.0
        early = search.stopped_early if gap > PROVED else ""
        return Certificate(
            value, bound, gap, kkt_residual(slopes, spend, self.lower, self.upper), slopes, early
        )
