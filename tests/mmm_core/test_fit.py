"""A whole fit: what comes out, that it repeats, that it is saved exactly and that it finds the truth."""

import arviz as az
import numpy as np
import pytest
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.fit import fit
from mmm_core.posterior import check_posterior, load_posterior, save_posterior, spec_of, version
from mmm_core.spec import parse_spec
from mmm_core.table import fingerprint
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
    assert [step.phase for step in steps] == [
        "compiling",
        "warm-up",
        "warm-up",
        "sampling",
        "sampling",
        "summarising",
    ]
    assert [step.done for step in steps] == [0, 100, 200, 300, 400, 400]


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


def test_saved_and_loaded_exactly(tree, tmp_path):
    save_posterior(tree, tmp_path / "posterior.nc")
    back = load_posterior(tmp_path / "posterior.nc")
    for group in ("posterior", "sample_stats", "constant_data"):
        xr.testing.assert_identical(back[group].to_dataset(), tree[group].to_dataset())
    assert back.attrs == tree.attrs
    assert [path.name for path in tmp_path.iterdir()] == ["posterior.nc"]


def test_files_that_are_no_posterior(tree, tmp_path):
    with pytest.raises(InputError, match="no such posterior"):
        load_posterior(tmp_path / "absent.nc")
    whole = save_posterior(tree, tmp_path / "posterior.nc").read_bytes()
    (tmp_path / "half.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged"):
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


def test_version_follows_data_specification_and_seed():
    spec, data = parse_spec(SPEC), fingerprint(weekly_table())
    assert version(data, spec) == version(data, parse_spec(SPEC))
    assert version(fingerprint(weekly_table(seed=2)), spec) != version(data, spec)
    assert version(data, parse_spec({**SPEC, "fit": {"seed": 9}})) != version(data, spec)


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
        {"baseline": {"level": "constant"}},
        {"baseline": {"level": "linear", "seasonality": {"order": 0}}},
        {"baseline": {"events": {"sale": ["2024-11-29", "2025-11-28"]}}},
        {"fit": {"chains": 3, "warmup": 150, "draws": 130, "precision": "float32"}},
        {"kpi": {"column": "orders", "revenue_per_unit": "order_value"}},
    ],
)
def test_other_baselines_and_settings_fit(changes):
    tree = fit(weekly_table(104), parse_spec({**SPEC, **changes}))
    check_posterior(tree)
    assert np.isfinite(tree["posterior"]["roi"]).all()
    if changes.get("baseline", {}).get("level") in {"constant", "linear"}:
        assert (tree["posterior"]["tau"] == 0).all()


def test_mixed_transforms_and_priors_fit():
    media = {
        "channels": {
            "tv": {
                "spend": "tv_spend",
                "adstock": {"l_max": 3},
                "prior": {"coefficient": {"halfnormal": [1.0]}},
            },
            "search": {"spend": "search_spend", "adstock": {"kind": "none"}, "saturation": {"kind": "none"}},
        }
    }
    tree = fit(weekly_table(104), parse_spec({**SPEC, "media": media}))
    check_posterior(tree)
    assert float(tree["posterior"]["half_saturation"].sel(channel="search").std()) == 0


def test_a_panel_fits_and_keeps_its_geos():
    tree = fit(weekly_table(80, geos=("n", "s", "w")), parse_spec(panel_spec()))
    draws = tree["posterior"].to_dataset()
    assert list(draws["geo"].to_numpy()) == ["n", "s", "w"]
    assert draws["geo_spread"].dims == ("chain", "draw", "channel")
    complete = fit(
        weekly_table(80, geos=("n", "s", "w")),
        parse_spec(panel_spec(geo={"column": "geo", "population": "population", "pooling": "complete"})),
    )
    per_geo = complete["posterior"]["coefficient"]
    np.testing.assert_allclose(per_geo.sel(geo="n"), per_geo.sel(geo="w"))
