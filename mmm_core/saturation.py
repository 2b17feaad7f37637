"""Diminishing returns: curves from adstocked media to a response between 0 and 1."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def hill(media: jax.Array, half_saturation: jax.Array, slope: jax.Array) -> jax.Array:
    """media^slope / (half_saturation^slope + media^slope), 0 at 0 with finite gradients.

    Written through the logistic of slope * log(media / half_saturation): one exponential a point, and no overflow.
    """
    positive = media > 0
    safe = jnp.where(positive, media, 1.0)
    return jnp.where(positive, jax.nn.sigmoid(slope * (jnp.log(safe) - jnp.log(half_saturation))), 0.0)


def none(media: jax.Array, half_saturation: jax.Array, slope: jax.Array) -> jax.Array:
    """No saturation: the response is the media itself."""
    del half_saturation, slope
    return media


CURVES = {"hill": hill, "none": none}
