"""The expected value of sample information (EVSI): what knowing a result before deciding would gain, on average.

Each posterior draw i is a world that may be the true one. In it an experiment would measure r_i + error * z, z standard
normal, and plan d would bring a payoff of p_id. Deciding now means the plan with the highest mean payoff; deciding
with the result x means the one with the highest E[p_d | x]:

    EVSI = E_x max_d E[p_d | x] - max_d E[p_d]

By pre-posterior simulation with a regression, not by refits (Strong, Oakley and Brennan, "Estimating the expected value
of sample information using the probabilistic sensitivity analysis sample", Medical Decision Making 2014). The payoffs
are regressed on what a test without error would measure, g_d(r) = E[p_d | r], by cubic splines; as x tells of a payoff
only what it tells of r, E[p_d | x] = E[g_d(r) | x], whose weights are the known normal error: no noise is simulated.

A maximum over fitted expectations is too high, for it picks what chance made high. So the plan for each result is
chosen by nine tenths of the draws and paid in the last tenth: the value of a rule that never saw the draws that pay it,
on average at most the EVSI. Where that is below nothing, the result would be ignored, and is worth nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline
from scipy.special import ndtr, ndtri

from mmm_core.posterior.mixing import FEWEST_DRAWS, effective_sample_size_of_mean

RANGES = 64
"""Equally likely ranges of the result between which a decision may differ."""
FOLDS = 10
NODES = 25
"""Equally likely errors that the ranges are found from."""
KNOTS = (0.2, 0.4, 0.6, 0.8)
DRAWS_PER_TERM = 25


@dataclass(frozen=True)
class Worth:
    """The value of a result, in units of the payoff.

    Attributes:
        evsi: expected value of the result, 0 or more.
        standard_error: of it, from the finite number of draws.
    """

    evsi: float
    standard_error: float


def evsi(result: np.ndarray, error: float, payoff: np.ndarray, chains: int = 1) -> Worth:
    """What a result would be worth to a choice between plans.

    Args:
        result: what an experiment without error would measure, (draw,), chains one after the other.
        error: its standard error; 0 for a perfect one, infinite for a useless one.
        payoff: of each plan, (draw, plan).
        chains: that the draws are of.
    """
    today = int(np.argmax(payoff.mean(axis=0)))
    gain = payoff - payoff[:, [today]]  # what is common to all plans is no noise of their difference
    likely, terms = _likely(result, error), _terms(result)
    folds = [
        slice(part[0], part[-1] + 1) for part in np.array_split(np.arange(len(result)), FOLDS) if len(part)
    ]
    # sums of squares and products, and of the terms by range, of each fold: those of the other folds are what is left
    squares = np.stack([terms[fold].T @ terms[fold] for fold in folds])
    products = np.stack([terms[fold].T @ gain[fold] for fold in folds])
    by_range = np.stack([likely[fold].T @ terms[fold] for fold in folds])
    value = np.empty(len(result))
    for fold, square, product, ranges in zip(folds, squares, products, by_range, strict=True):
        coefficient = np.linalg.pinv(squares.sum(0) - square, hermitian=True) @ (products.sum(0) - product)
        choice = ((by_range.sum(0) - ranges) @ coefficient).argmax(
            axis=1
        )  # expected in a range, but for a factor
        value[fold] = (likely[fold] * gain[fold][:, choice]).sum(axis=1)
    return Worth(max(float(value.mean()), 0.0), standard_error(value, chains))


def evpi(perfect: np.ndarray, today: np.ndarray, chains: int = 1) -> Worth:
    """What knowing everything would be worth: no result is worth more.

    Args:
        perfect: what the best plan of each draw brings there, (draw,). today: what the plan of today does.
    """
    value = perfect - today
    return Worth(max(float(value.mean()), 0.0), standard_error(value, chains))


def standard_error(values: np.ndarray, chains: int = 1) -> float:
    """Standard error of a mean over draws of chains, one after the other: by how many independent ones they are."""
    if not np.ptp(values) > 0:
        return 0.0
    effective: float = len(values)
    by_chain = values.reshape(chains, -1)
    if by_chain.shape[1] >= 2 * FEWEST_DRAWS:
        effective = float(np.nanmin([effective_sample_size_of_mean(by_chain[None])[0], effective]))
    return float(values.std(ddof=1) / np.sqrt(effective))


def _likely(result: np.ndarray, error: float) -> np.ndarray:
    """Probability of each draw's result to lie in each of the ranges, (draw, range)."""
    if not np.isfinite(error):
        return np.full((len(result), RANGES), 1 / RANGES)
    errors = error * ndtri((np.arange(NODES) + 0.5) / NODES)
    edges = np.quantile(result[:, None] + errors, np.arange(1, RANGES) / RANGES)
    apart = edges - result[:, None]
    below = ndtr(apart / error) if error > 0 else (apart > 0).astype(float)
    return np.diff(np.pad(below, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1))), axis=1)


def _terms(result: np.ndarray) -> np.ndarray:
    """Terms of the regression on a result, (draw, term): a cubic spline, or fewer where draws are few."""
    spread = np.ptp(result)
    if not spread > 1e-9 * np.abs(result).max():
        return np.ones((len(result), 1))
    scaled = (result - result.min()) / spread
    if len(result) < DRAWS_PER_TERM * (len(KNOTS) + 4):
        return np.stack([np.ones_like(scaled), scaled, scaled**2], axis=1)
    inner = np.unique(np.quantile(scaled, KNOTS))
    inner = inner[(inner > 0) & (inner < 1)]
    knots = np.concatenate([np.zeros(4), inner, np.ones(4)])
    return np.asarray(BSpline.design_matrix(np.clip(scaled, 0, 1), knots, 3).toarray())
