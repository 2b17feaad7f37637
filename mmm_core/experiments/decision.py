"""The budget decision that an experiment informs: its plans, and what each brings in every draw.

It is the decision of `mmm allocate`, as far as channels add up (`Budget.on_curves`): the same total, bounds and curves,
with dearer media, a discount and, where its horizon is long, what comes by way of the brand. What a plan brings is a
sum over channels of each one's response to its own spend, so it is worked out once on a grid of spend between the
bounds, and read off it for any plan: with G points a channel, a straight line between two of them is off by the
response's bend within 1/G of the range.

The best plan for a belief (weights of the draws) has one marginal return in all channels: that price is found by
bisection, each channel taking the point of its grid that is best at it. Both sides of the price are mixed so that
the total is met.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from mmm_core.budget.question import Question, question
from mmm_core.budget.response import Curves, cell_outcomes
from mmm_core.budget.solve import solve
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.budget_spec import Budget

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm

POINTS = 33
BISECTIONS = 50
ROUNDING = 1e-9
"""Of a result, relative: what varies less does not vary."""
NODES = (0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99)
"""Quantiles of what an experiment may measure, for each of which the best plan is looked for."""
LEVELS = 17
"""Of spend, of the channel that is tested, for which the best plan is looked for too."""
NEAREST = 0.05
"""Share of the draws that a plan is made for at least, however precise the experiment."""
ALIKE = 0.002
"""Share of the total within which two plans are one."""


@dataclass(frozen=True)
class Decision:
    """A choice between plans of spend.

    Attributes:
        grid: (point, channel) spend, from the lower to the upper bound.
        outcome: (draw, channel, point) that a channel brings over the period at a spend of the grid.
        total: what plans add up to.
        today: (channel,) the plan that is best without any further result.
    """

    grid: np.ndarray
    outcome: np.ndarray
    total: float
    today: np.ndarray

    def payoff(self, plans: np.ndarray) -> np.ndarray:
        """What plans (plan, channel) bring, (draw, plan)."""
        return self._read(plans.T, lambda channel, point: self.outcome[:, channel, point])

    def _read(self, spend: np.ndarray, outcome: Callable[[int, np.ndarray], np.ndarray]) -> np.ndarray:
        """Sum over channels of their outcome at a spend (channel, plan), between the points of the grid."""
        out, last = 0.0, len(self.grid) - 1
        for channel, (low, high) in enumerate(zip(self.grid[0], self.grid[-1], strict=True)):
            place = (spend[channel] - low) / (high - low) * last if high > low else 0 * spend[channel]
            left = np.clip(place.astype(int), 0, last - 1)
            right = np.clip(place - left, 0.0, 1.0)
            out = out + outcome(channel, left) * (1 - right) + outcome(channel, left + 1) * right
        return np.asarray(out)

    def best(self, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The best plan for each expected outcome (row, channel, point), and what one more unit of spend would bring.

        Returns:
            Plans (row, channel), and the price (row,) at which their total is met.
        """
        step = np.diff(self.grid, axis=0).T  # (channel, point)
        slopes = np.diff(expected, axis=2) / np.where(step > 0, step, 1.0)
        most, least = slopes.max(axis=(1, 2)), slopes.min(axis=(1, 2))
        margin = 1e-9 + np.abs(most) + np.abs(least)
        cheap, dear = (
            least - margin,
            most + margin,
        )  # at a low price plans spend too much, at a high one too little
        for _ in range(BISECTIONS):
            price = (cheap + dear) / 2
            spends = self._at_price(expected, price).sum(axis=1)
            cheap, dear = (
                np.where(spends > self.total, price, cheap),
                np.where(spends > self.total, dear, price),
            )
        more, less = self._at_price(expected, cheap), self._at_price(expected, dear)
        gap = more.sum(axis=1) - less.sum(axis=1)
        mix = np.divide(self.total - less.sum(axis=1), gap, out=np.zeros_like(gap), where=gap > 0)
        return less + np.clip(mix, 0.0, 1.0)[:, None] * (more - less), (cheap + dear) / 2

    def _at_price(self, expected: np.ndarray, price: np.ndarray) -> np.ndarray:
        """What each channel spends where a unit of spend costs so much outcome, (row, channel)."""
        point = (expected - price[:, None, None] * self.grid.T).argmax(axis=2)
        return np.asarray(np.take_along_axis(self.grid, point, axis=0))

    def plans_for(self, result: np.ndarray, error: float) -> np.ndarray:
        """The best plans (plan, channel) at results over all that an experiment may measure.

        Args:
            result: (draw,) without error. error: its standard error.
        """
        spread = float(result.std())
        if not spread > ROUNDING * np.abs(result).max():
            return self.today[None]
        nodes = result.mean() + np.hypot(1.0, error / spread) * (np.quantile(result, NODES) - result.mean())
        apart = np.abs(nodes[:, None] - result)
        near = np.quantile(apart, NEAREST, axis=1, keepdims=True)
        weight = np.exp(-0.5 * (apart / np.maximum(np.maximum(near, error), ROUNDING * spread)) ** 2)
        weight /= weight.sum(axis=1, keepdims=True)
        expected = weight @ self.outcome.reshape(len(result), -1)
        return self.best(expected.reshape(len(weight), *self.outcome.shape[1:]))[0]

    def plans_around(self, channel: int) -> np.ndarray:
        """Plans (plan, channel) with each of some levels of a channel's spend, the others sharing the rest best."""
        points = np.unique(np.linspace(0, len(self.grid) - 1, LEVELS).round().astype(int))
        expected = np.repeat(self.outcome.mean(axis=0)[None], len(points), axis=0)
        forced = np.abs(expected).max() * 1e6 + 1.0
        expected[np.arange(len(points)), channel, points] += forced
        plans, _ = self.best(expected)
        kept = np.abs(plans.sum(axis=1) - self.total) <= 1e-6 * self.total
        return np.asarray(plans[kept & np.isclose(plans[:, channel], self.grid[points, channel])])

    def perfect(self) -> np.ndarray:
        """What the best plan of each draw brings, (draw,): nobody can know more."""
        plans, _ = self.best(self.outcome)
        draws = np.arange(len(plans))
        paid = self._read(plans.T, lambda channel, point: self.outcome[draws, channel, point])
        return np.maximum(paid, self.payoff(self.today[None])[:, 0])

    @property
    def price(self) -> float:
        """Outcome that one more unit of the total would bring, or one less would cost, at the plan of today."""
        return float(self.best(self.outcome.mean(axis=0)[None])[1][0])


