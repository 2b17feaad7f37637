"""Draws of whole models: least squares, published estimates, statsmodels, and how often intervals hold the truth."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from statsmodels.tsa.api import VAR

from mmm_core.errors import InputError
from mmm_core.long_term.fit import fit_bvar, lag_order
from mmm_core.long_term.minnesota import Minnesota
from mmm_core.long_term.responses import impulse_responses
from mmm_core.long_term.series import series
from tests.mmm_core.long_term.worlds import CHANNELS, NAMES, world

FLAT = Minnesota(1e5, 1e5, None, None)
MADE = world(160, seed=2)

# West German fixed investment, disposable income and consumption, quarters from 1960 Q1 to 1978 Q4, seasonally
# adjusted, billions of DM (Luetkepohl 2005, file E1)
INVESTMENT = """180 179 185 192 211 202 207 214 231 229 234 237 206 250 259 263 264 280 282 292 286 302 304 307 317
314 306 304 292 275 273 301 280 289 303 322 315 339 364 371 375 432 453 460 475 496 494 498 526 519
516 531 573 551 538 532 558 524 525 519 526 510 519 538 549 570 559 584 611 597 603 619 635 658 675
700"""
INCOME = """451 465 485 493 509 520 521 540 548 558 574 583 591 599 610 627 642 653 660 694 709 734 751 763 766
779 808 785 794 799 799 812 837 853 876 897 922 949 979 988 1025 1063 1104 1131 1137 1178 1211 1256
1290 1314 1346 1385 1416 1436 1462 1493 1516 1557 1613 1642 1690 1759 1756 1780 1807 1831 1873 1897
1910 1943 1976 2018 2040 2070 2121 2132"""
CONSUMPTION = """415 421 434 448 459 458 479 487 497 510 516 525 529 538 546 555 574 574 586 602 617 639 653 668 679
686 697 688 704 699 709 715 724 746 758 779 798 816 837 858 881 905 934 968 983 1013 1034 1064 1101
1102 1145 1173 1216 1229 1242 1267 1295 1317 1355 1371 1402 1452 1485 1516 1549 1567 1588 1631 1650
1685 1722 1752 1774 1807 1831 1842"""


@pytest.fixture(scope="module")
def fitted():
    return fit_bvar(MADE.variables, MADE.spend, lags=2, media_lags=1, draws=4000, seed=1)


@pytest.fixture(scope="module")
def west_german():
    levels = np.column_stack([np.array(text.split(), float) for text in (INVESTMENT, INCOME, CONSUMPTION)])
    growth = np.diff(np.log(levels), axis=0)
    index = pd.date_range("2000-01-03", periods=len(growth), freq="7D")  # any weeks: a quarter is a row
    return pd.DataFrame(growth, index=index, columns=["investment", "income", "consumption"])


def test_with_a_flat_prior_the_mean_is_least_squares():
    found = fit_bvar(MADE.variables, MADE.spend, lags=2, media_lags=1, prior=FLAT, draws=20_000)
    y, x = MADE.variables.to_numpy(), MADE.spend.to_numpy()
    rows = np.column_stack([y[1:-1], y[:-2], x[2:], x[1:-1], np.ones(158)])
    expected = np.linalg.lstsq(rows, y[2:], rcond=None)[0]
    spread = np.sqrt(np.outer(np.diag(np.linalg.inv(rows.T @ rows)), np.diag(MADE.covariance)) / 20_000)
    lags = found["lag_coefficient"].mean("draw").to_numpy()
    media = found["media_coefficient"].mean("draw").to_numpy()
    assert (np.abs(np.concatenate([lags[0].T, lags[1].T]) - expected[:6]) < 6 * spread[:6]).all()
    assert (np.abs(np.concatenate([media[0].T, media[1].T]) - expected[6:10]) < 6 * spread[6:10]).all()
    assert (np.abs(found["term_coefficient"].mean("draw")[:, 0] - expected[10]) < 6 * spread[10]).all()


def test_published_estimates_of_west_german_data(west_german):
    """Luetkepohl (2005), section 3.2.3, to the digits printed there."""
    assert len(west_german) == 75
    found = fit_bvar(west_german, lags=2, prior=FLAT, draws=40_000, seed=3)
    lags = found["lag_coefficient"].mean("draw").to_numpy()
    first = [[-0.320, 0.146, 0.961], [0.044, -0.153, 0.289], [-0.002, 0.225, -0.264]]
    second = [[-0.161, 0.115, 0.934], [0.050, 0.019, -0.010], [0.034, 0.355, -0.022]]
    sd = found["lag_coefficient"].std("draw").to_numpy() / 200
    assert (np.abs(lags - [first, second]) < 4.5 * sd + 0.0005).all()
    intercept = found["term_coefficient"].mean("draw")[:, 0].to_numpy()
    assert intercept == pytest.approx([-0.017, 0.016, 0.013], abs=0.0006)
    published = np.array([[21.30, 0.72, 1.23], [0.72, 1.37, 0.61], [1.23, 0.61, 0.89]]) * 1e-4
    # from the mean of an inverse Wishart, d + rows - n - 1 degrees, to the unbiased estimate, rows - K
    scale = found["covariance"].mean("draw").to_numpy() * (5 + 73 - 3 - 1) / (73 - 7)
    prior = np.diag(found["prior_scale"].to_numpy() ** 2) / 66
    assert np.allclose(scale - prior, published, rtol=0.03, atol=2e-6)


def test_covariance_and_coefficients_agree_with_statsmodels(west_german):
    theirs = VAR(west_german.to_numpy()).fit(2)
    ours = fit_bvar(west_german, lags=2, prior=FLAT, draws=20_000)
    sd = ours["lag_coefficient"].std("draw").to_numpy() / np.sqrt(20_000)
    assert (np.abs(ours["lag_coefficient"].mean("draw").to_numpy() - theirs.coefs) < 4.5 * sd).all()


def test_orthogonal_responses_of_west_german_data(west_german):
    """At once they are the root of the covariance that Luetkepohl (2005) prints, then those of statsmodels."""
    theirs = VAR(west_german.to_numpy()).fit(2)
    mean = fit_bvar(west_german, lags=2, prior=FLAT, draws=40_000, seed=3).mean("draw", keepdims=True)
    mean["covariance"] = mean["covariance"].copy(data=theirs.sigma_u[None])
    found = impulse_responses(mean, 8)[0].to_numpy()
    published = np.array([[21.30, 0.72, 1.23], [0.72, 1.37, 0.61], [1.23, 0.61, 0.89]])
    assert np.allclose(1e2 * found[0], np.linalg.cholesky(published), atol=0.01)
    assert np.allclose(found, theirs.irf(8).orth_irfs, atol=3e-4)  # the largest is .046


def test_draws_are_independent_and_repeatable(fitted):
    chain = fitted["lag_coefficient"].sel(equation="base", variable="base").isel(lag=0).to_numpy()
    assert abs(np.corrcoef(chain[1:], chain[:-1])[0, 1]) < 0.06
    again = fit_bvar(MADE.variables, MADE.spend, lags=2, media_lags=1, draws=4000, seed=1)
    xr.testing.assert_identical(again, fitted)


def test_what_a_fit_says(fitted):
    assert fitted["media_coefficient"].dims == ("draw", "media_lag", "equation", "channel")
    assert fitted["channel"].to_numpy().tolist() == list(CHANNELS)
    assert fitted["variable"].to_numpy().tolist() == list(NAMES)
    assert fitted["hyperparameter"].to_numpy().tolist() == [
        "lags",
        "media",
        "sum_of_coefficients",
        "initial_observation",
    ]
    assert fitted.attrs["acceptance"] > 0.4
    assert fitted.attrs["rows"] == 158
    assert np.isfinite(fitted.attrs["log_evidence"])


def test_units_of_the_series_change_nothing_but_units(fitted):
    rescaled = fit_bvar(
        MADE.variables * [1, 1, 1e6], MADE.spend * [1e3, 1], lags=2, media_lags=1, draws=4000, seed=1
    )
    for channel, factor in (("tv", 1e3), ("search", 1e6)):
        base = fitted["media_coefficient"].sel(equation="base", channel=channel)
        moved = rescaled["media_coefficient"].sel(equation="base", channel=channel)
        assert np.allclose(moved / factor, base, atol=1e-5 * float(base.std()))
    assert rescaled.attrs["log_evidence"] == pytest.approx(
        fitted.attrs["log_evidence"] - 158 * np.log(1e6), abs=1e-3
    )


def test_draws_of_the_variables_reach_the_coefficients():
    """One posterior draw of each draw: a base known with error is known less well than its mean would say."""
    rng = np.random.default_rng(0)
    noise = np.zeros((600, 160, 3))
    noise[..., 2] = np.cumsum(rng.normal(0, 0.25, (600, 160)), axis=1)
    values = xr.DataArray(
        MADE.variables.to_numpy() + noise,
        dims=("draw", "week", "variable"),
        coords={"draw": np.arange(600) * 3, "week": MADE.variables.index, "variable": list(NAMES)},
    )
    found = fit_bvar(values, MADE.spend, lags=1, seed=2)
    assert found.sizes["draw"] == 600
    assert found["draw"].to_numpy().tolist() == list(range(0, 1800, 3))
    plain = fit_bvar(values.mean("draw"), MADE.spend, lags=1, seed=2, draws=600)

    def width(draws):
        return draws["media_coefficient"].sel(equation="base", channel="tv").std().item()

    assert width(found) > 1.15 * width(plain)
    with pytest.raises(InputError, match="leave draws out"):
        fit_bvar(values, MADE.spend, lags=1, draws=100)


def test_draws_that_are_all_alike_give_the_posterior_of_one():
    values = xr.DataArray(
        np.broadcast_to(MADE.variables.to_numpy(), (3000, 160, 3)),
        dims=("draw", "week", "variable"),
        coords={"week": MADE.variables.index, "variable": list(NAMES)},
    )
    many = fit_bvar(values, MADE.spend, lags=2, media_lags=1, seed=5)["media_coefficient"]
    alone = fit_bvar(MADE.variables, MADE.spend, lags=2, media_lags=1, draws=3000, seed=6)[
        "media_coefficient"
    ]
    error = alone.std("draw") * np.sqrt(2 / 3000)
    assert (abs(many.mean("draw") - alone.mean("draw")) < 4.5 * error).all()
    assert np.allclose(many.std("draw") / alone.std("draw"), 1, atol=0.1)


def test_several_lag_orders_are_chosen_from():
    evidence = lag_order(series(MADE.variables, MADE.spend), [1, 2, 6], media_lags=1)
    chosen = fit_bvar(MADE.variables, MADE.spend, lags=[6, 1, 2], media_lags=1, draws=10)
    assert chosen.attrs["lags"] == evidence.idxmax()


def test_intervals_hold_the_truth_as_often_as_they_say():
    """200 tiny worlds whose coefficients the prior makes: two variables, one channel, 90 weeks."""
    prior = Minnesota(0.2, 0.5, None, None, centre=0.5)
    rng, inside = np.random.default_rng(8), []
    index = pd.date_range("2021-01-04", periods=90, freq="7D")
    for seed in range(200):
        root = np.array([[1.0, 0.0], [rng.normal(0, 0.4), 1.0]])
        sd = np.sqrt((root**2).sum(1))
        lag = np.ones((2, 2))
        while np.abs(np.linalg.eigvals(lag)).max() >= 1:  # hardly ever
            lag = np.diag([0.5, 0.5]) + rng.normal(0, 0.2, (2, 2)) * sd[:, None] / sd
        effect = 0.5 * sd * rng.normal(size=2)
        spend = rng.gamma(1, 1, 140)
        values = np.zeros((140, 2))
        for week in range(1, 140):
            values[week] = lag @ values[week - 1] + effect * spend[week] + root @ rng.normal(size=2)
        found = fit_bvar(
            pd.DataFrame(values[50:], index=index, columns=["a", "b"]),
            pd.DataFrame({"tv": spend[50:]}, index=index),
            lags=1,
            prior=prior,
            draws=200,
            seed=seed,
        )
        truth = {
            "lag_coefficient": lag[None],
            "media_coefficient": effect[None, :, None],
            "covariance": root @ root.T,
        }
        inside.append([])
        for name, value in truth.items():
            low, high = found[name].quantile([0.05, 0.95], dim="draw").to_numpy()
            inside[-1].append(((low <= value) & (value <= high)).mean())
    # 800, 400 and 800 intervals, those of a world depending on one another a little
    assert np.mean(inside, axis=0) == pytest.approx([0.9, 0.9, 0.9], abs=0.035)
