"""A whole fit: what comes out, that it repeats, that it is saved exactly and that it finds the truth."""

import errno
from itertools import groupby
from typing import NamedTuple

import arviz as az
import jax
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mmm_core.data.arrays import model_data
from mmm_core.errors import InputError
from mmm_core.inference.fit import fit, fit_and_save, refit
from mmm_core.posterior.schema import check_posterior, load_posterior, save_posterior, spec_of
from mmm_core.spec.model_spec import ModelSpec, parse_spec
from tests.mmm_core.definitions import family_spec, family_table, response
from tests.mmm_core.posteriors import SPEC, panel_spec, weekly_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def tree(steps):
    return fit(weekly_table(104), parse_spec(SPEC), progress=steps.append)


def test_layout_and_convergence(tree):
    check_posterior(tree)
    draws = tree["posterior"].to_dataset()
    assert dict(draws.sizes) == {
        "chain": 2, "draw": 200, "channel": 3, "paid_channel": 2, "geo": 1, "week": 100, "term": 6,
    }  # fmt: skip
    assert max(float(az.rhat(draws)[name].max()) for name in draws) < 1.05
    assert spec_of(tree) == parse_spec(SPEC)


def test_progress_was_told(steps):
    phases = [phase for phase, _ in groupby(step.phase for step in steps)]
    assert phases[-4:] == ["compiling", "warm-up", "sampling", "summarising"]
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert done[-1] == steps[-1].total == 400
    warmed = [step.done for step in steps if step.phase == "warm-up"]
    assert 0 < warmed[0] < warmed[-1] == 200


def test_level_moves_about_the_intercept(tree):
    np.testing.assert_allclose(tree["posterior"]["level"].mean("week"), 0, atol=1e-9)


def test_the_prediction_follows_the_kpi(tree):
    data, draws = tree["constant_data"], tree["posterior"]
    base = draws["level"] + (draws["fixed_effect"] * data["design"]).sum("term")
    above = data["kpi"] / data["kpi_scale"] - base
    residual = above.mean(("chain", "draw")).to_numpy()
    assert residual.mean() > 0  # what is left to media is positive
    assert np.corrcoef(residual[0], data["spend"].sel(paid_channel="search")[0, -100:])[0, 1] > 0


def test_same_seed_same_draws_and_another_seed_others(tree):
    again = fit(weekly_table(104), parse_spec(SPEC))
    xr.testing.assert_identical(again["posterior"].to_dataset(), tree["posterior"].to_dataset())
    other = fit(weekly_table(104), parse_spec({**SPEC, "fit": {**SPEC["fit"], "seed": 8}}))
    assert not np.array_equal(other["posterior"]["sigma"], tree["posterior"]["sigma"])


def test_a_further_week_and_its_holdout_compile_nothing(tree):
    """Arrays hold whole quarters, 104 weeks here, and weeks left out are only masked."""
    compiled = []

    def listen(event, seconds, **kwargs):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(kwargs)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        later = fit(weekly_table(105), parse_spec(SPEC))
        without = fit(weekly_table(105), parse_spec(SPEC), holdout_weeks=13, draws=100)
        assert compiled == []
        fit(weekly_table(109), parse_spec(SPEC), draws=100)  # the quarter's end is another shape
        assert compiled
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    for posterior in (later, without):
        assert (
            posterior["posterior"]["level"].sizes["week"] == posterior["constant_data"].sizes["week"] == 101
        )


