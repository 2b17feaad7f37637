"""What a plan must satisfy: bounds of each cell, limits on sums of them, cells that are all or nothing.

A cell is one number that is decided: the spend of a channel, of a channel in a geo, of a channel in a week. Constraints
that no plan meets are found before anything is solved, and named as a set of which none can be left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

TIGHT = 1e-9
"""Relative error that a plan's sums may have."""


@dataclass(frozen=True)
class Limit:
    """low <= coefficients . spend <= high.

    Attributes:
        name: what messages call it, such as "the total of 1,200".
        coefficients: (cell,).
        low_key, high_key: key of the budget that states each, where it is another than the name says.
    """

    name: str
    coefficients: np.ndarray
    low: float = -np.inf
    high: float = np.inf
    low_key: str = ""
    high_key: str = ""

    @property
    def is_equality(self) -> bool:
        """Whether nothing but one figure will do."""
        return self.low == self.high


@dataclass(frozen=True)
class Constraints:
    """The plans that may be recommended.

    Attributes:
        names: (cell,) what messages call each.
        lower, upper: (cell,) spend.
        limits: on sums.
        floor: (cell,) spend that a cell has at least where it has any; 0 for those that may have any spend.
        exclusive: groups of cells of which one at most has spend.
        lower_keys, upper_keys: (cell,) key of the budget that states each bound, where it is not `bounds`; else "".
        currency: of spend, such as USD, for sentences; "" leaves it out.
    """

    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    limits: tuple[Limit, ...] = ()
    floor: np.ndarray = field(default_factory=lambda: np.zeros(0))
    exclusive: tuple[tuple[int, ...], ...] = ()
    lower_keys: tuple[str, ...] = ()
    upper_keys: tuple[str, ...] = ()
    currency: str = ""

    def __post_init__(self) -> None:
        """Nothing is all or nothing where nothing says so."""
        if len(self.floor) != len(self.lower):
            object.__setattr__(self, "floor", np.zeros(len(self.lower)))
        for name in ("lower_keys", "upper_keys"):
            if len(getattr(self, name)) != len(self.lower):
                object.__setattr__(self, name, ("",) * len(self.lower))

    @property
    def cells(self) -> int:
        """How many numbers are decided."""
        return len(self.lower)

    @property
    def switched(self) -> np.ndarray:
        """(cell,), whether the cell is on or off: all or nothing, or one of a group of which one has spend."""
        out = self.floor > 0
        for group in self.exclusive:
            out[list(group)] = True
        return out

    @property
    def matrix(self) -> np.ndarray:
        """(limit, cell) coefficients."""
        return np.array([limit.coefficients for limit in self.limits]).reshape(-1, self.cells)

    @property
    def low(self) -> np.ndarray:
        """(limit,) least sums."""
        return np.array([limit.low for limit in self.limits])

    @property
    def high(self) -> np.ndarray:
        """(limit,) greatest sums."""
        return np.array([limit.high for limit in self.limits])

    def given(self, on: np.ndarray) -> Constraints:
        """The same with every switch set: `on` (cell,); cells without a switch are as they were."""
        switched = self.switched
        lower = np.where(switched & on, np.maximum(self.lower, self.floor), self.lower)
        lower = np.where(switched & ~on, 0.0, lower)
        upper = np.where(switched & ~on, 0.0, self.upper)
        return replace(
            self, lower=lower, upper=np.maximum(upper, lower), floor=np.zeros(self.cells), exclusive=()
        )

    def violation(self, spend: np.ndarray) -> float:
        """By how much a plan breaks a bound or limit, relative to the largest spend there may be."""
        size = max(float(np.abs(self.upper[np.isfinite(self.upper)]).max(initial=0.0)), 1e-300)
        over = [0.0, float((spend - self.upper).max(initial=0.0))]
        short = np.where(self.switched & (spend <= 0), -spend, np.maximum(self.lower, self.floor) - spend)
        over.append(float(short.max(initial=0.0)))
        sums = self.matrix @ spend
        over += [float((sums - self.high).max(initial=0.0)), float((self.low - sums).max(initial=0.0))]
        return max(over) / size


def least_and_most(constraints: Constraints, weights: np.ndarray) -> tuple[float, float]:
    """The least and greatest weights . spend of any plan; nan where there is no plan."""
    found = [extreme(constraints, sign * weights) for sign in (1.0, -1.0)]
    if found[0] is None or found[1] is None:
        return np.nan, np.nan
    return float(weights @ found[0]), float(weights @ found[1])


def extreme(constraints: Constraints, cost: np.ndarray) -> np.ndarray | None:
    """The plan (cell,) of least cost . spend, exactly; None where there is no plan."""
    n, switched = constraints.cells, np.flatnonzero(constraints.switched)
    count = n + len(switched)
    lower = constraints.lower.copy()
    lower[switched] = 0.0
    rows = [np.hstack([constraints.matrix, np.zeros((len(constraints.limits), len(switched)))])]
    low, high = [constraints.low], [constraints.high]
    for k, cell in enumerate(switched):
        for amount, sign in (
            (max(constraints.floor[cell], constraints.lower[cell]), 1.0),
            (constraints.upper[cell], -1.0),
        ):
            row = np.zeros(count)
            row[cell], row[n + k] = sign, -sign * amount
            rows.append(row[None])
            low.append(np.zeros(1))
            high.append(np.full(1, np.inf))
    for group in constraints.exclusive:
        row = np.zeros(count)
        row[[n + int(np.flatnonzero(switched == cell)[0]) for cell in group]] = 1.0
        rows.append(row[None])
        low.append(np.zeros(1))
        high.append(np.ones(1))
    matrix = np.vstack(rows)
    scale = max(float(np.abs(cost).max(initial=0.0)), 1e-300)
    found = milp(
        np.concatenate([cost / scale, np.zeros(len(switched))]),
        constraints=[LinearConstraint(matrix, np.concatenate(low), np.concatenate(high))]
        if len(matrix)
        else [],
        bounds=Bounds(
            np.concatenate([lower, np.zeros(len(switched))]),
            np.concatenate([constraints.upper, np.ones(len(switched))]),
        ),
        integrality=np.concatenate([np.zeros(n), np.ones(len(switched))]),
    )
    return None if found.x is None else np.asarray(found.x[:n], dtype=float)


