"""From a plan to one that no small change improves: gradients by JAX, steps by the method that the constraints ask for.

    only bounds                     L-BFGS-B
    up to SMALL cells, with limits  sequential quadratic programming (SLSQP)
    more                            spectral projected gradient: steps along the gradient, projected onto the plans
                                    (Birgin, Martinez and Raydan, 2000)

Cells that are all or nothing are held on or off. Nothing is drawn at random. A method that ends early says so; what it
found is feasible all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import minimize

from mmm_core.budget.constraints import Constraints
from mmm_core.budget.problem import Problem
from mmm_core.budget.projection import feasible, project, scales
from mmm_core.budget.response import Curves
from mmm_core.plural import plural

SMALL = 60
"""Cells up to which a quadratic programme of all of them is solved in each step."""
MOST_STEPS = 400
"""Steps of a method before it ends early."""
SETTLED = 1e-8
"""Relative improvement of a plan that counts for nothing."""
LONGEST = 10.0
"""Longest step of a cell before it is projected, in units of its range."""


@dataclass(frozen=True)
class Ending:
    """When a method ends.

    Attributes:
        least: relative improvement of a step of the quadratic programme below which it ends.
        settled, patience: the projected gradient ends after so many steps in a row that improve by less than a share.
    """

    least: float
    settled: float
    patience: int


SMOOTH = Ending(1e-12, SETTLED, 10)
KINKED = Ending(1e-10, 1e-6, 3)
"""Where the worst draws are others from plan to plan, steps near the top go to and fro across the kinks."""
ROUGH = Ending(1e-8, 1e-6, 3)
"""Where it is only asked which hill a start is on."""
POLISH = Ending(1e-12, SETTLED, 3)
"""After a quadratic programme."""

Evaluate = Callable[[np.ndarray], tuple[float, np.ndarray]]


def climb(
    problem: Problem, start: np.ndarray, on: np.ndarray | None = None, rough: bool = False
) -> tuple[np.ndarray, str]:
    """A plan (cell,) that no small change improves, from a start, and what ended early; "" where nothing did.

    Args:
        start: (cell,); it need not be feasible.
        on: (cell,), which of the cells that are all or nothing have spend; default those that have some in `start`.
        rough: whether to end where steps improve little: enough to tell which hill the start is on.
    """
    constraints = problem.constraints
    if constraints.switched.any():
        constraints = constraints.given(start > 0 if on is None else on)
    begin = feasible(start, constraints)
    if begin is None:
        return start, "no plan with these channels on"
    widths: list[float | None] = [None]
    if problem.objective.kind == "probability":
        spread = float(np.std(problem.draws(begin) - problem.objective.reference)) or 1.0
        widths = [spread, 0.3 * spread, 0.1 * spread]
    ending = ROUGH if rough else SMOOTH if problem.objective.is_smooth else KINKED
    slopes = partial(projected_gradient, adds_up=isinstance(problem.response, Curves), ending=ending)
    method = _method(constraints, ending.least) or slopes
    quadratic = method is not slopes and bool(constraints.limits)
    best, best_worth, words = begin, problem.worth(begin), ""
    x = begin
    for width in widths:
        evaluate = partial(problem.worth_and_slopes, width=width)
        x, words = method(evaluate, x, constraints)
        if quadratic and not words and not rough:  # limits that say the same can end it early
            near = feasible(x, constraints)
            x = x if near is None else slopes(evaluate, near, constraints, ending=POLISH)[0]
        near = feasible(x, constraints) if constraints.violation(x) > 1e-9 else x
        if near is None:
            break
        x, found = near, problem.worth(near)
        if found > best_worth:
            best, best_worth = x, found
    return best, words


def _method(
    constraints: Constraints, least: float
) -> Callable[[Evaluate, np.ndarray, Constraints], tuple[np.ndarray, str]] | None:
    """The method of small problems; None of those that are left to the projected gradient.

    Args:
        least: relative improvement of a step below which the quadratic programme ends.
    """
    free = int((constraints.upper > constraints.lower).sum())
    if not constraints.limits:
        return _bounded
    return partial(_quadratic, least=least) if free <= SMALL else None


def _bounded(evaluate: Evaluate, start: np.ndarray, constraints: Constraints) -> tuple[np.ndarray, str]:
    lower, scale = constraints.lower, scales(constraints)
    unit = abs(evaluate(start)[0]) or 1.0

    def negative(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, slopes = evaluate(lower + z * scale)
        return -value / unit, -slopes * scale / unit

    room = (constraints.upper - lower) / scale
    found = minimize(
        negative, (start - lower) / scale, jac=True, method="L-BFGS-B",
        bounds=[(0.0, most) for most in room],
        options={"maxiter": MOST_STEPS, "ftol": 1e-13, "gtol": 1e-9},
    )  # fmt: skip
    words = "" if found.success else f"L-BFGS-B stopped after {plural(found.nit, 'step')}: {found.message}"
    return np.clip(lower + found.x * scale, lower, constraints.upper), words


def _quadratic(
    evaluate: Evaluate, start: np.ndarray, constraints: Constraints, least: float = 1e-12
) -> tuple[np.ndarray, str]:
    moves = np.flatnonzero(constraints.upper > constraints.lower)
    if not len(moves):
        return start, ""
    fixed = np.where(constraints.upper > constraints.lower, 0.0, constraints.lower)
    lower, scale = constraints.lower[moves], scales(constraints)[moves]
    room = (constraints.upper[moves] - lower) / scale
    unit = abs(evaluate(start)[0]) or 1.0

    def whole(z: np.ndarray) -> np.ndarray:
        out = fixed.copy()
        out[moves] = lower + z * scale
        return out

    def negative(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, slopes = evaluate(whole(z))
        return -value / unit, -slopes[moves] * scale / unit

    found = minimize(
        negative,
        np.clip((start[moves] - lower) / scale, 1e-9 * room, room),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, most) for most in room],
        constraints=_rows(constraints, moves, lower, scale, fixed),
        options={"maxiter": MOST_STEPS, "ftol": least},
    )
    words = "" if found.success else f"SLSQP stopped after {plural(found.nit, 'step')}: {found.message}"
    if not np.isfinite(found.x).all():
        return start, "SLSQP left the numbers"
    return np.clip(whole(np.asarray(found.x)), constraints.lower, constraints.upper), words


def _rows(
    constraints: Constraints, moves: np.ndarray, lower: np.ndarray, scale: np.ndarray, fixed: np.ndarray
) -> list[dict[str, object]]:
    """The limits in SLSQP's form, each in units of its own size."""
    out: list[dict[str, object]] = []
    for limit in constraints.limits:
        row = limit.coefficients[moves] * scale
        size = float(np.abs(row).max(initial=0.0))
        if size == 0:
            continue
        offset = float(limit.coefficients @ fixed + limit.coefficients[moves] @ lower)
        for bound, sign, kind in (
            (limit.low, 1.0, "eq" if limit.is_equality else "ineq"),
            (limit.high, -1.0, "ineq"),
        ):
            if not np.isfinite(bound) or (limit.is_equality and sign < 0):
                continue
            vector, short = sign * row / size, sign * (bound - offset) / size
            out.append(
                {
                    "type": kind,
                    "fun": lambda z, vector=vector, short=short: float(vector @ z) - short,
                    "jac": lambda _, vector=vector: vector,
                }
            )
    return out


