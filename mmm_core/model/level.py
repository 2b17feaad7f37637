"""A baseline level integrated out of a Gaussian likelihood when what the data say about it changes with every draw.

Whatever else is in the model, once the rest is integrated out the data speak of the weekly level l (in units of the
noise sd) through a precision matrix A (week, week) and an information vector y (week,):

    log marginal = log of the integral of exp(y'l - l'A l / 2) p(l) dl

The prior is l = Phi (s * z), z ~ N(0, J^{-1}), |J| = 1. With N = J + diag(s) A diag(s) and b = s * y, A and y in the
coordinates of Phi,

    log marginal = b'N^{-1}b / 2 - log|N| / 2,    z | data ~ N(N^{-1}b, N^{-1}).

* Random walk, l_t = l_{t-1} + (tau/sigma) e_t: s = tau/sigma and J is the inverse of the covariance of a walk with unit
  steps, a tridiagonal matrix with determinant 1. Nothing needs to be accumulated over weeks, and tau = 0 is no special
  case.
* Random-walk slope as well (local linear trend): the steps have covariance tau^2 I + tau_slope^2 E E', E the cumulative
  sum. Phi accumulates the eigenvectors of E E', whose eigenvalues are k; then J = I and s^2 = (tau^2 + tau_slope^2 k) /
  sigma^2, which is finite wherever either scale is 0.

One evaluation costs a Cholesky factor of order T, its gradient an inverse more: O(T^3) whatever the number of geos.
A slope adds two products of T x T matrices to each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mmm_core.model.factors import half_log_determinant, inverse_root

Array = Any  # of NumPy when prepared, of JAX inside a program


class Slope(NamedTuple):
    """Coordinates in which both parts of a step, the slope's and the level's own, are independent."""

    basis: Array  # Phi, (T, T - 1)
    rotation: Array  # eigenvectors of E E', (T - 1, T - 1)
    spread: Array  # k, (T - 1,)


class LevelPrior(NamedTuple):
    """The fixed part of the prior of a level over T weeks, 0 in the first: the intercept holds its height."""

    stiffness: Array  # J, (T - 1, T - 1)
    slope: Slope | None  # without one the coordinates are the level of weeks 2 to T


def level_prior(weeks: int, slope: bool) -> LevelPrior:
    """The prior over `weeks` weeks, with or without a slope that is a random walk of its own."""
    steps = weeks - 1
    if not slope:
        stiffness = 2 * np.eye(steps) - np.eye(steps, k=1) - np.eye(steps, k=-1)
        stiffness[-1:, -1:] = 1.0
        return LevelPrior(stiffness, None)
    accumulate = np.tril(np.ones((steps, steps)))
    spread, rotation = np.linalg.eigh(accumulate @ accumulate.T)
    basis = np.vstack([np.zeros(steps), accumulate @ rotation])
    return LevelPrior(np.eye(steps), Slope(basis, rotation, spread))


def level_log_marginal(
    prior: LevelPrior,
    precision: jax.Array,
    information: jax.Array,
    step: jax.Array,
    slope_step: jax.Array | None,
) -> jax.Array:
    """The integral of the module's docstring.

    Args:
        precision: A, (week, week). information: y, (week,).
        step: tau/sigma. slope_step: tau_slope/sigma, for a prior with a slope.
    """
    return log_marginal(prior.stiffness, *_coordinates(prior, precision, information, step, slope_step))


def draw_level(
    prior: LevelPrior,
    precision: jax.Array,
    information: jax.Array,
    step: jax.Array,
    slope_step: jax.Array | None,
    key: jax.Array,
) -> tuple[jax.Array, jax.Array | None]:
    """An exact draw given the data, in units of the noise sd.

    Returns:
        Level (week,), and with a slope the slope (week,): what the level's step into that week is expected to be, 0 in
        the first week.
    """
    level_key, slope_key = jax.random.split(key)
    precision, information, scale = _coordinates(prior, precision, information, step, slope_step)
    inverse, mean = conditional(prior.stiffness, precision, information, scale)
    noise = jax.random.normal(level_key, mean.shape, mean.dtype)
    moved = scale * (mean + noise @ inverse)
    if prior.slope is None or slope_step is None:
        return jnp.concatenate([jnp.zeros(1, moved.dtype), moved]), None
    # in these coordinates a step is the slope, with variance slope_step^2 k, plus independent noise
    share = slope_step**2 * prior.slope.spread / scale**2
    noise = jax.random.normal(slope_key, moved.shape, moved.dtype)
    slope = share * moved + jnp.sqrt(share) * step * noise
    return prior.slope.basis @ moved, jnp.concatenate(
        [jnp.zeros(1, slope.dtype), prior.slope.rotation @ slope]
    )


@jax.custom_jvp
def gram(rows: jax.Array) -> jax.Array:
    """rows' rows, (column, column), for `rows` (row, column); its gradient is one matrix product, not two."""
    return rows.T @ rows


