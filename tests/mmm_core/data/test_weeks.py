"""Weeks dated by their first or their last day: the same model of both, named by the table's own dates."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.data.arrays import model_data
from mmm_core.data.table import check_table
from mmm_core.data.weeks import not_weekly, with_first_day
from mmm_core.effects.contributions import contributions
from mmm_core.errors import InputError
from mmm_core.forecast.predict import predict
from mmm_core.inference.fit import fit
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, weekly_table

STARTS = {
    **SPEC,
    "baseline": {
        "seasonality": {"order": 1},
        "holidays": {"country": "US", "window": [-1, 0]},
        "events": {
            "sale": ["2024-11-10"],
            "strike": ["2024-12-02"],
        },  # a Sunday, the last day of its week; a Monday
        "steps": {"shop": "2024-10-06"},
    },
    "fit": {"engine": "laplace", "chains": 2, "draws": 100, "seed": 5},
}
ENDS = {**STARTS, "time": {"column": "week_ending", "marks": "end"}}
SIX_DAYS = pd.Timedelta(days=6)


def tables(weeks=60) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same weeks by their first days and by their last."""
    starts = weekly_table(weeks)
    starts["week_start"] = pd.to_datetime(starts["week_start"])
    ends = starts.rename(columns={"week_start": "week_ending"})
    return starts, ends.assign(week_ending=ends["week_ending"] + SIX_DAYS)


@pytest.fixture(scope="module")
def fits():
    by_start, by_end = tables()
    return fit(by_start, parse_spec(STARTS)), fit(by_end, parse_spec(ENDS))


def test_both_conventions_give_the_same_holidays_events_steps_and_season():
    by_start, by_end = (
        model_data(table, parse_spec(spec)) for table, spec in zip(tables(), (STARTS, ENDS), strict=True)
    )
    assert list(by_end["term"].to_numpy()) == list(by_start["term"].to_numpy())
    np.testing.assert_array_equal(by_end["design"], by_start["design"])
    sale = by_end["design"].sel(term="sale", geo="all")
    assert pd.Timestamp(sale["week"][sale == 1].item()) == pd.Timestamp(
        "2024-11-10"
    )  # its own week, not the next
    misread = model_data(tables()[1], parse_spec({**ENDS, "time": {"column": "week_ending"}}))
    moved = misread["design"].sel(term="strike", geo="all")
    assert pd.Timestamp(moved["week"][moved == 1].item()) == pd.Timestamp("2024-12-01")  # what was wrong


def test_both_conventions_give_the_same_draws_contributions_and_forecasts(fits):
    by_start, by_end = fits
    np.testing.assert_array_equal(by_end["posterior"]["roi"], by_start["posterior"]["roi"])
    np.testing.assert_array_equal(contributions(by_end)["mean"], contributions(by_start)["mean"])
    starts, ends = (table.tail(6) for table in tables(weeks=66))
    forecast, same = predict(by_start, starts), predict(by_end, ends)
    np.testing.assert_array_equal(same["mean"], forecast["mean"])
    assert list(same["week"].to_numpy()) == list(ends["week_ending"])


def test_every_week_is_called_by_the_tables_date_and_says_what_it_marks(fits):
    by_start, by_end = fits
    for tree, marks in ((by_start, "start"), (by_end, "end")):
        for group, name in (
            ("posterior", "week"),
            ("constant_data", "week"),
            ("constant_data", "media_week"),
        ):
            assert tree[group][name].attrs["marks"] == marks
        assert contributions(tree)["week"].attrs["marks"] == marks
    weeks = pd.DatetimeIndex(by_end["posterior"]["week"].to_numpy())
    assert set(weeks) <= set(tables()[1]["week_ending"])
    spec = parse_spec(ENDS)
    table = with_first_day(pd.DataFrame({"week": weeks, "mean": 1.0}), spec)
    assert list(table.columns) == ["week", "first_day", "mean"]
    assert (table["week"] - table["first_day"] == SIX_DAYS).all()
    assert list(with_first_day(table[["week"]], parse_spec(STARTS)).columns) == ["week"]


@pytest.mark.parametrize(("spec", "table"), [(STARTS, 0), (ENDS, 1)])
def test_a_window_goes_from_the_week_that_holds_a_day_to_the_week_that_holds_another(spec, table):
    weeks = tables()[table]
    column = spec.get("time", {}).get("column", "week_start")
    first = weeks[column].min() - (SIX_DAYS if table else pd.Timedelta(0))
    for day in (0, 3, 6):
        time = {
            **spec.get("time", {}),
            "from": str((first + pd.Timedelta(weeks=2, days=day)).date()),
            "to": str((first + pd.Timedelta(weeks=40, days=day)).date()),
        }
        rows = check_table(weeks, parse_spec({**spec, "time": time, "baseline": {}}))
        assert list(rows[column]) == list(weeks[column][2:41])


def test_a_stray_date_is_told_the_week_it_lies_in():
    sundays = pd.date_range("2024-01-07", periods=8, freq="7D")
    stray = sundays[:4].append(pd.DatetimeIndex(["2024-02-02"])).append(sundays[4:])  # a Friday
    assert "in the week of 2024-01-28" in not_weekly(stray, "week_start")
    assert "in the week of 2024-02-04" in not_weekly(stray, "week_ending", "end")


def test_a_plan_without_its_weeks_is_told_which_day_to_write(fits):
    with pytest.raises(InputError, match="add the last day of each week"):
        predict(fits[1], tables()[1].drop(columns="week_ending").tail(3))
    with pytest.raises(InputError, match="add the first day of each week"):
        predict(fits[0], tables()[0].drop(columns="week_start").tail(3))
