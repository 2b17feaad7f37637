"""What a budget asks of a posterior: plans, claims and certificates against the engine's own counterfactuals."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmm_core.budget.allocation import allocate
from mmm_core.budget.decide import decide
from mmm_core.budget.flighting import shares
from mmm_core.budget.majorant import majorant
from mmm_core.budget.question import question
from mmm_core.budget.response import outcomes
from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.report.moves_section import reason
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, adstocked, hill, panel_spec, posterior, weekly_table

LAST_6 = {"weeks": 6, "bounds": {"default": (0.5, 1.5)}}


@pytest.fixture(scope="module")
def tree():
    return posterior(draws=5)


@pytest.fixture(scope="module")
def geo_tree():
    return posterior(panel_spec(), weekly_table(geos=("north", "south", "west")), draws=5, geo_spread=0.1)


def asked(**keys):
    return Budget(**{**LAST_6, **keys})


def replayed(tree, multipliers, weeks=6, geo=slice(None)):
    """What the model's own replay of the weeks ahead says that a scaled last period brings more than none, (draw,)."""
    handle = Posterior.of(tree)
    predictor = handle.predictor(handle.thinned(1000))
    tail = max(predictor.media.layout.l_max)
    ahead = predictor.exposure[:, -weeks:][:, np.arange(weeks + tail) % weeks]  # media go on
    terms = []
    for factors in (multipliers, (0.0, 0.0)):
        path = ahead.copy()
        path[geo, :weeks, :2] *= np.array(factors)
        terms.append(predictor.media_terms_ahead(slice(None), path)[..., :2].sum(axis=-1))
    return (terms[0] - terms[1]).sum(axis=(1, 2))


@pytest.mark.slow
def test_the_plain_question_is_answered_as_allocate_does(tree):
    plain, found = allocate(tree, asked()), decide(tree, asked())
    np.testing.assert_allclose(
        found.channels["recommended_spend"], plain.channels["recommended_spend"], rtol=1e-4
    )
    assert found.recommended_outcome == pytest.approx(plain.recommended_revenue, rel=1e-6)
    assert found.certificate.bound >= plain.recommended_revenue * (1 - 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["channel", "week"])
