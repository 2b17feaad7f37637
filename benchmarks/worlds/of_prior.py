"""Worlds drawn from the model's own priors: what a posterior says of them should come true as often as it says.

National, 156 modelled weeks after 8 of media history, 4 channels that keep to themselves, 1 control, a baseline that
walks at random. Return, carryover, half saturation and slope of every channel are drawn from the default priors,
whatever was spent.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.common.job import Job
from benchmarks.worlds import World, brought_by
from benchmarks.worlds.confounded import CHANNELS, WEEKS, Truth
from benchmarks.worlds.peer_style import BURN_IN, FIRST_WEEK, L_MAX, LEVEL, adstock, autoregressive


def of_prior(seed: int) -> World:
    """A world of one seed."""
    rng = np.random.default_rng([seed, 21])
    rows, counted = WEEKS + L_MAX, slice(L_MAX, None)
    media = np.exp(0.6 * autoregressive(rng, rows + BURN_IN, CHANNELS, 0.3))
    mean, truth = media.mean(0), Truth.of_prior(rng)

    def response(c: int, path: np.ndarray) -> np.ndarray:
        carried = adstock(path / mean[c], truth.alpha[c]) ** truth.slope[c]
        return np.asarray(carried / (carried + truth.half_saturation[c] ** truth.slope[c]))

    curves = np.column_stack([response(c, media[:, c])[BURN_IN:] for c in range(CHANNELS)])
    size = LEVEL * truth.share * WEEKS / curves[counted].sum(0)
    price = size * curves[counted].sum(0) / truth.roi / media[BURN_IN:][counted].sum(0)
    control = autoregressive(rng, rows, 1, 0.5)[:, 0]
    baseline = 1 + np.cumsum(rng.normal(0, 0.006, rows)) + 0.02 * control
    names = [f"channel_{c + 1}" for c in range(CHANNELS)]
    table = pd.DataFrame({"week_start": pd.date_range(FIRST_WEEK, periods=rows, freq="7D")})
    for c, name in enumerate(names):
        table[f"{name}_spend"] = media[BURN_IN:, c] * price[c]
    table["control_1"] = control
    table["revenue"] = LEVEL * (baseline + 0.02 * rng.standard_normal(rows)) + curves @ size
    job = Job(
        kpi="revenue", spend={name: f"{name}_spend" for name in names}, controls=("control_1",), l_max=L_MAX,
        season_order=0,
    )  # fmt: skip
    roi = {name: float(value) for name, value in zip(names, truth.roi, strict=True)}
    brought = brought_by(response, media, price, size, L_MAX)
    return World(f"of-prior-{seed}", "of_prior", table, job, roi, brought=brought)
