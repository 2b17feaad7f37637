"""The records that the sampler's parts hand to one another: plain data, NumPy only, so that anybody can import them.

Everything else of the sampler imports from here and nothing here imports from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mmm_core.inference.runtime import Devices

# Iterations that one call of the compiled program advances every chain by.
BLOCK = 50


@dataclass(frozen=True)
class Progress:
    """How far a fit is.

    Attributes:
        phase: preparing, compiling, warm-up, sampling, or summarising.
        done, total: iterations a chain.
        divergences: divergent transitions after warm-up, over all chains.
        seconds: since the fit began.
        step_size, acceptance, rhat: the sampler's step, its mean acceptance in the last block, and the largest R-hat of
            the parameters drawn so far; nan where there is none yet.
        message: a remark that is made once, such as the memory that the fit will take.
    """

    phase: str
    done: int
    total: int
    divergences: int
    seconds: float
    step_size: float = float("nan")
    acceptance: float = float("nan")
    rhat: float = float("nan")
    message: str = ""


@dataclass(frozen=True)
class Schedule:
    """How many chains and iterations a run has, over which devices it is spread, and the acceptance it aims at."""

    chains: int
    warmup: int
    draws: int
    devices: Devices
    target_accept: float = 0.8


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


class Start(NamedTuple):
    """Where an earlier run of the same model ended: a warm-up that starts there may be short."""

    position: np.ndarray  # (chain, entry)
    metric: Metric
    step_size: float


class ChainState(NamedTuple):
    """Where every chain is, on the unconstrained scale."""

    position: Any  # (chain, entry)
    potential: Any  # (chain,), minus the log density; inf before the first evaluation
    gradient: Any  # (chain, entry), of the potential


class Trace(NamedTuple):
    """What is kept of each draw; arrays are (chain, draw, ...)."""

    position: Any  # (..., entry), on the unconstrained scale
    diverging: Any
    num_steps: Any
    energy: Any
    acceptance_rate: Any
