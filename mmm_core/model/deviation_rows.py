"""Measurements of sums of the geos' effects beside the KPI, such as a lift test in some of the geos.

With the deviations d_gc = s_c z_gc, z ~ N(0, 1), a measurement k says

    r_k = sum_gc D_kgc d_gc + e_k,   e_k ~ N(0, v_k)

It ties the geos together, as the level does. Where the level is integrated out first, the z of all geos are stacked and
a measurement is one more row: their precision gains B' V^{-1} B and their information B' V^{-1} r, B_k = D_k s.

Where the deviations go first, each geo's given the level l (in units of the noise sd) are z_g = R_g^{-T} w_g with
w_g ~ N(white_g - rows_g l, I), in the terms of `mmm_core.model.gaussian_block`. With t_kg = R_g^{-1} B_kg,

    r | l ~ N(c - Q l, M),   c_k = sum_g t_kg' white_g,   Q_k = sum_g t_kg' rows_g,   M = V + sum_g t_g t_g'

which is Gaussian in the level: its precision gains Q' M^{-1} Q and its information Q' M^{-1} (c - r). Neither costs
more than products with as many rows as there are measurements.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from mmm_core.model.factors import half_log_determinant, inverse_root

_LOG_TWO_PI = math.log(2 * math.pi)  # a Python number keeps single precision single


class Rows(NamedTuple):
    """Measurements of sums of deviations."""

    design: jax.Array  # D, (row, geo, channel)
    residual: jax.Array  # r, (row,): what was measured, less what the geos' common effect says
    variance: jax.Array  # v, (row,)


class OnLevel(NamedTuple):
    """What measurements say of the level, the deviations integrated out."""

    precision: jax.Array  # (week, week), to be added
    information: jax.Array  # (week,), to be added
    log_density: jax.Array  # at a level of 0


def stacked(rows: Rows, sd: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What measurements add to precision and information of all geos' z, (geo * channel,), and their log density at 0.

    Args:
        sd: s, (channel,).
    """
    root = jnp.sqrt(rows.variance)
    design = ((rows.design * sd) / root[:, None, None]).reshape(len(root), -1)
    residual = rows.residual / root
    density = -0.5 * jnp.sum(residual**2 + _LOG_TWO_PI) - jnp.sum(jnp.log(root))
    return design.T @ design, residual @ design, density


def in_white(rows: Rows, sd: jax.Array, inverse: jax.Array) -> jax.Array:
    """t, (row, geo, column), from R_g^{-1} (geo, column, column), whose last columns are the deviations'."""
    design = rows.design * sd
    others = inverse.shape[-1] - design.shape[-1]
    design = jnp.pad(design, ((0, 0), (0, 0), (others, 0)))
    return jnp.einsum("gcd,kgd->kgc", inverse, design)


def on_level(rows: Rows, seen: jax.Array, white: jax.Array, level_rows: jax.Array) -> OnLevel:
    """Integrate the deviations out of the measurements.

    Args:
        seen: t of `in_white`. white: (geo, column). level_rows: (geo, column, week).
    """
    count = len(rows.residual)
    by_level = seen.reshape(count, -1) @ level_rows.reshape(-1, level_rows.shape[-1])
    residual = jnp.einsum("kgc,gc->k", seen, white) - rows.residual
    inverse = inverse_root(_spread(rows, seen))
    rotated, whitened = inverse @ by_level, inverse @ residual
    density = -0.5 * jnp.sum(whitened**2 + _LOG_TWO_PI) - half_log_determinant(inverse)
    return OnLevel(rotated.T @ rotated, whitened @ rotated, density)


def conditioned(rows: Rows, seen: jax.Array, white: jax.Array, key: jax.Array) -> jax.Array:
    """A draw of w given the measurements, (geo, column), from one without them.

    The draw's own measurements are drawn too, and what they miss is given back (Matheron's rule).

    Args:
        seen: t of `in_white`. white: a draw of w given the level, (geo, column).
    """
    noise = jax.random.normal(key, rows.residual.shape, white.dtype) * jnp.sqrt(rows.variance)
    missed = rows.residual - jnp.einsum("kgc,gc->k", seen, white) - noise
    inverse = inverse_root(_spread(rows, seen))
    return white + jnp.einsum("kgc,k->gc", seen, (inverse @ missed) @ inverse)


def _spread(rows: Rows, seen: jax.Array) -> jax.Array:
    """M, (row, row)."""
    flat = seen.reshape(len(rows.residual), -1)
    return jnp.diag(rows.variance) + flat @ flat.T
