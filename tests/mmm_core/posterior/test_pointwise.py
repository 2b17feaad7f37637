"""The density of a week given the others, against the definition: the joint normal written out, a week left out."""

import numpy as np
import pytest
from scipy import stats

from mmm_core.data.arrays import model_data
from mmm_core.errors import InputError
from mmm_core.model.gaussian_block import gaussian_block
from mmm_core.model.prepare import scaled_kpi
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.pointwise import (
    _density_of_draws,
    leave_one_out,
    log_likelihood_of_draws,
    log_likelihood_of_weeks,
    predictor_parts,
    refuse_without_a_likelihood,
)
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, panel_spec, posterior, weekly_table

pytestmark = pytest.mark.usefixtures("hurried_compiler")


def covariance(design, prior_sd, sigma, tau, tau_slope=0.0):
    """Covariance of the KPI of all geos and weeks (geo major), the model written out term by term."""
    geos, weeks, _ = design.shape
    accumulate = np.tril(np.ones((weeks, weeks)))[:, 1:]
    slope = np.tril(np.ones((weeks - 1, weeks - 1)))
    steps = tau**2 * np.eye(weeks - 1) + tau_slope**2 * slope @ slope.T
    shared = np.tile(accumulate, (geos, 1))
    out = shared @ steps @ shared.T + sigma**2 * np.eye(geos * weeks)
    for geo in range(geos):
        at = slice(geo * weeks, (geo + 1) * weeks)
        scaled = design[geo] * prior_sd
        out[at, at] += sigma**2 * scaled @ scaled.T
    return out


def conditional(residual, joint, at, others):
    """log p(residual_at | residual_others) by the textbook formula."""
    weight = np.linalg.solve(joint[np.ix_(others, others)], joint[others, at])
    mean, variance = weight @ residual[others], joint[at, at] - weight @ joint[others, at]
    return stats.norm.logpdf(residual[at], mean, np.sqrt(variance))


@pytest.mark.parametrize("tau_slope", [None, 0.05])
@pytest.mark.parametrize("geos", [1, 3])
def test_leave_one_out_is_the_joint_normal_with_a_week_left_out(geos, tau_slope):
    rng = np.random.default_rng(geos)
    weeks = 14
    design = np.concatenate([np.ones((geos, weeks, 1)), rng.normal(size=(geos, weeks, 2))], axis=-1)
    prior_sd = np.array([100.0, 10.0, 3.0])
    observed = rng.random((geos, weeks)) < 0.85
    observed[0, 0] = True
    sigma, tau = np.array([0.4, 0.9]), np.array([0.2, 0.0])
    slopes = None if tau_slope is None else np.array([tau_slope, 0.01])
    residual = rng.normal(size=(2, geos, weeks))
    block = gaussian_block(design, observed, prior_sd)
    found = leave_one_out(block, residual, sigma, tau, slopes).reshape(2, -1)
    seen = np.flatnonzero(observed.ravel())
    for draw in range(2):
        joint = covariance(design, prior_sd, sigma[draw], tau[draw], 0.0 if slopes is None else slopes[draw])
        for at in seen:
            expected = conditional(residual[draw].ravel(), joint, at, seen[seen != at])
            assert found[draw, at] == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("slope", ["none", "random_walk"])
def test_likelihood_of_a_draw_is_the_joint_normal(slope):
    spec = parse_spec({**SPEC, "baseline": {"slope": slope}})
    more = {"tau_slope": ((), np.full((2, 5), 0.02))} if slope == "random_walk" else {}
    tree = posterior(spec, draws=5)
    if more:
        tree["posterior"] = (
            tree["posterior"].to_dataset().assign(tau_slope=(("chain", "draw"), more["tau_slope"][1]))
        )
    data = tree["constant_data"].to_dataset()
    at = Posterior.of(tree).thinned(10)
    found = log_likelihood_of_draws(Posterior.of(tree), at)
    parts = predictor_parts(Posterior.of(tree), at)
    for draw in (0, 7):
        residual = (scaled_kpi(data, spec) - parts.media[draw]).ravel()
        joint = covariance(
            data["design"].to_numpy(),
            data["design_prior_sd"].to_numpy(),
            tree["posterior"]["sigma"].to_numpy().ravel()[draw],
            tree["posterior"]["tau"].to_numpy().ravel()[draw],
            0.02 if more else 0.0,
        )
        expected = stats.multivariate_normal(np.zeros(len(residual)), joint).logpdf(residual)
        assert found[draw] == pytest.approx(expected, rel=1e-7)


