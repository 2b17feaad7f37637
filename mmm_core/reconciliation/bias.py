"""How far claims are off: a bias common to all channels, learned where something else is known of them.

With a_c the log of what reports claim for a unit of spend on channel c, R_c its return:

    a_c ~ Normal(log R_c + b_c, e_c^2),   b_c ~ Normal(mu, spread^2),   mu ~ Normal(mean, sd^2)

e_c is the counting error, 1 / sqrt(conversions). What model and tests know of R_c is a density q_c, and the channels
from which mu may be learned say of it

    l_c(mu) = integral of q_c(R) Normal(a_c; log R + mu, spread^2 + e_c^2) dR

For channel c itself, mu is learned from the others alone: the product of their l, which is exact where the q are
independent, by quadrature.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, ndtr

from mmm_core.reconciliation.density import KERNELS_OUT, Cells, Density
from mmm_core.spec.reconciliation_spec import AttributionBias

POINTS = 241
OUT = 6.0  # standard deviations that the grid of mu reaches out


@dataclass(frozen=True)
class Claimed:
    """What reports claim of one channel.

    Attributes:
        roi: for a unit of spend, above 0; of several reports the mean of their logarithms, as they claim the same
            purchases and further ones say nothing new.
        error: standard error of its logarithm that counting purchases leaves.
    """

    roi: float
    error: float


@dataclass(frozen=True)
class ClaimLikelihood:
    """What a claim says of a return, were the bias common to all channels each of some points.

    Attributes:
        peaks: logarithm of the return that it stands for, (mu,). mass: of each point, adding up to 1, (mu,).
        error: standard error of that logarithm.
    """

    peaks: np.ndarray
    mass: np.ndarray
    error: float

    def log_density(self, cells: Cells) -> np.ndarray:
        """Log likelihood (point,), none of returns of 0 and below; a peak too narrow for the grid as `Cells` says."""
        positive = cells.values > 0
        if not positive.any():
            return np.full(len(cells.values), -np.inf)
        inside = np.where(positive, cells.values, 1.0)
        peaks = self.peaks[:, None]
        at = np.clip(np.exp(peaks), inside[positive].min(), inside[positive].max())
        error, box = cells.widened(self.error, np.minimum(cells.width_at(at) / at, 1.0))
        half = np.maximum(np.log1p(cells.width / (2 * inside)) - self.error, 0.0)
        missed = np.maximum(np.abs(peaks - np.log(inside)) - half, 0.0) / error
        height = -np.log(error + box / np.sqrt(2 * np.pi))
        log = logsumexp(-0.5 * missed**2 + height, axis=0, b=self.mass[:, None])
        return np.asarray(np.where(positive, log, -np.inf))

    @property
    def reach(self) -> tuple[float, float]:
        """Between which returns nearly all of its mass lies."""
        out = KERNELS_OUT * self.error
        return float(np.exp(self.peaks.min() - out)), float(np.exp(self.peaks.max() + out))


@dataclass(frozen=True)
class Bias:
    """What is known of the log of claimed by caused revenue, before a channel's own claim is looked at.

    Attributes:
        common: points of mu. mass: of each, adding up to 1.
        spread: sd of a channel's own bias around it.
        learned_from: channels that it was learned from.
    """

    common: np.ndarray
    mass: np.ndarray
    spread: float
    learned_from: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Expected log bias of a channel."""
        return float(self.common @ self.mass)

    @property
    def sd(self) -> float:
        """Standard deviation of a channel's log bias: of the common one, and its own."""
        return float(np.sqrt(self.mass @ (self.common - self.mean) ** 2 + self.spread**2))

    def likelihood(self, claimed: Claimed) -> ClaimLikelihood:
        """What a claim says of the channel's return."""
        peaks = np.log(claimed.roi) - self.common
        return ClaimLikelihood(peaks, self.mass, float(np.hypot(self.spread, claimed.error)))

    def below(self, claimed: Claimed, returns: np.ndarray) -> np.ndarray:
        """Chance that a claim would be below this one, had the channel returned each of some returns."""
        positive = returns > 0
        inside = np.where(positive, returns, 1.0)
        error = max(float(np.hypot(self.spread, claimed.error)), 1e-12)
        missed = (np.log(claimed.roi) - np.log(inside)[..., None] - self.common) / error
        return np.asarray(np.where(positive, ndtr(missed) @ self.mass, 1.0))

    def corrected(self, claimed: Claimed) -> float:
        """The return that a claim stands for, its bias taken away: the median."""
        return float(claimed.roi * np.exp(-self.mean))

    def error(self, claimed: Claimed, roi: float) -> float:
        """Standard deviation of that where the return is `roi`: a share of it, so that no low claim looks sure."""
        return float(abs(roi) * np.sqrt(np.expm1(self.sd**2 + claimed.error**2)))

    def interval(self, claimed: Claimed, z: float) -> tuple[float, float]:
        """Ends of its central interval of so many standard deviations."""
        out = z * np.sqrt(self.sd**2 + claimed.error**2)
        centre = np.log(claimed.roi) - self.mean
        return float(np.exp(centre - out)), float(np.exp(centre + out))


def learned(
    prior: AttributionBias,
    claims: Mapping[str, Claimed],
    known: Mapping[str, Density],
    learn_from: Collection[str],
) -> dict[str, Bias]:
    """For each channel with claims, what the other channels say of the bias.

    Args:
        claims, known: by channel: what is claimed, and what model and tests know of the return.
        learn_from: channels whose claims may be learned from.
    """
    common = prior.mean + prior.sd * np.linspace(-OUT, OUT, POINTS) if prior.sd else np.array([prior.mean])
    start = -0.5 * ((common - prior.mean) / prior.sd) ** 2 if prior.sd else np.zeros(1)
    told = {
        channel: _told(common, claims[channel], known[channel], prior.spread)
        for channel in sorted(claims)
        if channel in learn_from
    }
    out = {}
    for channel in claims:
        others = tuple(name for name in told if name != channel)
        log = start + sum((told[name] for name in others), np.zeros(len(common)))
        mass = np.exp(log - log.max())
        out[channel] = Bias(common, mass / mass.sum(), prior.spread, others)
    return out


def _told(common: np.ndarray, claimed: Claimed, known: Density, spread: float) -> np.ndarray:
    """Log likelihood of each mu, given a channel's claim and what else is known of its return, constants left out.

    A narrow error is widened to the step of mu, so that the sum over the grid stays an integral.
    """
    positive = (known.values > 0) & (known.mass > 0)
    step = common[1] - common[0] if len(common) > 1 else 0.0
    error = max(float(np.hypot(spread, claimed.error)), step, 1e-12)
    missed = (np.log(claimed.roi) - np.log(known.values[positive]) - common[:, None]) / error
    if not positive.any():
        return np.zeros(len(common))
    return np.asarray(logsumexp(-0.5 * missed**2, axis=1, b=known.mass[positive]))
