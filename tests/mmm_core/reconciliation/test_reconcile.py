"""One posterior, tests and claims together: what counts once, what is compared over which weeks, what is refused."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.effects.contributions import contributions
from mmm_core.effects.roi import roi_draws
from mmm_core.errors import InputError
from mmm_core.reconciliation.density import Kernels, fused
from mmm_core.reconciliation.reconcile import reconcile
from mmm_core.reconciliation.tables import PAIRS, SOURCES, TABLE, channel_table, pair_table, source_table
from tests.mmm_core.posteriors import posterior
from tests.mmm_core.reconciliation.worlds import claims, lift_test, lifts, made, spec, table


@pytest.fixture(scope="module")
def tree():
    return made()


@pytest.fixture(scope="module")
def roi(tree):
    return roi_draws(tree)["roi"]


def by_channel(found):
    return {channel.channel: channel for channel in found.channels}


def of(tree, name, shift=0.0, error=0.1, **more):
    """A test that measured what the model expects, give or take a share of it."""
    expected = float(lifts(tree, lift_test(name, 1.0, 1.0, **more)).mean())
    return lift_test(name, expected * (1 + shift), abs(expected) * error, **more)


def test_without_other_sources_every_figure_is_the_models(tree, roi):
    found = reconcile(tree)
    table = channel_table(found).set_index("channel")
    assert list(table.columns) == list(TABLE)[1:]
    for name in ("tv", "search", "video"):
        draws = roi.sel(channel=name).to_numpy()
        np.testing.assert_allclose(by_channel(found)[name].model, draws, rtol=1e-9)
        ends = np.quantile(draws, [0.05, 0.5, 0.95])
        row = table.loc[name]
        assert row[["model_roi", "weighted_roi"]].tolist() == pytest.approx([draws.mean()] * 2)
        assert row["fused_roi"] == pytest.approx(draws.mean(), rel=0.02)
        assert row[["fused_roi_q05", "fused_roi_q95"]].tolist() == pytest.approx(ends[[0, 2]], rel=0.1)
        assert row["verdict"] == "the model alone"
    assert found.words == "nothing to compare: no channel has a second source"
    assert (found.weeks, pair_table(found).shape) == (61, (0, len(PAIRS)))


def test_claims_say_over_which_weeks_all_are_compared(tree):
    """Weeks 20 to 39 of the table have claims; the model's return is its contribution of these by their spend."""
    found = reconcile(tree, claims=claims({"search": 2.0}, weeks=range(20, 40)))
    rows = table().iloc[20:40]
    assert (found.first, found.last, found.weeks) == (
        rows["week_start"].iloc[0],
        rows["week_start"].iloc[-1],
        20,
    )
    brought = contributions(tree)["mean"].sel(component="search").isel(week=slice(17, 37)).sum()
    search = by_channel(found)["search"]
    assert search.spend == pytest.approx(rows["search_spend"].sum())
    assert search.model.mean() == pytest.approx(float(brought) / search.spend, rel=1e-9)
    assert search.claimed.roi == pytest.approx(2.0)
    last = reconcile(tree, claims=claims({"search": 2.0}, weeks=range(20, 40)), rule=found.rule.model_copy(
        update={"weeks": 6}))  # fmt: skip
    assert (last.first, last.weeks) == (rows["week_start"].iloc[14], 6)


def test_a_new_test_narrows_the_return_and_one_the_posterior_has_seen_does_not(tree):
    test = of(tree, "a", error=0.05)
    new, old = reconcile(tree, [test]), reconcile(made(seen=[test]), [test])
    tv, seen = by_channel(new)["tv"], by_channel(old)["tv"]
    assert (
        tv.fused.sd < 0.8 * tv.model.std()
    )  # what is left is carryover and saturation, which differ by draw
    assert [len(channel.new_tests) for channel in (tv, seen)] == [1, 0]
    assert seen.fused.mean == pytest.approx(fused(Kernels.of(seen.model)).mean)
    assert seen.weighted.weights == {"model": 1.0}
    assert seen.measured.mean == pytest.approx(tv.measured.mean)
    assert "its tests are in the posterior already" in seen.verdict
    (row,) = source_table(old).query("kind == 'test'").to_dict("records")
    assert list(row) == list(SOURCES)
    assert (row["used"], row["remark"]) == (False, "already in the posterior")
    assert pair_table(old)["in_posterior"].tolist() == [True]
    for other in ("search", "video"):
        assert by_channel(new)[other].fused.mean == pytest.approx(by_channel(old)[other].fused.mean)


def test_a_widened_error_counts_less(tree):
    sure, unsure = (by_channel(reconcile(tree, [of(tree, "a", 0.3, inflation=k)]))["tv"] for k in (1.0, 4.0))
    assert unsure.weighted.weights["tests"] < sure.weighted.weights["tests"]
    assert abs(unsure.fused.mean - unsure.model.mean()) < abs(sure.fused.mean - sure.model.mean())


