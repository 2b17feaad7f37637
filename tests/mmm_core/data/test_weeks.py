"""What rows that are not weeks are called."""

import pandas as pd
import pytest

from mmm_core.data.weeks import months_written, not_weekly

WEEKS = pd.date_range("2024-01-01", periods=60, freq="7D")


@pytest.mark.parametrize(
    ("days", "says"),
    [
        (pd.date_range("2024-01-01", periods=60, freq="D"), "the rows are days .*: add them up by week"),
        (pd.bdate_range("2024-01-01", periods=60), "the rows are days"),
        (
            pd.date_range("2019-01-01", periods=60, freq="MS"),
            "the rows are months .*: a weekly table is needed",
        ),
        (pd.date_range("2019-01-31", periods=60, freq="ME"), "the rows are months"),
        (pd.date_range("2010-01-01", periods=30, freq="QS"), "the rows are quarters"),
        (pd.date_range("1990-01-01", periods=30, freq="YS"), "the rows are years"),
        (pd.date_range("2024-01-01", periods=30, freq="14D"), "the rows are fortnights"),
        (WEEKS.delete([20, 21]), "^missing weeks 2024-05-20, 2024-05-27: add a row for each"),
        (WEEKS.delete(1)[:2], "^missing weeks 2024-01-08:"),
        (WEEKS[[0, 4]], "^missing weeks 2024-01-08, 2024-01-15, 2024-01-22:"),
        (
            WEEKS.delete(9).insert(9, pd.Timestamp("2024-03-05")),
            "2024-03-05: every week_start must .* on a Monday: 2024-03-05 is a Tuesday, in the week of 2024-03-04",
        ),
    ],
)
def test_what_is_no_calendar_of_weeks_is_named(days, says):
    with pytest.raises(ValueError, match=says):
        raise ValueError(not_weekly(days, "week_start"))


def test_weeks_are_weeks_on_whatever_day_they_begin():
    assert not_weekly(WEEKS, "week") is None
    assert not_weekly(WEEKS + pd.Timedelta(days=6), "week") is None
    assert not_weekly(WEEKS[:1], "week") is None


def test_months_are_seen_in_text_and_numbers():
    assert months_written(pd.Series(["2024-01", "2024-02"]))
    assert months_written(pd.Series([202401, 202402]))
    assert not months_written(pd.Series(["202413", "202402"]))
    assert not months_written(pd.Series(["2024-01-01", "2024-02-01"]))
