"""States and autoregression together, against the autoregression of known states, and where waves are rare."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit

from mmm_core.errors import InputError
from mmm_core.long_term.base import with_metrics
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.forecast import forecast
from mmm_core.long_term.independent import fit_restricted_bvar
from mmm_core.long_term.minnesota import Minnesota
from mmm_core.long_term.multipliers import cumulative_multipliers
from mmm_core.long_term.residuals import residuals
from mmm_core.long_term.survey import weekly_states
from mmm_core.long_term.tracked import LEAST_ESS, MOST_RHAT, fit_tracked_bvar

WEEKS = 130
INDEX = pd.date_range("2021-01-04", periods=WEEKS, freq="7D")


def brand(seed=0):
    """tv -> awareness (a logit) -> base, with little noise, and their spend."""
    rng = np.random.default_rng(seed)
    spend = rng.gamma(2, 1, WEEKS + 60) * np.repeat(rng.random((WEEKS + 60 + 3) // 4) < 0.5, 4)[: WEEKS + 60]
    values = np.zeros((WEEKS + 60, 2))
    for week in range(1, WEEKS + 60):
        aware, base = values[week - 1]
        values[week] = 0.7 * aware + 0.05 * spend[week], 0.3 * base + 4.0 * aware
        values[week] += rng.normal(0, [0.05, 0.2])
    frame = pd.DataFrame(values[60:], index=INDEX, columns=["awareness", "base"])
    return frame, pd.DataFrame({"tv": spend[60:]}, index=INDEX)


def waves(logits, sample, every, seed=1):
    places = np.arange(0, WEEKS, every)
    share = np.random.default_rng(seed).binomial(sample, expit(logits.to_numpy()[places])) / sample
    end = INDEX[places] + pd.Timedelta(days=6)
    return pd.DataFrame({"start": INDEX[places], "end": end, "share": share, "sample": sample})


def test_with_sure_answers_every_week_it_is_the_autoregression_of_known_states():
    variables, media = brand()
    asked = waves(variables["awareness"], 10**9, 1)
    found = fit_tracked_bvar(
        variables[["base"]], {"awareness": asked}, media, lags=1, draws=800, warmup=50, steps=2
    )
    exact = fit_bvar(variables, media, lags=1, draws=4000)
    assert found["variable"].to_numpy().tolist() == ["awareness", "base"]
    assert found.attrs["rhat"] < 1.05
    for name in ("lag_coefficient", "media_coefficient", "covariance"):
        error = exact[name].std("draw") / np.sqrt(found.attrs["ess"])
        assert (abs(found[name].mean("draw") - exact[name].mean("draw")) < 5 * error).all(), name
        assert np.allclose(found[name].std("draw") / exact[name].std("draw"), 1, atol=0.15), name
    assert np.allclose(found["observed"].sel(variable="awareness"), variables["awareness"], atol=1e-3)


def test_where_waves_are_rare_effects_are_found_that_states_drawn_first_hide():
    """400 people every four weeks; a unit of tv brings .05 / .3 x 4 / .7 to the base in the long run."""
    variables, media = brand(3)
    truth = 0.05 / 0.3 * 4.0 / 0.7
    asked = waves(variables["awareness"], 400, 4)
    together = fit_tracked_bvar(
        variables[["base"]], {"awareness": asked}, media, lags=1, draws=480, steps=8, warmup=200, seed=2
    )
    states = weekly_states(asked, INDEX, 400)["logit"].assign_coords(draw=np.arange(400))
    base = xr.DataArray(variables["base"], dims="week", coords={"week": INDEX})
    first = fit_bvar(
        with_metrics(base.expand_dims(draw=np.arange(400)), {"awareness": states}), media, lags=1
    )

    def brought(draws, variable):
        total = cumulative_multipliers(draws, (52,)).sel(response=variable, channel="tv", horizon=52)
        return total.quantile([0.05, 0.5, 0.95]).to_numpy()

    low, middle, high = brought(together, "base")
    assert low < truth < high
    assert middle == pytest.approx(truth, rel=0.4)
    low, middle, high = brought(together, "awareness")
    assert low < 0.05 / 0.3 < high
    assert brought(first, "awareness")[1] < 0.6 * middle
    inside = together["observed"].sel(variable="awareness").quantile([0.05, 0.95], "draw").to_numpy()
    covered = (inside[0] <= variables["awareness"]) & (variables["awareness"] <= inside[1])
    assert 0.8 < covered.mean() < 0.98


def test_chains_that_do_not_tell_the_same_go_on_with_twice_the_steps():
    variables, media = brand(3)
    asked = {"awareness": waves(variables["awareness"], 400, 4)}
    short = {"lags": 1, "chains": 8, "draws": 400, "steps": 2, "warmup": 5}
    once = fit_tracked_bvar(variables[["base"]], asked, media, **short)
    assert once.attrs["steps"] == 2
    assert once.attrs["rhat"] > MOST_RHAT or once.attrs["ess"] < LEAST_ESS
    more = fit_tracked_bvar(variables[["base"]], asked, media, doublings=6, **short)
    assert more.attrs["steps"] > 2
    assert more.attrs["rhat"] <= MOST_RHAT
    assert more.attrs["ess"] >= LEAST_ESS
    few = fit_tracked_bvar(variables[["base"]], asked, media, doublings=2, **{**short, "draws": 80})
    assert few.attrs["steps"] == 2  # no steps make them enough


def test_every_draw_of_the_base_is_used_once_and_what_follows_works():
    variables, media = brand(5)
    rng = np.random.default_rng(0)
    base = xr.DataArray(
        variables["base"].to_numpy() + rng.normal(0, 0.3, (37, WEEKS)),
        dims=("draw", "week"),
        coords={"draw": np.arange(100, 137), "week": INDEX},
    )
    known = with_metrics(base, {})
    asked = {"awareness": waves(variables["awareness"], 300, 4)}
    settings = {"lags": 2, "media_lags": 1, "chains": 5, "steps": 1, "warmup": 5}
    found = fit_tracked_bvar(known, asked, media, **settings)
    assert np.allclose(found["observed"].sel(variable="base"), base, rtol=1e-12)
    assert found["draw"].to_numpy().tolist() == list(range(100, 137))
    assert residuals(found).shape == (37, WEEKS - 2, 2)
    ahead = forecast(found, 3, pd.DataFrame({"tv": [1.0, 0.0, 2.0]}))
    assert ahead.shape == (37, 3, 2)
    xr.testing.assert_identical(found, fit_tracked_bvar(known, asked, media, **settings))
    fixed = Minnesota(0.2, 0.3, None, None)  # nothing is left to learn but the coefficients
    changes = fit_tracked_bvar(known, asked, media, differenced=("base",), prior=fixed, **settings)
    assert changes.sizes["hyperparameter"] == 0
    assert np.allclose(changes["modelled"].sel(equation="base"), np.diff(base, axis=1))
    assert np.isfinite(changes["modelled"]).all()


def test_with_sure_answers_restrictions_are_those_of_the_restricted_autoregression():
    variables, media = brand()
    asked = waves(variables["awareness"], 10**9, 1)
    prior = Minnesota(5.0, 5.0, None, None)  # wide: the two state it in units that differ a little
    rules = {
        "enters": {"tv": ["awareness"]},
        "signs": {"tv": {"awareness": 1}},
        "cross": 0.5,
        "lags": 1,
        "prior": prior,
    }
    found = fit_tracked_bvar(
        variables[["base"]], {"awareness": asked}, media, **rules, draws=800, warmup=100, steps=2
    )
    exact = fit_restricted_bvar(variables, media, **rules, draws=800)
    assert float(abs(found["media_coefficient"].sel(equation="base")).max()) == 0.0
    assert float(found["media_coefficient"].sel(equation="awareness").min()) >= 0.0
    assert found.attrs["rhat"] < 1.05
    for name in ("lag_coefficient", "media_coefficient", "covariance"):
        error = exact[name].std("draw") / np.sqrt(min(found.attrs["ess"], exact.attrs["ess"])) + 1e-12
        assert (abs(found[name].mean("draw") - exact[name].mean("draw")) < 6 * error).all(), name


def sd_like(known, sd):
    return xr.DataArray(np.full(known.shape, sd), dims=known.dims, coords=known.coords)


def table_of(variables):
    return xr.DataArray(
        variables[["base"]], dims=("week", "variable"), coords={"week": INDEX, "variable": ["base"]}
    )


def test_measured_without_error_the_base_is_known():
    variables, media = brand()
    asked = {"awareness": waves(variables["awareness"], 10**9, 1)}
    known = table_of(variables)
    settings = {"lags": 1, "draws": 800, "warmup": 50, "steps": 2}
    found = fit_tracked_bvar(known, asked, media, noise=sd_like(known, 1e-4), **settings)
    exact = fit_tracked_bvar(known, asked, media, **settings)
    assert np.allclose(found["observed"].sel(variable="base"), variables["base"], atol=1e-3)
    for name in ("lag_coefficient", "media_coefficient", "covariance"):
        error = exact[name].std("draw") / np.sqrt(min(found.attrs["ess"], exact.attrs["ess"]))
        assert (abs(found[name].mean("draw") - exact[name].mean("draw")) < 6 * error + 1e-9).all(), name


def test_noise_of_known_size_is_not_taken_for_shocks_of_the_base():
    """Shocks of .2 behind noise of .4: taken for known, the base seems to be shaken twice as much and to forget."""
    variables, media = brand(2)
    rng = np.random.default_rng(9)
    asked = {"awareness": waves(variables["awareness"], 4000, 1)}
    known = table_of(variables) + rng.normal(0, 0.4, (WEEKS, 1))
    settings = {"lags": 1, "draws": 480, "warmup": 300, "steps": 8}
    state = fit_tracked_bvar(known, asked, media, noise=sd_like(known, 0.4), **settings)
    taken = fit_tracked_bvar(known, asked, media, **settings)

    def shock(draws):
        return np.sqrt(draws["covariance"].sel(equation="base", variable="base"))

    low, high = shock(state).quantile([0.05, 0.95], "draw").to_numpy()
    assert low < 0.2 < high
    assert float(shock(taken).quantile(0.01, "draw")) > 0.3
    path = state["observed"].sel(variable="base")
    inside = path.quantile([0.05, 0.95], "draw").to_numpy()
    covered = (inside[0] <= variables["base"]) & (variables["base"] <= inside[1])
    assert 0.8 < covered.mean() < 0.98
    off = path.mean("draw").to_numpy() - variables["base"].to_numpy()
    assert np.sqrt(np.mean(off**2)) < 0.28  # of .4 before


def test_a_base_that_wanders_is_a_state_too_and_weeks_without_a_figure_are_drawn():
    variables, media = brand(4)
    rng = np.random.default_rng(3)
    wandering = variables.assign(base=variables["base"].cumsum() / 5)
    known = table_of(wandering) + rng.normal(0, 0.1, (WEEKS, 1))
    noise = sd_like(known, 0.1)
    noise[40:44] = np.inf
    found = fit_tracked_bvar(
        known,
        {"awareness": waves(variables["awareness"], 1000, 4)},
        media,
        noise=noise,
        lags=2,
        differenced=("base",),
        draws=160,
        warmup=100,
        steps=2,
    )
    path = found["observed"].sel(variable="base")
    changes = np.diff(path.transpose("draw", "observed_week"), axis=1)
    assert np.allclose(found["modelled"].sel(equation="base").transpose("draw", "week"), changes)
    assert found.sizes["observed_week"] == WEEKS
    spread = path.std("draw").to_numpy()
    assert spread[40:44].mean() > 1.2 * np.delete(spread, range(36, 48)).mean()
    off = path.mean("draw").to_numpy() - wandering["base"].to_numpy()
    assert np.sqrt(np.mean(off**2)) < 0.1


def test_what_it_cannot_be_given():
    variables, media = brand()
    with pytest.raises(InputError, match="no survey is given: fit_bvar takes"):
        fit_tracked_bvar(variables[["base"]], {}, media)
    with pytest.raises(InputError, match="leave awareness out of differenced"):
        fit_tracked_bvar(
            variables[["base"]],
            {"awareness": waves(variables["awareness"], 100, 4)},
            media,
            differenced=("awareness",),
        )
    known = table_of(variables)
    asked = {"awareness": waves(variables["awareness"], 100, 4)}
    with pytest.raises(InputError, match="must be above 0 in every week"):
        fit_tracked_bvar(known, asked, media, noise=sd_like(known, 0.0))
    with pytest.raises(InputError, match="noise of the known variables"):
        fit_tracked_bvar(known, asked, media, noise=sd_like(known, 1.0).isel(week=slice(5, None)))
