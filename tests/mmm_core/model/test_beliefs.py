"""Beliefs about effects: the common prior against its definition, by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm_core.data.arrays import model_data
from mmm_core.errors import InputError
from mmm_core.model.beliefs import adds_up, effect_beliefs, lognormal_of, window_outcome, window_spend
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, weekly_table


def beliefs(table=None, holdout_weeks=0, **changes):
    spec = parse_spec({**SPEC, **changes})
    data = model_data(weekly_table() if table is None else table, spec, holdout_weeks=holdout_weeks)
    return effect_beliefs(spec, data), data


def test_stated_priors_are_passed_on_in_the_order_of_the_channels():
    media = {
        "channels": {
            "tv": {"spend": "tv_spend", "prior": {"mroi": {"lognormal": [0, 1]}}},
            "search": {"spend": "search_spend", "prior": {"coefficient": {"halfnormal": [2]}}},
        },
        "organic": {"newsletter": {"exposure": "sends"}},
    }
    stated, _ = beliefs(media=media)
    assert [belief.kind for belief in stated] == ["mroi", "coefficient", "contribution"]
    assert [belief.prior.family for belief in stated] == ["lognormal", "halfnormal", "lognormal"]


@pytest.mark.parametrize(("mean", "sd"), [(2.0, 0.5), (0.1, 0.3), (5.0, 10.0)])
def test_a_lognormal_has_the_mean_and_sd_it_is_asked_for(mean, sd):
    frozen = lognormal_of(mean, sd).frozen()
    assert (frozen.mean(), frozen.std()) == pytest.approx((mean, sd))


def test_the_common_prior_makes_all_paid_media_bring_the_stated_share():
    """Drawn from, channels independent, their sum has the mean and sd of `total_share`."""
    media = {**SPEC["media"], "defaults": {"prior": {"total_share": {"mean": 0.3, "sd": 0.1}}}}
    both, data = beliefs(media=media, kpi={"column": "orders", "kind": "non_revenue"})
    assert [belief.kind for belief in both] == ["roi", "roi", "contribution"]
    assert both[0].prior == both[1].prior
    spend, outcome = window_spend(data).sum(0), window_outcome(data).sum()
    rng = np.random.default_rng(0)
    rois = np.stack([belief.prior.frozen().rvs(200_000, random_state=rng) for belief in both[:2]], axis=-1)
    share = rois @ spend / outcome
    assert share.mean() == pytest.approx(0.3, rel=0.01)
    assert share.std() == pytest.approx(0.1, rel=0.02)


def test_units_nobody_can_price_have_the_common_prior_unless_another_is_stated():
    kpi = {"column": "orders", "kind": "non_revenue"}
    by_default, _ = beliefs(kpi=kpi)
    table = weekly_table().assign(orders=lambda rows: rows["orders"] * 50)
    rescaled, _ = beliefs(table, kpi=kpi)
    ratio = rescaled[0].prior.frozen().mean() / by_default[0].prior.frozen().mean()
    assert ratio == pytest.approx(50)  # the belief is in units of the KPI
    media = {**SPEC["media"], "defaults": {"prior": {"roi": {"lognormal": [-3, 1]}}}}
    stated, _ = beliefs(kpi=kpi, media=media)
    assert stated[0].prior.parameters == (-3, 1)


def test_the_kpi_of_a_holdout_does_not_reach_a_prior():
    kpi = {"column": "orders", "kind": "non_revenue"}
    spoilt = weekly_table()
    spoilt.loc[spoilt.index[-6:], "orders"] = 1e6
    assert beliefs(kpi=kpi, holdout_weeks=6)[0] == beliefs(spoilt, kpi=kpi, holdout_weeks=6)[0]


def test_the_window_leaves_out_the_media_history():
    _, data = beliefs()
    table = weekly_table()
    np.testing.assert_allclose(window_spend(data)[0], table[["tv_spend", "search_spend"]][4:].sum())
    np.testing.assert_allclose(window_outcome(data), table["revenue"][4:].sum())


ON_COEFFICIENTS = {"prior": {"coefficient": {"halfnormal": [1]}}}


def media_with(prior, organic=None):
    organic = organic or {"exposure": "sends", **ON_COEFFICIENTS}
    return {**SPEC["media"], "defaults": {"prior": prior}, "organic": {"newsletter": organic}}


@pytest.mark.parametrize("mean", [-20.0, 5.0])
def test_no_share_is_believed_in_of_an_outcome_that_does_not_add_up(mean):
    table = weekly_table().assign(revenue=lambda rows: rows["revenue"] - rows["revenue"][8:].mean() + mean)
    total = table["revenue"][8:].sum()
    stated = {
        "contribution": (media_with({"contribution": {"lognormal": [-2.5, 0.7]}}), {}),
        "total_share": (media_with({"total_share": {}}), {}),
        "newsletter (contribution)": (media_with({"roi": {"lognormal": [0, 1]}}, {"exposure": "sends"}), {}),
        "promotion (contribution)": (
            media_with({"roi": {"lognormal": [0, 1]}}),
            {"promotion": {"column": "promotion_share", "prior": {"contribution": {"normal": [0, 0.1]}}}},
        ),
    }
    for name, (media, treatments) in stated.items():
        with pytest.raises(InputError) as refusal:
            beliefs(table, media=media, treatments=treatments)
        assert f"kpi.column revenue sums to {total:,.0f} over the modelled weeks" in str(refusal.value)
        assert name in str(refusal.value)
        assert "state roi or coefficient" in str(refusal.value)
        beliefs(media=media, treatments=treatments)  # of what adds up, it is believed in
    beliefs(table, media=media_with({"roi": {"lognormal": [0, 1]}}))


def test_where_every_geo_has_the_stated_priors_each_must_add_up():
    table = weekly_table(geos=("a", "b"))
    table.loc[table["geo"] == "a", "revenue"] -= 1200
    geo = {"column": "geo", "population": "population", "pooling": "none"}
    share = media_with({"contribution": {"lognormal": [-2.5, 0.7]}})
    with pytest.raises(InputError, match=r"kpi\.column revenue of geo a sums to"):
        beliefs(table, media=share, geo=geo)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_an_outcome_adds_up_where_losses_are_a_third_of_gains_at_most(weekly):
    gained, lost = sum(x for x in weekly if x > 0), -sum(x for x in weekly if x < 0)
    assert adds_up(np.array([*weekly, np.nan])) == (gained > 0 and 3 * lost <= gained * (1 + 1e-12)) or (
        abs(3 * lost - gained) < 1e-9 * gained
    )
