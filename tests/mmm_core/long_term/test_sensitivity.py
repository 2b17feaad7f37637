"""Another prior by weighted draws: the ratio of two densities, and what a fit under that prior says."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.independent import fit_restricted_bvar
from mmm_core.long_term.minnesota import GammaPrior, Minnesota
from mmm_core.long_term.sensitivity import log_weights, prior_sensitivity, weighted_median
from tests.mmm_core.long_term.worlds import world

MADE = world(150, seed=5)
STATED = Minnesota(lags=0.3, media=0.4, sum_of_coefficients=None, initial_observation=None)
CROSS, ENTERS = 0.5, {"tv": ["awareness"], "consideration": ["base"]}


@pytest.fixture(scope="module")
def restricted():
    return fit_restricted_bvar(
        MADE.variables, MADE.spend, enters=ENTERS, cross=CROSS, lags=2, draws=1000, prior=STATED
    )


def log_prior(draws, name, tightness):
    """Of each coefficient by itself, by the text of the module: loops over all of them."""
    units, total = draws["prior_scale"].to_numpy(), np.zeros(draws.sizes["draw"])
    variables, sd = list(draws["variable"].to_numpy()), draws["media"].to_numpy().std(0)
    for i, equation in enumerate(variables):
        if name == "media":
            for j, channel in enumerate(draws["channel"].to_numpy()):
                if equation in ENTERS.get(str(channel), variables):
                    value = draws["media_coefficient"].isel(equation=i, channel=j, media_lag=0).to_numpy()
                    total += norm.logpdf(value, 0, tightness * units[i] / sd[j])
            continue
        for j, cause in enumerate(variables):
            if i != j and equation not in ENTERS.get(str(cause), variables):
                continue
            for lag in (1, 2):
                value = draws["lag_coefficient"].isel(equation=i, variable=j, lag=lag - 1).to_numpy()
                wide = tightness * units[i] / units[j] / lag * (1 if i == j else CROSS)
                total += norm.logpdf(value, float(i == j and lag == 1), wide)
    return total


@pytest.mark.parametrize(("name", "tightness"), [("media", 0.4), ("lags", 0.3)])
def test_of_the_restricted_model_weights_are_the_ratio_of_its_priors(restricted, name, tightness):
    found = log_weights(restricted, STATED, name, 2.0, CROSS)
    expected = log_prior(restricted, name, 2 * tightness) - log_prior(restricted, name, tightness)
    assert np.ptp(expected) > 1
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_tightness_that_was_learned_is_that_of_the_draws(restricted):
    learned = dataclasses.replace(STATED, media=GammaPrior(0.2, 0.4))
    held = restricted.drop_vars(["tightness", "hyperparameter"])
    held["tightness"] = (("draw", "hyperparameter"), np.full((4000, 1), 0.4))
    held = held.assign_coords(hyperparameter=["media"])
    assert log_weights(held, learned, "media", 2.0, CROSS) == pytest.approx(
        log_weights(restricted, STATED, "media", 2.0, CROSS)
    )
    figure = (
        restricted["media_coefficient"].sel(equation="base", channel="search").sum("media_lag").to_numpy()
    )
    assert np.isfinite(prior_sensitivity(held, learned, figure, CROSS).khat)


@pytest.mark.parametrize("name", ["media", "lags"])
def test_weighted_draws_say_what_a_fit_under_the_other_prior_says(restricted, name):
    other = dataclasses.replace(STATED, **{name: 1.3 * getattr(STATED, name)})
    refitted = fit_restricted_bvar(
        MADE.variables, MADE.spend, enters=ENTERS, cross=CROSS, lags=2, draws=1000, prior=other
    )
    weights = np.exp(log_weights(restricted, STATED, name, 1.3, CROSS))

    def figure(draws):
        if name == "media":
            return draws["media_coefficient"].sel(equation="awareness", channel="tv", media_lag=0).to_numpy()
        return draws["lag_coefficient"].sel(equation="awareness", variable="awareness", lag=1).to_numpy()

    sd, after = figure(restricted).std(), np.median(figure(refitted))
    assert abs(weighted_median(figure(restricted), weights) - after) < 0.06 * sd


def test_of_the_conjugate_model_a_stated_tightness_gives_what_a_fit_at_the_other_says():
    at = [dataclasses.replace(STATED, media=value) for value in (0.2, 0.3)]
    tight, wide = (fit_bvar(MADE.variables, MADE.spend, lags=2, draws=20_000, prior=prior) for prior in at)
    weights = np.exp(log_weights(tight, at[0], "media", 1.5))

    def figure(draws):
        return draws["media_coefficient"].sel(equation="awareness", channel="tv", media_lag=0).to_numpy()

    moved = np.median(figure(wide)) - np.median(figure(tight))
    found = weighted_median(figure(tight), weights) - np.median(figure(tight))
    assert moved > 0.3 * figure(tight).std()
    assert found == pytest.approx(moved, abs=0.1 * figure(tight).std())
