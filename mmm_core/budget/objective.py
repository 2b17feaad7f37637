"""What a plan is judged by, from draws of what it brings: never from the mean curve alone.

    expected      the mean of the draws
    cvar          the mean of the worst (1 - level) share of them; level 0 is the mean (Rockafellar and Uryasev, 2000)
    mean_risk     mean - weight x risk, risk being the standard deviation, or how far the CVaR lies below the mean
    probability   the share of draws in which the plan brings more than a reference: the current plan, or a target

The first three are worst cases: for a set W of weights of the draws, value(R) = min over w in W of w . R. Any w of W
therefore bounds a plan's value from above by a weighted mean of its draws, `Cut`, which is a sum over channels again
and can be bounded by envelopes. At the draws R themselves the worst w is exact, and it is the gradient of the value
there. With a standard deviation weights may be negative. The probability has no such w: see `Objective.cut`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import lsq_linear

from mmm_core.budget.change import figure

HALVINGS = 64
"""Of the interval in which the last of the worst draws lies: to the rounding of a number."""

KINDS = ("expected", "cvar", "mean_risk", "probability")


@dataclass(frozen=True)
class Cut:
    """A bound on the value: value(R) <= constant + weights . R for every R; weights (draw,)."""

    constant: float
    weights: np.ndarray

    def at(self, draws: np.ndarray) -> float:
        """The bound at draws (draw,)."""
        return float(self.constant + self.weights @ draws)


@dataclass(frozen=True)
class Objective:
    """A function of the draws of what a plan brings.

    Attributes:
        kind: of KINDS.
        level: of the CVaR, from 0 to below 1; also where `risk` is "shortfall".
        weight: of the risk, 0 or more.
        risk: "sd", or "shortfall": mean less CVaR.
        reference: (draw,) or a number, what the probability is of exceeding.
    """

    kind: str = "expected"
    level: float = 0.0
    weight: float = 0.0
    risk: str = "sd"
    reference: Any = 0.0

    @property
    def is_mean(self) -> bool:
        """Whether the value is the mean of the draws, whatever it is called."""
        return (
            self.kind == "expected"
            or (self.kind == "cvar" and self.level == 0)
            or (
                self.kind == "mean_risk"
                and (self.weight == 0 or (self.risk == "shortfall" and self.level == 0))
            )
        )

    @property
    def is_smooth(self) -> bool:
        """Whether the value has a slope everywhere: not where the worst draws are others from plan to plan."""
        shortfall = self.kind == "cvar" or (self.kind == "mean_risk" and self.risk == "shortfall")
        return self.is_mean or not shortfall

    @property
    def words(self) -> str:
        """What is maximised, in words."""
        if self.is_mean:
            return "expected outcome"
        if self.kind == "cvar":
            return f"mean outcome of the worst {1 - self.level:.0%} of draws (CVaR at {self.level:g})"
        if self.kind == "mean_risk":
            worst = f"how far the mean of the worst {1 - self.level:.0%} of draws lies below it"
            risk = "standard deviation" if self.risk == "sd" else worst
            return f"mean outcome less {self.weight:g} x {risk}"
        reference = "the current plan" if np.ndim(self.reference) else figure(float(self.reference))
        return f"probability of bringing more than {reference}"

    def value(self, draws: np.ndarray) -> float:
        """Of draws (draw,)."""
        if self.kind == "probability":
            return float((draws - self.reference > 0).mean())
        return float(self.weights(draws) @ draws)

    def weights(self, draws: np.ndarray) -> np.ndarray:
        """The worst weights at draws (draw,): the value is weights . draws, and this its gradient.

        Of a probability, which has none, equal weights.
        """
        count = len(draws)
        equal = np.full(count, 1.0 / count)
        if self.is_mean or self.kind == "probability":
            return equal
        if self.kind == "cvar":
            return worst_share(draws, self.level)
        if self.risk == "shortfall":
            return (1 - self.weight) * equal + self.weight * worst_share(draws, self.level)
        spread = draws.std()
        if spread == 0:
            return equal
        return equal - self.weight * (draws - draws.mean()) / (count * spread)

    def traced(self, draws: Any, width: Any = 0.0) -> Any:
        """The value as a function JAX can trace; a probability is smoothed by a logistic of this width."""
        if self.kind == "probability":
            return jax.nn.sigmoid((draws - self.reference) / width).mean()
        mean = draws.mean()
        if self.is_mean:
            return mean
        if self.kind == "cvar":
            return _traced_cvar(draws, self.level)
        if self.risk == "shortfall":
            return (1 - self.weight) * mean + self.weight * _traced_cvar(draws, self.level)
        variance = jnp.mean((draws - mean) ** 2)
        return mean - self.weight * jnp.sqrt(jnp.maximum(variance, 1e-300))

    def cut(self, draws: np.ndarray, worst: np.ndarray | None = None) -> Cut:
        """A bound that is exact at these draws, or for a probability, one that is close there.

        Args:
            worst: (draw,), for a probability: a value that no plan of the problem falls below. A step from 0 to 1 at
                the reference lies below min(1, 1 + (R - reference) / (reference - worst)).
        """
        if self.kind != "probability":
            return Cut(0.0, self.weights(draws))
        assert worst is not None
        gain = draws - self.reference
        depth = np.maximum(self.reference - worst, 1e-300)
        short = (gain < 0) & (depth > 1e-12 * max(1.0, float(np.abs(draws).max())))
        weights = np.where(short, 1.0 / depth, 0.0) / len(draws)
        reference = np.broadcast_to(np.asarray(self.reference, float), draws.shape)
        return Cut(float(1.0 - weights @ reference), weights)


def worst_share(draws: np.ndarray, level: float) -> np.ndarray:
    """Weights (draw,) of the mean of the worst (1 - level) share of draws: the last one taken may count in part."""
    count = len(draws)
    kept = (1.0 - level) * count
    order = np.argsort(draws, kind="stable")
    weights = np.empty(count)
    weights[order] = np.clip(kept - np.arange(count), 0.0, 1.0) / kept
    return weights


def _traced_cvar(draws: Any, level: float) -> Any:
    """The same mean, to be traced; draws that tie for the last place share it.

    Where the last of the worst lies is found by halving an interval: compiled for a processor that is five times as
    fast as sorting.
    """
    kept = (1.0 - level) * draws.shape[0]
    still = jax.lax.stop_gradient(draws)

    def halved(_: int, ends: tuple[Any, Any]) -> tuple[Any, Any]:
        low, high = ends
        middle = (low + high) / 2
        enough = (still <= middle).sum() >= kept
        return jnp.where(enough, low, middle), jnp.where(enough, middle, high)

    # fewer than `kept` draws lie at or below the lower end, and no fewer at or below the upper
    ends = (still.min() - jnp.abs(still).max() - 1e-300, still.max())
    low, high = jax.lax.fori_loop(0, HALVINGS, halved, ends)
    below, last = still <= low, (still > low) & (still <= high)
    weights = jnp.where(below, 1.0, jnp.where(last, (kept - below.sum()) / last.sum(), 0.0)) / kept
    return weights @ draws


def stationary_cut(objective: Objective, draws: np.ndarray, slopes: np.ndarray, on: np.ndarray) -> Cut | None:
    """The cut that proves an optimum of a CVaR: of all worst weights, those that leave no cell steeper than another.

    At the optimum several draws tie for the last place among the worst, and what each counts is open. Among the draws
    nearest to that place, weights are chosen so that the weighted slopes of all cells that may move are equal, by
    least squares. The cut is valid whatever they are.

    Args:
        draws: (draw,) of the plan. slopes: (draw, cell) of one more unit of spend.
        on: (cell,), cells that may move.
    """
    shortfall = objective.kind == "mean_risk" and objective.risk == "shortfall"
    if objective.is_mean or not (objective.kind == "cvar" or shortfall) or on.sum() < 2:
        return None
    count = len(draws)
    most = 1.0 / ((1.0 - objective.level) * count)
    order = np.argsort(draws, kind="stable")
    last = int((1.0 - objective.level) * count)
    reach = min(6 * int(on.sum()) + 4, count // 2)
    near = order[max(last - reach, 0) : min(last + reach, count)]
    weights = worst_share(draws, objective.level)
    fixed = weights.copy()
    fixed[near] = 0.0
    part = objective.weight if shortfall else 1.0
    equal = (1.0 - part) / count if shortfall else 0.0
    # unknown: the weights of the draws near the last place, and the slope that all cells share
    cells = slopes[:, on]
    scale = max(float(np.abs(equal * cells.sum(axis=0) + part * weights @ cells).max()), 1e-300)
    rows = np.hstack([part * most * cells[near].T / scale, -np.ones((int(on.sum()), 1))])
    known = (equal * cells.sum(axis=0) + part * fixed @ cells) / scale
    total = np.append(np.full(len(near), 1e3 * most), 0.0)
    # what the tie breaks cost is part of it: draws far from the last place are left alone where that does as well
    away = np.append(part * most * (draws[near] - draws[order[min(last, count - 1)]]), 0.0)
    away = 1e-2 * away / max(float(np.abs(away).sum()), 1e-300)
    found = lsq_linear(
        np.vstack([rows, total, away]),
        np.concatenate([-known, [1e3 * (1.0 - fixed.sum())], [-1e-3]]),
        bounds=(np.append(np.zeros(len(near)), -np.inf), np.append(np.ones(len(near)), np.inf)),
    )
    chosen = fixed.copy()
    chosen[near] = np.clip(found.x[:-1], 0.0, 1.0) * most
    short = 1.0 - chosen.sum()
    room = (most - chosen[near]) if short > 0 else chosen[near]
    if room.sum() > 0:
        chosen[near] = np.clip(chosen[near] + short * room / room.sum(), 0.0, most)
    if abs(chosen.sum() - 1.0) > 1e-9:
        return None
    return Cut(0.0, equal + part * chosen)
