"""Outliers and shifts of level: planted ones are found where they are, and tables without any raise no alarm."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.data_health.level_shifts import RATIOS, ordinary, peaks, season_terms, shift_scores
from mmm_core.data_health.outliers import distances
from tests.mmm_core.data_health.tables import flagged, panel_of, plain, report_of


def test_a_digit_too_many_and_one_too_few_are_as_far():
    values = 100 * np.random.default_rng(0).lognormal(0, 0.1, 120)
    values[[30, 80]] *= [10, 0.1]
    found = distances(values)
    assert set(np.flatnonzero(np.abs(found.score) > 5)) == {30, 80}
    assert found.score[30] == pytest.approx(-found.score[80], rel=0.2)
    assert found.usual[30] == pytest.approx(100, rel=0.2)


def test_by_hand():
    """The distance is from the nearer of the medians of three weeks before and after, in robust sds of both's mean."""
    values = np.random.default_rng(1).standard_normal(40) - 3
    found = distances(values).score
    before = np.array([np.median(values[t - 3 : t]) for t in range(3, 37)])
    after = np.array([np.median(values[t + 1 : t + 4]) for t in range(3, 37)])
    apart = np.array([values[t] - (before[t - 3] + after[t - 3]) / 2 for t in range(3, 37)])
    whole = [values[t] - _middle(values, t) for t in range(40)]
    scale = 1.4826 * np.median(np.abs(whole - np.median(whole)))
    one, other = values[3:37] - before, values[3:37] - after
    expected = np.where(one * other > 0, np.where(np.abs(one) < np.abs(other), one, other), 0) / scale
    assert len(apart) == len(expected)
    np.testing.assert_allclose(found[3:37], expected)


def _middle(values, t):
    sides = [side for side in (values[max(t - 3, 0) : t], values[t + 1 : t + 4]) if len(side)]
    return np.mean([np.median(side) for side in sides])


def test_steps_trends_and_steady_series_have_no_outliers():
    week = np.arange(120.0)
    noise = np.random.default_rng(2).standard_normal(120)
    for series in (
        50 * (week > 60) + noise,
        40 + 3 * week + noise,
        np.repeat(np.arange(12.0), 10),
        np.full(120, 4.0),
    ):
        assert not (np.abs(np.nan_to_num(distances(series).score)) > 5).any()


def test_media_are_out_for_being_high_alone():
    table = plain()
    table.loc[40, "tv_spend"] = 40 * table["tv_spend"].max()
    table.loc[60, "tv_spend"] = table["tv_spend"].max() / 1000
    found = [f for f in report_of(table).of("outliers") if f.verdict != "ok"]
    assert [(f.subject, f.first_week) for f in found] == [("tv_spend", table["week_start"][40])]


def test_a_week_the_model_names_is_no_finding_to_look_at():
    table = plain()
    table.loc[70, "revenue"] *= 4
    week = table["week_start"][70]
    (found,) = [f for f in report_of(table).of("outliers") if f.subject == "revenue"]
    assert (found.verdict, found.first_week) == ("warn", week)
    named = report_of(table, baseline={"events": {"opening": [str((week + pd.Timedelta(days=2)).date())]}})
    (found,) = [f for f in named.of("outliers") if f.subject == "revenue"]
    assert found.verdict == "ok"
    assert "the model names it: opening" in found.sentence


def test_a_geo_of_its_own_is_named():
    parts = [plain(seed=seed).assign(geo=f"g{seed}") for seed in range(4)]
    parts[2].loc[50, "revenue"] *= 5
    report = report_of(pd.concat(parts), geo={"column": "geo"})
    found = [f for f in report.of("outliers") if f.verdict != "ok"]
    assert ("revenue", "g2", parts[2]["week_start"][50]) in [(f.subject, f.geo, f.first_week) for f in found]
    assert {f.geo for f in found} <= {"g2", "all"}


