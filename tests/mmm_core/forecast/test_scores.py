"""Scores against their integrals and published forms; the simple forecasts against hand-worked and dense algebra."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from mmm_core.forecast.scores import (
    crps_of_draws,
    crps_of_normal,
    last_value,
    mape,
    no_media,
    score_draws,
    score_normal,
    seasonal_naive,
    simple_forecasts,
)


def test_crps_of_a_normal_is_the_integral_it_is_defined_by():
    mean, sd, actual = 3.0, 2.0, 4.5
    below = quad(lambda x: stats.norm.cdf(x, mean, sd) ** 2, -40, actual)[0]
    above = quad(lambda x: stats.norm.sf(x, mean, sd) ** 2, actual, 40)[0]
    assert crps_of_normal(np.array(mean), np.array(sd), np.array(actual)) == pytest.approx(
        below + above, rel=1e-7
    )


def test_crps_of_draws_is_the_double_sum_and_tends_to_the_normal():
    rng = np.random.default_rng(1)
    few = rng.normal(size=(7, 2))
    actual = np.array([0.3, -1.0])
    pairs = np.abs(few[:, None] - few[None]).sum(axis=(0, 1)) / (2 * 7 * 6)
    np.testing.assert_allclose(crps_of_draws(few, actual), np.abs(few - actual).mean(axis=0) - pairs)
    many = rng.normal(3.0, 2.0, size=(200_000, 1))
    expected = crps_of_normal(np.array(3.0), np.array(2.0), np.array(4.5))
    assert crps_of_draws(many, np.array([4.5]))[0] == pytest.approx(expected, rel=0.01)


def test_a_sharper_right_forecast_scores_better_than_a_vague_or_a_wrong_one():
    rng = np.random.default_rng(2)
    actual = rng.normal(100, 1, size=(1, 50))
    good = score_draws("good", rng.normal(100, 1, size=(400, 1, 50)), actual)
    vague = score_draws("vague", rng.normal(100, 20, size=(400, 1, 50)), actual)
    wrong = score_draws("wrong", rng.normal(120, 1, size=(400, 1, 50)), actual)
    assert good.crps < vague.crps < wrong.crps
    assert good.mape < wrong.mape == pytest.approx(0.2, abs=0.02)


def test_weeks_without_a_kpi_do_not_count():
    actual = np.array([[10.0, np.nan, 0.0]])
    assert mape(np.array([[11.0, 5.0, 5.0]]), actual) == pytest.approx(0.1)
    assert np.isfinite(score_draws("x", np.ones((3, 1, 3)), actual).crps)


def test_seasonal_naive_repeats_last_season():
    history = np.arange(8.0)[None] % 4 + np.repeat([0.0, 1.0], 4)[None]
    forecast = seasonal_naive(history, 6, season=4)
    np.testing.assert_array_equal(forecast.mean[0], [1, 2, 3, 4, 1, 2])
    np.testing.assert_allclose(forecast.sd[0], [1, 1, 1, 1, np.sqrt(2), np.sqrt(2)])
    assert forecast.name == "seasonal-naive"


def test_the_last_value_goes_on_with_the_spread_of_a_random_walk():
    forecast = last_value(np.array([[1.0, 2.0, np.nan, 4.0]]), 3)
    np.testing.assert_array_equal(forecast.mean[0], [4, 4, 4])
    np.testing.assert_allclose(forecast.sd[0], np.sqrt((1 + 0 + 4) / 3 * np.array([1, 2, 3])))
    walks = np.random.default_rng(3).normal(size=(4000, 60)).cumsum(axis=1)
    forecast = last_value(walks[:, :52], 8)
    inside = np.abs(walks[:, 52:] - forecast.mean) < 1.645 * forecast.sd
    np.testing.assert_allclose(inside.mean(axis=0), 0.9, atol=0.02)


def test_a_season_again_needs_two_of_them():
    short, design = np.arange(103.0)[None], np.zeros((1, 107, 0))
    assert seasonal_naive(short, 4) is None
    assert [forecast.name for forecast in simple_forecasts(short, design, 4)] == ["last value", "no media"]
    longer = np.arange(104.0)[None]
    names = [forecast.name for forecast in simple_forecasts(longer, np.zeros((1, 108, 0)), 4)]
    assert names == ["seasonal-naive", "last value", "no media"]


def test_the_point_error_of_a_skewed_forecast_is_that_of_its_median():
    draws = np.exp(np.random.default_rng(4).normal(0, 1.5, size=(20_000, 1, 1))) * 100
    found = score_draws("log", draws, np.array([[100.0]]))
    assert found.mape == pytest.approx(0, abs=0.03)  # the mean lies at 308


def test_no_media_baseline_recovers_a_regression_on_a_level():
    rng = np.random.default_rng(5)
    control = rng.normal(size=140)
    level = 50 + np.cumsum(rng.normal(0, 0.3, 140))
    kpi = level + 4 * control + rng.normal(0, 0.5, 140)
    design = control[None, :, None]
    forecast = no_media(kpi[None, :127], design, 13)
    errors = (kpi[127:] - forecast.mean[0]) / forecast.sd[0]
    assert np.abs(errors).max() < 3.5
    with_control = score_normal(forecast, kpi[None, 127:])
    without = score_normal(no_media(kpi[None, :127], design[:, :, :0], 13), kpi[None, 127:])
    assert with_control.crps < without.crps / 2


def test_no_media_baseline_of_pure_noise_is_least_squares():
    # Without a random walk the forecast and its error are those of ordinary least squares.
    rng = np.random.default_rng(9)
    x = rng.normal(size=90)
    kpi = 10 + 2 * x + rng.normal(size=90)
    forecast = no_media(kpi[None, :80], x[None, :, None], 10)
    design = np.column_stack([np.ones(80), x[:80]])
    beta, rss, *_ = np.linalg.lstsq(design, kpi[:80], rcond=None)
    ahead = np.column_stack([np.ones(10), x[80:]])
    np.testing.assert_allclose(forecast.mean[0], ahead @ beta, atol=0.1)
    s2 = rss[0] / 78
    spread = 1 + np.einsum("ij,jk,ik->i", ahead, np.linalg.inv(design.T @ design), ahead)
    np.testing.assert_allclose(forecast.sd[0], np.sqrt(s2 * spread), rtol=0.1)


def test_a_constant_term_beside_the_intercept_does_no_harm():
    kpi = 10 + np.random.default_rng(4).normal(size=60)
    plain = no_media(kpi[None, :50], np.zeros((1, 60, 0)), 10)
    doubled = no_media(kpi[None, :50], np.ones((1, 60, 1)), 10)
    np.testing.assert_allclose(plain.mean, doubled.mean)


def test_a_baseline_without_media_shrinks_its_terms_as_the_model_does():
    rng = np.random.default_rng(5)
    weeks, ahead = 60, 5
    design = rng.standard_normal((1, weeks + ahead, 3))
    design[0, :weeks, 2] = 0.0  # in no week seen
    sd = np.array([0.3, 2.0, 10.0])
    # noise that turns back each week, so that the level stands still
    kpi = 20 + design[0, :weeks, 1] + np.resize([1.0, -1.0], weeks) * rng.uniform(0.5, 1.5, weeks)
    forecast = no_media(kpi[None], design, ahead, sd)
    # brute force: coefficients as random effects, the mean flat
    columns = design[0, :, :2] * sd[:2]
    covariance = columns @ columns.T + np.eye(weeks + ahead)
    seen, later = slice(0, weeks), slice(weeks, None)
    inverse = np.linalg.inv(covariance[seen, seen])
    mean = (inverse @ kpi).sum() / inverse.sum()
    expected = mean + covariance[later, seen] @ inverse @ (kpi - mean)
    np.testing.assert_allclose(forecast.mean[0], expected, atol=1e-3)
    wide = no_media(kpi[None], design, ahead, np.full(3, 1e3))
    flat = no_media(kpi[None], design, ahead)
    np.testing.assert_allclose(wide.mean, flat.mean, atol=1e-3)
    np.testing.assert_allclose(wide.sd, flat.sd, rtol=0.03)  # two degrees of freedom more
    narrow = no_media(kpi[None], design, ahead, np.full(3, 1e-6))
    np.testing.assert_allclose(narrow.mean, no_media(kpi[None], design[:, :, :0], ahead).mean, atol=1e-4)
