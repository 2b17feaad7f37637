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
from functools import partial

import numpy as np
from scipy.optimize import minimize

from mmm_core.budget.constraints import Constraints, extreme
from mmm_core.budget.problem import Problem

SMALL = 60
"""Cells up to which a quadratic programme of all of them is solved in each step."""
MOST_STEPS = 400
"""Steps of a method before it ends early."""
SETTLED = 1e-9
"""Relative improvement below which a method ends, after some steps."""

Evaluate = Callable[[np.ndarray], tuple[float, np.ndarray]]


def climb(problem: Problem, start: np.ndarray, on: np.ndarray | None = None) -> tuple[np.ndarray, str]:
    """A plan (cell,) that no small change improves, from a start, and what ended early; "" where nothing did.

    Args:
        start: (cell,); it need not be feasible.
        on: (cell,), which of the cells that are all or nothing have spend; default those that have some in `start`.
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
    best, best_worth, words = begin, problem.worth(begin), ""
    x = begin
    for width in widths:
        evaluate = partial(problem.worth_and_slopes, width=width)
        method = _method(constraints)
        x, words = method(evaluate, x, constraints)
        if method is _quadratic and not words:  # limits that say the same can end it early
            near = feasible(x, constraints)
            x = x if near is None else projected_gradient(evaluate, near, constraints)[0]
        near = feasible(x, constraints) if constraints.violation(x) > 1e-9 else x
        if near is None:
            break
        x, found = near, problem.worth(near)
        if found > best_worth:
            best, best_worth = x, found
    return best, words


def _method(
    constraints: Constraints,
) -> Callable[[Evaluate, np.ndarray, Constraints], tuple[np.ndarray, str]]:
    free = int((constraints.upper > constraints.lower).sum())
    if not constraints.limits:
        return _bounded
    return _quadratic if free <= SMALL else projected_gradient


def _scales(constraints: Constraints) -> np.ndarray:
    """(cell,) the range of each cell: the unit that steps are taken in."""
    room = constraints.upper - constraints.lower
    return np.where(room > 0, room, 1.0)


def _bounded(evaluate: Evaluate, start: np.ndarray, constraints: Constraints) -> tuple[np.ndarray, str]:
    lower, scale = constraints.lower, _scales(constraints)
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
    words = "" if found.success else f"L-BFGS-B stopped after {found.nit} steps: {found.message}"
    return np.clip(lower + found.x * scale, lower, constraints.upper), words


def _quadratic(evaluate: Evaluate, start: np.ndarray, constraints: Constraints) -> tuple[np.ndarray, str]:
    moves = np.flatnonzero(constraints.upper > constraints.lower)
    if not len(moves):
        return start, ""
    fixed = np.where(constraints.upper > constraints.lower, 0.0, constraints.lower)
    lower, scale = constraints.lower[moves], _scales(constraints)[moves]
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
        options={"maxiter": MOST_STEPS, "ftol": 1e-12},
    )
    words = "" if found.success else f"SLSQP stopped after {found.nit} steps: {found.message}"
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
    evaluate: Evaluate, start: np.ndarray, constraints: Constraints
) -> tuple[np.ndarray, str]:
    """Steps along the gradient, each projected onto the plans, in units of each cell's range."""
    scale = _scales(constraints)
    x = start.copy()
    value, slopes = evaluate(x)
    best, best_value = x, value
    recent = [value]
    length = 1.0 / max(float(np.abs(slopes * scale).max()), 1e-300) * 0.1
    still = 0
    for _step in range(MOST_STEPS):
        target = project(x + length * slopes * scale**2, constraints, scale)
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
        step, turn = (trial - x) / scale, (trial_slopes - slopes) * scale
        bend = -float(step @ turn)
        length = float(np.clip((step @ step) / bend, 1e-12, 1e12)) if bend > 0 else length * 4
        x, value, slopes = trial, trial_value, trial_slopes
        recent.append(value)
        still = still + 1 if value <= best_value * (1 + np.sign(best_value) * SETTLED) else 0
        if value > best_value:
            best, best_value = x, value
        if still > 12:
            return best, ""
    return best, f"the projected gradient stopped after {MOST_STEPS} steps, still rising by little"


def project(target: np.ndarray, constraints: Constraints, scale: np.ndarray | None = None) -> np.ndarray:
    """The plan nearest to `target` within bounds and limits, distances in units of `scale` (cell,)."""
    lower, upper = constraints.lower, constraints.upper
    scale = np.ones(len(target)) if scale is None else scale
    matrix, low, high = constraints.matrix, constraints.low, constraints.high
    x = np.clip(target, lower, upper)
    sums = matrix @ x
    tight = 1e-12 * (np.abs(matrix) @ np.maximum(np.abs(upper), 1e-300))
    if (sums >= low - tight).all() and (sums <= high + tight).all():
        return x
    if len(matrix) == 1:
        return _onto_one(target, lower, upper, scale, matrix[0], float(low[0]), float(high[0]))
    return _onto_all(target, lower, upper, scale, matrix, low, high)


