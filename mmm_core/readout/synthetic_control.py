"""Augmented synthetic control: what the treated geos would have done, as a weighted mean of geos that were not treated.

Notation: x_t is the mean outcome of the treated geos less its mean over the training periods, X_tj the same of donor j
(that difference is the geos' fixed effect). Weights w of at least 0 that sum to 1 minimise sum_t (x_t - X_t w)^2 over
the training periods (Abadie, Diamond and Hainmueller 2010; with an intercept, Doudchenko and Imbens 2016). The
effect of a period is x_t - X_t w.

With ridge augmentation (Ben-Michael, Feller and Rothstein 2021) the weights become
w + A'(A A' + lambda I)^-1 (a - A w), where A and a are X and x less the donors' mean of each period: they may leave the
simplex to mend what is left of the imbalance. lambda is the largest on a grid of 21, from the largest squared singular
value of A down to 1e-8 of it, whose error, of each training period predicted from the others, is within a standard
error of the smallest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import nnls

Augment = Literal["none", "ridge"]

_TIE = 1e-10
"""Weight of the sum of squared weights, relative: of several mixes that fit alike, the most even one is taken."""

_GRID, _SMALLEST = 21, 1e-8


@dataclass(frozen=True)
class SyntheticControl:
    """A fitted synthetic control.

    Attributes:
        weights: of each donor, shape (donor,); they sum to 1.
        level: fixed effect: the treated mean less the weighted donors' over the training periods.
        penalty: lambda of the ridge augmentation; None without.
    """

    weights: np.ndarray
    level: float
    penalty: float | None

    def counterfactual(self, donors: np.ndarray) -> np.ndarray:
        """What the treated would have done, shape (period,), from donors of shape (period, donor)."""
        return np.asarray(donors @ self.weights + self.level)


def fit(
    treated: np.ndarray,
    donors: np.ndarray,
    training: np.ndarray,
    augment: Augment = "none",
    penalty: float | None = None,
) -> SyntheticControl:
    """Fit a synthetic control on the training periods.

    Args:
        treated: mean outcome of the treated geos, shape (period,).
        donors: outcomes of the donors, shape (period, donor).
        training: which periods are learned from, boolean of shape (period,).
        augment: `none`, or `ridge`.
        penalty: lambda of the ridge; chosen by cross-validation where None.
    """
    outcome, others = treated[training], donors[training]
    centred, design = outcome - outcome.mean(), others - others.mean(axis=0)
    if augment == "none":
        weights, penalty = simplex_weights(design, centred), None
    else:
        common = design.mean(axis=1)
        design, centred = design - common[:, None], centred - common
        penalty = ridge_penalty(design, centred) if penalty is None else penalty
        weights = _augmented(design, centred, simplex_weights(design, centred), np.array([penalty]))[0]
    return SyntheticControl(weights, float(outcome.mean() - others.mean(axis=0) @ weights), penalty)


def simplex_weights(design: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Weights of at least 0 that sum to 1 and bring `design @ weights` closest to `target`.

    As they sum to 1, the distance is that of C w from 0, C = design - target. Non-negative least squares of
    [C; 1'] v = [0; 1] has v = w / (1 + |C w|^2) as its solution, so w is v over its sum: no penalty stands in for the
    constraint.

    Args:
        design: shape (period, donor).
        target: shape (period,).
    """
    gap = design - target[:, None]
    scale = np.linalg.norm(gap) / np.sqrt(gap.shape[1])
    donors = gap.shape[1]
    if scale == 0:
        return np.full(donors, 1 / donors)
    rows = gap / scale
    if len(rows) > donors:  # the same distances from fewer rows
        rows = np.linalg.qr(rows, mode="r")
    system = np.vstack([rows, np.sqrt(_TIE) * np.eye(donors), np.ones(donors)])
    goal = np.zeros(len(system))
    goal[-1] = 1.0
    solution, _ = nnls(system, goal, maxiter=50 * donors)
    return np.asarray(solution / solution.sum())


def ridge_penalty(design: np.ndarray, target: np.ndarray) -> float:
    """The largest penalty of the grid that predicts a left-out period as well as the best, within a standard error.

    Args:
        design: donors less their mean of each period, shape (period, donor).
        target: the treated less the same mean, shape (period,).
    """
    largest = np.linalg.svd(design, compute_uv=False)[0] ** 2
    if largest == 0:
        return 1.0
    penalties = largest * _SMALLEST ** (np.arange(_GRID) / (_GRID - 1))
    periods = np.arange(len(target))
    errors = np.empty((len(periods), _GRID))
    for left_out in periods:
        kept = periods != left_out
        weights = simplex_weights(design[kept], target[kept])
        augmented = _augmented(design[kept], target[kept], weights, penalties)
        errors[left_out] = (target[left_out] - augmented @ design[left_out]) ** 2
    mean = errors.mean(axis=0)
    best = int(mean.argmin())
    within = mean <= mean[best] + errors[:, best].std(ddof=1) / np.sqrt(len(periods))
    return float(penalties[within].max())


def _augmented(
    design: np.ndarray, target: np.ndarray, weights: np.ndarray, penalties: np.ndarray
) -> np.ndarray:
    """Weights with what ridge regression makes of the remaining gap, shape (penalty, donor)."""
    left, singular, right = np.linalg.svd(design, full_matrices=False)
    gap = left.T @ (target - design @ weights)
    return np.asarray(weights + (singular * gap / (singular**2 + penalties[:, None])) @ right)
