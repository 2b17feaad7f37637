"""The long-term stage: from a posterior and a brand tracker to its tables, and what it refuses."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mmm_core.effects.contributions import baseline_groups
from mmm_core.effects.roi import roi_draws
from mmm_core.errors import DamagedFile, InputError
from mmm_core.long_term import checks as checking
from mmm_core.long_term import tables
from mmm_core.long_term.base import measured_base
from mmm_core.long_term.multipliers import long_run_multipliers
from mmm_core.long_term.returns import long_term_roi
from mmm_core.long_term.settings import minnesota
from mmm_core.long_term.stage import (
    LongTerm,
    brand_states,
    fit_long_term,
    skip_reason,
    spend_of,
)
from mmm_core.long_term.stored import load_long_term, save_long_term
from mmm_core.long_term.waves import surveys_of, waves
from mmm_core.long_term.worth import worth_of_base
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.baseline_spec import BASELINE
from mmm_core.spec.long_term_spec import LongTermRule
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.long_term.surveyed import monthly
from tests.mmm_core.posteriors import SPEC, panel_spec, posterior, weekly_table

METRICS = ["awareness", "consideration"]
LEFT_OUT = ["2025-01-01", "2025-02-01", "2025-03-01"]
RULE = {
    "metrics": METRICS,
    "draws": 100,
    "lags": 1,
    "horizon": 26,
    "horizons": [13],
    "discount": 0.1,
    "trend": False,
}


def weeks_of(tree):
    return pd.DatetimeIndex(tree["constant_data/week"].to_numpy())


@pytest.fixture(scope="module")
def tree():
    return posterior({**SPEC, "long_term": RULE}, weekly_table(weeks=104), draws=60)


@pytest.fixture(scope="module")
def surveys(tree):
    return monthly(weeks_of(tree), leave_out=LEFT_OUT)


@pytest.fixture(scope="module")
def found(tree, surveys):
    return fit_long_term(tree, surveys, origin="small 12")


@pytest.fixture(scope="module")
def settled(surveys):
    """Enough draws for the width of an interval, week by week."""
    rule = {**RULE, "draws": 800, "seed": 1}
    tree = posterior({**SPEC, "long_term": rule}, weekly_table(weeks=104), draws=400)
    return fit_long_term(tree, surveys, checked=False)


def test_each_draw_has_the_base_and_the_short_term_return_of_one_draw_of_the_model(found, tree):
    places = found.draws["draw"].to_numpy()
    assert len(np.unique(places)) == 100
    base = measured_base(tree, 120).sel(draw=places)
    state = found.draws["observed"].sel(variable="base").to_numpy()
    off = (state - base["measured"].to_numpy()) / base["sd"].to_numpy()
    assert abs(off.mean()) < 0.1  # noise of known size about the states
    assert 0.5 < off.std() < 1.1
    assert np.allclose(
        found.short_roi, roi_draws(tree)["roi"].isel(draw=places).sel(channel=["tv", "search"])
    )


def test_a_posterior_of_fewer_draws_than_are_asked_for_is_told(tree, surveys):
    few = fit_long_term(
        tree, surveys, LongTermRule.model_validate({**RULE, "draws": 500}), origin="small 12", checked=False
    )
    assert "long_term.draws asks for 500: the posterior has 120" in few.notes


def test_of_several_lags_the_one_that_is_taken_is_said_with_the_odds_of_the_others(tree, surveys):
    rule = LongTermRule.model_validate({**RULE, "lags": [2, 1], "trend": "auto"})
    chosen = fit_long_term(tree, surveys, rule, checked=False)
    (trend,) = [note for note in chosen.notes if note.startswith("trend: ")]
    assert trend.startswith("trend: none; with a straight line") != (
        "trend" in chosen.draws["term"].to_numpy()
    )
    (said,) = [note for note in chosen.notes if note.startswith("lags: ")]
    odds = float(said.rsplit("(", 1)[1].rstrip(")"))
    assert 0 < odds <= 1
    assert said.startswith(f"lags: {chosen.draws.attrs['lags']}, which the data speak for most; beside it")


def test_a_trend_and_steps_are_in_every_equation_and_the_checks_know_them(tree, surveys):
    rule = LongTermRule.model_validate({**RULE, "trend": True, "steps": {"relaunch": "2024-09-04"}})
    grown = fit_long_term(tree, surveys, rule)
    assert list(grown.draws["term"].to_numpy()) == ["intercept", "trend", "relaunch"]
    assert grown.draws["deterministic"].sel(deterministic_term="relaunch").sum() == 104 - 35
    table = grown.checks()
    forecasts = table[table["check"] == "forecast"]
    assert set(forecasts["subject"]) == {*METRICS, "base"}
    assert (forecasts["value"] > 0).all()
    assert len(table[table["check"] == "stationarity"]) == 3


def test_a_variable_that_grows_by_itself_fails_its_check_until_a_trend_is_in_the_model(found):
    rng = np.random.default_rng(0)
    draws = found.draws.copy(deep=True)
    weeks = draws.sizes["observed_week"]
    draws["observed"][:] = (
        rng.standard_normal(draws["observed"].shape) + 0.1 * np.arange(weeks)[None, :, None]
    )
    tree = found.tree.copy()
    tree["bvar"] = xr.DataTree(draws)
    plain = LongTerm(tree)
    rows = pd.DataFrame(
        checking._stationary(plain), columns=["check", "subject", "value", "bound", "passed", "words"]
    )
    assert not rows["passed"].any()
    assert rows["words"].str.contains("compare a fit with long_term.trend: true").all()
    lined = draws.drop_dims("deterministic_term").assign(
        deterministic=(("week", "deterministic_term"), np.arange(draws.sizes["week"])[:, None] / 52)
    )
    with_trend = tree.copy()
    with_trend["bvar"] = xr.DataTree(lined.assign_coords(deterministic_term=["trend"]))
    assert all(row[4] for row in checking._stationary(LongTerm(with_trend)))


def test_what_nobody_could_compare_has_not_passed(found, tree, surveys, monkeypatch):
    seen = surveys_of(waves(surveys), METRICS, weeks_of(tree))
    base = measured_base(tree, 100).isel(week=slice(0, 25))
    (row,) = checking._forecast(base, seen, spend_of(Posterior.of(tree), found.rule), None, {}, 0)
    assert not row[4]
    assert "no forecasts were compared: 25 weeks are too few" in row[5]


def test_a_unit_of_base_is_worth_what_the_kpi_makes_of_it():
    """By brute force: every week's base raised a little, of a KPI whose logarithm is modelled."""
    spec = {**SPEC, "kpi": {"column": "orders", "scale": "log", "revenue_per_unit": "order_value"}}
    read = Posterior.of(posterior(spec, weekly_table(weeks=60), draws=10))
    predictor, price = read.predictor(), read.data["revenue_per_kpi"].to_numpy()

    def outcome(level):
        changed = replace(predictor, level=level)
        which = slice(0, predictor.draws)
        expected = changed.with_media(
            changed.expected(changed.baseline_terms(which), which), changed.media_terms(which)
        )
        terms = changed.baseline_terms(
            which, baseline_groups(list(read.data["term"].to_numpy()), read.spec)[BASELINE]
        )
        return (expected * price).sum((1, 2)), changed.expected(terms, which).sum((1, 2))

    before, after = outcome(predictor.level), outcome(predictor.level + 1e-6)
    brute = (after[0] - before[0]) / (after[1] - before[1])
    found = worth_of_base(read, np.arange(20))
    assert np.allclose(found, brute, rtol=1e-4)
    assert np.ptp(found) > 0
    assert not np.allclose(found, price.mean(), rtol=0.02)
    levels = Posterior.of(posterior(parse_spec({**spec, "kpi": {**spec["kpi"], "scale": "level"}}), draws=10))
    assert np.ptp(worth_of_base(levels, np.arange(20))) == 0