def test_a_plan_brings_what_the_engine_says_of_the_same_spend(tree, by):
    with jax.enable_x64(True):
        problem = question(tree, asked(by=by, bounds={"default": (0.0, 3.0)})).problem
        factors = np.repeat([1.3, 0.6], len(problem.start) // 2)
        claimed = problem.draws(problem.start * factors)
    np.testing.assert_allclose(claimed, replayed(tree, (1.3, 0.6)), rtol=1e-9)


@pytest.mark.slow
def test_a_plan_by_geo_brings_what_the_engine_says(geo_tree):
    with jax.enable_x64(True):
        asks = question(geo_tree, asked(by="geo"))
        spend = asks.problem.start.copy()
        spend[[cell.channel == "tv" and cell.geo == "south" for cell in asks.cells]] = 0.0
        claimed = asks.problem.draws(asks.problem.start) - asks.problem.draws(spend)
    whole = replayed(geo_tree, (1.0, 1.0), geo=1)
    np.testing.assert_allclose(claimed, whole - replayed(geo_tree, (0.0, 1.0), geo=1), rtol=1e-8)


@pytest.mark.parametrize(
    ("slope", "after"),
    [(1.0, "continue"), (1.0, "none"), pytest.param(3.0, "continue", marks=pytest.mark.slow)],
)
def test_two_weeks_with_carry_over_by_hand(slope, after):
    # One draw, geometric adstock and a Hill curve written out: the best split of two weeks on a fine grid.
    spec = {**SPEC, "media": {**SPEC["media"], "channels": {"tv": {"spend": "tv_spend"}}, "organic": {}}}
    table = weekly_table()
    table.loc[len(table) - 2 :, "tv_spend"] = [150.0, 50.0]
    tree = posterior(spec, table, draws=1, chains=1, alpha=0.6, half_saturation=0.7, slope=slope)
    found = decide(tree, Budget(weeks=2, by="week", after=after, bounds={"tv": {"relative": [0, 1]}}))
    data = tree["constant_data"].to_dataset()
    media = data["exposure"].to_numpy()[0, :, 0] / float(data["media_scale"][0])
    scale = float(data["media_scale"][0])
    ceiling = float(tree["posterior"]["coefficient"].to_numpy().ravel()[0]) * float(data["kpi_scale"])

    def brought(first, second):
        later = np.array([150, 50, 150, 50]) / scale * (after == "continue")
        path = np.concatenate([media, [first / scale, second / scale], later])
        nothing = np.concatenate([media, np.zeros(2), later])
        with_it, without = (hill(adstocked(p, 0.6, 4), 0.7, slope)[-6:] for p in (path, nothing))
        return ceiling * (with_it - without).sum()

    grid = [(x, brought(x, 200.0 - x)) for x in np.linspace(0, 200, 2001)]
    best, most = max(grid, key=lambda pair: pair[1])
    assert found.recommended_outcome == pytest.approx(most, rel=1e-6)
    assert found.cells["recommended_spend"].iloc[0] == pytest.approx(best, abs=0.5)
    assert found.certificate.bound >= most
    assert found.certificate.gap < (1e-4 if slope == 1.0 else 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("slope", [0.9, 3.0])
def test_no_flighting_exceeds_the_majorant_or_the_bound(slope):
    tree = posterior(draws=3, slope=slope)
    with jax.enable_x64(True):
        asks = question(tree, asked(by="week"))
        problem = asks.problem
        above = majorant(problem.response, problem.constraints.lower, problem.constraints.upper)
        rng = np.random.default_rng(1)
        weekly = problem.start.reshape(2, 6).sum(axis=1)[:, None] * rng.dirichlet(np.ones(6), (40, 2))
        plans = jnp.asarray(np.concatenate([weekly.reshape(40, 12), problem.start[None]]))
        brought, most = (np.asarray(outcomes(r, plans)) for r in (problem.response, above))
        assert (brought <= most + 1e-9 * np.abs(most)).all()
        if slope < 1:
            np.testing.assert_allclose(brought, most)
        found = decide(tree, asked(by="week"))
    assert brought.mean(axis=1).max() <= found.recommended_outcome <= found.certificate.bound
    assert found.certificate.gap < (2e-3 if slope < 1 else 0.5)


@pytest.mark.slow
def test_a_free_flighting_is_no_worse_than_the_best_pattern_and_that_than_the_past(tree):
    past = decide(tree, asked())
    pattern = decide(tree, asked(patterns=["even", "past", "pulsed", "front_loaded"]))
    free = decide(tree, asked(by="week"))
    assert past.recommended_outcome <= pattern.recommended_outcome * (1 + 1e-6)
    assert pattern.recommended_outcome <= free.recommended_outcome * (1 + 1e-4)
    assert set(pattern.channels["pattern"]) <= {"even", "past", "pulsed", "front_loaded"}
    on = pattern.cells[pattern.cells["recommended_spend"] > 0]
    assert on.groupby("channel").size().eq(1).all()
    # the next unit goes into the flighting that was chosen, not into one that is not bought
    marginal = pattern.answer.certificate.marginal[on.index]
    np.testing.assert_allclose(pattern.channels["marginal"], marginal)


def test_shares_of_patterns_add_up():
    for pattern in ("even", "pulsed", "front_loaded"):
        assert shares(pattern, 7).sum() == pytest.approx(1.0)
    np.testing.assert_allclose(shares("pulsed", 4), [0.5, 0, 0.5, 0])


@pytest.mark.slow
def test_geos_move_money_between_them_and_keep_their_limits(geo_tree):
    found = decide(geo_tree, asked(by="geo", geos={"south": {"relative": [0.9, 1.0]}}, change_limit=0.4))
    together = decide(geo_tree, asked(change_limit=0.4))
    south = found.cells[found.cells["geo"] == "south"]
    now, then = south["current_spend"].sum(), south["recommended_spend"].sum()
    assert 0.9 * now - 1e-6 <= then <= now + 1e-6
    free = decide(geo_tree, asked(by="geo", change_limit=0.4))
    within = free.question.problem.constraints
    room = free.answer.spend < within.upper * (1 - 1e-6)
    for channel, marginal in zip(free.channels["channel"], free.channels["marginal"], strict=True):
        cells = (free.cells["channel"] == channel).to_numpy()
        open_cells = cells & room if (cells & room).any() else cells
        assert marginal == free.answer.certificate.marginal[open_cells].max(), channel
    assert free.recommended_outcome >= together.recommended_outcome * (1 - 1e-6)
    assert free.certificate.gap < 2e-3
    for channel, rows in free.cells.groupby("channel"):
        change = rows["recommended_spend"].sum() / rows["current_spend"].sum()
        assert 0.6 - 1e-6 <= change <= 1.4 + 1e-6, channel


def test_a_plan_by_week_holds_its_cells_and_one_by_channel_none(tree):
    by_week = allocate(tree, asked(by="week"))
    spent = by_week.cells.groupby("channel")["recommended_spend"].sum()
    planned = by_week.channels.set_index("channel")["recommended_spend"]
    np.testing.assert_allclose(spent[planned.index], planned)
    assert sorted(by_week.cells["week"].unique()) == [1, 2, 3, 4, 5, 6]
    assert allocate(tree, asked(objective={"cvar": {"level": 0.8}})).cells is None


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"commitments": {"search": 1e9}}, "`commitments` 1,000,000,000 do not allow"),
        ({"bounds": {"search": [0, 0.5]}}, "`bounds` of 0 to"),
        ({"all_or_nothing": {"search": 1e9}}, "`all_or_nothing` 1,000,000,000 do not allow"),
    ],
)
def test_a_lock_that_contradicts_something_else_is_named(tree, more, why):
    with pytest.raises(InputError, match="search is `locked` at the") as refused:
        decide(tree, asked(locked=["search"], **more))
    assert why in str(refused.value)


