"""Response curves: what a channel's spend over the coming weeks brings, as draws.

The next H weeks repeat the flighting of the last H, each channel's spend scaled by a multiplier. What those media bring
after the horizon counts too, in the l_max weeks that they carry over into. Media before the horizon carry over into it,
and media after it go on as in the last H weeks, the same weeks over and over, whatever the multiplier. Both are there
with the horizon's media and without them, and saturate with them; their own outcome is not counted. A response is

    outcome(before, horizon's media, after) - outcome(before, nothing, after)

from the horizon's first week to the last that it carries over into, so that the difference of two multipliers is that
of the outcomes themselves. With `after: none` nothing is bought after the horizon.

Exposure scales with spend (the period's cost per impression holds); of reach and frequency, reach does and the
frequency stays. Where the budget has a `price_rise`, a multiple of the spend buys a smaller one of the media. A unit of
KPI is worth what it was in the period, its average afterwards, and later outcome counts less where the budget has a
`discount`. A time-varying effect stays where it was in the last fitted week.

A response is of the short term, whatever the budget's horizon: what media bring by way of the brand is in proportion to
spend and no curve (`mmm_core.budget.long_effect`).

A channel without spend in the last H weeks has no flighting there to scale: its curve repeats the H weeks up to its
last week with spend instead, and their cost per impression.

Where the KPI's logarithm is modelled, what a channel brings depends on the others. Curves take one channel at a time:
the other channels repeat the period's media, and the base is what the model expected of the replayed weeks without
media, its average afterwards. One channel's curve is exact at that; the sum of several is an approximation, which
leaves out how their changes multiply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.effects.price_rise import bought, rises
from mmm_core.errors import InputError
from mmm_core.model.media import MediaModel, lag_weights, lag_weights_of_draws
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import approximation, labelled, outcome_name
from mmm_core.posterior.predictor import Predictor
from mmm_core.spec.budget_spec import Budget
from mmm_core.transforms.saturation import SATURATIONS

MULTIPLIERS: tuple[float, ...] = tuple(np.linspace(0.0, 2.0, 41).round(3).tolist())
"""Default multiples of the last period's spend."""

