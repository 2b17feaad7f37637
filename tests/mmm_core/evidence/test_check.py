"""Tests held against the data of a model: each fault by its rule, with figures and the nearest name."""

import datetime as dt
from dataclasses import replace

import pandas as pd
import pytest

from mmm_core.evidence.check import MediaWeeks, doubts, of_model, overlap
from mmm_core.evidence.lift_test import TestedSpend
from mmm_core.spec.calibration_spec import EvidenceRule
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.evidence.worlds import (
    EVERYWHERE,
    FIRST_MODELLED,
    LAST,
    NATIONAL,
    PANEL,
    TEST,
    TV,
    data_of,
)
from tests.mmm_core.posteriors import SPEC

RULE = EvidenceRule()


@pytest.fixture(scope="module")
def panel():
    return MediaWeeks.of(data_of(PANEL), PANEL)


@pytest.fixture(scope="module")
def national():
    return MediaWeeks.of(data_of(NATIONAL), NATIONAL)


def spends(test, actual, without=0.0, weekly=None, channel="tv"):
    return replace(test, spend={channel: TestedSpend(actual, without, weekly)})


def test_what_agrees_with_the_table_raises_no_doubt(panel, national):
    assert doubts(TEST, panel, PANEL, RULE) == ()
    assert doubts(EVERYWHERE, national, NATIONAL, RULE) == ()
    assert panel.modelled == (FIRST_MODELLED, LAST)
    edges = replace(EVERYWHERE, start=FIRST_MODELLED, end=LAST)
    assert doubts(spends(edges, 60 * TV), national, NATIONAL, RULE) == ()


@pytest.mark.parametrize(
    ("changes", "rule", "status", "reason"),
    [
        ({"spend": {"serch": TestedSpend(1, 0)}}, "channel", "rejected",
         "'serch' is none of the model's: did you mean"),
        ({"geos": ("nort",)}, "geo", "rejected", "geo 'nort' is none of the model's: did you mean 'north'"),
        ({"share": 0.5}, "geo", "needs review", "population_share 0.5 in a model of geos: name the geos instead"),
        ({"market": "uss"}, "market", "rejected", "market 'uss' is unknown: did you mean 'us'"),
        ({"currency": "EUR"}, "currency", "rejected", "it is in EUR, the model's table in USD: convert it"),
        ({"start": dt.date(2024, 1, 28)}, "window", "rejected",
         "measured from 2024-01-28 to 2025-01-19, outcome is modelled from 2024-01-29 to 2025-03-23"),
        ({"end": dt.date(2025, 3, 24)}, "window", "rejected", "measured from 2024-12-23 to 2025-03-24"),
        ({"post_weeks": 10}, "window", "rejected", "measured from 2024-12-23 to 2025-03-30"),
        ({"start": dt.date(2023, 1, 1)}, "window", "rejected", "its window has 750 days, the modelled weeks 420"),
    ],
)  # fmt: skip
def test_what_the_model_does_not_have_is_named(panel, changes, rule, status, reason):
    found = doubts(replace(TEST, **changes), panel, PANEL, RULE)
    assert (found[0].rule, found[0].status) == (rule, status)
    assert reason in found[0].reason


def test_a_part_of_a_national_model_says_what_it_stands_for(national):
    part = replace(TEST, start=TEST.start)
    (found,) = doubts(part, national, NATIONAL, RULE)
    assert (found.rule, found.status) == ("geo", "needs review")
    assert "it ran in north, south of a national model: state population_share" in found.reason
    # part of the spend of a nation is less than all of it, and cannot be more
    assert doubts(replace(spends(part, 1000.0), share=0.4), national, NATIONAL, RULE) == ()
    (found,) = doubts(replace(spends(part, 4 * TV * 1.11), share=0.4), national, NATIONAL, RULE)
    assert found.rule == "spend"


def test_a_market_of_a_model_that_keeps_none_is_refused(national):
    spec = parse_spec(SPEC)
    (found,) = doubts(EVERYWHERE, national, spec, RULE)
    assert "market 'us', and the model keeps none by `filter`" in found.reason
    assert doubts(replace(EVERYWHERE, market=""), national, spec, RULE) == ()


def test_revenue_is_not_measured_against_a_kpi_that_has_none():
    spec = parse_spec(
        {**SPEC, "filter": {"market": "us"}, "kpi": {"column": "revenue", "kind": "non_revenue"}}
    )
    weeks = MediaWeeks.of(data_of(spec), spec)
    (found,) = doubts(EVERYWHERE, weeks, spec, RULE)
    assert (found.rule, found.status) == ("outcome", "rejected")
    assert doubts(replace(EVERYWHERE, outcome="kpi"), weeks, spec, RULE) == ()


