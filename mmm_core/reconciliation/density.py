"""Densities on a grid: a posterior's draws as a smooth prior, and what likelihoods make of it, by quadrature.

The prior is a mixture of Normal kernels at the draws, drawn together so that mixture and draws have the same mean and
variance (West 1993, "Approximating posterior distributions by mixtures", JRSS B 55): with bandwidth h and standard
deviation s of the draws, kernels stand at mean + sqrt(1 - h^2 / s^2) (draw - mean). Where every draw is positive that
is done for the logarithm, so that no mass leaks below zero. No shape is assumed of the posterior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from mmm_core.evidence.result_noise import ResultNoise

POINTS = 801
PASSES = 40
TAIL = 1e-7  # mass that a pass may leave outside on each side
MARGIN = 8  # cells that the next pass's grid keeps beyond those
KERNELS_OUT = 8.0  # bandwidths and errors that a grid reaches beyond the outermost centre
LEVEL = 0.9
NORMAL = ResultNoise(None)


@dataclass(frozen=True)
class Density:
    """A density on a grid.

    Attributes:
        values: what it is of, increasing, (point,).
        mass: of each point, adding up to 1, (point,).
    """

    values: np.ndarray
    mass: np.ndarray

    @property
    def mean(self) -> float:
        """Expected value."""
        return float(self.values @ self.mass)

    @property
    def sd(self) -> float:
        """Standard deviation."""
        return float(np.sqrt(self.mass @ (self.values - self.mean) ** 2))

    def quantile(self, share: float) -> float:
        """Value below which a share of the mass lies; a point's mass counts half below it."""
        below = np.cumsum(self.mass) - self.mass / 2
        return float(np.interp(share, below, self.values))

    @property
    def interval(self) -> tuple[float, float]:
        """Central 90 % interval."""
        return self.quantile((1 - LEVEL) / 2), self.quantile((1 + LEVEL) / 2)