MAX_DRAWS = 1000
"""Posterior draws behind a curve, spread evenly over the chains: the error of a mean is 3 % of its posterior sd."""
MAX_NUMBERS = 2_000_000
"""Numbers over draws, geos, weeks and channels that an array may hold (16 MB); fewer draws where they do not fit."""
MIN_DRAWS = 200
"""Posterior draws behind a curve at least."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ChannelResponse:
    """What one channel's media become in the horizon and the l_max weeks after it.

    Media that carry over before they saturate are carried + m * planned at a multiplier m, adstock being linear. Media
    that saturate first are `flight`, saturated at m times its size and then carried over; other weeks add a
    constant. Of reach and frequency the reach is scaled: m * planned, all that the horizon adds.

    Attributes:
        saturation: kind of the curve; parameters: of it, by name, each (draw,).
        carried: (draw, geo, week), scaled media of the weeks before and after; the response to them where media
            saturate first.
        planned: (draw, geo, week), those of the horizon; None where `flight` is in its place.
        flight: (geo, week), scaled media of the horizon before they carry over, where they saturate first; else None.
        lags: (draw, lag) weights.
        reached: whether the media are reach and frequency.
    """

    saturation: str = field(metadata={"static": True})
    parameters: dict[str, Any]
    carried: Any
    planned: Any
    flight: Any
    lags: Any
    reached: bool = field(metadata={"static": True})

    def response(self, multiplier: Any) -> Any:
        """Response before the coefficient, (draw, geo, week), at a multiplier; traceable by JAX."""
        curve = SATURATIONS[self.saturation].function
        shape_of_channel = {name: value[:, None, None] for name, value in self.parameters.items()}
        if self.reached:
            return self.carried + multiplier * self.planned
        if self.flight is None:
            return curve(self.carried + multiplier * self.planned, **shape_of_channel)
        saturated = curve(multiplier * self.flight[None], **shape_of_channel)
        return self.carried + carry(saturated, self.lags)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ResponseArrays:
    """The arrays of a `SpendResponse`, as an argument of compiled programs: another posterior runs the same program.

    Attributes: as there.
    """

    by_channel: tuple[ChannelResponse, ...]
    ceiling: Any
    worth: Any
    log: bool = field(metadata={"static": True})

    def draws(self, multiplier: Any) -> Any:
        """Incremental outcome (draw, channel) at multipliers (channel,); traceable by JAX."""
        columns = []
        for i, channel in enumerate(self.by_channel):
            more = channel.response(multiplier[i]) - channel.response(0.0)
            more = more * self.ceiling[i][..., None]
            worth = self.worth[min(i, len(self.worth) - 1)]
            columns.append(jnp.sum((jnp.expm1(more) if self.log else more) * worth, axis=(1, 2)))
        return jnp.stack(columns, axis=-1)

    def expected(self, multiplier: Any) -> Any:
        """Mean over draws of the incremental outcome, (channel,); traceable by JAX."""
        return self.draws(multiplier).mean(axis=0)


@jax.jit
def draws_at(arrays: ResponseArrays, multipliers: Any) -> Any:
    """Incremental outcome (row, draw, channel) at rows of multipliers (row, channel)."""
    return jax.lax.map(arrays.draws, multipliers)


@dataclass(frozen=True)
class SpendResponse:
    """Incremental outcome of scaling what each paid channel did in a period.

    That is the last comparable period, or of a channel without spend in it the latest that ends with some.

    Attributes:
        channels: paid channels; by_channel: the response of each.
        weeks: length of the horizon.
        outcome: what responses are counted in: revenue, or the KPI.
        positions: of the posterior draws behind it.
        current: (channel,) spend of the last comparable period, over all geos.
        repeated: (channel,) spend of the period that a multiplier of 1 repeats; `current` where there is any.
        last_week: (channel,) last week of that period.
        weeks_since: (channel,) weeks from the last one with spend to the end of the data, both counted.
        weeks_of_data: modelled weeks, the longest horizon that there can be.
        log: whether the KPI's logarithm is modelled.
        ceiling: (channel, draw, geo) KPI, or its logarithm, that a response of 1 brings.
        worth: (channel or 1, draw or 1, geo, week) outcome of one unit of KPI; where its logarithm is modelled,
            expected outcome without this channel's media and with the others'. Later weeks count less where the budget
            discounts them.
    """

    channels: tuple[str, ...]
    by_channel: tuple[ChannelResponse, ...]
    weeks: int
    outcome: str
    positions: np.ndarray
    current: np.ndarray
    repeated: np.ndarray
    last_week: np.ndarray
    weeks_since: np.ndarray
    weeks_of_data: int
    log: bool
    ceiling: Any
    worth: Any

    @property
    def arrays(self) -> ResponseArrays:
        """What compiled programs are given."""
        return ResponseArrays(self.by_channel, self.ceiling, self.worth, self.log)

    def expected(self, multiplier: Any) -> Any:
        """Mean over draws of the incremental outcome, (channel,); traceable by JAX."""
        return self.arrays.expected(multiplier)

    @property
    def off(self) -> np.ndarray:
        """(channel,), whether a channel had no spend in the last comparable period."""
        return self.current <= 0

    @property
    def unit(self) -> np.ndarray:
        """(channel,) spend of a multiplier of 1, and 1 where there is none at all, which cannot be scaled."""
        return np.where(self.repeated > 0, self.repeated, 1.0)


@dataclass(frozen=True)
class Periods:
    """Where in the media weeks the period begins that each channel repeats, and its spend; (paid channel,)."""

    start: np.ndarray
    current: np.ndarray
    repeated: np.ndarray
    weeks_since: np.ndarray

    @classmethod
    def of(cls, spend: np.ndarray, weeks: int) -> Periods:
        """From spend (media_week, paid channel) and the length of the horizon."""
        length = len(spend)
        current = spend[length - weeks :].sum(axis=0)
        running = spend > 0
        since = np.where(running.any(axis=0), np.argmax(running[::-1], axis=0) + 1, length)
        start = np.where(current > 0, length - weeks, np.maximum(length - since + 1 - weeks, 0))
        repeated = [spend[first : first + weeks, channel].sum() for channel, first in enumerate(start)]
        return cls(start, current, np.array(repeated), since)


def spend_response(
    tree: xr.DataTree | Posterior, weeks: int | None = None, budget: Budget | None = None
) -> SpendResponse:
    """The response to spend of the next weeks. Call inside `jax.enable_x64(True)`.

    Args:
        weeks: the horizon; default the budget's.
        budget: whose `weeks`, `after` and `discount` hold; default the model's own.

    Raises:
        InputError: the table holds fewer weeks than the horizon.
    """
    posterior = Posterior.of(tree)
    budget = budget or posterior.spec.budget
    # budgets of a sweep, curves, allocation and gates ask for the same
    asked = (weeks or budget.weeks, budget.after, budget.discount, jnp.result_type(float).name)
    return posterior.latest(_spend_response, *asked)


def _spend_response(
    posterior: Posterior, weeks: int, after: str, discount: float, _precision: str
) -> SpendResponse:
    spec, data = posterior.spec, posterior.data
    available = data.sizes["week"]
    if weeks > available:
        span = plural(weeks, "week")
        raise InputError(
            f"model {spec.model}: a horizon of {span} repeats the last {span} of the data, which hold "
            f"{available}: shorten `budget: weeks`"
        )
    paid = len(spec.paid)
    tail = max(posterior.media.layout.l_max)
    positions = response_positions(posterior, weeks)
    predictor = posterior.predictor(positions)
    periods = Periods.of(data["spend"].to_numpy().sum(axis=0), weeks)
    responses = _channel_responses(predictor, weeks, tail, periods.start, after == "continue")
    ceiling = np.moveaxis(predictor.parameters.coefficient, -1, 0) * predictor.media.unit
    if predictor.parameters.multiplier is not None:
        ceiling = ceiling * predictor.parameters.multiplier[:, -1].T[..., None]
    worth = repeated_values(predictor.worth[None], weeks, tail)
    return SpendResponse(
        channels=spec.paid,
        by_channel=responses[:paid],
        weeks=weeks,
        outcome=outcome_name(spec),
        positions=positions,
        current=periods.current,
        repeated=periods.repeated,
        last_week=data["media_week"].to_numpy()[periods.start + weeks - 1],
        weeks_since=periods.weeks_since,
        weeks_of_data=available,
        log=predictor.log,
        ceiling=jnp.asarray(ceiling[:paid]),
        worth=discounted(discount, weeks + tail)
        * (
            _without_own_media(predictor, responses, ceiling, worth, weeks, periods.current > 0)
            if predictor.log
            else jnp.asarray(worth[None])
        ),
    )


def discounted(rate: float, weeks: int) -> np.ndarray:
    """What outcome of each of the coming weeks counts at an annual rate of discount, (week,)."""
    return np.asarray((1.0 + rate) ** (-np.arange(weeks) / 52.0))


def response_positions(posterior: Posterior, weeks: int) -> np.ndarray:
    """Positions of the draws behind a response to spend of so many weeks."""
    ahead = weeks + max(posterior.media.layout.l_max)
    a_draw = posterior.data.sizes["geo"] * ahead * len(posterior.spec.channels)
    return posterior.thinned(min(MAX_DRAWS, max(MAX_NUMBERS // a_draw, MIN_DRAWS)))


def _channel_responses(
    predictor: Predictor, weeks: int, tail: int, start: np.ndarray, goes_on: bool
) -> tuple[ChannelResponse, ...]:
    """Media of every channel, organic ones too, in the horizon that repeats some weeks and the tail after it.

    Paid channels repeat the weeks from `start` (paid channel,) on, organic ones the last. In the tail the last weeks
    come again where media go on.
    """
    model, layout = predictor.media, predictor.media.layout
    shape = {name: jnp.asarray(values) for name, values in predictor.parameters.shape.items()}
    if shape:
        lags = lag_weights_of_draws(layout, shape)
    else:
        lags = jnp.broadcast_to(lag_weights(layout, {}), (predictor.draws, layout.channels, layout.lags))
    media = predictor.exposure / model.population[:, None, None] / model.media_scale
    length = media.shape[1]
    responses = []
    for i, kind in enumerate(layout.saturation_kind):
        shape_of_channel = {name: shape[name][:, i] for name in SATURATIONS[kind].parameters}
        # the latest `tail` weeks carry over into the horizon, which repeats `weeks` weeks, mostly the latest
        first = int(start[i]) if i < len(start) else length - weeks
        again = slice(first, first + weeks)
        values = media[..., i]
        saturated_first, reached = layout.saturated_first[i], layout.has_frequency[i]
        if saturated_first:
            curve, wide = (
                SATURATIONS[kind].function,
                {name: value[:, None, None] for name, value in shape_of_channel.items()},
            )
            values = _by_frequency(model, i) if reached else values
            saturated = curve(jnp.asarray(values)[None], **wide)
            values = saturated * media[..., i] if reached else saturated
        else:
            values = values[None]
        later = repeating(values[..., length - weeks :], tail) * float(goes_on)
        history = jnp.pad(values[..., length - tail :], ((0, 0), (0, 0), (0, weeks)))
        others = jnp.concatenate([history, later], axis=-1)
        flight = jnp.pad(values[..., again], ((0, 0), (0, 0), (0, tail)))
        raw = None
        if saturated_first and not reached:
            raw = jnp.pad(jnp.asarray(media[:, again, i]), ((0, 0), (0, tail)))
        responses.append(
            ChannelResponse(
                saturation=kind,
                parameters=shape_of_channel,
                carried=carry(others, lags[:, i])[..., tail:],
                planned=None if raw is not None else carry(flight, lags[:, i]),
                flight=raw,
                lags=lags[:, i],
                reached=reached,
            )
        )
    return tuple(responses)


def _by_frequency(model: MediaModel, channel: int) -> np.ndarray:
    assert model.frequency is not None
    return model.frequency[..., channel]


def carry(media: Any, lags: Any) -> Any:
    """Media (draw or 1, geo, week) carried over with each draw's lag weights (draw, lag), nothing before the first."""
    out = lags[:, 0, None, None] * media
    for lag in range(1, min(lags.shape[1], media.shape[-1])):
        late = jnp.pad(media[..., :-lag], ((0, 0), (0, 0), (lag, 0)))
        out = out + lags[:, lag, None, None] * late
    return out


