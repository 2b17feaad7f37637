"""Forecasts under a plan: against the parts they are made of, and what a plan is refused for."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.errors import InputError
from mmm_core.media import media_effect, media_parameters
from mmm_core.predict import predict, predictive_draws
from mmm_core.spec import parse_spec
from tests.mmm_core.posteriors import SPEC, panel_spec, posterior, weekly_table

AHEAD = 8


@pytest.fixture(scope="module")
def split():
    table = weekly_table(72)
    return table.iloc[:-AHEAD], table.iloc[-AHEAD:].drop(columns=["revenue", "orders"])


def test_without_noise_it_is_media_level_and_terms(split):
    fitted, plan = split
    tree = posterior(table=fitted, sigma=1e-9, tau=1e-9)
    draws, assumed = predictive_draws(tree, plan)
    assert assumed == []
    path = np.concatenate(
        [
            tree["constant_data"]["exposure"].to_numpy()[0],
            plan[["tv_spend", "search_clicks", "sends"]].to_numpy(),
        ]
    )[None]
    media = np.asarray(media_effect(tree, media_parameters(tree), path))[:, 0, -AHEAD:].sum(-1)
    data, flat = tree["constant_data"], tree["posterior"].to_dataset().stack(s=("chain", "draw"))
    scale = float(data["kpi_scale"])
    base = flat["level"].isel(week=-1).to_numpy()[:, None] * scale
    rest = (draws.to_numpy()[:, 0] - media - base) / scale
    price = (plan["price"].to_numpy() - float(data["design_centre"].sel(term="price"))) / float(
        data["design_scale"].sel(term="price")
    )
    days = (pd.DatetimeIndex(plan["week_start"]) - pd.Timestamp("1970-01-05")).days.to_numpy() / 7
    waves = [f(2 * np.pi * k * days / 52.18) for k in (1, 2) for f in (np.sin, np.cos)]
    expected = np.column_stack([np.ones(AHEAD), price, *waves]) @ flat["fixed_effect"].isel(geo=0).to_numpy()
    np.testing.assert_allclose(rest, expected.T, atol=1e-6)


def test_uncertainty_grows_with_the_horizon(split):
    fitted, plan = split
    wide = predict(posterior(table=fitted, draws=500, tau=0.5, level=np.zeros(60), fixed_effect=0.0), plan)
    sd = wide["sd"].to_numpy()[0]
    assert sd[-1] > 1.5 * sd[0]
    assert (wide["q05"] < wide["median"]).all()
    assert (wide["median"] < wide["q95"]).all()


def test_more_spend_sells_more_and_pausing_sells_less(split):
    fitted, plan = split
    tree = posterior(table=fitted)
    base = predict(tree, plan)["mean"]
    assert (predict(tree, plan.assign(tv_spend=plan["tv_spend"] * 2 + 50))["mean"] > base).all()
    assert predict(tree, plan.assign(tv_spend=0.0))["mean"].sum() < base.sum()


def test_spend_alone_buys_impressions_at_the_recent_price(split):
    fitted, plan = split
    tree = posterior(table=fitted)
    by_spend = predict(tree, plan.drop(columns=["search_clicks", "price"]))
    assert any("search: search_clicks at 0.4 of spend each" in note for note in by_spend.attrs["assumed"])
    assert any(note.startswith("price: held") for note in by_spend.attrs["assumed"])
    held = float(fitted["price"].tail(13).mean())
    np.testing.assert_allclose(by_spend["mean"], predict(tree, plan.assign(price=held))["mean"], rtol=1e-6)


def test_a_panel_is_predicted_by_geo():
    table = weekly_table(64, geos=("n", "s"))
    weeks = sorted(table["week_start"].unique())
    fitted, plan = table[table["week_start"] < weeks[-4]], table[table["week_start"] >= weeks[-4]]
    tree = posterior(spec=parse_spec(panel_spec()), table=fitted)
    out = predict(tree, plan.sample(frac=1, random_state=0))
    assert dict(out.sizes) == {"geo": 2, "week": 4}
    np.testing.assert_allclose(out["mean"], predict(tree, plan)["mean"])
    with pytest.raises(InputError, match="geos left out: s"):
        predict(tree, plan[plan["geo"] == "n"])
    with pytest.raises(InputError, match="column geo is missing"):
        predict(tree, plan.drop(columns="geo"))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda p: p.iloc[1:], "must follow the fitted ones"),
        (lambda p: p.drop(index=p.index[3]), "must follow the fitted ones"),
        (lambda p: pd.concat([p, p.iloc[[2]]]), "one row for every week"),
        (lambda p: p.drop(columns="tv_spend"), "column tv_spend of channel tv is missing"),
        (lambda p: p.assign(tv_spend=-1.0), "negative media"),
        (lambda p: p.assign(tv_spend=np.nan), "a number is missing"),
        (lambda p: p.drop(columns="week_start"), "column week_start is missing"),
        (lambda p: p.assign(week_start="x"), "not a date"),
    ],
)
def test_bad_plans_are_refused(split, spoil, says):
    fitted, plan = split
    with pytest.raises(InputError, match=says):
        predict(posterior(table=fitted), spoil(plan))


def test_the_window_of_the_specification_is_respected():
    spec = parse_spec({**SPEC, "time": {"to": "2025-02-03"}})
    tree = posterior(spec=spec, table=weekly_table(72))
    assert str(tree["constant_data"]["week"].to_numpy()[-1])[:10] == "2025-02-03"
