"""What media do to the KPI: scale, adstock, saturation, coefficient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from mmm_core import adstock, saturation
from mmm_core.spec import ModelSpec


class MediaParameters(NamedTuple):
    """Parameters of the media effect; draws may be stacked on leading axes of all four."""

    alpha: jax.Array  # (..., channel)
    half_saturation: jax.Array  # (..., channel), in units of the channel's mean non-zero week
    slope: jax.Array  # (..., channel)
    coefficient: jax.Array  # (..., geo, channel), ceiling in scaled KPI


@dataclass(frozen=True)
class MediaLayout:
    """Which adstock and saturation each channel uses; fixed while a program is compiled."""

    adstock_kind: tuple[str, ...]
    l_max: tuple[int, ...]
    saturation_kind: tuple[str, ...]

    @classmethod
    def of(cls, spec: ModelSpec) -> MediaLayout:
        """The layout of a specification."""
        channels = spec.channel_specs
        return cls(
            tuple(channel.adstock.kind for channel in channels),
            tuple(channel.adstock.lags for channel in channels),
            tuple(channel.saturation.kind for channel in channels),
        )


def lag_weights(layout: MediaLayout, alpha: jax.Array) -> jax.Array:
    """Normalised lag weights (channel, lag); `alpha` (channel,)."""
    length = max(layout.l_max) + 1
    kinds = set(zip(layout.adstock_kind, layout.l_max, strict=True))
    if len(kinds) == 1:
        return adstock.lag_weights(layout.adstock_kind[0], alpha, layout.l_max[0], length)
    rows = [
        adstock.lag_weights(kind, alpha[i], l_max, length)
        for i, (kind, l_max) in enumerate(zip(layout.adstock_kind, layout.l_max, strict=True))
    ]
    return jnp.stack(rows)


def saturate(layout: MediaLayout, media: jax.Array, half_saturation: jax.Array, slope: jax.Array) -> jax.Array:
    """The saturation of each channel applied along the last axis of `media`."""
    kinds = set(layout.saturation_kind)
    if len(kinds) == 1:
        return saturation.CURVES[layout.saturation_kind[0]](media, half_saturation, slope)
    columns = [
        saturation.CURVES[kind](media[..., i], half_saturation[i], slope[i])
        for i, kind in enumerate(layout.saturation_kind)
    ]
    return jnp.stack(columns, axis=-1)


def saturated_media(
    layout: MediaLayout, media: jax.Array, alpha: jax.Array, half_saturation: jax.Array, slope: jax.Array
) -> jax.Array:
    """Response of each channel to scaled media (geo, week, channel), before the coefficient."""
    carried = adstock.convolve(media, lag_weights(layout, alpha))
    return saturate(layout, carried, half_saturation, slope)


@dataclass(frozen=True)
class MediaModel:
    """The media part of a fitted model, as a function from parameters and exposure to KPI.

    Attributes:
        layout: kinds of adstock and saturation.
        media_scale: (channel,) the unit in which exposure per head is measured.
        population: (geo,) relative to its mean.
        kpi_scale: one standard deviation of the KPI per head.
        coords: geo and channel labels.
    """

    layout: MediaLayout
    media_scale: np.ndarray
    population: np.ndarray
    kpi_scale: float

    @classmethod
    def of(cls, data: xr.Dataset, spec: ModelSpec) -> MediaModel:
        """From the arrays of `mmm_core.data.model_data`."""
        return cls(
            MediaLayout.of(spec),
            data["media_scale"].to_numpy(),
            data["population"].to_numpy(),
            float(data["kpi_scale"]),
        )

    def scaled(self, exposure: jax.Array | np.ndarray) -> jax.Array:
        """Exposure (geo, week, channel) in the table's units, in units of its mean non-zero week per head."""
        return jnp.asarray(exposure) / self.population[:, None, None] / self.media_scale

    def effect(self, parameters: MediaParameters, exposure: jax.Array | np.ndarray) -> jax.Array:
        """KPI that each channel brings, (..., geo, week, channel) in the KPI's units.

        Args:
            parameters: one draw, or draws stacked on one leading axis.
            exposure: (geo, week, channel) in the table's units. The first l_max weeks lack their own history.
        """
        media = self.scaled(exposure)

        def one(draw: MediaParameters) -> jax.Array:
            response = saturated_media(self.layout, media, draw.alpha, draw.half_saturation, draw.slope)
            return response * draw.coefficient[:, None, :] * (self.population * self.kpi_scale)[:, None, None]

        return one(parameters) if parameters.alpha.ndim == 1 else jax.vmap(one)(parameters)