def test_a_refit_starts_where_the_whole_fit_ended(tree, tmp_path):
    """A third of the warm-up; from the file the same draws as from memory; the held-out KPI reaches none of them."""
    steps = []
    spec, table = parse_spec(SPEC), weekly_table(104)
    first = refit(table, spec, tree, 13, progress=steps.append)
    assert first["sample_stats"].sizes["draw"] == 200  # no more than the specification's
    total = {step.total for step in steps if step.phase == "sampling"}
    assert total == {200 + 100}  # of a warm-up of 200: two blocks, its least
    worst = max(
        float(az.rhat(first["posterior"].to_dataset())[name].max()) for name in ("roi", "sigma", "tau")
    )
    assert worst < 1.05
    changed = table.copy()
    changed.loc[changed.index[-13:], "revenue"] *= 3
    save_posterior(tree, tmp_path / "whole.nc")
    again = refit(changed, spec, load_posterior(tmp_path / "whole.nc"), 13, tmp_path / "refit.nc")
    for name in ("roi", "sigma", "level"):
        np.testing.assert_array_equal(first["posterior"][name], again["posterior"][name], err_msg=name)
    assert (tmp_path / "refit.nc").is_file()
    cold = refit(table, spec, None, 13)
    for name in ("roi", "sigma"):
        spread = cold["posterior"][name].to_numpy().std(axis=(0, 1))
        means = [p["posterior"][name].to_numpy().mean(axis=(0, 1)) for p in (first, cold)]
        assert np.abs(means[0] - means[1]).max() < 0.3 * np.max(spread), name


def test_saved_and_loaded_exactly(tree, tmp_path):
    save_posterior(tree, tmp_path / "posterior.nc")
    back = load_posterior(tmp_path / "posterior.nc")
    for group in ("posterior", "sample_stats", "constant_data"):
        xr.testing.assert_identical(back[group].to_dataset(), tree[group].to_dataset())
    assert back.attrs == tree.attrs
    assert [path.name for path in tmp_path.iterdir()] == ["posterior.nc"]


def test_a_posterior_that_cannot_be_written_leaves_its_checkpoint(tree, tmp_path, monkeypatch):
    """A disk that is full when the draws are done: the same fit goes on from them, and only then the file goes."""
    monkeypatch.setattr("mmm_core.inference.hmc.sampler.CHECKPOINT_SECONDS", 0.0)
    path, checkpoint, steps = tmp_path / "out" / "posterior.nc", tmp_path / "fit.checkpoint", []

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(xr.DataTree, "to_netcdf", full)
        with pytest.raises(OSError, match=r"posterior\.nc"):
            fit_and_save(weekly_table(104), parse_spec(SPEC), path, steps.append, checkpoint)
    assert checkpoint.is_file()
    assert not path.exists()
    assert "its draws are kept in" in steps[-1].message

    steps.clear()
    again = fit_and_save(weekly_table(104), parse_spec(SPEC), path, steps.append, checkpoint)
    assert "going on from the checkpoint at iteration 400" in [step.message for step in steps]
    assert not [step for step in steps if step.phase in ("warm-up", "sampling")]  # nothing was drawn again
    for found in (again, load_posterior(path)):
        xr.testing.assert_identical(found["posterior"].to_dataset(), tree["posterior"].to_dataset())
    assert not checkpoint.exists()


def test_a_checkpoint_that_cannot_be_kept_is_refused_before_anything_is_computed(tmp_path):
    (tmp_path / "file").touch()
    steps = []
    with pytest.raises(
        InputError, match=r"file/state: the sampler's state cannot be kept there: .* is no folder"
    ):
        fit(weekly_table(104), parse_spec(SPEC), steps.append, checkpoint=tmp_path / "file" / "state")
    assert steps == []


