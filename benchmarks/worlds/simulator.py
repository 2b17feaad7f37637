"""Worlds of this library's simulator: `mmm_core.simulate.process` says what makes their revenue."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common.job import Job
from benchmarks.worlds import Brought, World, brought_by
from mmm_core.simulate import weekly_table
from mmm_core.simulate.calendar import HOLIDAYS, holiday_dates
from mmm_core.simulate.truth import MarketTruth, adstock, hill

PEAK = "retail_peak"


def simulated(seed: int, market: str = "us", **settings: Any) -> World:
    """A world of one seed; settings as for `mmm_core.simulate.simulate_market`.

    Controls: consumer confidence, competitor spend and an indicator of the four weeks of the retail peak, whose true
    heights differ from one another.
    """
    full, truth = weekly_table(market, seed=seed, **settings)
    channels = [channel.channel for channel in truth.channels]
    geos = full["geo"].nunique() > 1
    week = full["week_start"]
    days = [pd.Timestamp(day) for name in HOLIDAYS for day in holiday_dates(sorted({*week.dt.year}))[name]]
    mondays = {day - pd.Timedelta(days=day.weekday()) for day in days}
    full[PEAK] = week.isin(mondays).astype(float)
    controls = ("consumer_confidence", "competitor_spend", PEAK)
    spend = {name: f"{name}_spend" for name in channels}
    keys = ["week_start", *(["geo", "population"] if geos else [])]
    job = Job(
        kpi="revenue",
        spend=spend,
        controls=controls,
        l_max=truth.l_max,
        geo="geo" if geos else None,
        population="population" if geos else None,
    )
    table = full[[*keys, "revenue", *spend.values(), *controls]]
    return World(
        f"simulator-{market}-{seed}",
        "simulator",
        table,
        job,
        dict(truth.roi(truth.l_max)[channels]),
        brought=None if geos else _brought(truth),
    )


def _brought(truth: MarketTruth) -> Brought:
    """What plans bring in a national market."""
    heads, channels = float(truth.weekly["population"].item()), truth.channels
    media = np.concatenate([truth.history.to_numpy()[0], truth.weekly["spend"].to_numpy()[0]])

    def response(c: int, path: np.ndarray) -> np.ndarray:
        carried = adstock(path / heads, channels[c].alpha, truth.l_max)
        return hill(carried, channels[c].half_saturation_media, channels[c].slope)

    size = heads * np.array([channel.coefficient for channel in channels])
    return brought_by(response, media, np.ones(len(channels)), size, truth.l_max)
