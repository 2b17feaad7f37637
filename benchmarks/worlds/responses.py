"""Responses to spend that are known, as problems of a budget: channels, channels by geo, channels by week.

Hill curves with random half-saturations, slopes and ceilings, each with a spread over the draws; slopes above 1 make
an S-shape. Money is of no currency.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from mmm_core.budget.constraints import Constraints, Limit
from mmm_core.budget.flighting import ChannelFlight, Flight
from mmm_core.budget.objective import Objective
from mmm_core.budget.problem import Problem
from mmm_core.budget.response import Curves, saturating
from mmm_core.effects.curves import ChannelResponse, ResponseArrays, carry

TAIL = 8
"""Weeks that media carry over."""


@dataclass(frozen=True)
class Hill:
    """Curves ceiling x s^slope / (half^slope + s^slope) of s = spend / unit; (draw, channel) each, unit (channel,)."""

    half: np.ndarray
    slope: np.ndarray
    ceiling: np.ndarray
    unit: np.ndarray

    def expected(self, spend: np.ndarray) -> np.ndarray:
        """Mean outcome of each channel, (..., channel), at spend (..., channel)."""
        x = np.asarray(spend)[..., None, :] / self.unit
        return (self.ceiling * x**self.slope / (self.half**self.slope + x**self.slope)).mean(axis=-2)


def hill(channels: int, draws: int, seed: int) -> Hill:
    """Random curves, about half of them S-shaped."""
    rng = np.random.default_rng(seed)
    unit = 100 * rng.lognormal(0, 0.8, channels)
    around = rng.normal(size=(3, draws, channels))
    return Hill(
        half=np.exp(rng.normal(0, 0.5, channels) + 0.25 * around[0]),
        slope=np.exp(rng.normal(0.2, 0.5, channels) + 0.1 * around[1]),
        ceiling=2.5 * unit * np.exp(rng.normal(0, 0.5, channels) + 0.3 * around[2]),
        unit=unit,
    )


def by_channel(curves: Hill, objective: Objective, lower: float = 0.3, upper: float = 1.7) -> Problem:
    """Today's total split over channels, each between two multiples of its spend today."""
    count = len(curves.unit)
    response = saturating(
        "hill", {"slope": curves.slope, "half_saturation": curves.half}, curves.ceiling, curves.unit
    )
    total = float(curves.unit.sum())
    within = Constraints(
        tuple(f"channel {i}" for i in range(count)), lower * curves.unit, upper * curves.unit,
        (Limit("the total", np.ones(count), total, total),),
    )  # fmt: skip
    return Problem(response, within, objective, start=curves.unit)


def by_geo(channels: int, geos: int, draws: int, seed: int, objective: Objective, weeks: int = 13) -> Problem:
    """Today's total split over channels and geos: a channel .6 to 1.6 times, a cell .3 to 2 times its spend today."""
    rng = np.random.default_rng(seed)
    size = rng.lognormal(0, 0.7, geos)
    responses, ceilings, spends = [], [], []
    for _ in range(channels):
        level = size * np.exp(rng.normal(0, 0.4, geos))
        weekly = rng.gamma(3, 1 / 3, (geos, weeks)) * (level / size)[:, None]
        lags = _lags(rng, draws)
        media = jnp.asarray(np.pad(weekly, ((0, 0), (0, TAIL))))[None]
        before = 0.1 * (level / size)[None, :, None] * 0.9 ** np.arange(weeks + TAIL)
        responses.append(
            ChannelResponse(
                saturation="hill",
                parameters=_shape(rng, draws),
                carried=jnp.broadcast_to(jnp.asarray(before), (draws, geos, weeks + TAIL)),
                planned=carry(media, lags),
                flight=None,
                lags=lags,
                reached=False,
            )
        )
        spends.append(100 * weeks * np.exp(rng.normal(0, 0.6)) * level)
        spread = np.exp(0.3 * rng.normal(size=(draws, 1)) + 0.2 * rng.normal(size=(draws, geos)))
        ceilings.append(250 * np.exp(rng.normal(0, 0.3)) * size * spread)
    spend, cells = np.concatenate(spends), channels * geos
    arrays = ResponseArrays(tuple(responses), jnp.asarray(np.stack(ceilings)), jnp.ones((1, 1, 1, 1)), False)
    limits = [Limit("the total", np.ones(cells), spend.sum(), spend.sum())]
    limits += _each_channel(channels, geos, spend, 0.6, 1.6)
    within = Constraints(tuple(f"cell {i}" for i in range(cells)), 0.3 * spend, 2.0 * spend, tuple(limits))
    return Problem(
        Curves(arrays, jnp.asarray(spend), jnp.zeros(cells), by_geo=True), within, objective, start=spend
    )