def distinct(plans: np.ndarray, total: float) -> np.ndarray:
    """The plans that differ by more than a hair, the first of those alike, (plan, channel)."""
    rounded = np.round(plans / (ALIKE * total)).astype(int)
    _, first = np.unique(rounded, axis=0, return_index=True)
    return np.asarray(plans[np.sort(first)])


def decision(
    tree: xr.DataTree | Posterior, budget: Budget | None = None, long_term: LongTerm | None = None
) -> tuple[Question, Decision]:
    """The budget question of a model as far as channels add up, and what its plans bring.

    Args:
        long_term: of this posterior, for a budget with `horizon: long`.

    Raises:
        InputError: as `mmm_core.budget.decide.decide`.
    """
    budget = (budget or Posterior.of(tree).spec.budget).on_curves()
    with jax.enable_x64(True):
        asked = question(tree, budget, long_term)
        problem = asked.problem
        today = solve(problem).spend
        grid = np.linspace(problem.constraints.lower, problem.constraints.upper, POINTS)
        assert isinstance(problem.response, Curves)
        outcome = np.asarray(cell_outcomes(problem.response, jnp.asarray(grid)))  # (point, draw, channel)
    return asked, Decision(
        grid, np.moveaxis(outcome, 0, -1), float(problem.constraints.limits[0].high), today
    )


def by_brand(asked: Question) -> np.ndarray | None:
    """What a unit of a channel's spend brings by way of the brand, (draw, channel); None where that does not count."""
    curves = asked.problem.response
    assert isinstance(curves, Curves)
    return None if curves.linear is None else np.asarray(curves.linear)
