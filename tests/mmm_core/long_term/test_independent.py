"""The Gibbs sampler against the conjugate posterior, an integral in closed form, and its own restrictions."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import truncnorm

from mmm_core.errors import InputError
from mmm_core.long_term.fit import fit_bvar, prepare
from mmm_core.long_term.independent import fit_restricted_bvar
from mmm_core.long_term.minnesota import Minnesota
from mmm_core.long_term.series import series
from tests.mmm_core.long_term.worlds import CHANNELS, world

MADE = world(120, seed=6)
FLAT = Minnesota(1e5, 1e5, None, None)


def test_where_priors_coincide_it_is_the_conjugate_posterior():
    """Flat in the coefficients, the conjugate prior has as many degrees fewer as an equation has coefficients."""
    exact = fit_bvar(MADE.variables, MADE.spend, lags=1, prior=FLAT, draws=6000)
    found = fit_restricted_bvar(
        MADE.variables, MADE.spend, lags=1, prior=FLAT, draws=1500, degrees=5.0 + 6, seed=1
    )
    assert found.attrs["rhat"] < 1.02
    assert found.attrs["ess"] > 1500
    for name in ("lag_coefficient", "media_coefficient", "covariance", "term_coefficient"):
        error = exact[name].std("draw") / np.sqrt(1500)
        assert (abs(found[name].mean("draw") - exact[name].mean("draw")) < 5 * error).all(), name
        assert np.allclose(found[name].std("draw") / exact[name].std("draw"), 1, atol=0.08), name


@pytest.mark.parametrize("sign", [1, -1])
def test_a_known_sign_gives_the_truncated_posterior(sign):
    """One variable: given the variance a truncated normal, whose mixture over the variance is summed on a grid."""
    variables = MADE.variables[["base"]]
    prior = Minnesota(0.2, 0.3, None, None)
    found = (
        fit_restricted_bvar(
            variables,
            MADE.spend[["search"]],
            signs={"search": {"base": sign}},
            lags=1,
            prior=prior,
            draws=1500,
        )["media_coefficient"]
        .to_numpy()
        .ravel()
    )
    assert (sign * found >= 0).all()

    given = series(variables, MADE.spend[["search"]])
    ready = prepare(given, 1, 0, prior)
    known, strength = ready.problem.known, ready.problem.precision(np.zeros(0))
    grid = np.exp(np.linspace(np.log(0.05), np.log(20), 800))
    log_weight, means = [], []
    for variance in grid:
        precision = known.gram / variance + np.diag(strength)
        pull = known.cross[:, 0] / variance
        mean, covariance = np.linalg.solve(precision, pull), np.linalg.inv(precision)
        middle, sd = sign * mean[1], np.sqrt(covariance[1, 1])
        part = truncnorm(-middle / sd, np.inf, middle, sd)
        log_evidence = (
            -0.5 * known.rows * np.log(variance)
            - 0.5 * known.square[0, 0] / variance
            + 0.5 * pull @ mean
            - 0.5 * np.linalg.slogdet(precision)[1]
            + truncnorm.logsf(0, -np.inf, np.inf, middle, sd)
        )
        log_prior = -(3.0 / 2 + 1) * np.log(variance) - 0.5 / variance  # IW(1, 3) of one variable
        log_weight.append(log_evidence + log_prior + np.log(variance))
        means.append(part.mean())
    weight = np.exp(log_weight - np.max(log_weight))
    units = ready.units.variables[0] / ready.units.media[0]
    expected = sign * np.sum(weight * means) / weight.sum() * units
    assert found.mean() == pytest.approx(expected, abs=4 * found.std() / np.sqrt(3000))


def test_what_is_left_out_is_zero_and_what_stays_is_not():
    found = fit_restricted_bvar(
        MADE.variables,
        MADE.spend,
        enters={"tv": ["awareness"], "base": []},
        signs={"tv": {"awareness": 1}},
        lags=2,
        media_lags=1,
        draws=50,
        warmup=30,
        chains=2,
    )
    media = found["media_coefficient"].sel(channel="tv")
    assert (media.sel(equation=["consideration", "base"]) == 0).all()
    assert (media.sel(equation="awareness") > 0).all()
    assert (found["media_coefficient"].sel(channel="search") != 0).all()
    own = found["lag_coefficient"].sel(variable="base")
    assert (own.sel(equation=["awareness", "consideration"]) == 0).all()
    assert (own.sel(equation="base") != 0).all()
    assert found.sizes["draw"] == 100
    assert (found["largest_root"] > 0).all()


def test_lags_of_others_can_be_tighter_than_a_variables_own():
    settings = {"lags": 1, "draws": 200, "warmup": 50, "chains": 2, "prior": Minnesota(0.5, 0.3, None, None)}
    loose = fit_restricted_bvar(MADE.variables, MADE.spend, **settings)["lag_coefficient"]
    tight = fit_restricted_bvar(MADE.variables, MADE.spend, cross=0.01, **settings)["lag_coefficient"]
    others = {"equation": "base", "variable": "consideration"}
    assert abs(tight.sel(others)).max() < 0.1 * loose.sel(others).mean()
    assert tight.sel(equation="base", variable="base").std() > 0.02


def test_draws_of_the_variables_are_chains_of_their_own():
    noise = np.random.default_rng(0).normal(0, 0.1, (40, 120, 3))
    values = xr.DataArray(
        MADE.variables.to_numpy() + noise,
        dims=("draw", "week", "variable"),
        coords={
            "draw": np.arange(7, 47),
            "week": MADE.variables.index,
            "variable": list(MADE.variables),
        },
    )
    found = fit_restricted_bvar(values, MADE.spend, enters={"tv": ["awareness"]}, lags=1, warmup=30)
    assert found["draw"].to_numpy().tolist() == list(range(7, 47))
    assert np.isnan(found.attrs["rhat"])
    assert found["media_coefficient"].sel(channel="search", equation="base").std() > 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"enters": {"tvv": []}}, "did you mean 'tv'"),
        ({"enters": {"tv": ["bas"]}}, "no equation of 'bas': did you mean 'base'"),
        ({"signs": {"radio": {"base": 1}}}, "signs names 'radio', no channel"),
        ({"signs": {"tv": {"base": 2}}}, "must be 1 or -1, got 2"),
    ],
)
def test_unknown_names_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        fit_restricted_bvar(MADE.variables, MADE.spend, **settings)


def test_too_many_coefficients_are_refused():
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(
        rng.normal(size=(120, 15)), index=MADE.variables.index, columns=[f"v{i}" for i in range(15)]
    )
    with pytest.raises(InputError, match="coefficients are too many for the restricted model"):
        fit_restricted_bvar(wide, MADE.spend[[CHANNELS[0]]], lags=3)
