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

Three extensions make A_g or the level's prior change with the draw:

* deviations: O_g M_g d_g is added, d_gc ~ N(0, s_c^2), columns M_g and spreads s_c depend on sampled parameters, and
  sums of them may have been measured besides (`mmm_core.model.deviation_rows`);
* weights: the noise variance is sigma^2 / weight_gt, as in a Student-t written as a scale mixture;
* a slope of the level that is itself a random walk, see `mmm_core.model.level`.

With F_g = M_g diag(s / sigma) there are two orders to integrate in, T weeks, G geos, C columns a geo.

Level first, where deviations are all that varies and are few beside the weeks. The level keeps its eigenvalues, and
with the rows Y_g = V' B' A_g F_g the coefficients of unit prior sd have, all geos stacked,

    precision I + diag_g(F_g' A_g F_g) - (tau/sigma)^2 Y' diag(1 / v) Y,
    information (F_g' A_g r_g - (tau/sigma)^2 Y_g' diag(1 / v) h) / sigma:

a gradient costs O(G C T^2 + (G C)^3).

Deviations first, in a `varying` block. With P_g = I + F_g' A_g F_g = R_g R_g' and U_g = A_g F_g R_g^{-T}, integrating
them out leaves A_g - U_g U_g'. The level's precision is then sum_g A_g - U U' with U = [U_1 U_2 ...]: one flat matrix
product. With weights the terms' columns join F_g and A_g is the diagonal of the weights. A gradient costs O(T^3) for
the level and O(G C T^2) for the product: linear in geos, cubic in weeks. Factors of matrices are their inverses, one
matrix after another: `mmm_core.model.factors` says why.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mmm_core.model.deviation_rows import Rows, conditioned, in_white, on_level, stacked
from mmm_core.model.factors import half_log_determinant, inverse_root
from mmm_core.model.level import (
    LevelPrior,
    conditional,
    draw_level,
    gram,
    gram_of_rows,
    level_log_marginal,
    level_prior,
    log_marginal,
)

Array = Any  # of NumPy when prepared, of JAX inside a program

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)  # a Python number keeps single precision single


class Spectrum(NamedTuple):
    """The level's eigendecomposition, which makes a fixed design as good as diagonal."""

    projection: Array  # V'B', (T - 1, T)
    eigenvalues: Array  # L, (T - 1,)
    basis: Array  # B V, (T, T - 1)


class GaussianBlock(NamedTuple):
    """What the integral needs, precomputed from design and observation mask.

    G geos, T weeks, K terms.
    """

    observed: Array  # (G, T) 1 where the KPI enters the likelihood
    whitener: Array  # C_g, (G, T, K)
    terms: Array  # O_g Z_g s, (G, T, K)
    inverse_root: Array  # of I + Z'Z, see `mmm_core.model.factors`, (G, K, K)
    prior_sd: Array  # s, (K,)
    log_normaliser: Array  # the terms that hold no parameter, where weights are fixed
    level: Spectrum | LevelPrior  # the spectrum unless the block is varying or has a slope
    level_precision: Array | None  # sum_g A_g, (T, T), beside a LevelPrior


class Deviations(NamedTuple):
    """Coefficients of each geo with a common spread, integrated out."""

    columns: jax.Array  # M_g, (geo, channel, week)
    sd: jax.Array  # (channel,), in the units of the residual
    rows: Rows | None = None  # what is known of them beside the KPI


class Draw(NamedTuple):
    """A draw of the integrated block."""

    level: jax.Array  # (week,)
    coefficients: jax.Array  # (geo, term), with respect to the design
    deviations: jax.Array | None  # (geo, channel)
    slope: jax.Array | None  # (week,), expected step of the level into the week


def gaussian_block(
    design: np.ndarray,
    observed: np.ndarray,
    prior_sd: np.ndarray,
    *,
    varying: bool = False,
    slope: bool = False,
) -> GaussianBlock:
    """Precompute the block.

    Args:
        design: (geo, week, term).
        observed: (geo, week), true where the KPI enters the likelihood.
        prior_sd: (term,), prior sd of each coefficient in units of the noise sd.
        varying: there will be weights, or many deviations. slope: the level will have a random-walk slope. Either takes
            the place of the eigendecomposition, and such a block also serves a model without.
    """
    geos, weeks, terms = design.shape
    mask = observed.astype(float)
    scaled = design * prior_sd * mask[..., None]
    precision = np.eye(terms) + np.einsum("gtk,gtj->gkj", scaled, scaled)
    root = np.linalg.cholesky(precision)
    inverse = np.linalg.solve(root, np.broadcast_to(np.eye(terms), root.shape))
    whitener = np.linalg.solve(root, scaled.transpose(0, 2, 1)).transpose(0, 2, 1)
    flat = whitener.transpose(1, 0, 2).reshape(weeks, geos * terms)
    level_precision = np.diag(mask.sum(0)) - flat @ flat.T
    general = varying or slope
    return GaussianBlock(
        observed=mask,
        whitener=whitener,
        terms=scaled,
        inverse_root=inverse,
        prior_sd=prior_sd,
        log_normaliser=-np.log(np.diagonal(root, axis1=1, axis2=2)).sum() - mask.sum() * _HALF_LOG_TWO_PI,
        level=level_prior(weeks, slope) if general else _spectrum(level_precision),
        level_precision=level_precision if general else None,
    )


