"""What plans bring, against the optimizer, the engine's own counterfactuals, the forecast, and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mmm_core.budget.decide import decide
from mmm_core.budget.question import question
from mmm_core.effects.curves import draws_at, spend_response
from mmm_core.effects.incremental import incremental
from mmm_core.errors import InputError
from mmm_core.forecast.predict import predictive_draws
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.evaluate import Evaluator
from mmm_core.scenarios.media import MediaPath, repeat
from mmm_core.scenarios.plan import Planner
from mmm_core.scenarios.recommended import of_cells, recommended_plan
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.model_spec import parse_spec
from mmm_core.spec.scenarios_spec import Scenario
from tests.mmm_core.budget.long_terms import long_term_of
from tests.mmm_core.posteriors import FAMILY, SPEC, panel_spec, posterior, weekly_table
from tests.mmm_core.scenarios.earlier import cut, going_on

pytestmark = pytest.mark.usefixtures("hurried_compiler")

WEEKS = 6
LOG = {**SPEC, "kpi": {"column": "revenue", "scale": "log"}}
LOG_AT = {"coefficient": 0.2, "sigma": 0.05, "fixed_effect": 0.5, "level": 0.0}


def read(spec, **options):
    table = weekly_table(64, geos=("n", "s")) if "geo" in spec else weekly_table()
    return Posterior.of(posterior(spec=parse_spec(spec), table=table, **options))


def scenario(**keys):
    return Scenario.model_validate(keys)


@pytest.fixture(scope="module")
def small():
    return read(SPEC)


@pytest.fixture(scope="module")
def panel():
    return read(panel_spec())


@pytest.mark.parametrize("spec", [SPEC, FAMILY, panel_spec()], ids=["national", "family", "panel"])
def test_current_brings_what_the_budgets_responses_say_of_the_current_plan(spec):
    one = read(spec)
    current = Evaluator(one, WEEKS).evaluate(Planner(one, WEEKS).current())
    response = spend_response(one, WEEKS)
    claim = draws_at(response.arrays, jnp.asarray(response.current / response.unit)[None])[0]
    np.testing.assert_allclose(current.draws["by_channel"], claim, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(current.plan.by_channel(), response.current, rtol=1e-12)


@pytest.mark.parametrize(
    "budget",
    [
        {},
        {"by": "week"},
        {"by": "geo"},
        {"patterns": ["past", "even"], "price_rise": {"tv": 0.3}, "total": 4000},
        {"price_rise": {"tv": 0.3}, "goal": {"mroi": 0.2}},
        {"horizon": "long", "discount": 0.4, "price_rise": {"tv": 0.3}, "total": 4000},
        {"horizon": "long", "by": "geo", "price_rise": {"tv": 0.3}, "total": 4000},
        {"horizon": "long", "patterns": ["past", "even"], "price_rise": {"tv": 0.3}},
    ],
    ids=["channels", "weeks", "geos", "flightings", "dearer", "long", "long by geo", "long flightings"],
)
def test_the_recommended_plan_brings_what_its_optimizer_claims(budget, panel):
    asked = Budget.model_validate({"weeks": WEEKS, "bounds": {"default": [0.5, 1.5]}, **budget})
    long = (
        long_term_of(panel, {"tv": 0.1 + np.arange(panel.chains * panel.draws_a_chain) / 50})
        if asked.horizon == "long"
        else None
    )
    plan = recommended_plan(Planner(panel, WEEKS, budget=asked), asked, long_term=long)
    found = Evaluator(panel, WEEKS, budget=asked, long_term=long).evaluate(plan)
    claim = decide(panel, asked, long_term=long)
    assert found.spend == pytest.approx(claim.total, rel=1e-9)
    np.testing.assert_allclose(found.draws["incremental"], claim.answer.draws, rtol=1e-9)
    assert bool((found.draws["long_term"] > 0).all()) == (long is not None)


def test_by_way_of_the_brand_a_plan_brings_what_a_unit_does_times_what_it_buys(small):
    """Of media whose price rises, as much as they would have cost; and what the rest of the plan brings stays."""
    asked = Budget(weeks=WEEKS, horizon="long", price_rise={"tv": 1.0})
    long = long_term_of(small, {"tv": 0.5})
    planner = Planner(small, WEEKS, budget=asked)
    plan = planner.written("more", scenario(spend={"tv": "+300%", "search": "+10%"}))
    short, found = (
        Evaluator(small, WEEKS, budget=budget, long_term=long).evaluate(plan).draws
        for budget in (asked.model_copy(update={"horizon": "short"}), asked)
    )
    tv = planner.current().by_channel()[0]
    np.testing.assert_allclose(plan.by_channel()[0], 4 * tv)
    np.testing.assert_allclose(plan.bought()[0], 2 * tv)  # 4 times the money, at a price that doubles
    np.testing.assert_allclose(found["long_term"], 0.5 * 2 * tv)
    for name in ("incremental", "total"):
        np.testing.assert_allclose(found[name] - short[name], found["long_term"])
    np.testing.assert_array_equal(
        found["by_channel"].sel(channel="search"), short["by_channel"].sel(channel="search")
    )
    assert not short["long_term"].any()
    with pytest.raises(InputError, match="there is no long-term posterior"):
        Evaluator(small, WEEKS, budget=asked)


def test_a_plan_that_was_published_already_is_not_worked_out_again(small):
    plan = recommended_plan(Planner(small, WEEKS), small.spec.budget, {"tv": 700.0, "search": 100.0})
    np.testing.assert_allclose(plan.by_channel(), [700.0, 100.0])


@pytest.mark.parametrize("after", ["continue", "none"])
@pytest.mark.parametrize("spec", [SPEC, panel_spec()], ids=["national", "panel"])
def test_a_plan_brings_what_incremental_says_of_the_same_spend_in_the_same_weeks(spec, after):
    """In a table that goes on for as long as media carry over, with media as before the horizon, or none."""
    table = weekly_table(68, geos=("n", "s") if "geo" in spec else ("all",))
    table = going_on(table, 4, WEEKS, horizon=WEEKS)
    if after == "none":
        late = table["week_start"].isin(sorted(table["week_start"].unique())[-4:])
        table.loc[late, ["tv_spend", "search_spend", "search_clicks"]] = 0.0
    whole = posterior(spec=parse_spec(spec), table=table)
    before, data = cut(whole, WEEKS + 4), whole["constant_data"]
    planner, planned = Planner(before, WEEKS, budget=Budget(after=after)), slice(-WEEKS - 4, -4)
    media = {}
    for i, channel in enumerate(before.spec.channels):
        rows = data["exposure"].to_numpy()[:, planned, i]
        media[channel] = MediaPath(data["spend"].to_numpy()[:, planned, i] if i < 2 else rows, rows, None)
    found = Evaluator(before, WEEKS).evaluate(planner.plan("was", media, {}))
    first, last = data["media_week"].to_numpy()[[-WEEKS - 4, -5]]
    theirs = incremental(whole, first, last, {"tv": 0.0, "search": 0.0})
    np.testing.assert_allclose(found.draws["incremental"], theirs["joint"], rtol=1e-9)
    np.testing.assert_allclose(found.draws["by_channel"], theirs["alone"], rtol=1e-9, atol=1e-9)
    inside = incremental(whole, first, last, {"tv": 0.0, "search": 0.0}, carry_out=False)
    np.testing.assert_allclose(found.draws["carried_out"], theirs["joint"] - inside["joint"], rtol=1e-7)


@pytest.fixture(scope="module")
def gone_on():
    """A small panel's posterior over weeks that are to be planned, and as it would stand before them."""
    table = going_on(weekly_table(68, geos=("n", "s")), 4, WEEKS, horizon=WEEKS)
    whole = posterior(spec=parse_spec(panel_spec()), table=table, draws=4)
    return whole, cut(whole, WEEKS + 4)


