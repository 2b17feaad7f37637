"""The decomposition adds up, draw by draw, and each part is what its formula says, whatever the model's family."""

import numpy as np
import pytest

from mmm_core.effects.contributions import Decomposition, baseline_draws, baseline_groups, contributions
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.schema import spec_of
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core import brute_force
from tests.mmm_core.posteriors import SPEC, family_spec, panel_spec, posterior, weekly_table
from tests.mmm_core.whole_family import SPECS, case

pytestmark = pytest.mark.usefixtures("hurried_compiler")


@pytest.fixture(scope="module")
def national():
    return posterior()


@pytest.fixture(scope="module")
def panel():
    return posterior(panel_spec(), weekly_table(geos=("a", "b", "c")))


@pytest.mark.parametrize("name", SPECS)
def test_components_add_up_to_the_prediction_for_every_draw(name):
    tree = case(name)
    parts = np.concatenate(list(Decomposition.of(Posterior.of(tree), revenue=False).chunks()))
    for position, found in enumerate(parts):
        draw = brute_force.one_draw(tree, position)
        terms = brute_force.media_terms(tree, draw).sum(-1) + brute_force.baseline(tree, draw)
        np.testing.assert_allclose(found.sum(-1), brute_force.expected(tree, draw, terms), rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in SPECS if "log" not in name])
def test_in_levels_a_component_is_its_terms(name):
    tree = case(name)
    decomposition = Decomposition.of(Posterior.of(tree), revenue=False)
    found = next(decomposition.chunks())[4]
    draw = brute_force.one_draw(tree, 4)
    terms = [str(term) for term in tree["constant_data"].to_dataset()["term"].values]
    groups = baseline_groups(terms, spec_of(tree))
    for i, component in enumerate(decomposition.components[decomposition.channels :]):
        own = [terms[position] for position in groups[component]]
        np.testing.assert_allclose(
            found[..., decomposition.channels + i], brute_force.baseline(tree, draw, own), atol=1e-9
        )
    np.testing.assert_allclose(
        found[..., : decomposition.channels], brute_force.media_terms(tree, draw), atol=1e-9
    )


@pytest.mark.parametrize("name", ["family_log", "panel_log_apart"])
def test_on_the_log_scale_channels_share_what_media_add_and_terms_what_they_add(name):
    tree = case(name)
    decomposition = Decomposition.of(Posterior.of(tree), revenue=False)
    channels, draw = decomposition.channels, brute_force.one_draw(tree, 2)
    found = next(decomposition.chunks())[2]
    base, media = brute_force.baseline(tree, draw), brute_force.media_terms(tree, draw)
    without = brute_force.expected(tree, draw, base)
    added = brute_force.expected(tree, draw, base + media.sum(-1)) - without
    np.testing.assert_allclose(
        found[..., :channels], added[..., None] * media / media.sum(-1, keepdims=True), rtol=1e-9
    )
    np.testing.assert_allclose(found[..., channels:].sum(-1), without, rtol=1e-9)
    level = brute_force.expected(tree, draw, brute_force.baseline(tree, draw, ["intercept"]))
    np.testing.assert_allclose(found[..., channels], level, rtol=1e-9)
    price = brute_force.baseline(tree, draw, ["price"])
    others = base - brute_force.baseline(tree, draw, ["intercept"])
    at = decomposition.components.index("price")
    np.testing.assert_allclose(found[..., at], (without - level) * price / others, rtol=1e-6)


def test_terms_of_nothing_are_no_division_by_zero_on_the_log_scale():
    spec = {**SPEC, "kpi": {"column": "revenue", "scale": "log"}}
    tree = posterior(spec, draws=1, chains=1, fixed_effect=0.0)
    parts = next(Decomposition.of(Posterior.of(tree)).chunks())
    assert np.isfinite(parts).all()
    assert (parts[..., 4:] == 0).all()


def test_holidays_are_one_component_and_events_steps_and_treatments_have_their_own():
    parts = contributions(posterior(family_spec(), draws=2))
    assert parts["component"].values.tolist() == [
        "tv", "search", "video", "newsletter", "baseline", "price", "promotion", "discount", "seasonality",
        "holidays", "strike", "new_shop",
    ]  # fmt: skip
    holidays = parts["mean"].sel(component="holidays")
    week = holidays["week"].values.astype("datetime64[D]").astype(str)
    # the weeks of Thanksgiving 2024 and of the week before, and those of Christmas
    assert week[holidays.values != 0].tolist() == ["2024-11-18", "2024-11-25", "2024-12-16", "2024-12-23"]
    discount = tree_column(posterior(family_spec(), draws=2), "discount")
    assert (parts["mean"].sel(component="discount").values[discount == 0] == 0).all()


def tree_column(tree, name):
    data = tree["constant_data"].to_dataset()
    at = [str(term) for term in data["term"].values].index(name)
    return (data["design"][0, :, at] * data["design_scale"][at] + data["design_centre"][at]).to_numpy()