def test_files_that_are_no_posterior(tree, tmp_path):
    with pytest.raises(
        InputError, match=r"no such posterior: `mmm fit ... --out FOLDER` writes one to FOLDER/"
    ):
        load_posterior(tmp_path / "absent.nc")
    whole = save_posterior(tree, tmp_path / "posterior.nc").read_bytes()
    (tmp_path / "half.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"or a damaged one: name the posterior.nc .* or fit again$"):
        load_posterior(tmp_path / "half.nc")
    stranger = tmp_path / "stranger.nc"
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(stranger, engine="h5netcdf")
    with pytest.raises(InputError, match="group posterior is missing"):
        load_posterior(stranger)


def test_a_posterior_with_a_fault_is_not_saved(tree, tmp_path):
    broken = tree.copy(deep=True)
    broken["posterior"]["sigma"][0, 0] = np.nan
    with pytest.raises(InputError, match="sigma holds draws that are not finite"):
        save_posterior(broken, tmp_path / "posterior.nc")
    assert not list(tmp_path.iterdir())


def test_kpi_of_a_holdout_does_not_reach_the_posterior():
    table, spec = weekly_table(104), parse_spec(SPEC)
    held = fit(table, spec, holdout_weeks=13)
    changed = table.copy()
    changed.loc[changed.index[-13:], "revenue"] *= 1.5
    again = fit(changed, spec, holdout_weeks=13)
    np.testing.assert_allclose(again["posterior"]["alpha"], held["posterior"]["alpha"])
    # the level is forecast there: its spread grows with the horizon
    spread = held["posterior"]["level"].std(("chain", "draw")).to_numpy()
    assert spread[-1] > spread[-14]
    with pytest.raises(InputError, match="shorten it"):
        fit(table, spec, holdout_weeks=90)


@pytest.mark.parametrize(
    "changes",
    [
        {"baseline": {"level": "constant", "events": {"sale": ["2024-11-29", "2025-11-28"]}}},
        {
            "baseline": {"level": "linear", "seasonality": {"order": 0}},
            "kpi": {"column": "orders", "revenue_per_unit": "order_value"},
            "fit": {"chains": 3, "warmup": 150, "draws": 130, "precision": "float32"},
        },
    ],
)
def test_other_baselines_and_settings_fit(changes):
    tree = fit(weekly_table(104), parse_spec({**SPEC, **changes}))
    check_posterior(tree)
    assert np.isfinite(tree["posterior"]["roi"]).all()
    assert (tree["posterior"]["tau"] == 0).all()


def test_geos_without_pooling_and_with_complete_pooling():
    table, geo = weekly_table(80, geos=("n", "s", "w")), {"column": "geo", "population": "population"}
    complete = fit(table, parse_spec(panel_spec(geo={**geo, "pooling": "complete"})))["posterior"][
        "coefficient"
    ]
    np.testing.assert_allclose(complete.sel(geo="n"), complete.sel(geo="w"))
    apart = fit(table, parse_spec(panel_spec(geo={**geo, "pooling": "none"})))["posterior"]["coefficient"]
    assert (apart.sel(geo="n") != apart.sel(geo="w")).all()


class World(NamedTuple):
    """A table simulated from known parameters, and the ROI (channel,) that they have."""

    spec: ModelSpec
    table: pd.DataFrame
    roi: np.ndarray


def world(spec, table, shape, ceiling, noise, seed=0, base=0.0, multiplier=1.0):
    """KPI per head = 900, or exp(7), plus a slow wave, `base`, media and noise.

    Args:
        shape: parameters of carryover and saturation, (channel,).
        ceiling: (geo or 1, channel), in units of the KPI per head, or of its logarithm.
        noise: (geo, week) of the modelled weeks. base: what else is in them. multiplier: of the first channel, (week,).
    """
    data, rng = model_data(table, spec), np.random.default_rng(seed)
    history, weeks = spec.l_max, data.sizes["week"]
    terms = response(spec, data, shape) * np.asarray(ceiling).T[:, :, None]
    terms[0] = terms[0] * multiplier
    wave = np.sin(np.arange(weeks) / 30)
    population = data["population"].to_numpy()[:, None]
    if spec.kpi.scale == "log":
        kpi = population * np.exp(7 + 0.05 * wave + base + terms.sum(0) + noise)
        brought = (kpi * -np.expm1(-terms)).sum((1, 2))
    else:
        kpi = population * (900 + 40 * wave + base + terms.sum(0) + noise)
        brought = (population * terms).sum((1, 2))
    early = kpi[:, :1] * rng.uniform(0.9, 1.1, (len(kpi), history))
    table = table.assign(revenue=np.concatenate([early, kpi], axis=1).ravel())
    spend = data["spend"].to_numpy()[:, history:].sum((0, 1))
    return World(spec, table, brought[: len(spend)] / spend)


def fitted(world, tmp_path_factory):
    """The posterior, after it was checked, converged, and came back from its file as it was."""
    tree = fit(world.table, world.spec)
    check_posterior(tree)
    draws = tree["posterior"].to_dataset()
    assert float(tree["sample_stats"]["diverging"].mean()) < 0.02
    for name in ("roi", "sigma", "coefficient"):
        assert float(az.rhat(draws)[name].max()) < 1.06, name
    path = save_posterior(tree, tmp_path_factory.mktemp("family") / "posterior.nc")
    xr.testing.assert_identical(load_posterior(path)["posterior"].to_dataset(), draws)
    return tree


def holds(values, truth):
    """Whether the central 99 % of the draws hold the truth, entry by entry."""
    low, high = values.quantile([0.005, 0.995], ("chain", "draw")).to_numpy()
    return (low < truth) & (truth < high)


SHORT = {"chains": 2, "warmup": 300, "draws": 300}


@pytest.fixture(scope="module")
def national(tmp_path_factory):
    """Every kind of media, two of a group, a drifting effect, a promotion that loses money."""
    channels = {
        "tv": {"group": "both", "time_varying": {"every": 26}},
        "search": {"group": "both"},
        "video": {"prior": {"mroi": {"lognormal": [0.2, 0.9]}}},
        "press": {"prior": {"coefficient": {"halfnormal": [2.0]}}},
    }
    promotion = {"column": "promotion", "baseline": "zero", "prior": {"contribution": {"normal": [0, 0.1]}}}
    spec = family_spec(
        channels,
        media={"pooling": {"by": "group"}},
        treatments={"promo": promotion},
        controls=[],
        baseline={"seasonality": {"order": 1}},
        fit=SHORT,
    )
    table, rng = family_table(weeks=162), np.random.default_rng(5)
    table["promotion"] = rng.binomial(3, 0.3, 162).astype(float)
    nan = np.nan
    shape = {
        "alpha": [0.5, nan, nan, 0.6, 0.4, nan],
        "peak": [1.5, nan, nan, nan, nan, nan],
        "shape": [nan, 1.5, nan, nan, nan, 1.2],
        "scale": [nan, 2.0, nan, nan, nan, 2.0],
        "half_saturation": [1.0, nan, 1.0, 1.0, nan, 1.0],
        "slope": [1.3, nan, nan, 1.3, nan, nan],
        "rate": [nan, 1.0, nan, nan, nan, nan],
        "exponent": [nan, nan, nan, nan, 0.6, nan],
    }
    ceiling = [[250.0, 150.0, 80.0, 150.0, 40.0, 30.0]]
    weeks = 162 - spec.l_max
    drift = np.exp(0.25 * np.sin(np.arange(weeks) / 25))
    promoted = -15 * table["promotion"].to_numpy()[-weeks:]
    noise = rng.normal(0, 12, (1, weeks))
    made = world(spec, table, shape, ceiling, noise, base=promoted, multiplier=drift / drift.mean())
    return made, fitted(made, tmp_path_factory)


def test_every_kind_of_media_finds_the_truth(national):
    made, tree = national
    draws = tree["posterior"]
    assert holds(draws["roi"], made.roi).all()
    # the data say more of television than the prior did
    assert float(np.log(draws["roi"]).std(("chain", "draw"))[0]) < 0.45
    for name, truth in (("peak", 1.5), ("slope", 1.3)):
        assert holds(draws[name].sel(channel="tv"), truth)
    assert np.isnan(draws["peak"].sel(channel="radio")).all()
    assert holds(draws["sigma"] * float(tree["constant_data"]["kpi_scale"]), 12.0)
    assert draws["correlation"].dims == ("chain", "draw", "group")


def test_a_promotion_that_loses_money_is_found_out(national):
    _, tree = national
    data = tree["constant_data"]
    scale = float(data["kpi_scale"]) / float(data["design_scale"].sel(term="promo"))
    effect = tree["posterior"]["fixed_effect"].sel(term="promo") * scale
    assert holds(effect, -15.0).all()
    assert float(effect.mean()) < -8


def test_the_drift_of_an_effect_is_followed(national):
    _, tree = national
    multiplier = tree["posterior"]["multiplier"]
    np.testing.assert_allclose(multiplier.mean("week"), 1.0, rtol=1e-6)
    drift = np.sin(np.arange(multiplier.sizes["week"]) / 25)
    assert np.corrcoef(multiplier.sel(channel="tv").mean(("chain", "draw")), drift)[0, 1] > 0.3
    assert (multiplier.sel(channel="search") == 1).all()


PANEL_MEDIA = {
    "defaults": {"adstock": {"l_max": 4}, "saturation": {"slope": 1.0}},
    "channels": {"tv": {"spend": "tv_spend"}, "search": {"spend": "search_spend"}},
}
PANEL_SHAPE = {"alpha": [0.6, 0.3], "half_saturation": [1.0, 1.5], "slope": [1.0, 1.0]}


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    """Four geos, in which television works from not at all to twice as well."""
    spec = parse_spec(panel_spec(media=PANEL_MEDIA, fit=SHORT))
    table, rng = family_table(weeks=84, geos=("e", "n", "s", "w")), np.random.default_rng(6)
    ceiling = np.array([[200.0, 150.0]]) * np.array([[0.2, 1.0], [0.8, 1.0], [1.2, 1.0], [1.8, 1.0]])
    made = world(spec, table, PANEL_SHAPE, ceiling, rng.normal(0, 20, (4, 80)))
    return made, ceiling, fitted(made, tmp_path_factory)


def test_a_panel_finds_each_geos_effect(panel):
    made, ceiling, tree = panel
    draws = tree["posterior"]
    assert list(draws["geo"].to_numpy()) == ["e", "n", "s", "w"]
    assert draws["geo_spread"].dims == ("chain", "draw", "channel")
    assert holds(draws["roi"], made.roi).all()
    coefficient = draws["coefficient"] * float(tree["constant_data"]["kpi_scale"])
    assert holds(coefficient, ceiling).all()
    means = coefficient.mean(("chain", "draw")).sel(channel="tv").to_numpy()
    assert (np.diff(means) > 0).all()


def test_outliers_of_heavy_tailed_noise_weigh_little(tmp_path_factory):
    """Six weeks are ten sd off; the noise of the others and the ROI are found all the same."""
    spec = parse_spec({**SPEC, "media": PANEL_MEDIA, "likelihood": "student_t", "fit": SHORT})
    table, rng = family_table(weeks=124), np.random.default_rng(8)
    noise = rng.normal(0, 12, (1, 120))
    noise[0, rng.choice(120, 6, replace=False)] += rng.choice([-1, 1], 6) * 120
    made = world(spec, table, PANEL_SHAPE, [[200.0, 150.0]], noise)
    tree = fitted(made, tmp_path_factory)
    assert holds(tree["posterior"]["roi"], made.roi).all()
    sigma = float(tree["posterior"]["sigma"].mean() * tree["constant_data"]["kpi_scale"])
    assert 6 < sigma < 18  # with the outliers, the sd is 29
    assert (tree["posterior"]["nu"] == 4).all()


def test_effects_that_multiply_are_found_on_the_log_scale(tmp_path_factory):
    """Log-normal effects of geos, a KPI of very different sizes."""
    geo = {"column": "geo", "population": "population", "effects": "lognormal"}
    kpi = {"column": "revenue", "scale": "log"}
    spec = parse_spec(panel_spec(geo=geo, kpi=kpi, media=PANEL_MEDIA, fit=SHORT))
    table, rng = family_table(weeks=84, geos=("n", "s", "w")), np.random.default_rng(9)
    ceiling = np.array([[0.2, 0.15]]) * np.array([[0.7, 1.0], [1.0, 1.0], [1.3, 1.0]])
    made = world(spec, table, PANEL_SHAPE, ceiling, rng.normal(0, 0.02, (3, 80)))
    tree = fitted(made, tmp_path_factory)
    draws = tree["posterior"]
    assert holds(draws["roi"], made.roi).all()
    assert holds(draws["coefficient"] * float(tree["constant_data"]["kpi_scale"]), ceiling).all()
    assert holds(draws["sigma"] * float(tree["constant_data"]["kpi_scale"]), 0.02)