def projected_gradient(
    evaluate: Evaluate,
    start: np.ndarray,
    constraints: Constraints,
    adds_up: bool = False,
    ending: Ending = SMOOTH,
) -> tuple[np.ndarray, str]:
    """Steps along the gradient, each projected onto the plans.

    Args:
        adds_up: whether cells do not touch each other. Each then has a step length of its own, its range over how
            much its slope turned on the way; else all have one, in units of their ranges.
        ending: when it ends.
    """
    scale = scales(constraints)
    x = start.copy()
    value, slopes = evaluate(x)
    best, best_value = x, value
    recent = [value]
    steepest = max(float(np.abs(slopes * scale).max()), 1e-300)
    length = np.full(len(x), 0.1 / steepest)
    still = 0
    for _step in range(MOST_STEPS):
        metric = scale * np.sqrt(length / length.max())
        ahead = np.clip(length * slopes * scale, -LONGEST, LONGEST) * scale
        target = project(x + ahead, constraints, metric)
        move = target - x
        rise = float(slopes @ move)
        if rise <= 1e-10 * max(abs(value), 1e-300):
            return best, ""
        worst, share = min(recent[-8:]), 1.0
        while True:
            trial = x + share * move
            trial_value, trial_slopes = evaluate(trial)
            if trial_value >= worst + 1e-4 * share * rise or share < 1e-6:
                break
            share *= 0.5
        length = _lengths(length, (trial - x) / scale, (trial_slopes - slopes) * scale, adds_up)
        x, value, slopes = trial, trial_value, trial_slopes
        recent.append(value)
        still = still + 1 if value <= best_value * (1 + np.sign(best_value) * ending.settled) else 0
        if value > best_value:
            best, best_value = x, value
        if still > ending.patience:
            return best, ""
    return best, f"the projected gradient stopped after {MOST_STEPS} steps, still rising by little"


def _lengths(length: np.ndarray, step: np.ndarray, turn: np.ndarray, adds_up: bool) -> np.ndarray:
    """Step lengths (cell,) from the last step and how the slopes turned on it (Barzilai and Borwein, 1988)."""
    bend = -float(step @ turn)
    common = float(np.clip((step @ step) / bend, 1e-12, 1e12)) if bend > 0 else 4.0 * float(np.median(length))
    if not adds_up:
        return np.full(len(step), common)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where((np.abs(step) > 1e-9) & (step * turn < 0), -step / turn, length)
    return np.clip(each, common / 100.0, common * 100.0)
