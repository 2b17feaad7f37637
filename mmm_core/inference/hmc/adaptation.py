"""Warm-up: mass matrix and step size, learned from all chains together between blocks.

It has three phases.

1. Search: 50 iterations of short trajectories, on the way from far apart starts. After 15, 30 and 50 of them the mass
   matrix is learned from draws and gradients (`Metric.of_slopes`), which tell the scale of a normal wherever the
   chains are, long before their spread is the posterior's.
2. Learning: windows of 100, 200, ... iterations. After each the inverse mass matrix becomes the covariance of its
   draws. The phase ends with the first window that has enough draws and in which the chains agree, so that most
   warm-ups are shorter than what the specification allows; chains that have not met by then use all of it.
3. Step size: 30 iterations for the step size alone.

The length of a trajectory is no part of it: it is the same in every run, see `mmm_core.inference.hmc.program`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from mmm_core.inference.hmc.metric import Metric
from mmm_core.inference.hmc.rhat import split_rhat
from mmm_core.inference.hmc.state import BLOCK, Start, Trace

# The first step size, before anything is known, and in a space just whitened.
FIRST_STEP, WHITENED_STEP = 0.1, 0.4

# Variance of every entry in the first mass matrix.
FIRST_VARIANCE = 0.25

# Blocks of the search: iterations, and the most leapfrog steps of a trajectory. While the mass matrix is a guess,
# longer trajectories cost most of a run and teach little.
SEARCH = ((15, 16), (15, 16), (20, 24))

# Iterations of the first window of the learning phase, by which each is longer than the one before, and of the last
# phase.
FIRST_WINDOW, LAST = 100, 30

# Leapfrog steps that no trajectory goes beyond.
MOST_STEPS = 512

# A window settles the mass matrix if it has so many draws for every row of the dense block, over all chains, and if no
# parameter's split R-hat in it is larger.
DRAWS_PER_ROW, AGREEMENT = 5, 1.1

Lesson = Literal["", "slopes", "covariance"]


class Stage(NamedTuple):
    """A block of the warm-up.

    Attributes:
        iterations: how many it has, `BLOCK` at most.
        most_steps: leapfrog steps of a trajectory, at most.
        lesson: what the mass matrix is learned from at its end, "" where it stays.
    """

    iterations: int
    most_steps: int = MOST_STEPS
    lesson: Lesson = ""


@dataclass(frozen=True)
class Adaptation:
    """What has been learned so far.

    Attributes:
        stages: the blocks of the warm-up; fewer once it has settled.
        metric: the inverse mass matrix of the next block.
        step_size: of the next block, to begin with.
        centre: towards which the log step size is shrunk while it is tuned.
        positions, gradients: (chain, iteration, entry) of each block since the metric was learned last.
        steps: leapfrog steps so far, each one gradient, over all chains.
    """

    stages: tuple[Stage, ...]
    metric: Metric
    step_size: float
    centre: float
    positions: tuple[np.ndarray, ...] = ()
    gradients: tuple[np.ndarray, ...] = ()
    steps: int = 0

    @classmethod
    def begin(cls, warmup: int, dense: int, size: int, start: Start | None) -> Adaptation:
        """Before the first block of a warm-up of at most so many iterations, or a third of them where `start` helps."""
        if start is not None and start.position.shape[1] == size and len(start.metric.covariance) == dense:
            blocks = max(-(-max(-(-warmup // BLOCK), 2) // 3), 2)
            stages = (*[Stage(BLOCK)] * (blocks - 2), Stage(BLOCK, lesson="covariance"), Stage(BLOCK))
            return cls(stages, start.metric, start.step_size, float(np.log(2 * start.step_size)))
        metric = Metric.unit(dense, size, FIRST_VARIANCE)
        return cls(cold_stages(warmup), metric, FIRST_STEP, float(np.log(10 * FIRST_STEP)))

    @property
    def blocks(self) -> int:
        """Length of the warm-up."""
        return len(self.stages)

    @property
    def iterations(self) -> int:
        """The same in iterations."""
        return sum(stage.iterations for stage in self.stages)

    def done(self, block: int) -> int:
        """Iterations before a block, that of the sampling included."""
        return sum(stage.iterations for stage in self.stages[:block]) + max(block - self.blocks, 0) * BLOCK

    def stage(self, block: int) -> Stage:
        """How a block is run, be it of the warm-up or of the sampling after it."""
        return self.stages[block] if block < self.blocks else Stage(BLOCK)

    def after(self, block: int, trace: Trace, gradient: np.ndarray, log_step: np.ndarray) -> Adaptation:
        """With one more block of warm-up.

        Args:
            gradient: (chain, iteration, entry), of the potential.
            log_step: (chain,), averaged.
        """
        learned = replace(
            self,
            positions=(*self.positions, trace.position),
            gradients=(*self.gradients, gradient),
            steps=self.steps + int(trace.num_steps.sum()),
        )
        lesson = self.stages[block].lesson
        if not lesson:
            step = float(np.exp(log_step.mean()))
            return replace(learned, step_size=step, centre=float(np.log(2 * step)))
        draws, slopes = np.concatenate(learned.positions, axis=1), np.concatenate(learned.gradients, axis=1)
        if lesson == "slopes":
            # the way from the start says least of where the posterior is
            late = slice(draws.shape[1] // 2 if block == 0 else 0, None)
            return learned._with(self.metric.of_slopes(draws[:, late], slopes[:, late]))
        learned = learned._with(Metric.of(draws, self.metric.dense))
        if settled(draws, self.metric.dense):
            return replace(learned, stages=(*self.stages[: block + 1], self.stages[-1]))
        return learned

    def _with(self, metric: Metric) -> Adaptation:
        """In a space just whitened."""
        centre = float(np.log(2 * WHITENED_STEP))
        return replace(
            self, metric=metric, step_size=WHITENED_STEP, centre=centre, positions=(), gradients=()
        )


def cold_stages(warmup: int) -> tuple[Stage, ...]:
    """The blocks of a warm-up that has nothing to start from, should it use all of its iterations."""
    search = tuple(Stage(iterations, most_steps, "slopes") for iterations, most_steps in SEARCH)
    begun = sum(stage.iterations for stage in search)
    last = min(LAST, warmup // 4)
    learning = [stage for window in _windows(max(warmup - begun - last, last)) for stage in _window(window)]
    return (*search, *learning, Stage(last))


def settled(draws: np.ndarray, dense: int) -> bool:
    """Whether draws (chain, draw, entry) are enough to know the mass matrix by, and their chains agree."""
    chains, count, _ = draws.shape
    return chains * count >= DRAWS_PER_ROW * dense and bool(split_rhat(draws) <= AGREEMENT)


def _windows(iterations: int) -> Iterator[int]:
    """Lengths of windows, each longer than the one before; what is too little for a further one goes to the last."""
    length = FIRST_WINDOW
    while iterations >= 2 * length:
        yield length
        iterations -= length
        length += FIRST_WINDOW
    yield iterations


def _window(iterations: int) -> Iterator[Stage]:
    """The blocks of a window, at whose end the covariance is learned."""
    while iterations > BLOCK:
        yield Stage(BLOCK)
        iterations -= BLOCK
    yield Stage(iterations, lesson="covariance")
