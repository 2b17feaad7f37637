"""What media do to the KPI: scale, adstock, saturation, coefficient.

A channel's response is saturation(adstock(media)); adstock(saturation(media)) where its specification says
`before_adstock`; and adstock(reach * saturation(frequency)) where reach and frequency are known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from mmm_core.devices import exact_products, host_devices
from mmm_core.spec.model_spec import ModelSpec
from mmm_core.transforms import adstock
from mmm_core.transforms.adstock import ADSTOCKS
from mmm_core.transforms.saturation import SATURATIONS

Array = Any  # of NumPy in a posterior, of JAX inside a program

exact_products()
host_devices()  # before anything of a model computes: a fit that follows wants one a chain


class MediaParameters(NamedTuple):
    """Parameters of the media effect; draws may be stacked on leading axes of all of them."""

    shape: dict[str, Array]  # of adstock and saturation by name, each (..., channel); nan where unused
    coefficient: Array  # (..., geo, channel), ceiling in scaled KPI
    multiplier: Array | None = None  # (..., week, channel) of time-varying effects, 1 on average


class MediaInput(NamedTuple):
    """Scaled media in the form a response is computed from, channels in the order of the layout."""

    lagged: Array  # (carried channel, lag, geo, week): media at every lag
    reach: Array  # (saturated channel, geo, media week): reach, or 1
    raw: Array  # (saturated channel, geo, media week): what is saturated before it carries over


@dataclass(frozen=True)
class MediaLayout:
    """Which adstock and saturation each channel uses; fixed while a program is compiled."""

    adstock_kind: tuple[str, ...]
    l_max: tuple[int, ...]
    saturation_kind: tuple[str, ...]
    saturated_first: tuple[bool, ...]
    has_frequency: tuple[bool, ...]  # media are reach and frequency; the frequency is saturated first

    @property
    def lags(self) -> int:
        """Number of lags stacked for every channel, lag 0 included."""
        return max(self.l_max) + 1

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.l_max)

    @classmethod
    def of(cls, spec: ModelSpec) -> MediaLayout:
        """The layout of a specification."""
        channels = spec.channel_specs
        return cls(
            tuple(channel.adstock.kind for channel in channels),
            tuple(channel.adstock.lags for channel in channels),
            tuple(channel.saturation.kind for channel in channels),
            tuple(channel.saturation.before_adstock or bool(channel.frequency) for channel in channels),
            tuple(bool(channel.frequency) for channel in channels),
        )

    def of_channels(self, positions: tuple[int, ...]) -> MediaLayout:
        """The layout of some of the channels."""
        return MediaLayout(
            tuple(self.adstock_kind[i] for i in positions),
            tuple(self.l_max[i] for i in positions),
            tuple(self.saturation_kind[i] for i in positions),
            tuple(self.saturated_first[i] for i in positions),
            tuple(self.has_frequency[i] for i in positions),
        )

    @property
    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Every parameter of adstock and saturation, with the positions of the channels that have it."""
        out: dict[str, list[int]] = {}
        for kinds, known in ((self.adstock_kind, ADSTOCKS), (self.saturation_kind, SATURATIONS)):
            for position, kind in enumerate(kinds):
                for name in known[kind].parameters:
                    out.setdefault(name, []).append(position)
        return {name: tuple(positions) for name, positions in out.items()}


def lag_weights(layout: MediaLayout, shape: dict[str, Array]) -> Array:
    """Normalised lag weights (channel, lag); `shape` holds parameters (channel,)."""
    groups = _groups(tuple(zip(layout.adstock_kind, layout.l_max, strict=True)))
    weights = [
        jnp.broadcast_to(
            adstock.lag_weights(kind, l_max, layout.lags, **_of(shape, ADSTOCKS[kind].parameters, channels)),
            (len(channels), layout.lags),
        )
        for (kind, l_max), channels in groups.items()
    ]
    return _in_order(weights, groups)


@partial(jax.jit, static_argnums=0)
def lag_weights_of_draws(layout: MediaLayout, shape: dict[str, Array]) -> Array:
    """Normalised lag weights (draw, channel, lag); `shape` holds parameters (draw, channel), one at least."""
    return jax.vmap(lambda draw: lag_weights(layout, draw))(shape)