def test_sides_of_zero_are_not_told_of_the_draws_that_have_a_figure_alone(found):
    some = np.r_[np.ones(93), np.full(7, np.nan)]
    assert np.isnan(tables._figures(some, False)["positive"])
    assert tables._figures(np.r_[np.ones(96), np.full(4, np.nan)], False)["positive"] == 1.0


def test_a_unit_root_has_what_stays_for_good_and_a_wave_of_the_first_week(tree):
    """The first week is no row of a base whose change is modelled: a wave in it must not be missed afterwards."""
    weeks = weeks_of(tree)
    starts = weeks[[0, 40, 80]]
    few = pd.concat(
        pd.DataFrame(
            {
                "metric": name,
                "start": starts,
                "end": starts + pd.Timedelta(days=6),
                "share": share,
                "sample": 500,
            }
        )
        for name, share in (("awareness", [0.3, 0.33, 0.31]), ("consideration", [0.2, 0.21, 0.25]))
    )
    rule = LongTermRule.model_validate({**RULE, "unit_root": True})
    rooted = fit_long_term(tree, few, rule, checked=False)
    assert rooted.brand()["surveyed"].notna().sum() == 4
    table = rooted.roi()
    forever = table[table["effect"] == "permanent"].set_index("channel")
    assert "long_run" not in set(table["effect"])
    ends = long_run_multipliers(rooted.draws)["permanent"].sel(response="base", channel="tv")
    assert forever.loc["tv", "median"] == pytest.approx(float(ends.median()), rel=1e-6)
    assert forever.loc["tv", "horizon_weeks"] is pd.NA


