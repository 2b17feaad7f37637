"""Figures as a reader sees them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm_core.budget.glance import day, money
from mmm_core.report.words import change_of, counted, enumeration, figure, probability


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "$0"),
        (0.656, "$0.66"),
        (5, "$5"),
        (999.6, "$1.00k"),
        (17e3, "$17.0k"),
        (999_999, "$1.00M"),
        (19e6, "$19.0M"),
        (-527e3, "−$527k"),
        (float("nan"), "–"),
        (1e300, "$1e+300"),
    ],
)
def test_money(value, shown):
    assert money(value, "USD") == shown


@given(st.floats(1, 1e12))
def test_money_is_read_back_within_three_digits(value):
    text = money(value, "USD")[1:]
    units = {"k": 1e3, "M": 1e6, "b": 1e9}
    number = float(text.rstrip("kMbn")) * units.get(text.rstrip("n")[-1], 1.0)
    assert abs(number - value) <= 0.0051 * value if value < 1e12 else True


def test_signs_stand_before_the_currency():
    assert money(3e4, "GBP", signed=True) == "+£30.0k"
    assert counted(-1200, "orders", "GBP", signed=True) == "−1.20k\u00a0orders"
    assert money(0, "USD", signed=True) == "$0"


def test_words():
    assert figure(1.0364) == "1.04"
    assert figure(-0.4) == "−0.40"
    assert probability(0.9999) == "over 99%"
    assert probability(0.9375) == "94%"
    assert day(date(2026, 3, 2)) == "2 Mar 2026"
    assert enumeration(["a"]) == "a"
    assert enumeration(list("abcdef"), 3) == "a, b, c and 3 more"
    assert change_of(100, 100) == "0%"
    assert change_of(100, 82) == "−18%"
    assert change_of(0, 5) == "was off"