def test_fusion_is_close_to_the_posterior_that_sees_the_test(tree):
    """Draws weighed by the test's likelihood are the exact answer: many draws, an error that leaves some of them."""
    many = made(draws=2000)
    test = of(many, "a", 0.25, error=0.3)
    tv = by_channel(reconcile(many, [test]))["tv"]
    expected, draws = lifts(many, test)[:, 0], roi_draws(many)["roi"].sel(channel="tv").to_numpy()
    missed = (test.test.incremental - expected) / (test.standard_error * np.sqrt(5 / 7))
    weights = (1 + missed**2 / 4) ** -2.5  # Student-t, nu 4, of the scale that the likelihood of a fit has
    weights /= weights.sum()
    mean = weights @ draws
    assert tv.fused.mean == pytest.approx(mean, rel=0.02)
    assert tv.fused.sd == pytest.approx(np.sqrt(weights @ (draws - mean) ** 2), rel=0.1)


def test_a_test_of_two_channels_speaks_of_each_with_the_other_as_it_was(tree, roi):
    both = of(tree, "both", error=0.02, channels=("tv", "search"))
    found = by_channel(reconcile(tree, [both]))
    expected, alone = (lifts(tree, both), lifts(tree, lift_test("tv", 1.0, 1.0)))
    (test,) = found["tv"].tests
    np.testing.assert_allclose(test.lifts, expected[:, 0])
    np.testing.assert_allclose(test.likelihood.others, (expected - alone)[:, 0], rtol=1e-6)
    np.testing.assert_allclose(test.likelihood.per_return * found["tv"].model, alone[:, 0], rtol=1e-6)
    assert [len(found[name].tests) for name in ("tv", "search", "video")] == [1, 1, 0]
    rows = source_table(reconcile(tree, [both])).query("kind == 'test'")
    assert rows["remark"].tolist() == ["tested together with search", "tested together with tv"]


def test_ten_times_the_truth_is_flagged_in_every_table_and_leaves_other_channels_alone(tree):
    right, wrong = of(tree, "right"), of(tree, "wrong", 9.0, channels=("search",))
    found, without = reconcile(tree, [right, wrong]), reconcile(tree, [right])
    assert found.disagreeing == ("search",)
    assert found.words.startswith("sources disagree on search, of 2 pairs")
    table = channel_table(found).set_index("channel")
    assert table["sources_disagree"].to_dict() == {"tv": False, "search": True, "video": False}
    assert table.loc["search", "verdict"].startswith("sources disagree: model and wrong (p ")
    assert pair_table(found).set_index("second")["disagree"].to_dict() == {"right": False, "wrong": True}
    assert by_channel(found)["tv"].fused.mean == by_channel(without)["tv"].fused.mean
    search = by_channel(found)["search"]
    assert abs(search.fused.mean - search.model.mean()) < 3 * search.model.std()


def test_two_tests_that_contradict_each_other_are_flagged(tree):
    low, high = of(tree, "low", -0.6, error=0.05), of(tree, "high", 0.6, error=0.05)
    found = reconcile(tree, [low, high])
    assert ("high", "low") in {(pair.first, pair.second) for pair in by_channel(found)["tv"].disagreeing}


def test_the_order_of_tests_and_claims_does_not_matter(tree):
    tests = [of(tree, "a", 0.1), of(tree, "b", -0.1), of(tree, "c", channels=("search",))]
    rows = claims({"tv": 1.5, "search": 3.0})
    one = channel_table(reconcile(tree, tests, rows))
    other = channel_table(reconcile(tree, tests[::-1], rows.sample(frac=1, random_state=1)))
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_the_bias_of_claims_is_learned_from_channels_with_tests(tree):
    """Claims are 2.5 times what the model says; two channels have exact tests, the third learns from them."""
    usual = {
        name: 2.5 * float(np.median(by_channel(reconcile(tree))[name].model))
        for name in ("tv", "search", "video")
    }
    tests = [of(tree, "a", error=0.02), of(tree, "b", error=0.02, channels=("search",))]
    learned = by_channel(reconcile(tree, tests, claims(usual)))
    untold = by_channel(reconcile(tree, (), claims(usual)))
    assert learned["video"].bias.learned_from == ("search", "tv")
    assert np.exp(learned["video"].bias.mean) == pytest.approx(2.5, rel=0.35)
    assert untold["video"].bias.mean == pytest.approx(0, abs=1e-12)
    assert untold["video"].bias.sd == pytest.approx(np.hypot(0.8, 0.5), rel=1e-3)
    assert learned["video"].bias.sd < untold["video"].bias.sd
    assert learned["tv"].bias.learned_from == ("search",)
    assert not {name for name, channel in learned.items() if channel.disagreeing}


