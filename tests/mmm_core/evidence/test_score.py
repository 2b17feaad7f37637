"""The figures of a test by hand, and what they do to its error."""

import datetime as dt
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm_core.evidence.check import MediaWeeks
from mmm_core.evidence.lift_test import DESIGNS, TestedSpend
from mmm_core.evidence.score import Score, contamination, score, score_doubts, spend_ratio
from mmm_core.spec.calibration_spec import DesignQuality, EvidenceRule
from tests.mmm_core.evidence.worlds import EVERYWHERE, NATIONAL, PANEL, SEARCH, TEST, TV, data_of

RULE = EvidenceRule()
AS_OF = dt.date(2025, 3, 17)


@pytest.fixture(scope="module")
def panel():
    return MediaWeeks.of(data_of(PANEL), PANEL)


@pytest.fixture(scope="module")
def national():
    return MediaWeeks.of(data_of(NATIONAL), NATIONAL)


def test_the_worked_example_of_the_documentation(panel):
    """A scale-up to one and a half times the model's spend, half a half-life ago, of quality 0.8."""
    rule = EvidenceRule(half_life_weeks=18, design=DesignQuality(geo_scale_up=0.8))
    test = replace(TEST, design="geo_scale_up", spend={"tv": TestedSpend(8 * TV * 1.5, 8 * TV)})
    found = score(test, [], panel, rule, AS_OF)
    assert found.spend_ratio == pytest.approx(1.5)
    assert found.weeks_since == 9
    assert found.tau_spend == pytest.approx(0.5)
    assert found.tau_recency == pytest.approx(math.sqrt(2) - 1)
    assert found.tau_design == pytest.approx(0.25)
    assert found.inflation == pytest.approx(math.sqrt(0.75 + math.sqrt(2)))
    assert found.weight == pytest.approx(1 / found.inflation**2)
    assert (found.days, found.power) == (28, 3.0)


def test_a_fresh_test_at_the_models_own_spend_with_geos_drawn_by_lot_keeps_its_error(panel):
    found = score(replace(TEST, end=dt.date(2025, 3, 23), start=dt.date(2025, 2, 24)), [], panel, RULE, AS_OF)
    assert (found.tau_spend, found.tau_recency, found.tau_design, found.inflation) == (0.0, 0.0, 0.0, 1.0)


def test_a_part_of_a_nation_is_told_with_a_wider_error(national):
    whole, half = (
        score(replace(TEST, geos=(), share=share), [], national, RULE, AS_OF) for share in (1.0, 0.5)
    )
    assert (whole.tau_area, half.tau_area) == (0.0, 0.5)
    taus = half.tau_spend + half.tau_recency + half.tau_design
    assert half.inflation == pytest.approx(math.sqrt(1.5 + taus))


def test_a_benchmark_is_no_test_that_another_is_contaminated_by(panel):
    other = replace(TEST, test_id="other", spend={"search": TestedSpend(8 * SEARCH, 0.0)})
    assert contamination(TEST, [other], panel) == 1.0
    assert contamination(TEST, [replace(other, design="benchmark")], panel) == 0.0


@given(weeks=st.integers(0, 500), half_life=st.floats(0.5, 500))
def test_recency_is_one_minus_r_over_r(panel, weeks, half_life):
    as_of = TEST.end + dt.timedelta(weeks=weeks, days=-6)
    found = score(TEST, [], panel, EvidenceRule(half_life_weeks=half_life), as_of)
    r = 0.5 ** (min(weeks / half_life, 700.0))
    assert found.tau_recency == pytest.approx((1 - r) / r)