def test_moments_that_a_few_draws_carry_are_left_out():
    draws = np.random.default_rng(0).normal(2, 1, 1000)
    assert tables._figures(draws, tables.MOST_SPREAD)["mean"] == pytest.approx(draws.mean())
    draws[:3] = 1e4  # as of draws whose effects hardly die out
    found = tables._figures(draws, tables.MOST_SPREAD)
    assert found["median"] == pytest.approx(np.median(draws))
    assert np.isnan([found["mean"], found["sd"]]).all()


def test_returns_add_up_and_are_those_of_the_draws(found):
    table = found.roi()
    whole = table[table["path"] == "all"].pivot(index="channel", columns="effect", values="mean")
    assert np.allclose(whole["short"] + whole["long"], whole["total"])
    paths = table[(table["effect"] == "long") & (table["path"] != "all")]
    assert set(paths["path"]) == {"direct", *METRICS}
    assert np.allclose(paths.groupby("channel")["mean"].sum(), whole["long"])
    drawn = long_term_roi(found.draws, horizon=26, discount=0.1).sel(channel="tv")
    row = table[(table["channel"] == "tv") & (table["effect"] == "long") & (table["path"] == "all")].iloc[0]
    assert row["median"] == pytest.approx(float(drawn.median()))
    assert (row["horizon_weeks"], row["discount"]) == (26, 0.1)
    assert row["positive"] == pytest.approx(float((drawn > 0).mean()))


def test_responses_are_of_an_average_week_of_spend_and_of_one_sd(found, tree):
    table = found.responses()
    assert list(table.columns) == [
        "kind", "cause", "size", "response", "weeks_after", "unit", "median", "q05", "q95",
    ]  # fmt: skip
    spend = tree["constant_data/spend"].sum("geo").sel(paid_channel="tv").to_numpy()
    media = table[(table["kind"] == "media") & (table["cause"] == "tv")]
    assert media["size"].unique() == pytest.approx(spend[spend > 0].mean())
    now = media[(media["response"] == "base") & (media["weeks_after"] == 0)].iloc[0]
    effect = found.draws["media_coefficient"].sel(channel="tv", equation="base", media_lag=0)
    assert now["median"] == pytest.approx(float(effect.median()) * now["size"])
    assert set(table["unit"]) == {"points", "revenue"}
    assert (
        table.groupby(["kind", "cause", "response"])["weeks_after"]
        .agg(["min", "max"])
        .eq([0, 26])
        .all(axis=None)
    )


