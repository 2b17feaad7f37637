"""What a model says that a lift test would measure, and how far out what was measured lies.

Given a draw of the parameters a test measures its replayed lift with the error that it has in the likelihood, Normal or
Student-t. The predictive distribution of its result is the mixture of these over the draws; the error's part in it is
exact, so that the probability of a result far out does not hang on how many results were simulated:

    P(result < y) = sum_i w_i F((y - lift_i) / error),   F the distribution function of the error
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.evidence.lift_test import WeighedTest
from mmm_core.evidence.result_noise import ResultNoise
from mmm_core.posterior.handle import Posterior

DRAWS = 1000
"""Draws behind the predictions of a posterior that is not weighted, at most."""
TAIL = 0.05
"""Left out on either side of an interval: all of them hold 90 %."""


@dataclass(frozen=True)
class Prediction:
    """What a posterior says of one test, in the unit of its outcome.

    Attributes:
        lift, lift_q05, lift_q95: what it would measure without error: posterior mean and 90 % interval.
        low, high: 90 % interval of what it would measure, its error included.
        p_value: two-sided probability of a result at least as far out as the one there was.
    """

    lift: float
    lift_q05: float
    lift_q95: float
    low: float
    high: float
    p_value: float

    @property
    def inside(self) -> bool:
        """Whether what was measured lies within the 90 % interval."""
        return self.p_value >= 2 * TAIL


def predictions(
    source: xr.DataTree | Posterior, tests: Sequence[WeighedTest], most: int = DRAWS
) -> dict[str, Prediction]:
    """What a posterior says of tests, by their names, whether it has seen them or not.

    Args:
        most: draws used, at most.

    Raises:
        InputError: a test that does not fit the posterior's model.
    """
    posterior = Posterior.of(source)
    lifts = replayed_tests(posterior, tests, posterior.thinned(most))
    noise = ResultNoise.of(posterior.spec.calibration)
    return {
        weighed.test.test_id: predict(lifts.sel(test=weighed.test.test_id).to_numpy(), weighed, noise)
        for weighed in tests
    }


def result_chances(
    source: xr.DataTree | Posterior, tests: Sequence[WeighedTest], most: int = DRAWS
) -> np.ndarray:
    """Two-sided probability, given each draw, of results at least as far out as those there were, (draw, test).

    Raises:
        InputError: a test that does not fit the posterior's model.
    """
    posterior = Posterior.of(source)
    lifts = replayed_tests(posterior, tests, posterior.thinned(most)).to_numpy()
    measured, error = np.array([(each.test.incremental, each.standard_error) for each in tests]).T
    missed = np.abs(measured - lifts) / error
    return np.minimum(1.0, 2 * ResultNoise.of(posterior.spec.calibration).below(-missed))


def predict(
    lifts: np.ndarray, weighed: WeighedTest, noise: ResultNoise, weights: np.ndarray | None = None
) -> Prediction:
    """The prediction from draws of the replayed lift.

    Args:
        lifts: (draw,). weights: of the draws, summing to 1; equal by default.
    """
    weights = np.full(len(lifts), 1 / len(lifts)) if weights is None else weights
    scale, measured = weighed.standard_error, weighed.test.incremental

    def below(value: float) -> float:
        return float(weights @ noise.below((value - lifts) / scale))

    def quantile(probability: float) -> float:
        ends = np.array([lifts.min(), lifts.max()]) + scale * noise.quantile(probability)
        ends += np.array([-1e-9, 1e-9]) * scale  # draws may all be the same
        return float(brentq(lambda value: below(value) - probability, *ends, xtol=1e-9 * scale))

    # of either side by itself: one less a number next to 1 would be rounding
    beyond = float(weights @ noise.below((lifts - measured) / scale))
    low, high = weighted_quantiles(lifts, weights, (TAIL, 1 - TAIL))
    return Prediction(
        float(weights @ lifts),
        float(low),
        float(high),
        quantile(TAIL),
        quantile(1 - TAIL),
        min(1.0, 2 * min(below(measured), beyond)),
    )


def weighted_quantiles(values: np.ndarray, weights: np.ndarray, probabilities: Sequence[float]) -> np.ndarray:
    """Quantiles of weighted draws (draw,), interpolated between them; of equal weights those of `numpy.quantile`."""
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    place = np.cumsum(weights) - 0.5 * weights
    if len(values) > 1:
        place = (place - place[0]) / (place[-1] - place[0])
    return np.interp(probabilities, place, values)
