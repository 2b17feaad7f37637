"""The records that the sampler's parts hand to one another: plain data, NumPy only, so that anybody can import them.

Everything else of the sampler imports from here; only the mass matrix, `mmm_core.inference.hmc.metric`, lies below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mmm_core.inference.hmc.metric import Metric
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
