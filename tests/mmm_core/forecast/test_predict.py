"""Forecasts under a plan: against the parts they are made of, and what a plan is refused for."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mmm_core.errors import InputError
from mmm_core.forecast.predict import predict, predictive_draws
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import (
    FAMILY,
    SPEC,
    adstocked,
    family_spec,
    hill,
    panel_spec,
    posterior,
    weekly_table,
)

AHEAD = 8
PATH = ["tv_spend", "search_clicks", "sends"]


def media_effect(tree, path):
    """What each channel adds under an exposure path, (draw, geo, media_week, channel)."""
    fitted = Posterior.of(tree)
    return fitted.media.effect(fitted.media_parameters(), path)


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
    media = np.asarray(media_effect(tree, path))[:, 0, -AHEAD:].sum(-1)
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
    with pytest.raises(
        InputError, match=r"geo 'N' .at positions .* is the model's 'n' but for capitals or blanks"
    ):
        predict(tree, plan.replace({"geo": {"n": "N "}}))
    with pytest.raises(InputError, match=r"column geo: 'n' .* and 'N' .* differ in capitals or blanks alone"):
        predict(tree, pd.concat([plan, plan.replace({"geo": {"n": "N"}})]))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda p: p.iloc[1:], "must follow the fitted ones"),
        (lambda p: p.drop(index=p.index[3]), "missing weeks 2025-04-14: add a row for each"),
        (lambda p: pd.concat([p, p.iloc[[2]]]), "one row for every week"),
        (lambda p: p.drop(columns="tv_spend"), "column tv_spend of channel tv is missing"),
        (lambda p: p.assign(tv_spend=-1.0), "negative media"),
        (lambda p: p.assign(tv_spend=np.nan), "column tv_spend: a number is missing in weeks 2025-03-24"),
        (lambda p: p.assign(tv_spend="12k"), "column tv_spend: not a number in weeks 2025-03-24.*'12k'"),
        (lambda p: p.assign(tv_spend=np.inf), "a number is missing"),
        (
            lambda p: p.rename(columns={"price": "prices"}),
            "column prices is not one of .* did you mean 'price'",
        ),
        (lambda p: p.rename(columns={"search_clicks": "search_click"}), "did you mean 'search_clicks'"),
        (lambda p: p.drop(columns="week_start"), "column week_start is missing"),
        (lambda p: p.assign(week_start="x"), "not a date"),
    ],
)
def test_bad_plans_are_refused(split, spoil, says):
    fitted, plan = split
    with pytest.raises(InputError, match=says):
        predict(posterior(table=fitted), spoil(plan))


WITH_REACH = family_spec(
    baseline={}, likelihood="normal", treatments={}, media={**FAMILY["media"], "pooling": None}
)


def test_reach_saturates_by_frequency_then_carries_over(split):
    """adstock(reach * Hill(frequency)) by the definition, from history into the plan."""
    fitted, plan = split
    tree = posterior(
        WITH_REACH, fitted, draws=1, chains=1, sigma=0, tau=0, alpha=0.4, half_saturation=0.8, slope=2.0
    )
    more = plan.assign(video_frequency=plan["video_frequency"] * 1.5, video_reach=plan["video_reach"] * 2)
    gain = (predictive_draws(tree, more)[0] - predictive_draws(tree, plan)[0]).to_numpy()[0, 0]
    data = tree["constant_data"].sel(channel="video")
    unit = float(data["media_scale"]), float(data["frequency_scale"])

    def response(weeks):
        both = pd.concat([fitted, weeks])
        reach = both["video_reach"].to_numpy() / unit[0]
        frequency = np.where(reach > 0, both["video_frequency"].to_numpy() / unit[1], 0)
        return adstocked(reach * hill(frequency, 0.8, 2.0), 0.4, 4)[-AHEAD:]

    coefficient = float(tree["posterior"]["coefficient"].sel(channel="video").squeeze())
    expected = coefficient * float(data["kpi_scale"]) * (response(more) - response(plan))
    np.testing.assert_allclose(gain, expected, rtol=1e-5)


def test_spend_buys_reach_at_the_recent_price_and_frequency(split):
    fitted, plan = split
    tree = posterior(WITH_REACH, fitted)
    by_spend = predict(tree, plan.drop(columns=["video_reach", "video_frequency"]))
    recent = fitted.tail(13)
    price = recent["video_spend"].sum() / recent["video_reach"].sum()
    usual = (recent["video_reach"] * recent["video_frequency"]).sum() / recent["video_reach"].sum()
    assert by_spend.attrs["assumed"] == [
        f"video: video_reach at {price:.4g} of spend each",
        f"video: video_frequency as in the last 13 fitted weeks, {usual:.4g}",
    ]
    stated = plan.assign(video_reach=plan["video_spend"] / price, video_frequency=usual)
    np.testing.assert_allclose(by_spend["mean"], predict(tree, stated)["mean"], rtol=1e-6)
    with pytest.raises(InputError, match="column video_frequency: not above 0 where people are reached"):
        predict(tree, plan.assign(video_reach=10.0, video_frequency=0.0))


def test_a_time_varying_effect_stays_where_it_was(split):
    fitted, plan = split
    spec = {**SPEC, "media": {**SPEC["media"], "defaults": {"adstock": {"l_max": 4}, "time_varying": {}}}}
    drift = np.ones((len(fitted) - 4, 3))
    drift[:-1] = 7.0
    drift[-1] = [2.0, 0.5, 1.0]
    same = {"sigma": 0, "tau": 0, "draws": 1, "chains": 1}
    plain, drifted = posterior(SPEC, fitted, **same), posterior(spec, fitted, multiplier=drift, **same)
    for name in plain["posterior"].data_vars:  # the optional variables shift the random numbers
        drifted["posterior"][name] = plain["posterior"][name]
    path = pd.concat([fitted, plan])[PATH].to_numpy()[None]
    media = np.asarray(media_effect(plain, path))[0, 0, -AHEAD:]
    gain = (predictive_draws(drifted, plan)[0] - predictive_draws(plain, plan)[0]).to_numpy()[0, 0]
    np.testing.assert_allclose(gain, media @ (drift[-1] - 1), rtol=1e-5)


def part_of(term, spec, fitted, plan):
    """What a term with a coefficient of 1 adds in the plan's weeks, in scaled units."""
    tree = posterior(spec, fitted, draws=1, chains=1, sigma=0, tau=0)
    with_it = tree.copy(deep=True)
    with_it["posterior"]["fixed_effect"].loc[{"term": term}] += 1.0
    gain = (predictive_draws(with_it, plan)[0] - predictive_draws(tree, plan)[0]).to_numpy()[0, 0]
    return gain / float(tree["constant_data"]["kpi_scale"])