def repeating(values: Any, weeks: int, axis: int = -1) -> Any:
    """Values over and over for so many weeks, which lie on `axis`."""
    return values.take(np.arange(weeks) % values.shape[axis], axis=axis)


def repeated_values(values: np.ndarray, weeks: int, tail: int) -> np.ndarray:
    """Values (draw, geo, week) of the last weeks, and their mean in each week of the tail."""
    period = values[..., values.shape[-1] - weeks :]
    after = np.repeat(period.mean(axis=-1, keepdims=True), tail, axis=-1)
    return np.concatenate([period, after], axis=-1)


def _without_own_media(
    predictor: Predictor,
    responses: tuple[ChannelResponse, ...],
    ceiling: np.ndarray,
    worth: np.ndarray,
    weeks: int,
    running: np.ndarray,
) -> Any:
    """Expected outcome without each paid channel's media and with all others', (channel, draw, geo, week).

    The others do as in the last weeks: a paid channel that was not `running` in them, (paid channel,), stays off.
    """
    tail, paid = worth.shape[-1] - weeks, len(predictor.spec.paid)
    base = np.empty((predictor.draws, *worth.shape[1:]))
    for which in predictor.chunks():
        expected = predictor.expected(predictor.baseline_terms(which), which)
        base[which] = repeated_values(expected, weeks, tail)

    def term(i: int, multiplier: float) -> np.ndarray:
        return np.asarray(responses[i].response(multiplier)) * ceiling[i][..., None]

    now = [float(running[i]) if i < paid else 1.0 for i in range(len(responses))]
    everything = sum(term(i, now[i]) for i in range(len(responses)))
    return jnp.asarray(
        np.stack([base * worth * np.exp(everything - term(i, now[i]) + term(i, 0.0)) for i in range(paid)])
    )