@dataclass(frozen=True)
class Cells:
    """A grid as cells that leave nothing out.

    A likelihood narrower than a cell counts in the cell where its peak lies, as much as it weighs, and nowhere else: it
    is taken at the best value of each cell. One whose peak lies beyond the grid, as that of a negative result beyond
    returns above 0, stays as narrow as it is.

    Attributes:
        values: of the points, increasing, (point,). width: of the cell of each, (point,).
    """

    values: np.ndarray
    width: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Cells:
        """Around the points of a grid."""
        return cls(values, np.gradient(values))

    def width_at(self, value: np.ndarray) -> np.ndarray:
        """Width of cells near some values; near the end of the grid for those beyond it."""
        return np.asarray(np.interp(value, self.values, self.width))

    @staticmethod
    def widened(error: float, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The error that a likelihood has, 0 not among them, and by how much more than it a cell is wide.

        Args:
            error: its standard error. width: of the cell of its peak, in the same unit.
        """
        return np.maximum(error, np.maximum(1e-9 * width, 1e-300)), np.maximum(width - 2 * error, 0.0)


@dataclass(frozen=True)
class LiftLikelihood:
    """What a lift test says of a channel's return, draw by draw of everything else.

    Had the channel returned R, and all else been as in a draw, the test would have measured `others + per_return * R`.

    Attributes:
        measured: what it measured. error: its standard error, in the same unit.
        others: (draw,), of it, what other channels of the test brought.
        per_return: (draw,), lift for a return of 1: the model's own, so that a short test, one on part of the spend or
            one without its carry-over is not taken for the return of a whole window.
        noise: the distribution of its error.
    """

    measured: float
    error: float
    others: np.ndarray
    per_return: np.ndarray
    noise: ResultNoise = NORMAL

    def log_density(self, cells: Cells) -> np.ndarray:
        """Log likelihood (draw, point), constants left out; a peak too narrow for the grid as `Cells` says."""
        slope = self.per_return[:, None]
        brought = (self.measured - self.others)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            peaks = np.nan_to_num(brought / slope)
        error, box = cells.widened(self.error, np.abs(slope) * cells.width_at(peaks))
        half = np.maximum(np.abs(slope) * (cells.width / 2) - self.error, 0.0)
        missed = np.maximum(np.abs(brought - slope * cells.values) - half, 0.0)
        top = np.exp(self.noise.log_density(np.zeros(1)))
        return self.noise.log_density(missed / error) - np.log(error + top * box)

    @property
    def returns(self) -> np.ndarray:
        """Return that it measured, at each draw of everything else, (draw,)."""
        return np.asarray((self.measured - self.others) / self.per_return)

    @property
    def errors(self) -> np.ndarray:
        """Standard error of that, (draw,)."""
        return np.asarray(self.error / np.abs(self.per_return))

    @property
    def reach(self) -> tuple[float, float]:
        """Between which returns nearly all of its mass lies."""
        normal = self.noise.nu is None
        out = self.errors * (KERNELS_OUT if normal else self.noise.quantile(1 - TAIL))
        return float((self.returns - out).min()), float((self.returns + out).max())


class Likelihood(Protocol):
    """What a source other than the posterior says of a return."""

    def log_density(self, cells: Cells) -> np.ndarray:
        """Log likelihood of returns, (draw, point) or the same at every draw (point,), constants left out."""
        ...

    @property
    def reach(self) -> tuple[float, float]:
        """Between which returns nearly all of its mass lies."""
        ...


@dataclass(frozen=True)
class Kernels:
    """Draws as a mixture of Normal kernels, of their logarithm where all are positive.

    Attributes:
        centres: (draw,). width: of every kernel.
    """

    centres: np.ndarray
    width: float
    log: bool

    @classmethod
    def of(cls, draws: np.ndarray) -> Kernels:
        """Silverman's bandwidth, the centres drawn together by as much as the kernels spread."""
        log = bool((draws > 0).all())
        z = np.log(draws) if log else np.asarray(draws, dtype=float)
        sd = float(z.std())
        if sd == 0:
            return cls(z, max(1e-9, 1e-9 * abs(float(z[0]))), log)
        quartiles = float(np.subtract(*np.quantile(z, [0.75, 0.25]))) / 1.349
        width = 0.9 * min(sd, quartiles or sd) * len(z) ** -0.2
        return cls(z.mean() + np.sqrt(1 - (width / sd) ** 2) * (z - z.mean()), width, log)

    def log_density(self, z: np.ndarray, step: float) -> np.ndarray:
        """Log density of each kernel (draw, point) at a grid of z, constants left out."""
        width = max(self.width, step)
        return np.asarray(-0.5 * ((z - self.centres[:, None]) / width) ** 2 - np.log(width))

    def value(self, z: np.ndarray) -> np.ndarray:
        """Returns at a grid of z."""
        return np.exp(z) if self.log else z

    def z(self, value: float) -> float:
        """The other way; far below where a logarithm does not exist."""
        return float(np.log(value)) if self.log and value > 0 else (-np.inf if self.log else value)


def fused(prior: Kernels, likelihoods: Sequence[Likelihood] = ()) -> Density:
    """What other sources make of the draws, by quadrature; without any, the draws smoothed.

    The grid is drawn in on where the mass lies until it is as fine as it can be used; the answer has no chance in it.
    """
    low, high = _reach(prior, likelihoods)
    z = mass = np.empty(0)
    for _ in range(PASSES):
        z = np.linspace(low, high, POINTS)
        step = z[1] - z[0]
        values = prior.value(z)
        cells = Cells.of(values)
        log = prior.log_density(z, step)
        for likelihood in likelihoods:
            log = log + likelihood.log_density(cells)
        total = logsumexp(log, axis=0)
        mass = np.exp(total - total.max())
        mass /= mass.sum()
        inside = np.flatnonzero((np.cumsum(mass) > TAIL) & (np.cumsum(mass[::-1])[::-1] > TAIL))
        first, last = max(inside[0] - MARGIN, 0), min(inside[-1] + MARGIN, POINTS - 1)
        if last - first > POINTS // 2:
            break
        low, high = z[first], z[last]
        if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
            break
    return Density(prior.value(z), mass)


def _reach(prior: Kernels, likelihoods: Sequence[Likelihood]) -> tuple[float, float]:
    """Ends of the first grid: all of the prior, and what other sources say where it lies beyond."""
    low, high = (
        prior.centres.min() - KERNELS_OUT * prior.width,
        prior.centres.max() + KERNELS_OUT * prior.width,
    )
    span = high - low
    for likelihood in likelihoods:
        near, far = (prior.z(end) for end in likelihood.reach)
        # beyond ten spans the prior has no say left that a float could hold
        low, high = min(low, max(near, low - 10 * span)), max(high, min(far, high + 10 * span))
    return float(low), float(high)


def of_tests(tests: Sequence[LiftLikelihood]) -> Density | None:
    """What tests of one channel say of its return by themselves, Normal errors, averaged over the draws of all else.

    At one draw they are pooled by their precision; None without a test.
    """
    if not tests:
        return None
    precision = np.sum([test.errors**-2 for test in tests], axis=0)
    centres = np.sum([test.returns / test.errors**2 for test in tests], axis=0) / precision
    errors = precision**-0.5
    ends = norm.ppf([TAIL, 1 - TAIL])
    values = np.linspace((centres + ends[0] * errors).min(), (centres + ends[1] * errors).max(), 4 * POINTS)
    edges = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
    below = np.mean(norm.cdf((edges - centres[:, None]) / errors[:, None]), axis=0)
    return Density(values, np.diff(below))
