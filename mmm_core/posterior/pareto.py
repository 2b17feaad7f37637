"""Pareto-smoothed importance weights (Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto smoothed importance
sampling").

The largest weights are replaced by quantiles of a generalised Pareto distribution fitted to them; its shape, k-hat,
says whether a mean under the weights can be trusted. The figures are those of ArviZ's `psislw`, which is not used here
because importing ArviZ, Numba with it, takes longer than all the weights of a review.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

FEWEST_IN_TAIL = 5
"""Weights in the tail below which no distribution is fitted: k-hat is infinite then."""
_PRIOR_SCALE = 3  # of Zhang and Stephens' fit
_PRIOR_SHAPE, _PRIOR_WEIGHTS = 0.5, 10  # k-hat is pulled to that shape as by so many more weights


def pareto_smoothed(
    log_weights: np.ndarray, relative_efficiency: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed, normalised log weights (..., draw) and k-hat (...) of log weights (..., draw).

    Args:
        relative_efficiency: effective draws to draws.
    """
    rows = np.reshape(np.asarray(log_weights, dtype=float), (-1, np.shape(log_weights)[-1]))
    smoothed, khats = zip(*(_smoothed(row, relative_efficiency) for row in rows), strict=True)
    return np.reshape(smoothed, np.shape(log_weights)), np.reshape(khats, np.shape(log_weights)[:-1])


def good_khat(draws: int) -> float:
    """The k-hat up to which a mean under the weights of so many draws can be trusted (section 3.2.4)."""
    return float(min(1 - 1 / np.log10(draws), 0.7))


def _smoothed(log_weights: np.ndarray, relative_efficiency: float) -> tuple[np.ndarray, float]:
    count = len(log_weights)
    out = log_weights - log_weights.max()
    most = int(np.ceil(min(count / 5, 3 * np.sqrt(count / relative_efficiency))))
    order = np.argsort(out)
    cutoff = max(out[order[-most - 1]], np.log(np.finfo(float).tiny))
    tail = order[-most:][out[order[-most:]] > cutoff]  # ascending
    khat = np.inf
    if len(tail) >= FEWEST_IN_TAIL:
        khat, scale = generalised_pareto(np.exp(out[tail]) - np.exp(cutoff))
        if np.isfinite(khat):
            beyond = np.log1p(-np.arange(0.5, len(tail)) / len(tail))
            quantiles = -beyond if abs(khat) < np.finfo(float).eps else np.expm1(-khat * beyond) / khat
            # none above the largest weight there was
            out[tail] = np.minimum(np.log(scale * quantiles + np.exp(cutoff)), 0.0)
    return out - logsumexp(out), float(khat)


def generalised_pareto(values: np.ndarray) -> tuple[float, float]:
    """Shape and scale of the generalised Pareto distribution of positive values in ascending order.

    Zhang and Stephens (2009): the posterior mean on a grid, the shape pulled weakly to 0.5.
    """
    count = len(values)
    points = 30 + int(count**0.5)
    grid = (1 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))) / (
        _PRIOR_SCALE * values[int(count / 4 + 0.5) - 1]
    ) + 1 / values[-1]
    shape = np.log1p(-grid[:, None] * values).mean(axis=1)
    fit = count * (np.log(-grid / shape) - shape - 1)
    weight = np.exp(fit - logsumexp(fit))
    weight = np.where(weight < 10 * np.finfo(float).eps, 0.0, weight)
    rate = (grid * weight).sum() / weight.sum()
    found = np.log1p(-rate * values).mean()
    scale = -found / rate
    return (count * found + _PRIOR_WEIGHTS * _PRIOR_SHAPE) / (count + _PRIOR_WEIGHTS), scale
