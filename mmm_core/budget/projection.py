"""The plan nearest to one that may break bounds and limits: what a step along the gradient is brought back by.

Nearest is in units of each cell's range. With multipliers m of the limits the nearest plan is
clip(target + scale^2 m . matrix). The right ones make a concave function of m greatest, which is piecewise quadratic:
its pieces differ by which cells are at a bound (Held, Wolfe and Crowder, 1974). One limit is a bisection; several are
found by Newton steps from piece to piece.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mmm_core.budget.constraints import Constraints, extreme

RIDGE = 1e-6
"""Part of the curvature of all cells that is added to that of the free ones."""
SLACK = 100.0
"""Range of what a limit sums to, in units of the limit's own: the larger, the less its distance counts."""
MOST_NEWTON_STEPS = 60
"""Newton steps of one projection."""


def scales(constraints: Constraints) -> np.ndarray:
    """(cell,) the range of each cell: the unit that steps are taken in."""
    room = constraints.upper - constraints.lower
    return np.where(room > 0, room, 1.0)


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
    """The nearest plan under several limits.

    A limit that is no equality becomes one with what it sums to as a further cell, whose distance counts next to
    nothing: the function of the multipliers then has no kinks.
    """
    size = np.maximum(np.linalg.norm(matrix * scale, axis=1), 1e-300)
    rows, low, high = matrix / size[:, None], low / size, high / size
    loose = np.flatnonzero(low < high)
    sums = np.clip(rows @ np.clip(target, lower, upper), low, high)[loose]
    slack = np.zeros((len(rows), len(loose)))
    slack[loose, np.arange(len(loose))] = -1.0
    dual = _Dual(
        np.concatenate([target, sums]),
        np.concatenate([lower, low[loose]]),
        np.concatenate([upper, high[loose]]),
        np.concatenate([scale, np.full(len(loose), SLACK)]),
        np.hstack([rows, slack]),
        np.where(low < high, 0.0, low),
    )
    return dual.plan(dual.multipliers())[: len(target)]


class _Dual:
    """A concave function of multipliers (limit,), greatest at those of the nearest plan with rows . plan = sums."""

    def __init__(
        self,
        target: np.ndarray,
        lower: np.ndarray,
        upper: np.ndarray,
        scale: np.ndarray,
        rows: np.ndarray,
        sums: np.ndarray,
    ) -> None:
        self.target, self.lower, self.upper, self.scale = target, lower, upper, scale
        self.rows, self.sums = rows, sums
        self.steep = rows * scale**2
        most = np.where(np.isfinite(upper), np.abs(upper), 0.0)
        self.exact = 1e-13 * np.maximum(np.abs(rows) @ np.maximum(most, np.abs(target)), 1e-300)

    def plan(self, multipliers: np.ndarray) -> np.ndarray:
        """The plan (cell,) that is nearest at some multipliers."""
        return np.clip(self.target + multipliers @ self.steep, self.lower, self.upper)

    def short(self, multipliers: np.ndarray) -> np.ndarray:
        """The function's slopes: what each sum is short of."""
        return self.sums - self.rows @ self.plan(multipliers)

    def multipliers(self) -> np.ndarray:
        """The greatest, by Newton steps, each as far as the function rises."""
        found = np.zeros(len(self.rows))
        whole = self.steep @ self.rows.T
        # where few cells are free the function is nearly flat, and what all of them would do says how far to go
        little = RIDGE * whole + 1e-12 * np.trace(whole) * np.eye(len(found))
        for _ in range(MOST_NEWTON_STEPS):
            short = self.short(found)
            if (np.abs(short) <= self.exact).all():
                break
            wanted = self.target + found @ self.steep
            free = (wanted > self.lower) & (wanted < self.upper)
            bend = self.steep[:, free] @ self.rows[:, free].T + little
            found = self.along(found, np.linalg.solve(bend, short), short)
        return found

    def along(self, start: np.ndarray, step: np.ndarray, short: np.ndarray) -> np.ndarray:
        """The multipliers where the function is greatest along a step that rises."""
        steepness = float(step @ short)
        low, high = 0.0, 1.0
        slope = float(step @ self.short(start + step))
        while slope > 0.1 * steepness and high < 1e9:
            low, high = high, 4.0 * high
            slope = float(step @ self.short(start + high * step))
        share = high
        for _ in range(50):
            if abs(slope) <= 0.1 * steepness:
                break
            share = (low + high) / 2
            slope = float(step @ self.short(start + share * step))
            low, high = (share, high) if slope > 0 else (low, share)
        return start + share * step


def feasible(spend: np.ndarray, constraints: Constraints) -> np.ndarray | None:
    """The plan nearest to `spend` that meets the constraints, to rounding; None where there is none.

    Cells that are all or nothing must have been set (`Constraints.given`).
    """
    near = project(np.asarray(spend, dtype=float), constraints, scales(constraints))
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
    n = constraints.cells
    size = 1.0 / scales(constraints)
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
