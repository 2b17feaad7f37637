"""Triangular factors of positive definite matrices, in a form that is safe in a program of any number of devices.

JAX hands a batch of matrices to LAPACK as one call, which shares it out among the threads of a pool and waits for them.
Programs of several devices run on that same pool: as many calls as it has threads, and every thread waits for work that
none is left to do. On a CPU a batch is therefore worked through one matrix after another, which costs no more (a geo's
matrix takes microseconds). A GPU factorises the batch at once.

Derivatives are products of matrices alone. They need no solver, so that no further call hides in a gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.custom_batching import sequential_vmap


def inverse_root(matrix: jax.Array) -> jax.Array:
    """R^{-1}, lower triangular, of matrix = R R': (..., size, size), nan where the matrix is not positive definite.

    R^{-1} is all that is needed of a factor: `R^{-1} b` and `R^{-T} b` are products with it, the inverse of the matrix
    is R^{-T} R^{-1}, and minus the sum of the logarithms of its diagonal is half the log determinant.
    """
    function: Callable[[jax.Array], jax.Array] = _inverse_root
    for _ in range(matrix.ndim - 2):
        function = jax.vmap(function)
    return function(matrix)


def half_log_determinant(inverse: jax.Array) -> jax.Array:
    """Half the log determinant of matrices, summed over all of them, from their `inverse_root` (..., size, size)."""
    return -jnp.sum(jnp.log(jnp.diagonal(inverse, axis1=-2, axis2=-1)))


@jax.custom_jvp
def _inverse_root(matrix: jax.Array) -> jax.Array:
    factorise = sequential_vmap(_factorise) if jax.default_backend() == "cpu" else _factorise
    found: jax.Array = factorise(matrix)
    return found


def _factorise(matrix: jax.Array) -> jax.Array:
    root = jnp.linalg.cholesky(matrix, symmetrize_input=False)
    identity = jnp.eye(len(matrix), dtype=matrix.dtype)
    return jax.lax.linalg.triangular_solve(root, identity, left_side=True, lower=True)


@_inverse_root.defjvp
def _inverse_root_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """d(R^{-1}) = -Phi(R^{-1} dP R^{-T}) R^{-1}, Phi the lower triangle with half of the diagonal (Murray 2016)."""
    found = _inverse_root(*primals)
    moved = found @ tangents[0] @ found.T
    lower = jnp.tril(moved) - 0.5 * jnp.diag(jnp.diag(moved))
    return found, -lower @ found
