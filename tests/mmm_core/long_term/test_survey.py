"""Weekly states against the dense normal and statsmodels' Kalman smoother, and on simulated trackers."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import multivariate_normal
from statsmodels.tsa.statespace.structural import UnobservedComponents

from mmm_core.errors import InputError
from mmm_core.long_term import survey
from mmm_core.long_term.survey import Observations, smoothed, weekly_noise, weekly_states

WEEKS = pd.date_range("2022-01-03", periods=60, freq="7D")


def monthly(truth, sample, rng, every=4):
    """A wave every four weeks, asked over its first seven days."""
    rows = []
    for week in range(0, len(WEEKS), every):
        yes = rng.binomial(sample, expit(truth[week]))
        rows.append((WEEKS[week], WEEKS[week] + pd.Timedelta(days=6), yes / sample, sample))
    return pd.DataFrame(rows, columns=["start", "end", "share", "sample"])


def simulated(seed, sample=500, step=0.05):
    rng = np.random.default_rng(seed)
    truth = logit(0.4) + np.cumsum(rng.normal(0, step, len(WEEKS)))
    return truth, monthly(truth, sample, rng)


@pytest.fixture(scope="module")
def some():
    """Seven observations, two of them over several weeks, and what their precision and mean must be."""
    rng = np.random.default_rng(0)
    days = np.zeros((7, 60))
    days[range(5), [3, 4, 20, 41, 58]] = 1
    days[5, 8:13] = 0.2
    days[6, 10:12] = 0.5
    return days, rng.normal(size=7), rng.gamma(2, 0.1, 7)


@pytest.mark.parametrize("step", [0.03, 0.4])
def test_states_are_the_dense_normal(some, step):
    days, measured, variance = some
    week = np.arange(60)
    prior = survey.START_SD**2 + step**2 * np.minimum(week[:, None], week)
    gain = prior @ days.T @ np.linalg.inv(days @ prior @ days.T + np.diag(variance))
    root, mean = smoothed(days, measured, variance, step)
    assert np.allclose(mean, gain @ measured, atol=1e-7)
    assert np.allclose(np.linalg.inv(root @ root.T), prior - gain @ days @ prior, atol=1e-7)


def test_the_step_is_scored_by_the_density_of_the_waves(some):
    days, measured, variance = some
    week = np.arange(60)

    def dense(step):
        prior = survey.START_SD**2 + step**2 * np.minimum(week[:, None], week)
        return multivariate_normal(np.zeros(7), days @ prior @ days.T + np.diag(variance)).logpdf(measured)

    found = [survey._log_marginal(days, measured, variance, step) for step in (0.02, 0.1, 0.7)]
    assert np.diff(found) == pytest.approx(np.diff([dense(step) for step in (0.02, 0.1, 0.7)]), abs=1e-7)


def test_states_are_those_of_a_kalman_smoother():
    rng = np.random.default_rng(2)
    observed = np.full(60, np.nan)
    places = np.array([0, 7, 8, 30, 55])
    observed[places] = rng.normal(size=5)
    model = UnobservedComponents(observed, "llevel")
    model.ssm.initialize_known(np.zeros(1), np.eye(1) * survey.START_SD**2)
    theirs = model.smooth([0.04, 0.09])  # variances of the observation and of the step
    days = np.zeros((5, 60))
    days[range(5), places] = 1
    root, mean = smoothed(days, observed[places], np.full(5, 0.04), 0.3)
    assert np.allclose(mean, theirs.smoothed_state[0], atol=1e-8)
    assert np.allclose(np.diag(np.linalg.inv(root @ root.T)), theirs.smoothed_state_cov[0, 0], atol=1e-8)


def test_a_wave_counts_for_the_days_it_has_in_each_week():
    waves = pd.DataFrame({"start": ["2022-01-06"], "end": ["2022-01-18"], "share": [0.5], "sample": [10]})
    days = survey.days_in_weeks(
        waves.assign(start=pd.to_datetime(waves["start"]), end=pd.to_datetime(waves["end"])), WEEKS
    )
    assert days[0, :4] == pytest.approx([4 / 13, 7 / 13, 2 / 13, 0])
    assert days.sum() == pytest.approx(1)


def test_nothing_is_carried_forward():
    """Between waves the state is less certain than at them, and a gap is bridged from both of its ends."""
    truth, waves = simulated(4)
    gap = waves[(waves["start"] < WEEKS[16]) | (waves["start"] > WEEKS[40])]
    found = weekly_states(gap, WEEKS, 3000, seed=1)["logit"]
    spread = found.std("draw").to_numpy()
    assert spread[28] > 2 * spread[12]
    assert spread[14] > spread[12]
    ends = found.mean("draw").to_numpy()
    assert min(ends[12], ends[44]) - 0.02 < ends[28] < max(ends[12], ends[44]) + 0.02
    assert abs(ends[28] - (ends[12] + ends[44]) / 2) < 0.25 * abs(ends[12] - ends[44]) + 0.02
    assert len(truth) == 60


def test_states_cover_the_truth_as_often_as_they_say():
    inside = []
    for seed in range(40):
        truth, waves = simulated(100 + seed)
        low, high = (
            weekly_states(waves, WEEKS, 300, seed=seed)["logit"].quantile([0.05, 0.95], "draw").to_numpy()
        )
        inside.append(((low <= truth) & (truth <= high)).mean())
    assert np.mean(inside) == pytest.approx(0.9, abs=0.035)


@pytest.mark.parametrize(("persistence", "noise"), [(0.5, 0.1), (0.95, 0.05), (0.8, 0.3)])
def test_the_noise_of_a_metric_is_found_by_its_waves(persistence, noise):
    """Of 20 metrics asked about every third week by 1000 people, the middle estimate is within a third."""
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        truth = np.zeros(160)
        for week in range(1, 160):
            truth[week] = persistence * truth[week - 1] + rng.normal(0, noise)
        places = np.arange(100, 160, 3)
        days = np.zeros((len(places), 60))
        days[range(len(places)), places - 100] = 1
        sd = 2 / np.sqrt(1000)
        measured = truth[places] + rng.normal(0, sd, len(places))
        found.append(weekly_noise(Observations(days, measured, np.full(len(places), sd**2))))
    assert np.median(found) == pytest.approx(noise, rel=0.33)


def test_a_small_sample_says_less():
    _, waves = simulated(7)
    sure = weekly_states(waves, WEEKS, 500)["share"].std("draw").mean()
    unsure = weekly_states(waves.assign(sample=30), WEEKS, 500)["share"].std("draw").mean()
    assert unsure > 1.7 * sure


def test_shares_of_all_and_none_are_possible():
    _, waves = simulated(8)
    waves.loc[0, "share"], waves.loc[1, "share"] = 0.0, 1.0
    found = weekly_states(waves, WEEKS, 50)
    assert np.isfinite(found["logit"]).all()
    assert ((found["share"] > 0) & (found["share"] < 1)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"share": 43.0}, "wave of 2022-01-03 has a share outside 0 to 1"),
        ({"sample": 0}, "has no sample"),
        ({"end": "2021-12-01"}, "has an end before its start"),
        (
            {"start": "2020-01-01", "end": "2020-01-31"},
            "wave of 2020-01-01 has no day in the weeks .2022-01-03 to 2023-02-20",
        ),
        ({"start": "2024-01-01", "end": "2024-01-31"}, "wave of 2024-01-01 has no day in the weeks"),
    ],
)
def test_bad_waves_are_refused_by_name(change, words):
    waves = simulated(9)[1].astype({"start": object, "end": object})
    for column, value in change.items():
        waves.loc[0, column] = pd.Timestamp(value) if isinstance(value, str) else value
    with pytest.raises(InputError, match=words):
        weekly_states(waves, WEEKS, 10)


def test_what_cannot_be_learnt_from_is_refused():
    waves = simulated(9)[1]
    with pytest.raises(InputError, match="2 waves are too few"):
        weekly_states(waves.iloc[:2], WEEKS, 10)
    with pytest.raises(InputError, match=r"the share is 0\.3 in all 15 waves"):
        weekly_states(waves.assign(share=0.3), WEEKS, 10)
    with pytest.raises(InputError, match="no column sample"):
        weekly_states(waves.drop(columns="sample"), WEEKS, 10)
