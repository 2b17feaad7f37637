"""The band against the dense normal of everything, built shock by shock."""

import numpy as np
import pytest

from mmm_core.long_term.loops import chains_last
from mmm_core.long_term.states import (
    Band,
    Start,
    Weekly,
    band_of,
    draw_states,
    in_levels,
    measured_states,
    of_waves,
)
from tests.mmm_core.long_term.worlds import path, three_variables

WEEKS = 14
LAGS, MEDIA, INTERCEPT, COVARIANCE = three_variables()


def dense_of(band):
    size = band.shape[1]
    out = np.zeros((size, size))
    for below, row in enumerate(band):
        out += np.diag(row[: size - below], -below)
    return out + np.tril(out, -1).T


def surveys(rng):
    days = [np.zeros((4, WEEKS)), np.zeros((3, WEEKS))]
    days[0][range(3), [1, 5, 12]] = 1
    days[0][3, 6:10] = 0.25
    days[1][range(3), [0, 7, 13]] = 1
    return days, [rng.normal(size=4), rng.normal(size=3)], [rng.gamma(2, 0.1, 4), rng.gamma(2, 0.1, 3)]


@pytest.mark.parametrize("latent", [np.array([0, 1]), np.array([2, 0])])
def test_states_are_the_dense_normal_given_waves_and_what_is_known(latent):
    """All 42 variables of 14 weeks are one normal: condition it on the waves and on the known variable."""
    rng = np.random.default_rng(0)
    spend = rng.gamma(2, 1, (WEEKS, 2))
    expected = INTERCEPT + spend[2:] @ MEDIA[0].T + spend[1:-1] @ MEDIA[1].T
    mean_start, sd_start, step_start = np.array([1.0, -0.5]), 3.0, 0.7
    others = [i for i in range(3) if i not in latent]
    known = np.zeros((WEEKS, 3))
    known[:, others] = rng.normal(2, 1, (WEEKS, len(others)))

    # the prior: the first week is wide, the second one step away; the known variable's first weeks are as they are
    begin = np.zeros((2, 3))
    begin[:, latent], begin[:, others] = mean_start, known[:2, others]

    def run(start, shocks):
        values = path(
            LAGS, np.zeros((1, 3, 2)), np.zeros(3), np.zeros((WEEKS - 2, 2)), expected + shocks, start
        )
        return np.concatenate([start, values]).ravel()

    middle, nothing = run(begin, np.zeros((WEEKS - 2, 3))), np.zeros((WEEKS - 2, 3))
    columns = []
    for week in range(2):
        for i in latent:
            moved = begin.copy()
            moved[week:, i] += step_start if week else sd_start
            columns.append(run(moved, nothing) - middle)
    for week in range(WEEKS - 2):
        for column in np.linalg.cholesky(COVARIANCE).T:
            shocks = nothing.copy()
            shocks[week] = column
            columns.append(run(begin, shocks) - middle)
    covariance = np.array(columns).T @ np.array(columns)

    days, measured, variance = surveys(rng)
    observe, target, noise = [], [], []
    for place, i in enumerate(latent):
        for h, z, v in zip(days[place], measured[place], variance[place], strict=True):
            row = np.zeros((WEEKS, 3))
            row[:, i] = h
            observe.append(row.ravel())
            target.append(z)
            noise.append(v)
    for week in range(2, WEEKS):
        for i in others:
            row = np.zeros((WEEKS, 3))
            row[week, i] = 1
            observe.append(row.ravel())
            target.append(known[week, i])
            noise.append(0.0)
    observe, target = np.array(observe), np.array(target)
    gain = covariance @ observe.T @ np.linalg.inv(observe @ covariance @ observe.T + np.diag(noise))
    places = (np.arange(WEEKS)[:, None] * 3 + latent).ravel()
    mean = (middle + gain @ (target - observe @ middle))[places]
    left = (covariance - gain @ observe @ covariance)[np.ix_(places, places)]

    # three chains at once, of which the last is that of the prior above
    lags, sigma = np.stack([LAGS * 0.5, LAGS * 0.1, LAGS]), np.stack([COVARIANCE * 2, COVARIANCE, COVARIANCE])
    many = (np.repeat(part[..., None], 3, axis=-1) for part in (expected, known))
    found = band_of(
        chains_last(lags),
        chains_last(np.linalg.inv(sigma)),
        *many,
        latent,
        measured_states(
            of_waves(days, measured, variance),
            Start(mean_start, np.full(2, sd_start), step_start),
            None,
            3,
            2,
            2,
        ),
    )
    precision = dense_of(found.precision[..., 2].T)
    assert np.allclose(np.linalg.solve(precision, found.information[:, 2]), mean, atol=1e-8)
    assert np.allclose(np.linalg.inv(precision), left, atol=1e-8)

    again = Band(*(np.repeat(part[..., 2:], 4000, axis=-1) for part in found[:2]), found.reach)
    draws = draw_states(again, rng).T
    error = np.sqrt(np.diag(left) / 4000)
    assert (np.abs(draws.mean(0) - mean) < 4.5 * error).all()
    assert np.allclose(np.cov(draws.T), left, atol=0.08 * np.diag(left).max())


