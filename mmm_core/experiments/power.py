"""What a test of a given standard error would find: its power, and the smallest effect it could be sure of.

An estimate x ~ N(effect, error^2) is called an effect where |x| > z error, z the 1 - size / 2 quantile of a standard
normal:

    power(effect) = Phi(effect / error - z) + Phi(-effect / error - z)

The minimum detectable effect is the one at which this is the power that was asked for.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri


def power(effect: np.ndarray | float, error: float, size: float) -> np.ndarray:
    """Probability of finding an effect of either sign, same shape as `effect`; `size` where there is none."""
    ratio, z = np.asarray(effect, dtype=float) / error, ndtri(1 - size / 2)
    return np.asarray(ndtr(ratio - z) + ndtr(-ratio - z))


def detectable(error: float, size: float, wanted: float) -> float:
    """The smallest effect, above 0, that is found with probability `wanted`."""
    beyond = ndtri(1 - size / 2) + ndtri(wanted)  # but for the chance of finding it with the wrong sign
    return float(error * brentq(lambda ratio: float(power(ratio, 1.0, size)) - wanted, 0.0, beyond + 1.0))
