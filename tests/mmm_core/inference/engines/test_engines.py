"""Every approximate engine: a posterior by the schema, saved exactly, repeatable, near the exact one, labelled."""

import numpy as np
import pytest
import xarray as xr

from mmm_core.effects.contributions import contributions
from mmm_core.effects.roi import roi_table
from mmm_core.errors import InputError
from mmm_core.inference.engines import ENGINES
from mmm_core.inference.fit import fit
from mmm_core.posterior.schema import check_posterior, load_posterior, save_posterior
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.inference.engines.ridge.test_engine import planted
from tests.mmm_core.posteriors import SPEC, panel_spec, weekly_table

pytestmark = pytest.mark.slow

APPROXIMATE = ("laplace", "advi", "ridge")


def settings(engine, **changes):
    return {"engine": engine, "chains": 2, "warmup": 500, "draws": 500, **changes}


def model(engine, **changes):
    return parse_spec({**SPEC, "fit": settings(engine, **changes)})


@pytest.fixture(scope="module")
def table():
    return planted()[0]


@pytest.fixture(scope="module")
def trees(table):
    return {engine: fit(table, model(engine)) for engine in ("numpyro", *APPROXIMATE)}


@pytest.mark.parametrize("engine", APPROXIMATE)
def test_schema_label_and_file(trees, engine, tmp_path):
    tree = trees[engine]
    check_posterior(tree)
    assert tree.attrs["engine"] == engine
    assert tree.attrs["approximate"].startswith(ENGINES[engine].approximate)
    assert tree["posterior"].sizes["chain"] == (1 if engine == "ridge" else 2)
    assert tree["posterior"].sizes["draw"] == 500
    for name in ("energy", "num_steps", "acceptance_rate"):
        assert np.isfinite(tree["sample_stats"][name]).all()
    assert not tree["sample_stats"]["diverging"].any()
    back = load_posterior(save_posterior(tree, tmp_path / "posterior.nc"))
    xr.testing.assert_identical(back["posterior"].to_dataset(), tree["posterior"].to_dataset())
    assert set(back.attrs) == set(tree.attrs)


@pytest.mark.parametrize("engine", APPROXIMATE)
def test_analysis_reads_it(trees, engine):
    tree = trees[engine]
    roi = roi_table(tree)
    mean = roi[(roi["channel"] == "tv") & (roi["metric"] == "roi")]["mean"].iloc[0]
    assert mean == pytest.approx(float(tree["posterior"]["roi"].sel(paid_channel="tv").mean()), rel=1e-6)
    parts = contributions(tree)
    np.testing.assert_allclose(parts["mean"].sum("component"), parts["predicted"], rtol=1e-4)


@pytest.mark.parametrize("engine", ["laplace", "advi"])
def test_near_the_exact_posterior(trees, engine):
    exact, near = (trees[name]["posterior"] for name in ("numpyro", engine))
    for name in ("roi", "sigma", "alpha"):
        sd = exact[name].std(("chain", "draw"))
        away = abs(near[name].mean(("chain", "draw")) - exact[name].mean(("chain", "draw"))) / sd
        assert float(away.max()) < 0.6, name
        ratio = near[name].std(("chain", "draw")) / sd
        assert float(ratio.min()) > 0.6, name
        assert float(ratio.max()) < 1.6, name
    k = trees[engine].attrs["pareto_k"]
    words = trees[engine].attrs["approximate"]
    assert ("resampled" in words) == (k < 0.7)


@pytest.mark.parametrize("engine", APPROXIMATE)
def test_same_seed_same_draws_and_another_seed_others(trees, table, engine):
    again = fit(table, model(engine))
    xr.testing.assert_identical(again["posterior"].to_dataset(), trees[engine]["posterior"].to_dataset())
    other = fit(table, model(engine, seed=8))
    assert not np.array_equal(other["posterior"]["roi"], trees[engine]["posterior"]["roi"])


@pytest.mark.parametrize("engine", APPROXIMATE)
def test_a_panel(engine):
    steps = []
    spec = parse_spec(panel_spec(fit=settings(engine, draws=100)))
    tree = fit(weekly_table(80, geos=("n", "s", "w")), spec, progress=steps.append, draws=50)
    check_posterior(tree)
    assert tree["posterior"].sizes["draw"] == 50
    assert tree["posterior"]["coefficient"].sizes["geo"] == 3
    assert steps[-1].phase == "summarising"
    assert steps[-1].done == steps[-1].total


def test_too_many_parameters_for_a_dense_curvature():
    spec = parse_spec(panel_spec(fit=settings("laplace"), likelihood="student_t"))
    table = weekly_table(130, geos=tuple("abcdefghi"))
    with pytest.raises(InputError, match="noise_weight: use `likelihood: normal`"):
        fit(table, spec)
