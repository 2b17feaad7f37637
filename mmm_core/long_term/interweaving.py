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

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dtbtrs

from mmm_core.long_term.conjugate import Moments
from mmm_core.long_term.states import Waves, Weekly


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
    waves: Waves,
    weekly: Weekly | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw Sigma and the states, given the standardised shocks, the coefficients and the first weeks' states.

    Args:
        covariance: Sigma of each chain, (chain, n, n). belief: of Sigma.
        residuals: L e_t, (chain, row, n), of the last `row` weeks.
        lags: of the levels, (chain, lag, n, n). levels: all of them states, (chain, week, n).
        waves, weekly: what is measured of them.

    Returns:
        Sigma (chain, n, n) and the levels.
    """
    root, scale = np.linalg.cholesky(covariance), np.linalg.cholesky(belief.scale)
    shocks = np.linalg.solve(root, residuals.swapaxes(1, 2))
    below = np.tril_indices(levels.shape[2])
    now = np.linalg.solve(scale, root)[:, below[0], below[1]]
    moved = _responses(scale, shocks, lags, below)
    precision, pull = _measured(moved, levels, waves, weekly)

    strength = belief.degrees + 1.0 + np.arange(levels.shape[2])
    middle, kappa = _normal_of_the_belief(strength, below)
    # log likelihood and belief's normal together: a normal of M
    both = precision + kappa * np.eye(len(kappa))
    towards = pull + (precision @ now[..., None])[..., 0] + kappa * middle
    centre = np.linalg.solve(both, towards[..., None])[..., 0]
    spread = np.linalg.cholesky(both).swapaxes(1, 2)

    def left(entries: np.ndarray) -> np.ndarray:
        """What of the belief's log density its normal has not, (chain,)."""
        density = _log_density(entries, strength, below)
        return density + 0.5 * (kappa * (entries - middle) ** 2).sum(1)

    other = np.linalg.solve(spread, rng.standard_normal((*now.shape, 1)))[..., 0]
    new = centre + _sliced(now - centre, other, lambda away: left(centre + away), rng)
    matrix = np.zeros_like(root)
    matrix[:, below[0], below[1]] = new
    levels = levels.copy()
    change = np.einsum("kcti,ck->cti", moved, new - now)
    levels[:, levels.shape[1] - change.shape[1] :] += change
    root = scale @ matrix
    return root @ root.swapaxes(1, 2), levels


def _normal_of_the_belief(
    strength: np.ndarray, below: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Mode and curvature of the belief about M, one an entry of `below`."""
    rows, columns = below
    own = rows == columns
    return np.where(own, 1 / np.sqrt(strength[rows]), 0.0), strength[rows] * strength[columns] * (1.0 + own)


def _log_density(
    entries: np.ndarray, strength: np.ndarray, below: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """log p(M) of the belief, (chain,), less its constant; -inf where the diagonal is not above 0."""
    count = len(strength)
    of = dict(zip(zip(*below, strict=True), np.ascontiguousarray(entries.T), strict=True))
    diagonal = np.array([of[i, i] for i in range(count)])
    inside = (diagonal > 0).all(0)
    diagonal[:, ~inside] = 1.0
    inverse = 1 / diagonal
    size = (inverse**2).sum(0)  # |M^{-1}|^2, column by column
    for j in range(count):
        column = {j: inverse[j]}
        for i in range(j + 1, count):
            before = of[i, j] * column[j]
            for k in range(j + 1, i):
                before += of[i, k] * column[k]
            column[i] = -before * inverse[i]
            size += column[i] ** 2
    return np.where(inside, -strength @ np.log(diagonal) - 0.5 * size, -np.inf)


def _responses(
    scale: np.ndarray, shocks: np.ndarray, lags: np.ndarray, below: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """What the states gain with each entry of M, (entry, chain, row, n).

    A recursion over the weeks is a triangular system with a narrow band, which LAPACK solves for all chains at once.
    """
    chains, order, variables = lags.shape[:3]
    rows, size = shocks.shape[2], (order + 1) * variables
    column = np.zeros((chains, variables, size))  # of a week's variables, itself first
    column[..., 0] = 1.0
    week_of = np.zeros((variables, size), dtype=int)  # how many weeks later a place of the band is
    for lag in range(order):
        for i in range(variables):
            for j in range(variables):
                away = (lag + 1) * variables + i - j
                column[:, j, away], week_of[j, away] = -lags[:, lag, i, j], lag + 1
    band = np.repeat(column[:, None], rows, axis=1)
    for week in range(max(rows - order, 0), rows):  # nothing comes after a chain's last week
        band[:, week] *= week_of < rows - week
    # shock j enters by column i of C
    enters = scale.transpose(2, 0, 1)[below[0], :, None] * shocks.swapaxes(0, 1)[below[1], ..., None]
    moved, _ = dtbtrs(band.reshape(-1, size).T, enters.reshape(len(enters), -1).T, uplo="L", diag="U")
    return np.asarray(moved).T.reshape(enters.shape)


def _measured(
    moved: np.ndarray, levels: np.ndarray, waves: Waves, weekly: Weekly | None
) -> tuple[np.ndarray, np.ndarray]:
    """Precision (chain, entry, entry) of M's entries by the measurements, and the slope of their log likelihood."""
    entries, chains, rows, variables = moved.shape
    weeks = levels.shape[1]
    first = weeks - rows
    band = waves.precision.reshape(-1, weeks, variables)[::variables]  # (away, week, i)
    precision = np.zeros((chains, entries, entries))
    pull = np.zeros((chains, entries))
    for i in range(variables):
        ours = np.ascontiguousarray(moved[..., i].swapaxes(0, 1))  # (chain, entry, row)
        about = levels[..., i]
        own = np.broadcast_to(band[0, :, i], about.shape)
        information = np.broadcast_to(waves.information[:, i], about.shape)
        if weekly is not None:
            own = own + weekly.precision[..., i]
            information = information + weekly.information[..., i]
        information = information - own * about
        seen = own[:, None, first:] * ours
        for away in range(1, len(band)):
            here = band[away, : weeks - away, i]
            if not here.any():
                continue
            information[:, : weeks - away] -= here * about[:, away:]
            information[:, away:] -= here * about[:, : weeks - away]
            here = here[first:]
            seen[..., : rows - away] += here * ours[..., away:]
            seen[..., away:] += here * ours[..., : rows - away]
        precision += ours @ seen.swapaxes(1, 2)
        pull += (ours @ information[:, first:, None])[..., 0]
    return precision, pull


def _sliced(
    away: np.ndarray,
    other: np.ndarray,
    density: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """One elliptical slice of each chain, about 0.

    Args:
        away: where it is, (chain, entry). other: a draw of the normal. density: log of what the normal has not.
    """
    height = density(away) + np.log(1 - rng.random(len(away)))
    angle = rng.random(len(away)) * 2 * np.pi
    low, high = angle - 2 * np.pi, angle.copy()
    new, still = away.copy(), np.ones(len(away), dtype=bool)
    while still.any():
        tried = away * np.cos(angle)[:, None] + other * np.sin(angle)[:, None]
        taken = still & (density(tried) > height)
        new[taken] = tried[taken]
        still &= ~taken
        low, high = np.where(angle < 0, angle, low), np.where(angle < 0, high, angle)
        angle = low + (high - low) * rng.random(len(away))
    return new
