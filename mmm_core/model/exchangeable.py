"""Standard normals of which those of a group have one correlation, with a density in closed form.

Within a group of n with correlation r the mean of the entries is independent of their distances from it: the first has
variance (1 + (n - 1) r) / n, the others 1 - r in each of n - 1 directions. So neither a density nor a draw needs the
factor of a matrix.
"""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import constraints
from numpyro.distributions.util import is_prng_key, validate_sample


class Exchangeable(dist.Distribution):
    """Normals of mean 0 and variance 1, correlated within groups.

    Args:
        correlation: (group,), above -1 / (size of the group - 1) and below 1.
        group: number of the group of each entry.
    """

    arg_constraints: ClassVar = {"correlation": constraints.real_vector}
    support = constraints.real_vector
    reparametrized_params: ClassVar = ["correlation"]
    pytree_data_fields = ("correlation",)
    pytree_aux_fields = ("group",)

    def __init__(
        self, correlation: jax.Array, group: tuple[int, ...], *, validate_args: bool | None = None
    ) -> None:
        self.correlation = correlation
        self.group = group
        super().__init__(event_shape=(len(group),), validate_args=validate_args)

    @property
    def mean(self) -> jax.Array:
        """0 in every entry."""
        return jnp.zeros(self.event_shape)

    @property
    def variance(self) -> jax.Array:
        """1 in every entry."""
        return jnp.ones(self.event_shape)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws (*sample_shape, entry)."""
        assert is_prng_key(key)
        return self.from_noise(jax.random.normal(key, (*sample_shape, len(self.group))))

    def from_noise(self, noise: jax.Array) -> jax.Array:
        """The draws (..., entry) that independent standard normals of that shape make."""
        belongs, size = self._groups()
        mean = (noise @ belongs.T / size) @ belongs
        apart, together = jnp.sqrt(1 - self.correlation), jnp.sqrt(1 + (size - 1) * self.correlation)
        return (noise - mean) * (apart @ belongs) + mean * (together @ belongs)

    @validate_sample
    def log_prob(self, value: jax.Array) -> jax.Array:
        """Log density of values (..., entry)."""
        belongs, size = self._groups()
        apart, together = 1 - self.correlation, 1 + (size - 1) * self.correlation
        total = value @ belongs.T
        square = (value**2) @ belongs.T
        distance = (square - total**2 / size) / apart + total**2 / size / together
        log_variance = (size - 1) * jnp.log(apart) + jnp.log(together)
        return -0.5 * jnp.sum(distance + log_variance + size * np.log(2 * np.pi), axis=-1)

    def _groups(self) -> tuple[np.ndarray, np.ndarray]:
        """Which entries belong to each group, (group, entry), and their numbers (group,)."""
        belongs = (np.arange(max(self.group) + 1)[:, None] == np.array(self.group)).astype(
            jnp.zeros(()).dtype
        )
        return belongs, belongs.sum(axis=1)
