"""Weeks of spend: what a flighting of each channel brings, carry-over and all, and flightings to choose from.

A plan is the spend of each channel in each of the next H weeks. It buys media at the price of the week of the last
period that it takes the place of, or where nothing was bought then, at the period's; shared out over geos as then.
The media go through the model itself: what the weeks before carry in saturates with them, and what they carry out after
the horizon counts and saturates with the media that go on there, `ChannelResponse.carried`, which no plan changes.
Weeks are therefore no sum of cells, as `mmm_core.budget.response.Curves` are.

The last period's own spend, week by week, gives what `mmm_core.effects.curves` says it brings.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mmm_core.budget.response import Curves
from mmm_core.effects.curves import ChannelResponse, ResponseArrays, SpendResponse, carry
from mmm_core.posterior.handle import Posterior
from mmm_core.transforms.saturation import SATURATIONS


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ChannelFlight:
    """What one channel's weekly spend becomes.

    Attributes:
        base: media before and after, lags and saturation of the channel, `mmm_core.effects.curves.ChannelResponse`.
        rate: (draw or 1, geo, week) media, in the form that carries over, or saturates, that a unit of spend buys.
    """

    base: ChannelResponse
    rate: Any

    @property
    def saturates_first(self) -> bool:
        """Whether media saturate before they carry over, week by week."""
        return self.base.flight is not None

    def media(self, spend: Any) -> Any:
        """Media (draw or 1, geo, week and tail) of weekly spend (week,)."""
        tail = self.base.carried.shape[-1] - self.rate.shape[-1]
        return jnp.pad(self.rate * spend, ((0, 0), (0, 0), (0, tail)))

    def argument(self, spend: Any) -> Any:
        """What saturates, (draw or 1, geo, week and tail)."""
        media = self.media(spend)
        return media if self.saturates_first else self.base.carried + carry(media, self.base.lags)

    def curve(self, argument: Any) -> Any:
        """The saturation of it; reach and frequency have saturated."""
        if self.base.reached:
            return argument
        wide = {name: value[:, None, None] for name, value in self.base.parameters.items()}
        return SATURATIONS[self.base.saturation].function(argument, **wide)

    def finished(self, saturated: Any) -> Any:
        """Response (draw, geo, week and tail) from what has saturated."""
        return self.base.carried + carry(saturated, self.base.lags) if self.saturates_first else saturated

    def response(self, spend: Any) -> Any:
        """Response before the coefficient (draw, geo, week and tail) of weekly spend (week,)."""
        return self.finished(self.curve(self.argument(spend)))

    def nothing(self) -> Any:
        """The same of no spend."""
        return self.response(jnp.zeros(self.rate.shape[-1]))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Flight:
    """Channels whose cells are weeks, channel after channel.

    Attributes:
        channels: each one's response. ceiling, worth: as in `ResponseArrays`.
        spent: (week, channel) spend of the last period.
        log: whether the KPI's logarithm is modelled.
        linear: (draw, channel x week) outcome of a unit of spend beside what the weeks' media bring; or None.
    """

    channels: tuple[ChannelFlight, ...]
    ceiling: Any
    worth: Any
    spent: Any
    log: bool = field(metadata={"static": True})
    linear: Any = None

    def outcome(self, spend: Any) -> Any:
        """Incremental outcome (draw,) of spend (channel x week,); traceable by JAX."""
        return self.by_channel(spend).sum(axis=1)

    def by_channel(self, spend: Any) -> Any:
        """The same of each channel, (draw, channel)."""
        columns = []
        for i, channel, weekly, ceiling, worth in self.parts(spend):
            del i
            more = (channel.response(weekly) - channel.nothing()) * ceiling
            columns.append(jnp.sum((jnp.expm1(more) if self.log else more) * worth, axis=(1, 2)))
        out = jnp.stack(columns, axis=1)
        if self.linear is None:
            return out
        return out + (self.linear * spend).reshape(len(self.linear), len(self.channels), -1).sum(axis=2)

    def parts(self, spend: Any) -> list[tuple[int, ChannelFlight, Any, Any, Any]]:
        """Each channel with its number, its spend (week,), its ceiling and the worth of its outcome."""
        weekly = spend.reshape(len(self.channels), -1)
        return [
            (i, channel, weekly[i], self.ceiling[i][..., None], self.worth[min(i, len(self.worth) - 1)])
            for i, channel in enumerate(self.channels)
        ]


def flight_of(posterior: Posterior, response: SpendResponse) -> Flight:
    """The response by week of the channels of a `SpendResponse`, with its draws, carry-in and worth."""
    predictor = posterior.predictor(response.positions)
    model, data, weeks = predictor.media, posterior.data, response.weeks
    media = predictor.exposure / model.population[:, None, None] / model.media_scale
    spend = data["spend"].to_numpy()
    ends = np.searchsorted(data["media_week"].to_numpy(), response.last_week) + 1
    channels, spent = [], []
    for i, base in enumerate(response.by_channel):
        period = slice(int(ends[i]) - weeks, int(ends[i]))
        values = media[None, :, period, i]
        if base.reached:
            assert model.frequency is not None
            wide = {name: value[:, None, None] for name, value in base.parameters.items()}
            curve = SATURATIONS[base.saturation].function
            values = np.asarray(curve(jnp.asarray(model.frequency[None, :, period, i]), **wide)) * values
        channels.append(ChannelFlight(base, jnp.asarray(_rate(values, spend[:, period, i].sum(axis=0)))))
        spent.append(spend[:, spend.shape[1] - weeks :, i].sum(axis=0))
    return Flight(
        tuple(channels), response.ceiling, response.worth, jnp.asarray(np.stack(spent, axis=1)), response.log
    )


def _rate(media: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """Media (draw or 1, geo, week) for each unit of spend (week,); the period's where none was spent."""
    media = np.nan_to_num(media)
    whole = media.sum(axis=-1, keepdims=True) / max(float(spend.sum()), 1e-300)
    return np.where(spend > 0, media / np.where(spend > 0, spend, 1.0), whole)


def shares(pattern: str, weeks: int) -> np.ndarray:
    """Share of a channel's spend in each week, (week,): even, pulsed (every other week), or front loaded."""
    week = np.arange(weeks)
    weight = {
        "even": np.ones(weeks),
        "pulsed": (week % 2 == 0).astype(float),
        "front_loaded": (weeks - week).astype(float),
    }[pattern]
    return np.asarray(weight / weight.sum())


def pattern_curves(
    posterior: Posterior, response: SpendResponse, patterns: tuple[str, ...], rise: np.ndarray
) -> Curves:
    """Curves with a cell for each channel and pattern, channel after channel; "past" is the last period's flighting."""
    flight = flight_of(posterior, response)
    cells, unit = [], []
    for i, channel in enumerate(flight.channels):
        for pattern in patterns:
            unit.append(float(response.unit[i]))
            if pattern == "past":
                cells.append(channel.base)
                continue
            media = channel.media(jnp.asarray(shares(pattern, response.weeks) * response.repeated[i]))
            cells.append(
                replace(channel.base, flight=media[0])
                if channel.saturates_first
                else replace(channel.base, planned=carry(media, channel.base.lags))
            )
    count = len(patterns)
    worth = response.worth
    arrays = ResponseArrays(
        tuple(cells),
        jnp.repeat(response.ceiling, count, axis=0),
        jnp.repeat(worth, count, axis=0) if len(worth) > 1 else worth,
        response.log,
    )
    return Curves(arrays, jnp.asarray(unit), jnp.asarray(np.repeat(rise, count)))