def test_a_locked_channel_that_is_all_or_nothing_stays_locked(tree):
    found = decide(tree, asked(locked=["search"], all_or_nothing={"search": 1.0}))
    row = found.channels.set_index("channel").loc["search"]
    assert row["recommended_spend"] == pytest.approx(row["current_spend"])


def test_a_commitment_is_spent_in_any_case_by_a_channel_that_is_all_or_nothing_too(tree):
    keys = {"all_or_nothing": {"tv": 50.0}, "bounds": {"default": (0.0, 3.0)}, "total": 330.0}
    for patterns in ([], ["past", "even"]):
        free = decide(tree, asked(patterns=patterns, **keys)).channels.set_index("channel").loc["tv"]
        held = asked(patterns=patterns, commitments={"tv": 250.0}, **keys)
        tv = decide(tree, held).channels.set_index("channel").loc["tv"]
        assert free["recommended_spend"] < 250.0 <= tv["recommended_spend"] + 1e-6
        assert tv["lower"] == 250.0


def test_a_locked_channel_keeps_its_flighting_and_its_geos(tree, geo_tree):
    by_pattern = decide(tree, asked(locked=["tv"], patterns=["even", "past"]))
    assert by_pattern.channels.set_index("channel").loc["tv", "pattern"] == "past"
    by_geo = decide(geo_tree, asked(locked=["tv"], by="geo", bounds={"tv": {"spend": [0, 1e6]}})).cells
    tv = by_geo[by_geo["channel"] == "tv"]
    np.testing.assert_allclose(tv["recommended_spend"], tv["current_spend"])


