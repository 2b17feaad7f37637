"""Predictive calibration: PITs of a model that is right are what chance makes of them, those of a wrong one are not."""

import numpy as np
import pytest

from mmm_core.diagnostics.calibration import Calibration, calibration, simulated_baseline
from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.heavy_tails import level_columns
from mmm_core.posterior.pointwise import block_of, predictor_parts
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posterior.test_pointwise import covariance
from tests.mmm_core.posteriors import SPEC, panel_spec, posterior, weekly_table

WEEKS = 124
KNOWN = {
    "alpha": 0.4,
    "half_saturation": 1.0,
    "slope": 1.0,
    "coefficient": [[0.3, 0.3, 0.1]],
    "sigma": 0.1,
    "tau": 0.05,
}


def made_by_the_model(seed, wrong=None, spec=None, geos=("all",), draws=10, nu=None):
    """A posterior at known parameters, and a KPI that these very parameters made; `wrong` changes its noise."""
    spec = parse_spec(spec or SPEC)
    table = weekly_table(WEEKS, geos)
    fixed = {**KNOWN, "coefficient": KNOWN["coefficient"] * len(geos)}
    rng = np.random.default_rng(seed)
    tree = posterior(spec, table, draws=draws, **fixed, **({} if nu is None else {"nu": nu}))
    handle = Posterior.of(tree)
    data = tree["constant_data"].to_dataset()
    media = predictor_parts(handle, np.array([0])).media[0]
    size = media.shape
    noise = rng.standard_normal(size) if nu is None else rng.standard_t(nu, size)
    if wrong is not None:
        noise = wrong(noise)
    level = np.cumsum(np.append(0, KNOWN["tau"] * rng.standard_normal(size[1] - 1)))
    group = tree["posterior"].to_dataset()
    fixed = np.zeros(group["fixed_effect"].shape)
    fixed[..., 0] = data["kpi_centre"].to_numpy()
    tree["posterior"] = group.assign(
        level=group["level"].copy(data=np.broadcast_to(level, group["level"].shape)),
        fixed_effect=group["fixed_effect"].copy(data=fixed),
    )
    scaled = media + level + KNOWN["sigma"] * noise + data["kpi_centre"].to_numpy()[:, None]
    kpi = scaled * float(data["kpi_scale"]) * data["population"].to_numpy()[:, None]
    tree["constant_data"] = data.assign(kpi=data["kpi"].copy(data=kpi))
    return tree


@pytest.fixture(scope="module")
def right():
    return [calibration(made_by_the_model(seed)) for seed in range(20)]


def test_models_that_are_right_are_called_so(right):
    p_values = np.array([found.p_value for found in right])
    assert (p_values > 0.01).all()
    assert np.median(p_values) > 0.2
    pits = np.concatenate([found.pit.to_numpy().ravel() for found in right])
    pits = pits[np.isfinite(pits)]
    np.testing.assert_allclose(np.histogram(pits, 5, (0, 1))[0] / len(pits), 0.2, atol=0.03)
    assert np.mean([found.coverage for found in right]) == pytest.approx(0.95, abs=0.01)


def test_chance_allows_what_the_dependence_of_the_weeks_makes_of_it(right):
    """The variance of the coverage from the joint normal of the residuals, brute force."""
    tree = made_by_the_model(0)
    block = block_of(Posterior.of(tree))
    data = tree["constant_data"].to_dataset()
    joint = covariance(
        data["design"].to_numpy(), data["design_prior_sd"].to_numpy(), KNOWN["sigma"], KNOWN["tau"]
    )
    inverse = np.linalg.inv(joint)
    scale = np.sqrt(np.diag(inverse))
    errors = np.random.default_rng(0).multivariate_normal(
        np.zeros(len(joint)), inverse / np.outer(scale, scale), 4000, method="eigh"
    )
    share = (np.abs(errors) < 1.959964).mean(axis=1)
    np.testing.assert_allclose(right[0].allowed, np.quantile(share, [0.005, 0.995]), atol=0.012)
    assert np.asarray(block.observed).sum() == len(joint)