def conflict(constraints: Constraints) -> list[str]:
    """Names of constraints that no plan meets together, none of which can be left out; empty where a plan does."""
    return [named(constraints, part) for part in conflicting(constraints)]


def conflicting(constraints: Constraints) -> list[Part]:
    """The constraints of `conflict`.

    Constraints are left out one after the other, the smallest first, and stay out where the rest still conflicts: what
    is left is irreducible, and made of the largest.
    """
    if extreme(constraints, np.zeros(constraints.cells)) is not None:
        return []
    parts = _parts(constraints)
    kept = list(range(len(parts)))
    step = max(1, len(parts) // 8)
    while step >= 1:
        position = 0
        while position < len(kept):
            fewer = kept[:position] + kept[position + step :]
            if extreme(_only(constraints, [parts[i] for i in fewer]), np.zeros(constraints.cells)) is None:
                kept = fewer
            else:
                position += step
        step //= 2
    return [parts[i] for i in kept]


Part = tuple[str, int, float]
"""A constraint that can be left out: "lower", "upper", "floor", "low", "high", "exclusive"; its number; its size."""


def _parts(constraints: Constraints) -> list[Part]:
    """Every constraint, the smallest first."""
    out: list[Part] = []
    for i in range(constraints.cells):
        if max(constraints.lower[i], 0) > 0:
            out.append(("lower", i, constraints.lower[i]))
        if constraints.floor[i] > 0:
            out.append(("floor", i, constraints.floor[i]))
        if np.isfinite(constraints.upper[i]):
            out.append(("upper", i, constraints.upper[i]))
    for i, limit in enumerate(constraints.limits):
        if np.isfinite(limit.low):
            out.append(("low", i, np.inf))
        if np.isfinite(limit.high):
            out.append(("high", i, np.inf))
    out += [("exclusive", i, np.inf) for i in range(len(constraints.exclusive))]
    return sorted(out, key=lambda part: part[2])


def _only(constraints: Constraints, parts: Sequence[Part]) -> Constraints:
    """The problem with some of its constraints; spend is never negative."""
    kept = {(kind, i) for kind, i, _ in parts}
    cells, limits = range(constraints.cells), range(len(constraints.limits))

    def have(kind: str, values: np.ndarray, without: float) -> np.ndarray:
        return np.array([values[i] if (kind, i) in kept else without for i in cells])

    return replace(
        constraints,
        lower=have("lower", constraints.lower, 0.0),
        upper=have("upper", constraints.upper, _plenty(constraints)),
        floor=have("floor", constraints.floor, 0.0),
        limits=tuple(
            replace(
                limit,
                low=limit.low if ("low", i) in kept else -np.inf,
                high=limit.high if ("high", i) in kept else np.inf,
            )
            for i, limit in zip(limits, constraints.limits, strict=True)
        ),
        exclusive=tuple(group for i, group in enumerate(constraints.exclusive) if ("exclusive", i) in kept),
    )


def _plenty(constraints: Constraints) -> float:
    """Spend that is more than any of the constraints speaks of."""
    figures = np.concatenate(
        [constraints.lower, constraints.floor, constraints.upper, constraints.low, constraints.high]
    )
    return 10.0 * float(np.abs(figures[np.isfinite(figures)]).max(initial=1.0))


def named(constraints: Constraints, part: Part) -> str:
    """A constraint in words, with its figure."""
    kind, i, _ = part
    if kind in ("lower", "upper"):
        is_lower = kind == "lower"
        bound = (constraints.lower if is_lower else constraints.upper)[i]
        key = (constraints.lower_keys if is_lower else constraints.upper_keys)[i]
        return f"the {kind} bound of {constraints.names[i]}, {bound:,.0f}{of_key(key)}"
    if kind == "floor":
        return f"{constraints.names[i]} all or nothing, {constraints.floor[i]:,.0f} at least"
    if kind == "exclusive":
        return f"one pattern for {constraints.names[constraints.exclusive[i][0]]}"
    limit = constraints.limits[i]
    key = limit.low_key if kind == "low" else limit.high_key
    if limit.is_equality:
        return f"{limit.name}, {limit.low:,.0f}{of_key(key)}" if key else limit.name
    amount = f"at least {limit.low:,.0f}" if kind == "low" else f"at most {limit.high:,.0f}"
    return f"{limit.name}, {amount}{of_key(key)}"


def of_key(key: str) -> str:
    """Which key of the budget states a figure, in words; "" where nothing needs saying."""
    return f" (`{key}`)" if key else ""
