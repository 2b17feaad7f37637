"""What a NumPyro model samples: its sites, and where and how wide their priors are on the unconstrained scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from numpyro import handlers
from numpyro.distributions import Unit, biject_to, constraints


def sample_sites(model: Callable[[Any], Any], arrays: Any) -> dict[str, Any]:
    """The distribution of everything that `model(arrays)` samples, by site, in the order of the model."""
    trace = handlers.trace(handlers.seed(model, jax.random.key(0))).get_trace(arrays)
    return {
        name: site["fn"]
        for name, site in trace.items()
        if site["type"] == "sample" and not site["is_observed"] and not isinstance(site["fn"], Unit)
    }


def unconstrained_mean(distribution: Any) -> jax.Array:
    """The prior mean of a site, on the unconstrained scale."""
    mean = jnp.broadcast_to(distribution.mean, distribution.shape())
    return jnp.asarray(biject_to(distribution.support).inv(mean))


def unconstrained_scale(distribution: Any) -> tuple[jax.Array, jax.Array]:
    """About where the middle of a site's prior is on the unconstrained scale, and about its standard deviation there.

    From the prior's mean and variance alone: exact for normal and log-normal priors, whose moments they are; elsewhere
    the slope of the transformation at the mean. A prior that has no variance, or states none, has a deviation of 1.
    """
    middle = unconstrained_mean(distribution)
    try:
        variance = jnp.broadcast_to(distribution.variance, distribution.shape())
    except NotImplementedError:
        return middle, jnp.ones_like(middle)
    mean = jnp.broadcast_to(distribution.mean, distribution.shape())
    support = distribution.support
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    if support is constraints.positive:
        log_variance = jnp.log1p(variance / mean**2)
        middle, sd = middle - log_variance / 2, jnp.sqrt(log_variance)
    else:
        _, change = jax.jvp(biject_to(distribution.support).inv, (mean,), (jnp.sqrt(variance),))
        sd = jnp.abs(change)
    return middle, jnp.where(jnp.isfinite(sd) & (sd > 0), sd, 1.0)
