"""The best plan under a total and bounds, by branch and bound, with a bound that no plan exceeds.

The problem: max sum_c f_c(x_c) subject to sum_c x_c = total and lower <= x <= upper. With each f_c replaced by the
concave hull of its roofs (`mmm_core.budget.envelope`) it is solved exactly by buying the steepest pieces first; its
optimum bounds every plan of the box. Where a hull lies above the roofs, which an S-shaped response brings about,
the box is split in two at that spend; where the roofs lie above what is known of the response, cells are split.
Either way the bound falls, until it meets the best plan found. The relaxation leaves one channel at most between
two corners, so few boxes are needed: Udell and Boyd, Maximizing a Sum of Sigmoids, 2013. Nothing is drawn at
random.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from itertools import pairwise

import numpy as np

from mmm_core.budget.envelope import Cells, Envelope
from mmm_core.plural import plural

CELLS = 10
"""Cells a channel begins with."""
PARTS = 8
"""Cells that one is split into where no slope is known; else two."""
MOST_BOXES = 4000
"""Boxes looked at before the search ends with the bound it has."""
MOST_REFINEMENTS = 80
"""Rounds of splitting cells before the search ends with the bound it has."""
ROUNDING = 1e-9
"""Relative error that sums over draws and weeks may have."""

Enclose = Callable[[np.ndarray, np.ndarray], Cells]
"""What is known of the cells between two spends (channel,)."""


def project(spend: np.ndarray, lower: np.ndarray, upper: np.ndarray, total: float) -> np.ndarray:
    """The plan nearest to `spend` (channel,) within the bounds that adds up to `total`.

    The nearest plan is clip(spend + shift) for one common shift, found by bisection. The bounds must admit the total.
    """
    low, high = float(np.min(lower - spend)), float(np.max(upper - spend))
    for _ in range(200):
        shift = (low + high) / 2
        if np.clip(spend + shift, lower, upper).sum() < total:
            low = shift
        else:
            high = shift
    plan = np.clip(spend + high, lower, upper)
    for _ in range(2 * len(plan)):  # the last rounding error goes where there is room
        missing = total - plan.sum()
        if missing == 0:
            break
        channel = int(np.argmax(upper - plan if missing > 0 else plan - lower))
        plan[channel] = np.clip(plan[channel] + missing, lower[channel], upper[channel])
    return plan


@dataclass(frozen=True)
class Box:
    """A part of the plans and the solution of its relaxation.

    Attributes:
        lower, upper: (channel,) spend.
        bound: no plan of the box brings more.
        plan: (channel,) the relaxation's plan, which is feasible; hulls: (channel,) the hulls' values there.
        version: of the cells that it was worked out from.
    """

    lower: np.ndarray
    upper: np.ndarray
    bound: float
    plan: np.ndarray
    hulls: np.ndarray
    version: int


@dataclass
class Search:
    """Boxes not yet decided, the cells known so far, and the best plan."""

    enclose: Enclose
    value: Callable[[np.ndarray], float]
    lower: np.ndarray
    upper: np.ndarray
    total: float
    envelopes: list[Envelope | None] = field(default_factory=list)
    plan: np.ndarray = field(default_factory=lambda: np.zeros(0))
    best: float = -np.inf
    version: int = 0
    refinements: int = 0
    boxes: int = 0
    stopped_early: str = ""
    _open: list[tuple[float, int, Box]] = field(default_factory=list)
    _decided: float = -np.inf  # the highest bound of boxes that were given up because the best plan meets it

    def __post_init__(self) -> None:
        """Evaluate the first cells, relax the whole problem and take its plan for the best."""
        edges = np.linspace(self.lower, self.upper, CELLS + 1)
        edges[-1] = self.upper
        rounds = [_rows(self.enclose(*ends)) for ends in pairwise(edges)]
        self.fixed = _rows(self.enclose(self.lower, self.lower))[:, 2]
        self.envelopes = [
            Envelope(np.stack([rows[channel] for rows in rounds])) if high > low else None
            for channel, (low, high) in enumerate(zip(self.lower, self.upper, strict=True))
        ]
        root = self._relaxed(self.lower, self.upper)
        assert root is not None, "the bounds do not admit the total"
        self.root = root
        self._push(root)
        self.offer(root.plan)

    @property
    def bound(self) -> float:
        """No plan brings more."""
        return max(-self._open[0][0] if self._open else -np.inf, self._decided)

    def offer(self, plan: np.ndarray) -> float:
        """A plan, made feasible and kept where it is the best so far; its value."""
        plan = project(plan, self.lower, self.upper, self.total)
        value = self.value(plan)
        if value > self.best:
            self.best, self.plan = value, plan
        return value

    def run(self, tolerance: float) -> None:
        """Go on until the bound is within `tolerance` (relative) of the best plan.

        Where the search grows too large before, `stopped_early` says so.
        """
        while self._open and self.boxes < MOST_BOXES and self.refinements < MOST_REFINEMENTS:
            slack = tolerance * abs(self.best)
            if -self._open[0][0] <= self.best + slack:
                return
            box = heapq.heappop(self._open)[-1]
            if box.version != self.version:
                self._consider(self._relaxed(box.lower, box.upper), slack)
                continue
            above_roof, above_floor = self._unexplained(box)
            channel = int(np.argmax(above_roof))
            if above_roof[channel] > max(above_floor.max(), 0.1 * slack / len(above_roof)):
                self._branch(box, channel, slack)
            elif above_floor.max() > 0:
                self._refine(box.plan, above_floor)
                self.offer(box.plan)
                self._consider(self._relaxed(box.lower, box.upper), tolerance * abs(self.best))
            else:  # the plan brings what the bound says, to rounding
                self.offer(box.plan)
                self._decided = max(self._decided, box.bound)
        if self.bound > self.best + tolerance * abs(self.best):
            self.stopped_early = (
                f"the search for a closer bound ended after {plural(self.boxes, 'part')} of the plans and "
                f"{plural(self.refinements, 'closer look')}"
            )

    def _unexplained(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """How far hulls lie above roofs, and these above what is known, at the relaxation's plan; (channel,)."""
        above_roof, above_floor = np.zeros(len(box.plan)), np.zeros(len(box.plan))
        for channel, envelope in enumerate(self.envelopes):
            if envelope is not None:
                roof = envelope.roof(box.plan[channel])
                above_roof[channel] = box.hulls[channel] - roof
                above_floor[channel] = roof - envelope.floor(box.plan[channel])
        return above_roof, above_floor

    def _relaxed(self, lower: np.ndarray, upper: np.ndarray) -> Box | None:
        """Solve the relaxation over a box by buying the steepest pieces first; None where no plan of it adds up."""
        self.boxes += 1
        left = self.total - lower.sum()
        slack = 1e-12 * max(abs(self.total), 1e-300)
        if left < -slack or self.total > upper.sum() + slack:
            return None
        plan, hulls = lower.copy(), self.fixed.copy()
        owners, runs, rises = [], [], []
        for channel, envelope in enumerate(self.envelopes):
            if envelope is None:
                continue
            corners = envelope.hull(lower[channel], upper[channel])
            hulls[channel] = corners[0, 1]
            steps = np.diff(corners, axis=0)
            owners.append(np.full(len(steps), channel))
            runs.append(steps[:, 0])
            rises.append(steps[:, 1])
        run, rise = (np.concatenate([np.zeros(0), *parts]) for parts in (runs, rises))
        order = np.argsort(-rise / run, kind="stable")
        owner = np.concatenate([np.zeros(0, dtype=int), *owners])[order]
        run, rise = run[order], rise[order]
        bought = np.clip(left - (np.cumsum(run) - run), 0.0, run)
        np.add.at(plan, owner, bought)
        np.add.at(hulls, owner, rise * (bought / run))
        return Box(lower, upper, float(hulls.sum()), np.clip(plan, lower, upper), hulls, self.version)

    def _consider(self, box: Box | None, slack: float) -> None:
        """Keep a box that may hold a better plan than the best by more than `slack`."""
        if box is None:
            return
        if box.bound <= self.best + slack:
            self._decided = max(self._decided, box.bound)
        else:
            self._push(box)

    def _push(self, box: Box) -> None:
        heapq.heappush(self._open, (-box.bound, self.boxes, box))

    def _branch(self, box: Box, channel: int, slack: float) -> None:
        """Split a box at the end of a cell nearest to the relaxation's plan."""
        envelope = self.envelopes[channel]
        assert envelope is not None
        points = envelope.points
        inside = points[(points > box.lower[channel]) & (points < box.upper[channel])]
        if not len(inside):  # one cell, whose roof is concave: what is left is rounding
            self._decided = max(self._decided, box.bound)
            return
        point = inside[np.argmin(np.abs(inside - box.plan[channel]))]
        for side in (0, 1):
            lower, upper = box.lower.copy(), box.upper.copy()
            (upper, lower)[side][channel] = point
            self._consider(self._relaxed(lower, upper), slack)

    def _refine(self, plan: np.ndarray, above_floor: np.ndarray) -> None:
        """Split the cells that hold the plan, of every channel about which much is not known."""
        self.refinements += 1
        cells = np.full(len(plan), -1)
        low, middle, high = self.lower.copy(), self.lower.copy(), self.lower.copy()
        slopes_known = True
        for channel, envelope in enumerate(self.envelopes):
            if envelope is None or not above_floor[channel] > 0:
                continue
            if above_floor[channel] < 0.05 * above_floor.max():
                continue
            cells[channel] = envelope.cell_of(plan[channel])
            low[channel], high[channel] = envelope.rows[cells[channel], :2]
            width = high[channel] - low[channel]
            middle[channel] = np.clip(plan[channel], low[channel] + 0.1 * width, high[channel] - 0.1 * width)
            slopes_known &= bool(np.isfinite(envelope.rows[cells[channel], 4:6]).all())
        edges = np.stack([low, middle, high]) if slopes_known else np.linspace(low, high, PARTS + 1)
        edges[-1] = high
        rounds = [_rows(self.enclose(*ends)) for ends in pairwise(edges)]
        for channel, envelope in enumerate(self.envelopes):
            if envelope is not None and cells[channel] >= 0 and (np.diff(edges[:, channel]) > 0).all():
                envelope.split(int(cells[channel]), np.stack([rows[channel] for rows in rounds]))
        self.version += 1


def _rows(cells: Cells) -> np.ndarray:
    """(channel, 7), in the order of `Cells`."""
    return np.stack([np.asarray(getattr(cells, item.name), dtype=float) for item in fields(Cells)], axis=1)