def test_terms_are_grouped_by_what_they_mean():
    spec = parse_spec(
        {**SPEC, "controls": ["price", "sin_tax"], "baseline": {"events": {"strike": ["2024-05-01"]}}}
    )
    terms = [
        "intercept",
        "trend",
        "price",
        "sin_tax",
        "sin_1",
        "cos_1",
        "Christmas Day",
        "Easter -1w",
        "strike",
    ]
    assert baseline_groups(terms, spec) == {
        "baseline": [0, 1], "price": [2], "sin_tax": [3], "seasonality": [4, 5], "holidays": [6, 7], "strike": [8],
    }  # fmt: skip


def test_a_channel_without_media_brings_nothing_and_a_doubled_coefficient_twice_as_much():
    one = posterior(coefficient=[[1.0, 0.5, 0.0]], seed=3)
    two = posterior(coefficient=[[2.0, 0.5, 0.0]], seed=3)
    once, twice = contributions(one)["mean"], contributions(two)["mean"]
    np.testing.assert_allclose(twice.sel(component="tv"), 2 * once.sel(component="tv"), rtol=1e-6)
    np.testing.assert_allclose(twice.sel(component="search"), once.sel(component="search"))
    assert (once.sel(component="newsletter") == 0).all()


def test_summary_is_that_of_the_draws(panel):
    parts = np.concatenate(list(Decomposition.of(Posterior.of(panel)).chunks())).sum(axis=1)
    summary = contributions(panel)
    assert summary["mean"].dims == ("component", "week")
    np.testing.assert_allclose(summary["mean"], parts.mean(axis=0).T, rtol=1e-5)
    np.testing.assert_allclose(summary["q05"], np.quantile(parts, 0.05, axis=0).T, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(summary["q95"], np.quantile(parts, 0.95, axis=0).T, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(summary["predicted"], summary["mean"].sum("component"), rtol=1e-6)


def test_geos_apart_add_up_to_geos_together(panel):
    apart, together = contributions(panel, by_geo=True), contributions(panel)
    assert apart["mean"].dims == ("component", "geo", "week")
    np.testing.assert_allclose(apart["mean"].sum("geo"), together["mean"], rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(apart["actual"].sum("geo"), together["actual"])


def test_chunks_do_not_change_the_draws(national, monkeypatch):
    whole = np.concatenate(list(Decomposition.of(Posterior.of(national)).chunks()))
    monkeypatch.setattr("mmm_core.posterior.predictor.CHUNK", 65 * 6 * 7)  # 64 weeks fill five quarters
    pieces = list(Decomposition.of(Posterior.of(national)).chunks())
    assert [len(piece) for piece in pieces] == [7, 7, 7, 7, 7, 5]
    np.testing.assert_allclose(np.concatenate(pieces), whole)


def test_a_long_model_is_summarised_from_fewer_draws(national, monkeypatch):
    monkeypatch.setattr("mmm_core.effects.contributions.KEPT", 60 * 6 * 10)
    few = contributions(national)
    kept = Posterior.of(national).thinned(10)
    ten = np.concatenate(list(Decomposition.of(Posterior.of(national), positions=kept).chunks()))
    np.testing.assert_allclose(few["mean"], ten.sum(1).mean(0).T, rtol=1e-5)


def test_revenue_is_the_kpi_times_what_a_unit_is_worth():
    spec = {**SPEC, "kpi": {"column": "orders", "revenue_per_unit": "order_value"}}
    tree = posterior(spec)
    revenue, kpi = contributions(tree), contributions(tree, revenue=False)
    value = tree["constant_data"]["revenue_per_kpi"].to_numpy()[0]
    np.testing.assert_allclose(revenue["mean"], kpi["mean"] * value, rtol=1e-5)
    assert (revenue.attrs["unit"], revenue.attrs["outcome"]) == ("revenue", "revenue")
    assert (kpi.attrs["unit"], kpi.attrs["outcome"]) == ("kpi", "orders")
    assert contributions(case("other_kinds")).attrs["outcome"] == "orders"


@pytest.mark.parametrize("name", SPECS)
def test_draws_of_the_base_are_the_prediction_without_media(name):
    tree = case(name)
    base = baseline_draws(tree)
    sizes = tree["constant_data"].sizes
    assert base.dims == ("chain", "draw", "geo", "week")
    assert base.shape == (2, 3, sizes["geo"], sizes["week"])
    assert base.dtype == np.float32
    for chain, draw in ((0, 0), (1, 2)):
        one = brute_force.one_draw(tree, 3 * chain + draw)
        wanted = brute_force.expected(tree, one, brute_force.baseline(tree, one))
        np.testing.assert_allclose(base[chain, draw], wanted, rtol=1e-5)
    together = baseline_draws(tree, by_geo=False)
    assert together["geo"].values.tolist() == ["all"]
    np.testing.assert_allclose(together[:, :, 0], base.sum("geo"), rtol=1e-5)


def test_every_so_many_draws_of_the_base(national):
    every = baseline_draws(national, every=6)
    assert every["draw"].values.tolist() == [0, 6, 12, 18]
    np.testing.assert_array_equal(every, baseline_draws(national)[:, ::6])


def test_who_changes_the_answer_changes_it_for_himself_alone():
    tree = case("plain")
    first = contributions(tree)
    first["mean"] = first["mean"] * 0
    first.attrs["unit"] = "another"
    assert float(contributions(tree)["mean"].sum()) > 0
    assert contributions(tree).attrs["unit"] != "another"