def _spectrum(level_precision: np.ndarray) -> Spectrum:
    weeks = len(level_precision)
    # the level is 0 in the first week: the intercept holds it
    basis = np.tril(np.ones((weeks, weeks)))[:, 1:]
    eigenvalues, vectors = np.linalg.eigh(basis.T @ level_precision @ basis)
    rotated = basis @ vectors
    return Spectrum(rotated.T, np.clip(eigenvalues, 0.0, None), rotated)


def log_likelihood(
    block: GaussianBlock,
    residual: jax.Array,
    sigma: jax.Array,
    tau: jax.Array,
    deviations: Deviations | None = None,
    weights: jax.Array | None = None,
    tau_slope: jax.Array | None = None,
) -> jax.Array:
    """log p(residual | sigma, tau, ...), with the level, its slope, the coefficients and the deviations integrated out.

    Args:
        residual: (geo, week), KPI less media in scaled units; unobserved entries are ignored.
        sigma: noise sd. tau: weekly step of the level, 0 for a level that does not move.
        deviations: coefficients by geo; a varying block integrates them out before the level, any other after it.
        weights: (geo, week), the noise variance is sigma^2 / weight, 0 leaves the week out; `block` must be varying.
        tau_slope: weekly step of the level's slope; `block` must have a slope.

    Raises:
        ValueError: the block was not made for what is asked of it.
    """
    _check(block, weights, tau_slope)
    residual = residual * block.observed
    if isinstance(block.level, Spectrum):
        projected, quadratic = _project(block, block.level, residual)
        ratio = tau / sigma
        spread = 1.0 + ratio**2 * block.level.eigenvalues
        explained = jnp.sum((ratio * projected) ** 2 / spread)
        by_geo = jnp.zeros((), residual.dtype)
        if deviations is not None:
            by_geo = log_marginal(
                *_after_level(block, block.level, residual, projected, spread, sigma, tau, deviations)
            )
            if deviations.rows is not None:
                by_geo = by_geo + stacked(deviations.rows, deviations.sd)[2]
        return (
            -0.5 * (quadratic - explained) / sigma**2
            - block.observed.sum() * jnp.log(sigma)
            - 0.5 * jnp.sum(jnp.log(spread))
            + by_geo
            + block.log_normaliser
        )
    if weights is None:
        columns = _columns(block, sigma, deviations, with_terms=False)
        data = _integrate(residual / sigma, *columns, block.observed, block.whitener, block.level_precision)
        count, log_normaliser = block.observed.sum(), block.log_normaliser
    else:
        seen = block.observed * weights
        data = _integrate(residual / sigma, *_columns(block, sigma, deviations, with_terms=True), seen)
        count = jnp.sum(seen > 0)
        log_normaliser = 0.5 * jnp.sum(jnp.log(jnp.where(seen > 0, seen, 1.0))) - count * _HALF_LOG_TWO_PI
    if deviations is not None and deviations.rows is not None:
        data, by_rows = _with_rows(data, deviations.rows, deviations.sd)
        log_normaliser = log_normaliser + by_rows
    return (
        level_log_marginal(block.level, data.precision, data.information, *_ratios(sigma, tau, tau_slope))
        - 0.5 * data.quadratic
        - half_log_determinant(data.inverse)
        - count * jnp.log(sigma)
        + log_normaliser
    )


