"""The inverse mass matrix, and how it is learned: from draws, or from draws and gradients together.

NumPy only; nothing here knows the sampler.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Variance that draws and gradients are given on top in the whitened space: it counts where nothing has moved.
UNMOVED = 1e-6

# Of correlations learned from gradients, times the square of entries a draw.
SHRINKAGE = 0.05

# The least variance of an entry as a share of the largest, where both draws and gradients are scaled to have the same.
LEAST = 1e-5


@dataclass(frozen=True)
class Metric:
    """The inverse mass matrix: a dense block, and a diagonal for the entries after it."""

    covariance: np.ndarray  # (dense, dense)
    variance: np.ndarray  # (others,)

    @classmethod
    def unit(cls, dense: int, size: int, variance: float) -> Metric:
        """The same variance for every entry."""
        return cls(variance * np.eye(dense), np.full(size - dense, variance))

    @classmethod
    def of(cls, draws: np.ndarray, dense: int) -> Metric:
        """From draws (chain, draw, entry), shrunk towards a diagonal as far as there are few of them."""
        flat = draws.reshape(-1, draws.shape[-1])
        variance = np.maximum(flat.var(axis=0), 1e-10)
        centred = flat[:, :dense] - flat[:, :dense].mean(axis=0)
        weight = len(flat) / (len(flat) + 2 * dense)
        covariance = weight * (centred.T @ centred) / len(flat)
        covariance[np.diag_indices(dense)] = variance[:dense]
        return cls(covariance, variance[dense:])

    @property
    def dense(self) -> int:
        """Rows of the dense block."""
        return len(self.covariance)

    def of_slopes(self, draws: np.ndarray, gradients: np.ndarray) -> Metric:
        """From draws and the gradients of the potential there, both (chain, draw, entry), wherever the draws are from.

        The inverse mass matrix M under which the whitened draws vary as their whitened gradients do: M B M = A with A
        the covariance of the draws and B that of the gradients. Of a normal the gradients are the inverse covariance
        times the draws, so M is its covariance whatever the draws' spread is (Seyboldt, Carlson and Carpenter 2026,
        "Preconditioning Hamiltonian Monte Carlo by minimizing Fisher divergence"). Of the diagonal entries M is the
        ratio of standard deviations. All in the space that the present matrix whitens: correlations there are shrunk
        where there are few draws for the size of the block, and what has not moved keeps its variance.
        """
        flat, slopes = (part.reshape(-1, draws.shape[-1]).astype(float) for part in (draws, gradients))
        finite = np.isfinite(slopes).all(axis=1)
        flat, slopes = flat[finite], slopes[finite]
        if len(flat) < 2:
            return self
        block, (root, sd) = slice(self.dense), self.roots()
        flat = np.hstack([np.linalg.solve(root, flat[:, block].T).T, flat[:, self.dense :] / sd])
        slopes = np.hstack([slopes[:, block] @ root, slopes[:, self.dense :] * sd])
        with np.errstate(over="ignore"):
            spread, steepness = flat.var(axis=0) + UNMOVED, slopes.var(axis=0) + UNMOVED
        scale, product = np.sqrt(spread / steepness), np.sqrt(spread * steepness)
        if not (np.isfinite(scale) & (scale > 0)).all():  # gradients whose squares are beyond any number
            return self
        product = np.maximum(product, LEAST * product[block].max(initial=0.0))  # else it is lost in rounding
        weight = 1 / (1 + SHRINKAGE * (self.dense / len(flat)) ** 2)
        draws_vary = _shrunk(flat[:, block] / np.sqrt(scale[block]), product[block], weight)
        slopes_vary = _shrunk(slopes[:, block] * np.sqrt(scale[block]), product[block], weight)
        back = root * np.sqrt(scale[block])
        return Metric(back @ _between(draws_vary, slopes_vary) @ back.T, sd**2 * scale[self.dense :])

    def roots(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower Cholesky factor of the dense block, and standard deviations of the others."""
        return np.linalg.cholesky(self.covariance), np.sqrt(self.variance)


def _shrunk(rows: np.ndarray, variance: np.ndarray, weight: float) -> np.ndarray:
    """Covariance of rows (row, entry) whose variances are given, its correlations multiplied by the weight."""
    covariance = weight * np.cov(rows.T, bias=True).reshape(len(variance), len(variance))
    covariance[np.diag_indices(len(variance))] = variance
    return covariance


def _between(covariance: np.ndarray, steepness: np.ndarray) -> np.ndarray:
    """The symmetric M with M steepness M = covariance, both positive definite."""
    lower = np.linalg.cholesky(steepness)
    values, vectors = np.linalg.eigh(lower.T @ covariance @ lower)
    middle = (vectors * np.sqrt(np.maximum(values, np.finfo(float).tiny))) @ vectors.T
    inverse = np.linalg.inv(lower)
    between = inverse.T @ middle @ inverse
    return np.asarray((between + between.T) / 2)