def test_spend_is_compared_a_day_at_the_higher_of_both_and_in_weeks_that_spent(panel):
    assert spend_ratio(TEST, panel) == pytest.approx(1.0)
    switched_off = replace(TEST, spend={"tv": TestedSpend(0.0, 16 * TV)})
    assert spend_ratio(switched_off, panel) == pytest.approx(2.0)
    both = replace(TEST, spend={"tv": TestedSpend(8 * TV, 0.0), "search": TestedSpend(8 * SEARCH, 0.0)})
    assert spend_ratio(both, panel) == pytest.approx(1.0)
    flighted = data_of(PANEL)
    flighted["spend"] = flighted["spend"].where(flighted["media_week"] >= flighted["media_week"][32], 0.0)
    assert spend_ratio(TEST, MediaWeeks.of(flighted, PANEL)) == pytest.approx(1.0)


def test_a_channel_that_never_spent_there_leaves_nothing_to_compare_with(panel):
    dark = data_of(PANEL)
    dark["spend"] = dark["spend"].where(~dark["geo"].isin(["north", "south"]), 0.0)
    found = score(TEST, [], MediaWeeks.of(dark, PANEL), RULE, AS_OF)
    assert found.inflation == math.inf
    assert found.weight == 0.0
    assert [doubt.rule for doubt in score_doubts(found, RULE)] == ["overlap"]


def test_the_share_of_a_national_model_is_the_share_of_its_spend():
    national = MediaWeeks.of(data_of(NATIONAL), NATIONAL)
    part = replace(EVERYWHERE, geos=("north",), share=0.25, spend={"tv": TestedSpend(TV, 0.0)})
    assert spend_ratio(part, national) == pytest.approx(1.0)


def test_contamination_counts_geos_and_days_in_which_other_channels_were_tested(panel):
    search = replace(TEST, test_id="s", spend={"search": TestedSpend(1.0, 0.0)})
    assert contamination(TEST, [TEST, replace(TEST, test_id="same channel")], panel) == 0.0
    assert contamination(TEST, [search], panel) == 1.0
    assert contamination(TEST, [replace(search, geos=("south", "west"))], panel) == 0.5
    assert contamination(TEST, [replace(search, geos=("west",))], panel) == 0.0
    half = replace(search, geos=(), end=dt.date(2025, 1, 5))
    assert contamination(TEST, [half], panel) == 0.5
    assert contamination(TEST, [half, replace(half, test_id="again")], panel) == 0.5
    assert (
        contamination(TEST, [replace(search, start=dt.date(2024, 1, 1), end=dt.date(2024, 2, 1))], panel)
        == 0.0
    )
    assert contamination(replace(TEST, geos=()), [replace(search, geos=("west",))], panel) == pytest.approx(
        1 / 3
    )


def test_every_design_has_a_quality():
    assert tuple(DesignQuality.model_fields) == DESIGNS


SOUND = Score(1.0, 28, 3.0, 4.0, 1.0, 0.05, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "rule", "reason"),
    [
        ({"days": 13}, RULE, "it ran 13 days, 14 at least"),
        ({"power": 1.9}, EvidenceRule(least_power=2), "its estimate is 1.9 standard errors, 2 at least"),
        ({"spend_ratio": 10.1}, RULE, "its daily spend is 10.1 times the model's, a factor of 10 is allowed"),
        ({"spend_ratio": 0.09}, RULE, "its daily spend is 0.09 times the model's"),
        (
            {"pre_period_error": 0.11},
            RULE,
            "its comparison missed by 11.0% before the test, 10.0% is allowed",
        ),
        (
            {"contamination": 0.6},
            RULE,
            "other channels were tested in 60% of its geos and days, 50% is allowed",
        ),
        (
            {"tau_recency": 1e5},
            RULE,
            "its score leaves 1e-05 of its information, next to nothing: reject it, or mend",
        ),
        ({"tau_design": math.inf}, RULE, "its score leaves 0 of its information"),
    ],
)
def test_figures_beyond_the_rule_need_review(changes, rule, reason):
    assert list(score_doubts(SOUND, rule)) == []
    (doubt,) = score_doubts(replace(SOUND, **changes), rule)
    assert doubt.status == "needs review"
    assert doubt.reason.startswith(reason)


def test_a_test_that_found_nothing_needs_no_review_by_default():
    assert list(score_doubts(replace(SOUND, power=0.0), RULE)) == []