def draw(
    block: GaussianBlock,
    residual: jax.Array,
    sigma: jax.Array,
    tau: jax.Array,
    key: jax.Array,
    deviations: Deviations | None = None,
    weights: jax.Array | None = None,
    tau_slope: jax.Array | None = None,
) -> Draw:
    """An exact draw of the integrated block given everything else; arguments as for `log_likelihood`."""
    _check(block, weights, tau_slope)
    level_key, term_key, geo_key = jax.random.split(key, 3)
    residual = residual * block.observed
    if isinstance(block.level, Spectrum):
        projected, _ = _project(block, block.level, residual)
        spread = 1.0 + (tau / sigma) ** 2 * block.level.eigenvalues
        by_geo = None
        if deviations is not None:
            inverse, mean = conditional(
                *_after_level(block, block.level, residual, projected, spread, sigma, tau, deviations)
            )
            noise = jax.random.normal(geo_key, mean.shape, mean.dtype)
            standard = mean + noise @ inverse
            by_geo = standard.reshape(-1, len(deviations.sd)) * deviations.sd
            effect = jnp.einsum("gct,gc->gt", deviations.columns, by_geo)
            residual = residual - effect * block.observed
            projected, _ = _project(block, block.level, residual)
        noise = jax.random.normal(level_key, projected.shape, projected.dtype)
        steps = tau * (tau * projected / sigma**2 / spread + noise / jnp.sqrt(spread))
        level = block.level.basis @ steps
        white = jnp.einsum("gtk,gt->gk", block.whitener, residual - block.observed * level)
        white = white + sigma * jax.random.normal(term_key, white.shape, white.dtype)
        return Draw(level, _solve_upper(block.inverse_root, white) * block.prior_sd, by_geo, None)
    seen = block.observed if weights is None else block.observed * weights
    columns = _columns(block, sigma, deviations, with_terms=True)
    data = _integrate(residual / sigma, *columns, seen)
    if deviations is not None and deviations.rows is not None:
        data, _ = _with_rows(data, deviations.rows, deviations.sd)
    level, slope = draw_level(
        block.level, data.precision, data.information, *_ratios(sigma, tau, tau_slope), level_key
    )
    white = data.white - jnp.einsum("gnt,t->gn", data.rows, level)
    white = white + jax.random.normal(term_key, white.shape, white.dtype)
    if deviations is not None and deviations.rows is not None:
        seen_by_rows = in_white(deviations.rows, deviations.sd, data.inverse)
        white = conditioned(deviations.rows, seen_by_rows, white, geo_key)
    drawn = _solve_upper(data.inverse, white)
    terms = len(block.prior_sd)
    return Draw(
        sigma * level,
        sigma * drawn[:, :terms] * block.prior_sd,
        None if deviations is None else drawn[:, terms:] * deviations.sd,
        None if slope is None else sigma * slope,
    )


def _project(block: GaussianBlock, spectrum: Spectrum, residual: jax.Array) -> tuple[jax.Array, jax.Array]:
    """h, and sum_g r_g' A_g r_g."""
    white = jnp.einsum("gtk,gt->gk", block.whitener, residual)
    summed = residual.sum(0) - jnp.einsum("gtk,gk->t", block.whitener, white)
    return spectrum.projection @ summed, jnp.sum(residual**2) - jnp.sum(white**2)


