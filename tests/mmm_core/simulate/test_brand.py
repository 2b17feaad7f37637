"""Brand states, what they sell, and the truth about it; recursions are written out by hand, week after week."""

import numpy as np
import pytest
from scipy.special import expit, logit

from mmm_core.simulate import lift_tests, simulate_market
from mmm_core.simulate.brand import make_brand, response
from mmm_core.simulate.draws import Draws, Window

WEEKS = 1200


def brand_of(spend, sells=True, names=("tv", "search"), population=(1.0,)):
    return make_brand(Draws(1, "us"), names, spend, np.array(population), Window(600, 208), sells)


@pytest.fixture(scope="module", params=["us", "uk"])
def market(request):
    return simulate_market(request.param, 7, long_term=True)


def test_media_moves_the_brand():
    media = np.ones((WEEKS, 1, 2))
    heavier = media.copy()
    heavier[850:, 0, 0] = 3.0
    usual, built = (brand_of(spend).shares for spend in (media, heavier))
    for metric in ("awareness", "consideration"):
        np.testing.assert_array_equal(usual[metric][:850], built[metric][:850])
        assert (built[metric][870:] > usual[metric][870:] + 0.01).all()


def test_states_and_what_they_sell_follow_the_stated_recursion():
    """One geo, from the spend and the drawn swings alone."""
    spend = np.random.default_rng(5).gamma(2, 1, (WEEKS, 1, 2))
    found = brand_of(spend)
    building = spend[:, 0] @ [1.0, 0.1]
    usual = building[600:808].mean()
    roi = Draws(1, "us").generator("brand").lognormal(np.log(1.2), 0.2)
    worth = roi * usual / 0.4
    u = 0.08 * Draws(1, "us").autoregressive("brand awareness", WEEKS, persistence=0.9)
    v = 0.05 * Draws(1, "us").autoregressive("brand consideration", WEEKS, persistence=0.8)
    built = known = sold = 0.0
    aware, considered, brand = (np.zeros(WEEKS) for _ in range(3))
    for t in range(WEEKS):
        sold = 0.5 * sold + 0.5 * worth * considered[t - 1] if t else 0.0
        known = 0.8 * known + 0.2 * 0.8 * aware[t - 1] if t else 0.0
        built = 0.9 * built + 0.1 * building[t] / usual
        aware[t], considered[t], brand[t] = 0.5 * (built - 1) + u[t], known + v[t], sold
    np.testing.assert_allclose(found.shares["awareness"], expit(logit(0.45) + aware), rtol=1e-10)
    np.testing.assert_allclose(found.shares["consideration"], expit(logit(0.22) + considered), rtol=1e-10)
    np.testing.assert_allclose(found.part, brand, rtol=1e-9, atol=1e-9)


def test_the_long_run_effect_of_a_dollar_is_the_stated_one():
    """A dollar more in one week, whatever else is spent, against the same world without it."""
    spend = np.random.default_rng(6).gamma(2, 1, (WEEKS, 2, 2))
    population = (3.0, 5.0)
    more = spend.copy()
    more[500, 1, 0] += 1.0  # before the calibration window, which sets what is usual
    before, after = (brand_of(media, population=population) for media in (spend, more))
    change = (after.part - before.part) * sum(population)
    contributed = (after.contribution - before.contribution).sum(axis=(1, 2))
    np.testing.assert_allclose(change, contributed, atol=1e-10)
    np.testing.assert_allclose(contributed[:500], 0, atol=1e-12)
    np.testing.assert_allclose(change[500:600], after.long_run_roi[0] * response(100), atol=1e-9)
    assert change.sum() == pytest.approx(after.long_run_roi[0], rel=1e-9)
    assert response(600).sum() == pytest.approx(1)
    assert response(3) == pytest.approx([0, 0, 0.01])


def test_only_the_brand_part_sets_a_market_with_long_term_effects_apart():
    plain, builds = simulate_market("uk", 3), simulate_market("uk", 3, long_term=True)
    for part in ("spend", "contribution", "level", "seasonality", "holidays", "controls"):
        np.testing.assert_array_equal(plain.truth.weekly[part], builds.truth.weekly[part])
    assert not plain.truth.weekly["brand"].any()
    assert not plain.truth.weekly["brand_contribution"].any()
    assert [channel.long_run_roi for channel in plain.truth.channels] == [0.0] * 5
    gained = builds.truth.weekly["revenue"] - plain.truth.weekly["revenue"]
    np.testing.assert_allclose(
        gained, builds.truth.weekly["brand"], atol=0.02
    )  # whole pence of a week's rate


def test_the_total_effect_is_what_revenue_loses_without_the_channel(market):
    """Short term by the truth's own replay, long term by the chain written out again, week after week."""
    truth = market.truth
    weekly = truth.weekly
    people = (weekly["population"] / weekly["population"].sum()).values
    for channel in truth.channels[:2] + truth.channels[-1:]:
        lost = truth.without(channel.channel)
        spend = weekly["spend"].sel(channel=channel.channel).sum("geo").values
        plan = weekly["spend"].copy(deep=True)
        plan.loc[{"channel": channel.channel}] = 0.0
        np.testing.assert_allclose(
            lost["short"], weekly["contribution"] - truth.contribution(plan), atol=1e-6
        )
        # The brand's chain by hand: what the spend of each week adds to awareness, to consideration, to sales.
        aware = considered = sold = 0.0
        for t in range(market.window.weeks):
            sold = 0.5 * sold + 0.5 * considered
            considered = 0.8 * considered + 0.2 * aware
            aware = 0.9 * aware + 0.1 * spend[t]
            expected = channel.long_run_roi * sold * people
            np.testing.assert_allclose(
                lost["long"].sel(channel=channel.channel).values[:, t], expected, atol=1e-6
            )
        total = weekly["revenue"] - lost["revenue"]
        np.testing.assert_allclose(total, (lost["short"] + lost["long"]).sum("channel"), atol=1e-6)
        np.testing.assert_allclose(lost["long"].drop_sel(channel=channel.channel), 0, atol=1e-9)


def test_the_roi_by_horizon_is_what_a_dollar_brings_within_it(market):
    truth = market.truth
    plan = truth.weekly["spend"].copy(deep=True)
    plan.loc[{"channel": "tv"}][0, 20] += 1.0
    gained = -truth.counterfactual(plan)["long"].sel(channel="tv").sum("geo").values
    for horizon in (0, 13, 52):
        assert truth.long_term_roi(horizon)["tv"] == pytest.approx(gained[20 : 21 + horizon].sum(), abs=1e-6)
    assert truth.long_term_roi(500)["tv"] == pytest.approx(truth.channel("tv").long_run_roi)


def test_a_lift_test_counts_what_comes_by_way_of_the_brand_in_its_weeks(market):
    plain = lift_tests(simulate_market(market.name, 7)).set_index("test_id")
    builds = lift_tests(market).set_index("test_id")
    ratio = builds["true_incremental_outcome"] / plain["true_incremental_outcome"]
    assert (ratio > 1).all()
    assert ratio.max() < 1.2
