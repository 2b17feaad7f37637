"""What media do to the KPI: scale, adstock, saturation, coefficient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from mmm_core import adstock, saturation
from mmm_core.posterior import spec_of
from mmm_core.spec import ModelSpec

Array = Any  # of NumPy in a posterior, of JAX inside a program


class MediaParameters(NamedTuple):
    """Parameters of the media effect; draws may be stacked on leading axes of all four."""

    alpha: Array  # (..., channel)
    half_saturation: Array  # (..., channel), in units of the channel's mean non-zero week
    slope: Array  # (..., channel)
    coefficient: Array  # (..., geo, channel), ceiling in scaled KPI


@dataclass(frozen=True)
class MediaLayout:
    """Which adstock and saturation each channel uses; fixed while a program is compiled."""

    adstock_kind: tuple[str, ...]
    l_max: tuple[int, ...]
    saturation_kind: tuple[str, ...]

    @property
    def lags(self) -> int:
        """Number of lags stacked for every channel, lag 0 included."""
        return max(self.l_max) + 1

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
    length = layout.lags
    kinds = set(zip(layout.adstock_kind, layout.l_max, strict=True))
    if len(kinds) == 1:
        return adstock.lag_weights(layout.adstock_kind[0], alpha, layout.l_max[0], length)
    rows = [
        adstock.lag_weights(kind, alpha[i], l_max, length)
        for i, (kind, l_max) in enumerate(zip(layout.adstock_kind, layout.l_max, strict=True))
    ]
    return jnp.stack(rows)


def saturated_media(
    layout: MediaLayout, media: jax.Array, alpha: jax.Array, half_saturation: jax.Array, slope: jax.Array
) -> jax.Array:
    """Response of each channel before its coefficient, (channel, geo, week).

    Args:
        media: scaled media at every lag, (channel, lag, geo, week), from `mmm_core.adstock.lagged`.
        alpha, half_saturation, slope: (channel,).
    """
    carried = adstock.convolve(media, lag_weights(layout, alpha))
    half_saturation, slope = half_saturation[:, None, None], slope[:, None, None]
    kinds = set(layout.saturation_kind)
    if len(kinds) == 1:
        return saturation.CURVES[layout.saturation_kind[0]](carried, half_saturation, slope)
    channels = [
        saturation.CURVES[kind](carried[i], half_saturation[i], slope[i])
        for i, kind in enumerate(layout.saturation_kind)
    ]
    return jnp.stack(channels)


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

    def lagged(self, exposure: np.ndarray | jax.Array) -> jax.Array:
        """Scaled media at every lag, (channel, lag, geo, week), from exposure (geo, week, channel).

        Exposure is in the table's units; scaled media are per head, in units of the channel's mean non-zero week.
        """
        scaled = jnp.asarray(exposure) / self.population[:, None, None] / self.media_scale
        return adstock.lagged(scaled, self.layout.lags)

    def effect(self, parameters: MediaParameters, exposure: np.ndarray | jax.Array) -> jax.Array:
        """KPI that each channel brings, (..., geo, week, channel) in the KPI's units.

        Args:
            parameters: one draw, or draws stacked on one leading axis.
            exposure: (geo, week, channel) in the table's units. Nothing carries over into the first week.
        """
        media = self.lagged(exposure)
        unit = (self.population * self.kpi_scale)[:, None, None]

        def one(draw: MediaParameters) -> jax.Array:
            response = saturated_media(self.layout, media, draw.alpha, draw.half_saturation, draw.slope)
            return jnp.moveaxis(response, 0, -1) * draw.coefficient[:, None, :] * unit

        return one(parameters) if parameters.alpha.ndim == 1 else jax.vmap(one)(parameters)


def media_parameters(tree: xr.DataTree, draws: np.ndarray | slice | None = None) -> MediaParameters:
    """The media parameters of a posterior, chains and draws on one leading axis.

    Args:
        draws: positions on that axis to keep; all by default.
    """
    posterior = tree["posterior"].to_dataset()

    def stacked(name: str) -> np.ndarray:
        values = posterior[name].to_numpy()
        values = values.reshape(-1, *values.shape[2:])
        return values if draws is None else values[draws]

    return MediaParameters(*(stacked(name) for name in MediaParameters._fields))


def media_effect(
    tree: xr.DataTree, parameters: MediaParameters, exposure: np.ndarray | None = None
) -> jax.Array:
    """KPI that each channel brings, (..., geo, media_week, channel), under an exposure path (the observed one)."""
    data = tree["constant_data"].to_dataset()
    model = MediaModel.of(data, spec_of(tree))
    return model.effect(parameters, data["exposure"].to_numpy() if exposure is None else exposure)
