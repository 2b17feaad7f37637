"""Planned experiments: their results against replayed tests, their cost against curves, their worth against limits."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mmm_core.budget.decide import decide
from mmm_core.effects.curves import response_draws
from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.errors import InputError
from mmm_core.evidence.lift_test import WeighedTest
from mmm_core.evidence.reader import read_lift_tests
from mmm_core.experiments.decision import decision
from mmm_core.experiments.plan import plan_experiments
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.experiments_spec import Experiments
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.budget.long_terms import long_term_of
from tests.mmm_core.posteriors import SPEC, panel_spec, posterior, weekly_table

GEOS = tuple("abcdefgh")
HALF_OFF = Experiments(weeks=(4,), changes=(-1.0, 0.5), shares=(0.25, 1.0), post_weeks=2)


def named(found, channel, **columns):
    """The trial of a channel and what its row says."""
    rows = found.table[found.table["channel"] == channel]
    for column, value in columns.items():
        rows = rows[rows[column] == value]
    (place,) = rows.index
    return found.trials[place], rows.loc[place]


@pytest.fixture(scope="module")
def national():
    return posterior(draws=150)


@pytest.fixture(scope="module")
def found(national):
    return plan_experiments(national, HALF_OFF)


def after_the_test(spec, table, geos, row, tree):
    """The posterior of a table that goes on through an experiment, with the same draws in the same units."""
    period, weeks = SPEC["budget"]["weeks"], row["weeks"] + row["post_weeks"]
    dates = np.sort(table["week_start"].unique())
    parts = [table]
    for step in range(weeks):
        again = table[table["week_start"] == dates[len(dates) - period + step % period]]
        again = again.assign(week_start=dates[-1] + np.timedelta64(7 * (step + 1), "D"))
        tested = again["geo"].isin(geos) & (step < row["weeks"])
        again.loc[tested, ["tv_spend"]] *= 1 + row["change"]
        parts.append(again)
    posterior_of = {
        name: values.to_numpy()
        for name, values in tree["posterior"].data_vars.items()
        if "week" not in values.dims
    }
    longer = posterior(
        spec, pd.concat(parts), tree["posterior"].sizes["draw"], **{k: posterior_of[k] for k in posterior_of}
    )
    scales = {name: tree["constant_data"][name] for name in ("media_scale", "kpi_scale", "kpi_centre")}
    data = longer["constant_data"].to_dataset().assign(scales)
    out = xr.DataTree.from_dict(
        {"/posterior": longer["posterior"].to_dataset(), "/sample_stats": longer["sample_stats"].to_dataset(),
         "/constant_data": data}
    )  # fmt: skip
    out.attrs = longer.attrs
    return out


@pytest.mark.parametrize(
    ("panel", "share", "change"),
    [(False, 1.0, -1.0), (False, 1.0, 0.5), (True, 1.0, 0.5), (True, 0.25, -0.5)],
)
def test_a_result_is_what_the_replayed_test_measures_once_it_has_run(panel, share, change, tmp_path):
    """The file filled in and replayed on a table that holds the experiment: the same figure in every draw.

    Of a holdout in a panel the file does not say what each geo would have spent.
    """
    spec = parse_spec(panel_spec() if panel else SPEC)
    table = weekly_table(geos=GEOS) if panel else weekly_table()
    tree = posterior(spec, table, draws=20)
    asked = Experiments(channels=("tv",), weeks=(4,), changes=(change,), shares=(share,), post_weeks=2)
    found = plan_experiments(tree, asked)
    (trial,), row = found.trials, found.table.iloc[0]
    design = found.designs(spec).assign(incremental_outcome=1.0, standard_error=trial.error)
    design.to_csv(tmp_path / "tests.csv", index=False)
    (test,) = read_lift_tests(tmp_path / "tests.csv")
    longer = after_the_test(spec, table, test.geos or (GEOS if panel else ("all",)), row, tree)
    replayed = replayed_tests(longer, [WeighedTest(test)]).to_numpy()[:, 0]
    np.testing.assert_allclose(trial.result, replayed, rtol=1e-8)
    assert row["spend_with"] == pytest.approx((1 + change) * row["spend_without"])
    assert test.incremental_spend == pytest.approx(row["incremental_spend"])


def test_a_share_of_a_national_market_measures_its_share(found):
    whole, row = named(found, "search", change=-1.0, share=1.0)
    part, row_of_part = named(found, "search", change=-1.0, share=0.25)
    np.testing.assert_allclose(part.result, 0.25 * whole.result)
    assert row_of_part["cost"] == pytest.approx(0.25 * row["cost"])
    assert row_of_part["roi"] == pytest.approx(row["roi"])


@pytest.mark.parametrize("scale", ["level", "log"])
def test_a_channel_switched_off_for_the_period_loses_what_its_curve_says(scale):
    """Without carryover: weeks after the period are the mean of the last ones to a curve, and those once more here."""
    media = {**SPEC["media"], "defaults": {"adstock": {"kind": "none"}}}
    tree = posterior({**SPEC, "media": media, "kpi": {"column": "revenue", "scale": scale}}, draws=20)
    found = plan_experiments(tree, Experiments(weeks=(6,), changes=(-1.0,), shares=(1.0,)))
    curves = response_draws(tree, [1.0])["response"]
    for channel in ("tv", "search"):
        trial, row = named(found, channel)
        expected = -curves.sel(channel=channel, multiplier=1.0).to_numpy()
        np.testing.assert_allclose(trial.result, expected, rtol=1e-9)
        np.testing.assert_allclose(trial.carried, trial.result, rtol=1e-12)
        assert row["cost"] == pytest.approx(found.price * row["incremental_spend"] - expected.mean())


def test_the_rows_are_ranked_by_what_is_left_of_their_worth(found):
    table = found.table
    assert table["net_value"].is_monotonic_decreasing
    np.testing.assert_allclose(table["net_value"], table["evsi"] - table["cost"].clip(lower=0))
    assert (table["evsi"] >= 0).all()
    assert (table["evsi"] <= table["evsi_without_error"] + 2 * table["evsi_se"]).all()
    assert (table["evsi_without_error"] <= found.perfect.evsi + 2 * found.perfect.standard_error).all()
    assert table["power"].between(found.size, 1).all()
    assert (table["calibrating_error"] >= table["standard_error"]).all()
    assert list(found.best["channel"]) == list(dict.fromkeys(table["channel"]))


def test_a_margin_prices_spend_and_a_longer_horizon_multiplies_worth(national, found):
    asked = HALF_OFF.model_copy(update={"margin": 0.5, "horizon_weeks": 26})
    other = plan_experiments(national, asked)
    assert other.price == 2.0
    _, before = named(found, "tv", change=-1.0, share=1.0)
    _, after = named(other, "tv", change=-1.0, share=1.0)
    assert after["evsi"] == pytest.approx(before["evsi"] / 2)
    assert after["cost"] - before["cost"] == pytest.approx((2 - found.price) * before["incremental_spend"])


def test_a_perfect_test_of_the_only_uncertain_channel_is_worth_perfect_information():
    rng = np.random.default_rng(3)
    coefficient = np.full((2, 400, 1, 3), 1.5)
    coefficient[..., 0] = rng.lognormal(0.0, 0.8, (2, 400, 1))
    fixed = {"alpha": 0.3, "half_saturation": 1.0, "slope": 1.0}
    tree = posterior(draws=400, coefficient=coefficient, **fixed)
    found = plan_experiments(tree, Experiments(weeks=(8,), changes=(-1.0,), shares=(1.0,)))
    _, tv = named(found, "tv")
    assert tv["evsi_without_error"] == pytest.approx(found.perfect.evsi, rel=0.05)
    assert tv["evsi"] < tv["evsi_without_error"]
    _, search = named(found, "search")
    assert search["evsi_without_error"] <= 2 * tv["evsi_se"]


def test_more_noise_is_worth_less(national, found):
    noisy = national.copy()
    noisy["posterior"]["sigma"] = 30 * noisy["posterior"]["sigma"]
    other = plan_experiments(noisy, HALF_OFF)
    for channel in ("tv", "search"):
        _, before = named(found, channel, change=-1.0, share=0.25)
        _, after = named(other, channel, change=-1.0, share=0.25)
        assert after["standard_error"] == pytest.approx(30 * before["standard_error"])
        assert after["evsi"] <= before["evsi"]
        assert after["evsi"] <= 2 * after["evsi_se"]
        assert after["detectable_roi"] == pytest.approx(30 * before["detectable_roi"])


def test_a_panel_tests_the_geos_that_move_most_like_the_rest_and_reads_its_noise_off_its_past():
    tree = posterior(panel_spec(), weekly_table(geos=GEOS), draws=20)
    found = plan_experiments(tree, Experiments(weeks=(4, 8), changes=(-1.0,), shares=(0.25, 0.5, 1.0)))
    table = found.table
    assert set(table["area"]) > {"whole market"}
    some = table[table["geos"] != "all"]
    assert (some["share"] - some["geos"].str.count(";").add(1) / 8).abs().max() < 0.35
    assert some.groupby(["geos", "weeks"])["standard_error"].nunique().eq(1).all()
    error = some.groupby("weeks")["standard_error"].mean()
    assert 0.8 < error[8] / error[4] < 2.5


def test_a_history_too_short_for_placebos_is_said(recwarn):
    tree = posterior(panel_spec(), weekly_table(weeks=40, geos=GEOS), draws=20)
    found = plan_experiments(tree, Experiments(weeks=(4, 8), changes=(-1.0,), shares=(0.25,)))
    assert set(found.table["weeks"]) == {4}
    assert "8 weeks: the history is too short" in found.passed_over[0]


def test_a_channel_that_is_off_can_only_be_switched_on():
    table = weekly_table()
    table.loc[table.index[-8:], "tv_spend"] = 0.0
    found = plan_experiments(posterior(table=table, draws=20), Experiments(weeks=(4,), shares=(1.0,)))
    tv = found.table[found.table["channel"] == "tv"]
    assert set(tv["change"]) == {0.5, 1.0}
    assert (tv["spend_without"] == 0).all()
    assert (tv["spend_with"] > 0).all()
    assert (tv["roi"] > 0).all()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Experiments(channels=("tvv",)), "'tvv' is no paid channel: did you mean 'tv'"),
        (Experiments(channels=("tv",), changes=(-1.0,)), "no experiment can be planned: tv: no spend"),
    ],
)
def test_what_cannot_be_planned_is_refused(asked, words):
    table = weekly_table()
    table.loc[table.index[-8:], "tv_spend"] = 0.0
    with pytest.raises(InputError, match=words):
        plan_experiments(posterior(table=table, draws=10), asked)


def test_the_question_is_the_one_that_the_yaml_asks(national):
    tight = Budget(weeks=6, bounds={"default": (1.0, 1.0)})
    found = plan_experiments(national, HALF_OFF, tight)
    assert found.perfect.evsi == 0
    assert (found.table["evsi"] == 0).all()
    assert found.worth_running == 0


def test_worth_and_cost_count_what_the_budget_counts(national, found):
    draws = Posterior.of(national).chains * Posterior.of(national).draws_a_chain
    brand = np.random.default_rng(0).lognormal(0.4, 0.8, draws)  # wide, and above 0
    budget = Budget(**SPEC["budget"], horizon="long", discount=0.3)
    other = plan_experiments(national, HALF_OFF, budget, long_term=long_term_of(national, {"tv": brand}))
    assert (found.horizon, other.horizon) == ("short", "long")
    assert "by way of the brand within 10 weeks" in other.counted
    for channel, more in (("tv", brand), ("search", np.zeros(draws))):
        before, _ = named(found, channel, change=-1.0, share=0.25)
        after, row = named(other, channel, change=-1.0, share=0.25)
        np.testing.assert_allclose(after.result, before.result)  # what is measured is of the short term
        spent_later = np.mean(1.3 ** (-np.arange(budget.weeks) / 52))  # than the first of the budget's weeks
        by_brand = more * row["incremental_spend"] * spent_later
        kept = (after.carried - by_brand) / before.carried
        assert (
            (kept > 1.3 ** (-12 / 52)) & (kept < 1)
        ).all()  # of the weeks that it carries over into, discounted
        assert row["cost"] == pytest.approx(other.price * row["incremental_spend"] - after.carried.mean())
    # nobody knows what tv does for the brand: knowing it is worth more, and no test of the weeks that follow tells it
    assert other.perfect.evsi > 1.5 * found.perfect.evsi
    _, before = named(found, "tv", change=-1.0, share=1.0)
    _, after = named(other, "tv", change=-1.0, share=1.0)
    assert after["evsi_without_error"] < before["evsi_without_error"] + 0.25 * other.perfect.evsi
    with pytest.raises(InputError, match="there is no long-term posterior"):
        plan_experiments(national, HALF_OFF, budget)


def test_the_decision_is_the_budgets_own_as_far_as_channels_add_up(national):
    asked = Budget(**SPEC["budget"], horizon="long", price_rise={"tv": 0.5}, discount=0.1, change_limit=0.3,
                   objective={"cvar": {"level": 0.5}})  # fmt: skip
    long = long_term_of(national, {"tv": 0.7})
    budget = asked.model_copy(update={"objective": "expected"})
    question, choice = decision(national, asked, long)
    whole = decide(national, budget, long_term=long)
    np.testing.assert_allclose(choice.today, whole.channels["recommended_spend"], rtol=1e-6)
    paid = choice.payoff(choice.today[None])[:, 0].mean()
    assert paid == pytest.approx(whole.recommended_outcome, rel=1e-3)
    found = plan_experiments(national, HALF_OFF, asked, long_term=long)
    assert any("budget.objective left out" in line for line in found.passed_over)
    assert question.horizon == "long"


def test_weeks_that_are_dated_by_their_last_day_start_on_their_first(national):
    spec = parse_spec({**SPEC, "time": {"marks": "end"}})
    table = weekly_table().assign(week_start=lambda t: t["week_start"] + pd.Timedelta(days=6))
    tested = plan_experiments(posterior(spec, table, draws=10), Experiments(weeks=(4,), shares=(1.0,)))
    plain = plan_experiments(posterior(draws=10), Experiments(weeks=(4,), shares=(1.0,)))
    assert set(tested.table["start_date"]) == set(plain.table["start_date"]) == {dt.date(2025, 3, 24)}
    assert set(tested.table["end_date"]) == {dt.date(2025, 4, 20)}


def test_draws_that_stand_behind_it_are_those_of_the_budget(national, found):
    assert len(found.trials[0].result) == Posterior.of(national).chains * Posterior.of(national).draws_a_chain


def test_the_error_with_which_it_would_calibrate_is_that_of_the_rule_of_evidence(found):
    """The whole market counts 0.6 (`scale_down`), a quarter of a nation three quarters more; spend adds a little."""
    for share, taus in ((1.0, 0.4 / 0.6), (0.25, 0.75)):
        trial, row = named(found, "search", change=-1.0, share=share)
        spent = weekly_table()["search_spend"]
        ratio = row["spend_without"] / share / row["weeks"] / spent[spent > 0].mean()
        expected = np.sqrt(1 + taus + max(ratio, 1 / ratio) - 1)
        assert row["calibrating_error"] == pytest.approx(trial.error * expected)