def engines_own(whole, media):
    """What the engine's counterfactual says that paid media bring in the weeks they are planned for, (draw,)."""
    data = whole["constant_data"].to_dataset()
    weeks = slice(-WEEKS - 4, -4)
    labels = data["exposure"].isel(media_week=weeks)
    path = labels.where(labels["channel"].isin(["tv", "search"])).astype(float)
    for channel in ("tv", "search"):
        path.loc[{"channel": channel}] = media[channel].media
    first, last = labels["media_week"].to_numpy()[[0, -1]]
    nothing = incremental(whole, first, last, {"tv": 0.0, "search": 0.0})["joint"]
    return nothing - incremental(whole, first, last, exposure=path)["joint"]


share = st.floats(0.0, 1.0, allow_subnormal=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "decides",
    [{}, {"by": "week"}, {"by": "geo"}, {"patterns": ["past", "even"]}],
    ids=["channels", "weeks", "geos", "flightings"],
)
@given(
    bounds=st.fixed_dictionaries({"tv": st.tuples(share, share), "search": st.tuples(share, share)}),
    total=share,
    spends=st.lists(share, min_size=2 * WEEKS, max_size=2 * WEEKS),
)
@settings(
    derandomize=True, max_examples=3, deadline=None, database=None, phases=[Phase.generate]
)  # as drawn: no shrinking
def test_what_a_plan_brings_is_the_same_to_the_optimizer_the_scenario_and_the_engine(
    gone_on, decides, bounds, total, spends
):
    """Of any spend and of the best one within any bounds, whatever a budget decides."""
    whole, before = gone_on
    bounds = {name: (0.1 + 0.9 * low, 1.0 + 1.5 * high) for name, (low, high) in bounds.items()}
    asked = Budget.model_validate({"weeks": WEEKS, "bounds": bounds, **decides})
    planner, evaluator = Planner(before, WEEKS, budget=asked), Evaluator(before, WEEKS, budget=asked)
    with jax.enable_x64(True):
        posed = question(before, asked)
        least, most = (
            sum(bounds[name][end] * now for name, now in zip(posed.channels, posed.spent, strict=True))
            for end in (0, 1)
        )
        found = decide(before, asked.model_copy(update={"total": least + total * (most - least)}))
        size = 2.0 * float(posed.current.max())
        any_plan = size * np.array(spends)[np.arange(len(posed.cells)) % len(spends)]
        if decides.get("patterns"):  # one flighting of a channel has spend
            any_plan[[i for i, cell in enumerate(posed.cells) if cell.pattern != "even"]] = 0.0
        claims = ((any_plan, posed.problem.draws(any_plan)), (found.answer.spend, found.answer.draws))
        for spend, claim in claims:
            media = of_cells(planner, posed, spend)
            others = {name: repeat(channel) for name, channel in planner.repeated().items()}
            brings = evaluator.evaluate(planner.plan("any", {**others, **media}, {}))
            assert brings.spend == pytest.approx(float(spend.sum()), rel=1e-9, abs=1e-9)
            np.testing.assert_allclose(brings.draws["incremental"], claim, rtol=1e-8, atol=1e-9)
            np.testing.assert_allclose(engines_own(whole, media), claim, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    ("spec", "fixed"),
    [(SPEC, {}), (FAMILY, {}), (panel_spec(), {}), (LOG, LOG_AT)],
    ids=["national", "family", "panel", "log"],
)
def test_a_scenario_is_the_forecast_of_its_plan(spec, fixed):
    one = read(spec, **fixed)
    planner, evaluator = Planner(one, WEEKS), Evaluator(one, WEEKS, seed=3)
    for plan in (
        planner.current(),
        planner.written("same", scenario()),
        planner.written("up", scenario(spend="+20%")),
    ):
        theirs, _ = predictive_draws(one, plan.planned, seed=3)
        found = evaluator.evaluate(plan)
        np.testing.assert_allclose(found.draws["kpi_noise"], theirs.sum("geo"), rtol=1e-12)


