"""The best plan of a problem whose cells add up, with a bound that no plan exceeds.

Plans come from climbing (`mmm_core.budget.climb`) from several starts: today's plan, the plans of the relaxations, the
bounds' middle. Bounds come from envelopes (`mmm_core.budget.relaxation`). In turn, the relaxation's plan is climbed
from, the pieces around it are cut where its roof is loose, and a cut is added where the objective's worst case differs,
until bound and plan meet. Whatever ends early is said, and the bound then is what it is.

A target is reached by a price: the plan that maximises value - price x spend, for the price at which the target is just
met, found by bisection.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import jax.numpy as jnp
import numpy as np

from mmm_core.budget.climb import climb
from mmm_core.budget.constraints import Constraints, Limit, Part, conflicting, extreme, least_and_most, named
from mmm_core.budget.marginal_unit import NET, PROBABILITY, RISK_ADJUSTED
from mmm_core.budget.objective import Cut, stationary_cut
from mmm_core.budget.problem import Answer, Goal, PlanCertificate, Problem, Progress
from mmm_core.budget.projection import feasible, scales
from mmm_core.budget.relaxation import Pieces, relaxed
from mmm_core.budget.response import Curves, cell_outcomes, cell_slopes
from mmm_core.budget.shadow_prices import TargetPrice, shadow_prices
from mmm_core.errors import InputError
from mmm_core.plural import plural

PROVED = 1e-4
"""Gap at which the search ends."""
MOST_ROUNDS = 40
"""Relaxations solved before the search ends with the bound it has."""
ENDED = "the search for a closer bound ended"
SAME, NEAR = 1e-6, 1e-2
"""A plan that a rough climb left less worth than the best, by a share of SAME, is on a lower hill; one that is as good
and within a share NEAR of every cell's range is on the same."""
MOST_CUTS = 60
"""Cuts kept of a worst-case objective."""
ROUNDING = 1e-9
"""Relative error that sums over draws may have."""


class Unreachable(InputError):
    """A target that no plan reaches, or constraints that no plan meets."""

    def __init__(self, message: str, nearest: float = np.nan) -> None:
        super().__init__(message)
        self.nearest = nearest


class FalseBound(ArithmeticError):
    """A plan does better than a bound that no plan exceeds: what was stated of a response's slopes is wrong."""


@dataclass
class Best:
    """The best plan so far."""

    problem: Problem
    spend: np.ndarray = field(default_factory=lambda: np.zeros(0))
    worth: float = -np.inf
    words: str = ""

    def offer(self, spend: np.ndarray | None, words: str = "") -> bool:
        """Keep a plan where it is feasible and better; whether it is."""
        if spend is None or self.problem.constraints.violation(spend) > 1e-7:
            return False
        worth = self.problem.worth(spend)
        if worth > self.worth:
            self.spend, self.worth, self.words = spend, worth, words
            return True
        return False


def solve(problem: Problem, seconds: float = 60.0, progress: Progress | None = None) -> Answer:
    """The best plan and its certificate; call inside `jax.enable_x64(True)`.

    Args:
        problem: its response must be `Curves`.
        seconds: after which no further relaxation is begun.
        progress: told (rounds done, rounds at most).

    Raises:
        Unreachable: constraints that no plan meets, a set of which none can be left out named, or a target out
            of reach, with the nearest figure.
        FalseBound: what the response says of its slopes is not true.
    """
    assert isinstance(problem.response, Curves)
    refuse_conflict(problem)
    if problem.goal.kind in ("return", "least_spend"):
        from mmm_core.budget.target import reach

        return reach(problem, seconds, progress)
    search = Search(problem, seconds)
    search.run(progress)
    return search.answer()


def refuse_conflict(problem: Problem) -> None:
    """Raise Unreachable with constraints that conflict, none of which can be left out, before anything is solved."""
    constraints = problem.constraints
    found = conflicting(constraints)
    if found:
        words = "; ".join(dict.fromkeys(named(constraints, part) for part in found))
        raise Unreachable(f"no plan meets all of: {words}{_nearest(constraints, found)}")


def _nearest(constraints: Constraints, found: Sequence[Part]) -> str:
    """What the first of some limits whose absence leaves a plan could be, were it the only thing to give.

    Where others conflict too, so that no plan is left, what the bounds of its cells alone would let it be.
    """
    stated = sorted({i for kind, i, _ in found if kind in ("low", "high")})
    for alone in (False, True):
        for i in stated:
            limit = constraints.limits[i]
            limits = () if alone else constraints.limits[:i] + constraints.limits[i + 1 :]
            others = replace(constraints, limits=limits)
            low, high = least_and_most(others, limit.coefficients)
            if np.isnan(low) or (nearest := _closest(others, limit)) is None:
                continue
            which = "the bounds" if alone else f"without {limit.name}, the others"
            also = "; other limits conflict too" if alone else ""
            return f"; {which} allow {low:,.0f} to {high:,.0f}: the nearest is {nearest:,.0f}{also}"
    return ""


