"""Plans of the coming weeks: what is spent where and when, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.plan import Planner
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.model_spec import parse_spec
from mmm_core.spec.scenarios_spec import Scenario
from tests.mmm_core.posteriors import FAMILY, panel_spec, posterior, weekly_table

WEEKS = 6


def scenario(**keys):
    return Scenario.model_validate(keys)


def off_lately(weeks=16):
    """TV was off in the last weeks; radio never had any."""
    table = weekly_table()
    table.loc[table.index[-weeks:], "tv_spend"] = 0.0
    return table


@pytest.fixture(scope="module")
def small():
    return Planner(Posterior.of(posterior()), WEEKS)


@pytest.fixture(scope="module")
def panel():
    table = weekly_table(64, geos=("n", "s"))
    return Planner(Posterior.of(posterior(spec=parse_spec(panel_spec()), table=table)), WEEKS)


@pytest.fixture(scope="module")
def dark():
    return Planner(Posterior.of(posterior(table=off_lately())), WEEKS)


LAST = weekly_table().tail(WEEKS)


@pytest.mark.parametrize(
    ("entry", "spent"),
    [
        ("+20%", lambda was: 1.2 * was),
        ("-100%", lambda was: 0 * was),
        ("off", lambda was: 0 * was),
        (False, lambda was: 0 * was),
        (900, lambda was: was * 900 / was.sum()),
        ({"3-5": "off"}, lambda was: was * [1, 1, 0, 0, 0, 1]),
        ({3: 50, "5-6": 70}, lambda was: np.array([was[0], was[1], 50, was[3], 70, 70])),
        ({"rest": "+10%", "1": "off"}, lambda was: 1.1 * was * [0, 1, 1, 1, 1, 1]),
        ({"2025-04-01": 10}, lambda was: np.array([was[0], 10, *was[2:]])),
        ({"2025-03-24 to 2025-04-06": 10}, lambda was: np.array([10, 10, *was[2:]])),
    ],
)
def test_spend_is_as_it_is_said(small, entry, spent):
    plan = small.written("x", scenario(spend={"search": entry}))
    was = LAST["search_spend"].to_numpy()
    np.testing.assert_allclose(plan.spend[0, :, 1], spent(was))
    np.testing.assert_allclose(plan.spend[0, :, 0], LAST["tv_spend"])
    np.testing.assert_allclose(plan.planned["search_clicks"], 2.5 * plan.spend[0, :, 1])  # the price stays
    np.testing.assert_allclose(plan.planned["sends"], LAST["sends"])


def test_more_money_buys_less_where_the_budget_says_that_prices_rise(small):
    was = LAST["search_spend"].to_numpy()
    dear = Planner(small.posterior, WEEKS, budget=Budget(weeks=WEEKS, price_rise={"search": 0.25}))
    plan = dear.written("x", scenario(spend={"search": "+50%", "tv": "+50%"}))
    np.testing.assert_allclose(plan.spend[0, :, 1], 1.5 * was)
    # buying v times the media costs v^1.25 times the money, over the whole period
    np.testing.assert_allclose(plan.planned["search_clicks"], 2.5 * was * 1.5 ** (1 / 1.25))
    np.testing.assert_allclose(plan.planned["tv_spend"], 1.5 * LAST["tv_spend"])
    less = dear.written("x", scenario(spend={"search": "-50%"}))
    np.testing.assert_allclose(less.planned["search_clicks"], 2.5 * 0.5 * was)
    np.testing.assert_allclose(dear.current().planned["search_clicks"], 2.5 * was)


def test_of_a_budget_by_geo_each_geo_has_a_price_of_its_own(panel):
    budget = Budget(weeks=WEEKS, by="geo", price_rise={"tv": 1.0})
    dear = Planner(panel.posterior, WEEKS, budget=budget)
    plan = dear.written("x", scenario(spend={"tv": {"geos": {"s": "+300%"}}}))
    was = panel.current()
    np.testing.assert_allclose(plan.spend[..., 0], was.spend[..., 0] * [[1], [4]])
    np.testing.assert_allclose(plan.usual_cost[..., 0], was.spend[..., 0] * [[1], [2]])
    media, before = (one.table["tv_spend"].to_numpy().reshape(2, -1)[:, :WEEKS] for one in (plan, was))
    np.testing.assert_allclose(media, before * [[1], [2]])


def test_a_control_that_goes_where_it_never_was_is_remarked(small):
    price = weekly_table()["price"]
    beyond = small.written("x", scenario(controls={"price": {"2": float(price.max()) * 3}}))
    (remark,) = beyond.notes
    assert remark.startswith(f"price goes to {3 * price.max():.4g}, and the model has seen ")
    assert remark.endswith("an extrapolation")
    (below,) = small.written("x", scenario(controls={"price": 0})).notes
    assert below.startswith("price goes to 0, ")
    assert small.written("x", scenario(controls={"price": float(price.iloc[-1])})).notes == ()


def test_all_channels_change_but_those_that_are_named(small):
    plan = small.written("x", scenario(spend={"all": "-50%", "tv": "+10%"}))
    was = LAST[["tv_spend", "search_spend"]].sum().to_numpy()
    np.testing.assert_allclose(plan.by_channel(), was * [1.1, 0.5])
    np.testing.assert_allclose(small.written("x", scenario(spend="off")).by_channel(), 0.0)


def test_the_same_weeks_of_last_year_come_again(small):
    plan = small.written("x", scenario(like="last_year", spend={"tv": "+10%"}))
    then = weekly_table().iloc[-52 : -52 + WEEKS]
    np.testing.assert_allclose(plan.spend[0, :, 0], 1.1 * then["tv_spend"])
    np.testing.assert_allclose(plan.spend[0, :, 1], then["search_spend"])
    assert (plan.horizon.planned - pd.Timedelta(days=364)).equals(pd.DatetimeIndex(then["week_start"]))


def test_geos_change_apart(panel):
    was = panel.current().spend
    plan = panel.written(
        "x", scenario(spend={"tv": {"geos": {"s": {"1-2": "off"}, "n": 500}}, "search": {"1": 90}})
    )
    np.testing.assert_allclose(plan.spend[1, :, 0], was[1, :, 0] * [0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(plan.spend[0, :, 0], was[0, :, 0] * 500 / was[0, :, 0].sum())
    np.testing.assert_allclose(plan.spend[:, 0, 1], 90 * was[:, 0, 1] / was[:, 0, 1].sum())


def test_money_on_a_channel_that_was_off_is_spent_as_in_its_latest_weeks(dark):
    table = off_lately()
    running = np.flatnonzero(table["tv_spend"])[-1]
    then = table["tv_spend"].to_numpy()[running - WEEKS + 1 : running + 1]
    plan = dark.written("x", scenario(spend={"tv": 600}))
    np.testing.assert_allclose(plan.spend[0, :, 0], then * 600 / then.sum())
    with pytest.raises(
        InputError, match=r"spend.tv: tv had no spend in the last 6 weeks: \+20% of nothing.* an amount"
    ):
        dark.written("x", scenario(spend={"tv": "+20%"}))
    np.testing.assert_allclose(dark.written("x", scenario(spend="+20%")).by_channel()[0], 0.0)


def test_reach_is_bought_at_its_frequency():
    planner = Planner(Posterior.of(posterior(spec=parse_spec(FAMILY))), WEEKS)
    plan = planner.written("x", scenario(spend={"video": {"1-6": 40.0}})).planned
    assert (plan["video_reach"] > 0).all()
    np.testing.assert_allclose(plan["video_spend"], 40.0)
    was = LAST["video_frequency"].to_numpy()
    np.testing.assert_allclose(plan["video_frequency"][was > 0], was[was > 0])


def test_controls_follow_what_is_said_of_them(small):
    table = weekly_table()
    plans = {
        "x": (12, [12] * WEEKS),
        "last": ("last", [table["price"].iloc[-1]] * WEEKS),
        "year": ("last_year", table["price"].iloc[-52 : -52 + WEEKS]),
    }
    for entry, expected in plans.values():
        plan = small.written("x", scenario(controls={"price": entry})).planned
        np.testing.assert_allclose(plan["price"], expected, rtol=1e-9)
    mean = table["price"].tail(13).mean()
    plan = small.written("x", scenario(controls={"price": {"3-5": "off", "6": "+50%"}})).planned
    np.testing.assert_allclose(plan["price"], [mean, mean, 0, 0, 0, 1.5 * mean], rtol=1e-9, atol=1e-9)
    assert "price" not in small.current().table


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"spend": {"radio": "+1%"}}, "spend names 'radio', no paid channel: known: all, search, tv"),
        ({"spend": {"newsletter": "+1%"}}, "write it under `organic`"),
        ({"controls": {"prices": 1}}, "controls names 'prices', no control or treatment: did you mean 'price'"),
        ({"spend": {"tv": {"geos": {"london": "+1%"}}}}, "spend.tv: unknown geo 'london': the model has one"),
        ({"spend": {"tv": {"7": "off"}}}, "week 7 is outside of the horizon of 6 weeks: the nearest is week 6"),
        (
            {"controls": {"price": {"2025-05-05": 1}}},
            "2025-05-05 is outside of the horizon, whose weeks are 2025-03-24 to 2025-04-28: .* 2025-04-28",
        ),
        ({"spend": {"tv": {"2025-03-17": 1}}}, "the nearest is that of 2025-03-24"),
        ({"spend": {"tv": {"1": 1, "2025-03-26": 1}}}, "the week of 2025-03-24 is named twice"),
        ({"spend": {"tv": 1}, "currency": "EUR"}, "currency is EUR, and the table's money is USD"),
        ({"spend": {"all": 1000}}, "spend.all is a share or off: write amounts by channel"),
        ({"plan": "nowhere.csv"}, "plan: .*nowhere.csv is not there: put the file beside the model's YAML"),
    ],
)  # fmt: skip
def test_what_a_plan_cannot_be_made_of_is_named(small, keys, says):
    with pytest.raises(InputError, match=f"scenario 'x': .*{says}"):
        small.written("x", scenario(**keys))


def test_a_channel_without_any_history_has_no_price(panel):
    table = weekly_table(64, geos=("n", "s"))
    table.loc[table["geo"] == "s", "tv_spend"] = 0.0
    planner = Planner(Posterior.of(posterior(spec=parse_spec(panel_spec()), table=table)), WEEKS)
    with pytest.raises(
        InputError, match=r"tv never had any spend there: .* the nearest feasible figure is 0"
    ):
        planner.written("x", scenario(spend={"tv": {"geos": {"s": 100}}}))


@pytest.mark.parametrize(
    ("weeks", "like", "says"),
    [
        (61, "last_period", "a horizon of 61 weeks is longer than the data.*the nearest feasible figure is 60 weeks"),
        (53, "last_year", "a horizon of 53 weeks reaches beyond a year: the nearest feasible figure is 52 weeks"),
    ],
)  # fmt: skip
def test_a_horizon_longer_than_history_is_refused(small, weeks, like, says):
    with pytest.raises(InputError, match=says):
        Planner(small.posterior, weeks).written("x", scenario(like=like))


def test_less_than_a_year_of_data_has_no_last_year():
    planner = Planner(Posterior.of(posterior(table=weekly_table(40))), WEEKS)
    with pytest.raises(
        InputError, match="the data hold 40 weeks, fewer than a year; or write `like: last_period`"
    ):
        planner.written("x", scenario(like="last_year"))
    with pytest.raises(InputError, match=r"controls.price: `last_year` needs 52 modelled weeks"):
        planner.written("x", scenario(controls={"price": "last_year"}))
