"""Forecasts against the recursion and, with conditions, against the dense normal."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.long_term.forecast import expected_path, forecast
from tests.mmm_core.long_term.worlds import CHANNELS, NAMES, known, path, world

MADE = world(60)
WEEKS = 5
PLAN = pd.DataFrame(np.random.default_rng(0).gamma(2, 1, (WEEKS, 2)), columns=list(CHANNELS))
COUNT = 20_000


def many(draws, count=COUNT):
    """The same draw, many times."""
    return draws.isel(draw=np.zeros(count, dtype=int))


def dense(differenced=()):
    """Mean (15,) and root (15, 15) of the stacked path of the weeks to come, one unit shock at a time."""
    truth = known(MADE, differenced)
    values = truth["modelled"].to_numpy()
    spend = np.concatenate([MADE.spend.to_numpy()[-1:], PLAN.to_numpy()])
    root = np.linalg.cholesky(MADE.covariance)

    def of(shocks):
        # the week before is gone through for its media, and put right afterwards
        out = np.zeros((WEEKS, 3))
        past = [values[-2], values[-1]]
        for week in range(WEEKS):
            now = MADE.intercept + shocks[week] + MADE.lags[0] @ past[-1] + MADE.lags[1] @ past[-2]
            now = now + MADE.media[0] @ spend[week + 1] + MADE.media[1] @ spend[week]
            past.append(now)
            out[week] = now
        for name in differenced:
            place = NAMES.index(name)
            out[:, place] = MADE.variables[name].iloc[-1] + np.cumsum(out[:, place])
        return out.ravel()

    mean = of(np.zeros((WEEKS, 3)))
    columns = []
    for week in range(WEEKS):
        for shock in range(3):
            shocks = np.zeros((WEEKS, 3))
            shocks[week] = root[:, shock]
            columns.append(of(shocks) - mean)
    return truth, mean, np.array(columns).T


@pytest.mark.parametrize("differenced", [(), ("base",)])
def test_without_shocks_it_is_the_recursion(differenced):
    truth, mean, _ = dense(differenced)
    assert np.allclose(expected_path(truth, WEEKS, PLAN)[0].ravel(), mean, atol=1e-12)


@pytest.mark.parametrize("differenced", [(), ("base",)])
def test_free_paths_have_the_moments_of_the_dense_normal(differenced):
    truth, mean, root = dense(differenced)
    found = forecast(many(truth), WEEKS, PLAN, seed=1).to_numpy().reshape(COUNT, -1)
    covariance = root @ root.T
    error = np.sqrt(np.diag(covariance) / COUNT)
    assert (np.abs(found.mean(0) - mean) < 4.5 * error).all()
    assert np.allclose(np.cov(found.T), covariance, atol=0.04 * np.diag(covariance).max())


@pytest.mark.parametrize("differenced", [(), ("base",)])
def test_conditions_are_met_and_the_rest_follows_the_normal_given_them(differenced):
    truth, mean, root = dense(differenced)
    conditions = pd.DataFrame({"awareness": [np.nan, 4.0, np.nan], "base": [6.0, np.nan, 7.5]})
    where = np.zeros((WEEKS, 3), dtype=bool)
    where[1, 0] = where[0, 2] = where[2, 2] = True
    target = np.zeros((WEEKS, 3))
    target[1, 0], target[0, 2], target[2, 2] = 4.0, 6.0, 7.5
    kept = where.ravel()
    covariance = root @ root.T
    gain = covariance[:, kept] @ np.linalg.inv(covariance[np.ix_(kept, kept)])
    expected = mean + gain @ (target.ravel()[kept] - mean[kept])
    left = covariance - gain @ covariance[kept]
    found = forecast(many(truth), WEEKS, PLAN, conditions=conditions, seed=2).to_numpy()
    assert (found[:, where] == target[where]).all()
    flat = found.reshape(COUNT, -1)
    error = np.sqrt(np.maximum(np.diag(left), 1e-12) / COUNT)
    assert (np.abs(flat.mean(0) - expected) < 4.5 * error).all()
    assert np.allclose(np.cov(flat.T), left, atol=0.04 * np.diag(covariance).max())


def test_the_forecast_names_its_weeks():
    found = forecast(known(MADE), 3, PLAN)
    assert found.dims == ("draw", "week", "variable")
    last = MADE.variables.index[-1]
    assert pd.DatetimeIndex(found["week"].to_numpy()).tolist() == [
        last + pd.Timedelta(weeks=w) for w in (1, 2, 3)
    ]
    xr.testing.assert_identical(found, forecast(known(MADE), 3, PLAN))
    assert not np.allclose(found, forecast(known(MADE), 3, PLAN, seed=1))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"media": PLAN[["tv"]]}, "without search"),
        ({"media": PLAN.iloc[:2]}, "there are 2 rows"),
        ({"media": None}, "there are 0 rows"),
        ({"media": PLAN.mask(PLAN["tv"].max() == PLAN)}, "have gaps"),
        ({"media": PLAN, "conditions": pd.DataFrame({"bas": [1.0]})}, "bas, which is no variable"),
        (
            {"media": PLAN, "conditions": pd.DataFrame({"base": [1.0] * 9})},
            "over 9 weeks, the forecast over 5",
        ),
    ],
)
def test_a_plan_must_be_whole(settings, words):
    with pytest.raises(InputError, match=words):
        forecast(known(MADE), WEEKS, **settings)


def test_the_recursion_of_the_tests_is_the_simulators():
    shocks = np.zeros((4, 3))
    start = np.ones((2, 3))
    found = path(MADE.lags, MADE.media, MADE.intercept, np.zeros((4, 2)), shocks, start)
    assert np.allclose(found[0], MADE.intercept + MADE.lags.sum(0) @ np.ones(3))
