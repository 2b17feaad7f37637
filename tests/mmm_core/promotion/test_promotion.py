"""What stops a promotion: each threshold of `promotion:`, with a figure on either side of it."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from mmm_core.errors import SpecError
from mmm_core.promotion.decision import Gate, decide, stability_gates, track_record_gates
from mmm_core.promotion.gates import ADVICE, CONTRIBUTIONS, COVERAGE, NAIVE, WITHIN
from mmm_core.promotion.moved import COLUMNS, moved
from mmm_core.spec.model_spec import parse_spec
from mmm_core.spec.promotion_spec import StableAnswer, TrackRecord
from tests.mmm_core.forecast.test_track_record import rows
from tests.mmm_core.posteriors import SPEC


def record(*arguments, rule=None, **options):
    return {
        gate.name: gate for gate in track_record_gates(rows(*arguments, **options), rule or TrackRecord())
    }


def test_forecasts_that_are_too_few_stop_nothing_and_are_told():
    for gate in record([9.0] * 3, [1.0] * 3, coverage=0.0).values():
        assert gate.passed
        assert np.isnan(gate.figure)
        assert gate.message == "not yet: 3 of 4 forecasts have come due"
    # none at all, as of the first weeks
    empty = track_record_gates(rows([], []), TrackRecord())
    assert {gate.message for gate in empty} == {"not yet: 0 of 4 forecasts have come due"}


@pytest.mark.parametrize(("coverage", "passes"), [(0.59, False), (0.61, True), (1.0, True)])
def test_intervals_must_hold_enough_of_the_weeks(coverage, passes):
    gate = record([1.0] * 4, [2.0] * 4, coverage=coverage)[COVERAGE]
    assert gate.passed == passes
    assert gate.message.endswith("60% to 100% within 90 % intervals is wanted")


def test_intervals_that_hold_everything_can_be_refused_too():
    rule = TrackRecord(coverage_90=(0.7, 0.98))
    assert not record([1.0] * 4, [2.0] * 4, coverage=1.0, rule=rule)[COVERAGE].passed


@pytest.mark.parametrize(("crps", "passes"), [(2.51, False), (2.49, True)])
def test_a_forecast_must_not_be_worse_than_last_season(crps, passes):
    gate = record([crps] * 4, [2.0] * 4)[NAIVE]
    assert gate.passed == passes
    assert f"CRPS is {crps / 2:.2f} of that of last season's values, 1.25 at most is wanted" in gate.message


def test_a_history_without_two_seasons_is_not_held_against_a_model():
    gate = record([2.0] * 4, [np.nan] * 4)[NAIVE]
    assert gate.passed
    assert gate.message.startswith("not yet: 4 forecasts of 13 weeks")


def test_the_longest_horizon_with_enough_forecasts_is_judged():
    both = pd.concat([rows([1.0] * 6, [2.0] * 6, horizon=4, coverage=0.1), rows([1.0] * 4, [2.0] * 4)])
    gates = {gate.name: gate for gate in track_record_gates(both, TrackRecord())}
    assert gates[COVERAGE].figure == pytest.approx(0.9)
    gates = {gate.name: gate for gate in track_record_gates(both, TrackRecord(forecasts=5))}
    assert gates[COVERAGE].figure == pytest.approx(0.1)


def answer(search=2.0, tv=1.0, half=0.5, share=(0.2, 0.1), spend=(30.0, 10.0)):
    """Returns of two channels with intervals, their shares of the KPI, and a budget."""
    lines = []
    for channel, roi, part in zip(("search", "tv"), (search, tv), share, strict=True):
        lines.append((channel, "roi", roi, roi - half, roi + half))
        lines.append((channel, "contribution_share", part, part, part))
    lines.append(("newsletter", "contribution_share", 0.05, 0.05, 0.05))  # an organic channel has no return
    roi = pd.DataFrame(lines, columns=["channel", "metric", "mean", "q05", "q95"])
    return roi, pd.DataFrame({"channel": ["search", "tv"], "recommended_spend": spend})


def stable(now, then, rule=None):
    gates = stability_gates(moved(*now, *then), "2025-01-06", rule or StableAnswer())
    return {gate.name: gate for gate in gates}


def test_what_moved_is_counted_channel_by_channel():
    found = moved(*answer(search=2.6, share=(0.15, 0.15), spend=(20.0, 20.0)), *answer())
    assert list(found.channels) == list(COLUMNS)
    table = found.channels.set_index("channel")
    assert table.loc["search", "roi_change_in_sd"] == pytest.approx(0.6 * 3.29)
    assert table["is_within_previous_interval"].dropna().to_dict() == {"search": False, "tv": True}
    assert found.share_within == 0.5
    assert found.moved_most == "search"
    assert found.contribution_turnover == pytest.approx(0.05)
    assert found.budget_turnover == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("gate", "stopped", "passing"),
    [
        (WITHIN, answer(search=2.6, tv=1.6), answer(search=2.6, tv=1.4)),
        (CONTRIBUTIONS, answer(share=(0.05, 0.2)), answer(share=(0.15, 0.2))),
        (ADVICE, answer(spend=(10.0, 30.0)), answer(spend=(20.0, 20.0))),
    ],
)
def test_an_answer_that_moved_too_far_is_stopped(gate, stopped, passing):
    assert not stable(stopped, answer())[gate].passed
    assert stable(passing, answer())[gate].passed
    free = StableAnswer(within_interval=0, contribution_turnover=1, budget_turnover=1)
    assert stable(stopped, answer(), free)[gate].passed


def test_a_first_week_has_nothing_to_be_compared_with():
    for gate in stability_gates(None, "", StableAnswer()):
        assert gate.passed
        assert gate.message == "not yet: no earlier week was published"


def test_a_person_s_word_holds_for_one_week_and_is_kept_with_the_version():
    accepted = {
        "as_of_week": "2025-01-13",
        "by": "team:marketing-science",
        "why": "two lift tests of tv are new",
    }
    rule = parse_spec({**SPEC, "promotion": {"accepted": [accepted]}}).promotion
    gates = [
        Gate(WITHIN, False, 0.2, "20% of the ROIs ..."),
        Gate(ADVICE, True, 0.1, "10% of the budget ..."),
    ]
    refused = decide(gates, date(2025, 1, 6), rule)
    assert not refused.promotes
    assert refused.verdict == f"refused: {WITHIN}"
    assert refused.words == f"refused: {WITHIN}\n{WITHIN}: 20% of the ROIs ..."
    found = decide(gates, date(2025, 1, 13), rule)
    assert found.promotes
    assert found.verdict == (
        f"accepted by team:marketing-science (two lift tests of tv are new) although it fails {WITHIN}"
    )
    assert decide(gates[1:], date(2025, 1, 6), rule).verdict == "passed"
    assert decide(gates[1:], date(2025, 1, 6), rule).words == f"passed\n{ADVICE}: 10% of the budget ..."
    with pytest.raises(SpecError, match="why"):
        parse_spec({**SPEC, "promotion": {"accepted": [{**accepted, "why": ""}]}})


def test_thresholds_are_the_yaml_s_and_no_part_of_a_version():
    plain = parse_spec(SPEC)
    strict = parse_spec(
        {**SPEC, "promotion": {"backtest": {"crps_ratio": 0.9}, "stability": {"budget_turnover": 0}}}
    )
    assert strict.promotion.backtest.crps_ratio == 0.9
    assert strict.spec_hash == plain.spec_hash
    with pytest.raises(SpecError, match="the lower first"):
        parse_spec({**SPEC, "promotion": {"backtest": {"coverage_90": [0.9, 0.5]}}})
    with pytest.raises(SpecError, match="crps_ratio"):
        parse_spec({**SPEC, "promotion": {"backtest": {"crps_rato": 1}}})