def was_off(channel: str, weeks: int, last_week: np.datetime64) -> str:
    """What the curve of a channel without spend in the last comparable period is of."""
    return (
        f"{channel} had no spend in the last {plural(weeks, 'week')}: its curve and cost are those of the "
        f"{plural(weeks, 'week')} to {pd.Timestamp(last_week):%Y-%m-%d}, its latest with spend"
    )


def response_draws(
    tree: xr.DataTree | Posterior,
    multipliers: Sequence[float] = MULTIPLIERS,
    weeks: int | None = None,
    budget: Budget | None = None,
) -> xr.Dataset:
    """Draws behind `response_curves`, with its arguments.

    Returns response (draw, channel, multiplier) and spend (channel, multiplier). The draws are at most 1000, spread
    evenly over the chains.
    """
    if len(multipliers) == 0 or min(multipliers) < 0:
        raise InputError(f"multipliers must be 0 or more, got {list(multipliers)}")
    budget = budget or Posterior.of(tree).spec.budget
    with jax.enable_x64(True):
        response = spend_response(tree, weeks, budget)
        grid = np.repeat(np.asarray(multipliers, dtype=float)[:, None], len(response.channels), axis=1)
        media = bought(grid, rises(budget.price_rise, response.channels))
        draws = np.asarray(draws_at(response.arrays, jnp.asarray(media)))
    return xr.Dataset(
        {
            "response": (("draw", "channel", "multiplier"), np.moveaxis(draws, 0, -1)),
            "spend": (("channel", "multiplier"), response.repeated[:, None] * grid.T),
            "last_week": (("channel",), response.last_week),
        },
        coords={"channel": list(response.channels), "multiplier": grid[:, 0]},
        attrs={
            "outcome": response.outcome,
            "weeks": response.weeks,
            "approximate": approximation(tree),
            "off": {
                channel: was_off(channel, response.weeks, response.last_week[i])
                for i, channel in enumerate(response.channels)
                if response.off[i]
            },
        },
    )