def test_what_is_stated_of_a_channel_holds_for_its_geos_together(geo_tree):
    # a floor of the sum is the same question however it is written, so that the plan and its bound are the same
    wide = {"by": "geo", "bounds": {"default": (0.0, 3.0)}}
    spent = decide(geo_tree, asked(by="geo", locked=["tv", "search"])).channels.set_index("channel")
    least = 1.2 * float(spent.loc["tv", "current_spend"])
    committed = decide(geo_tree, asked(**wide, commitments={"tv": least}))
    grouped = decide(geo_tree, asked(**wide, groups={"floor": {"channels": ["tv"], "spend": [least, 1e6]}}))
    assert committed.recommended_outcome == pytest.approx(grouped.recommended_outcome, rel=1e-4)
    tv = committed.cells[committed.cells["channel"] == "tv"]
    assert tv["recommended_spend"].sum() == pytest.approx(least)
    assert (tv["recommended_spend"] < 1.19 * tv["current_spend"]).any()
    assert any(
        "spend of tv over all geos (`commitments`) binds from below" in line for line in committed.words
    )
    limited = decide(geo_tree, asked(**wide, change_limit=0.1))
    change = limited.cells["recommended_spend"] / limited.cells["current_spend"] - 1
    assert change.abs().max() > 0.11
    change = limited.channels["recommended_spend"] / limited.channels["current_spend"] - 1
    assert change.abs().max() <= 0.1 + 1e-6


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ({}, r"the lower bound of tv, 400 \(`commitments`\)"),
        ({"by": "week"}, r"spend of tv over all weeks, at least 400 \(`commitments`\)"),
        ({"patterns": ["past", "even"]}, r"spend of tv, at least 400 \(`commitments`\)"),
    ],
)
def test_a_total_below_the_commitments_is_refused_by_that_key(tree, keys, where):
    asks = asked(commitments={"tv": 400.0, "search": 300.0}, total=500.0, bounds={"default": (0, 9)}, **keys)
    with pytest.raises(InputError, match=where) as refused:
        decide(tree, asks)
    assert "the nearest is 700" in str(refused.value)


def test_locked_committed_and_limited_channels(tree):
    found = decide(tree, asked(locked=["search"], commitments={"tv": 100.0}))
    search = found.channels.set_index("channel").loc["search"]
    assert search["recommended_spend"] == pytest.approx(search["current_spend"])
    limited = decide(tree, asked(change_limit=0.1)).channels
    change = limited["recommended_spend"] / limited["current_spend"] - 1
    assert change.abs().max() <= 0.1 + 1e-9


def test_a_new_channel_enters_with_the_curve_that_is_believed(tree):
    radio = {
        "spend": 300.0, "roi": 1.5, "half_saturation": 1.0, "slope": 1.0, "bounds": {"spend": [0, 600]},
    }  # fmt: skip
    with jax.enable_x64(True):
        asks = question(tree, asked(new_channels={"radio": radio}))
        plan = np.array([0.0, 0.0, 300.0])
        np.testing.assert_allclose(asks.problem.draws(plan), 450.0, rtol=1e-9)
        np.testing.assert_allclose(asks.problem.draws(2 * plan), 450.0 * (2 / 3) / 0.5, rtol=1e-9)
    found = decide(tree, asked(new_channels={"radio": radio}))
    assert found.channels.set_index("channel").loc["radio", "recommended_spend"] > 0


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"commitments": {"tv": 5e6}}, "`commitments` 5,000,000 of tv is above the most it may have"),
        (
            {"change_limit": 0.1, "bounds": {"tv": {"spend": [0, 100]}}},
            r"`change_limit` 0.1 keeps tv at [\d,]+ at least, above the most that its `bounds` allow, 100: .* or a "
            r"`change_limit` of 0\.\d",
        ),
        (
            {"change_limit": 0.1, "bounds": {"tv": [1.5, 2]}},
            r"its lower bound of [\d,]+ of tv is above the most it may have, [\d,]+ \(`change_limit` 0.1\)",
        ),
        ({"total": 10.0}, r"without the total of \$10, the others allow .*: the nearest is"),
        ({"groups": {"all": {"channels": ["tv", "search"], "spend": [0, 5]}}}, "group all, at most 5"),
        ({"groups": {"g": {"channels": ["tv"], "relative": [1.6, 2]}}}, "without group g, .*: the nearest is"),
        ({"locked": ["radio"]}, "budget.locked names 'radio', no paid channel"),
        ({"currency": "EUR"}, "budget.currency is EUR, and the table's money is USD"),
        ({"by": "geo"}, "needs a model of several geos"),
        ({"weeks": 104}, "a horizon of 104 weeks repeats the last 104 weeks of the data, which hold 60"),
        ({"goal": {"roi": 99.0}}, "returns 99 per unit of spend: the highest is"),
        ({"goal": {"outcome": 1e9}}, "no plan within the constraints reaches .*: the most is"),
    ],
)  # fmt: skip
def test_bad_input_is_named_with_the_nearest_feasible_figure(tree, keys, words):
    with pytest.raises(InputError, match=words):
        decide(tree, asked(**keys))


