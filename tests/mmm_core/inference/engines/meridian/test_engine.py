"""The engine on Google's Meridian: what it refuses, that its curves are ours, that its answer is near ours."""

import re
import subprocess
import sys

import numpy as np
import pytest

from mmm_core.effects.contributions import contributions
from mmm_core.effects.curves import response_curves
from mmm_core.effects.roi import roi_table
from mmm_core.errors import InputError
from mmm_core.inference.engines.meridian import engine, environment, process, worker
from mmm_core.inference.fit import fit
from mmm_core.posterior.schema import check_posterior, load_posterior, save_posterior
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, panel_spec, weekly_table

LENGTH = {"engine": "meridian", "chains": 2, "warmup": 150, "draws": 150}
installed = pytest.mark.skipif(
    not environment.is_available(), reason="Meridian is not installed: make engine E=meridian"
)


def spec_with(**changes):
    return {**SPEC, "fit": LENGTH, **changes}


def media(tv=None, **changes):
    channels = {**SPEC["media"]["channels"], "tv": {"spend": "tv_spend", **(tv or {})}}
    return {**SPEC["media"], "channels": channels, **changes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kpi": {"column": "revenue", "scale": "log"}}, "kpi.scale: log .* `scale: level`"),
        ({"likelihood": "student_t"}, "student_t .* `likelihood: normal`"),
        ({"baseline": {"slope": "random_walk"}}, "baseline.slope: random_walk .* `slope: constant`"),
        ({"media": media(pooling={"by": "group"})}, "media.pooling"),
        ({"geo": {"pooling": "none"}}, "geo.pooling: none .* `pooling: partial`"),
        ({"media": media({"time_varying": {"every": 26}})}, "time_varying: .* leave it out of tv"),
        ({"media": media({"reach": "reach", "frequency": "often"})}, "reach and frequency .* for tv"),
        (
            {"treatments": {"promo": {"column": "promo", "prior": {"coefficient": {"normal": [0, 1]}}}}},
            "treatments: a `prior` .* leave it out of promo",
        ),
        (
            {"media": media({"adstock": {"kind": "delayed"}})},
            "adstock: kind delayed .* use one of none, geometric, binomial",
        ),
        (
            {"media": media({"saturation": {"kind": "tanh"}})},
            "saturation: kind tanh .* use one of none, hill, michaelis_menten",
        ),
        (
            {"media": media({"adstock": {"l_max": 6}})},
            "adstock: all channels have the same l_max there, not 4, 6",
        ),
        (
            {"media": media({"saturation": {"before_adstock": True}})},
            "before_adstock is the same for all channels",
        ),
        ({"media": media({"prior": {"coefficient": 1.0}})}, "prior: coefficient .* of tv"),
        ({"media": media({"prior": {"mroi": 1.0}})}, "of one kind there, not mroi, roi: state one"),
        (
            {"media": media(organic={"sends": {"exposure": "sends", "prior": {"coefficient": 1.0}}})},
            "prior: coefficient .* state the contribution of sends",
        ),
        ({"fit": {**LENGTH, "precision": "float32"}}, "fit.precision: float32"),
    ],
)
def test_refused_by_name(changes, said):
    with pytest.raises(InputError, match="engine meridian cannot fit") as error:
        engine.refuse(parse_spec(spec_with(**changes)))
    lines = str(error.value).splitlines()
    assert len(lines) == 3, lines  # the fault alone
    assert re.search(said, lines[1])
    assert lines[2] == "or use `fit: {engine: numpyro}`"


def test_every_fault_is_told_at_once():
    spec = parse_spec(spec_with(likelihood="student_t", media=media({"time_varying": {}})))
    with pytest.raises(InputError) as error:
        engine.refuse(spec)
    assert "student_t" in str(error.value)
    assert "time_varying" in str(error.value)


def test_a_negative_kpi_is_refused():
    table = weekly_table(60)
    table.loc[30, "revenue"] = -5.0
    with pytest.raises(InputError, match=r"kpi\.column revenue: Meridian takes no negative KPI"):
        fit(table, parse_spec(spec_with()))


