"""Media after the horizon: plans are worth what they bring where media go on, and do not pile up at the end."""

import jax
import numpy as np
import pytest

from mmm_core.budget.decide import decide
from mmm_core.budget.question import question
from mmm_core.inference.fit import fit
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, hill, panel_spec, posterior, weekly_table

TV = {**SPEC, "media": {**SPEC["media"], "channels": {"tv": {"spend": "tv_spend"}}, "organic": {}}}
WEEKS, TAIL = 3, 4


def steady(alpha=0.6, half_saturation=0.7):
    """One channel that spends 100 in every week, one draw, a concave curve."""
    table = weekly_table().assign(tv_spend=100.0)
    known = {"alpha": alpha, "half_saturation": half_saturation, "slope": 1.0}
    return posterior(TV, table, draws=1, chains=1, **known)


def of_weeks(tree, after):
    return decide(tree, Budget(weeks=WEEKS, by="week", after=after, bounds={"tv": [0, 1]}))


def test_where_media_are_steady_the_best_plan_of_weeks_is_to_go_on():
    """By hand: every week's marginal is the sum over lags of weight x slope at one argument, the same for all weeks.

    With a concave curve that is the optimum. What it brings: with 1 in every week adstock is 1; without the horizon's
    weeks it is 1 less the weights of the lags that fall into them.
    """
    found = of_weeks(steady(), "continue")
    np.testing.assert_allclose(found.cells["recommended_spend"], 100.0, rtol=1e-4)
    assert found.gain == pytest.approx(0.0, abs=1e-6 * found.current_outcome)
    assert found.certificate.gap < 1e-6
    weights = 0.6 ** np.arange(TAIL + 1) / (0.6 ** np.arange(TAIL + 1)).sum()
    missing = [weights[max(t - WEEKS + 1, 0) : t + 1].sum() for t in range(WEEKS + TAIL)]
    tree = steady()
    ceiling = float(tree["posterior"]["coefficient"].squeeze()) * float(tree["constant_data"]["kpi_scale"])
    by_hand = ceiling * (hill(1.0, 0.7, 1.0) - hill(1.0 - np.array(missing), 0.7, 1.0)).sum()
    assert found.current_outcome == pytest.approx(by_hand, rel=1e-9)


def test_where_nothing_follows_the_last_week_is_worth_the_most():
    found = of_weeks(steady(), "none")
    first, *_, last = found.cells["recommended_spend"]
    assert last > 1.2 * first
    assert found.gain > 0


def replayed(tree, plan, weeks, goes_on):
    """(draw,) what the model's own replay says that paid media of a plan (geo, week, channel) bring, and the after."""
    handle = Posterior.of(tree)
    predictor = handle.predictor(handle.thinned(1000))
    media = predictor.exposure[:, -weeks:]
    later = media[:, np.arange(max(predictor.media.layout.l_max)) % weeks] * goes_on
    path = np.concatenate([media, later], axis=1)
    path[:, :weeks, : plan.shape[-1]] = plan
    return predictor.media_terms_ahead(slice(None), path)[..., : plan.shape[-1]].sum(axis=(1, 2, 3))


def media_of(tree, cells, weeks, by):
    """Media (geo, week, paid channel) that a plan's cells buy at the prices of the weeks that come again."""
    data = tree["constant_data"].to_dataset()
    spend, media = (data[name].to_numpy()[:, -weeks:, :2] for name in ("spend", "exposure"))
    out = media.copy()
    for i, channel in enumerate(("tv", "search")):
        planned = cells[cells["channel"] == channel]["recommended_spend"].to_numpy()
        whole = media[..., i].sum() / spend[..., i].sum()
        if by == "week":
            price = np.where(spend[..., i] > 0, media[..., i] / np.maximum(spend[..., i], 1e-300), whole)
            out[..., i] = price * planned
        elif by == "geo":
            out[..., i] *= (planned / spend[..., i].sum(axis=1))[:, None]
        else:
            out[..., i] *= planned / spend[..., i].sum()
    return out


@pytest.fixture(scope="module")
def fitted():
    spec = parse_spec({**SPEC, "fit": {"chains": 1, "warmup": 100, "draws": 100}})
    return fit(weekly_table(), spec)


@pytest.mark.slow
@pytest.mark.parametrize("after", ["continue", "none"])
@pytest.mark.parametrize("by", ["channel", "week"])
def test_the_gain_that_a_fitted_model_claims_is_what_happens(fitted, by, after):
    budget = Budget(
        weeks=6, by=by, after=after, bounds={"default": (0.5, 1.5)}, objective={"cvar": {"level": 0.5}}
    )
    found = decide(fitted, budget)
    plans = [
        media_of(fitted, found.cells, 6, by),
        media_of(fitted, found.cells.assign(recommended_spend=found.cells["current_spend"]), 6, by),
    ]
    happens = [replayed(fitted, plan, 6, after == "continue") for plan in plans]
    assert found.gain == pytest.approx((happens[0] - happens[1]).mean(), rel=1e-8)


@pytest.mark.slow
def test_by_geo_too_a_plan_is_worth_what_happens_where_media_go_on():
    tree = posterior(panel_spec(), weekly_table(geos=("north", "south")), draws=5)
    found = decide(tree, Budget(weeks=6, by="geo", bounds={"default": (0.5, 1.5)}))
    nothing = np.zeros((2, 6, 2))
    brought = replayed(tree, media_of(tree, found.cells, 6, "geo"), 6, True) - replayed(
        tree, nothing, 6, True
    )
    assert found.recommended_outcome == pytest.approx(brought.mean(), rel=1e-8)


@pytest.mark.slow
def test_a_plan_made_as_if_nothing_followed_claims_a_gain_that_is_not_there():
    """Long carryover: the plan that piles up at the end is worse, where media go on, than one that reckons with it."""
    tree = posterior(draws=5, alpha=0.8, half_saturation=0.5, slope=1.0)
    asked = {"weeks": 4, "by": "week", "bounds": {"default": (0.5, 1.5)}}
    piled, going = (decide(tree, Budget(**asked, after=after)) for after in ("none", "continue"))
    with jax.enable_x64(True):
        problem = question(tree, Budget(**asked)).problem
        now = problem.draws(problem.start).mean()
        happens = problem.draws(piled.answer.spend).mean() - now
    assert happens < 0.7 * piled.gain
    assert happens <= going.gain
    last = [found.cells.groupby("week")["recommended_spend"].sum().loc[4] for found in (piled, going)]
    assert last[0] > last[1]


def test_a_plain_question_keeps_what_is_said_of_media_after_it():
    asked = Budget(weeks=6, after="none", objective={"cvar": {"level": 0.5}})
    assert asked.on_curves() == Budget(weeks=6, after="none")
    assert asked.beyond_curves == ("objective",)
    kept = {"weeks": 6, "discount": 0.1, "price_rise": {"tv": 0.5}, "horizon": "long"}
    radio = {"spend": 300.0, "roi": 1.5, "bounds": {"spend": [0, 600]}}
    new = Budget(**kept, new_channels={"radio": radio}, commitments={"radio": 9.0}, goal={"roi": 2})
    assert new.on_curves() == Budget(**kept)
    assert new.beyond_curves == ("goal", "new_channels")
    assert Budget(after="none").asks_more == ()
