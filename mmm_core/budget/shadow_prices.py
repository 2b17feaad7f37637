"""What holds a plan back: multipliers of the constraints that bind, and how far the plan is from stationary.

At an optimum the slope of what is maximised is a sum of binding constraints' gradients, each times its shadow price:
what one more unit of room would add. A plan that just reaches a target is the best one at a price of spend: its slopes
are less that price, and what room adds is told as what the goal asks for, spend that is saved, or outcome at the same
return. The prices are the least-squares solution over the cells that are free to move;
what is left of the slopes is the residual.

A limit that the bounds of its own cells imply holds nothing back: loosening it alone adds nothing. Its room is theirs,
so that the price is told of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear

from mmm_core.budget.constraints import Constraints, of_key
from mmm_core.budget.glance import in_full
from mmm_core.budget.marginal_unit import NET, MarginalUnit, marginal_unit
from mmm_core.budget.problem import Binding, Goal

MOST_WORDS = 12
"""Binding constraints that are said in words."""
NEAR = 1e-6
"""Share of a bound within which a plan lies on it."""


@dataclass(frozen=True)
class TargetPrice:
    """The price of spend at which a plan that just reaches a target is the best one.

    Attributes:
        charge: (cell,) that slopes are less of. saves: whether the least spend is asked for, not the most outcome.
        worth: of the target, for one unit of what slopes are of: spend saved, or outcome at the same return.
    """

    charge: np.ndarray
    saves: bool
    worth: float

    @classmethod
    def of(cls, charge: np.ndarray, goal: Goal) -> TargetPrice | None:
        """Of a goal; None where its target does not hold the plan back, or nothing else does.

        Args:
            charge: (cell,) of a unit of spend, at which the plan is the best one.
        """
        each = goal.price if len(goal.price) else np.ones(len(charge))
        price = float((charge / each)[0])
        saves = goal.kind == "least_spend"
        if price <= 0 or (not saves and price >= goal.target):
            return None
        # the most V of those with V >= r x spend: V + l (V - r x spend) is (1 + l) (V - r l / (1 + l) x spend)
        return cls(charge, saves, 1.0 / price if saves else 1.0 / (1.0 - price / goal.target))


def shadow_prices(
    slopes: np.ndarray,
    spend: np.ndarray,
    constraints: Constraints,
    what: str,
    target: TargetPrice | None = None,
) -> tuple[tuple[Binding, ...], float]:
    """Constraints that bind at a plan, those of the highest price first, and the relative KKT residual.

    Args:
        slopes: (cell,) of what is maximised. what: its name, for the words (`mmm_core.budget.marginal_unit`).
        constraints: with every switch set.
        target: of a plan that just reaches one, whose slopes are less its charge.
    """
    at = _Bindings.of(slopes, spend, constraints)
    left, at_lower, at_upper = at.left, at.at_lower, at.at_upper
    fixed = at_lower & at_upper
    residual = np.where(
        fixed, 0.0, np.where(at_upper, np.minimum(left, 0), np.where(at_lower, np.maximum(left, 0), left))
    )
    steepest = max(float(np.abs(slopes).max(initial=0.0)), 1e-300)
    whole = slopes if target is None else slopes + target.charge
    unit, worth = marginal_unit(what, whole, constraints.currency), 1.0 if target is None else target.worth
    found = []
    for i, price in enumerate(at.prices):
        if abs(price) <= 1e-9 * steepest:
            continue
        limit, at_least = constraints.limits[i], bool(at.low_binds[i] and not at.high_binds[i])
        name = f"{limit.name}{of_key(limit.low_key if price < 0 else limit.high_key)}"
        if limit.is_equality and (at.full[i] if price > 0 else at.empty[i]):
            continue  # no plan has more of it, or less
        price *= worth
        found.append(Binding(limit.name, float(price), _of_limit(name, float(price), at_least, unit, target)))
    for cell in np.flatnonzero(
        (at_lower | at_upper) & (constraints.upper > 0) & (np.abs(left) > 1e-6 * steepest)
    ):
        name, gain = constraints.names[cell], float(left[cell])
        if (gain > 0 and not at_upper[cell]) or (gain < 0 and not at_lower[cell]):
            continue
        bound = constraints.upper[cell] if gain > 0 else constraints.lower[cell]
        key = (constraints.upper_keys if gain > 0 else constraints.lower_keys)[cell]
        told = f"{in_full(float(bound), constraints.currency)}{of_key(key)}"
        priced = target is not None or bool(np.any(at.prices * constraints.matrix[:, cell]))
        words = (
            _of_bound(name, float(whole[cell]), gain, told, unit, target)
            if priced
            else _alone(name, gain, told, unit, what)
        )
        found.append(Binding(f"{key or 'bounds'} of {name}", gain * worth, words))
    found.sort(key=lambda binding: -abs(binding.price))
    return tuple(found[:MOST_WORDS]), float(np.abs(residual).max(initial=0.0) / steepest)


def slope_of_optimum(
    slopes: np.ndarray, spend: np.ndarray, constraints: Constraints, moved: Constraints
) -> float:
    """What the optimum gains, to first order, where its constraints move: those that bind, each at its price.

    Args:
        slopes, spend, constraints: as of `shadow_prices`.
        moved: the same constraints, moved a little; the gain is of that whole move.
    """
    at = _Bindings.of(slopes, spend, constraints)
    limits = np.where(at.high_binds, moved.high - constraints.high, 0.0)
    limits = np.where(at.low_binds & ~at.high_binds, moved.low - constraints.low, limits)
    bounds = np.where(at.at_upper, moved.upper - constraints.upper, 0.0)
    bounds = np.where(at.at_lower & ~at.at_upper, moved.lower - constraints.lower, bounds)
    on_a_bound = at.at_lower | at.at_upper
    return float(at.prices @ limits + np.where(on_a_bound, at.left, 0.0) @ bounds)


@dataclass(frozen=True)
class _Bindings:
    """What binds at a plan.

    Attributes:
        at_lower, at_upper: (cell,) whether it lies on the bound. low_binds, high_binds: (limit,).
        full, empty: (limit,) whether its cells' own bounds allow no more of it, no less.
        prices: (limit,) multiplier, 0 where it does not bind. left: (cell,) slope beyond what limits price it at.
    """

    at_lower: np.ndarray
    at_upper: np.ndarray
    low_binds: np.ndarray
    high_binds: np.ndarray
    full: np.ndarray
    empty: np.ndarray
    prices: np.ndarray
    left: np.ndarray

    @classmethod
    def of(cls, slopes: np.ndarray, spend: np.ndarray, constraints: Constraints) -> _Bindings:
        near = NEAR * np.maximum(np.maximum(np.abs(constraints.upper), np.abs(spend)), 1e-12)
        at_lower = spend <= constraints.lower + near
        at_upper = spend >= constraints.upper - near
        sums = constraints.matrix @ spend
        size = np.maximum(np.abs(constraints.matrix) @ np.maximum(np.abs(spend), 1e-12), 1e-12)
        low_binds = constraints.low >= sums - NEAR * size
        high_binds = constraints.high <= sums + NEAR * size
        # a sum that holds cells which all lie on a bound is as far as those let it go
        more, less = constraints.matrix > 0, constraints.matrix < 0
        full = ~((more & ~at_upper) | (less & ~at_lower)).any(axis=1)
        empty = ~((more & ~at_lower) | (less & ~at_upper)).any(axis=1)
        stated = np.array([limit.is_equality for limit in constraints.limits], dtype=bool)
        high_binds &= stated | ~full
        low_binds &= stated | ~empty
        binds = np.flatnonzero(low_binds | high_binds)
        prices = np.zeros(len(sums))
        prices[binds] = _prices(
            slopes, at_lower, at_upper, constraints.matrix[binds], low_binds[binds], high_binds[binds]
        )
        left = slopes - prices @ constraints.matrix
        return cls(at_lower, at_upper, low_binds, high_binds, full, empty, prices, left)


def _prices(
    slopes: np.ndarray,
    at_lower: np.ndarray,
    at_upper: np.ndarray,
    rows: np.ndarray,
    low_binds: np.ndarray,
    high_binds: np.ndarray,
) -> np.ndarray:
    """Multipliers of the binding limits; cells on a bound may have slopes beyond it."""
    if not len(rows):
        return np.zeros(0)
    free = ~at_lower & ~at_upper
    held = rows[0] > 0
    if len(rows) == 1 and held.any() and not (free & held).any():
        price = _of_a_corner(slopes[held] / rows[0][held], at_lower[held], at_upper[held])
        return np.clip([price], *_signs(low_binds, high_binds))
    least, most = _signs(low_binds, high_binds)
    bounded = np.flatnonzero((at_lower | at_upper) & ~(at_lower & at_upper))
    # unknowns: a price of each limit, and how far the slope of each cell on a bound lies beyond it
    matrix = np.zeros((len(slopes), len(rows) + len(bounded)))
    matrix[:, : len(rows)] = rows.T
    matrix[bounded, len(rows) + np.arange(len(bounded))] = np.where(at_upper[bounded], 1.0, -1.0)
    kept = free.copy()
    kept[bounded] = True
    if not kept.any():
        kept = at_lower | at_upper
    if free.any() and np.linalg.matrix_rank(rows[:, free]) == len(rows):
        solved = np.linalg.lstsq(rows[:, free].T, slopes[free], rcond=None)[0]
        return np.asarray(np.clip(solved, least, most))
    scale = max(float(np.abs(slopes).max(initial=0.0)), 1e-300)
    beyond = np.zeros(len(bounded)), np.full(len(bounded), np.inf)
    bounds = np.concatenate([least - 1e-12, beyond[0]]), np.concatenate([most + 1e-12, beyond[1]])
    found = lsq_linear(matrix[kept], slopes[kept] / scale, bounds=bounds)
    return np.asarray(found.x[: len(rows)] * scale)


def _signs(low_binds: np.ndarray, high_binds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the highest price that a limit may have: room above is never worth less than nothing."""
    return np.where(low_binds, -np.inf, 0.0), np.where(high_binds, np.inf, 0.0)