def test_the_size_of_a_shock_is_what_it_moves_its_own_variable_by_at_once(found):
    """Of the last variable too, part of whose sd is that of those before it."""
    table = found.responses()
    for name in (*METRICS, "base"):
        own = table[(table["kind"] == "shock") & (table["cause"] == name) & (table["response"] == name)].iloc[
            0
        ]
        assert own["weeks_after"] == 0
        assert own["size"] == pytest.approx(own["median"], rel=1e-6)


def test_generalised_shocks_take_the_place_of_orthogonal_ones_and_leave_media_as_they_are(found):
    table, orthogonal = found.responses("generalised"), found.responses()
    is_media = orthogonal["kind"] == "media"
    pd.testing.assert_frame_equal(table[is_media], orthogonal[is_media])
    assert set(table[~is_media]["kind"]) == {"generalised"}
    sd = np.sqrt(found.draws["covariance"].sel(equation="base", variable="base")).median().item()
    base = table[~is_media & (table["cause"] == "base")]
    assert base["size"].unique() == pytest.approx([sd])


def test_points_of_a_metric_are_the_change_of_its_share(found):
    """A small shock to the logit of the last year's level, put through the logistic curve."""
    table = found.responses()
    own = table[
        (table["kind"] == "shock") & (table["cause"] == "awareness") & (table["response"] == "awareness")
    ]
    shock = np.sqrt(found.draws["covariance"].sel(equation="awareness", variable="awareness")).median().item()
    level = float(found.draws["modelled"].sel(equation="awareness").isel(week=slice(-52, None)).mean())

    def share(logit):
        return 1 / (1 + np.exp(-logit))

    moved = 100 * (share(level + 1e-4) - share(level)) / 1e-4 * shock
    assert own.iloc[0]["median"] == pytest.approx(moved, rel=1e-3)


def test_weeks_without_a_wave_are_uncertain_and_nothing_is_carried_forward(settled):
    table = settled.brand().set_index("week_start")
    aware = table[table["metric"] == "awareness"]
    hole = aware.loc["2025-01-06":"2025-03-24"]
    assert hole["surveyed"].isna().all()
    assert hole["sample"].isna().all()
    assert aware.loc[:"2024-12-30", "surveyed"].notna().all()
    width = aware["q95"] - aware["q05"]
    assert width.loc["2025-02-10"] > 1.3 * width[aware["surveyed"].notna()].median()
    assert any("no wave in 2025-01-01 to 2025-03-31" in note for note in settled.notes)


def test_the_states_of_the_surveys_alone_have_the_same_columns(settled, tree, surveys):
    alone = brand_states(surveys, weeks_of(tree), settled.rule)
    assert list(alone.columns) == list(settled.brand().columns)
    assert alone["surveyed"].equals(settled.brand()["surveyed"])
    both = settled.brand()
    assert np.abs(alone["median"] - both["median"]).mean() < 0.02
    # media and the base are told beside the surveys: what is known with them lies within what was known without
    assert both["median"].between(alone["q05"], alone["q95"]).mean() > 0.9


def test_multipliers_and_decomposition_name_their_horizons(found):
    table = found.multipliers()
    assert set(table["horizon_weeks"].dropna()) == {13, 26}
    shares = found.decomposition()
    assert set(shares["horizon_weeks"]) == {4, 13, 26}
    assert shares["median"].between(0, 1).all()


def test_every_check_is_there_in_words(found):
    table = found.checks()
    assert set(table["check"]) == {
        "stable draws", "sampler", "residual autocorrelation", "stationarity", "identification",
        "prior sensitivity", "propagation", "forecast",
    }  # fmt: skip
    assert set(table.loc[table["check"] == "forecast", "subject"]) == {*METRICS, "base"}
    assert len(table[table["check"] == "identification"]) == 2 * 3
    assert (table["words"].str.len() > 10).all()
    failed = table[~table["passed"]]
    assert set(failed["words"]) <= set(found.notes)


