"""The base of a posterior, its pairing with metrics, and what its uncertainty is worth."""

import numpy as np
import pytest
import xarray as xr

from mmm_core.effects.contributions import baseline_draws, contributions
from mmm_core.errors import InputError
from mmm_core.long_term.base import base_draws, measured_base, plugged_in, variance_ratio, with_metrics
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.multipliers import cumulative_multipliers
from tests.mmm_core.long_term.worlds import world
from tests.mmm_core.posteriors import SPEC, family_spec, panel_spec, posterior, weekly_table


@pytest.fixture(scope="module")
def tree():
    return posterior(draws=30)


def test_the_base_is_the_level_and_nothing_else(tree):
    found = base_draws(tree)
    level = tree["posterior/level"].to_numpy().reshape(60, -1)
    effect = tree["posterior/fixed_effect"].to_numpy().reshape(60, -1)
    terms = [str(term) for term in tree["constant_data/term"].to_numpy()]
    expected = level + effect[:, [terms.index("intercept")]]
    ratio = found.to_numpy() / expected
    assert np.allclose(ratio, ratio.flat[0], rtol=1e-9)
    assert found["draw"].to_numpy().tolist() == list(range(60))


def test_it_is_the_baseline_component_of_the_decomposition(tree):
    mean = contributions(tree, revenue=False)["mean"].sel(component="baseline")
    assert np.allclose(base_draws(tree).mean("draw"), mean, rtol=1e-5)


def test_what_comes_and_goes_by_itself_is_not_in_it(tree):
    """Beside all that is sold without media: season, holidays and controls are left out."""
    everything = baseline_draws(tree, by_geo=False).stack(all=("chain", "draw")).isel(geo=0)
    parts = contributions(tree, revenue=False)["mean"]
    others = [name for name in parts["component"].to_numpy() if name in ("seasonality", "price", "holidays")]
    rest = everything.mean("all") - base_draws(tree).mean("draw").to_numpy()
    assert np.allclose(rest, parts.sel(component=others).sum("component"), atol=1e-3 * float(abs(rest).max()))


@pytest.mark.parametrize(
    ("spec", "table"),
    [
        (panel_spec(), weekly_table(geos=("north", "south"))),
        ({**SPEC, "kpi": {"column": "revenue", "scale": "log"}}, None),
        (family_spec(), weekly_table(weeks=80)),
    ],
)
def test_of_panels_logarithms_and_slopes_too(spec, table):
    tree = posterior(spec, table, draws=20)
    mean = contributions(tree, revenue=False)["mean"].sel(component="baseline")
    found = base_draws(tree, 40)
    assert np.allclose(found.mean("draw"), mean, rtol=1e-5)
    assert found.sizes == {"draw": 40, "week": mean.sizes["week"]}


def test_some_draws_are_known_by_their_place_among_all(tree):
    some, every = base_draws(tree, 10), base_draws(tree)
    assert some.sizes["draw"] == 10
    assert np.allclose(some, every.sel(draw=some["draw"]))


def test_metrics_stand_before_the_base_and_are_paired(tree):
    base = base_draws(tree)
    weeks = base["week"]
    logit = xr.DataArray(
        np.random.default_rng(0).normal(size=(60, len(weeks))), dims=("draw", "week"), coords={"week": weeks}
    )
    known = xr.DataArray(np.arange(float(len(weeks))), dims="week", coords={"week": weeks})
    found = with_metrics(base, {"awareness": logit, "searches": known})
    assert found["variable"].to_numpy().tolist() == ["awareness", "searches", "base"]
    assert np.array_equal(found.sel(variable="awareness"), logit)
    assert np.array_equal(found.sel(variable="base"), base)
    assert found["draw"].to_numpy().tolist() == base["draw"].to_numpy().tolist()
    with pytest.raises(InputError, match="'awareness' has 59 draws, the base 60"):
        with_metrics(base, {"awareness": logit[:59]})
    with pytest.raises(InputError, match=r"'awareness' is not of the weeks of the base .missing: 2024"):
        with_metrics(base, {"awareness": logit[:, 1:]})


def test_propagation_is_wider_than_plugging_in_and_says_by_how_much():
    made = world(120, seed=9)
    rng = np.random.default_rng(1)
    noise = np.zeros((400, 120, 3))
    noise[..., 2] = np.cumsum(rng.normal(0, 0.3, (400, 120)), axis=1)
    draws = xr.DataArray(
        made.variables.to_numpy() + noise,
        dims=("draw", "week", "variable"),
        coords={"draw": np.arange(400), "week": made.variables.index, "variable": list(made.variables)},
    )
    whole = cumulative_multipliers(fit_bvar(draws, made.spend, lags=1), (24,))
    plain = cumulative_multipliers(fit_bvar(plugged_in(draws), made.spend, lags=1, draws=400), (24,))
    found = variance_ratio(whole, plain).isel(horizon=0)
    assert found.sel(response="base", channel="tv") > 1.3
    assert found.dims == ("response", "channel")