def test_weekly_measurements_are_waves_of_a_week_each():
    rng = np.random.default_rng(4)
    known, expected = rng.normal(size=(WEEKS, 3, 2)), rng.normal(size=(WEEKS - 2, 3, 2))
    lags = chains_last(np.stack([LAGS, 0.5 * LAGS]))
    inverse = chains_last(np.linalg.inv(np.stack([COVARIANCE, 2 * COVARIANCE])))
    days, measured, variance = surveys(rng)
    seen = rng.random(WEEKS) < 0.7
    figure, spread = rng.normal(size=WEEKS), rng.gamma(2, 0.1, WEEKS)
    latent, start = np.array([0, 1]), Start(np.zeros(2), np.full(2, 3.0), 0.7)

    def band(days, measured, variance, weekly=None):
        waves = of_waves(days, measured, variance)
        return band_of(lags, inverse, expected, known, latent, measured_states(waves, start, weekly, 2, 2, 2))

    more = (np.eye(WEEKS)[seen], figure[seen], spread[seen])
    as_waves = band(*([part[0], both] for part, both in zip((days, measured, variance), more, strict=True)))
    precision = np.zeros((2, WEEKS, 2))
    precision[:, seen, 1] = 1 / spread[seen]
    nothing = [days[0], np.zeros((0, WEEKS))], [measured[0], np.zeros(0)], [variance[0], np.zeros(0)]
    weekly = band(*nothing, Weekly(precision, precision * figure[:, None]))
    assert np.allclose(weekly.information, as_waves.information)
    assert np.allclose(weekly.precision, as_waves.precision[:, : weekly.precision.shape[1]])


def test_lags_of_levels_leave_the_residuals_of_changes():
    rng = np.random.default_rng(5)
    differenced = np.array([False, False, True])
    levels = rng.normal(size=(WEEKS, 3)).cumsum(0)
    modelled = np.where(differenced, np.diff(levels, axis=0), levels[1:])
    left = modelled[2:] - sum(modelled[2 - lag : len(modelled) - lag] @ LAGS[lag - 1].T for lag in (1, 2))
    of_levels = in_levels(LAGS[..., None], differenced)[..., 0]
    assert of_levels.shape == (3, 3, 3)
    again = levels[3:] - sum(levels[3 - lag : WEEKS - lag] @ of_levels[lag - 1].T for lag in (1, 2, 3))
    assert np.allclose(left, again)
    assert np.array_equal(in_levels(LAGS[..., None], np.zeros(3, dtype=bool))[..., 0], LAGS)


def test_a_column_reaches_as_far_as_its_factor_has_entries_and_no_further_is_looked_at():
    rng = np.random.default_rng(6)
    days, measured, variance = surveys(rng)
    days[0][3, 6:10], days[0][3, 6:11] = 0, 0.2
    latent, start = np.array([0, 1]), Start(np.zeros(2), np.full(2, 3.0), 0.7)
    told = measured_states(of_waves(days, measured, variance), start, None, 1, 2, 2)
    known = np.zeros((WEEKS, 3, 1))
    about = LAGS[..., None], np.linalg.inv(COVARIANCE)[..., None], rng.normal(size=(WEEKS - 2, 3, 1)), known
    found = band_of(*about, latent, told)
    root = np.linalg.cholesky(dense_of(found.precision[..., 0].T))
    last = len(root) - 1 - (abs(root[::-1]) > 1e-14).argmax(0)
    assert np.array_equal(last - np.arange(len(root)) + 1, found.reach)
    assert (found.reach < found.precision.shape[1]).sum() > len(root) / 2

    far = band_of(*about, latent, told)
    for column, reach in enumerate(found.reach):
        far.precision[column, reach:] = np.nan
    drawn = [draw_states(band, np.random.default_rng(0)) for band in (found, far)]
    assert np.array_equal(*drawn)
