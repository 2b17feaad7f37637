"""The engine on PyMC-Marketing: what it refuses, that its curves are ours, that its posterior is the default one's."""

import re
import subprocess
import sys

import arviz as az
import numpy as np
import pytest

from mmm_core.data.arrays import model_data
from mmm_core.diagnostics.summary import summary
from mmm_core.effects.contributions import contributions
from mmm_core.effects.roi import roi_table
from mmm_core.errors import InputError
from mmm_core.inference.engines.pymc import engine as pymc_marketing
from mmm_core.inference.fit import fit
from mmm_core.model.prepare import prepare
from mmm_core.posterior.schema import check_posterior, load_posterior, save_posterior
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import weekly_table

LINEAR = {"level": "linear", "seasonality": {"order": 1}}
SPEC = {
    "model": "small",
    "table": "weekly",
    "kpi": {"column": "revenue"},
    "controls": ["price"],
    "baseline": LINEAR,
    "media": {
        "defaults": {"adstock": {"l_max": 3}},
        "channels": {
            "tv": {"spend": "tv_spend"},
            "search": {
                "spend": "search_spend",
                "exposure": "search_clicks",
                "prior": {"roi": {"lognormal": [0.3, 0.5]}},
            },
        },
    },
    "fit": {"engine": "pymc", "chains": 2, "warmup": 200, "draws": 200},
}  # fmt: skip
installed = pytest.mark.skipif(
    pymc_marketing.find_spec("pymc_marketing") is None,
    reason="PyMC-Marketing is not installed: pip install carryover[pymc]",
)


def spec_with(**changes):
    return {**SPEC, **changes}


def media(tv=None, **defaults):
    channels = {**SPEC["media"]["channels"], "tv": {"spend": "tv_spend", **(tv or {})}}
    return {"defaults": {**SPEC["media"]["defaults"], **defaults}, "channels": channels}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"baseline": {"level": "random_walk"}}, r"baseline.level: random_walk .* `baseline: \{level: linear\}`"),
        ({"kpi": {"column": "revenue", "scale": "log"}}, "kpi.scale: log .* `scale: level`"),
        ({"media": {**media(), "pooling": {"by": "group"}}}, "media.pooling"),
        ({"media": media({"time_varying": {"every": 26}})}, "time_varying: .* leave it out of tv"),
        ({"media": media({"reach": "reach", "frequency": "often"})}, "reach and frequency .* for tv"),
        (
            {"treatments": {"promo": {"column": "promo", "prior": {"coefficient": {"normal": [0, 1]}}}}},
            "treatments: a `prior` .* leave it out of promo",
        ),
        ({"media": media({"adstock": {"kind": "delayed", "l_max": 3}})}, "adstock: .* search differs from tv"),
        ({"media": media({"adstock": {"l_max": 4}})}, "adstock: .* search differs from tv"),
        ({"media": media({"saturation": {"kind": "tanh"}})}, "saturation: .* search differs from tv"),
        ({"media": media(adstock={"l_max": 0})}, r"l_max 0 .* tv, search: write `adstock: \{kind: none\}`"),
        ({"fit": {**SPEC["fit"], "precision": "float32"}}, "fit.precision: float32"),
        ({"controls": ["date"]}, "date: PyMC-Marketing uses the name itself"),
        ({"baseline": {**LINEAR, "steps": {"geo": "2024-06-03"}}}, "geo: PyMC-Marketing uses the name itself"),
    ],
)  # fmt: skip
def test_refused_by_name(changes, said):
    with pytest.raises(InputError, match="engine pymc cannot fit") as error:
        pymc_marketing.refuse(parse_spec(spec_with(**changes)))
    lines = str(error.value).splitlines()
    assert len(lines) == 3, lines  # the fault alone
    assert re.search(said, lines[1])
    assert lines[2] == "or use `fit: {engine: numpyro}`"


def test_every_fault_is_told_at_once():
    spec = parse_spec(spec_with(baseline={}, media=media({"time_varying": {}})))
    with pytest.raises(InputError) as error:
        pymc_marketing.refuse(spec)
    assert "random_walk" in str(error.value)
    assert "time_varying" in str(error.value)


def test_a_kind_of_ones_own_is_refused(monkeypatch):
    from mmm_core.transforms.registry import Kind
    from mmm_core.transforms.saturation import SATURATIONS

    monkeypatch.setitem(SATURATIONS, "root", Kind("root", SATURATIONS["none"].function))
    with pytest.raises(InputError, match="saturation: kind root is not supported: use one of none, hill"):
        pymc_marketing.refuse(parse_spec(spec_with(media=media(saturation={"kind": "root"}))))