def test_a_variance_ratio_is_that_of_widths():
    rng = np.random.default_rng(0)
    narrow = xr.DataArray(rng.normal(size=50_000), dims="draw")
    assert variance_ratio(5 + 3 * narrow, narrow).item() == pytest.approx(9)
    heavy = xr.DataArray(rng.standard_cauchy(50_000), dims="draw")
    assert np.isfinite(variance_ratio(heavy, narrow))


def test_the_plug_in_is_the_mean(tree):
    base = with_metrics(base_draws(tree), {})
    assert np.allclose(plugged_in(base).sel(variable="base"), base.mean("draw").sel(variable="base"))


def expected_kpi(tree, draw):
    """The KPI's expectation at a draw, worked out from contributions of that draw alone, (week,)."""
    from mmm_core.posterior.handle import Posterior

    predictor = Posterior.of(tree).predictor(np.array([draw]))
    base = predictor.baseline_terms(slice(0, 1))
    return predictor.with_media(predictor.expected(base, slice(0, 1)), predictor.media_terms(slice(0, 1)))[0]


def test_of_a_kpi_in_levels_the_measurement_is_what_all_else_leaves_of_it(tree):
    """KPI less media, season and controls, whatever level the draw has; its error is the model's noise."""
    found = measured_base(tree)
    kpi = tree["constant_data/kpi"].to_numpy()[0]
    everything = expected_kpi(tree, 7)[0] - found["base"].sel(draw=7).to_numpy()
    assert np.allclose(found["measured"].sel(draw=7), kpi - everything, rtol=1e-9)
    unit = float(tree["constant_data/kpi_scale"]) * float(tree["constant_data/population"][0])
    sigma = tree["posterior/sigma"].to_numpy().reshape(-1)
    assert np.allclose(found["sd"], unit * sigma[:, None], rtol=1e-9)
    # another level changes the base that a draw has, and not what is measured
    moved = tree.copy(deep=True)
    moved["posterior/level"] = moved["posterior/level"] + np.linspace(0, 1, moved["posterior"].sizes["week"])
    again = measured_base(moved)
    assert not np.allclose(again["base"], found["base"])
    assert np.allclose(again["measured"], found["measured"], rtol=1e-9)


def test_of_a_panel_geos_measure_the_common_level_together():
    """Two geos: the mean of what both say, with the error of a mean; none where no geo was seen."""
    table = weekly_table(geos=("north", "south"))
    tree = posterior(panel_spec(), table, draws=20)
    data = tree["constant_data"].to_dataset()
    unit = float(data["kpi_scale"]) * data["population"].to_numpy()
    sigma = tree["posterior/sigma"].to_numpy().reshape(-1)
    found = measured_base(tree)
    left = (data["kpi"].to_numpy() - expected_kpi(tree, 3)) / unit[:, None]
    expected = found["base"].sel(draw=3) + unit.sum() * left.mean(0)
    assert np.allclose(found["measured"].sel(draw=3), expected, rtol=1e-9)
    assert np.allclose(found["sd"], unit.sum() * sigma[:, None] / np.sqrt(2), rtol=1e-9)
    blind = tree.copy(deep=True)
    seen = data["observed"].copy(deep=True)
    seen[0, 5] = seen[0, 8] = seen[1, 8] = False
    blind["constant_data/observed"] = seen
    some = measured_base(blind)
    assert np.allclose(some["sd"].isel(week=5), unit.sum() * sigma)
    assert np.isinf(some["sd"].isel(week=8)).all()
    assert np.allclose(some["measured"].isel(week=8), some["base"].isel(week=8))


def test_of_a_logarithm_the_measurement_is_relative_to_the_base():
    tree = posterior({**SPEC, "kpi": {"column": "revenue", "scale": "log"}}, None, draws=20)
    found = measured_base(tree)
    sigma = tree["posterior/sigma"].to_numpy().reshape(-1)[:, None] * float(tree["constant_data/kpi_scale"])
    assert np.allclose(found["sd"] / found["base"], sigma, rtol=1e-9)
    spread = np.exp(sigma[9] ** 2 / 2)
    left = np.log(tree["constant_data/kpi"].to_numpy()[0] / (expected_kpi(tree, 9)[0] / spread))
    assert np.allclose(found["measured"].sel(draw=9) / found["base"].sel(draw=9), 1 + left, rtol=1e-9)


def test_heavy_tailed_noise_measures_a_week_by_its_own_weight():
    tree = posterior({**SPEC, "likelihood": "student_t"}, None, draws=20)
    found = measured_base(tree)
    sd = found["sd"].to_numpy()
    assert (np.ptp(sd, axis=1) > 0).all()
    off = abs(found["measured"] - found["base"]).to_numpy()
    assert np.corrcoef(off.ravel(), np.log(sd).ravel())[0, 1] > 0.05  # far off weighs less
