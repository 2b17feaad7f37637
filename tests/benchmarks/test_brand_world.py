"""Both stages on a world whose counterfactual is known: what a fit says in total, nothing counted twice."""

import numpy as np
import pytest
import xarray as xr

from benchmarks.bvar import SPEC
from benchmarks.worlds.brand import KEPT, METRICS, SCALE, SHORT, brand_world
from mmm_core.effects.contributions import contributions
from mmm_core.inference.fit import fit
from mmm_core.long_term.multipliers import effect_of_media
from mmm_core.long_term.stage import fit_long_term
from mmm_core.spec.model_spec import parse_spec

SEED = 3


def lost_without(spend):
    """What is not sold without a path of spend, short and long term apart: the world's own recursion, without noise."""
    states, stock, short, long = np.zeros(3), 0.0, [], []
    for amount in spend:
        aware, considering, base = states
        states = np.array([0.9 * aware + SCALE * 0.25 * amount, 0.8 * considering + 0.4 * aware,
                           0.5 * base + 0.6 * considering])  # fmt: skip
        stock = KEPT * stock + (1 - KEPT) * amount
        short.append(SHORT * stock)
        long.append(states[2])
    return sum(short), sum(long)


@pytest.mark.slow
def test_the_total_effect_of_a_fit_is_what_the_world_would_not_have_sold():
    world = brand_world(SEED)
    rule = {"metrics": list(METRICS), "lags": 1, "draws": 320}
    tree = fit(world.table, parse_spec({**SPEC, "long_term": rule}))
    window = tree["constant_data/week"].to_numpy()
    found = fit_long_term(tree, world.sure().query("start >= @window[0]"), checked=False)
    spend = world.spend["tv"].loc[window]
    of_short, of_long = lost_without(spend)

    path = xr.DataArray(spend.to_numpy()[:, None], dims=("week", "channel"), coords={"channel": ["tv"]})
    by_brand = effect_of_media(found.draws, path).sel(response="base", channel="tv").sum("week_of_effect")
    low, high = by_brand.quantile([0.05, 0.95]).to_numpy()
    assert low < of_long < high
    short = found.short_roi.sel(channel="tv").to_numpy() * float(spend.sum())
    assert np.quantile(short, 0.05) < of_short * 1.02
    assert of_short < np.quantile(short, 0.95) * 1.02
    total = short + by_brand.to_numpy()
    assert np.quantile(total, 0.05) < of_short + of_long < np.quantile(total, 0.95)
    # the base that the second stage explains holds no short-term media: both parts and it add up to the KPI
    parts = contributions(tree, revenue=False)["mean"].sum("component")
    base = found.draws["observed"].sel(variable="base").mean("draw").to_numpy()
    without = contributions(tree, revenue=False)["mean"].sel(component="tv").to_numpy().ravel()
    assert np.corrcoef(np.asarray(parts).ravel() - without, base)[0, 1] > 0.8