def test_with_the_logarithm_modelled_media_together_bring_what_the_kpi_loses_without_them():
    one = read(LOG, **LOG_AT)
    planner, evaluator = Planner(one, WEEKS), Evaluator(one, WEEKS)
    found = evaluator.evaluate(planner.current()).draws
    off = evaluator.evaluate(planner.written("off", scenario(spend="off"))).draws
    lost = (found["outcome"] - off["outcome"]).sum("week")
    np.testing.assert_allclose(found["incremental"] - found["carried_out"], lost, rtol=1e-9)
    assert float(found["carried_out"].min()) > 0
    np.testing.assert_allclose(off["incremental"], 0.0, atol=1e-12)


def test_what_a_control_does_is_its_coefficient_times_its_change(small):
    planner, evaluator = Planner(small, WEEKS), Evaluator(small, WEEKS)
    plain = evaluator.evaluate(planner.current()).draws
    dearer = evaluator.evaluate(
        planner.written("dearer", scenario(controls={"price": {"2-3": "+10%"}}))
    ).draws
    data = small.data
    scale, centre = (float(data[f"design_{name}"].sel(term="price")) for name in ("scale", "centre"))
    recent = float(weekly_table()["price"].tail(13).mean())
    assert centre == pytest.approx(float(weekly_table()["price"].iloc[4:].mean()))
    effect = small.draws("fixed_effect", evaluator.positions)[
        :, 0, list(data["term"].to_numpy()).index("price")
    ]
    by_hand = effect * 0.1 * recent / scale * small.media.unit[0]
    change = (dearer["kpi"] - plain["kpi"]).to_numpy()
    np.testing.assert_allclose(change[:, [1, 2]], np.stack([by_hand] * 2, axis=1), rtol=1e-9)
    np.testing.assert_allclose(change[:, [0, 3, 4, 5]], 0.0, atol=1e-9)
    np.testing.assert_allclose(dearer["incremental"], plain["incremental"])


