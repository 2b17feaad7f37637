"""How many lags and a trend, where variables are states: against closed forms, and in worlds that are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit

from mmm_core.long_term.choice import bridged, log_evidence, tracked_evidence
from mmm_core.long_term.fit import lag_order, prepare
from mmm_core.long_term.minnesota import GammaPrior, Minnesota
from mmm_core.long_term.series import series
from mmm_core.long_term.tracked import sampled, task_of

PRIOR = Minnesota(media=GammaPrior(1.0, 1.0), sum_of_coefficients=None, initial_observation=None)
ONE = [[[0.8, 0.0], [1.0, 0.6]]]
THREE = [[[0.6, 0.0], [1.0, 0.3]], [[0.1, 0.0], [0.0, 0.0]], [[0.1, 0.0], [0.0, 0.5]]]


def simulated(lags, seed, weeks=200):
    """awareness and base, (week, 2), and spend, of a world with so many lags."""
    rng = np.random.default_rng(seed)
    spend = rng.gamma(2, 1, weeks + 60) * (rng.random(weeks + 60) < 0.7)
    values = np.zeros((weeks + 60, 2))
    for week in range(len(lags), weeks + 60):
        before = sum(np.array(matrix) @ values[week - 1 - lag] for lag, matrix in enumerate(lags))
        values[week] = before + [0.05 * spend[week], 0] + rng.standard_normal(2) * [0.05, 1.0]
    index = pd.date_range("2021-01-04", periods=weeks, freq="7D")
    return (
        pd.DataFrame(values[60:] + np.array([-0.5, 100]), index=index, columns=["awareness", "base"]),
        pd.DataFrame({"tv": spend[60:]}, index=index),
    )


def task(values, spend, people, every, noise, seed=0, terms=None):
    """Waves of so many people and weeks, and the base with noise."""
    rng = np.random.default_rng([seed, 1])
    weeks, rows = values.index, []
    share = expit(values["awareness"].to_numpy())
    for first in range(0, len(weeks) - every + 1, every):
        part = share[first : first + every].mean()
        answered = rng.binomial(people, part) / people if people < 1e6 else part
        end = weeks[first + every - 1] + pd.Timedelta(days=6)
        rows.append((weeks[first], end, answered, people))
    waves = pd.DataFrame(rows, columns=["start", "end", "share", "sample"])
    seen = values["base"] + noise * rng.standard_normal(len(weeks))
    known = xr.DataArray(
        seen.to_numpy()[:, None],
        dims=("week", "variable"),
        coords={"week": weeks.to_numpy(), "variable": ["base"]},
    )
    return task_of(known, {"awareness": waves}, spend, terms, noise=xr.full_like(known, noise))


def test_a_bridge_finds_the_ratio_of_two_normals():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 4000), 0.7 + 1.5 * rng.normal(0, 1, 2000)

    def log_ratio(x):
        return 3.0 - 0.5 * ((x - 0.7) / 1.5) ** 2 + 0.5 * x**2

    assert bridged(log_ratio(a), log_ratio(b)) == pytest.approx(3.0 + np.log(1.5), abs=0.05)
    assert bridged(-log_ratio(b), -log_ratio(a)) == pytest.approx(-3.0 - np.log(1.5), abs=0.05)


def test_states_that_measurements_leave_no_doubt_of_have_the_evidence_of_known_series():
    """A wave of ten billion people every week, and a base without noise: the closed form of `lag_order` holds."""
    values, spend = simulated(THREE, 3, 120)
    work = task(values, spend, 10**10, 1, 1e-5)
    found = tracked_evidence([(work, lags) for lags in (1, 2, 4)], prior=PRIOR)
    known = lag_order(series(values, spend), [1, 2, 4], 0, PRIOR)
    # units of the prior are read from the measurements and not from the series: they differ by little
    assert np.allclose(found, known - known[1], atol=0.4)
    assert found[2] > 5


@pytest.mark.parametrize("seed", [0, 2])
def test_one_lag_is_taken_where_there_is_one_whatever_states_of_four_say(seed):
    values, spend = simulated(ONE, seed)
    work = task(values, spend, 500, 4, 0.3, seed)
    found = tracked_evidence([(work, 1), (work, 4)], prior=PRIOR)
    assert found[1] < 0
    # states that were drawn with four lags speak for four: their own evidence must not be compared
    first = work.given.first_row(4, 0)
    one, four = (prepare(work.given, lags, 0, PRIOR, first, units=work.units) for lags in (1, 4))
    drawn = sampled(work, four, 320, steps=6, seed=5)
    assert (log_evidence(work, four, drawn) - log_evidence(work, one, drawn)).mean() > 0


def test_more_lags_are_taken_where_there_are_more():
    values, spend = simulated(THREE, 0)
    work = task(values, spend, 500, 4, 0.3)
    assert tracked_evidence([(work, 1), (work, 4)], prior=PRIOR)[1] > 5


@pytest.mark.parametrize(("slope", "taken"), [(0.05, True), (0.0, False)])
def test_a_trend_is_taken_where_there_is_one(slope, taken):
    """Spend rises in both worlds: beside a base that grows by itself it would be credited with the growth."""
    values, spend = simulated([[[0.8, 0.0], [0.0, 0.5]]], 6)
    line = np.arange(len(values))
    values["base"] += slope * line
    spend = spend.mul(1 + line / len(values), axis=0)
    trend = pd.DataFrame({"trend": line / 52}, index=values.index)
    without, having = (task(values, spend, 500, 4, 0.3, terms=terms) for terms in (None, trend))
    prior = replace(PRIOR, terms=1.0)
    found = tracked_evidence([(without, 1), (having, 1)], prior=prior)
    assert (found[1] > 2) == taken
    assert (found[1] < 0) != taken


def test_orders_between_do_not_change_what_is_said_of_the_ends():
    values, spend = simulated(ONE, 1, 100)
    work = task(values, spend, 500, 4, 0.3)
    direct, by_steps = (
        tracked_evidence([(work, lags) for lags in orders], prior=PRIOR, seed=2)
        for orders in ([1, 4], [1, 2, 4])
    )
    assert direct[-1] == pytest.approx(by_steps[-1], abs=0.8)
