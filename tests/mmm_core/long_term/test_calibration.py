"""Simulation-based calibration of a whole autoregression: coefficients, and the long-run multiplier of media.

Truth from the prior, series from the truth, draws from the posterior: where all is right, the truth's rank among the
draws is uniform. The prior's units are given, as they are of the prior and not of the data; it is centred at 0.3 and
tight, so that nearly every draw is stable. A world that is not is drawn again, and an unstable draw of a posterior is
left out: both are the prior given that it is stable.

Ranks hardly see a prior twice as wide where the weeks decide. What sees it: one draw a world of truth and posterior is
one draw of the prior, so that the size of effects in units of the noise is alike on average over worlds.
"""

import numpy as np
import pandas as pd
import pytest

from mmm_core.long_term.fit import _fit, prepare
from mmm_core.long_term.minnesota import Minnesota, Scales, centre
from mmm_core.long_term.multipliers import long_run_multipliers
from mmm_core.long_term.series import Layout, series

WEEKS, WORLDS, DRAWS = 60, 300, 39
PRIOR = Minnesota(0.15, 0.3, None, None, centre=0.3)
LAYOUT = Layout(variables=2, lags=1, channels=1, media_lags=0, terms=1)


def world(rng):
    """Series and truth: lags (2, 2), media (2,), covariance (2, 2) of the noise from the prior, in units of 1."""
    spend = rng.gamma(2, 1, WEEKS)
    spend /= spend.std()
    while True:
        sigma = np.linalg.inv((lambda a: a.T @ a)(rng.normal(size=(4, 2))))  # IW(I, n + 2)
        root = np.linalg.cholesky(sigma)
        lags = (0.3 * np.eye(2) + 0.15 * (rng.normal(size=(2, 2)) @ root.T)).T
        if np.abs(np.linalg.eigvals(lags)).max() < 1:
            break
    media = 0.3 * root @ rng.normal(size=2)
    values = np.zeros((WEEKS, 2))
    values[0] = rng.normal(size=2)
    for week in range(1, WEEKS):
        values[week] = lags @ values[week - 1] + media * spend[week] + root @ rng.normal(size=2)
    return values, spend, lags, media, sigma


@pytest.fixture(scope="module")
def worlds():
    """Ranks (world, 3) of the truth, and what the size of each draw's effects is more than the truth's (world, 2)."""
    rng = np.random.default_rng(4)
    index = pd.date_range("2020-01-06", periods=WEEKS, freq="7D")
    ranks, larger = np.empty((WORLDS, 3)), np.empty((WORLDS, 2))
    for number in range(WORLDS):
        values, spend, lags, media, sigma = world(rng)
        given = series(
            pd.DataFrame(values, index=index, columns=["metric", "base"]),
            pd.DataFrame({"tv": spend}, index=index),
        )
        units = Scales(np.ones(2), np.ones(1), np.ones(1))
        ready = prepare(given, 1, 0, PRIOR, units=units)
        assert (ready.layout, ready.problem.degrees) == (LAYOUT, 4.0)
        assert np.array_equal(centre(LAYOUT, ready.problem.own_lags)[:2], 0.3 * np.eye(2))
        found = _fit(given, ready, 50, seed=number)
        kept = np.flatnonzero(found["largest_root"] < 1)[:DRAWS]
        assert len(kept) == DRAWS
        found = found.isel(draw=kept)
        drawn = [
            found["lag_coefficient"].sel(equation="base", variable="metric", lag=1),
            found["media_coefficient"].sel(equation="metric", channel="tv", media_lag=0),
            long_run_multipliers(found)["long_run"].sel(response="base", channel="tv"),
        ]
        truth = (lags[1, 0], media[0], np.linalg.solve(np.eye(2) - lags, media)[1])
        ranks[number] = [(part.to_numpy() < true).sum() for part, true in zip(drawn, truth, strict=True)]
        covariance = found["covariance"].to_numpy()
        larger[number] = [
            size(drawn[0].to_numpy(), covariance[:, 1, 1]).mean() - size(lags[1, 0], sigma[1, 1]),
            size(drawn[1].to_numpy(), covariance[:, 0, 0]).mean() - size(media[0], sigma[0, 0]),
        ]
    return ranks, larger


def size(effect, variance):
    """The square of an effect in units of the noise of what it moves."""
    return effect**2 / variance


def test_ranks_of_coefficients_and_of_the_long_run_multiplier_are_uniform(worlds):
    for column in worlds[0].T:
        counts = np.histogram(column, bins=8, range=(0, 40))[0]
        assert ((counts - WORLDS / 8) ** 2 / (WORLDS / 8)).sum() < 24.3  # chi2(7) at 0.001


def test_over_the_worlds_draws_are_as_large_as_the_prior_is_wide(worlds):
    for column in worlds[1].T:
        assert abs(column.mean()) < 3.3 * column.std() / np.sqrt(WORLDS)
