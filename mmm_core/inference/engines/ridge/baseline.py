"""The baseline of a ridge regression: terms of each geo, and a level whose weekly steps are penalised.

In units of the noise sd a series x (geo, week) is split into

    x_g = O_g (l + Z_g c_g) + e_g,    penalty |e|^2 + sum_g |c_g / s|^2 + |steps of l|^2 / ratio^2

O_g drops unobserved weeks, s holds penalties so weak that they only keep the regression proper. A level with penalised
steps is the random walk of the Bayesian model with its ratio of step to noise fixed: it follows the data as far as the
ratio lets it, and stays where it is in weeks that are not observed, which is what a forecast from it should do. All of
it is linear in x, so media columns and the KPI pass through the same operators. Notation as
`mmm_core.model.gaussian_block`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg


@dataclass(frozen=True)
class BaselineSmoother:
    """The operators for one design, one set of observed weeks and one ratio.

    G geos, T weeks, K terms; columns are (n, G, T).

    Attributes:
        observed: (G, T).
        terms: O_g Z_g s, (G, T, K).
        prior_sd: s, (K,).
        inverse: (G, K, K) of I + Z'Z.
        smoother: (T, T), from what a column says of the level to the level.
        log_determinant: of the level's part of the variance of x.
    """

    observed: np.ndarray
    terms: np.ndarray
    prior_sd: np.ndarray
    inverse: np.ndarray
    smoother: np.ndarray
    log_determinant: float

    @classmethod
    def of(
        cls, design: np.ndarray, observed: np.ndarray, prior_sd: np.ndarray, ratio: float
    ) -> BaselineSmoother:
        """Work the operators out; `ratio` is that of a weekly step of the level to the noise, 0 for none."""
        mask = observed.astype(float)
        terms = design * prior_sd * mask[..., None]
        inverse = np.linalg.inv(np.eye(design.shape[-1]) + np.einsum("gtk,gtj->gkj", terms, terms))
        weeks = design.shape[1]
        if ratio == 0:
            return cls(mask, terms, prior_sd, inverse, np.zeros((weeks, weeks)), 0.0)
        precision = np.diag(mask.sum(0)) - np.einsum(
            "gtk,gkj,guj->tu", terms, inverse, terms, optimize=["einsum_path", (0, 1), (0, 1)]
        )
        basis = np.tril(np.ones((weeks, weeks)))[:, 1:]  # the level is 0 in the first week
        inner = np.eye(weeks - 1) + ratio**2 * (basis.T @ precision @ basis)
        root = linalg.cholesky(inner, lower=True)
        half = linalg.solve_triangular(root, ratio * basis.T, lower=True)
        return cls(mask, terms, prior_sd, inverse, half.T @ half, 2 * float(np.log(np.diag(root)).sum()))

    def without_terms(self, columns: np.ndarray) -> np.ndarray:
        """What the terms do not explain of columns, A_g x_g, (n, G, T)."""
        seen = columns * self.observed
        inner = np.einsum("gtk,ngt->ngk", self.terms, seen, optimize=True)
        explained = np.einsum("gkj,ngj->ngk", self.inverse, inner)
        return np.asarray(seen - np.einsum("gtk,ngk->ngt", self.terms, explained, optimize=True))

    def products(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Inner products (n, m) of columns after the baseline is taken out of them: x' V^-1 y."""
        cleaned = self.without_terms(right)
        levels = self.without_terms(left).sum(1) @ self.smoother
        flat = (left * self.observed).reshape(len(left), -1)
        return np.asarray(flat @ cleaned.reshape(len(right), -1).T - levels @ cleaned.sum(1).T)

    def fit(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Level (n, T), 0 in the first week, and coefficients of the terms (n, G, K) of columns."""
        level = self.without_terms(columns).sum(1) @ self.smoother
        rest = columns * self.observed - level[:, None, :] * self.observed
        inner = np.einsum("gtk,ngt->ngk", self.terms, rest, optimize=True)
        return level, np.einsum("gkj,ngj->ngk", self.inverse, inner) * self.prior_sd
