"""The covariance of the shocks given the shocks themselves: what makes chains of a tracked autoregression mix.

A sampler that draws coefficients given weekly states, and states given coefficients, hardly moves what the states of
one draw tell and measurements do not: 200 weeks of a metric's path say how large its shocks are to 5 %, surveys every
month say so to 30 %. So the step is made in other terms too (ancillarity-sufficiency interweaving: Yu and Meng 2011;
of state space models: Simpson, Niemi and Roy 2017). With the standardised shocks e and the coefficients given,

    y_t = A_1 y_{t-1} + ... + m_t + L e_t,   Sigma = L L',

every week's states are linear in L, so that the likelihood of the measurements is a normal of its entries; the shocks
know nothing of L, the rest is an inverse Wishart. L is drawn by elliptical slices (Murray, Adams and MacKay 2010,
about a normal that is not the prior: Nishihara, Murray and Adams 2014), and the states move with it. Both steps leave
the posterior as it is. In turns they forget in a fraction of the steps that either takes.

With S = C C' the scale of the inverse Wishart, a its degrees, and L = C M, M lower triangular,

    log p(M) = -sum_i (a + i) log M_ii - |M^{-1}|^2 / 2 + constant,   i = 1..n,

whose mode is diagonal, M_ii^2 = 1 / (a + i), with curvature 2 (a + i)^2 of M_ii and (a + i)(a + j) of M_ij.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmm_core.long_term.conjugate import Moments
from mmm_core.long_term.loops import chains_last
from mmm_core.long_term.shock_loops import (
    elliptical_slices,
    levels_moved,
    measured,
    moved_by_shocks,
    standardised,
)
from mmm_core.long_term.states import Measured


class InverseWishart(NamedTuple):
    """What is believed of Sigma given everything but the states: IW(scale, degrees)."""

    scale: np.ndarray  # S, (chain, n, n)
    degrees: float  # a


def believed(
    deviation: np.ndarray, precision: np.ndarray | None, dummies: Moments, degrees: float
) -> InverseWishart:
    """Sigma given coefficients, without the rows of the data.

    Args:
        deviation: of the coefficients from their prior mean, (chain, K, n). precision: of those given Sigma, (chain, K)
            or (K,), in units of 1 / Sigma_ii; None where their prior does not know Sigma.
        dummies: moments of the dummy observations. degrees: of Sigma's prior IW(I, degrees).
    """
    across = deviation.swapaxes(1, 2)
    scale = np.eye(deviation.shape[2]) + dummies.square + across @ dummies.gram @ deviation
    both = across @ dummies.cross
    scale = scale - both - both.swapaxes(1, 2)
    degrees += dummies.rows
    if precision is not None:
        scale = scale + (across * precision[..., None, :]) @ deviation
        degrees += deviation.shape[1]
    return InverseWishart(scale, degrees)


def given_shocks(
    covariance: np.ndarray,
    belief: InverseWishart,
    residuals: np.ndarray,
    lags: np.ndarray,
    levels: np.ndarray,
    told: Measured,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw Sigma and the states, given the standardised shocks, the coefficients and the first weeks' states.

    Args:
        covariance: Sigma of each chain, (chain, n, n). belief: of Sigma.
        residuals: L e_t, (row, n, chain), of the last `row` weeks.
        lags: of the levels, (lag, n, n, chain). levels: all of them states, (week, n, chain).
        told: what is measured of them.

    Returns:
        Sigma (chain, n, n) and the levels.
    """
    root, scale = np.linalg.cholesky(covariance), np.linalg.cholesky(belief.scale)
    shocks = standardised(chains_last(root), residuals)
    below = np.tril_indices(levels.shape[1])
    now = np.linalg.solve(scale, root)[:, below[0], below[1]]
    moved = moved_by_shocks(chains_last(scale), shocks, lags, *below)
    precision, pull = measured(moved, levels, told.of_waves, told.asked, told.precision, told.information)
    precision, pull = np.moveaxis(precision, -1, 0), pull.T

    strength = belief.degrees + 1.0 + np.arange(levels.shape[1])
    middle, kappa = _normal_of_the_belief(strength, below)
    # log likelihood and belief's normal together: a normal of M
    both = precision + kappa * np.eye(len(kappa))
    towards = pull + (precision @ now[..., None])[..., 0] + kappa * middle
    spread, is_known = _factored(both)
    both[~is_known], towards[~is_known] = np.eye(len(kappa)), 0.0
    centre = np.linalg.solve(both, towards[..., None])[..., 0]
    spread = spread.swapaxes(1, 2)

    other = np.linalg.solve(spread, rng.standard_normal((*now.shape, 1)))[..., 0]
    new = elliptical_slices(now, other, centre, strength, middle, kappa, rng)
    matrix = np.zeros_like(root)
    matrix[:, below[0], below[1]] = new
    root = scale @ matrix
    drawn, states = root @ root.swapaxes(1, 2), levels_moved(levels, moved, new - now)
    drawn[~is_known], states[..., ~is_known] = covariance[~is_known], levels[..., ~is_known]
    return drawn, states


def _factored(precision: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower roots (chain, m, m), the identity where rounding leaves none, and of which chains there is one.

    Where coefficients make states explode, an entry of M decides more than another by more digits than numbers have.
    Such a chain does without this step: whether it does depends on nothing that the step moves, so the posterior stays.
    """
    finite = np.isfinite(precision).all((1, 2))
    try:
        if finite.all():
            return np.linalg.cholesky(precision), finite
    except np.linalg.LinAlgError:
        pass
    roots, known = np.tile(np.eye(precision.shape[1]), (len(precision), 1, 1)), finite.copy()
    for chain in np.flatnonzero(finite):
        try:
            roots[chain] = np.linalg.cholesky(precision[chain])
        except np.linalg.LinAlgError:
            known[chain] = False
    return roots, known


def _normal_of_the_belief(
    strength: np.ndarray, below: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Mode and curvature of the belief about M, one an entry of `below`."""
    rows, columns = below
    own = rows == columns
    return np.where(own, 1 / np.sqrt(strength[rows]), 0.0), strength[rows] * strength[columns] * (1.0 + own)