DATED = {
    **SPEC,
    "baseline": {
        "slope": "constant",
        "holidays": {"country": "US", "names": ["Memorial Day"], "window": [-1, 0]},
        "events": {"sale": ["2024-06-03", "2025-05-01"]},
        "steps": {"new_shop": "2024-09-04"},
    },
}


@pytest.mark.parametrize(
    ("term", "weeks"),
    [
        ("Memorial Day", [0] * 4 + [1] + [0] * 3),  # 26 May 2025, in the fifth week
        ("Memorial Day -1w", [0] * 3 + [1] + [0] * 4),
        ("sale", [1] + [0] * 7),
        ("new_shop", [1] * 8),
    ],
)
def test_dated_terms_go_on_by_date(term, weeks):
    table = weekly_table(77)
    plan, fitted = table.iloc[69:], table.iloc[:69]  # 28 April to 16 June 2025
    np.testing.assert_allclose(part_of(term, DATED, fitted, plan), weeks, atol=1e-9)


def test_the_trend_goes_on_at_its_slope(split):
    fitted, plan = split
    steps = np.arange(len(fitted) - 4)
    ahead = len(steps) + np.arange(AHEAD)
    np.testing.assert_allclose(
        part_of("trend", DATED, fitted, plan), (ahead - steps.mean()) / steps.std(), rtol=1e-6
    )


def test_treatments_come_from_the_plan_and_stay_as_they_were_where_it_leaves_them_out(split):
    fitted, plan = split
    spec = {**SPEC, "treatments": {"promotion": {"column": "promotion_share", "baseline": "zero"}}}
    sd = fitted["promotion_share"][4:].std(ddof=0)
    np.testing.assert_allclose(
        part_of("promotion", spec, fitted, plan), plan["promotion_share"] / sd, rtol=1e-6
    )
    held = fitted["promotion_share"].tail(13).mean()
    without = plan.drop(columns="promotion_share")
    np.testing.assert_allclose(part_of("promotion", spec, fitted, without), held / sd, rtol=1e-6)
    notes = predict(posterior(spec, fitted), without).attrs["assumed"]
    assert notes == ["promotion: held at its mean of the last 13 fitted weeks"]


MANY = {"draws": 500, "chains": 2}


def test_a_moving_slope_goes_on_as_the_random_walk_it_was(split):
    """Level after h weeks: h times the last slope; variance h tau^2 + tau_slope^2 (1^2 + ... + h^2)."""
    fitted, plan = split
    spec = {**SPEC, "baseline": {"slope": "random_walk"}}
    slope = np.append(np.full(len(fitted) - 5, 9.0), 0.5)
    known = {"level": 0.0, "slope_path": slope, "tau": 0.3, "tau_slope": 0.2, "sigma": 0, "fixed_effect": 0.0}
    tree = posterior(spec, fitted, coefficient=0.0, **known, **MANY)
    level = predictive_draws(tree, plan)[0].to_numpy()[:, 0] / float(tree["constant_data"]["kpi_scale"])
    h = np.arange(1, AHEAD + 1)
    sd = np.sqrt(h * 0.3**2 + 0.2**2 * np.cumsum(h**2))
    np.testing.assert_allclose(level.mean(0), 0.5 * h, atol=4 * sd.max() / np.sqrt(1000))
    np.testing.assert_allclose(level.std(0), sd, rtol=0.1)