def test_refused_before_anything_heavy_is_imported():
    code = f"""
import sys
from mmm_core.inference.engines.meridian.engine import refuse
from mmm_core.errors import InputError
from mmm_core.spec.model_spec import parse_spec
try:
    refuse(parse_spec({spec_with(likelihood="student_t")!r}))
except InputError:
    print(sorted({{"jax", "meridian", "tensorflow"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def raw():
    """What the worker handed back, fit by fit."""
    return []


@pytest.fixture(scope="module")
def recorded(raw):
    with pytest.MonkeyPatch.context() as patch:
        run = process.run_worker

        def keep(*arguments):
            raw.append(run(*arguments))
            return raw[-1]

        patch.setattr(process, "run_worker", keep)
        yield


WEEKS, HOLDOUT = 84, 8


def table_with_a_pause():
    """Television pauses for longer than it carries over."""
    table = weekly_table(WEEKS)
    table.loc[30:39, "revenue"] -= 0.5 * table.loc[30:39, "tv_spend"]
    table.loc[30:39, "tv_spend"] = 0.0
    return table


@pytest.fixture(scope="module")
def tree(steps, recorded):
    return fit(table_with_a_pause(), parse_spec(spec_with()), progress=steps.append, holdout_weeks=HOLDOUT)


@installed
@pytest.mark.slow
def test_schema_label_and_file(tree, tmp_path):
    check_posterior(tree)
    assert (tree.attrs["engine"], tree.attrs["approximate"]) == ("meridian", "")
    assert tree.attrs["meridian"] == environment.VERSION
    assert tree["sample_stats"]["diverging"].mean() < 0.1
    assert dict(tree["posterior"].sizes) | {"chain": 2, "draw": 150} == dict(tree["posterior"].sizes)
    back = load_posterior(save_posterior(tree, tmp_path / "posterior.nc"))
    assert back["posterior"].to_dataset().identical(tree["posterior"].to_dataset())


@installed
@pytest.mark.slow
def test_its_returns_are_those_of_our_counterfactual(tree, raw):
    """Meridian samples the ROI itself; ours follows from its curves and coefficients in our units."""
    np.testing.assert_allclose(tree["posterior"]["roi"], raw[0][0]["roi_m"], rtol=1e-9)
    roi = roi_table(tree).query("metric == 'roi'").set_index("channel")["mean"]
    np.testing.assert_allclose(roi, tree["posterior"]["roi"].mean(("chain", "draw")), rtol=1e-6)
    contribution = roi_table(tree).query("metric == 'contribution_share' and channel == 'newsletter'")["mean"]
    np.testing.assert_allclose(contribution, raw[0][0]["contribution_om"].mean(), rtol=0.02)


@installed
@pytest.mark.slow
def test_analyses_read_it(tree):
    parts = contributions(tree)
    np.testing.assert_allclose(parts["mean"].sum("component"), parts["predicted"], rtol=1e-4)
    seen = parts["actual"].notnull().to_numpy() & (np.arange(parts.sizes["week"]) < WEEKS - 4 - HOLDOUT)
    assert np.corrcoef(parts["predicted"][seen], parts["actual"][seen])[0, 1] > 0.9
    curves = response_curves(tree, weeks=4)
    assert set(curves["channel"]) == {"tv", "search"}


@installed
@pytest.mark.slow
def test_its_answer_is_near_the_default_engines(tree):
    ours = fit(
        table_with_a_pause(),
        parse_spec(spec_with(fit={**LENGTH, "engine": "numpyro", "draws": 500, "warmup": 300})),
        holdout_weeks=HOLDOUT,
    )
    for name in ("roi", "sigma"):
        pair = [posterior["posterior"][name] for posterior in (tree, ours)]
        mean = [draws.mean(("chain", "draw")).to_numpy() for draws in pair]
        sd = [draws.std(("chain", "draw")).to_numpy() for draws in pair]
        assert (np.abs(mean[0] - mean[1]) < np.hypot(*sd)).all(), (name, mean, sd)
        assert (np.abs(np.log(sd[0] / sd[1])) < np.log(2.5)).all(), (name, sd)


@installed
@pytest.mark.slow
def test_a_holdout_goes_on_from_the_last_knot(tree):
    """Its weeks decide nothing, and there the level's uncertainty grows as a forecast's does."""
    level = tree["posterior"]["level"].to_numpy()
    steps, last = np.diff(level, axis=-1), WEEKS - 4 - HOLDOUT - 1
    kinks = np.abs(np.diff(steps[..., :last], axis=-1)).mean((0, 1))
    assert (kinks > 1e-9).sum() == 2  # two knots between the first and the last
    tau = tree["posterior"]["tau"].to_numpy()
    assert np.sqrt((steps[..., last:] ** 2).mean() / (tau**2).mean()) == pytest.approx(1, rel=0.15)


@installed
@pytest.mark.slow
def test_progress_is_told(tree, steps):
    phases = list(dict.fromkeys(step.phase for step in steps))
    assert phases == ["preparing", *worker.PHASES]
    seconds = [step.seconds for step in steps if step.phase == "compiling and sampling"]
    assert len(seconds) >= 2
    assert seconds == sorted(seconds)
    assert steps[-1].done == steps[-1].total


@installed
@pytest.mark.slow
def test_a_panel_repeats_with_its_seed_and_each_channel_has_its_own_shape(recorded, raw):
    channels = {
        "tv": {
            "spend": "tv_spend",
            "adstock": {"kind": "binomial"},
            "saturation": {"kind": "michaelis_menten"},
            "prior": {"roi": {"gamma": [2, 2]}},
        },
        "search": {"spend": "search_spend", "adstock": {"kind": "none"}, "saturation": {"kind": "none"}},
        "video": {
            "spend": "video_spend",
            "adstock": {"alpha": 0.4},
            "saturation": {"half_saturation": {"beta": [3, 2]}},
        },
    }
    short = {**LENGTH, "warmup": 100, "draws": 100}
    spec = parse_spec(
        panel_spec(media={"defaults": {"adstock": {"l_max": 3}}, "channels": channels}, fit=short)
    )
    table = weekly_table(60, ("n", "s", "w"))
    tree = fit(table, spec)
    posterior = tree["posterior"].to_dataset()
    np.testing.assert_allclose(posterior["roi"], raw[-1][0]["roi_m"], rtol=1e-6)
    assert posterior["coefficient"].std("geo").min() > 0
    assert (posterior["geo_spread"] > 0).all()
    np.testing.assert_allclose(posterior["alpha"].sel(channel="video"), 0.4, atol=1e-6)
    assert posterior["alpha"].sel(channel="search").isnull().all()
    assert posterior["slope"].sel(channel="tv").isnull().all()
    assert (posterior["half_saturation"].sel(channel="video") < 1).all()
    parts = contributions(tree)
    np.testing.assert_allclose(parts["mean"].sum("component"), parts["predicted"], rtol=1e-4)
    again = fit(table, spec)
    assert again["posterior"].to_dataset().identical(posterior)
