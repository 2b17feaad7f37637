"""Panels of any size with a known truth, for what a panel costs.

Each geo has media of its own: a national rhythm, weeks of its own beside it, and channels that some geos never use.
Effects differ by geo around a common one, as `geo: {pooling: partial}` assumes, and a random-walk level is shared.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.common.job import Job
from benchmarks.worlds import World
from benchmarks.worlds.peer_style import BURN_IN, FIRST_WEEK, L_MAX, LEVEL, adstock, autoregressive


def panel(seed: int, geos: int = 184, weeks: int = 109, channels: int = 13, controls: int = 7) -> World:
    """A panel whose table has `weeks` rows a geo, the first 8 of them media history.

    Saturation is Hill with slope 1. Media are spend per head: the price of a channel follows from its ROI.
    """
    rng = np.random.default_rng([seed, 4])
    long = weeks + BURN_IN
    national = autoregressive(rng, long, channels, 0.6)
    local = autoregressive(rng, long, geos * channels, 0.4).reshape(long, geos, channels)
    media = np.exp(0.4 * national[:, None] + 0.4 * local)  # per head
    media *= rng.random((geos, channels)) < 0.9
    alpha, half = rng.uniform(0.2, 0.7, channels), rng.lognormal(0, 0.3, channels)
    share = rng.dirichlet(np.full(channels, 3.0)) * 0.3
    roi = rng.lognormal(0.2, 0.5, channels)
    population = np.round(1e5 * np.exp(rng.normal(0, 0.8, geos)))
    head = population / population.sum()

    level = np.cumsum(rng.normal(0, 0.01, weeks))
    intercept = rng.lognormal(0, 0.2, geos)
    seen = autoregressive(rng, weeks, geos * controls, 0.5).reshape(weeks, geos, controls)
    kpi = level[:, None] + intercept + seen @ rng.normal(0, 0.03, controls)
    kpi = kpi + 0.08 * rng.standard_normal((weeks, geos))
    names = [f"channel_{c + 1}" for c in range(channels)]
    columns: dict[str, np.ndarray] = {}
    counted = slice(L_MAX, None)
    for c, name in enumerate(names):
        carried = np.stack([adstock(media[:, g, c], alpha[c])[BURN_IN:] for g in range(geos)], axis=1)
        response = carried / (carried + half[c])
        by_geo = np.maximum(1 + 0.3 * rng.standard_normal(geos), 0)
        brought = response * by_geo
        brought *= share[c] * (weeks - L_MAX) / (brought[counted] @ head).sum()
        kpi = kpi + brought
        units = media[BURN_IN:, :, c] * head
        columns[f"{name}_spend"] = units * (
            LEVEL * (brought[counted] @ head).sum() / roi[c] / units[counted].sum()
        )
    for k in range(controls):
        columns[f"control_{k + 1}"] = seen[:, :, k]
    columns["revenue"] = LEVEL * kpi * head
    table = pd.DataFrame(
        {
            "week_start": np.tile(pd.date_range(FIRST_WEEK, periods=weeks, freq="7D"), geos),
            "geo": np.repeat([f"geo_{g + 1:03d}" for g in range(geos)], weeks),
            "population": np.repeat(population, weeks),
            **{name: values.T.ravel() for name, values in columns.items()},
        }
    )
    job = Job(
        kpi="revenue",
        spend={name: f"{name}_spend" for name in names},
        controls=tuple(f"control_{k + 1}" for k in range(controls)),
        geo="geo",
        population="population",
        l_max=L_MAX,
    )
    return World(f"panel-{seed}", "panel", table, job, dict(zip(names, map(float, roi), strict=True)))
