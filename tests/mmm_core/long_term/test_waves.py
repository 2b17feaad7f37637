"""The waves of a brand tracker: forms that are read, what is set aside and said, what is refused."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.errors import InputError
from mmm_core.long_term.survey import asked_at_once, observations
from mmm_core.long_term.waves import read_waves, surveys_of, waves
from tests.mmm_core.long_term.surveyed import monthly

WEEKS = pd.date_range("2023-01-02", periods=104, freq="7D")
METRICS = ("awareness", "consideration")


def table(**more):
    return waves(monthly(WEEKS, **more))


def test_both_forms_are_one_and_a_monthly_wave_lasts_the_month(tmp_path):
    found = table()
    assert list(found.columns) == ["metric", "start", "end", "share", "sample"]
    assert (found["end"] - found["start"]).dt.days.add(1).isin([28, 29, 30, 31]).all()
    found.to_csv(tmp_path / "brand.csv", index=False)
    pd.testing.assert_frame_equal(read_waves(tmp_path / "brand.csv"), found)


def test_a_month_without_a_wave_is_said_and_not_filled():
    seen = surveys_of(table(leave_out=["2023-06-01", "2023-07-01"]), METRICS, WEEKS)
    assert (
        len(seen.by_metric["awareness"])
        == len(surveys_of(table(), METRICS, WEEKS).by_metric["awareness"]) - 2
    )
    assert seen.notes[0].startswith("awareness: no wave in 2023-06-01 to 2023-07-31")
    assert surveys_of(table(), METRICS, WEEKS).notes == ()


def test_waves_that_no_week_sees_are_set_aside_and_said():
    later = WEEKS[10:60]
    seen = surveys_of(table(), METRICS, later, as_of=WEEKS[-1])
    assert set(seen.aside["why"].str.slice(0, 6)) == {"ends b", "begins"}
    assert seen.by_metric["awareness"]["end"].min() >= later[0]
    assert any("ends before the model's first week, 2023-03-13" in note for note in seen.notes)
    assert len(seen.table) + len(seen.aside) == len(table())


def test_a_wave_after_the_as_of_week_is_refused():
    with pytest.raises(
        InputError, match=r"awareness from 2024-01-01.* its first day after the as-of week, which ends on"
    ):
        surveys_of(table(), METRICS, WEEKS[:50])
    assert surveys_of(table(), METRICS, WEEKS[:50], as_of=WEEKS[-1]).aside["start"].min() > WEEKS[49]


def test_a_wave_that_is_not_over_in_the_as_of_week_is_set_aside():
    made = table()
    long = made.assign(end=made["end"].where(made["start"] < "2024-11-01", pd.Timestamp("2025-06-30")))
    seen = surveys_of(long, METRICS, WEEKS)
    assert list(seen.aside["start"].unique()) == [pd.Timestamp("2024-11-01")]
    assert "ends after the as-of week, on whose last day, 2024-12-29, nobody knew of it" in seen.notes[0]


def test_a_wave_with_most_of_its_days_outside_the_weeks_is_set_aside():
    later = WEEKS[WEEKS >= "2023-03-20"]  # 12 of March's 31 days
    seen = surveys_of(table(), METRICS, later)
    assert (
        "2023-03-01"
        in seen.aside.query("why.str.startswith('has most')")["start"].dt.strftime("%Y-%m-%d").to_list()
    )
    assert seen.by_metric["awareness"]["start"].min() == pd.Timestamp("2023-04-01")


def test_a_tracker_that_stopped_or_began_late_is_said():
    asked = table()
    stopped = surveys_of(asked[asked["start"] < "2024-01-01"], METRICS, WEEKS)
    assert "awareness: no wave in 2024-01-01 to 2024-12-29" in stopped.notes[0]
    late = surveys_of(asked[asked["start"] >= "2024-01-01"], METRICS, WEEKS)
    assert "awareness: no wave in 2023-01-02 to 2023-12-31" in late.notes[0]


def test_a_wave_of_nobody_is_set_aside():
    made = monthly(WEEKS)
    made.loc[3, "sample_size"] = 0
    made.loc[4, "sample_size"] = np.nan
    seen = surveys_of(waves(made), METRICS, WEEKS)
    assert len(seen.aside) == 2
    assert "each says of no respondents" in seen.notes[0]
    with pytest.raises(
        InputError, match=r"0 waves that can be read.*22 waves set aside.*each says of no resp"
    ):
        surveys_of(waves(made.assign(sample_size=0)), METRICS, WEEKS)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            lambda t: t.assign(value=t["value"] * 100),
            "a share outside 0 to 1: percentages are divided by 100",
        ),
        (lambda t: t.drop(columns="sample_size"), "no column sample: a brand survey has metric"),
        (lambda t: t.assign(month_start="soon"), "column month_start.*write the day alone, YYYY-MM-DD"),
        (lambda t: t.assign(value="many"), "column value.*write digits only"),
        (lambda t: t.rename(columns={"month_start": "start"}), "no column end: a brand survey has metric"),
        (lambda t: t.assign(metric=t["metric"].where(t.index > 2)), "3 waves have no metric: fill it in"),
        (
            lambda t: pd.concat([t, t]),
            "begins on the same day: keep one, or, of several markets, those of one",
        ),
        (
            lambda t: t.assign(start=t["month_start"], end=t["month_start"] - pd.Timedelta(days=1)),
            "an end before",
        ),
    ],
)
def test_a_table_that_is_no_survey_is_refused_in_words(spoil, says):
    with pytest.raises(InputError, match=says):
        waves(spoil(monthly(WEEKS)))


def test_a_metric_that_no_survey_has_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"no survey has the metric 'awarenes': did you mean 'awareness'\?"):
        surveys_of(table(), ("awarenes",), WEEKS)


def test_a_metric_that_never_changes_or_has_too_few_waves_is_refused():
    made = monthly(WEEKS)
    with pytest.raises(InputError, match=r"'consideration' is 0\.3 in all \d+ waves"):
        surveys_of(
            waves(made.assign(value=made["value"].where(made["metric"] == "awareness", 0.3))), METRICS, WEEKS
        )
    with pytest.raises(
        InputError, match=r"'awareness' has 2 waves that can be read: it takes 3 in the model's weeks"
    ):
        surveys_of(waves(made[made["month_start"] < "2023-04-01"]), METRICS, WEEKS)


def test_two_metrics_that_are_copies_are_refused():
    made = monthly(WEEKS, metrics=("awareness",))
    copied = pd.concat([made, made.assign(metric="fame")])
    with pytest.raises(
        InputError, match="'awareness' and 'fame' are copies of one another in their 22 common waves"
    ):
        surveys_of(waves(copied), ("awareness", "fame"), WEEKS)


def test_waves_that_hold_each_answer_four_times_count_it_once():
    """Averages of the last four weeks, given every week: together they say as much as the four weeks' own waves."""
    weeks = pd.date_range("2024-01-01", periods=40, freq="7D")
    alone = pd.DataFrame({"start": weeks, "end": weeks + pd.Timedelta(days=6), "share": 0.3, "sample": 250.0})
    alone["share"] += 0.02 * np.sin(np.arange(40))
    rolling = pd.DataFrame(
        {
            "start": weeks[:-3],
            "end": weeks[3:] + pd.Timedelta(days=6),
            "share": alone["share"].rolling(4).mean().dropna().to_numpy(),
            "sample": 1000.0,
        }
    )
    assert np.allclose(asked_at_once(alone), 1.0)
    often = asked_at_once(rolling)
    assert often[10:-10] == pytest.approx(4.0)
    assert often[0] == pytest.approx((1 + 2 + 3 + 4) / 4)
    own, of_averages = (observations(table, weeks) for table in (alone, rolling))
    # what all waves together say of the mean of the weeks in the middle
    said = [(each.days / each.variance[:, None]).sum(0)[15:25].sum() for each in (own, of_averages)]
    assert said[1] == pytest.approx(said[0], rel=0.03)

    table = pd.concat(
        [rolling.assign(metric="awareness"), alone.assign(metric="consideration", share=alone["share"] ** 2)]
    )
    notes = surveys_of(waves(table), ["awareness", "consideration"], weeks).notes
    (told,) = [note for note in notes if "overlap" in note]
    assert told.startswith("awareness: its waves overlap, a day is in 3.9 of them on average")
    assert "as if 26% of its respondents" in told


def test_of_a_file_of_several_markets_the_models_own_is_read(tmp_path):
    weeks = pd.date_range("2024-01-01", periods=40, freq="7D")
    parts = [monthly(weeks, seed=place).assign(market=name) for place, name in enumerate(("uk", "us"))]
    pd.concat(parts).to_csv(tmp_path / "brand.csv", index=False)
    pd.testing.assert_frame_equal(read_waves(tmp_path / "brand.csv", {"market": "us"}), waves(parts[1]))
    with pytest.raises(InputError, match="no row has market = 'de'"):
        read_waves(tmp_path / "brand.csv", {"market": "de"})
    with pytest.raises(InputError, match="keep one, or, of several markets, those of one"):
        read_waves(tmp_path / "brand.csv")
