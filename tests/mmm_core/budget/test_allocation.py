"""Budgets from posteriors: against brute force, their constraints, and the certificate's word."""

import re

import numpy as np
import pytest

from mmm_core.budget.allocation import allocate
from mmm_core.effects.curves import response_curves
from mmm_core.errors import InputError
from mmm_core.spec.budget_spec import Bounds, Budget
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


def test_what_holds_the_plain_plan_back_is_priced_in_words(tree):
    def asked(total=1500.0, most=1.1):
        return allocate(tree, Budget(weeks=6, total=total, bounds={"default": (0.2, 5.0), "tv": (0.9, most)}))

    found = asked()
    tv = float(found.channels["current_spend"].iloc[0])
    assert len(found.prices) == 2
    total, bound = (next(words for words in found.prices if part in words) for part in ("total", "on tv"))
    gained = (asked(1510.0).recommended_revenue - asked(1490.0).recommended_revenue) / 20.0
    returned = re.fullmatch(
        r"the total of \$1,500 binds: one more unit of spend would return (\S+) more outcome", total
    )
    assert float(returned.group(1)) == pytest.approx(gained, rel=0.02)
    gained = (asked(most=1.11).recommended_revenue - asked(most=1.09).recommended_revenue) / (0.02 * tv)
    more = re.search(r"on tv would return \S+ outcome, (\S+) more than where it is spent: its upper", bound)
    assert float(more.group(1)) == pytest.approx(gained, rel=0.02)
    assert found.words == ()


