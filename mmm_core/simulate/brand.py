"""Awareness and consideration: slow states that media builds, that a survey would try to measure, and that sell.

Deviations of a market's logits from what is usual, by week t, from brand-building media per head b (mean 1):

    awareness_t     = 0.9 awareness_(t-1)     + 0.1 * 0.5 (b_t - 1)         + u_t
    consideration_t = 0.8 consideration_(t-1) + 0.2 * 0.8 awareness_(t-1)   + v_t
    brand_t         = 0.5 brand_(t-1)         + 0.5 * worth consideration_(t-1)     USD a week and head

u and v are normal, such that alone they would move awareness by 0.08 and consideration by 0.05 (standard deviation).
`brand` is part of revenue, in all geos alike: sales above or below those of a brand as well known as usual. Everything
is linear, so what one USD of a channel brings by way of the brand is the same in every week, whatever else is spent:

    long_run_roi_c * response_l,   l = 0, 1, 2, ... weeks later,   sum_l response_l = 1.

A seed draws the long-run ROI of a channel that builds the brand with all its spend ~ LogNormal(log 1.2, 0.2), which
sets `worth`; others have their part of it: `BUILDERS`. In a market without long-term effects worth is 0, and the states
are all there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from mmm_core.simulate.draws import Draws, Window, decaying_sum

BUILDERS = {"tv": 1.0, "ooh": 0.8, "youtube": 0.6, "radio": 0.5, "meta": 0.3, "tiktok": 0.3}
OTHERS_BUILD = 0.1
METRICS = ("awareness", "consideration")
USUAL_SHARE = {"awareness": 0.45, "consideration": 0.22}
PERSISTENCE = (0.9, 0.8, 0.5)
"""Of awareness, consideration and what they sell, from week to week."""
AWARENESS_BUILT = 0.5
"""Logits of awareness that usual media build in the long run."""
CONSIDERATION_BUILT = 0.8
"""Logits of consideration that a logit of awareness builds in the long run."""
SWINGS = (0.08, 0.05)


@dataclass(frozen=True)
class SimulatedBrand:
    """Brand states and what they sell. Arrays run over the horizon.

    shares: of people, by metric, (weeks,).
    part: USD a week and head beside a usual brand, (weeks,).
    contribution: USD that each channel's media since the origin brings by way of the brand, (weeks, geos, channels):
        a geo has as much of it as it has people, wherever the media ran.
    long_run_roi: the sum over all weeks to come of what one USD brings by way of the brand, (channels,).
    """

    shares: dict[str, np.ndarray]
    part: np.ndarray
    contribution: np.ndarray
    long_run_roi: np.ndarray


def make_brand(
    draws: Draws,
    names: tuple[str, ...],
    spend: np.ndarray,
    population: np.ndarray,
    calibration: Window,
    sells: bool,
) -> SimulatedBrand:
    """Brand states from spend in USD (weeks, geos, channels); with `sells` they are part of revenue."""
    weights = np.array([BUILDERS.get(name, OTHERS_BUILD) for name in names])
    people = population / population.sum()
    national = spend.sum(axis=1)
    building = national @ weights
    usual = float(building[calibration.indices].mean())
    swings = [
        size * draws.autoregressive(f"brand {metric}", len(spend), persistence=persistence)
        for metric, size, persistence in zip(METRICS, SWINGS, PERSISTENCE, strict=False)
    ]
    aware = AWARENESS_BUILT * (_remembered(building, PERSISTENCE[0]) / usual - 1) + swings[0]
    considering = CONSIDERATION_BUILT * _later(aware, PERSISTENCE[1]) + swings[1]
    drawn = float(draws.generator("brand").lognormal(np.log(1.2), 0.2)) if sells else 0.0
    worth = drawn * usual / population.sum() / (AWARENESS_BUILT * CONSIDERATION_BUILT)
    roi = drawn * weights
    return SimulatedBrand(
        shares={
            metric: expit(logit(USUAL_SHARE[metric]) + state)
            for metric, state in zip(METRICS, (aware, considering), strict=True)
        },
        part=worth * _later(considering, PERSISTENCE[2]),
        contribution=people[:, None] * (roi * sold_later(national))[:, None, :],
        long_run_roi=roi,
    )


def response(weeks: int) -> np.ndarray:
    """Share of a channel's long-run effect that comes l weeks after its spend, l = 0, ..., weeks - 1; sums to 1."""
    impulse = np.zeros(weeks)
    impulse[0] = 1.0
    return sold_later(impulse)


def sold_later(spend: np.ndarray) -> np.ndarray:
    """Spend at the weeks in which it sells by way of the brand, along the first axis; before its first week is none."""
    return _later(_later(_remembered(spend, PERSISTENCE[0]), PERSISTENCE[1]), PERSISTENCE[2])


def _remembered(values: np.ndarray, persistence: float) -> np.ndarray:
    """Exponentially weighted mean of this week and those before."""
    return decaying_sum((1 - persistence) * values, persistence)


def _later(values: np.ndarray, persistence: float) -> np.ndarray:
    """The same, of the weeks before this one."""
    return _remembered(np.concatenate([np.zeros_like(values[:1]), values[:-1]]), persistence)