def test_a_file_holds_all_of_it(found, tmp_path):
    path = save_long_term(found.tree, tmp_path / "long_term.nc")
    again = LongTerm.of(load_long_term(path))
    pd.testing.assert_frame_equal(again.roi(), found.roi())
    pd.testing.assert_frame_equal(again.checks(), found.checks())
    pd.testing.assert_frame_equal(again.brand(), found.brand())
    assert (again.attrs["origin"], again.attrs["model"], again.notes) == ("small 12", "small", found.notes)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DamagedFile, match="fit the long term again"):
        load_long_term(path)
    with pytest.raises(InputError, match="no such long-term posterior"):
        load_long_term(tmp_path / "none.nc")


def test_an_unstable_posterior_has_no_long_run_figures_and_says_why(found):
    draws = found.draws.copy(deep=True)
    draws["lag_coefficient"][:] = 0.0
    draws["lag_coefficient"][:, 0] = 1.02 * np.eye(3)
    draws["largest_root"][:] = 1.02
    tree = found.tree.copy()
    tree["bvar"] = xr.DataTree(draws)
    tree.attrs["stable_share"] = 0.0
    wild = LongTerm(tree)
    assert "100% of the draws are unstable" in wild.long_run_refused
    assert set(wild.roi()["effect"]) == {"short", "long", "total"}
    assert wild.multipliers()["horizon_weeks"].notna().all()
    assert any(note.startswith("no long-run figures: ") for note in wild.notes)
    stable = checking.checks(wild).set_index("check").loc["stable draws"]
    assert not stable["passed"]
    assert "there is no long run" in stable["words"]


def test_a_model_without_metrics_says_that_it_has_no_long_term():
    spec = parse_spec(SPEC)
    assert skip_reason(spec).startswith("small: long_term.metrics names no brand metric")
    assert skip_reason(parse_spec({**SPEC, "long_term": RULE})) == ""
    with pytest.raises(InputError, match="names no brand metric"):
        fit_long_term(posterior(draws=4), pd.DataFrame())


def test_fewer_weeks_than_coefficients_are_refused(tree, surveys):
    rule = LongTermRule(metrics=tuple(METRICS), lags=26, media_lags=12, draws=100)
    with pytest.raises(InputError, match=r"for \d+ coefficients an equation .* take fewer lags"):
        fit_long_term(tree, surveys, rule, checked=False)


def test_the_rule_is_the_prior(tree):
    stated = {"lags": 0.3, "media": {"mode": 0.1, "sd": 0.2}, "dummies": ["initial_observation"]}
    rule = LongTermRule(metrics=("awareness",), tightness=stated, centre={"awareness": 0.8}, unit_root=True)
    prior = minnesota(rule)
    assert (prior.lags, prior.media.mode, prior.sum_of_coefficients) == (0.3, 0.1, None)
    assert prior.initial_observation.mode == 1.0
    assert prior.centre == {"awareness": 0.8, "base": 0.0}


def test_media_are_spend_of_all_geos_in_weeks_of_their_first_days_and_a_unit_is_priced():
    table = weekly_table(weeks=40, geos=("north", "south"))
    spec = {**panel_spec(), "kpi": {"column": "orders", "revenue_per_unit": "order_value"}}
    made = Posterior.of(posterior(spec, table, draws=4))
    spend = spend_of(made, LongTermRule(metrics=("awareness",), channels=("search",)))
    assert list(spend.columns) == ["search"]
    assert np.allclose(spend["search"], table.groupby("week_start")["search_spend"].sum())
    rows = table[table["week_start"] >= made.data["week"].to_numpy()[0]]
    worth = (rows["orders"] * rows["order_value"]).sum() / rows["orders"].sum()
    assert worth_of_base(made, np.arange(4)) == pytest.approx(worth)