@pytest.fixture(scope="module")
def off():
    """Without spend on tv in the last period."""
    table = weekly_table()
    table.loc[len(table) - 6 :, "tv_spend"] = 0.0
    return posterior(table=table, draws=5)


def test_a_channel_that_was_off_is_planned_by_week_as_its_bounds_and_commitments_say(off):
    keys = {"bounds": {"default": (0.0, 2.0), "tv": {"spend": [50.0, 200.0]}}, "total": 400.0}
    by_week, by_channel = (decide(off, asked(by=by, **keys)) for by in ("week", "channel"))
    tv = by_week.channels.set_index("channel").loc["tv"]
    assert (tv["lower"], tv["upper"]) == (50.0, 200.0)
    assert 50.0 <= tv["recommended_spend"] <= 200.0 + 1e-6
    assert "its curve and cost are those of the 6 weeks to" in tv["note"]
    assert by_channel.recommended_outcome <= by_week.recommended_outcome * (1 + 1e-6)
    assert by_week.recommended_outcome <= by_week.certificate.bound
    held = decide(off, asked(by="week", commitments={"tv": 180.0}, **keys)).channels.set_index("channel")
    assert held.loc["tv", "recommended_spend"] >= 180.0 - 1e-6


def test_a_channel_that_was_off_costs_by_week_what_it_costs_by_channel(off):
    with jax.enable_x64(True):
        asks = [question(off, asked(by=by, bounds={"tv": {"spend": [0, 500]}})) for by in ("week", "channel")]
        handle = Posterior.of(off)
        weekly = handle.data["spend"].to_numpy()[0, -12:-6, 0]  # of the weeks that it repeats
        plan = asks[0].problem.start.copy()
        plan[:6] = weekly * 90.0 / weekly.sum()
        by_week = asks[0].problem.draws(plan) - asks[0].problem.draws(asks[0].problem.start)
        none = asks[1].problem.start
        by_channel = asks[1].problem.draws(none + np.array([90.0, 0.0])) - asks[1].problem.draws(none)
    np.testing.assert_allclose(by_week, by_channel, rtol=1e-9)


def test_a_channel_without_spend_in_history_says_how_to_plan_it(off):
    found = decide(off, asked(objective={"cvar": {"level": 0.5}}))
    note = found.channels.set_index("channel").loc["tv", "note"]
    assert "tv had no spend in the last 6 weeks" in note
    assert "bound it in money" in note


@pytest.mark.parametrize("margin", [-0.5, 0.0])
def test_a_margin_that_is_not_positive_is_refused(margin):
    with pytest.raises(ValueError, match="write a number above 0"):
        Budget(goal={"profit": {"margin": margin}})


def test_allocate_answers_what_else_is_asked_and_says_it(tree):
    found = allocate(tree, asked(objective={"cvar": {"level": 0.8}}))
    same = decide(tree, asked(objective={"cvar": {"level": 0.8}}))
    np.testing.assert_allclose(found.channels["recommended_spend"], same.channels["recommended_spend"])
    assert found.words[0] == "maximised: mean outcome of the worst 20% of draws (CVaR at 0.8)"
    told = f"of {same.certificate.gap:.2%}." if same.certificate.gap >= 1e-4 else "below 0.01%."
    assert f", a gap {told} It rests on" in found.words[1]
    assert re.match(
        r"certificate: no plan within the constraints does better than \$[\d,.]+; this one has \$",
        found.words[1],
    )
    assert allocate(tree, asked()).words == ()


