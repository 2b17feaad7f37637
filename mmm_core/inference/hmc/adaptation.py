"""Warm-up: mass matrix, step size and trajectory length, learned from all chains together between blocks.

Windows grow as the chains settle. At the end of each the inverse mass matrix becomes the covariance of all chains'
draws in it, and the step size starts anew; the last blocks tune the step size alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmm_core.inference.hmc.sampler import Start

# Length of a trajectory in the whitened space. A quarter of a turn, pi/2, would make the draws of a normal independent;
# a little more makes them negatively correlated, and posteriors with a slow direction are better off.
TRAJECTORY = 2.0

# The first step size, before anything is known, and in a space just whitened.
FIRST_STEP, WHITENED_STEP = 0.1, 0.4


@dataclass(frozen=True)
class Metric:
    """The inverse mass matrix: a dense block, and a diagonal for the entries after it."""

    covariance: np.ndarray  # (dense, dense)
    variance: np.ndarray  # (others,)

    @classmethod
    def unit(cls, dense: int, size: int, variance: float) -> Metric:
        """The same variance for every entry."""
        return cls(variance * np.eye(dense), np.full(size - dense, variance))

    @classmethod
    def of(cls, draws: np.ndarray, dense: int) -> Metric:
        """From draws (chain, draw, entry), shrunk towards a diagonal as far as there are few of them."""
        flat = draws.reshape(-1, draws.shape[-1])
        variance = np.maximum(flat.var(axis=0), 1e-10)
        centred = flat[:, :dense] - flat[:, :dense].mean(axis=0)
        weight = len(flat) / (len(flat) + 2 * dense)
        covariance = weight * (centred.T @ centred) / len(flat)
        covariance[np.diag_indices(dense)] = variance[:dense]
        return cls(covariance, variance[dense:])

    def roots(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower Cholesky factor of the dense block, and standard deviations of the others."""
        return np.linalg.cholesky(self.covariance), np.sqrt(self.variance)


@dataclass(frozen=True)
class Adaptation:
    """What has been learned so far.

    Attributes:
        blocks: length of the warm-up.
        updates: blocks after which the metric is learned anew.
        window: positions seen since the last update.
    """

    blocks: int
    updates: tuple[int, ...]
    metric: Metric
    step_size: float
    centre: float
    trajectory: float
    known: bool
    window: tuple[np.ndarray, ...] = ()

    @classmethod
    def begin(cls, warmup: int, dense: int, size: int, block: int, start: Start | None) -> Adaptation:
        """Before the first block of a warm-up of so many iterations, or a third of them where `start` helps."""
        blocks = max(-(-warmup // block), 2)
        if start is not None and start.position.shape[1] == size and len(start.metric.covariance) == dense:
            blocks = max(-(-blocks // 3), 2)
            step = start.step_size
            return cls(
                blocks, (blocks - 2,), start.metric, step, float(np.log(2 * step)), start.trajectory, True
            )
        metric = Metric.unit(dense, size, 0.25)
        return cls(blocks, _updates(blocks), metric, FIRST_STEP, np.log(10 * FIRST_STEP), TRAJECTORY, False)

    def first(self, block: int) -> bool:
        """Whether the metric is still a guess in this block."""
        return not self.known and block <= self.updates[0]

    def after(
        self, block: int, position: np.ndarray, log_step: np.ndarray, acceptance: np.ndarray
    ) -> Adaptation:
        """With one more block of warm-up: positions (chain, iteration, entry), averaged log step sizes (chain,)."""
        window = (*self.window, position)
        step = float(np.exp(log_step.mean()))
        if block not in self.updates:
            return replace(self, step_size=step, centre=float(np.log(2 * step)), window=window)
        draws = np.concatenate(window, axis=1)
        if block == self.updates[0] and not self.known:
            draws = draws[:, draws.shape[1] // 2 :]  # the way from the start is no part of the posterior
        metric = Metric.of(draws, len(self.metric.covariance))
        return replace(
            self,
            metric=metric,
            step_size=WHITENED_STEP,
            centre=np.log(2 * WHITENED_STEP),
            window=(),
            known=True,
        )


def _updates(blocks: int) -> tuple[int, ...]:
    """Ends of windows of 1, 1, 2, 3, 4 ... blocks, the last fifth left to the step size."""
    last = blocks - 1 - max(1, blocks // 5)
    ends, end, length = [0], 0, 1
    while end + length <= last:
        end += length
        ends.append(end)
        length += 1
    if ends[-1] < last:
        ends[-1 if len(ends) > 2 else len(ends) :] = [last]
    return tuple(ends)
