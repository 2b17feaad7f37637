"""Budgets from posteriors: against brute force, their constraints, and the certificate's word."""

import numpy as np
import pytest

from mmm_core.budget.allocation import allocate
from mmm_core.effects.curves import response_curves
from mmm_core.errors import InputError
from mmm_core.spec.model_spec import Budget
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table
from tests.mmm_core.whole_family import case


@pytest.mark.parametrize("name", ["family_log", "panel", "other_kinds"])
def test_a_plan_of_any_family_is_certified_on_its_curves(name):
    tree = case(name)
    result = allocate(tree, Budget(weeks=6))
    assert result.recommended_revenue >= result.current_revenue
    assert 0 <= result.gap < 0.01
    assert result.outcome == ("orders" if name == "other_kinds" else "revenue")
    curves = response_curves(tree, [1.0], 6)
    np.testing.assert_allclose(result.channels["current_revenue"], curves["mean"])
    assert result.approximate == ""


def test_an_approximate_plan_says_so():
    tree = case("plain").copy()
    tree.attrs["approximate"] = "normal approximation"
    result = allocate(tree)
    assert result.approximate == "approximate: normal approximation"
    assert set(result.channels["approximate"]) == {result.approximate}


@pytest.fixture(scope="module")
def tree():
    return posterior(draws=30, coefficient=[[1.5, 0.6, 0.1]])


@pytest.mark.parametrize("slope", [0.8, 3.0])
def test_two_channels_match_brute_force_on_the_curves(slope):
    tree = posterior(draws=5, slope=slope, coefficient=[[1.5, 0.6, 0.1]])
    result = allocate(tree, Budget(weeks=6, bounds={"default": (0.2, 2.0)}))
    tv, search = result.channels["current_spend"]
    share = np.linspace(0.2, 2.0, 721)
    curve = {
        name: part["mean"].to_numpy() for name, part in response_curves(tree, share, 6).groupby("channel")
    }
    rest = (tv + search - share * tv) / search
    allowed = (rest >= 0.2) & (rest <= 2.0)
    brute = curve["tv"] + np.interp(rest, share, curve["search"])
    assert result.recommended_revenue == pytest.approx(brute[allowed].max(), rel=1e-4)
    assert result.recommended_revenue >= brute[allowed].max() * (1 - 1e-6)
    assert result.bound >= brute[allowed].max()


def test_the_plan_keeps_its_constraints(tree):
    result = allocate(tree, Budget(weeks=6, total=1500.0, bounds={"default": (0.5, 3.0), "tv": (0.9, 1.1)}))
    table = result.channels
    assert result.total == pytest.approx(1500.0)
    assert table["recommended_spend"].sum() == pytest.approx(1500.0)
    assert (table["recommended_spend"] >= table["lower"]).all()
    assert (table["recommended_spend"] <= table["upper"] * (1 + 1e-12)).all()
    assert table.columns.tolist() == [
        "channel", "current_spend", "recommended_spend", "lower", "upper", "current_revenue", "recommended_revenue",
        "recommended_revenue_q05", "recommended_revenue_q95", "mroi", "gap",
    ]  # fmt: skip


def test_the_recommendation_beats_the_current_mix_and_is_certified(tree):
    result = allocate(tree)
    assert result.weeks == SPEC["budget"]["weeks"]
    assert result.total == pytest.approx(result.current_total)
    assert result.recommended_revenue >= result.current_revenue
    assert result.gain == pytest.approx(result.recommended_revenue - result.current_revenue)
    assert result.gain_q05 <= result.gain <= result.gain_q95
    assert 0 <= result.gap < 0.01
    assert result.kkt_residual < 1e-3
    assert result.probability_better > 0.5


def test_revenue_agrees_with_the_response_curves(tree):
    result = allocate(tree)
    curves = response_curves(tree, [1.0])
    np.testing.assert_allclose(result.channels["current_revenue"], curves["mean"])


def test_same_question_same_answer(tree):
    first, second = allocate(tree), allocate(tree)
    np.testing.assert_array_equal(first.channels["recommended_spend"], second.channels["recommended_spend"])


def test_a_channel_that_was_off_stays_off():
    table = weekly_table()
    table.loc[len(table) - 6 :, "tv_spend"] = 0.0
    result = allocate(posterior(table=table, draws=5))
    tv = result.channels.set_index("channel").loc["tv"]
    assert tv["recommended_spend"] == 0
    assert np.isnan(tv["mroi"])
    assert result.total == pytest.approx(result.current_total)


def test_nothing_at_all_is_an_allowed_lower_bound():
    tree = posterior(draws=5, slope=0.6, coefficient=[[1.5, 0.0, 0.1]])
    result = allocate(tree, Budget(weeks=6, bounds={"default": (0.0, 5.0)}))
    search = result.channels.set_index("channel").loc["search"]
    assert search["recommended_spend"] < 1e-4 * search["current_spend"]
    assert result.gap < 0.02


def test_a_total_that_cannot_be_spent_is_named(tree):
    with pytest.raises(
        InputError, match=r"total of 99,999,999 cannot be spent.*upper bounds add up to .*tv .*search"
    ):
        allocate(tree, Budget(weeks=6, total=99_999_999))


def test_commitments_above_the_total_are_named(tree):
    with pytest.raises(InputError, match="lower bounds add up"):
        allocate(tree, Budget(weeks=6, total=1.0))


def test_a_bound_of_no_channel_is_named(tree):
    with pytest.raises(InputError, match="'serch', no paid channel: did you mean 'search'"):
        allocate(tree, Budget(weeks=6, bounds={"serch": (0.5, 1.0)}))


def test_no_spend_at_all_is_named():
    table = weekly_table()
    table.loc[len(table) - 6 :, ["tv_spend", "search_spend"]] = 0.0
    with pytest.raises(InputError, match="nothing to scale"):
        allocate(posterior(table=table, draws=5))