def by_week(channels: int, weeks: int, draws: int, seed: int, objective: Objective) -> Problem:
    """Today's total over channels and weeks: a channel .5 to 1.5 times its spend, a week up to 3 times the mean one."""
    rng = np.random.default_rng(seed)
    parts, ceilings, spent = [], [], []
    for _ in range(channels):
        weekly = 100 * rng.gamma(3, 1 / 3, weeks) * np.exp(rng.normal(0, 0.6))
        lags = _lags(rng, draws)
        carried = jnp.broadcast_to(
            jnp.asarray(0.5 * 0.6 ** np.arange(weeks + TAIL)), (draws, 1, weeks + TAIL)
        )
        base = ChannelResponse(
            saturation="hill", parameters=_shape(rng, draws), carried=carried, planned=carried,
            flight=None, lags=lags, reached=False,
        )  # fmt: skip
        parts.append(ChannelFlight(base, jnp.full((1, 1, weeks), 1 / weekly.mean())))
        ceilings.append(2.5 * weekly.mean() * np.exp(rng.normal(0, 0.3) + 0.3 * rng.normal(size=draws)))
        spent.append(weekly)
    flight = Flight(
        tuple(parts), jnp.asarray(np.stack(ceilings))[:, :, None], jnp.ones((1, 1, 1, 1)),
        jnp.asarray(np.stack(spent, axis=1)), False,
    )  # fmt: skip
    spend, cells = np.concatenate(spent), channels * weeks
    limits = [Limit("the total", np.ones(cells), spend.sum(), spend.sum())]
    limits += _each_channel(channels, weeks, spend, 0.5, 1.5)
    most = np.repeat([3.0 * weekly.mean() for weekly in spent], weeks)
    within = Constraints(tuple(f"cell {i}" for i in range(cells)), np.zeros(cells), most, tuple(limits))
    return Problem(flight, within, objective, start=spend)


def _lags(rng: np.random.Generator, draws: int) -> jnp.ndarray:
    retained = np.clip(rng.beta(4, 4) + 0.05 * rng.normal(size=draws), 0.05, 0.9)
    weights = retained[:, None] ** np.arange(TAIL + 1)
    return jnp.asarray(weights / weights.sum(axis=1, keepdims=True))


def _shape(rng: np.random.Generator, draws: int) -> dict[str, jnp.ndarray]:
    slope = np.exp(rng.normal(0.1, 0.3) + 0.1 * rng.normal(size=draws))
    half = np.exp(rng.normal(0, 0.3) + 0.2 * rng.normal(size=draws))
    return {"slope": jnp.asarray(slope), "half_saturation": jnp.asarray(half)}


def _each_channel(channels: int, cells: int, spend: np.ndarray, low: float, high: float) -> list[Limit]:
    which = np.repeat(np.arange(channels), cells)
    return [
        Limit(
            f"channel {i}",
            (which == i).astype(float),
            low * spend[which == i].sum(),
            high * spend[which == i].sum(),
        )
        for i in range(channels)
    ]
