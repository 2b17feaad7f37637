"""What money buys where the price of media rises with spend.

Above the spend that a multiplier of 1 repeats, buying v times the media costs v^(1 + rise) times the money, so m times
the money buys m^(1 / (1 + rise)) times the media; below it prices stay. `budget: price_rise` states the power.

Numpy arrays and numbers give numpy arrays in their own precision, JAX arrays give JAX arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def bought(multiplier: Any, rise: Any) -> Any:
    """Media that so many times the money buys, as a multiple.

    Args:
        multiplier: of the money. rise: power of the media by which their price rises; shapes that broadcast.
    """
    xp = _arrays(multiplier, rise)
    above = xp.maximum(multiplier, 1.0)
    return xp.where(multiplier > 1.0, above ** (1.0 / (1.0 + rise)), multiplier)


def slope_of_bought(multiplier: Any, rise: Any) -> Any:
    """The slope of `bought`, from the right."""
    xp = _arrays(multiplier, rise)
    above = xp.maximum(multiplier, 1.0)
    return xp.where(multiplier >= 1.0, above ** (1.0 / (1.0 + rise) - 1.0) / (1.0 + rise), 1.0)


def times_dearer(multiplier: Any, rise: Any) -> Any:
    """By how many times more a unit of media costs; `multiplier` over `bought`."""
    return _arrays(multiplier, rise).maximum(multiplier, 1.0) ** (rise / (1.0 + rise))


def rises(price_rise: Mapping[str, float], channels: Sequence[str]) -> np.ndarray:
    """The power of each channel, (channel,); 0 of those whose price stays."""
    return np.array([price_rise.get(channel, 0.0) for channel in channels])


def _arrays(*values: Any) -> Any:
    return jnp if any(isinstance(value, jax.Array) for value in values) else np