def _closest(others: Constraints, limit: Limit) -> float | None:
    """The sum of a plan within other constraints that lies closest to what a limit asks; None where one meets it."""
    row, sums = limit.coefficients, []
    if extreme(replace(others, limits=(*others.limits, limit)), np.zeros(others.cells)) is not None:
        return None
    for sign, side in ((-1.0, Limit("", row, high=limit.low)), (1.0, Limit("", row, low=limit.high))):
        if not np.isfinite([side.low, side.high]).any():
            continue
        plan = extreme(replace(others, limits=(*others.limits, side)), sign * row)
        if plan is not None:
            sums.append(float(row @ plan))
    return min(sums, key=lambda each: max(limit.low - each, each - limit.high), default=None)


class Search:
    """Bound and best plan of a problem that maximises."""

    def __init__(self, problem: Problem, seconds: float) -> None:
        self.problem, self.until = problem, time.monotonic() + seconds
        assert isinstance(problem.response, Curves)
        self.curves: Curves = problem.response
        self.pieces = Pieces.of(self.curves, problem.constraints, problem.objective.is_mean)
        self.best = Best(problem)
        self.bound, self.early = np.inf, ""
        self.worst, self.most = self.pieces.extremes()
        self.cuts: list[Cut] = []
        self.last = problem.start if len(problem.start) else problem.constraints.lower

    @property
    def ceiling(self) -> float:
        """A value of the objective that no plan exceeds."""
        if self.problem.objective.kind == "probability":
            return float((self.most - self.problem.objective.reference > 0).mean())
        return np.inf

    def cut_at(self, spend: np.ndarray) -> None:
        """A further bound of the objective, exact at the draws of a plan."""
        if self.problem.objective.is_mean and self.cuts:
            return
        self.cuts.append(self.problem.objective.cut(self.problem.draws(spend), self.worst))
        del self.cuts[:-MOST_CUTS]

    def stationary_cut(self) -> None:
        """The bound that would prove the best plan, were the responses concave."""
        spend, constraints = self.best.spend, self.problem.constraints
        near = 1e-6 * np.maximum(constraints.upper, 1e-300)
        moves = (spend > np.maximum(constraints.lower, constraints.floor) + near) & (
            spend < constraints.upper - near
        )
        slopes = np.asarray(cell_slopes(self.curves, jnp.asarray(spend)))
        cut = stationary_cut(self.problem.objective, self.problem.draws(spend), slopes, moves)
        if cut is not None:
            self.cuts.append(cut)

    def climb_from(self, start: np.ndarray, on: np.ndarray | None = None) -> None:
        """Climb to the top, unless it soon shows that the hill is the best plan's own or a lower one."""
        if len(self.best.spend):
            start, words = climb(self.problem, start, on, rough=True)
            worth = self.problem.worth(start)
            if worth <= self.best.worth - SAME * abs(self.best.worth):
                return
            far = np.abs(start - self.best.spend) > NEAR * scales(self.problem.constraints)
            if worth <= self.best.worth and not far.any():
                return
            self.best.offer(start, words)
        plan, words = climb(self.problem, start, on)
        self.best.offer(plan, words)

    def run(self, progress: Progress | None) -> None:
        """Climb, relax, cut, until bound and plan meet or the time is up."""
        middle = (self.problem.constraints.lower + self.problem.constraints.upper) / 2
        self.climb_from(self.last)
        if len(self.best.spend):
            self.stationary_cut()
            self.pieces.split(self.curves, self.best.spend, np.arange(len(self.best.spend)))
        self.cut_at(self.best.spend if len(self.best.spend) else self.last)
        climbed = 0
        for number in range(MOST_ROUNDS):
            found = relaxed(
                self.pieces, self.problem.constraints, self.cuts, self.problem.goal, self.ceiling,
                self.until - time.monotonic(),
            )  # fmt: skip
            if found is None:
                raise Unreachable("no plan meets the constraints")
            self.bound = min(self.bound, found.bound)
            self.early = found.stopped_early
            self.last = found.plan
            on = found.plan > 1e-9 * max(float(np.abs(found.plan).max()), 1e-300)
            settled = feasible(found.plan, self.problem.constraints.given(on))
            better = self.best.offer(settled)
            if number and self.proved():  # the first relaxation's plan is climbed from whatever is proved
                break
            if better or climbed < 3:
                climbed += 1
                before = self.best.worth
                self.climb_from(found.plan, on)
                if self.best.worth > before + 0.1 * PROVED * abs(before):
                    self.stationary_cut()
            if number == 1:
                self.climb_from(middle, on)
            if progress:
                progress(number + 1, MOST_ROUNDS)
            if self.proved() or time.monotonic() > self.until:
                break
            if not self.refine(found.plan, found.value):
                break
        else:
            self.early = self.early or f"{ENDED} after {plural(MOST_ROUNDS, 'round')}"
        if not self.proved() and self.bound < np.inf and not self.early and time.monotonic() > self.until:
            self.early = f"{ENDED} with its time"

    def proved(self) -> bool:
        """Whether bound and plan meet."""
        return self.bound - self.best.worth <= PROVED * max(abs(self.bound), abs(self.best.worth))

    def refine(self, plan: np.ndarray, promised: float) -> bool:
        """Cut pieces, or the objective, where the relaxation promises more than its plan brings."""
        cells = np.asarray(cell_outcomes(self.curves, jnp.asarray(plan)[None]))[0]
        draws = cells.sum(axis=1)
        binding = min(self.cuts, key=lambda cut: cut.at(draws))
        over_cut = binding.at(draws) - self.problem.objective.value(draws)
        roofs = np.array(
            [
                np.interp(plan[c], self.pieces.breaks(c), self.pieces.roof(c, binding.weights))
                for c in range(len(plan))
            ]
        )
        over_roof = roofs - binding.weights @ cells
        changed = False
        if not self.problem.objective.is_mean and over_cut > 0.2 * PROVED * max(abs(promised), 1e-300):
            self.cut_at(plan)
            changed = True
        loose = np.flatnonzero(over_roof > max(0.05 * over_roof.max(), 0.0))
        if len(loose) and over_roof.sum() > 0.05 * PROVED * max(abs(promised), 1e-300):
            changed |= self.pieces.split(self.curves, plan, loose)
            points = plan.copy()
            points[loose] = [self.pieces.loosest(c, binding.weights) for c in loose.tolist()]
            changed |= self.pieces.split(self.curves, points, loose)
        return changed

    def answer(self) -> Answer:
        """The plan with its certificate."""
        spend = self.best.spend
        return certified(
            self.problem, spend, self.best.worth, self.bound,
            "envelopes of each cell over its range of spend"
            + ("" if self.problem.objective.is_mean else f", and {len(self.cuts)} worst-case weights of the draws"),
            "; ".join(words for words in (self.best.words, self.early) if words),
        )  # fmt: skip