def test_density_is_of_the_kpi_in_its_own_units():
    # one chain-rule step: log p(y) = log p(y_i | y_-i) + log p(y_-i), and only the first is in the result
    tree = posterior(draws=5)
    weeks = log_likelihood_of_weeks(Posterior.of(tree), Posterior.of(tree).thinned(10))
    scaled = leave_one_out(
        gaussian_block(*_block_of(tree)),
        scaled_kpi(tree["constant_data"].to_dataset(), parse_spec(SPEC))
        - predictor_parts(Posterior.of(tree), Posterior.of(tree).thinned(10)).media,
        tree["posterior"]["sigma"].to_numpy().ravel(),
        tree["posterior"]["tau"].to_numpy().ravel(),
    )
    scale = float(tree["constant_data"]["kpi_scale"])
    np.testing.assert_allclose(weeks, scaled - np.log(scale), rtol=1e-5)
    spec = {**SPEC, "kpi": {"column": "revenue"}}
    dearer = weekly_table()
    dearer["revenue"] *= 100
    other = log_likelihood_of_weeks(
        Posterior.of(posterior(spec, dearer, draws=5)), Posterior.of(tree).thinned(10)
    )
    np.testing.assert_allclose(other, weeks - np.log(100), rtol=1e-6)


def _block_of(tree):
    data = tree["constant_data"].to_dataset()
    return data["design"].to_numpy(), data["observed"].to_numpy(), data["design_prior_sd"].to_numpy()


def test_held_out_weeks_have_no_density_and_do_not_matter():
    tree = posterior(draws=5, holdout_weeks=6)
    found = log_likelihood_of_weeks(Posterior.of(tree), Posterior.of(tree).thinned(10))
    assert np.isnan(found[..., -6:]).all()
    assert np.isfinite(found[..., :-6]).all()
    changed = weekly_table()
    changed.loc[changed.index[-6:], "revenue"] = 1e6
    again = posterior(table=changed, draws=5, holdout_weeks=6)
    np.testing.assert_allclose(
        log_likelihood_of_weeks(Posterior.of(again), Posterior.of(again).thinned(10)), found
    )


def test_heavy_tails_are_given_the_level_drawn():
    spec = parse_spec({**SPEC, "likelihood": {"kind": "student_t", "nu": 4}})
    tree = posterior(spec, draws=5)
    tree["posterior"] = tree["posterior"].to_dataset().assign(nu=(("chain", "draw"), np.full((2, 5), 4.0)))
    at = Posterior.of(tree).thinned(10)
    parts, data = predictor_parts(Posterior.of(tree), at), tree["constant_data"].to_dataset()
    scale = float(data["kpi_scale"])
    mean = (parts.media + parts.baseline) * scale
    sigma = tree["posterior"]["sigma"].to_numpy().ravel()[:, None, None] * scale
    expected = stats.t.logpdf(data["kpi"].to_numpy(), 4.0, mean, sigma)
    np.testing.assert_allclose(log_likelihood_of_weeks(Posterior.of(tree), at), expected)
    np.testing.assert_allclose(log_likelihood_of_draws(Posterior.of(tree), at), expected.sum((1, 2)))


def test_a_panel_is_one_joint_normal():
    table = weekly_table(weeks=40, geos=("a", "b"))
    spec = parse_spec(panel_spec())
    tree = posterior(spec, table, draws=3)
    data = model_data(table, spec)
    at = Posterior.of(tree).thinned(6)
    residual = (scaled_kpi(data, spec) - predictor_parts(Posterior.of(tree), at).media)[1].ravel()
    joint = covariance(
        data["design"].to_numpy(),
        data["design_prior_sd"].to_numpy(),
        tree["posterior"]["sigma"].to_numpy().ravel()[1],
        tree["posterior"]["tau"].to_numpy().ravel()[1],
    )
    found = log_likelihood_of_weeks(Posterior.of(tree), at)[1]
    unit = np.log(float(data["kpi_scale"]) * data["population"].to_numpy())
    everything = np.arange(len(residual))
    for i in (0, 17, 55):
        expected = conditional(residual, joint, i, everything[everything != i])
        assert found.ravel()[i] == pytest.approx(expected - unit[i // found.shape[1]], rel=1e-6)


def test_a_bootstrap_is_no_posterior():
    tree = posterior(draws=5)
    tree.attrs.update(engine="ridge", approximate="no posterior")
    with pytest.raises(InputError, match="engine: numpyro"):
        refuse_without_a_likelihood(tree, "LOO")


def test_densities_of_a_further_week_compile_nothing():
    # of another posterior, too: whole quarters of weeks run one program
    def counted(weeks):
        tree = posterior(table=weekly_table(weeks=weeks), draws=10)
        found = Posterior.of(tree)
        log_likelihood_of_draws(found, found.thinned(10))
        return _density_of_draws._cache_size()

    assert counted(60) == counted(61)
