"""Paired differences against the t-test they are in the plain case, by hand, and by simulation: size and power."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from mmm_core.forecast.differences import BETTER, UNSAID, WORSE, difference_of_scores, paired_difference


def scores(values, step=None):
    """Scores (origin, ahead, geo) from origins `step` weeks apart, the horizon by default."""
    values = np.asarray(values, dtype=float)
    starts = pd.date_range("2022-01-03", periods=len(values), freq=f"{7 * (step or values.shape[1])}D")
    coords = {"origin": starts.to_numpy(), "ahead": np.arange(1, values.shape[1] + 1)}
    return xr.DataArray(values, dims=("origin", "ahead", "geo")[: values.ndim], coords=coords)


def test_quarters_side_by_side_are_the_paired_t_test():
    rng = np.random.default_rng(1)
    first, second = rng.gamma(2, size=(2, 5, 13, 3))
    found = paired_difference(scores(first), scores(second))
    means = (first - second).mean(axis=(1, 2))
    by_hand = stats.ttest_1samp(means, 0)
    assert found.mean == pytest.approx(means.mean())
    assert found.se == pytest.approx(stats.sem(means))
    assert (found.df, found.p_value) == (4, pytest.approx(by_hand.pvalue))
    assert found.relative == pytest.approx(first.mean() / second.mean() - 1)


def test_the_mean_is_the_difference_of_the_pooled_scores_where_weeks_are_missing():
    rng = np.random.default_rng(2)
    first, second = rng.gamma(2, size=(2, 4, 13, 2))
    first[0, :9] = np.nan
    second[3, :, 1] = np.nan
    known = np.isfinite(first) & np.isfinite(second)
    found = paired_difference(scores(first), scores(second))
    assert found.mean == pytest.approx(first[known].mean() - second[known].mean())
    first[1] = np.nan
    assert paired_difference(scores(first), scores(second)).origins == 3


def test_order_of_origins_and_dimensions_does_not_matter_and_sides_change_the_sign():
    rng = np.random.default_rng(3)
    first, second = (scores(values, step=4) for values in rng.gamma(2, size=(2, 8, 13)))
    found, back = paired_difference(first, second), paired_difference(second, first)
    assert (found.mean, found.se, found.p_value) == pytest.approx((-back.mean, back.se, back.p_value))
    again = paired_difference(first[::-1], second.T)
    assert (again.mean, again.se, again.df) == pytest.approx((found.mean, found.se, found.df))


def test_one_origin_says_nothing_and_its_words_say_so():
    found = paired_difference(scores(np.ones((1, 13))), scores(np.full((1, 13), 2.0)))
    assert (found.mean, found.df, found.verdict) == (-1.0, 0, UNSAID)
    assert np.isnan(found.se)
    assert "50% lower, of one origin, which says nothing of chance" in found.words


def test_a_clear_difference_is_said_and_equal_forecasts_are_not():
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(6, 13))
    worse, good = scores(10 + noise), scores(8 + noise + rng.normal(scale=0.1, size=(6, 13)))
    assert paired_difference(good, worse).verdict == BETTER
    assert paired_difference(worse, good).verdict == WORSE
    same = paired_difference(good, good)
    assert (same.mean, same.p_value, same.verdict) == (0, 1, UNSAID)
    assert same.words == "the same"


def test_cells_must_be_the_same():
    with pytest.raises(ValueError, match="align"):
        paired_difference(scores(np.ones((2, 13))), scores(np.ones((2, 12)), step=13))
    with pytest.raises(ValueError, match="no scored week in common"):
        paired_difference(scores(np.ones((2, 3))), scores(np.full((2, 3), np.nan)))


def equal_forecasts(rng, origins, horizon, step, autocorrelation, own):
    """Differences of two forecasts with the same expected score: weeks autocorrelated, a share `own` of each origin."""
    weeks = horizon + step * (origins - 1)
    week = np.empty(weeks)
    week[0] = rng.standard_normal()
    for t in range(1, weeks):
        week[t] = autocorrelation * week[t - 1] + np.sqrt(1 - autocorrelation**2) * rng.standard_normal()
    level = rng.standard_normal(origins)
    return np.stack(
        [
            np.sqrt(1 - own) * week[step * o : step * o + horizon] + np.sqrt(own) * level[o]
            for o in range(origins)
        ]
    )


@pytest.mark.parametrize(
    ("origins", "horizon", "step", "autocorrelation", "own"),
    [
        (3, 13, 13, 0.5, 0.5),
        (4, 13, 13, 0.5, 0.0),
        (6, 13, 13, 0.3, 0.8),
        (6, 13, 4, 0.5, 0.05),
        (10, 13, 4, 0.5, 0.0),
        (12, 4, 4, 0.7, 0.1),
    ],
)
def test_equal_forecasts_are_called_different_as_often_as_the_level_says(
    origins, horizon, step, autocorrelation, own
):
    rng = np.random.default_rng(5)
    worlds = 2000
    other, week = np.ones((origins, horizon)), step * np.arange(origins)
    verdicts = [
        difference_of_scores(
            1 + equal_forecasts(rng, origins, horizon, step, autocorrelation, own), other, week, horizon
        ).verdict
        for _ in range(worlds)
    ]
    rejected = worlds - verdicts.count(UNSAID)
    # 5 %, the allowance of 2000 worlds (2 sd are 1 point) and what is left of dependence beyond a quarter
    assert rejected / worlds < 0.075


def test_a_difference_of_the_size_of_its_noise_is_found_with_enough_origins():
    rng = np.random.default_rng(6)
    found = [
        paired_difference(
            scores(equal_forecasts(rng, 8, 13, 13, 0.5, 0.3)), scores(np.full((8, 13), 1.2))
        ).verdict
        for _ in range(200)
    ]
    assert found.count(BETTER) > 0.9 * 200
    assert found.count(WORSE) == 0
