"""Intervals and returns against their closed forms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from mmm_core.errors import InputError
from mmm_core.evidence.conversions import Estimate, from_cost, from_interval, from_roi

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


@given(
    cost=st.floats(0.1, 1e4),
    spend=st.floats(-1e6, 1e6).filter(lambda spend: abs(spend) > 1),
    rng=st.integers(0, 99),
)
def test_a_cost_with_a_small_error_is_what_draws_of_it_bring(cost, spend, rng):
    share = 0.01
    draws = spend / norm.rvs(cost, share * cost, size=20_000, random_state=rng)
    found = from_cost(spend, cost, share * cost)
    assert found.value == pytest.approx(spend / cost)
    assert found.error == pytest.approx(draws.std(), rel=0.05)


@pytest.mark.parametrize("spend", [1000.0, -1000.0])
def test_an_interval_of_a_cost_is_turned_into_one_of_units_end_by_end(spend):
    units = norm.interval(0.9, 50, 8)
    costs = sorted(1000 / end for end in units)
    found = from_cost(spend, None, interval=(*costs, 0.9))
    assert found == Estimate(pytest.approx(math.copysign(50, spend)), pytest.approx(8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((100, 0, 1), "cost of 0 for a unit is not above 0.*state incremental_outcome"),
        ((100, 5, 1, (-1, 9, 0.9)), "cost of -1"),
        ((100, 10, 1, (2, 9, 0.9)), "does not hold the estimate 10"),
        ((100, 10, None), "without an error"),
        ((0, 5, 1), "state the spend"),
    ],
)
def test_a_cost_that_is_none_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        from_cost(*arguments)