def saturate(layout: MediaLayout, media: Array, shape: dict[str, Array]) -> Array:
    """Saturation of media (channel, geo, week), each channel with its own curve; `shape` holds (channel,)."""
    groups = _groups(layout.saturation_kind)
    parts = []
    for kind, channels in groups.items():
        parameters = _of(shape, SATURATIONS[kind].parameters, channels)
        wide = {name: value[:, None, None] for name, value in parameters.items()}
        parts.append(SATURATIONS[kind].function(rows(media, channels), **wide))
    return _in_order(parts, groups)


def saturated_media(
    layout: MediaLayout, media: MediaInput, shape: dict[str, Array], times: float = 1.0
) -> Array:
    """Response of each channel before its coefficient, (channel, geo, week); `shape` holds (channel,).

    Args:
        times: this many times the media; of reach and frequency, times the reach.
    """
    weights = lag_weights(layout, shape)
    groups = _groups(layout.saturated_first)
    parts = []
    for first, channels in groups.items():
        some, parameters = layout.of_channels(channels), _of(shape, shape, channels)
        kept = rows(weights, channels)
        if first:
            reach, raw = media.reach, media.raw
            if times != 1.0:
                by_reach = np.array(some.has_frequency)[:, None, None]
                reach, raw = reach * np.where(by_reach, times, 1.0), raw * np.where(by_reach, 1.0, times)
            saturated = reach * saturate(some, raw, parameters)
            early = saturated.shape[-1] - media.lagged.shape[-1]
            lagged = adstock.lagged(saturated, some.lags)[..., early:]
            parts.append(adstock.convolve(lagged, kept[:, : some.lags]))
        else:
            carried = adstock.convolve(media.lagged, kept)
            parts.append(saturate(some, carried if times == 1.0 else times * carried, parameters))
    return _in_order(parts, groups)


def rows(values: Array, positions: tuple[int, ...]) -> Array:
    """`values[positions]` for fixed positions, by slices: the gradient of an indexed read is a slow scatter."""
    if positions == tuple(range(len(values))):
        return values
    starts = [i for i in range(len(positions)) if i == 0 or positions[i] != positions[i - 1] + 1]
    ends = [*starts[1:], len(positions)]
    parts = [
        jax.lax.slice_in_dim(values, positions[start], positions[end - 1] + 1)
        for start, end in zip(starts, ends, strict=True)
    ]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def spread_over(values: Array, positions: tuple[int, ...], size: int, fill: float) -> Array:
    """`size` rows, those at `positions` from `values`, the others `fill`: `rows` the other way round."""
    if len(positions) == size:
        return values
    padded = jnp.concatenate([values, jnp.full((1, *values.shape[1:]), fill, values.dtype)])
    filled = len(positions)
    return rows(padded, tuple(positions.index(i) if i in positions else filled for i in range(size)))


def _groups(kinds: tuple[Any, ...]) -> dict[Any, tuple[int, ...]]:
    """Positions of the channels of each kind, in order of first appearance."""
    out: dict[Any, list[int]] = {}
    for position, kind in enumerate(kinds):
        out.setdefault(kind, []).append(position)
    return {kind: tuple(positions) for kind, positions in out.items()}


def _of(shape: dict[str, Array], names: Any, positions: tuple[int, ...]) -> dict[str, Array]:
    """The named parameters of the channels at some positions."""
    return {name: rows(shape[name], positions) for name in names}


def _in_order(parts: list[Array], groups: dict[Any, tuple[int, ...]]) -> Array:
    """Parts of groups of channels, back in the order of the channels."""
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([np.array(positions) for positions in groups.values()]))
    return rows(jnp.concatenate(parts), tuple(order.tolist()))


