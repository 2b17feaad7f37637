"""Bounds that no plan exceeds, from envelopes of every cell, as one mixed-integer linear programme that HiGHS solves.

A cell's range of spend is cut into pieces, at whose ends the outcome is evaluated in every draw and over which its
slope is bounded (`mmm_core.budget.response.enclose`). The roof of a piece lies on or above what a weighted mean of
the draws can do there, whatever its curvature: two lines from its ends, which are exact there, as steep as the slopes
allow, meeting at a breakpoint in between. At the end of a piece the roof is the response itself, so where responses are
concave the best plan, made an end, is proved. Where a roof is concave a linear programme fills its parts in their
order; where it is not, at an S-shape, a switch for each bend does (the incremental form; Markowitz and Manne, 1957).

A worst-case objective is bounded by cuts, `mmm_core.budget.objective.Cut`: each is a sum over cells with roofs of its
own, the value lies below every one of them, and a further cut is made where the programme's plan promises more than
its draws bring. All or nothing, one of several patterns, limits, prices and targets are rows of the programme.

HiGHS reports a bound on its own programme when it stops early: the figure stated is that, never the plan it had.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from mmm_core.budget.constraints import Constraints
from mmm_core.budget.envelope import concave
from mmm_core.budget.objective import Cut
from mmm_core.budget.problem import Goal
from mmm_core.budget.response import Curves, Enclosure, enclose, enclose_mean

PIECES = 8
"""Pieces that each cell begins with."""
NEAREST = 0.02
"""Share of its width that a piece keeps at least where it is cut."""
MOST_SECONDS = 10.0
"""Time for one programme."""


@dataclass
class Pieces:
    """What is known of every cell: ends of its pieces and, between them, values and slopes of every draw.

    Attributes:
        ends: of each cell, ascending, the least and greatest spend first and last.
        tops: of each cell, (piece,), where in a piece its two lines meet, a share of its width.
        low, high, least, most: of each cell, (piece, draw), as in `Enclosure`; of the mean alone, (piece, 1), where no
            more than that is asked.
        monotone: whether each draw rises or falls all along a cell.
        mean: whether the draws have been averaged.
    """

    ends: list[np.ndarray] = field(default_factory=list)
    tops: list[np.ndarray] = field(default_factory=list)
    low: list[np.ndarray] = field(default_factory=list)
    high: list[np.ndarray] = field(default_factory=list)
    least: list[np.ndarray] = field(default_factory=list)
    most: list[np.ndarray] = field(default_factory=list)
    monotone: bool = True
    mean: bool = False

    def enclosed(self, curves: Curves, low: np.ndarray, high: np.ndarray) -> Enclosure:
        """`enclose`, averaged over the draws where their mean is all that is asked."""
        return enclose_mean(curves, low, high) if self.mean else enclose(curves, low, high)

    @classmethod
    def of(cls, curves: Curves, constraints: Constraints, mean: bool = False) -> Pieces:
        """Equal pieces over the bounds; one that is all or nothing has the range below its least spend for a piece."""
        on = np.maximum(constraints.lower, constraints.floor)
        first = np.where(constraints.switched, on, constraints.lower)
        # shorter ones at the start, where curves bend
        shares = np.linspace(0.0, 1.0, PIECES + 1)[:, None] ** 2
        edges = first + shares * (np.maximum(constraints.upper, first) - first)
        out = cls(monotone=curves.linear is None, mean=mean)
        found = [out.enclosed(curves, a, b) for a, b in pairwise(edges)]
        nothing = out.enclosed(curves, np.zeros(constraints.cells), first)
        for cell in range(constraints.cells):
            parts = [np.stack([part[k][:, cell] for part in found]) for k in range(4)]
            ends = edges[:, cell]
            if constraints.switched[cell] and first[cell] > 0:
                ends = np.concatenate([[0.0], ends])
                # never in between: only its ends matter
                slope = (nothing.value_high[:, cell] - nothing.value_low[:, cell]) / first[cell]
                ahead = (nothing.value_low[:, cell], nothing.value_high[:, cell], slope, slope)
                parts = [np.concatenate([a[None], part]) for a, part in zip(ahead, parts, strict=True)]
            if ends[-1] <= ends[0]:
                ends, parts = ends[:2], [part[:1] for part in parts]
            out.ends.append(ends)
            out.tops.append(_tops(np.diff(ends), *parts))
            for values, part in zip((out.low, out.high, out.least, out.most), parts, strict=True):
                values.append(part)
        return out

    def split(self, curves: Curves, plan: np.ndarray, cells: np.ndarray) -> bool:
        """Cut the pieces that hold the plan in some cells; whether there was anything to cut."""
        low, middle, high = plan.copy(), plan.copy(), plan.copy()
        number = np.full(len(plan), -1)
        for cell in cells:
            ends = self.ends[cell]
            k = int(np.clip(np.searchsorted(ends, plan[cell], side="right") - 1, 0, len(ends) - 2))
            width = ends[k + 1] - ends[k]
            if plan[cell] - ends[k] < 1e-3 * width and k > 0 and self._looser(cell, k - 1, k):
                k -= 1
                width = ends[k + 1] - ends[k]
            if width <= 1e-9 * max(abs(ends[-1]), 1e-300):
                continue
            number[cell], low[cell], high[cell] = k, ends[k], ends[k + 1]
            middle[cell] = np.clip(plan[cell], ends[k] + NEAREST * width, ends[k + 1] - NEAREST * width)
        if (number < 0).all():
            return False
        left, right = self.enclosed(curves, low, middle), self.enclosed(curves, middle, high)
        for cell in np.flatnonzero(number >= 0):
            k = int(number[cell])
            both = [np.stack([a[:, cell], b[:, cell]]) for a, b in zip(left, right, strict=True)]
            widths = np.array([middle[cell] - low[cell], high[cell] - middle[cell]])
            tops = self.tops[cell]
            self.tops[cell] = np.concatenate([tops[:k], _tops(widths, *both), tops[k + 1 :]])
            self.ends[cell] = np.insert(self.ends[cell], k + 1, middle[cell])
            names = ("low", "high", "least", "most")
            for name, pair in zip(names, both, strict=True):
                values = getattr(self, name)[cell]
                getattr(self, name)[cell] = np.concatenate([values[:k], pair, values[k + 1 :]])
        return True

    def _looser(self, cell: int, one: int, other: int) -> bool:
        def room(k: int) -> float:
            width = self.ends[cell][k + 1] - self.ends[cell][k]
            return float(np.mean(np.minimum(self.most[cell][k] - self.least[cell][k], 1e300)) * width)

        return room(one) > room(other)

    def loosest(self, cell: int, weights: np.ndarray) -> float:
        """A spend within the piece of a cell whose roof is the highest above the line between its ends."""
        ends, lift = self.ends[cell], self._lifts(cell, weights)[2]
        if len(ends) > 2 and lift[0] > 0 and self._is_gap(cell):
            lift = np.append(0.0, lift[1:])
        k = int(np.argmax(lift))
        return float(ends[k] + 0.3 * (ends[k + 1] - ends[k]))

    def _is_gap(self, cell: int) -> bool:
        return bool((self.least[cell][0] == self.most[cell][0]).all())

    def breaks(self, cell: int) -> np.ndarray:
        """Where a cell's roof may bend: the ends of its pieces and the breakpoint in each, (2 pieces + 1,)."""
        ends = self.ends[cell]
        out = np.empty(2 * len(ends) - 1)
        out[::2] = ends
        out[1::2] = ends[:-1] + self.tops[cell] * np.diff(ends)
        return out

    def roof(self, cell: int, weights: np.ndarray) -> np.ndarray:
        """Heights of the roof of a weighted mean of the draws at a cell's `breaks`, (break,)."""
        value_low, value_high, least, most, lift = self._bounds(cell, weights)
        values = np.append(value_low, value_high[-1])
        width = np.diff(self.ends[cell])
        ahead = self.tops[cell] * width
        # of two lines that meet elsewhere than at the breakpoint the higher one there makes the roof lie above both
        with np.errstate(invalid="ignore"):
            top = np.maximum(value_low + most * ahead, value_high - least * (width - ahead))
        out = np.empty(2 * len(width) + 1)
        out[::2], out[1::2] = values, top
        steep = ~np.isfinite(top) | (
            width <= 0
        )  # a line without end: the whole piece is raised by what it can be
        if steep.any():
            raised = np.where(steep, lift, 0.0)
            out[:-2:2] = np.maximum(out[:-2:2], values[:-1] + raised)
            out[2::2] = np.maximum(out[2::2], values[1:] + raised)
            between = (1 - self.tops[cell]) * out[:-2:2] + self.tops[cell] * out[2::2]
            out[1::2] = np.where(steep, between, top)
        return _smoothed(self.ends[cell], values, self.breaks(cell), out)

    def _lifts(self, cell: int, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values at both ends of a cell's pieces, and how far above the line between them it can be, (piece,) each."""
        value_low, value_high, _, _, lift = self._bounds(cell, weights)
        return value_low, value_high, lift

    def _bounds(
        self, cell: int, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Values at both ends of a cell's pieces, least and greatest slope, and how far above their line it can be."""
        if self.mean:
            weights = np.full(1, weights.sum())
        value_low, value_high = self.low[cell] @ weights, self.high[cell] @ weights
        rises, falls = np.maximum(weights, 0.0), np.minimum(weights, 0.0)
        some_fall = bool((falls < 0).any())
        least, most = _weighed(self.least[cell], rises), _weighed(self.most[cell], rises)
        if some_fall:
            least, most = (
                least + _weighed(self.most[cell], falls),
                most + _weighed(self.least[cell], falls),
            )
        lift = _lift(np.diff(self.ends[cell]), value_low, value_high, least, most)
        if self.monotone and not np.isfinite(lift).all():
            # each draw stays between its ends, however steep it is there
            top = np.maximum(self.low[cell], self.high[cell]) @ rises
            top = top + np.minimum(self.low[cell], self.high[cell]) @ falls
            lift = np.minimum(lift, top - np.minimum(value_low, value_high))
        return value_low, value_high, least, most, np.minimum(lift, 1e300)

    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest outcome (draw,) that any plan within the bounds brings, each cell being monotone."""
        ends = [np.stack([self.low[c][0], self.high[c][-1]]) for c in range(len(self.ends))]
        return np.sum([pair.min(axis=0) for pair in ends], axis=0), np.sum(
            [pair.max(axis=0) for pair in ends], axis=0
        )


def _lift(
    width: np.ndarray, value_low: np.ndarray, value_high: np.ndarray, least: np.ndarray, most: np.ndarray
) -> np.ndarray:
    """How far above the line between its ends a response whose slope lies in [least, most] can be, (piece,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        chord = np.where(width > 0, (value_high - value_low) / width, 0.0)
        up, down = np.maximum(most - chord, 0.0), np.maximum(chord - least, 0.0)
        lift = np.where(
            np.isinf(up), np.where(np.isinf(down), np.inf, width * down),
            np.where(np.isinf(down), width * up, width * up * down / np.maximum(up + down, 1e-300)),
        )  # fmt: skip
    return np.where(width > 0, np.where(np.isnan(lift), 0.0, lift), 0.0)


def _weighed(slopes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Slopes (piece, draw), some without end, summed with weights (draw,) of which some are none."""
    if np.isfinite(slopes).all():
        return np.asarray(slopes @ weights)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(weights != 0, slopes * weights, 0.0).sum(axis=1))


def _smoothed(ends: np.ndarray, values: np.ndarray, breaks: np.ndarray, roof: np.ndarray) -> np.ndarray:
    """The least function on or above a roof that is concave wherever the values at the ends of the pieces are.

    It needs no switch there.
    """
    width = np.diff(ends)
    if (width <= 0).any():
        return roof
    slopes = np.diff(values) / width
    rounding = 1e-9 * max(float(np.abs(slopes).max()), 1e-300)
    bends = [0, *(np.flatnonzero(np.diff(slopes) > rounding) + 1).tolist(), len(width)]
    out = roof.copy()
    for first, last in pairwise(bends):
        part = slice(2 * first, 2 * last + 1)
        corners = concave(breaks[part], out[part])
        out[part] = np.interp(breaks[part], *corners.T)
    return out


def _tops(
    width: np.ndarray, low: np.ndarray, high: np.ndarray, least: np.ndarray, most: np.ndarray
) -> np.ndarray:
    """Where the lines from both ends of each piece meet in the mean of the draws, as a share of its width, (piece,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        chord = np.where(width > 0, (high.mean(axis=1) - low.mean(axis=1)) / width, 0.0)
        up, down = most.mean(axis=1) - chord, chord - least.mean(axis=1)
        share = down / (up + down)
    return np.where(np.isfinite(share), np.clip(share, 0.02, 0.98), 0.5)


@dataclass(frozen=True)
class Relaxed:
    """A solved programme: no plan does better than `bound`; `plan` (cell,) is the programme's own, `value` its V."""

    bound: float
    plan: np.ndarray
    value: float
    stopped_early: str


def relaxed(
    pieces: Pieces, constraints: Constraints, cuts: list[Cut], goal: Goal, ceiling: float, seconds: float
) -> Relaxed | None:
    """Solve the programme; None where it has no solution, and so neither has the problem.

    Args:
        cuts: upper bounds of the value. goal: what is maximised.
        ceiling: a value that no plan exceeds, such as 1 for a probability.
        seconds: for HiGHS.
    """
    return _Programme(pieces, constraints, cuts, goal, ceiling).solved(seconds)


class _Programme:
    """Columns: a filling of each piece, a switch for each bend, a switch for each cell that has one, the value."""

    def __init__(
        self, pieces: Pieces, constraints: Constraints, cuts: list[Cut], goal: Goal, ceiling: float
    ) -> None:
        self.constraints, self.goal = constraints, goal
        self.rows: list[tuple[list[int], list[float]]] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.upper: list[float] = []
        self.whole: list[int] = []
        self.base = np.array([ends[0] for ends in pieces.ends])
        self.column_of: list[np.ndarray] = []
        self.widths: list[np.ndarray] = []
        roofs = [[pieces.roof(cell, cut.weights) for cut in cuts] for cell in range(constraints.cells)]
        self.size = max(
            max((float(np.abs(roof).max()) for cell in roofs for roof in cell), default=1.0), 1e-300
        )
        self.money = max(max(float(ends[-1]) for ends in pieces.ends), 1e-300)
        switches: dict[int, int] = {}
        cut_rows: list[tuple[list[int], list[float]]] = [([], []) for _ in cuts]
        heights = np.array([cut.constant for cut in cuts])
        for cell in range(constraints.cells):
            ends = pieces.breaks(cell)
            widths = np.diff(ends)
            columns = np.array([self._column(1.0) for _ in widths])  # shares of the pieces
            self.column_of.append(columns)
            self.widths.append(widths)
            steps = np.array([np.diff(roof) for roof in roofs[cell]])
            heights = heights + np.array([roof[0] for roof in roofs[cell]])
            for (of_columns, of_heights), step in zip(cut_rows, steps, strict=True):
                of_columns.extend(columns.tolist())
                of_heights.extend((step / self.size).tolist())
            switched = bool(constraints.switched[cell])
            if switched:
                switches[cell] = self._column(1.0, whole=True)
                ahead = int(ends[0] == 0 and max(constraints.floor[cell], constraints.lower[cell]) > 0)
                if ahead:  # the spend below the least there may be: all of it or none
                    for column in columns[:2].tolist():
                        self._row([column, switches[cell]], [1.0, -1.0], 0.0, 0.0)
                for column in columns[2 * ahead :].tolist():
                    self._row([column, switches[cell]], [1.0, -1.0], -np.inf, 0.0)
            self._in_order(columns, widths, steps)
        for group in constraints.exclusive:
            self._row([switches[cell] for cell in group], [1.0] * len(group), -np.inf, 1.0)
        for limit in constraints.limits:
            self._limit(limit.coefficients, limit.low, limit.high)
        self.value = self._column(np.inf)
        self.floor = -np.inf
        self.ceiling = ceiling
        for (named, numbers), height in zip(cut_rows, heights, strict=True):
            self._row([*named, self.value], [*(-x for x in numbers), 1.0], -np.inf, float(height) / self.size)
        if goal.kind == "return":
            self._row_of_spend(-goal.target * goal.price / self.size, (self.value, 1.0), low=0.0)
        if goal.kind == "least_spend":
            self.floor = goal.target / self.size

    def _column(self, upper: float, whole: bool = False) -> int:
        self.upper.append(upper)
        self.whole.append(int(whole))
        return len(self.upper) - 1

    def _row(self, columns: list[int], numbers: list[float], low: float, high: float) -> None:
        self.rows.append((columns, numbers))
        self.low.append(low)
        self.high.append(high)

    def _limit(self, coefficients: np.ndarray, low: float, high: float) -> None:
        size = max(float(np.abs(coefficients).max(initial=0.0)), 1e-300) * self.money
        self._row_of_spend(coefficients / size, None, low / size, high / size)

    def _row_of_spend(
        self, coefficients: np.ndarray, further: tuple[int, float] | None, low: float, high: float = np.inf
    ) -> None:
        """low <= coefficients . spend + what is further <= high, in columns of the programme."""
        columns: list[int] = []
        numbers: list[float] = []
        for cell in np.flatnonzero(coefficients):
            columns.extend(self.column_of[cell].tolist())
            numbers.extend((coefficients[cell] * self.widths[cell]).tolist())
        if further is not None:
            columns.append(further[0])
            numbers.append(further[1])
        base = float(coefficients @ self.base)
        self._row(columns, numbers, low - base, high - base)

    def _in_order(self, columns: np.ndarray, widths: np.ndarray, steps: np.ndarray) -> None:
        """Switches at the bends where a later piece is steeper than an earlier one, so that none is filled first."""
        if len(widths) < 2:
            return
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = np.where(widths > 0, steps / widths, 0.0)
        rounding = 1e-8 * max(float(np.abs(steps).max(initial=0.0)), 1e-300)
        runs: list[list[int]] = [[0]]
        flattest = slopes[:, 0].copy()
        for j in range(1, len(widths)):
            if ((slopes[:, j] - flattest) * widths[j] > rounding).any():
                runs.append([])
                flattest = slopes[:, j].copy()
            runs[-1].append(j)
            flattest = np.minimum(flattest, slopes[:, j])
        for earlier, later in pairwise(runs):
            switch = self._column(1.0, whole=True)
            for j in earlier:  # all of the earlier before any of the later
                self._row([int(columns[j]), switch], [1.0, -1.0], 0.0, np.inf)
            for j in later:
                self._row([int(columns[j]), switch], [1.0, -1.0], -np.inf, 0.0)

    def solved(self, seconds: float) -> Relaxed | None:
        count = len(self.upper)
        cost = np.zeros(count)
        spend_only = self.goal.kind == "least_spend"
        unit = self.money if spend_only else self.size
        for cell, columns in enumerate(self.column_of):
            if spend_only:
                cost[columns] = self.widths[cell] / self.money
            elif self.goal.kind == "net":
                cost[columns] = self.goal.price[cell] * self.widths[cell] / self.size
        if not spend_only:
            cost[self.value] = -(self.goal.scale if self.goal.kind == "net" else 1.0)
        entries = [
            (i, column, number)
            for i, (columns, numbers) in enumerate(self.rows)
            for column, number in zip(columns, numbers, strict=True)
        ]
        row, column, number = (np.array(part) for part in zip(*entries, strict=True))
        matrix = coo_array((number, (row, column)), shape=(len(self.rows), count)).tocsr()
        lower = np.zeros(count)
        lower[self.value] = self.floor
        upper = np.array(self.upper)
        upper[self.value] = self.ceiling / self.size if np.isfinite(self.ceiling) else np.inf
        found = milp(
            cost,
            constraints=[LinearConstraint(matrix, np.array(self.low), np.array(self.high))],
            bounds=Bounds(lower, upper),
            integrality=np.array(self.whole),
            options={"time_limit": min(max(seconds, 0.5), MOST_SECONDS), "mip_rel_gap": 1e-5},
        )
        if found.status == 2:
            return None
        base = self.base.sum() if spend_only else 0.0
        if self.goal.kind == "net":
            base = float(self.goal.price @ self.base)
        dual = found.mip_dual_bound if any(self.whole) and found.mip_dual_bound is not None else found.fun
        if found.x is None or dual is None or not np.isfinite(dual):
            bound = -np.inf if spend_only else np.inf
            return Relaxed(bound, self.base.copy(), np.inf, f"HiGHS: {found.message}")
        total = dual * unit + base
        plan = self.base + np.array(
            [
                float(found.x[columns] @ widths)
                for columns, widths in zip(self.column_of, self.widths, strict=True)
            ]
        )
        early = "" if found.status == 0 else f"HiGHS stopped with the bound it had: {found.message}"
        return Relaxed(
            float(total if spend_only else -total), plan, float(found.x[self.value]) * self.size, early
        )