def _onto_one(
    target: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    scale: np.ndarray,
    row: np.ndarray,
    low: float,
    high: float,
) -> np.ndarray:
    """The nearest plan under one limit: clip(target + shift x scale^2 row) for one shift, found by bisection."""
    total = low if row @ np.clip(target, lower, upper) < low else high
    along = scale**2 * row
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.concatenate([(lower - target) / along, (upper - target) / along])
    ends = ends[np.isfinite(ends)]
    if not len(ends):
        return np.clip(target, lower, upper)
    left, right = float(ends.min()), float(ends.max())
    for _ in range(100):
        shift = (left + right) / 2
        if row @ np.clip(target + shift * along, lower, upper) < total:
            left = shift
        else:
            right = shift
    return np.clip(target + right * along, lower, upper)


def _onto_all(
    target: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    scale: np.ndarray,
    matrix: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """The nearest plan under several limits, by the dual: clip(target + scale^2 multipliers . matrix)."""
    size = np.maximum(np.abs(matrix * scale).max(axis=1), 1e-300)
    rows, low, high = matrix / size[:, None], low / size, high / size

    def spend(multipliers: np.ndarray) -> np.ndarray:
        return np.clip(target + scale**2 * (multipliers @ rows), lower, upper)

    def negative_dual(multipliers: np.ndarray) -> tuple[float, np.ndarray]:
        x = spend(multipliers)
        sums = rows @ x
        goal = np.where(multipliers > 0, low, np.where(multipliers < 0, high, np.clip(sums, low, high)))
        held = np.where(multipliers != 0, multipliers * (goal - sums), 0.0)
        value = 0.5 * float((((x - target) / scale) ** 2).sum()) + float(held.sum())
        return -value, sums - goal

    bounds = [
        (None if np.isfinite(high[i]) else 0.0, None if np.isfinite(low[i]) else 0.0)
        for i in range(len(rows))
    ]
    found = minimize(
        negative_dual, np.zeros(len(rows)), jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": 200, "ftol": 1e-15, "gtol": 1e-10},
    )  # fmt: skip
    return spend(np.asarray(found.x))


def feasible(spend: np.ndarray, constraints: Constraints) -> np.ndarray | None:
    """The plan nearest to `spend` that meets the constraints, to rounding; None where there is none.

    Cells that are all or nothing must have been set (`Constraints.given`).
    """
    near = project(np.asarray(spend, dtype=float), constraints, _scales(constraints))
    if constraints.violation(near) <= 1e-12:
        return near
    inside = extreme(constraints, np.zeros(constraints.cells))
    if inside is None:
        return None
    for _ in range(5):  # what is left is rounding: it goes where there is room, limit by limit
        for limit in constraints.limits:
            missing = _missing(limit.coefficients @ near, limit.low, limit.high)
            if missing:
                near = _moved(near, constraints, limit.coefficients, missing)
        if constraints.violation(near) <= 1e-12:
            return near
    if constraints.violation(near) <= 1e-9:
        return near
    return _nearest(near, constraints)


def _missing(total: float, low: float, high: float) -> float:
    return float(max(low - total, 0.0) - max(total - high, 0.0))


def _moved(spend: np.ndarray, constraints: Constraints, row: np.ndarray, missing: float) -> np.ndarray:
    room = np.where(row * missing > 0, constraints.upper - spend, spend - constraints.lower)
    room = np.where(row != 0, np.maximum(room, 0.0), 0.0)
    whole = float((room * np.abs(row)).sum())
    if whole <= 0:
        return spend
    share = min(1.0, abs(missing) / whole)
    return np.clip(spend + np.sign(row * missing) * room * share, constraints.lower, constraints.upper)


def _nearest(spend: np.ndarray, constraints: Constraints) -> np.ndarray | None:
    """The plan of the least sum of changes in units of the cells' ranges, a linear programme."""
    from dataclasses import replace

    n = constraints.cells
    size = 1.0 / _scales(constraints)
    most = np.maximum(constraints.upper - spend, 0.0)
    least = np.maximum(spend - constraints.lower, 0.0)
    limits = tuple(
        replace(
            limit,
            coefficients=np.concatenate([limit.coefficients, -limit.coefficients]),
            low=limit.low - float(limit.coefficients @ spend),
            high=limit.high - float(limit.coefficients @ spend),
        )
        for limit in constraints.limits
    )
    moves = Constraints(constraints.names * 2, np.zeros(2 * n), np.concatenate([most, least]), limits)
    found = extreme(moves, np.concatenate([size, size]))
    if found is None:
        return extreme(constraints, np.zeros(n))
    return np.clip(spend + found[:n] - found[n:], constraints.lower, constraints.upper)
