import datetime as dt

import numpy as np
import pytest

from mmm_core.errors import InputError
from mmm_core.simulate.calendar import fourier_terms, holiday_dates, holiday_shape
from mmm_core.simulate.draws import (
    ORIGIN,
    Draws,
    Window,
    decaying_sum,
    last_complete_week,
    week_index,
    week_start,
)


def test_the_last_complete_week_ends_before_the_day():
    assert ORIGIN.weekday() == 0
    assert week_start(last_complete_week(dt.date(2026, 11, 16))) == dt.date(2026, 11, 9)  # a Monday
    assert week_start(last_complete_week(dt.date(2026, 11, 15))) == dt.date(2026, 11, 2)  # the Sunday before
    assert week_start(last_complete_week(dt.datetime(2026, 11, 22, 23))) == dt.date(2026, 11, 9)
    with pytest.raises(InputError, match="must be a date"):
        last_complete_week("2026-11-16")


def test_window_dates_are_its_mondays():
    dates = Window(week_index(dt.date(2024, 12, 30)), 2).dates
    assert dates.astype("datetime64[D]").astype(str).tolist() == ["2024-12-30", "2025-01-06"]


@pytest.mark.parametrize("shape", [(), (20,), (3, 2, 7)])
def test_more_weeks_only_append_to_a_stream(shape):
    draws = Draws(1, "uk")
    for path in (
        draws.normal,
        draws.uniform,
        lambda *a: draws.autoregressive(*a, persistence=0.9),
    ):
        np.testing.assert_array_equal(path("x", 1301, *shape)[:1300], path("x", 1300, *shape))


def test_streams_differ_by_seed_scope_and_name():
    first = [
        Draws(*who).normal(name, 50)
        for *who, name in [(1, "us", "a"), (2, "us", "a"), (1, "uk", "a"), (1, "us", "b")]
    ]
    assert np.abs(np.corrcoef(first)[np.triu_indices(4, 1)]).max() < 0.6


def test_decaying_sum_and_its_stationary_spread():
    np.testing.assert_allclose(decaying_sum(np.array([1.0, 0, 0, 2]), 0.5), [1, 0.5, 0.25, 2.125])
    path = Draws(3, "us").autoregressive("x", 20_000, persistence=0.6)
    assert path.std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(path[1:], path[:-1])[0, 1] == pytest.approx(0.6, abs=0.03)


def test_holidays_peak_in_black_friday_week_of_each_year():
    shape = holiday_shape(1400)
    for friday in (dt.date(2024, 11, 29), dt.date(2025, 11, 28), dt.date(2022, 11, 25)):
        assert shape[week_index(friday)] == 1
    assert np.count_nonzero(shape == 1) == 26  # 2000 to 2025
    days = holiday_dates([2025])
    assert days["black_friday"] == [dt.date(2025, 11, 28)]
    assert days["christmas"] == [dt.date(2025, 12, 10), dt.date(2025, 12, 17)]
    inside = slice(week_index(dt.date(2025, 1, 6)), week_index(dt.date(2025, 12, 29)))
    at = [week_index(day) - inside.start for dates in days.values() for day in dates]
    assert np.flatnonzero(shape[inside]).tolist() == sorted(at)
    np.testing.assert_array_equal(holiday_shape(1300), shape[:1300])
    # A horizon that ends inside a holiday season keeps what lies before its end.
    np.testing.assert_array_equal(
        holiday_shape(week_index(dt.date(2025, 11, 28))), shape[: week_index(dt.date(2025, 11, 28))]
    )


def test_fourier_terms_repeat_after_a_year():
    terms = fourier_terms(1462)
    np.testing.assert_allclose(terms[0], terms[1461], atol=1e-9)  # 1461 weeks are 28 years of 365.25 days