@pytest.mark.parametrize(("share", "allowed"), [(0.91, True), (0.89, False), (1.09, True), (1.11, False)])
def test_spend_may_miss_the_table_by_the_share_that_the_rule_states(panel, share, allowed):
    found = doubts(spends(TEST, 8 * TV * share), panel, PANEL, RULE)
    assert (not found) == allowed
    if not allowed:
        assert found[0].rule == "spend"
        assert f"it spent {8 * TV * share:,.0f} on tv, the model's table has 5,600" in found[0].reason
        assert doubts(spends(TEST, 8 * TV * share), panel, PANEL, EvidenceRule(spend_tolerance=0.2)) == ()


def test_a_holdout_without_spend_agrees_with_weeks_without_spend(panel):
    (found,) = doubts(spends(TEST, 0.0, 8 * TV), panel, PANEL, RULE)
    assert "it spent 0 on tv" in found.reason
    dark = data_of(PANEL)
    weeks = dark["media_week"].isin(pd.date_range("2024-12-23", periods=4, freq="7D").to_numpy())
    dark["spend"] = dark["spend"].where(~(weeks & dark["geo"].isin(["north", "south"])), 0.0)
    assert doubts(spends(TEST, 0.0, 8 * TV), MediaWeeks.of(dark, PANEL), PANEL, RULE) == ()


def test_weeks_that_the_window_cuts_may_have_spent_on_any_of_their_days(panel):
    cut = replace(
        TEST, start=dt.date(2024, 12, 25), end=dt.date(2025, 1, 22)
    )  # three whole weeks, two that are cut
    assert doubts(spends(cut, 2 * 3 * TV), panel, PANEL, RULE) == ()
    assert doubts(spends(cut, 2 * 5 * TV), panel, PANEL, RULE) == ()
    assert "has 4,200 to 7,000" in doubts(spends(cut, 2 * 5 * TV * 1.2), panel, PANEL, RULE)[0].reason


def test_weekly_spend_is_one_figure_for_each_week_of_the_model(panel):
    assert doubts(spends(TEST, 8 * TV, 4.0, (1.0,) * 4), panel, PANEL, RULE) == ()
    (found,) = doubts(spends(TEST, 8 * TV, 3.0, (1.0,) * 3), panel, PANEL, RULE)
    assert "weekly_spend_without of tv has 3 weeks, the window touches 4" in found.reason


def test_an_organic_channel_is_held_against_its_exposure(panel):
    assert doubts(spends(TEST, 8 * 70.0, channel="newsletter"), panel, PANEL, RULE) == ()
    (found,) = doubts(spends(TEST, 8 * 700.0, channel="newsletter"), panel, PANEL, RULE)
    assert "on newsletter, the model's table has 560" in found.reason


def test_weeks_dated_by_their_last_day_are_the_same_weeks():
    spec = parse_spec({**SPEC, "filter": {"market": "us"}, "time": {"marks": "end"}})
    table_dates_are_sundays = MediaWeeks.of(data_of(spec).assign_coords(), spec)
    assert table_dates_are_sundays.modelled == (FIRST_MODELLED - dt.timedelta(6), LAST - dt.timedelta(6))


def test_tests_of_other_markets_are_not_the_models_but_one_nobody_knows_is_shown():
    assert of_model(TEST, PANEL, ("us", "uk"))
    assert of_model(replace(TEST, market=""), PANEL, ("us", "uk"))
    assert not of_model(replace(TEST, market="uk"), PANEL, ("us", "uk"))
    assert of_model(replace(TEST, market="ku"), PANEL, ("us", "uk"))


def test_two_tests_overlap_where_channel_geos_and_days_do():
    later = replace(TEST, test_id="later", start=dt.date(2025, 1, 20), end=dt.date(2025, 2, 2))
    assert overlap(TEST, replace(TEST, test_id="copy"))
    assert overlap(TEST, replace(TEST, test_id="all", geos=()))
    assert not overlap(TEST, replace(TEST, test_id="elsewhere", geos=("west",)))
    assert not overlap(TEST, spends(TEST, 1.0, channel="search"))
    assert not overlap(TEST, later)
    assert overlap(replace(TEST, post_weeks=1), later)  # both count that week's outcome
    assert overlap(later, replace(TEST, post_weeks=1))
