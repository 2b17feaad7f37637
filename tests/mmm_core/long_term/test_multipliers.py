"""Multipliers against paths simulated with and without a unit of media."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.multipliers import (
    cumulative_multipliers,
    dynamic_multipliers,
    effect_of_media,
    long_run_multipliers,
    multipliers_by_path,
)
from tests.mmm_core.long_term.worlds import CHANNELS, NAMES, World, known, path, world

MADE = world(80)
TRUTH = known(MADE)


def chain():
    """tv -> awareness -> consideration -> base, whose long-run multiplier is (.25/.1)(.4/.2)(.6/.5) = 6."""
    lags = np.array([[[0.9, 0, 0], [0.4, 0.8, 0], [0, 0.6, 0.5]]])
    media = np.array([[[0.25], [0.0], [0.0]]])
    made = world(40)
    return World(lags, media, np.zeros(3), np.eye(3), made.variables, made.spend[["tv"]])


def one_unit(made, channel, weeks):
    """The difference that one unit in the first week makes, with the same noise."""
    rng = np.random.default_rng(1)
    spend, shocks = rng.gamma(2, 1, (weeks, made.media.shape[2])), rng.normal(size=(weeks, 3))
    more = spend.copy()
    more[0, channel] += 1
    start = np.zeros((len(made.lags), 3))
    return path(made.lags, made.media, made.intercept, more, shocks, start) - path(
        made.lags, made.media, made.intercept, spend, shocks, start
    )


@pytest.mark.parametrize("channel", [0, 1])
def test_a_multiplier_is_the_difference_of_two_paths(channel):
    found = dynamic_multipliers(TRUTH, 52).isel(draw=0, channel=channel)
    assert np.allclose(found, one_unit(MADE, channel, 53), atol=1e-12)
    sums = cumulative_multipliers(TRUTH, (0, 24, 52)).isel(draw=0, channel=channel)
    assert np.allclose(sums, one_unit(MADE, channel, 53).cumsum(0)[[0, 24, 52]], atol=1e-12)


def test_later_weeks_count_less_with_a_discount():
    weekly = one_unit(MADE, 0, 53)
    worth = 1.1 ** (-np.arange(53) / 52)
    found = cumulative_multipliers(TRUTH, (52,), discount=0.1).isel(draw=0, horizon=0, channel=0)
    assert np.allclose(found, (weekly * worth[:, None]).sum(0), atol=1e-12)
    with pytest.raises(InputError, match="discount must be above -1"):
        cumulative_multipliers(TRUTH, (52,), discount=-1.0)


def test_the_long_run_is_where_the_sums_end():
    found = long_run_multipliers(TRUTH)
    weekly = one_unit(MADE, 0, 1500)
    assert np.allclose(found["long_run"].isel(draw=0, channel=0), weekly.sum(0), atol=1e-9)
    share = weekly.cumsum(0) / weekly.sum(0)
    for variable, name in enumerate(NAMES):
        week = int(np.argmax(share[:, variable] >= 0.5))
        before = share[week - 1, variable] if week else 0.0
        expected = week + (0.5 - before) / (share[week, variable] - before)
        assert found["half_life"].sel(response=name).isel(draw=0, channel=0).item() == pytest.approx(expected)
    assert (found["permanent"] == 0).all()
    assert found.attrs["stable"] == 1


def test_the_chain_multiplies():
    found = long_run_multipliers(known(chain()))["long_run"].sel(channel="tv", draw=0)
    assert found.to_numpy() == pytest.approx([2.5, 5.0, 6.0])


def test_half_of_a_slow_effect_is_found_past_the_first_year():
    slow = dataclasses.replace(chain(), lags=np.array([[[0.995, 0, 0], [0.4, 0.8, 0], [0, 0.6, 0.5]]]))
    found = long_run_multipliers(known(slow))["half_life"].sel(channel="tv", draw=0)
    # of awareness: 1 - 0.995^n = 1/2, linear within a week
    assert found.sel(response="awareness").item() == pytest.approx(np.log(0.5) / np.log(0.995), abs=0.01)
    assert found.sel(response="base").item() > 138


def test_an_effect_that_turns_back_has_no_half_life():
    turning = dataclasses.replace(
        chain(),
        lags=np.array([[[0.5, 0, 0], [0, 0.5, 0], [0.6, 0, 0.5]]]),
        media=np.array([[[1.0], [0], [-0.1]]]),
    )
    found = long_run_multipliers(known(turning))["half_life"].sel(channel="tv", draw=0)
    assert np.isnan(found.sel(response="base"))
    assert np.isfinite(found.sel(response="awareness"))


def test_paths_add_up_and_are_what_they_say():
    total = dynamic_multipliers(TRUTH, 30).sel(response="base")
    split = multipliers_by_path(TRUTH, "base", 30)
    assert split["path"].to_numpy().tolist() == ["direct", "awareness", "consideration"]
    assert np.allclose(split.sum("path"), total, atol=1e-13)
    # direct: what is left of the multiplier where the base's equation knows no other variable
    deaf = MADE.lags.copy()
    deaf[:, 2, :2] = 0
    alone = dynamic_multipliers(known(dataclasses.replace(MADE, lags=deaf)), 30).sel(response="base")
    assert np.allclose(split.sel(path="direct"), alone, atol=1e-13)
    by_chain = multipliers_by_path(known(chain()), "base", 400).sum("horizon").isel(draw=0, channel=0)
    assert by_chain.to_numpy() == pytest.approx([0.0, 0.0, 6.0])
    with pytest.raises(InputError, match="got 'bas'"):
        multipliers_by_path(TRUTH, "bas")


def test_of_a_differenced_variable_effects_are_permanent():
    changes = known(MADE, differenced=("base",))
    found = long_run_multipliers(changes)
    level = dynamic_multipliers(changes, 1500).isel(horizon=-1)
    assert np.allclose(found["permanent"].sel(response="base"), level.sel(response="base"), atol=1e-9)
    assert np.isnan(found["long_run"].sel(response="base")).all()
    assert np.isnan(found["half_life"].sel(response="base")).all()
    assert (found["permanent"].sel(response="awareness") == 0).all()
    assert np.allclose(
        multipliers_by_path(changes, "base", 9).sum("path"),
        dynamic_multipliers(changes, 9).sel(response="base"),
    )


def test_unstable_draws_have_no_long_run():
    explosive = known(dataclasses.replace(MADE, lags=MADE.lags * 1.4))
    with pytest.raises(InputError, match="100% of the draws are unstable"):
        long_run_multipliers(explosive)
    mixed = xr.concat(
        [TRUTH, TRUTH, explosive], dim="draw", data_vars="minimal", coords="minimal", compat="override"
    )
    found = long_run_multipliers(mixed)
    assert found.attrs["stable"] == pytest.approx(2 / 3)
    assert np.isnan(found["long_run"].isel(draw=2)).all()
    assert np.isfinite(found["long_run"].isel(draw=slice(2))).all()


def test_the_effect_of_a_path_is_the_counterfactual_without_it():
    """The noise is the same with and without the channel, so that the difference is the simulator's own."""
    rng = np.random.default_rng(3)
    weeks, extra = 70, 15
    shocks = rng.multivariate_normal(np.zeros(3), MADE.covariance, weeks + extra)
    spend = np.concatenate([rng.gamma(2, 1, (weeks, 2)), np.zeros((extra, 2))])
    found = effect_of_media(
        TRUTH,
        xr.DataArray(spend[:weeks], dims=("week", "channel"), coords={"channel": list(CHANNELS)}),
        extra,
    ).isel(draw=0)
    start = rng.normal(size=(2, 3))
    with_all = path(MADE.lags, MADE.media, MADE.intercept, spend, shocks, start)
    for channel, name in enumerate(CHANNELS):
        without = spend.copy()
        without[:, channel] = 0
        lost = with_all - path(MADE.lags, MADE.media, MADE.intercept, without, shocks, start)
        assert np.allclose(found.sel(channel=name), lost, atol=1e-9)


def test_a_model_without_media_has_no_multipliers():
    with pytest.raises(InputError, match="has no media"):
        dynamic_multipliers(fit_bvar(MADE.variables, lags=1, draws=5))


def test_coverage_of_the_long_run_multiplier_of_a_chain():
    """The brand world of a known multiplier of 6: intervals of 40 seeds, the base given."""
    inside = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        made = chain()
        spend = rng.gamma(2, 1, (308, 1)) * np.repeat(rng.random(77) < 0.5, 4)[:, None]
        values = path(
            made.lags, made.media, made.intercept, spend, rng.normal(size=(308, 3)), np.zeros((1, 3))
        )
        index = pd.date_range("2019-01-07", periods=208, freq="7D")
        found = fit_bvar(
            pd.DataFrame(values[100:], index=index, columns=NAMES),
            pd.DataFrame(spend[100:], index=index, columns=["tv"]),
            lags=1,
            draws=400,
            seed=seed,
        )
        draws = long_run_multipliers(found)["long_run"].sel(response="base", channel="tv")
        low, high = draws.quantile([0.05, 0.95], skipna=True).to_numpy()
        inside += low <= 6.0 <= high
    assert inside >= 32  # of 40; below that a 90 % interval is refuted at 2 %