def response_curves(
    tree: xr.DataTree | Posterior,
    multipliers: Sequence[float] = MULTIPLIERS,
    weeks: int | None = None,
    budget: Budget | None = None,
) -> pd.DataFrame:
    """Incremental outcome of each paid channel at multiples of its last period's spend.

    Of a channel without spend in that period, at multiples of the period of the same length up to its last week with
    spend.

    Args:
        tree: a posterior.
        multipliers: multiples of the spend of the last `weeks` weeks, not negative.
        weeks: the horizon; default the budget's.
        budget: whose `weeks`, `after`, `price_rise` and `discount` hold; default the model's own.

    Returns:
        A row a channel and multiplier: channel, spend, multiplier, mean, q05, q95 (outcome over the horizon and the
        weeks it carries over into), last_week (of the period that a multiplier of 1 repeats). Attributes as
        `mmm_core.posterior.labels.labelled` sets them, `weeks`, and `off`: of each channel without spend in
        the last `weeks` weeks, what its curve is of.

    Raises:
        InputError: a negative multiplier, or a horizon longer than the data.
    """
    return response_table(response_draws(tree, multipliers, weeks, budget), tree)


def response_table(found: xr.Dataset, tree: xr.DataTree | Posterior) -> pd.DataFrame:
    """The table of `response_curves` from its draws.

    Args:
        found: of `response_draws`. tree: the posterior that they are of.
    """
    parts = []
    for channel in found["channel"].to_numpy():
        draws = found["response"].sel(channel=channel).to_numpy()
        q05, q95 = np.quantile(draws, [0.05, 0.95], axis=0)
        columns = {
            "spend": found["spend"].sel(channel=channel).to_numpy(),
            "multiplier": found["multiplier"].to_numpy(),
            "mean": draws.mean(axis=0),
            "q05": q05,
            "q95": q95,
            "last_week": found["last_week"].sel(channel=channel).to_numpy(),
        }
        parts.append(pd.DataFrame({"channel": str(channel), **columns}))
    table = labelled(pd.concat(parts, ignore_index=True), tree)
    table.attrs.update(weeks=found.attrs["weeks"], off=found.attrs["off"])
    return table
