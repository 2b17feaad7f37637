"""Time-based regression: a second opinion that knows no weights.

Kerman, Wang and Vaver (2017): before the window the total of the treated geos is regressed on the total of the others,
y_t = a + b x_t + e_t; the effect is what the measured periods have beyond the prediction, summed. With a flat prior the
sum has a Student-t posterior with n - 2 degrees of freedom, whose variance holds that of the errors of the L
measured periods and that of a and b.
Errors of different periods are taken for independent: where they are not, the interval is too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit


@dataclass(frozen=True)
class Regression:
    """Incremental outcome by time-based regression.

    Attributes:
        incremental: total over the measured periods and treated geos.
        standard_error: scale of its Student-t posterior.
        low, high: ends of the interval.
    """

    incremental: float
    standard_error: float
    low: float
    high: float


def time_based_regression(treated: np.ndarray, control: np.ndarray, pre: int, level: float) -> Regression:
    """Read an experiment by regression on the total of the geos that were not treated.

    Args:
        treated, control: totals, shape (period,): the periods before the window, then those measured.
        pre: number of the former.
        level: of the interval.
    """
    learned, seen = control[:pre], control[pre:]
    design = np.column_stack([np.ones(pre), learned - learned.mean()])
    (intercept, slope), *_ = np.linalg.lstsq(design, treated[:pre], rcond=None)
    rest = treated[:pre] - design @ np.array([intercept, slope])
    variance = rest @ rest / (pre - 2)
    effect = float(np.sum(treated[pre:] - intercept - slope * (seen - learned.mean())))
    periods = len(seen)
    around = np.sum((learned - learned.mean()) ** 2)
    shift = np.sum(seen - learned.mean())
    known = periods**2 / pre + (shift**2 / around if around > 0 else 0.0)
    error = float(np.sqrt(variance * (periods + known)))
    reach = float(stdtrit(pre - 2, (1 + level) / 2)) * error
    return Regression(effect, error, effect - reach, effect + reach)
