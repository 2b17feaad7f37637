"""The decomposition adds up, draw by draw, and each part is what its formula says."""

import numpy as np
import pytest

from mmm_core.contributions import Decomposition, baseline_groups, contributions
from tests.mmm_core.posteriors import SPEC, adstocked, hill, panel_spec, posterior, weekly_table


@pytest.fixture(scope="module")
def national():
    return posterior()


@pytest.fixture(scope="module")
def panel():
    return posterior(panel_spec(), weekly_table(geos=("a", "b", "c")))


def prediction(tree):
    """The model's mean for every draw (draw, geo, week), from its formula with plain loops."""
    data, draws = tree["constant_data"].to_dataset(), tree["posterior"].to_dataset()
    history = data.sizes["media_week"] - data.sizes["week"]
    out = []
    for chain in range(draws.sizes["chain"]):
        for draw in range(draws.sizes["draw"]):
            one = draws.isel(chain=chain, draw=draw)
            geos = []
            for g in range(data.sizes["geo"]):
                head = float(data["population"][g])
                mean = (
                    one["level"].to_numpy() + data["design"][g].to_numpy() @ one["fixed_effect"][g].to_numpy()
                )
                for c in range(data.sizes["channel"]):
                    media = data["exposure"][g, :, c].to_numpy() / head / float(data["media_scale"][c])
                    carried = adstocked(media, float(one["alpha"][c]), 4)[history:]
                    response = hill(carried, float(one["half_saturation"][c]), float(one["slope"][c]))
                    mean = mean + float(one["coefficient"][g, c]) * response
                geos.append(mean * head * float(data["kpi_scale"]))
            out.append(geos)
    return np.array(out)


@pytest.mark.parametrize("which", ["national", "panel"])
def test_components_add_up_to_the_prediction_for_every_draw(which, request):
    tree = request.getfixturevalue(which)
    parts = np.concatenate(list(Decomposition.of(tree).chunks()))
    np.testing.assert_allclose(parts.sum(axis=-1), prediction(tree), rtol=1e-10)


def test_a_channel_without_media_brings_nothing_and_a_doubled_coefficient_twice_as_much():
    one = posterior(coefficient=[[1.0, 0.5, 0.0]], seed=3)
    two = posterior(coefficient=[[2.0, 0.5, 0.0]], seed=3)
    once, twice = contributions(one)["mean"], contributions(two)["mean"]
    np.testing.assert_allclose(twice.sel(component="tv"), 2 * once.sel(component="tv"), rtol=1e-6)
    np.testing.assert_allclose(twice.sel(component="search"), once.sel(component="search"))
    assert (once.sel(component="newsletter") == 0).all()


def test_summary_is_that_of_the_draws(panel):
    parts = np.concatenate(list(Decomposition.of(panel).chunks())).sum(axis=1)
    summary = contributions(panel)
    assert summary["mean"].dims == ("component", "week")
    assert summary["component"].values.tolist() == [
        "tv",
        "search",
        "newsletter",
        "baseline",
        "price",
        "seasonality",
    ]
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
    whole = np.concatenate(list(Decomposition.of(national).chunks()))
    monkeypatch.setattr("mmm_core.contributions._CHUNK", 64 * 6 * 7)
    pieces = list(Decomposition.of(national).chunks())
    assert [len(piece) for piece in pieces] == [7, 7, 7, 7, 7, 5]
    np.testing.assert_allclose(np.concatenate(pieces), whole)


def test_revenue_is_the_kpi_times_what_a_unit_is_worth():
    spec = {**SPEC, "kpi": {"column": "orders", "revenue_per_unit": "order_value"}}
    tree = posterior(spec)
    revenue, kpi = contributions(tree), contributions(tree, revenue=False)
    value = tree["constant_data"]["revenue_per_kpi"].to_numpy()[0]
    np.testing.assert_allclose(revenue["mean"], kpi["mean"] * value, rtol=1e-5)
    assert revenue.attrs["unit"] == "revenue"
    assert kpi.attrs["unit"] == "kpi"


def test_terms_are_grouped_by_what_they_mean():
    groups = baseline_groups(["intercept", "trend", "price", "sin_1", "cos_1", "strike", "sin_tax"])
    assert groups == {"baseline": [0, 1], "price": [2], "seasonality": [3, 4], "strike": [5], "sin_tax": [6]}
