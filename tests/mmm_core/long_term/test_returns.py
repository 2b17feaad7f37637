"""Long-term and total returns against a simulated world in which everything is known."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mmm_core.effects.roi import roi_draws
from mmm_core.errors import InputError
from mmm_core.long_term.base import base_draws, with_metrics
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.multipliers import cumulative_multipliers, effect_of_media, long_run_multipliers
from mmm_core.long_term.returns import long_term_roi, total_roi
from mmm_core.simulate.truth import adstock, hill
from tests.mmm_core.long_term.worlds import CHANNELS, known, path, world
from tests.mmm_core.posteriors import posterior, weekly_table

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


def test_the_total_effect_is_the_counterfactual_of_the_simulator():
    """Sales are what media bring at once plus a base that media feed through the brand: without a channel both go.

    The same noise with and without it, and every parameter known: short and long add up to what is lost, week by week.
    """
    rng = np.random.default_rng(0)
    weeks = 90
    spend = rng.gamma(2, 1, (weeks, 2))
    shocks = rng.multivariate_normal(np.zeros(3), MADE.covariance, weeks)
    noise = rng.normal(size=weeks)

    def short(media):
        carried = np.column_stack([adstock(media[:, c], [0.3, 0.6][c]) for c in range(2)])
        return np.column_stack([[4.0, 2.0][c] * hill(carried[:, c], 1.5, 1.2) for c in range(2)])

    def sales(media):
        base = path(MADE.lags, MADE.media, MADE.intercept, media, shocks, np.ones((2, 3)))[:, 2]
        return base + short(media).sum(1) + noise

    labelled = xr.DataArray(spend, dims=("week", "channel"), coords={"channel": list(CHANNELS)})
    long = effect_of_media(TRUTH, labelled).sel(response="base").isel(draw=0)
    for channel, name in enumerate(CHANNELS):
        without = spend.copy()
        without[:, channel] = 0
        lost = sales(spend) - sales(without)
        total = short(spend)[:, channel] + long.sel(channel=name).to_numpy()
        assert np.allclose(total, lost, atol=1e-9)
        # the base without short-term media holds the long term alone: nothing is in both
        assert not np.allclose(lost, short(spend)[:, channel])


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
