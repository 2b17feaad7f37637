"""Warm-up: mass matrix and step size, learned from all chains together between blocks.

Windows grow as the chains settle. At the end of each the inverse mass matrix becomes the covariance of all chains'
draws in it, and the step size starts anew; the last blocks tune the step size alone. The length of a trajectory is
no part of it: it is the same in every run, see `mmm_core.inference.hmc.program`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mmm_core.inference.hmc.state import Metric, Start

# The first step size, before anything is known, and in a space just whitened.
FIRST_STEP, WHITENED_STEP = 0.1, 0.4

# Variance of every entry in the first mass matrix.
FIRST_VARIANCE = 0.25


@dataclass(frozen=True)
class Adaptation:
    """What has been learned so far.

    Attributes:
        blocks: length of the warm-up.
        updates: blocks after which the metric is learned anew.
        metric: the inverse mass matrix of the next block.
        step_size: of the next block, to begin with.
        centre: towards which the log step size is shrunk while it is tuned.
        known: whether the metric comes from draws; if not it is a guess.
        window: positions (chain, iteration, entry) of each block since the metric was learned last.
    """

    blocks: int
    updates: tuple[int, ...]
    metric: Metric
    step_size: float
    centre: float
    known: bool
    window: tuple[np.ndarray, ...] = ()

    @classmethod
    def begin(cls, warmup: int, dense: int, size: int, block: int, start: Start | None) -> Adaptation:
        """Before the first block of a warm-up of so many iterations, or a third of them where `start` helps."""
        blocks = max(-(-warmup // block), 2)
        if start is not None and start.position.shape[1] == size and len(start.metric.covariance) == dense:
            blocks = max(-(-blocks // 3), 2)
            step = start.step_size
            return cls(blocks, (blocks - 2,), start.metric, step, float(np.log(2 * step)), True)
        metric = Metric.unit(dense, size, FIRST_VARIANCE)
        return cls(blocks, _updates(blocks), metric, FIRST_STEP, float(np.log(10 * FIRST_STEP)), False)

    def guesses(self, block: int) -> bool:
        """Whether the metric is still a guess in this block."""
        return not self.known and block <= self.updates[0]

    def after(self, block: int, position: np.ndarray, log_step: np.ndarray) -> Adaptation:
        """With one more block of warm-up: positions (chain, iteration, entry), averaged log step sizes (chain,)."""
        window = (*self.window, position)
        step = float(np.exp(log_step.mean()))
        if block not in self.updates:
            return replace(self, step_size=step, centre=float(np.log(2 * step)), window=window)
        draws = np.concatenate(window, axis=1)
        if block == self.updates[0] and not self.known:
            draws = draws[:, draws.shape[1] // 2 :]  # the way from the start is no part of the posterior
        return replace(
            self,
            metric=Metric.of(draws, len(self.metric.covariance)),
            step_size=WHITENED_STEP,
            centre=float(np.log(2 * WHITENED_STEP)),
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