@pytest.mark.parametrize("slope", [False, True])
def test_what_the_model_makes_varies_as_the_model_says(slope):
    """Level and coefficients, these with the prior sds learned from the table, against their covariance."""
    spec = {**SPEC, "baseline": {"seasonality": {"order": 2}, "slope": "random_walk" if slope else "none"}}
    handle = Posterior.of(made_by_the_model(0, spec=spec))
    block = block_of(handle, slope)
    sigma, tau, tau_slope, count = 0.3, 0.05, 0.01 if slope else None, 20_000
    several = [None if value is None else np.full(count, value) for value in (sigma, tau, tau_slope)]
    draws = simulated_baseline(np.random.default_rng(1), block, *several)[:, 0]
    terms, week = np.asarray(block.terms)[0], np.arange(draws.shape[1])
    level = tau**2 * np.minimum.outer(week, week)
    if slope:
        columns = level_columns(len(week), 1.0, tau, tau_slope)
        level = columns @ columns.T
    expected = sigma**2 * terms @ terms.T + level
    # from week to week: the intercept, whose prior is the widest by far, would hide the others
    expected = np.diff(np.diff(expected, axis=0), axis=1)
    scale = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    np.testing.assert_allclose(np.cov(np.diff(draws).T) / scale, expected / scale, atol=0.05)


@pytest.mark.parametrize(
    ("wrong", "question"),
    [
        (lambda noise: 2.5 * noise, "coverage"),
        (lambda noise: 0.3 * noise, "shape"),
        (lambda noise: noise + 1.2 * (noise > 0.3), "shape"),
    ],
)
def test_noise_that_is_not_what_is_stated_is_found(wrong, question):
    found = calibration(made_by_the_model(3, wrong))
    assert found.p_value < 0.01
    assert found.p_values[question] < 0.01


def test_errors_that_grow_with_the_kpi_are_found():
    spec = {**SPEC, "baseline": {"seasonality": {"order": 1}}}
    tree = made_by_the_model(4, spec=spec)
    group = tree["posterior"].to_dataset()
    data = tree["constant_data"].to_dataset()
    height = np.linspace(-1, 1, data.sizes["week"])
    noise = np.random.default_rng(5).standard_normal(len(height)) * KNOWN["sigma"] * np.exp(1.2 * height)
    level = np.broadcast_to(height, group["level"].shape)
    tree["posterior"] = group.assign(level=group["level"].copy(data=level), tau=group["tau"] * 0 + 0.02)
    media = predictor_parts(Posterior.of(tree), np.array([0])).media[0]
    kpi = (media + height + noise + data["kpi_centre"].to_numpy()[:, None]) * float(data["kpi_scale"])
    tree["constant_data"] = data.assign(
        kpi=data["kpi"].copy(data=kpi * data["population"].to_numpy()[:, None])
    )
    found = calibration(tree)
    assert found.p_values["spread"] < 0.01
    assert found.spread > 0.2
    assert found.worst == "spread"


@pytest.mark.parametrize(
    ("spec", "geos", "nu"),
    [
        (panel_spec(), ("a", "b", "c"), None),
        ({**SPEC, "likelihood": "student_t"}, ("all",), 1.5),
    ],
)
def test_panels_and_heavy_tails_have_their_own_distribution(spec, geos, nu):
    found = [calibration(made_by_the_model(seed, spec=spec, geos=geos, nu=nu, draws=5)) for seed in range(4)]
    assert min(each.p_value for each in found) > 0.01
    if nu is not None:  # the same weeks under normal noise of that scale are far too wild
        tree = made_by_the_model(0, geos=geos)
        heavy = made_by_the_model(0, spec=spec, geos=geos, nu=nu)
        tree["constant_data"] = heavy["constant_data"].to_dataset()
        assert calibration(tree).p_value < 0.01


def test_an_engine_without_a_likelihood_is_refused():
    tree = posterior(draws=5)
    tree.attrs.update(engine="ridge", approximate="penalised least squares")
    with pytest.raises(InputError, match="predictive calibration needs draws"):
        calibration(tree)


def test_three_questions_share_the_level():
    found = Calibration(None, 0.9, (0.9, 1.0), {"coverage": 0.5, "shape": 0.004, "spread": 0.9}, 0.0)
    assert found.p_value == pytest.approx(0.012)
    assert found.worst == "shape"
