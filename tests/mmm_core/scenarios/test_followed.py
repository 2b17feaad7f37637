"""What was spent against what was recommended: the difference that the two plans' own evaluation gives."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm_core.budget.cell_layout import Cell
from mmm_core.budget.glance import money
from mmm_core.effects.curves import Periods
from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.evaluate import Evaluator
from mmm_core.scenarios.followed import spent_against_recommended
from mmm_core.scenarios.media import MediaPath
from mmm_core.scenarios.plan import Planner
from mmm_core.scenarios.recommendation import Recommendation
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


def held(tree, plan, after, weeks=None, before=None, cells=None, **options):
    """What was spent since a recommendation, made of its parts, against it."""
    made = Recommendation(plan, before or {}, pd.Timestamp(after), weeks, cells)
    return spent_against_recommended(tree, made, **options)


def evaluated(tree, paths):
    """What was spent in the last weeks, and paths of paid channels in their place, each evaluated before them."""
    before = cut(tree, WEEKS)
    planner, evaluator = Planner(before, WEEKS), Evaluator(before, WEEKS)
    later = tree["constant_data"].isel(media_week=slice(-WEEKS, None))
    newsletter = MediaPath(*[later["exposure"].to_numpy()[..., 2]] * 2, None)
    spent = {
        name: MediaPath(later["spend"].to_numpy()[..., i], later["exposure"].to_numpy()[..., i], None)
        for i, name in enumerate(["tv", "search"])
    }
    return (
        evaluator.evaluate(planner.plan(name, {**media, "newsletter": newsletter}, {}))
        for name, media in (("spent", spent), ("recommended", paths))
    )


NONE_AFTER = {**SPEC["budget"], "after": "none"}


@pytest.mark.parametrize(
    "spec", [{**SPEC, "budget": NONE_AFTER}, panel_spec(budget=NONE_AFTER)], ids=["national", "panel"]
)
def test_it_is_the_difference_of_the_two_plans_evaluated_where_they_were_made(spec):
    tree = whole(spec)
    found = held(tree, PLAN, week_before(tree, WEEKS))
    before = cut(tree, WEEKS)
    was, planned = evaluated(tree, of_channels(Planner(before, WEEKS), PLAN, before.spec.budget))
    difference = was.draws["incremental"] - planned.draws["incremental"]
    np.testing.assert_allclose(found.difference, difference, rtol=1e-9)
    np.testing.assert_allclose(
        found.by_channel, was.draws["by_channel"] - planned.draws["by_channel"], rtol=1e-7
    )
    np.testing.assert_allclose(found.recommended, [500, 700])
    np.testing.assert_allclose(found.spent, was.plan.by_channel())


def as_before(spec):
    """A posterior in whose last weeks the weeks before them came again, and what each channel spent in those."""
    table = weekly_table(64, geos=("n", "s"))
    columns = ["tv_spend", "search_spend", "search_clicks"]
    for _, rows in table.groupby("geo").groups.items():
        table.loc[rows[-WEEKS:], columns] = table.loc[rows[-2 * WEEKS : -WEEKS], columns].to_numpy()
    tree = posterior(spec=parse_spec(spec), table=table)
    data = tree["constant_data"].isel(media_week=slice(-WEEKS, None), channel=slice(0, 2))
    return tree, data["spend"].to_numpy()[..., :2], data["exposure"].to_numpy()[..., :2]


def elsewhere(by, spend, media):
    """The same money of each channel in other geos or weeks: a plan's cells, and by hand its spend and media.

    By geo each gets what the other had; by week each what the one that mirrors it had; or every week the same.
    """
    cells, planned, bought = {}, np.zeros_like(spend), np.zeros_like(media)
    for i, channel in enumerate(["tv", "search"]):
        total = spend[..., i].sum()
        if by == "geo":
            had = spend[..., i].sum(axis=1)
            factor = (had[::-1] / had)[:, None]
            planned[..., i], bought[..., i] = spend[..., i] * factor, media[..., i] * factor
            cells |= {Cell(channel, geo): money for geo, money in zip("ns", had[::-1], strict=True)}
            continue
        money = np.full(WEEKS, total / WEEKS) if by == "flighting" else spend[..., i].sum(axis=0)[::-1]
        for week in range(WEEKS):
            then = spend[:, week, i].sum()  # nothing was bought then: at the price of the period
            of_then = slice(week, week + 1) if then > 0 else slice(None)
            times = money[week] / (then if then > 0 else total)
            planned[:, week, i] = spend[:, of_then, i].sum(axis=1) * times
            bought[:, week, i] = media[:, of_then, i].sum(axis=1) * times
        if by == "week":
            cells |= {Cell(channel, week=week): amount for week, amount in enumerate(money)}
        else:
            cells |= {Cell(channel, pattern="past"): 0.0, Cell(channel, pattern="even"): total}
    return cells, planned, bought


@pytest.mark.parametrize("by", ["geo", "week", "flighting"])
def test_the_same_money_of_each_channel_in_other_geos_or_weeks_is_another_plan(by):
    tree, spend, media = as_before(panel_spec(budget=NONE_AFTER))
    cells, planned, bought = elsewhere(by, spend, media)
    plan = dict(zip(["tv", "search"], spend.sum(axis=(0, 1)), strict=True))
    after = week_before(tree, WEEKS)
    assert not held(tree, plan, after, WEEKS).difference.any()  # by sums nothing was done otherwise
    found = held(tree, plan, after, WEEKS, cells=cells)
    paths = {channel: MediaPath(planned[..., i], bought[..., i], None) for i, channel in enumerate(plan)}
    was, other = evaluated(tree, paths)
    difference = was.draws["incremental"] - other.draws["incremental"]
    assert abs(float(difference.mean())) > 10
    np.testing.assert_allclose(found.difference, difference, rtol=1e-9)
    np.testing.assert_allclose(
        found.by_channel, was.draws["by_channel"] - other.draws["by_channel"], rtol=1e-7, atol=1e-9
    )
    np.testing.assert_allclose(found.recommended, list(plan.values()))
    np.testing.assert_allclose(found.spent, list(plan.values()))
    axis = 1 if by == "geo" else 0
    for name, values in (("spent", spend), ("recommended_spend", planned)):
        np.testing.assert_allclose(found.cells[name], values.sum(axis=axis).T.ravel())
    where = r"\((tv|search) in (n|s): " if by == "geo" else r"\((tv|search) in the week of 2025-"
    assert re.search(where, found.words[0])


def test_of_cells_whose_horizon_is_not_over_the_weeks_gone_by_count():
    tree, after = whole(), pd.Timestamp("2025-03-03")
    cells = {Cell(channel, week=week): 100.0 * week for channel in ("tv", "search") for week in range(WEEKS)}
    found = held(tree, {"tv": 1500.0, "search": 1500.0}, after, cells=cells)
    assert (found.weeks, found.horizon) == (2, WEEKS)
    np.testing.assert_allclose(found.recommended, [100, 100])  # 0 and 100
    np.testing.assert_allclose(
        found.cells["spent"], tree["constant_data"]["spend"].to_numpy()[0, -2:].T.ravel()
    )


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (
            {Cell("tv", "n"): 400.0, Cell("tv", "s"): 100.0},
            r"another plan: search \(0 in its cells for 700\)",
        ),
        ({Cell("tv", "n"): 500.0, Cell("search", "n"): 700.0}, "not in the recommendation: tv s"),
        (
            {Cell("tv", "n"): 500.0, Cell("tv", "s"): 0.0, Cell("search", "w"): 700.0},
            "not in the model: search w; not in the recommendation: search n, search s",
        ),
        ({Cell("tv", week=0): 500.0, Cell("search", week=1): 700.0}, "not in the recommendation: tv week 2"),
        ({Cell("tv", "n"): -1.0, Cell("search", "n"): 700.0}, "spend of tv n is no number of 0 or more"),
    ],
)
def test_cells_that_are_not_the_models_are_refused_by_name(cells, says):
    tree = whole(panel_spec())
    with pytest.raises(InputError, match=says):
        held(tree, PLAN, week_before(tree, WEEKS), cells=cells)


def test_money_in_a_geo_where_a_channel_never_had_any_is_refused():
    table = weekly_table(64, geos=("n", "s"))
    table.loc[(table["geo"] == "s") & (table["week_start"] < "2025-02-10"), "tv_spend"] = 0.0
    tree = posterior(spec=parse_spec(panel_spec()), table=table)
    cells = {Cell(channel, geo): 300.0 for channel in PLAN for geo in "ns"}
    with pytest.raises(InputError, match="tv s never had any spend before it"):
        held(tree, dict.fromkeys(PLAN, 600.0), week_before(tree, WEEKS), cells=cells)


def test_media_that_go_on_after_the_data_count_as_if_they_were_in_it():
    longer = posterior(table=going_on(weekly_table(68), 4, WEEKS))
    now = cut(longer, 4)
    after = pd.Timestamp(now.data["media_week"].to_numpy()[-WEEKS - 1])
    found, later = (held(tree, PLAN, after) for tree in (now, longer))
    np.testing.assert_allclose(found.difference, later.difference, rtol=1e-9)
    silent = held(now, PLAN, after, budget=Budget(weeks=WEEKS, after="none"))
    assert (np.abs(silent.difference - later.difference) > 1e-3 * np.abs(later.difference)).all()


def test_of_a_recommendation_that_is_not_over_the_weeks_gone_by_count():
    tree = whole()
    found = held(tree, PLAN, week_before(tree, 2), margin=0.5)
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
    large = replace(found, difference=1e6 + found.difference)  # told in whole units, however many
    (told,) = (line for line in large.words if line.startswith("that brought"))
    assert f"that brought {large.gain.mean():,.0f} more profit" in told
    assert "over 99 % sure" in told
    assert list(found.table["difference"]) == pytest.approx(list(found.by_channel.mean(axis=0)))


def test_a_recommendation_would_have_bought_at_prices_that_rise():
    tree = whole()
    half, less = (
        held(
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
    short = held(tree, plan, week, budget=budget.model_copy(update={"horizon": "short"}))
    long = held(tree, plan, week, budget=budget, long_term=long_term_of(tree, {"tv": 2.0}))
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


def test_a_page_has_it_with_money_and_days_as_everywhere_on_it():
    tree, after = whole(), pd.Timestamp("2025-03-03")
    plan, euros = {"tv": 12345678.0, "search": 2500.0}, Budget(weeks=WEEKS, currency="EUR")
    found = held(tree, plan, after, budget=euros)
    tv, search = found.spent
    of_tv, of_search = found.recommended
    assert found.description == (
        f"recommended after 3 Mar 2025, 2 of 6 weeks gone by: {money(tv + search, 'EUR')} was spent where "
        f"{money(of_tv + of_search, 'EUR')} was recommended (tv: {money(tv, 'EUR')} in place of "
        f"{money(of_tv, 'EUR')}, search: {money(search, 'EUR')} in place of {money(of_search, 'EUR')})"
    )
    assert re.search(r"where \u20ac[\d.]+M was recommended", found.description)
    cells = {Cell(channel, week=week): 1e4 * week for channel in PLAN for week in range(WEEKS)}
    weekly = held(tree, dict.fromkeys(PLAN, 1.5e5), after, cells=cells, budget=euros)
    assert "tv in the week of 17 Mar 2025: \u20ac" in weekly.description
    assert "in place of \u20ac10.0k" in weekly.description
    assert not re.search(r"\d{4}-\d\d-\d\d", weekly.description)


def test_amounts_that_a_page_writes_alike_are_not_told_apart():
    tree, after = whole(), pd.Timestamp("2025-03-03")
    spent = held(tree, PLAN, after).spent
    share = spent / held(tree, PLAN, after).recommended  # of the horizon's money, in the weeks gone by
    near = {channel: PLAN[channel] * share[i] * 1.00001 for i, channel in enumerate(PLAN)}
    found = held(tree, near, after)
    np.testing.assert_allclose(found.recommended, 1.00001 * spent)
    assert found.description.endswith("was recommended (of each channel nearly the same)")


def test_of_a_plan_of_one_week_no_week_is_called_several():
    tree = whole()
    found = held(tree, PLAN, week_before(tree, 1), 1)
    assert found.words[0].startswith("recommended after 2025-03-10, 1 of 1 week gone by: ")


def test_what_was_recommended_was_spent():
    table = weekly_table()
    media = ["tv_spend", "search_spend", "search_clicks"]
    table.loc[table.index[-WEEKS:], media] = (
        1.5 * table.loc[table.index[-2 * WEEKS : -WEEKS], media].to_numpy()
    )
    tree = posterior(table=table)
    spent = table[["tv_spend", "search_spend"]].tail(WEEKS).sum()
    plan = {"tv": spent["tv_spend"], "search": spent["search_spend"]}
    found = held(tree, plan, week_before(tree, WEEKS))
    assert not found.difference.any()
    assert found.words == (
        "recommended after 2025-02-03, 6 of 6 weeks gone by: what was recommended was spent",
    )


def test_the_horizon_is_that_whose_spend_the_recommendation_states():
    tree = whole()
    spend = tree["constant_data"]["spend"].to_numpy()[0][:-3]
    states = dict(zip(["tv", "search"], spend[-9:].sum(axis=0), strict=True))
    assert held(tree, PLAN, week_before(tree, 3), before=states).horizon == 9
    restated = held(tree, PLAN, week_before(tree, 3), before={"tv": 1.0, "search": 1.0})
    assert restated.horizon == 6
    assert "has been restated since" in restated.words[-1]


def test_reach_and_frequency_are_those_of_the_repeated_weeks():
    tree = whole(FAMILY)
    spend = tree["constant_data"]["spend"].to_numpy()[0]
    periods = Periods.of(spend[:-WEEKS], WEEKS)
    plan = dict(zip(["tv", "search", "video"], periods.repeated, strict=True))
    found = held(tree, plan, week_before(tree, WEEKS))
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
        held(whole(), options["recommended"], options["after"])