def test_heavy_tailed_noise_stays_heavy_tailed(split):
    fitted, plan = split
    known = {"level": 0.0, "tau": 0.0, "sigma": 0.7, "fixed_effect": 0.0, "coefficient": 0.0}
    tree = posterior({**SPEC, "likelihood": "student_t"}, fitted, nu=3.0, **known, **MANY)
    noise = predictive_draws(tree, plan)[0].to_numpy().ravel() / float(tree["constant_data"]["kpi_scale"])
    assert stats.kstest(noise, stats.t(3, scale=0.7).cdf).pvalue > 0.01
    assert stats.kstest(noise, stats.norm(scale=noise.std()).cdf).pvalue < 0.001


def test_a_log_kpi_is_forecast_in_its_own_units():
    """Population times the exponential of the linear predictor, geo by geo."""
    table = weekly_table(72, geos=("n", "s"))
    weeks = sorted(table["week_start"].unique())
    fitted, plan = table[table["week_start"] < weeks[-AHEAD]], table[table["week_start"] >= weeks[-AHEAD]]
    spec = panel_spec(kpi={"column": "revenue", "scale": "log"})
    effects = np.zeros((2, 6))
    tree = posterior(
        spec, fitted, coefficient=0.0, tau=0.0, sigma=0.5, level=0.0, fixed_effect=effects, **MANY
    )
    data = tree["constant_data"]
    draws = predictive_draws(tree, plan)[0]
    scaled = np.log(draws / data["population"]) / float(data["kpi_scale"])
    assert stats.kstest(scaled.to_numpy().ravel(), stats.norm(scale=0.5).cdf).pvalue > 0.01
    effects[:, 0] = data["kpi_centre"]
    tree = posterior(spec, fitted, coefficient=0.0, tau=0.0, sigma=0.0, level=0.0, fixed_effect=effects)
    medians = fitted.groupby("geo")["revenue"].apply(lambda kpi: kpi[4:].median())
    np.testing.assert_allclose(
        predict(tree, plan)["median"], np.tile(medians.to_numpy()[:, None], AHEAD), rtol=0.01
    )


def test_media_multiply_a_log_kpi(split):
    fitted, plan = split
    tree = posterior({**SPEC, "kpi": {"column": "revenue", "scale": "log"}}, fitted, sigma=0, tau=0)
    paused = plan.assign(**dict.fromkeys(PATH, 0.0))
    ratio = predictive_draws(tree, plan)[0] / predictive_draws(tree, paused)[0]
    history = fitted[PATH].to_numpy()

    def effect(weeks):
        path = np.concatenate([history, weeks[PATH].to_numpy()])[None]
        return np.asarray(media_effect(tree, path))[:, :, -AHEAD:].sum(-1)

    np.testing.assert_allclose(np.log(ratio), effect(plan) - effect(paused), atol=1e-6)
    assert (ratio > 1).any()


def test_everything_at_once_is_forecast():
    table = weekly_table(72, geos=("n", "s"))
    weeks = sorted(table["week_start"].unique())
    fitted, plan = table[table["week_start"] < weeks[-AHEAD]], table[table["week_start"] >= weeks[-AHEAD]]
    tree = posterior(family_spec(geo={"column": "geo", "population": "population"}), fitted)
    out = predict(tree, plan)
    assert all(np.isfinite(out[name]).all() for name in out)
    assert out.attrs["assumed"] == []


def test_further_columns_of_a_weekly_table_do_no_harm(split):
    fitted, plan = split
    tree = posterior(table=fitted)
    more = plan.assign(weather=1.0, tv_spend_last_year=3.0)
    np.testing.assert_array_equal(predict(tree, more)["mean"], predict(tree, plan)["mean"])


def test_the_window_of_the_specification_is_respected():
    spec = parse_spec({**SPEC, "time": {"to": "2025-02-03"}})
    tree = posterior(spec=spec, table=weekly_table(72))
    assert str(tree["constant_data"]["week"].to_numpy()[-1])[:10] == "2025-02-03"


def test_a_forecast_far_outside_anything_seen_says_so(split):
    fitted, plan = split
    quiet = predict(posterior(table=fitted), plan)
    assert quiet.attrs["outside"] == ""
    assert not quiet["far_outside"].any()
    wild = predict(posterior(table=fitted, tau=50.0), plan)
    assert wild["far_outside"].any()
    assert "far outside anything seen in" in wild.attrs["outside"]
