"""A posterior as a function of one flat vector, for approximations of it.

The vector is on the unconstrained scale of the sampled parameters: a positive parameter is its logarithm there, a share
its logit. The programs that evaluate it are made once for a model and the shapes of its arrays, and are kept for the
next fit in this process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpyro.distributions import biject_to
from numpyro.infer.util import potential_energy

from mmm_core.inference.sites import sample_sites, unconstrained_mean

# Vectors that are evaluated at a time: bounds memory of a panel.
_BATCH = 16


@dataclass(frozen=True, eq=False)
class Programs:
    """Of one model and shapes of its arrays.

    Attributes:
        prior_means: from the arrays to (parameter,).
        log_density: from arrays and vector (parameter,) to the unnormalised log density, the Jacobian of the
            transformation included.
        log_densities: the same of several vectors (draw, parameter).
        energy: minus the log density, and its gradient (parameter,).
        curvature: second derivatives of the energy (parameter, parameter), exact: no finite differences.
        to_sites: from a vector to values by site.
        names: (parameter,) the site that each entry belongs to.
    """

    prior_means: Callable[[Any], jax.Array]
    log_density: Callable[[Any, jax.Array], jax.Array]
    log_densities: Callable[[Any, jax.Array], jax.Array]
    energy: Callable[[Any, jax.Array], tuple[jax.Array, jax.Array]]
    curvature: Callable[[Any, jax.Array], jax.Array]
    to_sites: Callable[[jax.Array], dict[str, jax.Array]]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """A posterior to approximate.

    Attributes:
        programs: evaluate it.
        arrays: what the model is given.
        start: (parameter,) the prior means.
    """

    programs: Programs
    arrays: Any
    start: np.ndarray

    @property
    def size(self) -> int:
        """Number of parameters."""
        return len(self.start)

    @property
    def names(self) -> tuple[str, ...]:
        """The site that each parameter belongs to."""
        return self.programs.names


def target(model: Callable[[Any], Any], arrays: Any) -> Target:
    """The posterior of a NumPyro model of one pytree of arrays."""
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(np.shape(a), jnp.result_type(a)), arrays)
    leaves, structure = jax.tree.flatten(shapes)
    programs = _programs(model, tuple(leaves), structure)
    return Target(programs, arrays, np.asarray(programs.prior_means(arrays), dtype=float))


@lru_cache(maxsize=16)
def _programs(model: Callable[[Any], Any], leaves: tuple[Any, ...], structure: Any) -> Programs:
    supports: dict[str, Callable[[jax.Array], jax.Array]] = {}
    sizes: dict[str, int] = {}

    @jax.jit
    def prior_means(arrays: Any) -> jax.Array:
        sites = sample_sites(model, arrays)
        means = {name: unconstrained_mean(distribution) for name, distribution in sites.items()}
        vector, unravel = ravel_pytree(means)
        supports.update({name: biject_to(distribution.support) for name, distribution in sites.items()})
        sizes.update({name: means[name].size for name in sorted(means)})  # the order of ravel_pytree
        to_values.append(unravel)
        return vector

    to_values: list[Callable[[jax.Array], dict[str, jax.Array]]] = []
    prior_means.lower(jax.tree.unflatten(structure, leaves))  # tracing it once tells what the sites are
    unravel = to_values[0]

    @jax.jit
    def log_density(arrays: Any, vector: jax.Array) -> jax.Array:
        return -potential_energy(model, (arrays,), {}, unravel(vector))

    def minus(vector: jax.Array, arrays: Any) -> jax.Array:
        return -log_density(arrays, vector)

    @jax.jit
    def curvature(arrays: Any, vector: jax.Array) -> jax.Array:
        return jax.lax.map(
            lambda direction: jax.jvp(lambda v: jax.grad(minus)(v, arrays), (vector,), (direction,))[1],
            jnp.eye(len(vector), dtype=vector.dtype),
            batch_size=_BATCH,
        )

    return Programs(
        prior_means=prior_means,
        log_density=log_density,
        log_densities=jax.jit(
            lambda arrays, vectors: jax.lax.map(
                lambda vector: log_density(arrays, vector), vectors, batch_size=_BATCH
            )
        ),
        energy=jax.jit(lambda arrays, vector: jax.value_and_grad(minus)(vector, arrays)),
        curvature=curvature,
        to_sites=lambda vector: {name: supports[name](value) for name, value in unravel(vector).items()},
        names=tuple(name for name, size in sizes.items() for _ in range(size)),
    )