def test_claims_that_are_believed_word_for_word_are_met(tree):
    rule = made(attribution={"bias": {"mean": 0, "sd": 0, "spread": 0}})
    rows = claims({"video": 1.2}, conversions=1e12)
    assert by_channel(reconcile(rule, (), rows))["video"].fused.mean == pytest.approx(1.2, rel=1e-3)


def test_what_cannot_be_compared_is_shown_and_never_lost(tree):
    rows = pd.concat(
        [
            claims({"search": 2.0}),
            claims({"email": 40.0}, platform="ga4"),
            claims({"(unmapped)": 7.0}, platform="ga4", market="(unmapped)"),
            claims({"search": 9.0}, market="uk"),
            claims({"tv": 1.0}, weeks=range(3, 9)),
            claims({"video": 1.0}, platform="other", revenue=np.nan),
        ],
        ignore_index=True,
    )
    found = reconcile(tree, (), rows)
    left = found.left_out.set_index("channel")
    assert left["why"].to_dict() == {
        "(unmapped)": "its market is not known",
        "email": "no paid channel of the model has its name",
        "video": "revenue is blank: without an exchange rate, perhaps",
    }
    assert left.loc["email", ["claimed", "weeks"]].tolist() == [40.0 * 61, 61]
    tv = by_channel(found)["tv"]
    assert tv.claimed is None
    assert "of the spend, 50% at least are asked for" in tv.reports[0].doubt
    assert tv.weighted.weights == {"model": 1.0}


def test_several_reports_of_a_channel_count_as_one(tree):
    """They claim the same purchases: the second one says nothing new, and only moves the middle."""
    one = by_channel(reconcile(tree, (), claims({"tv": 2.0})))["tv"]
    two = by_channel(
        reconcile(tree, (), pd.concat([claims({"tv": 2.0}), claims({"tv": 2.0}, platform="ga4")]))
    )["tv"]
    apart = by_channel(
        reconcile(tree, (), pd.concat([claims({"tv": 1.0}), claims({"tv": 4.0}, platform="ga4")]))
    )["tv"]
    assert two.fused.sd == pytest.approx(one.fused.sd)
    assert apart.claimed.roi == pytest.approx(2.0)
    chosen = made(attribution={"reports": ["ga4"]})
    rows = pd.concat([claims({"tv": 1.0}), claims({"tv": 4.0}, platform="ga4")], ignore_index=True)
    found = reconcile(chosen, (), rows)
    assert by_channel(found)["tv"].claimed.roi == pytest.approx(4.0)
    assert found.left_out["why"].tolist() == ["its platform is not among `reports`"]


def test_other_spend_beside_a_claim_is_remarked(tree):
    found = reconcile(tree, (), claims({"tv": 1.0}, spend=1.0))
    assert (
        by_channel(found)["tv"]
        .reports[0]
        .remark.startswith("spend beside its claims is 61, the model's table has")
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"currency": "EUR"}, "claims are in EUR, the model's table in USD: convert them"),
        ({"market": "uk"}, "no claim is of market 'us'; the table has uk"),
        ({"week_start": pd.Timestamp("2024-06-05")}, r"no week of the claims, 2024-06-05 \(Wednesday\)"),
    ],
)
def test_claims_that_the_model_cannot_use_are_refused(tree, rows, message):
    with pytest.raises(InputError, match=message):
        reconcile(tree, (), claims({"tv": 1.0}, weeks=range(9, 10), **rows))


def test_a_claim_that_stands_for_the_market_and_for_none_is_not_added_up(tree):
    both = pd.concat([claims({"tv": 2.0}), claims({"tv": 2.0}, weeks=range(9, 11)).assign(market="")])
    with pytest.raises(
        InputError, match=r"claims of tv in the week of 2024-03-04 \(ads, last_click\) are there for "
    ):
        reconcile(tree, (), both)


def test_a_report_of_less_than_one_conversion_is_shown_and_not_used(tree):
    found = by_channel(reconcile(tree, (), claims({"tv": 2.0, "video": 2.0}, conversions=1e-6)))["tv"]
    assert found.claimed is None
    assert found.reports[0].doubt.startswith("it claims 6.1e-05 conversions")


@pytest.mark.parametrize("effect", [-1.0, -1e3, -1e-6])
def test_a_claim_on_a_channel_whose_every_draw_is_negative_disagrees_and_is_answered(effect):
    negative = posterior(spec(), table(), draws=100, coefficient=[[effect, 1.0, 1.0]])
    found = by_channel(reconcile(negative, (), claims({"tv": 2.0})))["tv"]
    assert np.isfinite([found.fused.mean, found.fused.sd]).all()
    assert [pair.p < 0.05 for pair in found.pairs] == [True]


def test_a_platform_that_nobody_reports_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="names 'adds': did you mean 'ads'"):
        reconcile(made(attribution={"reports": ["adds"]}), (), claims({"tv": 1.0}))
