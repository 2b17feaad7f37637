"""In what a marginal figure is told, and amounts of any size."""

from dataclasses import replace

import numpy as np
import pytest

from mmm_core.budget.change import amount, change_in_words, figure, percent
from mmm_core.budget.constraints import Constraints, Limit
from mmm_core.budget.marginal_unit import POINTS, marginal_unit
from mmm_core.budget.shadow_prices import shadow_prices

WITHIN = Constraints(
    ("tv", "search"), np.zeros(2), np.array([90.0, 60.0]), (Limit("the total of 100", np.ones(2), 100.0, 100.0),)
)  # fmt: skip

SLOPES = np.array([1.8, 2.5])


def test_outcome_is_told_for_one_more_unit_of_spend():
    bound, total = sorted(prices([1.8, 2.5], "outcome"), key=lambda words: "total" in words)
    assert bound == (
        "one more unit of spend on search would return 2.5 outcome, 0.7 more than where it is spent: its upper bound "
        "of 60 binds"
    )
    assert total == "the total of 100 binds: one more unit of spend would return 1.8 more outcome"


def test_a_total_that_every_bound_is_full_of_has_no_price_and_bounds_are_priced_by_what_gives_way():
    full = replace(WITHIN, limits=(Limit("the total of 150", np.ones(2), 150.0, 150.0),))
    (bound,), residual = shadow_prices(np.array([1.8, 2.5]), np.array([90.0, 60.0]), full, "outcome")
    assert bound.price == pytest.approx(0.7)
    assert "search would return 2.5 outcome, 0.7 more than where it is spent" in bound.words
    assert residual == 0
    # of a corner with room in one channel the next unit of the total goes there
    low = replace(WITHIN, lower=np.array([40.0, 0.0]))
    found = {
        each.name: each.price for each in shadow_prices(SLOPES, np.array([40.0, 60.0]), low, "outcome")[0]
    }
    assert found == {"the total of 100": pytest.approx(1.8), "bounds of search": pytest.approx(0.7)}


def test_a_probability_is_told_in_percentage_points_for_as_much_spend_as_moves_it():
    bound, total = sorted(prices([1.8e-8, 2.5e-8], "probability"), key=lambda words: "total" in words)
    assert bound == (
        "10,000 more of spend on search would return 0.025 percentage points of probability, 0.007 more than where it "
        "is spent: its upper bound of 60 binds"
    )
    assert total.startswith(
        "the total of 100 binds: 10,000 more of spend would return 0.018 more percentage points"
    )


def test_spend_is_told_in_its_currency_where_that_is_known():
    told = " ".join(prices([1.8e-8, 2.5e-8], "probability", "USD"))
    assert told.count("$10,000 more of spend") == 2
    assert "its upper bound of $60 binds" in told
    assert "upper bound of CHF\u00a060 binds" in " ".join(prices([1.8, 2.5], "outcome", "CHF"))


def prices(slopes, what, currency=""):
    within = replace(WITHIN, currency=currency)
    return [each.words for each in shadow_prices(np.array(slopes), np.array([40.0, 60.0]), within, what)[0]]


@pytest.mark.parametrize(
    ("slopes", "per"), [([2e-4], 1), ([9.9e-5], 10), ([3e-9], 1e5), ([0.0], 1), ([np.nan], 1), ([1e-30], 1e6)]
)
def test_spend_of_a_marginal_figure_is_a_power_of_ten(slopes, per):
    found = marginal_unit("probability", np.array(slopes))
    assert (found.name, found.scale) == (POINTS, 100.0)
    assert found.per == pytest.approx(per)


@pytest.mark.parametrize(
    ("value", "words"),
    [(1234567.8, "1,234,568"), (9.9e14, "990,000,000,000,000"), (1e300, "1e+300"), (-2e15, "-2e+15")],
)
def test_an_amount_is_never_wider_than_a_table(value, words):
    assert amount(value) == words


def test_a_change_by_more_than_a_hundredfold_is_told_in_multiples():
    assert change_in_words(100.0, 130.0) == "+30%"
    assert change_in_words(1.0, 1e300) == "1e+300 times"


@pytest.mark.parametrize(
    ("value", "words"),
    [(842_972.4, "842,972"), (7e6, "7,000,000"), (-1234.5, "-1,234"), (0.59375, "0.594"), (0.0, "0")],
)
def test_a_figure_is_written_out_whatever_its_size(value, words):
    assert figure(value) == words
    assert (
        prices([value, value], "outcome") == []
        or f" {figure(abs(value))} " in prices([value, value], "outcome")[0]
    )


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (1.0, "over 99 %"),
        (0.995, "over 99 %"),
        (0.994, "99 %"),
        (0.5, "50 %"),
        (0.006, "1 %"),
        (0.0, "under 1 %"),
    ],
)
def test_a_probability_is_never_quite_sure(share, words):
    assert percent(share) == words