def _after_level(
    block: GaussianBlock,
    spectrum: Spectrum,
    residual: jax.Array,
    projected: jax.Array,
    spread: jax.Array,
    sigma: jax.Array,
    tau: jax.Array,
    deviations: Deviations,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """What is known of the deviations of all geos once the level is integrated out: arguments of `log_marginal`.

    Args:
        projected, spread: h and v of the module's docstring.
    """
    columns, scale = _columns(block, sigma, deviations, with_terms=False)
    columns = columns * scale[:, None]
    seen = _whitened(columns * block.observed[:, None], block.whitener)
    geos, size = columns.shape[:2]
    within = jnp.einsum("gct,gdt->gcd", seen, columns)
    apart = jnp.eye(geos, dtype=within.dtype)[:, None, :, None]
    damping = (tau / sigma) / jnp.sqrt(spread)
    rows = damping[:, None] * (spectrum.projection @ seen.reshape(geos * size, -1).T)
    precision = (within[:, :, None, :] * apart).reshape(geos * size, geos * size) - gram(rows)
    information = (jnp.einsum("gct,gt->gc", seen, residual).ravel() - (damping * projected) @ rows) / sigma
    if deviations.rows is not None:
        more_precision, more_information, _ = stacked(deviations.rows, deviations.sd)
        precision, information = precision + more_precision, information + more_information
    count = geos * size
    return jnp.eye(count, dtype=within.dtype), precision, information, jnp.ones(count, within.dtype)


def _whitened(rows: jax.Array, whitener: jax.Array) -> jax.Array:
    """A_g applied to observed rows (geo, row, week), for the whitener C_g (geo, week, term)."""
    return rows - jnp.einsum("gtk,gck->gct", whitener, jnp.einsum("gtk,gct->gck", whitener, rows))


class _Data(NamedTuple):
    """What the data say about the level, in units of the noise sd, and the way back to the coefficients."""

    precision: jax.Array  # sum_g A_g - U_g U_g', (T, T)
    information: jax.Array  # (T,)
    quadratic: jax.Array  # what is left of sum_g r_g' A_g r_g
    inverse: jax.Array  # R_g^{-1}, (G, C, C)
    rows: jax.Array  # U_g', (G, C, T)
    white: jax.Array  # U_g' r_g, (G, C)


def _with_rows(data: _Data, rows: Rows, sd: jax.Array) -> tuple[_Data, jax.Array]:
    """The same with what further measurements of the deviations say of the level, and their log density at its 0."""
    found = on_level(rows, in_white(rows, sd, data.inverse), data.white, data.rows)
    precision, information = data.precision + found.precision, data.information + found.information
    return data._replace(precision=precision, information=information), found.log_density


def _integrate(
    residual: jax.Array,
    columns: jax.Array,
    scale: jax.Array,
    weights: jax.Array,
    whitener: jax.Array | None = None,
    precision: jax.Array | None = None,
) -> _Data:
    """Integrate coefficients with unit prior sd out.

    The columns are large and everything else is small, so their scale is applied to products of them, and each is read
    by matrix products alone.

    Args:
        residual: (G, T). columns: (G, C, T), to be multiplied by `scale` (C,). weights: (G, T).
        whitener: C_g, what has been integrated out before with these weights, which are then 0 or 1.
        precision: sum_g A_g that it left.
    """
    size = columns.shape[1]
    seen, heard = weights[:, None] * columns, weights * residual
    with_residual = jnp.einsum("gct,gt->gc", columns, heard)
    if whitener is None:
        products = jnp.einsum("gct,gdt->gcd", seen, columns)
        information, square = heard.sum(0), jnp.sum(heard * residual)
    else:
        known, heard_known = seen @ whitener, jnp.einsum("gt,gtk->gk", heard, whitener)
        products = gram_of_rows(seen) - gram_of_rows(known)
        with_residual = with_residual - jnp.einsum("gck,gk->gc", known, heard_known)
        information = heard.sum(0) - jnp.einsum("gtk,gk->t", whitener, heard_known)
        square = jnp.sum(heard**2) - jnp.sum(heard_known**2)
    inverse = inverse_root(jnp.eye(size, dtype=columns.dtype) + scale[:, None] * products * scale)
    to_white = inverse * scale
    rows = to_white @ seen
    if whitener is not None:
        rows = rows - jnp.einsum("gck,gtk->gct", to_white @ known, whitener)
    white = jnp.einsum("gcd,gd->gc", to_white, with_residual)
    flat = rows.reshape(-1, rows.shape[-1])
    return _Data(
        precision=(jnp.diag(weights.sum(0)) if precision is None else precision) - gram(flat),
        information=information - white.ravel() @ flat,
        quadratic=square - jnp.sum(white**2),
        inverse=inverse,
        rows=rows,
        white=white,
    )


def _columns(
    block: GaussianBlock, sigma: jax.Array, deviations: Deviations | None, with_terms: bool
) -> tuple[jax.Array, jax.Array]:
    """Columns (geo, column, week), and by what to multiply each, (column,), for coefficients that have the prior sd of
    the noise.
    """
    geos, weeks, terms = block.terms.shape
    columns, scale = [], []
    if with_terms:
        columns.append(block.terms.transpose(0, 2, 1))
        scale.append(jnp.ones(terms, block.terms.dtype))
    if deviations is not None:
        columns.append(deviations.columns)
        scale.append(deviations.sd / sigma)
    if not columns:
        return jnp.zeros((geos, 0, weeks), block.terms.dtype), jnp.zeros(0, block.terms.dtype)
    return jnp.concatenate(columns, axis=1), jnp.concatenate(scale)


def _ratios(
    sigma: jax.Array, tau: jax.Array, tau_slope: jax.Array | None
) -> tuple[jax.Array, jax.Array | None]:
    return tau / sigma, None if tau_slope is None else tau_slope / sigma


def _solve_upper(inverse: jax.Array, white: jax.Array) -> jax.Array:
    """R_g^{-T} white_g, (geo, column), from the inverse roots R_g^{-1}."""
    return jnp.einsum("gcd,gc->gd", inverse, white)


def _check(
    block: GaussianBlock,
    weights: jax.Array | None,
    tau_slope: jax.Array | None,
) -> None:
    if isinstance(block.level, Spectrum) and weights is not None:
        raise ValueError("weights need gaussian_block(..., varying=True)")
    if (tau_slope is None) == (isinstance(block.level, LevelPrior) and block.level.slope is not None):
        raise ValueError("tau_slope goes with gaussian_block(..., slope=True), and only with it")