def test_shift_scores_by_generalised_least_squares():
    """The largest score is the t value of the step in the regression with the level's covariance."""
    rng = np.random.default_rng(4)
    series = rng.standard_normal(60) + 3.0 * (np.arange(60) >= 25)
    scores = shift_scores(series, np.ones((60, 1)))
    week = int(np.abs(scores).argmax())
    assert abs(week - 25) <= 1
    likelihoods = {}
    for ratio in RATIOS:
        walk = np.minimum.outer(np.arange(60), np.arange(60)).astype(float)
        inverse = np.linalg.inv(np.eye(60) + ratio**2 * walk)
        ones = np.ones(60)
        level = ones @ inverse @ series / (ones @ inverse @ ones)
        left = series - level
        variance = left @ inverse @ left / 60
        _, log_det = np.linalg.slogdet(inverse)
        whole, later = ((np.arange(60) >= week + k).astype(float) for k in (0, 1))
        values = []
        for step in (whole, (whole + later) / 2):
            step = step - ones * (ones @ inverse @ step) / (ones @ inverse @ ones)
            values.append(step @ inverse @ left / np.sqrt(variance * (step @ inverse @ step)))
        likelihoods[-30 * np.log(variance) + 0.5 * log_det] = max(values, key=abs)
    assert scores[week] == pytest.approx(likelihoods[max(likelihoods)])


@pytest.mark.parametrize("column", ["revenue", "confidence"])
def test_a_planted_shift_is_found_where_it_is(column):
    table = plain()
    spread = table[column].std()
    table[column] = table[column] + 6 * spread * (np.arange(len(table)) >= 80)
    report = report_of(table)
    found = [f for f in report.of("level_shifts") if f.verdict != "ok"]
    assert [f.subject for f in found] == [column]
    assert abs((found[0].first_week - table["week_start"][80]).days) <= 7
    step = {"steps": {"scope": str(found[0].first_week.date())}}
    assert flagged(report_of(table, baseline=step).of("level_shifts")) == []


def test_a_change_in_the_middle_of_a_week_is_found():
    series = np.random.default_rng(5).standard_normal(100)
    series[60:] += 5
    series[60] -= 2.5
    ((week, z), *_) = peaks(shift_scores(series, np.ones((100, 1))), 4.0)
    assert week == 60
    assert z > 4


def test_an_outlier_is_no_shift_and_the_ends_are_left_alone():
    series = np.random.default_rng(6).standard_normal(100) + 20
    series[50] = 400
    assert peaks(shift_scores(ordinary(series, 5.0), np.ones((100, 1))), 4.0) == []
    late = np.zeros(60) + np.random.default_rng(7).standard_normal(60)
    late[-2:] += 30
    assert not shift_scores(late, np.ones((60, 1)))[-3:].any()


def test_most_shifts_by_five_sds_are_found():
    rng, found = np.random.default_rng(9), 0
    season, week = season_terms(panel_of(plain(104))), np.arange(104)
    for _ in range(60):
        start = rng.integers(20, 84)
        series = rng.standard_normal(104) + 5 * (week >= start)
        found += any(abs(at - start) <= 2 for at, _ in peaks(shift_scores(series, season), 4.0))
    assert found >= 51


def test_false_alarms_are_rare():
    """Of 200 tables that have neither, of white noise, walks, and seasons, at most one in thirty is alarmed about."""
    rng, alarms = np.random.default_rng(8), {"outliers": 0, "shifts": 0}
    season = season_terms(panel_of(plain(104)))
    week = np.arange(104)
    for table in range(200):
        noise = rng.standard_normal(104)
        series = [noise, 40 + np.cumsum(noise), 3 * np.sin(2 * np.pi * week / 52.18) + noise][table % 3]
        alarms["outliers"] += bool((np.abs(np.nan_to_num(distances(series).score)) > 5).any())
        alarms["shifts"] += bool(peaks(shift_scores(series, season), 4.0))
    assert alarms["outliers"] <= 6
    assert alarms["shifts"] <= 6