@gram.defjvp
def _gram_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    half = primals[0].T @ tangents[0]
    return gram(*primals), half + half.T


@jax.custom_jvp
def gram_of_rows(rows: jax.Array) -> jax.Array:
    """rows rows', (..., row, row), for `rows` (..., row, column), differentiated like `gram`."""
    return rows @ rows.mT


@gram_of_rows.defjvp
def _gram_of_rows_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    half = tangents[0] @ primals[0].mT
    return gram_of_rows(*primals), half + half.mT


def _coordinates(
    prior: LevelPrior,
    precision: jax.Array,
    information: jax.Array,
    step: jax.Array,
    slope_step: jax.Array | None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """A and y in the coordinates of Phi, and s."""
    if prior.slope is None or slope_step is None:
        return precision[1:, 1:], information[1:], jnp.broadcast_to(step, information[1:].shape)
    # the smallest number keeps the root differentiable where neither the level nor its slope moves
    variance = step**2 + slope_step**2 * prior.slope.spread + jnp.finfo(information.dtype).tiny
    basis = prior.slope.basis
    return basis.T @ precision @ basis, information @ basis, jnp.sqrt(variance)


def conditional(
    stiffness: jax.Array, precision: jax.Array, information: jax.Array, scale: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """R^{-1} for N = R R', and N^{-1} b."""
    inverse = inverse_root(stiffness + scale[:, None] * precision * scale)
    return inverse, (inverse @ (scale * information)) @ inverse


@jax.custom_jvp
def log_marginal(
    stiffness: jax.Array, precision: jax.Array, information: jax.Array, scale: jax.Array
) -> jax.Array:
    """b'N^{-1}b / 2 - log|N| / 2 of the module's docstring, for any J, A, y and s."""
    inverse, mean = conditional(stiffness, precision, information, scale)
    return 0.5 * jnp.sum(scale * information * mean) - half_log_determinant(inverse)


@log_marginal.defjvp
def _log_marginal_jvp(
    primals: tuple[jax.Array, ...], tangents: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array]:
    """Gradients from the moments of z | data: cheaper than differentiating through the factor.

    Tangents enter linearly, so that reverse mode uses the gradients as they are; J is fixed and has none.
    """
    stiffness, precision, information, scale = primals
    inverse, mean = conditional(stiffness, precision, information, scale)
    value = 0.5 * jnp.sum(scale * information * mean) - half_log_determinant(inverse)
    covariance = inverse.T @ inverse
    moved = scale * mean
    _, d_precision, d_information, d_scale = tangents
    second_moment = covariance * scale * scale[:, None] + moved[:, None] * moved
    by_scale = mean * (information - precision @ moved) - jnp.sum(precision * (covariance * scale), axis=1)
    return value, (-0.5 * jnp.sum(second_moment * d_precision) + moved @ d_information + by_scale @ d_scale)
