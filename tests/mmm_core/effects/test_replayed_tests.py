"""Replayed lift tests against the simulator's counterfactual, and against a second way to the same figure."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from mmm_core.effects.incremental import incremental
from mmm_core.effects.replayed_tests import replayed_tests
from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest
from mmm_core.simulate import weekly_table as simulated
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import FAMILY, SPEC, posterior, weekly_table


@pytest.fixture(scope="module", params=["us", "uk"])
def true_model(request):
    """A market, and a posterior whose every draw is the truth about it."""
    table, truth = simulated(request.param, seed=3, weeks=90)
    names = [channel.channel for channel in truth.channels]
    panel = request.param == "uk"
    spec = parse_spec(
        {
            "model": "truth",
            "table": "weekly",
            "kpi": {"column": "revenue"},
            **({"geo": {"column": "geo", "population": "population"}} if panel else {}),
            "media": {
                "defaults": {"adstock": {"l_max": truth.l_max}},
                "channels": {name: {"spend": f"{name}_spend"} for name in names},
            },
        }
    )
    whole = posterior(spec, table, draws=2, chains=1)
    data = whole["constant_data"].to_dataset()
    heads = truth.weekly["population"].to_numpy().mean()
    effect = truth.geo_effect.sel(
        geo=[str(geo) for geo in data["geo"].to_numpy()] if panel else truth.geo_effect["geo"]
    )
    true = {
        "alpha": [channel.alpha for channel in truth.channels],
        "slope": [channel.slope for channel in truth.channels],
        "half_saturation": np.array([c.half_saturation_media for c in truth.channels])
        * heads
        / data["media_scale"].to_numpy(),
        "coefficient": effect.to_numpy()
        * np.array([c.coefficient for c in truth.channels])
        * heads
        / float(data["kpi_scale"]),
    }
    return truth, posterior(spec, table, draws=2, chains=1, **true)


def counterfactual(truth, without, weeks, geos):
    """Revenue caused in some weeks and geos by spend as it was rather than `without`."""
    caused = (truth.weekly["contribution"] - truth.contribution(without)).isel(week=weeks)
    return float((caused.sel(geo=geos) if geos else caused).sum())


@pytest.mark.parametrize("kept", [0.0, 0.6, 1.5])
@pytest.mark.parametrize("post_weeks", [0, 5])
@pytest.mark.parametrize("tested", [1, 2])
def test_a_replayed_test_is_the_simulators_counterfactual(true_model, kept, post_weeks, tested):
    truth, tree = true_model
    weekly = truth.weekly
    names = [channel.channel for channel in truth.channels][-tested:]
    geos = tuple(str(geo) for geo in weekly["geo"].to_numpy()[1:4]) if weekly.sizes["geo"] > 1 else ()
    first, count = 50, 4
    where = {
        "week": slice(first, first + count),
        "channel": [str(c) in names for c in weekly["channel"].to_numpy()],
    }
    within = weekly["spend"].copy(data=np.zeros(weekly["spend"].shape))
    within[where] = 1.0
    if geos:
        within = within.where(within["geo"].isin(list(geos)), 0.0)
    without = weekly["spend"] * (1 - within * (1 - kept))
    spent = (weekly["spend"] * within).sum(["geo", "week"])
    start = pd.Timestamp(weekly["week"].to_numpy()[first]).date()
    test = LiftTest(
        "a",
        {
            name: TestedSpend(float(spent.sel(channel=name)), kept * float(spent.sel(channel=name)))
            for name in names
        },
        start,
        start + timedelta(days=7 * count - 1),
        incremental=1.0,
        standard_error=1e5,
        geos=geos,
        post_weeks=post_weeks,
    )
    found = replayed_tests(tree, [WeighedTest(test)]).to_numpy()
    true = counterfactual(truth, without, slice(first, first + count + post_weeks), list(geos))
    assert abs(true) > 1e3
    np.testing.assert_allclose(found, true, rtol=1e-9)


def test_a_test_of_some_days_changes_as_large_a_part_of_their_weeks(true_model):
    truth, tree = true_model
    weekly = truth.weekly
    name = truth.channels[-1].channel
    monday = pd.Timestamp(weekly["week"].to_numpy()[50]).date()
    test = LiftTest(
        "a", {name: TestedSpend(10.0, 0.0)}, monday + timedelta(days=2), monday + timedelta(days=9), 1.0, 1e5
    )
    without = weekly["spend"].copy()
    without[{"week": 50, "channel": -1}] *= 1 - 5 / 7
    without[{"week": 51, "channel": -1}] *= 1 - 3 / 7
    true = counterfactual(truth, without, slice(50, 52), None)
    np.testing.assert_allclose(replayed_tests(tree, [WeighedTest(test)]), true, rtol=1e-9)


def test_spend_by_week_is_taken_week_by_week(true_model):
    truth, tree = true_model
    weekly = truth.weekly
    name = truth.channels[-1].channel
    spend = weekly["spend"].isel(week=slice(50, 53), channel=-1)
    by_week = spend.sum("geo").to_numpy() * [0.0, 2.0, 0.5]
    start = pd.Timestamp(weekly["week"].to_numpy()[50]).date()
    tested = TestedSpend(float(spend.sum()), float(by_week.sum()), tuple(by_week))
    test = LiftTest("a", {name: tested}, start, start + timedelta(days=20), 1.0, 1e5)
    without = weekly["spend"].copy()
    without[{"week": slice(50, 53), "channel": -1}] *= np.array([0.0, 2.0, 0.5])
    true = counterfactual(truth, without, slice(50, 53), None)
    np.testing.assert_allclose(replayed_tests(tree, [WeighedTest(test)]), true, rtol=1e-9)


@pytest.mark.parametrize(("kept", "planned"), [(0.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.0)])
@pytest.mark.parametrize("by_week", [False, True])
def test_a_part_of_the_nation_measures_its_own_change_and_not_that_of_the_nations_total(
    kept, planned, by_week
):
    """A nation made by hand of two areas that are alike but for the test in a quarter of it."""
    spec, table, share, weeks = parse_spec(SPEC), weekly_table(), 0.25, slice(30, 34)
    # per head, had all of the nation been the tested area: with the test, and without
    there, without = (table["tv_spend"].to_numpy().copy() for _ in range(2))
    there[weeks] *= kept
    without[weeks] *= planned
    table["tv_spend"] = share * there + (1 - share) * without
    tree = posterior(spec, table)
    weekly = tuple(share * without[weeks]) if by_week else None
    spent = {
        "tv": TestedSpend(share * float(there[weeks].sum()), share * float(without[weeks].sum()), weekly)
    }
    start = table["week_start"][30].date()
    test = LiftTest("a", spent, start, start + timedelta(days=27), 1.0, 1e5, share=share, post_weeks=3)
    data, predictor = tree["constant_data"].to_dataset(), tree_predictor(tree)
    change = []
    for media in (there, without):
        exposure = data["exposure"].to_numpy().copy()
        exposure[0, :, 0] = media
        change.append(predictor.media_terms(slice(None), exposure)[..., 0])
    first = 30 - (data.sizes["media_week"] - data.sizes["week"])
    true = share * (change[0] - change[1])[:, 0, first : first + 7].sum(-1)
    assert abs(true).min() > 1.0
    np.testing.assert_allclose(replayed_tests(tree, [WeighedTest(test)]).sel(test="a"), true, rtol=1e-9)


@pytest.mark.parametrize("geos", [("all",), ("a", "b", "c")])
@pytest.mark.parametrize("channel", ["tv", "search", "video"])
def test_every_kind_of_channel_is_replayed_as_any_other_counterfactual(geos, channel):
    """Exposure, reach and frequency, effects that vary, saturation first: `incremental` gets there without cells."""
    spec = FAMILY | ({"geo": {"column": "geo", "population": "population"}} if len(geos) > 1 else {})
    table = weekly_table(geos=geos)
    tree = posterior(spec, table)
    days = pd.DatetimeIndex(table["week_start"].unique())
    some = geos[:2] if len(geos) > 1 else ()
    test = LiftTest(
        "a", {channel: TestedSpend(10.0, 3.0)}, days[30].date(), days[34].date() + timedelta(days=6), 1.0, 100.0,
        geos=some, post_weeks=6,
    )  # fmt: skip
    other = incremental(tree, days[30], days[34], {channel: 0.3}, geos=some or None)["joint"]
    weeks_after = incremental(tree, days[30], days[34], {channel: 0.3}, geos=some or None, carry_out=False)[
        "joint"
    ]
    found = replayed_tests(tree, [WeighedTest(test)]).sel(test="a")
    np.testing.assert_allclose(found, other, rtol=1e-9)  # the longest lag is 4 weeks
    assert not np.allclose(found, weeks_after, rtol=1e-6)


def test_of_a_logarithm_the_week_without_the_test_has_the_noise_that_it_had():
    spec = parse_spec({**SPEC, "kpi": {"column": "revenue", "scale": "log"}})
    table = weekly_table()
    tree = posterior(spec, table)
    data = tree["constant_data"].to_dataset()
    days = pd.DatetimeIndex(table["week_start"])
    test = LiftTest(
        "a", {"tv": TestedSpend(10.0, 0.0)}, days[30].date(), days[33].date() + timedelta(days=6), 1.0, 100.0
    )
    exposure = data["exposure"].to_numpy().copy()
    exposure[:, 30:34, 0] = 0.0
    predictor = tree_predictor(tree)
    added = predictor.media_terms(slice(None))[..., 0] - predictor.media_terms(slice(None), exposure)[..., 0]
    kpi = data["kpi"].to_numpy()
    first = 30 - (data.sizes["media_week"] - data.sizes["week"])
    lost = (kpi * -np.expm1(-added))[:, :, first : first + 4].sum((1, 2))
    np.testing.assert_allclose(replayed_tests(tree, [WeighedTest(test)]).sel(test="a"), lost, rtol=1e-9)


def tree_predictor(tree):
    from mmm_core.posterior.handle import Posterior

    return Posterior.of(tree).predictor()