@dataclass(frozen=True)
class MediaModel:
    """The media part of a fitted model, as a function from parameters and exposure to the KPI's linear predictor.

    Attributes:
        layout: kinds of adstock and saturation.
        media_scale: (channel,) the unit in which exposure (or reach) per head is measured.
        frequency: (geo, media_week, channel) relative to its mean, nan where a channel has none; None without any.
        population: (geo,) relative to its mean.
        unit: (geo,) what one scaled unit of the linear predictor is in the KPI's units, or of its logarithm.
    """

    layout: MediaLayout
    media_scale: np.ndarray
    frequency: np.ndarray | None
    population: np.ndarray
    unit: np.ndarray

    @classmethod
    def of(cls, data: xr.Dataset, spec: ModelSpec) -> MediaModel:
        """From the arrays of `mmm_core.data.arrays.model_data`."""
        population = data["population"].to_numpy()
        frequency = data["frequency"] / data["frequency_scale"] if "frequency" in data else None
        return cls(
            MediaLayout.of(spec),
            data["media_scale"].to_numpy(),
            None if frequency is None else frequency.to_numpy(),
            population,
            float(data["kpi_scale"])
            * (population if spec.kpi.scale == "level" else np.ones_like(population)),
        )

    def geo(self, position: int) -> MediaModel:
        """The same for one geo."""
        geo = slice(position, position + 1)
        frequency = None if self.frequency is None else self.frequency[geo]
        return replace(self, frequency=frequency, population=self.population[geo], unit=self.unit[geo])

    def inputs(self, exposure: Any, frequency: Any = None, window: int | None = None) -> MediaInput:
        """Media in scaled units, from exposure (geo, week, channel) in the table's.

        Args:
            frequency: (geo, week, channel) relative to its mean, as `self.frequency`, which is the default and is then
                of the same weeks.
            window: keep the responses of this many last weeks; all by default.
        """
        # of a table in NumPy: in JAX each operation would be one more program to compile
        xp: Any = np if isinstance(exposure, np.ndarray) else jnp
        scaled = exposure / self.population[:, None, None] / self.media_scale
        media = xp.moveaxis(scaled, -1, 0)
        first = np.flatnonzero(self.layout.saturated_first)
        carried = np.flatnonzero(~np.array(self.layout.saturated_first))
        weeks = media.shape[-1] if window is None else window
        lagged = adstock.lagged(media[carried], self.layout.lags)[..., media.shape[-1] - weeks :]
        raw = media[first]
        reach = xp.ones_like(raw)
        if any(self.layout.has_frequency):
            frequency = self.frequency if frequency is None else frequency
            by_reach = np.array(self.layout.has_frequency)[first][:, None, None]
            reach = xp.where(by_reach, raw, reach)
            raw = xp.where(by_reach, xp.moveaxis(frequency, -1, 0)[first], raw)
        return MediaInput(lagged, reach, raw)

    def effect(
        self, parameters: MediaParameters, exposure: np.ndarray | jax.Array, frequency: Any = None
    ) -> jax.Array:
        """What each channel adds to the linear predictor, (..., geo, week, channel), in units of the KPI.

        Args:
            parameters: one draw, or draws stacked on one leading axis.
            exposure: (geo, week, channel) in the table's units. Nothing carries over into the first week.
            frequency: as in `inputs`.

        A time-varying multiplier is applied to the last weeks of the path, its first value to those before it: a path
        that goes past the fitted weeks takes a multiplier cut to its last week. Where the KPI is modelled as a
        logarithm, the result is in units of the logarithm, the same for every head.

        Raises:
            ValueError: a path shorter than the multiplier.
        """
        media = self.inputs(exposure, frequency)
        unit = self.unit[:, None, None]

        def effect(draw: MediaParameters) -> jax.Array:
            response = jnp.moveaxis(saturated_media(self.layout, media, draw.shape), 0, -1)
            if draw.multiplier is not None:
                early = response.shape[1] - len(draw.multiplier)
                if early < 0:
                    raise ValueError(
                        f"a path of {response.shape[1]} weeks and multipliers of {len(draw.multiplier)}: cut them"
                    )
                response = response * jnp.pad(draw.multiplier, ((early, 0), (0, 0)), mode="edge")
            return response * draw.coefficient[:, None, :] * unit

        return effect(parameters) if parameters.coefficient.ndim == 2 else jax.vmap(effect)(parameters)
