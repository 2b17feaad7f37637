"""Intervals and returns against their closed forms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from mmm_core.errors import InputError
from mmm_core.evidence.conversions import Estimate, from_interval, from_roi

sizes = st.floats(1e-3, 1e6)


@given(value=st.floats(-1e6, 1e6), error=sizes, level=st.floats(0.05, 0.995))
def test_a_normal_interval_gives_back_the_normal_it_came_from(value, error, level):
    low, high = norm.interval(level, value, error)
    found = from_interval(low, high, level)
    assert found.value == pytest.approx(value, abs=1e-9 * (abs(value) + error))
    assert found.error == pytest.approx(error, rel=1e-6)


def test_an_estimate_beside_its_interval_is_kept():
    assert from_interval(10, 30, 0.9, 15) == Estimate(15, pytest.approx(20 / (2 * 1.6448536269514722)))


@given(roi=st.floats(-5, 5), error=sizes, spend=st.floats(-1e6, 1e6).filter(lambda spend: abs(spend) > 1e-3))
def test_a_return_is_by_the_spend_that_was_tested_whichever_way_it_went(roi, error, spend):
    found = from_roi(Estimate(roi, error), spend)
    assert found.value == roi * spend
    assert found.error == error * abs(spend) > 0
    assert math.copysign(1, found.value) == math.copysign(1, roi) * math.copysign(1, spend)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((30, 10, 0.9), "lower end first"),
        ((10, 10, 0.9), "lower end first"),
        ((10, 30, 90), "between 0 and 1, such as 0.9"),
        ((10, 30, 0.9, 31), "does not hold the estimate 31"),
    ],
)
def test_an_interval_that_is_none_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        from_interval(*arguments)


def test_a_return_on_no_spend_is_refused():
    with pytest.raises(InputError, match="state the spend with and without"):
        from_roi(Estimate(1, 1), 0)