def certified(
    problem: Problem,
    spend: np.ndarray,
    value: float,
    bound: float,
    rests_on: str,
    stopped_early: str,
    slopes_of: Problem | None = None,
) -> Answer:
    """A plan with its certificate.

    Args:
        value, bound: of what is maximised; of least spend, the spend and what no plan is below.
        stopped_early: what ended before it was done; no matter where plan and bound meet all the same.
        slopes_of: the problem whose stationary point the plan is, where it is not this one.
    """
    least = problem.goal.kind == "least_spend"
    if problem.objective.kind == PROBABILITY and problem.goal.kind == "outcome":
        bound = min(bound, 1.0)  # whatever a relaxation knows
    size = max(abs(value), abs(bound) if np.isfinite(bound) else 0.0, 1e-300)
    short = (bound - value) if not least else (value - bound)
    if short < -ROUNDING * size - 1e-7 * size:
        raise FalseBound(
            f"a plan does {value!r}, better than the {bound!r} that its certificate says no plan exceeds: a response "
            "is steeper than stated"
        )
    bound = bound if short > 0 else value
    stationary = slopes_of or problem
    gap = max(short, 0.0) / size
    slopes = problem.slopes(_inside(spend, problem))
    given = problem.constraints.given(spend > 0)
    target = None
    if slopes_of is not None:
        target = TargetPrice.of(slopes_of.goal.price, problem.goal)
    binding, residual = shadow_prices(
        stationary.slopes(_inside(spend, problem)), spend, given, maximised(problem), target
    )
    return Answer(
        spend,
        problem.draws(spend),
        PlanCertificate(
            value, bound, gap, rests_on, residual, slopes, binding, "" if gap <= PROVED else stopped_early
        ),
    )


def _inside(spend: np.ndarray, problem: Problem) -> np.ndarray:
    """A hair above nothing, where some curves are infinitely steep."""
    return np.maximum(spend, 1e-6 * problem.constraints.upper)


def maximised(problem: Problem) -> str:
    """What marginal figures are counted in: outcome, risk_adjusted, net or probability."""
    if problem.objective.kind == PROBABILITY:
        return PROBABILITY
    if problem.goal.kind == NET:
        return NET
    return "outcome" if problem.objective.is_mean else RISK_ADJUSTED


__all__ = [
    "Answer", "FalseBound", "Goal", "Unreachable", "certified", "maximised", "refuse_conflict", "solve",
]  # fmt: skip