def test_a_price_that_sales_are_worth_changes_both_how_many_are_sold_and_what_they_bring():
    one = read({**SPEC, "kpi": {"column": "orders", "revenue_per_unit": "price"}})
    planner, evaluator = Planner(one, WEEKS), Evaluator(one, WEEKS)
    found = evaluator.evaluate(planner.written("dear", scenario(controls={"price": 12}))).draws
    np.testing.assert_allclose(found["outcome"], 12 * found["kpi"])
    worth = weekly_table()["price"].to_numpy()[-WEEKS:]
    plain = evaluator.evaluate(planner.current()).draws
    np.testing.assert_allclose(plain["outcome"], worth * plain["kpi"])


def test_the_order_of_channels_and_the_unit_of_money_change_nothing(small):
    """Half-saturation is in units of mean media, so that money in another currency gives the same model."""
    names, shapes = ["tv", "search"], ["coefficient", "alpha", "half_saturation", "slope"]
    spec = {
        **SPEC,
        "media": {**SPEC["media"], "channels": {n: SPEC["media"]["channels"][n] for n in names[::-1]}},
    }
    table = weekly_table()
    cents = table.assign(tv_spend=100 * table["tv_spend"], search_spend=100 * table["search_spend"])
    plan = {"spend": {"tv": {"1-2": "off", "5": "+50%"}, "search": "+20%"}}
    expected = None
    for other, order in ((spec, [1, 0, 2]), (SPEC, [0, 1, 2])):
        values = {name: small.variables[name].to_numpy()[..., order] for name in shapes}
        for rows in (table, cents):
            one = Posterior.of(posterior(spec=parse_spec(other), table=rows, **values))
            found = Evaluator(one, WEEKS).evaluate(Planner(one, WEEKS).written("x", scenario(**plan)))
            draws = found.draws["by_channel"].sel(channel=names).to_numpy()
            expected = draws if expected is None else expected
            np.testing.assert_allclose(draws, expected, rtol=1e-9)


def test_media_carry_in_without_counting_and_out_with(small):
    """Nothing is bought: what earlier media bring in the horizon is in the KPI, and no part of incremental."""
    planner, evaluator = Planner(small, WEEKS), Evaluator(small, WEEKS)
    off = evaluator.evaluate(
        planner.written("off", scenario(spend="off", organic={"newsletter": "off"}))
    ).draws
    late = evaluator.evaluate(
        planner.written("late", scenario(spend={"tv": {"1-5": "off"}, "search": "off"}))
    ).draws
    assert float(np.abs(off["incremental"]).max()) == 0.0
    assert (late["carried_out"] > 0).all()
    whole = late["incremental_weekly"].sum("week") + late["carried_out"]
    np.testing.assert_allclose(whole, late["incremental"], rtol=1e-12)