def test_what_a_probability_gains_is_told_in_percentage_points(tree):
    found = allocate(tree, asked(objective={"probability": {}}, total=1200))
    assert found.marginal_in == "probability"
    binding = [line for line in found.words if "binds" in line]
    assert binding
    assert all("percentage points of probability" in line and "outcome" not in line for line in binding)
    row = found.channels.to_dict("records")[0]
    told = reason(row, found.channels, "revenue", "USD", found.marginal_in)
    assert "percentage points of probability" in told or "no choice" in told
    assert found.words[0] == "maximised: probability of bringing more than the current plan"


def test_what_is_maximised_and_what_marginal_figures_are_of_is_said(tree):
    profit = allocate(tree, asked(goal={"profit": {"margin": 0.2}}))
    assert (profit.marginal_in, profit.words[0]) == (
        "net",
        "maximised: profit, expected outcome x 0.2 less spend",
    )
    last = allocate(tree, asked(goal={"mroi": 1.5}, bounds={"default": (0.0, 3.0)}))
    assert last.words[0].startswith("maximised: expected outcome, less 1.5 for each unit of spend")
    risk = allocate(tree, asked(objective={"mean_risk": {"risk": "shortfall"}}))
    assert risk.marginal_in == "risk_adjusted"
    assert "how far the mean of the worst 20% of draws lies below it" in risk.words[0]
    assert any("risk-adjusted outcome" in line for line in risk.prices)
    told = {
        found.marginal_in: reason(
            {"current_spend": 2.0, "recommended_spend": 1.0, "lower": 1.0, "upper": 3.0, "mroi": slope},
            found.channels, "revenue", "USD", found.marginal_in,
        )
        for found, slope in ((profit, -0.3), (risk, 0.4), (allocate(tree, asked(by="week")), 0.4))
    }  # fmt: skip
    assert told == {
        "net": "the next $1 brings $0.30 less than its price; kept up by its limit of \u221250%",
        "risk_adjusted": (
            "the next $1 brings $0.40, risk counted, less than elsewhere; kept up by its limit of \u221250%"
        ),
        "outcome": "the next $1 brings $0.40, less than elsewhere; kept up by its limit of \u221250%",
    }


def test_a_probability_is_bounded_by_one_and_a_sure_plan_is_proved():
    # where every draw can be won the relaxation of a probability has no bound of its own
    found = decide(posterior(draws=20), asked(objective={"probability": {}}))
    assert found.certificate.value == found.certificate.bound == 1.0
    assert found.certificate.stopped_early == ""
    assert not any("inf" in line for line in found.words)


def test_where_profit_is_the_goal_a_plan_that_spends_less_gains_what_it_saves(tree):
    found = allocate(tree, asked(goal={"profit": {"margin": 0.2}}))
    assert found.total < found.current_total
    lost = 0.2 * (found.current_revenue - found.recommended_revenue)
    assert found.gain_in == "profit"
    assert found.gain == pytest.approx(found.current_total - found.total - lost)
    assert found.gain > 0
    assert found.probability_better > 0.9
    of_outcome = allocate(tree, asked(goal={"outcome": 0.9 * found.current_revenue}))
    assert of_outcome.gain_in == "revenue"
    assert of_outcome.gain == pytest.approx(of_outcome.recommended_revenue - of_outcome.current_revenue)


def test_no_key_of_the_budget_changes_what_a_fit_reads():
    spec = parse_spec(SPEC)
    asks = {**SPEC["budget"], "objective": {"cvar": {}}, "goal": {"profit": {"margin": 0.4}}}
    assert parse_spec({**SPEC, "budget": asks}).spec_hash == spec.spec_hash
    assert spec.budget.asks_more == ()
