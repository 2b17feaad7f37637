"""The KPI tells in which weeks events and holidays were felt."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.data.arrays import model_data
from mmm_core.data.event_weeks import (
    EARLIER,
    LATER,
    OTHER_END,
    STATED,
    EventWeeks,
    _evidence,
    event_weeks,
)  # fmt: skip
from mmm_core.inference.fit import fit
from mmm_core.review import review
from mmm_core.spec.model_spec import parse_spec

EVENTS = {"sale": ["2024-11-29", "2025-11-28"], "fair": ["2024-09-19", "2025-09-18", "2025-03-06"]}
WEEKS = 104


def spec(marks="start", **baseline):
    return parse_spec(
        {
            "model": "shop",
            "table": "t",
            "kpi": {"column": "revenue"},
            "time": {"marks": marks},
            "media": {"defaults": {"adstock": {"l_max": 4}}, "channels": {"tv": {"spend": "tv"}}},
            "baseline": {"seasonality": {"order": 1}, **(baseline or {"events": EVENTS})},
            "fit": {"engine": "laplace", "chains": 2, "draws": 100},
        }
    )


# a peak of four weeks whose neighbours take each other's place in a shifted table
PEAK = {
    "black_friday": ["2024-11-29", "2025-11-28"],
    "cyber_week": ["2024-12-06", "2025-12-05"],
    "christmas": ["2024-12-10", "2024-12-17", "2025-12-10", "2025-12-17"],
}


def table(seed=0, dated_by="first day", effect=1.0, events=EVENTS) -> pd.DataFrame:
    """Weeks in which events sell 400 more, around a level that wanders by 20 a week with a noise of 40."""
    numbers = np.random.default_rng(seed)
    first = pd.date_range("2024-01-01", periods=WEEKS, freq="7D")
    felt = sum(
        ((first <= day) & (day < first + pd.Timedelta(days=7))).astype(float)
        for days in events.values()
        for day in pd.to_datetime(days)
    )
    tv = numbers.gamma(2.0, 50.0, WEEKS)
    revenue = (
        2000
        + np.cumsum(numbers.normal(0, 20, WEEKS))
        + 400 * effect * felt
        + numbers.normal(0, 40, WEEKS)
        + tv
    )
    shift = pd.Timedelta(days={"first day": 0, "last day": 6, "slip": 7, "slip back": -7}[dated_by])
    return pd.DataFrame({"week_start": first + shift, "tv": tv, "revenue": revenue})


def found(rows, parsed):
    return event_weeks(model_data(rows, parsed), parsed)


@pytest.mark.parametrize(
    ("marks", "dated_by", "reading", "words"),
    [
        ("start", "last day", OTHER_END, "is the last day of each week: write `time: {marks: end}`"),
        ("end", "first day", OTHER_END, "is the first day of each week: write `time: {marks: start}`"),
        (
            "start",
            "slip back",
            EARLIER,
            "a week earlier than they are stated: look whether week_start is a week off",
        ),
    ],
)
def test_dates_that_are_misread_are_found_with_the_remedy(marks, dated_by, reading, words):
    for seed in range(5):
        answer = found(table(seed, dated_by), spec(marks))
        assert answer.factor > 1000
        assert answer.best(100) == reading
        assert words in answer.words(100)


@pytest.mark.parametrize(("marks", "dated_by"), [("start", "first day"), ("end", "last day")])
def test_dates_that_are_read_as_they_are_meant_pass(marks, dated_by):
    for seed in range(5):
        answer = found(table(seed, dated_by), spec(marks))
        assert answer.factor == 1
        assert answer.against_other_end > 1e6
        assert answer.words(20).startswith("the KPI agrees")


def test_events_that_nobody_felt_speak_for_no_week():
    factors = [found(table(seed, effect=0.0), spec()).factor for seed in range(40)]
    assert np.mean(np.array(factors) >= 20) <= 0.05


def test_a_peak_of_consecutive_weeks_cannot_hide_a_shift_behind_its_neighbours():
    """By what the events have in common: with coefficients that know nothing of one another most pass."""
    parsed = spec(events=PEAK)
    right = [found(table(seed, effect=0.45, events=PEAK), parsed) for seed in range(12)]
    wrong = [found(table(seed, "last day", effect=0.45, events=PEAK), parsed) for seed in range(12)]
    assert max(answer.factor for answer in right) < 20
    assert sum(answer.factor >= 20 for answer in wrong) >= 9
    assert {answer.best(20) for answer in wrong if answer.factor >= 20} == {OTHER_END}


def test_a_kpi_that_does_not_tell_is_not_said_to_agree():
    """Of a peak that ends in its weakest event, a shift leaves next to nothing unexplained."""
    fading = {"black_friday": PEAK["black_friday"], "cyber_week": PEAK["cyber_week"]}
    rows = table(effect=0.0)
    for day, sold in ((pd.Timestamp("2024-11-25"), 400), (pd.Timestamp("2025-11-24"), 400)):
        rows.loc[rows["week_start"] == day, "revenue"] += sold
        rows.loc[rows["week_start"] == day + pd.Timedelta(days=7), "revenue"] += sold / 16
    parsed = spec(events=fading)
    misread = rows.assign(week_start=rows["week_start"] + pd.Timedelta(days=6))
    answer = found(misread, parsed)
    assert answer.factor < 20
    assert answer.words(20).startswith(
        "the KPI does not tell whether week_start is the last day of each week"
    )
    assert "absorb a shift): look at how the table was made" in answer.words(20)


def test_what_the_yaml_has_already_is_not_the_remedy():
    def advice(parsed):
        return EventWeeks({STATED: 0.0, EARLIER: 0.0, LATER: 9.0, OTHER_END: 0.0}, parsed).words(20)

    assert "window" not in advice(spec())  # a model without holidays
    country = {"country": "US"}
    assert "write `holidays: {window: [0, 1]}`, and date" in advice(spec(holidays=country))
    assert "write `holidays: {window: [-1, 1]}`" in advice(spec(holidays={**country, "window": [-1, 0]}))
    assert "window" not in advice(spec(holidays={**country, "window": [0, 1]}))


def test_a_model_without_events_and_holidays_has_nothing_to_ask():
    assert found(table(), spec(level="linear")) is None


def test_holidays_are_held_against_the_kpi_like_events():
    rows = table(effect=0.0)
    thanksgiving = pd.to_datetime(["2024-11-25", "2025-11-24"])
    rows.loc[rows["week_start"].isin(thanksgiving), "revenue"] += 500
    parsed = spec(holidays={"country": "US"})
    assert found(rows, parsed).factor < 10
    assert found(rows.assign(week_start=rows["week_start"] + pd.Timedelta(days=6)), parsed).factor > 100


def test_the_evidence_is_that_of_the_regression_it_stands_for():
    """With its scale at the maximum, a Gaussian's log density is a constant below log evidence; against brute force."""
    numbers = np.random.default_rng(3)
    weeks = np.delete(np.arange(12), [4, 5])
    kpi, others = numbers.normal(size=10), numbers.normal(size=(10, 2))
    candidates = {STATED: numbers.normal(size=(10, 3)), LATER: numbers.normal(size=(10, 3))}
    answer = _evidence(kpi, others, candidates, weeks, 0.3)
    for name, columns in candidates.items():
        steps = np.tril(np.ones((12, 12)))[weeks][:, 1:]
        covariance = np.eye(10) + 0.3 * steps @ steps.T + others @ others.T + columns @ columns.T
        by_scale = [
            -0.5
            * (10 * np.log(s) + np.linalg.slogdet(covariance)[1] + kpi @ np.linalg.solve(covariance, kpi) / s)
            for s in np.geomspace(1e-3, 1e3, 200001)
        ]
        constant = -0.5 * 10 * (1 - np.log(10))
        assert answer[name] == pytest.approx(max(by_scale) - constant, abs=1e-6)


def test_the_review_warns_and_the_fit_says_so_first():
    said = []
    tree = fit(table(dated_by="last day"), spec(), lambda progress: said.append(progress.message))
    (verdict,) = [result for result in review(tree, {"holdout_weeks": 0}) if result.name == "event_weeks"]
    assert (verdict.passed, verdict.severity) == (False, "WARN")
    assert verdict.figure > 1000
    assert "write `time: {marks: end}`" in verdict.message
    assert verdict.message in said
    lenient = review(tree, {"holdout_weeks": 0, "event_weeks": 1e300})
    assert next(result for result in lenient if result.name == "event_weeks").passed
