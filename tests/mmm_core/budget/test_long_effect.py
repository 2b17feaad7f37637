"""Budgets that count what media bring by way of the brand: figures, plans, certificates, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mmm_core.budget.allocation import allocate
from mmm_core.budget.decide import decide
from mmm_core.budget.long_effect import long_effect
from mmm_core.budget.question import channel_curves, question
from mmm_core.budget.response import cell_outcomes, enclose
from mmm_core.errors import InputError, SpecError
from mmm_core.long_term.stage import LongTerm
from mmm_core.posterior.handle import Posterior
from mmm_core.report.moves import probability_right
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.budget.long_terms import long_term_of
from tests.mmm_core.posteriors import SPEC, panel_spec, posterior, weekly_table

pytestmark = pytest.mark.usefixtures("hurried_compiler")
LAST_6 = {"weeks": 6, "bounds": {"default": (0.5, 1.5)}}
PERIOD = sum(0.5**week for week in range(11))


@pytest.fixture(scope="module")
def tree():
    return posterior(draws=5)


def asked(**keys):
    return Budget(**{**LAST_6, "horizon": "long", **keys})


def test_each_draw_gains_its_own_long_term_return_on_each_unit_of_spend(tree):
    """Short and long of one draw belong together; a channel that the long term leaves out has the short one."""
    per_spend = np.linspace(0.1, 1.0, 10)
    long = long_term_of(tree, {"search": per_spend}, kept=0.5)
    with jax.enable_x64(True):
        short, found = question(tree, Budget(**LAST_6)), question(tree, asked(), long)
        plan = jnp.asarray(short.current * np.array([1.2, 0.7]))
        more = np.asarray(found.problem.response.outcome(plan) - short.problem.response.outcome(plan))
    of_search = float(plan[short.channels.index("search")])
    assert np.allclose(more, per_spend * PERIOD * of_search)
    assert (short.horizon, found.horizon) == ("short", "long")
    assert "within 10 weeks (search 1.10); of tv the short term only" in found.counted


def test_a_unit_of_base_is_priced_by_the_weeks_of_the_curves_and_counts_less_the_later_it_is_spent():
    """Orders that were worth 30 are worth 60 in the weeks that the budget repeats."""
    table = weekly_table(weeks=64)
    table["order_value"] = np.where(table["week_start"] >= table["week_start"].iloc[-6], 60.0, 30.0)
    spec = {**SPEC, "kpi": {"column": "orders", "revenue_per_unit": "order_value"}}
    priced = posterior(spec, table, draws=5)
    long = long_term_of(priced, {"tv": 0.1})
    positions = np.arange(10)
    now, later = (
        long_effect(long, Posterior.of(priced), asked(discount=rate), ("tv", "search"), positions)
        for rate in (0.0, 0.3)
    )
    assert np.allclose(now.per_spend[:, 0], 60 * 0.1)
    # `kept` is 0: all of it comes in the week of the spend, which is each of six in turn
    assert np.allclose(later.per_spend[:, 0], 6.0 * np.mean(1.3 ** (-np.arange(6) / 52)))


def test_checks_of_the_long_term_that_failed_are_named_where_money_is_moved_by_it(tree):
    long = long_term_of(tree, {"tv": np.array([1.0, *np.full(9, -3.0)]), "search": 0.5})
    rows = [
        ("stationarity", "base", 0.01, 0.05, False, ""),
        ("forecast", "awareness", 1.0, 1.1, True, ""),
        ("forecast", "base", 1.7, 1.1, False, ""),
        ("forecast", "consideration", 1.4, 1.1, False, ""),
        ("identification", "search on base", 0.0, 0.1, False, ""),
        ("identification", "tv on base", 0.0, 0.1, False, ""),  # its long term does not count
        ("stable draws", "", 0.9, 0.95, False, ""),
    ]
    table = pd.DataFrame(rows, columns=["check", "subject", "value", "bound", "passed", "words"])
    long.tree["checks"] = xr.DataTree(xr.Dataset.from_dataframe(table))
    words = long_effect(long, Posterior.of(tree), asked(), ("tv", "search"), np.arange(10)).words
    assert (
        "with care, as checks of this long term failed: stationarity of base, forecast of base, consideration, "
        "identification of search on base, stable draws (`mmm bvar` and the checks of bvar_posterior say why)"
    ) in words
    long.tree["checks"] = xr.DataTree(xr.Dataset.from_dataframe(table.assign(passed=True)))
    assert (
        "failed" not in long_effect(long, Posterior.of(tree), asked(), ("tv", "search"), np.arange(10)).words
    )


def test_a_channel_of_which_the_draws_do_not_tell_the_sign_counts_its_short_term_only(tree):
    """Nine of ten draws below 0 are not enough: a plan by their mean would cut what the data say nothing of."""
    effects = {"tv": np.array([1.0, *np.full(9, -3.0)]), "search": 0.5}
    found = long_effect(
        long_term_of(tree, effects), Posterior.of(tree), asked(), ("tv", "search"), np.arange(10)
    )
    assert (found.per_spend[:, 0] == 0).all()
    assert np.allclose(found.per_spend[:, 1], 0.5)
    assert "(search 0.50); of tv the short term only, as under 95% of the draws" in found.words
    neither = long_term_of(tree, {"tv": effects["tv"]})
    words = long_effect(neither, Posterior.of(tree), asked(), ("tv", "search"), np.arange(10)).words
    assert "within 10 weeks (of no channel); of tv the short term only" in words


@pytest.mark.slow
def test_money_moves_to_what_pays_in_the_long_term_and_the_answer_says_what_it_counts(tree):
    plain = allocate(tree, Budget(**LAST_6))
    by_brand = allocate(tree, asked(), long_term=long_term_of(tree, {"tv": 3.0}))
    spend = [found.channels.set_index("channel")["recommended_spend"] for found in (plain, by_brand)]
    assert spend[1]["tv"] > spend[0]["tv"] * 1.05
    assert by_brand.gap < 1e-3
    assert (plain.horizon, by_brand.horizon) == ("short", "long")
    assert any("by way of the brand within 10 weeks (tv 3.00)" in line for line in by_brand.words)


def test_the_chance_that_a_move_is_right_holds_the_long_term(tree):
    """The brand is given what search brings more in the short term, and a little more in seven draws of ten."""
    read = Posterior.of(tree)
    with jax.enable_x64(True):
        response, curves = channel_curves(read, Budget(**LAST_6))
        tv, search = (response.channels.index(name) for name in ("tv", "search"))
        planned = response.current.copy()
        planned[tv] *= 1.2
        planned[search] -= planned[tv] - response.current[tv]
        outcome = np.asarray(cell_outcomes(curves, jnp.asarray(np.stack([response.current, planned]))))
    gained = (outcome[1] - outcome[0]) / (planned - response.current)
    apart = gained[:, search] - gained[:, tv] + np.where(np.arange(10) < 7, 0.01, -0.01)
    plan = pd.DataFrame({"channel": response.channels, "recommended_spend": planned})
    brand = long_term_of(tree, {"tv": apart / PERIOD}, kept=0.5)
    found = probability_right(read, plan, asked(), None, brand)
    assert found == pytest.approx({"tv": 0.7, "search": 0.7})
    assert probability_right(read, plan, Budget(**LAST_6), None) != pytest.approx(found)


def test_the_marginal_return_holds_the_long_term(tree):
    short = decide(tree, Budget(**LAST_6, locked=("tv", "search")))
    long = decide(tree, asked(locked=("tv", "search")), long_term=long_term_of(tree, {"tv": 2.0}))
    apart = long.channels.set_index("channel")["marginal"] - short.channels.set_index("channel")["marginal"]
    assert apart["tv"] == pytest.approx(2.0, abs=1e-6)
    assert apart["search"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("rise", [0.0, 0.7])
def test_ranges_of_spend_are_enclosed_with_it_where_prices_rise_too(tree, rise):
    long = long_term_of(tree, {"tv": np.linspace(0.1, 4, 10), "search": -0.5})
    with jax.enable_x64(True):
        asks = question(tree, asked(price_rise={"tv": rise} if rise else {}), long)
        curves = asks.problem.response
        low, high = 0.6 * asks.current, 1.4 * asks.current
        known = enclose(curves, low, high)
        steps = np.linspace(0, 1, 41)
        values = np.stack([np.asarray(curves.cells(jnp.asarray(low + s * (high - low)))) for s in steps])
    slopes = np.diff(values, axis=0) / ((high - low) / 40)
    size = np.abs(slopes).max()
    assert np.allclose(values[0], known.value_low)
    assert np.allclose(values[-1], known.value_high)
    assert (slopes <= known.most + 1e-9 * size).all()
    assert (slopes >= known.least - 1e-9 * size).all()


def test_every_geo_of_a_channel_has_its_effect():
    geo_tree = posterior(panel_spec(), weekly_table(geos=("north", "south", "west")), draws=5, geo_spread=0.1)
    long = long_term_of(geo_tree, {"tv": 0.4})
    with jax.enable_x64(True):
        found = question(geo_tree, asked(by="geo"), long)
    linear = np.asarray(found.problem.response.linear)
    expected = [0.4 if cell.channel == "tv" else 0.0 for cell in found.cells]
    assert np.allclose(linear, expected)


@pytest.mark.slow
def test_by_week_each_draw_gains_its_return_in_whichever_week_and_money_moves_to_it(tree):
    per_spend = np.linspace(0.5, 5.0, 10)
    long, weekly = long_term_of(tree, {"tv": per_spend}), {"by": "week"}
    with jax.enable_x64(True):
        short, found = question(tree, Budget(**LAST_6, **weekly)), question(tree, asked(**weekly), long)
        plan = short.current * np.linspace(0.5, 1.4, len(short.current))
        more = found.problem.draws(plan) - short.problem.draws(plan)
    of_tv = sum(spend for spend, cell in zip(plan, found.cells, strict=True) if cell.channel == "tv")
    np.testing.assert_allclose(more, per_spend * of_tv)
    plain, by_brand = decide(tree, Budget(**LAST_6, **weekly)), decide(tree, asked(**weekly), long_term=long)
    spend = [each.channels.set_index("channel")["recommended_spend"] for each in (plain, by_brand)]
    assert spend[1]["tv"] > spend[0]["tv"] * 1.05
    assert by_brand.horizon == "long"
    assert by_brand.channels["recommended_outcome"].sum() == pytest.approx(by_brand.recommended_outcome)
    # what a plan by channel brings a flighting can bring too, and the bound is above them all
    by_channel = decide(tree, asked(), long_term=long)
    assert by_channel.recommended_outcome <= by_brand.recommended_outcome * (1 + 1e-9)
    assert by_brand.certificate.gap < 0.02


def test_curves_of_other_draws_take_the_nearest_of_the_long_term(tree):
    long = long_term_of(tree, {"tv": np.arange(1.0, 6.0)}, every=2)  # of draws 0, 2, 4, 6, 8
    with jax.enable_x64(True):
        found = question(tree, asked(), long)
    tv = np.asarray(found.problem.response.linear)[:, found.channels.index("tv")]
    assert tv.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_without_a_long_term_that_can_be_planned_by_it_is_refused_by_name(tree):
    with pytest.raises(
        InputError, match=r"horizon: long.* there is no long-term posterior: name brand metrics"
    ):
        allocate(tree, asked())
    some = long_term_of(tree, {"tv": 1.0})
    some.tree.attrs["stable_share"] = 0.9
    with pytest.raises(InputError, match=r"no money is planned by fewer than 95%"):
        allocate(tree, asked(), long_term=LongTerm.of(some.tree))
    explosive = long_term_of(tree, {"tv": 1.0}, stable=False)
    with pytest.raises(InputError, match=r"effects die out in 0% of the long-term draws only"):
        allocate(tree, asked(), long_term=explosive)
    other = long_term_of(posterior(draws=5, seed=2), {"tv": 1.0})
    with pytest.raises(InputError, match="was fitted to another posterior than this one"):
        decide(tree, asked(), long_term=other)


def test_a_model_without_brand_metrics_cannot_plan_by_the_long_term():
    with pytest.raises(
        SpecError, match=r"budget.horizon: long counts .* name its metrics under `long_term: metrics`"
    ):
        parse_spec({**SPEC, "budget": {"horizon": "long"}})
    spec = parse_spec({**SPEC, "budget": {"horizon": "long"}, "long_term": {"metrics": ["awareness"]}})
    assert spec.budget.horizon == "long"


def test_a_long_term_changes_nothing_for_a_budget_that_does_not_ask(tree):
    plain = allocate(tree, Budget(**LAST_6))
    same = allocate(tree, Budget(**LAST_6), long_term=long_term_of(tree, {"tv": 3.0}))
    assert same.channels.equals(plain.channels)
    assert same.words == ()


def test_no_money_is_planned_by_chains_that_disagree(tree):
    long = long_term_of(tree, {"tv": 1.0})
    checks = pd.DataFrame(
        [
            (
                "sampler",
                "R-hat",
                1.4,
                1.1,
                False,
                "largest R-hat 1.400: chains disagree; raise long_term.draws",
            )
        ],
        columns=["check", "subject", "value", "bound", "passed", "words"],
    )
    long.tree["checks"] = xr.DataTree(xr.Dataset.from_dataframe(checks))
    with pytest.raises(
        InputError, match=r"no money is planned by one: largest R-hat 1\.400.*`horizon: short`"
    ):
        allocate(tree, asked(), long_term=long)
