"""Conformal inference on a synthetic control: p-value and interval of the mean effect over the measured periods.

Chernozhukov, Wuethrich and Zhu (2021): under the hypothesis that the effect was tau in each of the L measured periods,
take tau off the treated outcome there and fit the synthetic control to all T periods, the measured ones included.
Were the hypothesis true, the residuals of the measured periods would be like those of any other L in a row. The
p-value is the share of the T blocks of L in a row, the last joined to the first, whose mean residual is as far from 0
as that of the measured periods. Blocks, not single periods, are shuffled: residuals of neighbouring days are alike, and
shuffled one by one they would count as independent.

The interval holds every tau that is not rejected.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mmm_core.readout.synthetic_control import Augment, fit

_ALIKE = 1e-9
"""Relative difference below which two blocks are as far from 0 as each other."""

_LOOK = 6
"""Widths on either side of the estimate in which an effect is looked for that is not rejected."""

_STEPS = 12
"""Steps of a search on either side, doubling, before an end is said to be open."""


def p_value(
    treated: np.ndarray,
    donors: np.ndarray,
    measured: int,
    effect: float = 0.0,
    augment: Augment = "none",
    penalty: float | None = None,
) -> float:
    """P-value of the hypothesis that the effect was `effect` in each of the last `measured` periods.

    Args:
        treated: mean outcome of the treated geos, shape (period,), the measured periods last.
        donors: shape (period, donor).
        measured: number of periods L.
        effect: in units of the outcome, per geo and period.
        augment, penalty: as of `synthetic_control.fit`.

    Returns:
        A multiple of 1 / T, at least 1 / T.
    """
    adjusted = treated.copy()
    adjusted[-measured:] -= effect
    fitted = fit(adjusted, donors, np.ones(len(treated), dtype=bool), augment, penalty)
    means = np.abs(block_means(adjusted - fitted.counterfactual(donors), measured))
    return float(np.mean(means >= means[-measured] * (1 - _ALIKE)))


def interval(
    treated: np.ndarray,
    donors: np.ndarray,
    measured: int,
    estimate: float,
    width: float,
    level: float,
    augment: Augment = "none",
    penalty: float | None = None,
) -> tuple[float, float]:
    """Effects per geo and period that are not rejected, lowest and highest.

    Args:
        estimate: where to look first; the nearest effect that is not rejected, in steps of half a width, is where the
            interval is grown from. It need not hold the estimate: here the weights learn from the measured periods too.
        width: a standard error of the estimate.
        level: of the interval, such as 0.9.

    Returns:
        Both ends, to a hundredth of `width`; minus or plus infinity where no effect on that side is rejected, nan where
        every effect that was looked at is.
    """

    def kept(effect: float) -> bool:
        return p_value(treated, donors, measured, effect, augment, penalty) > 1 - level + 1e-12

    width = width if width > 0 else max(abs(estimate), 1.0) * 1e-6
    steps = sorted(np.arange(-_LOOK, _LOOK + 0.5, 0.5), key=abs)
    centre = next((point for step in steps if kept(point := estimate + width * step)), None)
    if centre is None:
        return float("nan"), float("nan")
    return _end(kept, centre, -width), _end(kept, centre, width)


def _end(kept: Callable[[float], bool], centre: float, step: float) -> float:
    """The last effect kept on one side: a walk of half steps, growing, then halving what lies between."""
    inside, size = centre, step / 2
    for _ in range(_STEPS):
        outside = inside + size
        if not kept(outside):
            break
        inside, size = outside, size * 1.5
    else:
        return float(np.copysign(np.inf, step))
    while abs(outside - inside) > 0.01 * abs(step):
        middle = (inside + outside) / 2
        if kept(middle):
            inside = middle
        else:
            outside = middle
    return outside


def block_means(values: np.ndarray, length: int) -> np.ndarray:
    """Mean of every `length` values in a row, the last joined to the first; shape of `values`."""
    around = np.concatenate([values, values[: length - 1]])
    sums = np.cumsum(np.concatenate([[0.0], around]))
    return np.asarray((sums[length:] - sums[:-length]) / length)