def test_not_installed(monkeypatch):
    monkeypatch.setattr(pymc_marketing, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install carryover\[pymc\]"):
        fit(weekly_table(60), parse_spec(SPEC))


def test_refused_before_anything_heavy_is_imported():
    code = f"""
import sys
from mmm_core.inference.engines.pymc.engine import refuse
from mmm_core.errors import InputError
from mmm_core.spec.model_spec import parse_spec
try:
    refuse(parse_spec({spec_with(baseline={})!r}))
except InputError:
    print(sorted({{"jax", "pymc", "pytensor", "numba"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def prior_draws(spec, table, more=()):
    """Joint draws from the prior of PyMC's model: our parameters, and what its own curves make of them."""
    import pymc as pm

    from mmm_core.inference.engines.pymc.model import pymc_marketing_model

    data = model_data(table, spec)
    model = pymc_marketing_model(prepare(data, spec)).model
    names = [*spec.shape_parameters, "coefficient", "effect", "channel_contribution", "target_scale", *more]
    drawn = pm.draw([model[name] for name in names], draws=3, random_seed=1, mode="FAST_COMPILE")
    return data, dict(zip(names, drawn, strict=True))


def their_contributions(data, draws):
    """PyMC-Marketing's contributions in units of the KPI, (draw, geo, media_week, channel)."""
    unit = float(data["kpi_scale"]) * data["population"].to_numpy()
    scaled = np.swapaxes(draws["channel_contribution"], 1, 2) * draws["target_scale"][:, None, None, None]
    return scaled * unit[:, None, None]


def our_contributions(data, spec, draws):
    import jax

    from mmm_core.model.media import MediaModel, MediaParameters

    with jax.enable_x64(True):
        shape = {name: draws[name] for name in spec.shape_parameters}
        parameters = MediaParameters(shape, draws["coefficient"])
        effect = jax.jit(MediaModel.of(data, spec).effect)
        return np.asarray(effect(parameters, data["exposure"].to_numpy()))


@installed
@pytest.mark.slow
@pytest.mark.parametrize(
    ("adstock", "saturation"),
    [
        ({"kind": "none"}, {"kind": "hill", "slope": {"uniform": [0.3, 0.9]}}),
        ({"kind": "geometric"}, {"kind": "none"}),
        ({"kind": "delayed", "peak": 1.5}, {"kind": "logistic"}),
        ({"kind": "binomial"}, {"kind": "michaelis_menten"}),
        ({"kind": "weibull_pdf"}, {"kind": "tanh", "before_adstock": True}),
        ({"kind": "weibull_cdf"}, {"kind": "power", "half_saturation": None}),
    ],
    ids=lambda part: part["kind"],
)
def test_their_curves_are_ours(adstock, saturation):
    saturation = {key: value for key, value in saturation.items() if value is not None}
    spec = parse_spec(spec_with(media=media(adstock={"l_max": 3, **adstock}, saturation=saturation)))
    data, draws = prior_draws(spec, weekly_table(40))
    ours, theirs = our_contributions(data, spec, draws), their_contributions(data, draws)
    assert ours.max() > 0
    np.testing.assert_allclose(theirs, ours, rtol=1e-8, atol=1e-8 * ours.max())
    window = theirs[:, 0, data.sizes["media_week"] - data.sizes["week"] :]
    spend = data["spend"].to_numpy()[0, -data.sizes["week"] :].sum(0)
    np.testing.assert_allclose(
        window.sum(1) / spend, draws["effect"], rtol=1e-8
    )  # the belief is on the ROI itself


@installed
@pytest.mark.slow
@pytest.mark.parametrize(
    ("geo", "exact"),
    [
        ({"pooling": "partial"}, False),
        ({"pooling": "partial", "effects": "lognormal"}, True),
        ({"pooling": "complete"}, True),
        ({"pooling": "none"}, True),
    ],
    ids=["normal", "lognormal", "complete", "none"],
)
def test_panel(geo, exact):
    spec = parse_spec(spec_with(geo={"column": "geo", "population": "population", **geo}))
    data, draws = prior_draws(spec, weekly_table(40, ("a", "b", "c")))
    ours, theirs = our_contributions(data, spec, draws), their_contributions(data, draws)
    np.testing.assert_allclose(theirs, ours, rtol=1e-8, atol=1e-8 * ours.max())
    window = data.sizes["week"]
    brought = theirs[:, :, -window:].sum(2)
    spend = data["spend"].to_numpy()[:, -window:].sum(1)
    if geo["pooling"] == "none":
        np.testing.assert_allclose(brought / spend, draws["effect"], rtol=1e-8)
    else:
        roi = brought.sum(1) / spend.sum(0)
        assert (
            np.allclose(roi, draws["effect"], rtol=1e-8) == exact
        )  # normal deviations are about the stated ROI
        same = np.allclose(draws["coefficient"], draws["coefficient"][:, :1])
        assert same == (geo["pooling"] == "complete")


@installed
@pytest.mark.slow
def test_beliefs_of_every_kind():
    channels = {
        "tv": {"spend": "tv_spend", "prior": {"mroi": {"lognormal": [0.2, 0.3]}}},
        "search": {"spend": "search_spend", "prior": {"contribution": {"beta": [2, 18]}}},
        "clicks": {"spend": "video_spend", "exposure": "search_clicks", "prior": {"coefficient": 0.4}},
    }
    spec = parse_spec(spec_with(media={**SPEC["media"], "channels": channels}, likelihood="student_t"))
    data, draws = prior_draws(spec, weekly_table(40), more=["nu"])
    window = data.sizes["week"]
    base = our_contributions(data, spec, draws)[:, 0, -window:].sum(1)
    more = our_contributions(data.assign(exposure=data["exposure"] * 1.01), spec, draws)[:, 0, -window:].sum(
        1
    )
    spend = data["spend"].to_numpy()[0, -window:].sum(0)
    np.testing.assert_allclose((more - base)[:, 0] / (0.01 * spend[0]), draws["effect"][:, 0], rtol=1e-6)
    np.testing.assert_allclose(base[:, 1] / data["kpi"].to_numpy().sum(), draws["effect"][:, 1], rtol=1e-8)
    np.testing.assert_allclose(draws["coefficient"][:, 0, 2], 0.4)
    assert (draws["nu"] == 4).all()


TABLE_WEEKS = 90


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def tree(steps):
    return fit(weekly_table(TABLE_WEEKS), parse_spec(SPEC), progress=steps.append, holdout_weeks=10)


@installed
@pytest.mark.slow
def test_same_posterior_as_the_default_engine(tree, tmp_path):
    check_posterior(tree)
    ours = {**SPEC, "fit": {**SPEC["fit"], "engine": "numpyro", "draws": 1000}}
    other = fit(weekly_table(TABLE_WEEKS), parse_spec(ours), holdout_weeks=10)
    theirs, default = tree["posterior"].to_dataset(), other["posterior"].to_dataset()
    for name in ("roi", "sigma", "alpha", "half_saturation", "slope", "fixed_effect"):
        pair = theirs[name], default[name]
        error = np.hypot(*(az.mcse(draws, method="mean")[name].to_numpy() for draws in pair))
        differ = np.abs(pair[0].mean(("chain", "draw")) - pair[1].mean(("chain", "draw"))).to_numpy()
        assert (differ < 4.5 * error).all(), (name, differ / error)
        spread = np.log([draws.std(("chain", "draw")).to_numpy() for draws in pair])
        assert (np.abs(spread[0] - spread[1]) < np.log(1.6)).all(), (name, np.exp(spread[0] - spread[1]))
    assert tree["sample_stats"]["diverging"].mean() < 0.05
    assert tree.attrs["engine"] == "pymc"
    assert tree.attrs["pymc_marketing"].startswith("0.19")
    save_posterior(tree, tmp_path / "posterior.nc")
    load_posterior(tmp_path / "posterior.nc")


@installed
@pytest.mark.slow
def test_analysis_reads_it(tree, steps):
    assert [(step.phase, step.done) for step in steps] == [
        ("preparing", 0),
        ("compiling", 0),
        ("sampling", 0),
        ("summarising", 400),
    ]
    roi = roi_table(tree).query("metric == 'roi'").set_index("channel")["mean"]
    np.testing.assert_allclose(roi, tree["posterior"]["roi"].mean(("chain", "draw")), rtol=1e-6)
    parts = contributions(tree)
    np.testing.assert_allclose(parts["mean"].sum("component"), parts["predicted"], rtol=1e-4)
    assert np.corrcoef(parts["predicted"], parts["actual"])[0, 1] > 0.5
    page = summary(tree)
    assert page["roi"]["tv"]["mean"] == pytest.approx(roi["tv"])
    assert (page["chains"], page["warmup"], page["weeks"]) == (2, 200, TABLE_WEEKS - 3)