def _of_a_corner(slopes: np.ndarray, at_lower: np.ndarray, at_upper: np.ndarray) -> float:
    """The price of a sum whose cells all lie on a bound: what the one brings that has room for one more unit.

    Where none has, what the unit brings that could be given up the soonest.
    """
    if not at_upper.all():
        return float(slopes[~at_upper].max())
    return float(slopes[~at_lower].min() if not at_lower.all() else slopes.min())


def _of_limit(name: str, price: float, at_least: bool, unit: MarginalUnit, target: TargetPrice | None) -> str:
    more = f"would return {unit.figure(abs(price))} more {unit.name}"
    if target is not None:
        more = _reached(abs(price), unit, target)
    if at_least and price < 0:
        return f"{name} binds from below: asking for {unit.less} {more}"
    return f"{name} binds: {unit.more if price >= 0 else unit.less} {more}"


def _reached(gain: float, unit: MarginalUnit, target: TargetPrice) -> str:
    """What so much more room brings of what the goal asks for."""
    if target.saves:
        return f"would reach the target with {in_full(unit.per * gain, unit.currency)} less spend"
    return f"would bring {unit.figure(gain)} more {unit.name} at the same return"


def _of_bound(
    name: str, slope: float, gain: float, bound: str, unit: MarginalUnit, target: TargetPrice | None
) -> str:
    room = "" if target is None else f", and room for it {_reached(abs(gain) * target.worth, unit, target)}"
    if gain > 0:
        return (
            f"{unit.more} on {name} would return {unit.figure(slope)} {unit.name}, {unit.figure(gain)} more than where "
            f"it is spent: its upper bound of {bound} binds{room}"
        )
    room = room.replace("room for it", "without it the plan")
    return (
        f"{unit.last} on {name} returns {unit.figure(slope)} {unit.name}, {unit.figure(-gain)} less than elsewhere: "
        f"its lower bound of {bound} binds{room}"
    )


def _alone(name: str, gain: float, bound: str, unit: MarginalUnit, what: str) -> str:
    """Of a cell whose spend no limit holds back: what room for it brings, beside not spending it."""
    which, side = (unit.more, "upper") if gain > 0 else (unit.last, "lower")
    returns = "would return" if gain > 0 else "returns"
    if what == NET:
        told = f"{unit.figure(abs(gain))} {'more' if gain > 0 else 'less'} than its price"
    else:
        told = f"{unit.figure(gain)} {unit.name}"
    return f"{which} on {name} {returns} {told}: its {side} bound of {bound} binds"
