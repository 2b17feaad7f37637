"""Responses against powers of the companion matrix and statsmodels'."""

import numpy as np
import pytest
import xarray as xr
from statsmodels.tsa.api import VAR

from mmm_core.errors import InputError
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.minnesota import Minnesota
from mmm_core.long_term.responses import impulse_responses, variance_decomposition
from tests.mmm_core.long_term.worlds import NAMES, World, known, world

MADE = world(120)
TRUTH = known(MADE)


@pytest.fixture(scope="module")
def theirs():
    return VAR(MADE.variables.to_numpy()).fit(3)


@pytest.fixture(scope="module")
def of_theirs(theirs):
    """Draws whose one draw is statsmodels' estimate."""
    nothing = np.zeros((1, 3, 2))
    estimate = World(
        theirs.coefs, nothing, theirs.intercept, np.asarray(theirs.sigma_u), MADE.variables, MADE.spend
    )
    return known(estimate)


def test_responses_are_powers_of_the_companion_matrix():
    companion = np.zeros((6, 6))
    companion[:3, :3], companion[:3, 3:], companion[3:, :3] = MADE.lags[0], MADE.lags[1], np.eye(3)
    root = np.linalg.cholesky(MADE.covariance)
    expected = [np.linalg.matrix_power(companion, week)[:3, :3] @ root for week in range(53)]
    found = impulse_responses(TRUTH)
    assert found.dims == ("draw", "horizon", "response", "shock")
    assert np.allclose(found[0], expected, atol=1e-13)


def test_orthogonal_responses_and_shares_are_those_of_statsmodels(theirs, of_theirs):
    assert np.allclose(impulse_responses(of_theirs, 12)[0], theirs.irf(12).orth_irfs, rtol=1e-9, atol=1e-12)
    shares = variance_decomposition(of_theirs, 12)[0]
    assert np.allclose(shares.transpose("response", "horizon", "shock"), theirs.fevd(12).decomp, atol=1e-10)


def test_with_a_flat_prior_a_fit_responds_as_least_squares_does(theirs):
    flat = Minnesota(1e5, 1e5, None, None)
    found = fit_bvar(MADE.variables, lags=3, prior=flat, draws=40_000)
    mean = found.mean("draw", keepdims=True)
    mean["covariance"] = xr.zeros_like(mean["covariance"]) + np.eye(3)
    mean = mean.assign(media_coefficient=found["media_coefficient"][:1])
    # means of 40,000 draws, whose error is a two-hundredth of their spread
    assert np.allclose(impulse_responses(mean, 6)[0], theirs.irf(6).irfs, atol=0.004)


def test_shares_sum_to_one_and_begin_with_the_first_variable_alone():
    shares = variance_decomposition(TRUTH, 20)
    assert np.allclose(shares.sum("shock"), 1)
    assert shares["horizon"].to_numpy()[[0, -1]].tolist() == [1, 20]
    assert shares.sel(response="awareness", shock="awareness", horizon=1).item() == pytest.approx(1)


def test_generalised_responses_know_no_order():
    found = impulse_responses(TRUTH, 8, "generalised")
    reverse = list(NAMES[::-1])
    turned = World(
        MADE.lags[:, ::-1, ::-1],
        MADE.media[:, ::-1],
        MADE.intercept[::-1],
        MADE.covariance[::-1, ::-1],
        MADE.variables[reverse],
        MADE.spend,
    )
    again = impulse_responses(known(turned), 8, "generalised").sel(response=list(NAMES), shock=list(NAMES))
    assert np.allclose(found, again, atol=1e-13)
    # the first variable's orthogonal shock is its generalised one
    first = impulse_responses(TRUTH, 8).sel(shock="awareness")
    assert np.allclose(found.sel(shock="awareness"), first)
    assert not np.allclose(found.sel(shock="base"), impulse_responses(TRUTH, 8).sel(shock="base"))


def test_responses_of_a_differenced_variable_are_of_its_level():
    changes = known(MADE, differenced=("base",))
    expected = impulse_responses(TRUTH, 10).sel(response="base").cumsum("horizon")
    found = impulse_responses(changes, 10)
    assert np.allclose(found.sel(response="base"), expected.transpose("draw", "horizon", "shock"))
    assert np.allclose(
        found.sel(response="awareness"), impulse_responses(TRUTH, 10).sel(response="awareness")
    )


def test_what_is_asked_for_must_exist():
    with pytest.raises(InputError, match="orthogonal or generalised, got 'structural'"):
        impulse_responses(TRUTH, 5, "structural")
    with pytest.raises(InputError, match="horizon must be 1 week or more"):
        variance_decomposition(TRUTH, 0)
    with pytest.raises(InputError, match="no draws of fit_bvar"):
        impulse_responses(TRUTH.drop_vars("covariance"))
