"""The Gaussian part of the model, integrated out exactly.

With the media parameters given, what is left of the KPI of geo g in scaled units is

    r_g = O_g (B w + Z_g c_g) + e_g,   w ~ N(0, tau^2 I),   c_g ~ N(0, sigma^2 diag(s^2)),   e ~ N(0, sigma^2 I)

B is the cumulative sum (a random-walk level shared by the geos, 0 in the first week), Z_g the intercept, controls,
seasonality and events, O_g drops unobserved weeks. Because c_g is scaled by the noise, I + Z_g diag(s^2) Z_g' has a
fixed inverse A_g = I - C_g C_g', and with S = sum_g B' A_g B = V diag(L) V', h = V' B' sum_g A_g r_g and
v_i = 1 + tau^2 L_i / sigma^2,

    log p(r | sigma, tau) = -1/2 sum_g r_g' A_g r_g / sigma^2 + 1/2 (tau^2 / sigma^4) sum_i h_i^2 / v_i
                            - n log sigma - 1/2 sum_i log v_i - 1/2 sum_g log|I + Z_g' Z_g| - n/2 log(2 pi).

Everything but h and the quadratic form is computed once, outside the sampler: a gradient costs two small matrix-vector
products and no factorisation. A national model is the case of one geo.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class GaussianBlock(NamedTuple):
    """What the integral needs, precomputed from design and observation mask.

    G geos, T weeks, K terms.
    """

    observed: jax.Array  # (G, T) 1 where the KPI enters the likelihood
    whitener: jax.Array  # C_g, (G, T, K)
    level_projection: jax.Array  # V'B', (T - 1, T)
    eigenvalues: jax.Array  # L, (T - 1,)
    level_basis: jax.Array  # B V, (T, T - 1)
    terms: jax.Array  # O_g Z_g s, (G, T, K)
    precision_root: jax.Array  # Cholesky factor of I + Z'Z, (G, K, K)
    prior_sd: jax.Array  # s, (K,)
    log_normaliser: jax.Array  # the terms that hold no parameter


def gaussian_block(design: np.ndarray, observed: np.ndarray, prior_sd: np.ndarray) -> GaussianBlock:
    """Precompute the block.

    Args:
        design: (geo, week, term).
        observed: (geo, week), true where the KPI enters the likelihood.
        prior_sd: (term,), prior sd of each coefficient in units of the noise sd.
    """
    geos, weeks, terms = design.shape
    mask = observed.astype(float)
    scaled = design * prior_sd * mask[..., None]
    precision = np.eye(terms) + np.einsum("gtk,gtj->gkj", scaled, scaled)
    root = np.linalg.cholesky(precision)
    whitener = np.linalg.solve(root, scaled.transpose(0, 2, 1)).transpose(0, 2, 1)
    basis = np.tril(np.ones((weeks, weeks)))[
        :, 1:
    ]  # the level is 0 in the first week: the intercept holds it
    flat = whitener.transpose(1, 0, 2).reshape(weeks, geos * terms)
    gram = basis.T @ (np.diag(mask.sum(0)) - flat @ flat.T) @ basis
    eigenvalues, vectors = np.linalg.eigh(gram)
    log_determinant = 2 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum()
    return GaussianBlock(
        observed=jnp.asarray(mask),
        whitener=jnp.asarray(whitener),
        level_projection=jnp.asarray((basis @ vectors).T),
        eigenvalues=jnp.asarray(np.clip(eigenvalues, 0.0, None)),
        level_basis=jnp.asarray(basis @ vectors),
        terms=jnp.asarray(scaled),
        precision_root=jnp.asarray(root),
        prior_sd=jnp.asarray(prior_sd),
        log_normaliser=jnp.asarray(-0.5 * log_determinant - 0.5 * mask.sum() * np.log(2 * np.pi)),
    )


def log_likelihood(block: GaussianBlock, residual: jax.Array, sigma: jax.Array, tau: jax.Array) -> jax.Array:
    """log p(residual | sigma, tau), the level and the coefficients integrated out.

    Args:
        residual: (geo, week), KPI less media in scaled units; unobserved entries are ignored.
        sigma: noise sd. tau: weekly step of the level, 0 for a level that does not move.
    """
    residual, projected, quadratic = _whiten(block, residual)
    ratio = tau / sigma
    spread = 1.0 + ratio**2 * block.eigenvalues
    explained = jnp.sum((ratio * projected) ** 2 / spread)
    return (
        -0.5 * (quadratic - explained) / sigma**2
        - block.observed.sum() * jnp.log(sigma)
        - 0.5 * jnp.sum(jnp.log(spread))
        + block.log_normaliser
    )


def draw(
    block: GaussianBlock, residual: jax.Array, sigma: jax.Array, tau: jax.Array, key: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """An exact draw of the integrated block given everything else.

    Returns:
        level (week,), and coefficients (geo, term) with respect to the design.
    """
    level_key, term_key = jax.random.split(key)
    residual, projected, _ = _whiten(block, residual)
    spread = 1.0 + (tau / sigma) ** 2 * block.eigenvalues
    noise = jax.random.normal(level_key, projected.shape, projected.dtype)
    steps = tau * (tau * projected / sigma**2 / spread + noise / jnp.sqrt(spread))
    level = block.level_basis @ steps
    rest = residual - block.observed * level
    white = jnp.einsum("gtk,gt->gk", block.whitener, rest)
    white = white + sigma * jax.random.normal(term_key, white.shape, white.dtype)
    solve = jax.vmap(lambda root, b: jax.scipy.linalg.solve_triangular(root, b, lower=True, trans=1))
    return level, solve(block.precision_root, white) * block.prior_sd


def _whiten(block: GaussianBlock, residual: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The masked residual, h, and sum_g r_g' A_g r_g."""
    residual = residual * block.observed
    terms = jnp.einsum("gtk,gt->gk", block.whitener, residual)
    summed = residual.sum(0) - jnp.einsum("gtk,gk->t", block.whitener, terms)
    return residual, block.level_projection @ summed, jnp.sum(residual**2) - jnp.sum(terms**2)
