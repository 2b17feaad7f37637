"""What was spent against what was recommended: the difference that the two plans' own evaluation gives."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.effects.curves import Periods
from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.evaluate import Evaluator
from mmm_core.scenarios.followed import spent_against_recommended
from mmm_core.scenarios.media import MediaPath
from mmm_core.scenarios.plan import Planner
from mmm_core.scenarios.recommended import of_channels
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.budget.long_terms import long_term_of
from tests.mmm_core.posteriors import FAMILY, SPEC, panel_spec, posterior, weekly_table
from tests.mmm_core.scenarios.earlier import cut, going_on

WEEKS = 6
PLAN = {"tv": 500.0, "search": 700.0}


def whole(spec=SPEC, **options):
    table = weekly_table(64, geos=("n", "s")) if "geo" in spec else weekly_table()
    return posterior(spec=parse_spec(spec), table=table, **options)


def week_before(tree, weeks):
    return pd.Timestamp(tree["constant_data"]["media_week"].to_numpy()[-weeks - 1])


NONE_AFTER = {**SPEC["budget"], "after": "none"}


@pytest.mark.parametrize(
    "spec", [{**SPEC, "budget": NONE_AFTER}, panel_spec(budget=NONE_AFTER)], ids=["national", "panel"]
)
def test_it_is_the_difference_of_the_two_plans_evaluated_where_they_were_made(spec):
    tree = whole(spec)
    found = spent_against_recommended(tree, PLAN, week_before(tree, WEEKS))
    before = cut(tree, WEEKS)
    planner, evaluator = Planner(before, WEEKS), Evaluator(before, WEEKS)
    data, others = tree["constant_data"], of_channels(planner, PLAN, before.spec.budget)
    later = data.isel(media_week=slice(-WEEKS, None))
    newsletter = MediaPath(*[later["exposure"].to_numpy()[..., 2]] * 2, None)
    spent = {
        name: MediaPath(later["spend"].to_numpy()[..., i], later["exposure"].to_numpy()[..., i], None)
        for i, name in enumerate(["tv", "search"])
    }
    was, planned = (
        evaluator.evaluate(planner.plan(name, {**media, "newsletter": newsletter}, {}))
        for name, media in (("spent", spent), ("recommended", others))
    )
    difference = was.draws["incremental"] - planned.draws["incremental"]
    np.testing.assert_allclose(found.difference, difference, rtol=1e-9)
    np.testing.assert_allclose(
        found.by_channel, was.draws["by_channel"] - planned.draws["by_channel"], rtol=1e-7
    )
    np.testing.assert_allclose(found.recommended, [500, 700])
    np.testing.assert_allclose(found.spent, was.plan.by_channel())


def test_media_that_go_on_after_the_data_count_as_if_they_were_in_it():
    longer = posterior(table=going_on(weekly_table(68), 4, WEEKS))
    now = cut(longer, 4)
    after = pd.Timestamp(now.data["media_week"].to_numpy()[-WEEKS - 1])
    found, later = (spent_against_recommended(tree, PLAN, after) for tree in (now, longer))
    np.testing.assert_allclose(found.difference, later.difference, rtol=1e-9)
    silent = spent_against_recommended(now, PLAN, after, budget=Budget(weeks=WEEKS, after="none"))
    assert (np.abs(silent.difference - later.difference) > 1e-3 * np.abs(later.difference)).all()


def test_of_a_recommendation_that_is_not_over_the_weeks_gone_by_count():
    tree = whole()
    found = spent_against_recommended(tree, PLAN, week_before(tree, 2), margin=0.5)
    spend = tree["constant_data"]["spend"].to_numpy()[0]
    then, since = spend[-WEEKS - 2 : -2], spend[-2:]
    np.testing.assert_allclose(found.recommended, then[:2].sum(axis=0) / then.sum(axis=0) * [500, 700])
    np.testing.assert_allclose(found.spent, since.sum(axis=0))
    assert (found.weeks, found.horizon, str(found.last_week.date())) == (2, 6, "2025-03-17")
    np.testing.assert_allclose(
        found.gain, 0.5 * found.difference - (found.spent.sum() - found.recommended.sum())
    )
    assert found.words[0].startswith("recommended after 2025-03-03, 2 of 6 weeks gone by: ")
    assert " profit than the recommended plan would have" in found.words[1]
    assert list(found.table["difference"]) == pytest.approx(list(found.by_channel.mean(axis=0)))


def test_a_recommendation_would_have_bought_at_prices_that_rise():
    tree = whole()
    half, less = (
        spent_against_recommended(
            tree,
            {"tv": 4000.0, "search": 100.0},
            week_before(tree, WEEKS),
            budget=Budget(weeks=WEEKS, price_rise=rise),
        )
        for rise in ({}, {"tv": 1.0, "search": 1.0})
    )
    tv, search = less.channels.index("tv"), less.channels.index("search")
    assert less.by_channel[:, tv].mean() > half.by_channel[:, tv].mean()  # it would have brought less
    np.testing.assert_array_equal(
        less.by_channel[:, search], half.by_channel[:, search]
    )  # no more than before
    np.testing.assert_array_equal(less.recommended, half.recommended)


def test_what_either_brings_by_way_of_the_brand_counts_where_the_budget_asks():
    tree = whole(draws=5)
    budget = Budget(weeks=WEEKS, horizon="long", price_rise={"tv": 1.0})
    plan, week = {"tv": 4000.0, "search": 100.0}, week_before(tree, WEEKS)
    short = spent_against_recommended(tree, plan, week, budget=budget.model_copy(update={"horizon": "short"}))
    long = spent_against_recommended(
        tree, plan, week, budget=budget, long_term=long_term_of(tree, {"tv": 2.0})
    )
    tv, was = (
        long.channels.index("tv"),
        tree["constant_data"]["spend"].to_numpy()[0, -2 * WEEKS : -WEEKS, 0].sum(),
    )
    assert plan["tv"] > was
    apart = long.spent[tv] - np.sqrt(
        plan["tv"] * was
    )  # what four times the money buys at a price that doubles
    np.testing.assert_allclose(long.difference - short.difference, 2.0 * apart)
    np.testing.assert_allclose((long.by_channel - short.by_channel).sum(axis=1), 2.0 * apart)


def test_what_was_recommended_was_spent():
    table = weekly_table()
    media = ["tv_spend", "search_spend", "search_clicks"]
    table.loc[table.index[-WEEKS:], media] = (
        1.5 * table.loc[table.index[-2 * WEEKS : -WEEKS], media].to_numpy()
    )
    tree = posterior(table=table)
    spent = table[["tv_spend", "search_spend"]].tail(WEEKS).sum()
    plan = {"tv": spent["tv_spend"], "search": spent["search_spend"]}
    found = spent_against_recommended(tree, plan, week_before(tree, WEEKS))
    assert not found.difference.any()
    assert found.words == (
        "recommended after 2025-02-03, 6 of 6 weeks gone by: what was recommended was spent",
    )


def test_the_horizon_is_that_whose_spend_the_recommendation_states():
    tree = whole()
    spend = tree["constant_data"]["spend"].to_numpy()[0][:-3]
    states = dict(zip(["tv", "search"], spend[-9:].sum(axis=0), strict=True))
    assert spent_against_recommended(tree, PLAN, week_before(tree, 3), before=states).horizon == 9
    restated = spent_against_recommended(tree, PLAN, week_before(tree, 3), before={"tv": 1.0, "search": 1.0})
    assert restated.horizon == 6
    assert "has been restated since" in restated.words[-1]


def test_reach_and_frequency_are_those_of_the_repeated_weeks():
    tree = whole(FAMILY)
    spend = tree["constant_data"]["spend"].to_numpy()[0]
    periods = Periods.of(spend[:-WEEKS], WEEKS)
    plan = dict(zip(["tv", "search", "video"], periods.repeated, strict=True))
    found = spent_against_recommended(tree, plan, week_before(tree, WEEKS))
    before = Posterior.of(cut(tree, WEEKS))
    assert np.isfinite(found.difference).all()
    assert found.recommended == pytest.approx(Planner(before, WEEKS).current().by_channel())


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"after": "2025-03-12"}, "the data hold no such week: the nearest is 2025-03-10"),
        ({"after": "2025-03-17"}, "no week has gone by since: the data end with 2025-03-17"),
        ({"after": "2024-01-15"}, "6 weeks are repeated, and the data hold 3 before it"),
        ({"recommended": {"tv": 1.0}}, "no spend is stated for search"),
        ({"recommended": {**PLAN, "radio": 1.0}}, "no paid channel is called radio"),
        ({"recommended": {"tv": -1.0, "search": 1.0}}, "spend of tv is no number of 0 or more"),
    ],
)
def test_what_cannot_be_held_against_anything_is_refused(keys, says):
    options = {"recommended": PLAN, "after": "2025-02-03", **keys}
    with pytest.raises(InputError, match=says):
        spent_against_recommended(whole(), **options)