def test_the_plan_keeps_its_constraints(tree):
    result = allocate(tree, Budget(weeks=6, total=1500.0, bounds={"default": (0.5, 3.0), "tv": (0.9, 1.1)}))
    table = result.channels
    assert result.total == pytest.approx(1500.0)
    assert table["recommended_spend"].sum() == pytest.approx(1500.0)
    assert (table["recommended_spend"] >= table["lower"]).all()
    assert (table["recommended_spend"] <= table["upper"] * (1 + 1e-12)).all()
    assert table.columns.tolist() == [
        "channel", "current_spend", "recommended_spend", "lower", "upper", "current_revenue", "recommended_revenue",
        "recommended_revenue_q05", "recommended_revenue_q95", "mroi", "gap", "note",
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


@pytest.mark.parametrize(
    "more",
    [{}, {"price_rise": {"tv": 0.6, "search": 0.2}, "discount": 0.5, "after": "none"}],
    ids=["plain", "dearer"],
)
def test_revenue_agrees_with_the_response_curves(tree, more):
    """At the plan's own spend, as that budget counts."""
    budget = Budget(weeks=6, total=2500.0, bounds={"default": (0.5, 4.0)}, **more)
    result = allocate(tree, budget)
    plan = result.channels.set_index("channel")
    times = plan["recommended_spend"] / plan["current_spend"]
    assert times.max() > 1.05
    for channel in plan.index:
        curve = response_curves(tree, [1.0, times[channel]], budget=budget)
        known = curve[curve["channel"] == channel]
        np.testing.assert_allclose(
            known["spend"], plan.loc[channel, ["current_spend", "recommended_spend"]].astype(float)
        )
        np.testing.assert_allclose(
            known["mean"], plan.loc[channel, ["current_revenue", "recommended_revenue"]].astype(float)
        )


def test_same_question_same_answer(tree):
    first, second = allocate(tree), allocate(tree)
    np.testing.assert_array_equal(first.channels["recommended_spend"], second.channels["recommended_spend"])


@pytest.fixture(scope="module")
def off_tree():
    """tv without spend in the last 6 of 60 weeks."""
    table = weekly_table()
    table.loc[len(table) - 6 :, "tv_spend"] = 0.0
    return posterior(table=table, draws=5)


def test_a_channel_that_was_off_stays_off_and_says_why(off_tree):
    result = allocate(off_tree, Budget(weeks=6, bounds={"tv": (0, 3)}))
    tv = result.channels.set_index("channel").loc["tv"]
    assert tv["recommended_spend"] == 0
    assert np.isnan(tv["mroi"])
    assert tv["note"].startswith(
        "tv had no spend in the last 6 weeks: its bounds [0, 3] are relative to that and allow 0; bound it in money, "
        "`bounds: {tv: {spend: [0, "
    )
    assert tv["note"].endswith("or plan 7 weeks or more (`budget: weeks`), which hold some of its spend")
    assert result.channels.set_index("channel").loc["search", "note"] == ""
    assert result.total == pytest.approx(result.current_total)
    # both remedies work
    longer = (
        allocate(off_tree, Budget(weeks=7, bounds={"tv": (0, 3)})).channels.set_index("channel").loc["tv"]
    )
    assert longer["current_spend"] > 0
    assert longer["upper"] == pytest.approx(3 * longer["current_spend"])
    assert longer["note"] == ""


def test_a_channel_that_was_off_is_planned_in_money(off_tree):
    bounds = {"default": (0.0, 2.0), "tv": Bounds(spend=(150.0, 5000.0))}
    result = allocate(off_tree, Budget(weeks=6, bounds=bounds))
    table = result.channels.set_index("channel")
    tv = table.loc["tv"]
    assert (tv["lower"], tv["upper"]) == (150.0, 5000.0)
    assert tv["current_spend"] == tv["current_revenue"] == 0
    assert tv["recommended_spend"] >= 150
    assert tv["recommended_revenue"] > 0
    assert np.isfinite(tv["mroi"])
    assert "its curve and cost are those of the 6 weeks to " in tv["note"]
    assert result.gap < 1e-5
    # its curve is that of a model whose last weeks are its latest with spend, history aside
    curve = response_curves(off_tree, np.linspace(0, 20, 2001), 6)
    tv_curve = curve[curve["channel"] == "tv"]
    assert np.interp(tv["recommended_spend"], tv_curve["spend"], tv_curve["mean"]) == pytest.approx(
        tv["recommended_revenue"], rel=1e-3
    )


def test_bounds_in_money_hold_for_a_channel_that_runs(tree):
    result = allocate(
        tree, Budget(weeks=6, bounds={"search": {"spend": [123.0, 124.0]}, "default": (0.0, 3.0)})
    )
    search = result.channels.set_index("channel").loc["search"]
    assert 123.0 <= search["recommended_spend"] <= 124.0
    assert search["note"] == ""


def test_a_total_that_only_a_channel_that_was_off_could_take_names_what_works(off_tree):
    with pytest.raises(InputError) as refused:
        allocate(off_tree, Budget(weeks=6, total=20_000, bounds={"tv": (0, 3)}))
    message = str(refused.value)
    assert "raise the upper bound of search; tv had no spend in the last 6 weeks" in message
    assert "or plan" not in message  # a longer period need not hold the total
    example = float(message.split("spend: [0, ")[1].split("]")[0])
    planned = allocate(off_tree, Budget(weeks=6, total=20_000, bounds={"tv": {"spend": [0, example]}}))
    assert planned.total == pytest.approx(20_000)


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


def test_the_fewest_commitments_above_the_total_are_named(tree):
    both = {"tv": {"spend": [400, 900]}, "search": {"spend": [300, 900]}}
    with pytest.raises(
        InputError, match=r"lower bounds of tv 400, search 300 add up to 700: .* lower one of them"
    ):
        allocate(tree, Budget(weeks=6, total=500.0, bounds=both))
    with pytest.raises(
        InputError, match=r"the lower bound of tv 400 alone is more: raise the total or lower it"
    ):
        allocate(tree, Budget(weeks=6, total=350.0, bounds=both))
    with pytest.raises(InputError, match=r"what the last 6 weeks cost; `budget: total` states another"):
        allocate(tree, Budget(weeks=6, bounds={"tv": {"spend": [1e6, 2e6]}}))


def test_a_bound_of_no_channel_is_named(tree):
    with pytest.raises(InputError, match="'serch', no paid channel: did you mean 'search'"):
        allocate(tree, Budget(weeks=6, bounds={"serch": (0.5, 1.0)}))


def test_no_spend_at_all_is_named_and_planned_from_a_total_and_money():
    table = weekly_table()
    table.loc[len(table) - 6 :, ["tv_spend", "search_spend"]] = 0.0
    tree = posterior(table=table, draws=5)
    with pytest.raises(InputError, match=r"nothing to scale; .* state the total"):
        allocate(tree)
    result = allocate(tree, Budget(weeks=6, total=800.0, bounds={"default": {"spend": [0, 600]}}))
    assert result.channels["recommended_spend"].sum() == pytest.approx(800.0)
    assert result.gain == pytest.approx(result.recommended_revenue)
