"""Activity, spend share, unit cost, season, coverage, gaps: planted faults, each found under its name."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.data.calendar import fourier
from mmm_core.data_health.activity import activity_of, runs
from mmm_core.data_health.coverage import coverage
from mmm_core.data_health.seasonality import season_share, seasonal_periods
from mmm_core.spec.data_health_spec import DataHealth
from tests.mmm_core.data_health.tables import SPEC, flagged, panel_of, plain, report_of


def test_runs():
    assert runs(np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool)) == [(0, 1), (3, 3), (6, 6)]
    assert runs(np.zeros(3, dtype=bool)) == []


def test_activity_by_hand():
    media = np.array([[0, 10, 10, 0.1, 0, 0, 10, 20, 0, 0.0]])
    found = activity_of(media)
    np.testing.assert_array_equal(found.on, [0, 1, 1, 0, 0, 0, 1, 1, 0, 0])
    assert (found.bursts, found.longest_off, found.silent_end) == (2, (3, 5), 0)
    assert found.changed == pytest.approx(5 / 9)  # a step of 0.1, less than a tenth of the mean, is none


def test_a_long_pause_a_short_life_and_an_end_that_nobody_planned():
    table = plain()
    table.loc[40:75, "tv_spend"] = 0.5  # what trickles on
    table.loc[127:, ["search_spend", "search_clicks"]] = 0
    report = report_of(table)
    found = {f.measure: f for f in report.of("activity") if f.verdict != "ok"}
    assert set(found) == {"longest_pause", "silent_weeks"}
    pause = found["longest_pause"]
    assert (pause.subject, pause.value) == ("tv", 36)
    assert (pause.first_week, pause.last_week) == (table["week_start"][40], table["week_start"][75])
    end = found["silent_weeks"]
    assert (end.subject, end.value, end.last_week) == ("search", 3, table["week_start"][129])
    assert "the last 3 weeks of the table" in end.sentence
    table = plain()
    table["tv_spend"] = np.where(np.arange(len(table)) % 12 == 5, 100.0, 0.0)
    assert flagged(report_of(table).of("activity"), "weeks_on") == ["tv"]
    table["tv_spend"] = np.where(np.arange(len(table)) < 5, 90.0, 100.0)
    assert flagged(report_of(table).of("activity"), "share_changed") == ["tv"]


def test_spend_too_small_to_be_seen_and_money_of_another_unit():
    table = plain()
    small = report_of(table.assign(tv_spend=table["tv_spend"] / 1000)).of("spend_share")
    assert flagged(small, "share_of_spend") == ["tv"]
    assert flagged(report_of(table).of("spend_share")) == []
    thousands = report_of(table.assign(revenue=table["revenue"] / 1000)).of("spend_share")
    assert flagged(thousands, "spend_to_revenue") == ["table"]
    units = {"column": "revenue", "kind": "non_revenue"}
    assert (
        report_of(table.assign(revenue=table["revenue"] / 1000), kpi=units).of("spend_share")[-1].subject
        == "search"
    )


def test_money_of_several_currencies_is_told_whether_the_model_names_the_column_or_not():
    table = plain().assign(currency=np.where(np.arange(130) < 100, "USD", "EUR"), market="us")
    found = [f for f in report_of(table).of("spend_share") if f.measure == "currencies"]
    assert [(f.subject, f.value, f.verdict) for f in found] == [("currency", 2.0, "warn")]
    assert "USD in 100 rows, EUR in 30 rows" in found[0].sentence
    table["market"] = np.where(table["currency"] == "USD", "us", "de")
    found = [
        f for f in report_of(table, filter={"market": "us"}).of("spend_share") if f.measure == "currencies"
    ]
    assert [(f.value, f.verdict) for f in found] == [(1.0, "ok")]


def test_exposure_of_other_weeks_and_a_unit_that_costs_ten_times_as_much():
    table = plain()
    assert flagged(report_of(table).of("unit_cost")) == []
    late = report_of(table.assign(search_clicks=table["search_clicks"].where(np.arange(130) % 9 > 0, 0.0)))
    assert flagged(late.of("unit_cost"), "share_unpaired") == ["search"]
    shifted = table.assign(search_clicks=table["search_clicks"] / np.where(np.arange(130) >= 90, 10, 1))
    (found,) = [f for f in report_of(shifted).of("unit_cost") if f.verdict != "ok"]
    assert (found.measure, found.first_week) == ("cost_shift_z", table["week_start"][90])
    table.loc[33, "search_clicks"] *= 100
    (found,) = [f for f in report_of(table).of("unit_cost") if f.verdict != "ok"]
    assert (found.measure, found.first_week) == ("cost_z", table["week_start"][33])


def test_the_season_share_of_a_wave_is_all_and_of_noise_none():
    days = pd.date_range("2022-01-03", periods=130, freq="7D")
    waves = fourier(days, 52.18, 2)
    rng = np.random.default_rng(0)
    share, _ = season_share(5 + waves @ [1, 2, 0.5, 0.1], waves)
    assert share == pytest.approx(1)
    shares = [season_share(rng.standard_normal(130), waves)[0] for _ in range(300)]
    assert np.mean(shares) == pytest.approx(0.01, abs=0.01)  # adjusted: chance explains nothing on average
    half = season_share(waves[:, 0] + np.sqrt(0.5) * rng.standard_normal(130), waves)[0]
    assert half == pytest.approx(0.5, abs=0.15)


def test_media_that_follow_the_season_all_the_time_or_for_a_while():
    table = plain(156)
    waves = 1 + 0.6 * fourier(pd.DatetimeIndex(table["week_start"]), 52.18, 1)[:, 0]
    always = table.assign(tv_spend=300 * waves)
    found = [f for f in report_of(always).of("seasonality") if f.verdict != "ok"]
    assert [(f.subject, f.measure) for f in found] == [("tv", "season_share")]
    rng = np.random.default_rng(1)
    loud = 300 * waves + 260 * rng.standard_normal(156).clip(-1.1, 3) * (np.arange(156) >= 90)
    (found,) = [f for f in report_of(table.assign(tv_spend=loud)).of("seasonality") if f.verdict != "ok"]
    assert (found.subject, found.measure) == ("tv", "seasonal_weeks")
    assert found.last_week < table["week_start"][100]
    assert flagged(report_of(table).of("seasonality")) == []
    assert report_of(plain(70)).of("seasonality") == ()  # too few weeks to tell a season from a level


def test_seasonal_periods_are_of_half_a_year_at_least_and_of_media_that_move():
    wave = np.sin(2 * np.pi * np.arange(104) / 52)
    residual = np.where(np.arange(104) < 40, 0.0, 2.0)
    assert seasonal_periods(1 + wave, residual, 0.9) == [(0, 39)]
    assert seasonal_periods(1000 + wave, residual, 0.9) == []


def test_coverage_counts_the_worst_of_all_geos():
    panel = panel_of(plain(52), geo=None)
    rows = [(week, "g1", "reported") for week in panel.weeks]
    rows += [(week, "g2", "no_activity") for week in panel.weeks]
    delivery = pd.DataFrame(rows, columns=["week", "geo", "delivery"]).assign(channel="tv")
    (found,) = coverage(panel, delivery, DataHealth())
    assert (found.value, found.verdict) == (0.0, "ok")
    assert "52 no activity" in found.sentence
    delivery.loc[[10, 70], "delivery"] = ["missing", "partial"]
    (found,) = coverage(panel, delivery, DataHealth())
    assert found.value == pytest.approx(2 / 52)
    assert (found.verdict, found.first_week) == ("warn", panel.weeks[10])
    awaited = delivery.assign(delivery=np.where(delivery["week"] == panel.weeks[-1], "awaited", "reported"))
    (found,) = coverage(panel, awaited, DataHealth(undelivered=0.5))
    assert "51 reported, 1 awaited" in found.sentence
    assert "the last week is among them: load the export again, or wait for it" in found.sentence
    gone = delivery[delivery["week"] < panel.weeks[-1]].assign(delivery="reported")
    (found,) = coverage(panel, gone, DataHealth(undelivered=0.5))
    assert found.verdict == "warn"
    assert "the last week is among them" in found.sentence


def test_gaps_are_counted_and_too_many_fail():
    table = plain()
    table.loc[10:12, "revenue"] = np.nan
    kpi = {"column": "revenue", "gaps": "leave_out"}
    (found,) = [f for f in report_of(table, kpi=kpi).of("missing") if f.subject == "revenue"]
    assert (found.value, found.verdict) == (pytest.approx(3 / 130), "warn")
    table.loc[10:50, "revenue"] = np.nan
    report = report_of(table, kpi=kpi)
    (found,) = [f for f in report.of("missing") if f.subject == "revenue"]
    assert (found.verdict, report.verdict()) == ("fail", "fail")


def test_a_table_that_a_fit_refuses_is_looked_over_all_the_same():
    table = plain().drop(index=[20])
    table.loc[60, "tv_spend"] = np.nan
    table.loc[90, "revenue"] *= 20
    report = report_of(table)
    (refused,) = report.of("contract")
    assert refused.verdict == "fail"
    assert "missing weeks 2022-05-23" in refused.sentence
    assert flagged(report.of("missing"), "weeks_without_row") == ["table"]
    assert set(flagged(report.of("missing"), "share_missing")) >= {"tv_spend"}
    assert flagged(report.of("outliers")) == ["revenue"]
    assert report.of("ratio") == ()


def test_weeks_without_a_row_are_told_once():
    """Not again as values that are missing, nor as weeks off of a channel that is on week by week."""
    report = report_of(plain().drop(index=[50, 51, 52, 90]))
    (found,) = [finding for finding in report.flagged if finding.family != "contract"]
    assert (found.family, found.measure, found.value) == ("missing", "weeks_without_row", 4)
    assert all(finding.value == 0 for finding in report.of("missing") if finding.measure == "share_missing")
    whole, gappy = (
        {f.subject: f.value for f in each.of("collinearity") if f.measure == "correlation"}
        for each in (report_of(plain()), report)
    )
    assert whole.keys() == gappy.keys()
    mostly = report_of(plain().drop(index=range(20, 60)))
    assert next(f for f in mostly.of("missing") if f.measure == "weeks_without_row").verdict == "fail"


def test_a_blank_cell_in_a_row_is_still_missing_and_no_week_off():
    table = plain()
    table.loc[50, "search_spend"] = table.loc[50, "search_clicks"] = np.nan
    report = report_of(table.drop(index=[90]))
    told = {f.subject: f.value for f in report.of("missing") if f.verdict != "ok"}
    assert told == {
        "table": 1,
        "search_spend": pytest.approx(1 / 130),
        "search_clicks": pytest.approx(1 / 130),
    }
    assert flagged(report.of("activity")) == []


def test_every_finding_is_of_one_week_and_column():
    table = plain()
    for week in (15, 40, 60, 90):
        table.loc[week, "revenue"] *= 10
    found = report_of(table).table()
    keys = ["family", "measure", "subject", "geo", "first_week"]
    assert not found.duplicated(keys).any()
    assert (report_of(table).table()["sentence"].str.len() > 0).all()
    assert SPEC["model"] == "small"
