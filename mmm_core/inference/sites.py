"""What a NumPyro model samples: its sites, and where their priors are on the unconstrained scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from numpyro import handlers
from numpyro.distributions import Unit, biject_to


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
