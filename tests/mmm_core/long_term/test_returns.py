"""Long-term and total returns against a simulated world in which everything is known."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mmm_core.effects.roi import roi_draws
from mmm_core.errors import InputError
from mmm_core.long_term.base import base_draws, measured_base, with_metrics
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.multipliers import cumulative_multipliers, effect_of_media, long_run_multipliers
from mmm_core.long_term.returns import long_term_roi, total_roi
from mmm_core.posterior.handle import Posterior
from tests.mmm_core.long_term.worlds import CHANNELS, known, path, world
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table

MADE = world(100)
TRUTH = known(MADE)


def test_it_is_the_multiplier_of_the_base_times_its_worth():
    found = long_term_roi(TRUTH, revenue_per_kpi=2.5, horizon=30, discount=0.08)
    expected = 2.5 * cumulative_multipliers(TRUTH, (30,), 0.08).sel(response="base").isel(horizon=0)
    assert np.allclose(found, expected)
    assert found.dims == ("draw", "channel")
    assert found.attrs == {"horizon": 30, "discount": 0.08, "revenue_per_kpi": 2.5}
    forever = long_term_roi(TRUTH, horizon=None)
    assert np.allclose(forever, long_run_multipliers(TRUTH)["long_run"].sel(response="base"))
    assert forever.attrs["horizon"] == "long run"


def test_media_in_other_units_than_spend():
    spend = MADE.spend * [3.0, 0.5]
    found = long_term_roi(TRUTH, spend.iloc[20:60])
    assert np.allclose(found * [3.0, 0.5], long_term_roi(TRUTH))


def test_the_total_effect_is_the_counterfactual_and_nothing_is_in_both():
    """Sales are what media bring at once plus a base that media feed through a brand: without a channel both go.

    The short-term model's parameters are known and the rest is worked out as a user would: the base from its posterior,
    the autoregression from the base. Short and long together are then what the sales lose, but for the error of 600
    weeks. An autoregression of sales themselves would count the short-term effect twice.
    """
    weeks, spec = (
        600,
        {**SPEC, "controls": [], "baseline": {"level": "constant", "seasonality": {"order": 0}}},
    )
    spec["media"] = {**SPEC["media"], "organic": {}}
    table = weekly_table(weeks=604)
    fixed = {"alpha": 0.5, "half_saturation": 1.0, "slope": 1.0, "level": 0.0}
    first = Posterior.of(posterior(spec, table, draws=2, chains=1, coefficient=[[1.0, 0.6]], **fixed))
    at_once = first.predictor().media_terms(slice(0, 1))[0, 0]  # (week, channel), in sales

    weeks = len(at_once)  # media of the first weeks are what carries over into them
    rng = np.random.default_rng(5)
    spend = first.data["spend"].sum("geo").to_numpy()[-weeks:] / 100  # (week, channel)
    shocks = rng.multivariate_normal(np.zeros(3), 0.2 * MADE.covariance, weeks)

    def base_of(media):
        return path(MADE.lags, MADE.media, MADE.intercept, media, shocks, np.full((2, 3), 9.0))

    states = base_of(spend)
    scale = 30.0  # of a unit of the world's base, in sales
    sales = 500 + scale * states[:, 2] + at_once.sum(1)
    made = table.assign(revenue=np.r_[sales[:4], sales])
    unit = Posterior.of(posterior(spec, made, draws=2, chains=1)).media.unit
    known_media = (np.array([[1.0, 0.6]]) * first.media.unit / unit).tolist()
    tree = posterior(spec, made, draws=2, chains=1, coefficient=known_media, **fixed)
    measured = measured_base(tree, 2)["measured"].isel(draw=0).to_numpy()
    assert np.allclose(measured, 500 + scale * states[:, 2], atol=1e-6 * sales.mean())

    index = pd.DatetimeIndex(tree["constant_data/week"].to_numpy())
    media = pd.DataFrame(spend * 100, index=index, columns=["tv", "search"])
    short = roi_draws(tree)["contribution"].isel(draw=0)
    totals = {}
    for name, values in (("base", measured), ("sales", sales)):
        variables = pd.DataFrame(
            {"awareness": states[:, 0], "consideration": states[:, 1], "base": values}, index=index
        )
        fitted = fit_bvar(variables, media, lags=2, media_lags=1, draws=200, seed=1)
        whole = xr.DataArray(media.to_numpy(), dims=("week", "channel"), coords={"channel": ["tv", "search"]})
        long = effect_of_media(fitted, whole).sel(response="base").sum("week_of_effect").median("draw")
        totals[name] = {
            channel: float(short.sel(channel=channel) + long.sel(channel=channel)) for channel in media
        }
    for place, channel in enumerate(media):
        without = spend.copy()
        without[:, place] = 0
        lost = (scale * (states - base_of(without))[:, 2] + at_once[:, place]).sum()
        assert totals["base"][channel] == pytest.approx(lost, rel=0.12), channel
        twice = totals["sales"][channel] - totals["base"][channel]
        assert twice > 0.5 * float(short.sel(channel=channel)), channel


def test_all_spend_with_its_full_horizon_returns_the_roi():
    """ROI x spend is what the path brings to the base, summed over the weeks and the horizon of the last."""
    spend = MADE.spend.to_numpy()
    effect = effect_of_media(
        TRUTH, xr.DataArray(spend, dims=("week", "channel"), coords={"channel": list(CHANNELS)}), extra=1500
    )
    brought = effect.sel(response="base").sum("week_of_effect")
    assert np.allclose(brought, long_term_roi(TRUTH, horizon=None) * spend.sum(0), rtol=1e-9)


@pytest.fixture(scope="module")
def stages():
    """From a posterior to a vector autoregression of its base, a draw of one for a draw of the other."""
    table = weekly_table(weeks=110)
    tree = posterior(table=table, draws=30)
    base = base_draws(tree, 40)
    media = table.set_index("week_start")[["tv_spend", "search_spend"]].set_axis(["tv", "search"], axis=1)
    return tree, fit_bvar(with_metrics(base, {}), media, lags=1)


def test_total_is_short_plus_long_of_the_same_draw(stages):
    tree, draws = stages
    short, long = roi_draws(tree)["roi"], long_term_roi(draws, horizon=24)
    found = total_roi(short, long)
    assert found.sizes == {"draw": 40, "channel": 2}
    place = int(found["draw"][7])
    assert (
        found["short"].sel(draw=place, channel="search").item()
        == short.isel(draw=place).sel(channel="search").item()
    )
    assert np.allclose(found["total"], found["short"] + found["long"])
    assert found.attrs["horizon"] == 24


def test_returns_that_cannot_be_are_refused(stages):
    tree, draws = stages
    short = roi_draws(tree)["roi"]
    with pytest.raises(InputError, match="the base 'sales' is no variable"):
        long_term_roi(TRUTH, response="sales")
    with pytest.raises(InputError, match="a discounted return needs a horizon"):
        long_term_roi(TRUTH, horizon=None, discount=0.1)
    with pytest.raises(InputError, match="spend has no column search"):
        long_term_roi(TRUTH, MADE.spend[["tv"]])
    with pytest.raises(InputError, match="channel tv cost nothing"):
        long_term_roi(TRUTH, MADE.spend.assign(tv=0.0))
    with pytest.raises(InputError, match=r"weeks without media .2030-01-07"):
        long_term_roi(TRUTH, MADE.spend.set_axis(pd.date_range("2030-01-07", periods=100, freq="7D")))
    long = long_term_roi(draws)
    with pytest.raises(InputError, match="no channel is in both"):
        total_roi(short, long.assign_coords(channel=["radio", "print"]))
    with pytest.raises(InputError, match="of other draws"):
        total_roi(short, long.assign_coords(draw=np.arange(1000, 1040)))
