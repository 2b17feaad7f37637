"""A week given all the others where the noise is Student-t: what `pointwise.given_the_others` is for normal noise.

Student-t noise is normal noise of variance sigma^2 / w_i with w_i ~ Gamma(nu/2, nu/2). A posterior does not keep the
weights, but given a draw's level and coefficients they are independent with a known distribution, and one draw of them
makes the draw one of the posterior with weights again. Given the weights of all the other weeks the block is Gaussian,
level and coefficients integrated out; the week's own weight is integrated over its prior:

    p(y_i | y_-i, w_-i, theta) = E_w [ N(y_i; m_i, c_i + sigma^2 / w) ],   m_i, c_i from the weighted K^-1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.linalg import cho_factor, solve_triangular

from mmm_core.model.gaussian_block import GaussianBlock
from mmm_core.model.level import level_prior

NODES = 24
"""Equally likely values that the week's own weight takes."""


class Precision(NamedTuple):
    """sigma^2 K^-1 of one draw, in pieces: blocks A_g on the diagonal, less H_g H_h' everywhere."""

    within: np.ndarray  # A_g, (geo, week, week)
    across: np.ndarray  # H_g, (geo, week, step)

    def times(self, residual: np.ndarray) -> np.ndarray:
        """The product with residuals (..., geo, week)."""
        summed = np.einsum("gti,...gt->...i", self.across, residual, optimize=True)
        product = np.einsum("gts,...gs->...gt", self.within, residual, optimize=True)
        return np.asarray(product - np.einsum("gti,...i->...gt", self.across, summed, optimize=True))

    def diagonal(self) -> np.ndarray:
        """Its diagonal, (geo, week)."""
        return np.asarray(np.einsum("gtt->gt", self.within) - (self.across**2).sum(-1))


def precision(
    block: GaussianBlock,
    sigma: float,
    tau: float,
    tau_slope: float | None = None,
    weights: np.ndarray | None = None,
) -> Precision:
    """sigma^2 K^-1 of one draw; `weights` (geo, week) of the noise, 1 by default."""
    observed = np.asarray(block.observed)
    weeks = observed.shape[1]
    seen = observed if weights is None else observed * weights
    if weights is None:
        whitener = np.asarray(block.whitener)
        within = np.eye(weeks) * observed[:, :, None] - whitener @ whitener.transpose(0, 2, 1)
    else:
        terms = np.asarray(block.terms)
        weighted = terms * seen[..., None]
        inner = np.eye(terms.shape[-1]) + terms.transpose(0, 2, 1) @ weighted
        within = np.eye(weeks) * seen[:, :, None]
        within = within - weighted @ np.linalg.solve(inner, weighted.transpose(0, 2, 1))
    columns = level_columns(weeks, sigma, tau, tau_slope)
    spread = within @ columns
    root, _ = cho_factor(np.eye(columns.shape[1]) + np.einsum("ti,gtj->ij", columns, spread), lower=True)
    flat = spread.transpose(2, 0, 1).reshape(columns.shape[1], -1)
    across = solve_triangular(np.tril(root), flat, lower=True).reshape(columns.shape[1], *observed.shape)
    return Precision(within, across.transpose(1, 2, 0))


def level_columns(weeks: int, sigma: float, tau: float, tau_slope: float | None = None) -> np.ndarray:
    """Columns (week, step) whose product with themselves is the level's covariance, in units of the noise variance."""
    if tau_slope is None:
        return np.tril(np.ones((weeks, weeks)))[:, 1:] * (tau / sigma)
    prior = level_prior(weeks, slope=True).slope
    assert prior is not None
    scale = np.sqrt(tau**2 + tau_slope**2 * np.asarray(prior.spread)) / sigma
    return np.asarray(prior.basis) * scale


def noise_weights(
    rng: np.random.Generator, error: np.ndarray, sigma: np.ndarray, nu: np.ndarray
) -> np.ndarray:
    """A draw of the noise's weights (draw, geo, week) given the errors from level and coefficients drawn."""
    sigma, nu = sigma[:, None, None], nu[:, None, None]
    return np.asarray(rng.gamma((nu + 1) / 2, 2 / (nu + (error / sigma) ** 2)))


def given_the_others_and_weights(
    block: GaussianBlock,
    residual: np.ndarray,
    weights: np.ndarray,
    sigma: np.ndarray,
    tau: np.ndarray,
    nu: np.ndarray,
    tau_slope: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The predictive distribution of each week at its KPI, and its log density, both (draw, geo, week).

    Args:
        residual, weights: (draw, geo, week). sigma, tau, nu, tau_slope: (draw,).
    """
    below, density = np.empty_like(residual), np.empty_like(residual)
    observed = np.asarray(block.observed) > 0
    chances = (np.arange(NODES) + 0.5) / NODES
    for draw in range(len(residual)):
        slope = None if tau_slope is None else float(tau_slope[draw])
        found = precision(block, float(sigma[draw]), float(tau[draw]), slope, weights[draw])
        diagonal = np.where(observed, found.diagonal(), 1.0)
        error = found.times(residual[draw] * observed) / diagonal
        signal = np.maximum(
            1 / diagonal - 1 / weights[draw], 0.0
        )  # of level and coefficients, in noise variances
        node = stats.gamma.ppf(chances, nu[draw] / 2, scale=2 / nu[draw])
        sd = sigma[draw] * np.sqrt(signal[..., None] + 1 / node)
        below[draw] = stats.norm.cdf(error[..., None] / sd).mean(-1)
        density[draw] = np.log(np.maximum(stats.norm.pdf(error[..., None], scale=sd).mean(-1), 1e-300))
    return below, density
