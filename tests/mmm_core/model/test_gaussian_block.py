"""The integrated block against the dense multivariate normal it stands for."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.linalg import block_diag

from mmm_core.model import gaussian_block as module
from mmm_core.model.deviation_rows import Rows
from mmm_core.model.gaussian_block import Deviations, draw, gaussian_block
from mmm_core.model.level import gram

jax.config.update("jax_enable_x64", True)

pytestmark = pytest.mark.usefixtures("hurried_compiler")

log_likelihood = jax.jit(module.log_likelihood)

WEEKS = 14
TERMS = 3
CHANNELS = 2
STEPS = np.tril(np.ones((WEEKS, WEEKS)))[:, 1:]  # steps of the level into weeks 2 to the last -> level
# which of deviations, weights and slope a model has
EXTRAS = list(product([False, True], repeat=3))
LEVEL_FIRST = "deviations after the level"
# the same with sums of the geos' deviations measured besides
MEASURED = [("measured", kinds) for kinds in ((True, False, False), (True, True, True), LEVEL_FIRST)]


def panel(geos, seed=0, gaps=True):
    """Design, mask and residual of a small panel, with unobserved weeks."""
    rng = np.random.default_rng(seed)
    design = np.stack([np.column_stack([np.ones(WEEKS), rng.normal(size=(WEEKS, 2))]) for _ in range(geos)])
    observed = rng.random((geos, WEEKS)) < 0.8 if gaps else np.ones((geos, WEEKS), dtype=bool)
    return design, observed, np.array([5.0, 2.0, 1.0]), rng.normal(size=(geos, WEEKS))


def extras_of(geos, deviations, weights, slope, seed=1):
    """The arguments of `log_likelihood` that say what varies."""
    rng = np.random.default_rng(seed)
    out = {}
    if deviations:
        columns = jnp.asarray(rng.gamma(2.0, 0.5, size=(geos, CHANNELS, WEEKS)))
        out["deviations"] = Deviations(columns, jnp.array([0.3, 0.8]))
    if weights:
        out["weights"] = jnp.asarray(rng.gamma(3.0, 1 / 3, size=(geos, WEEKS)))
    if slope:
        out["tau_slope"] = jnp.array(0.15)
    return out


def joint(design, observed, prior_sd, sigma, tau, deviations=None, weights=None, tau_slope=None):
    """The dense normal: covariance of the observed residuals, their loading on all that is integrated out (the level's
    own steps, the slope's steps, coefficients, deviations), and the prior variances of those. Sums of deviations that
    were measured besides follow the residuals."""
    geos = len(design)
    keep = observed.ravel()
    accumulate = np.tril(np.ones((WEEKS - 1, WEEKS - 1)))
    parts = [np.tile(STEPS, (geos, 1)), block_diag(*design)]
    prior = [np.full(WEEKS - 1, tau**2), np.tile((prior_sd * sigma) ** 2, geos)]
    if tau_slope is not None:
        parts.append(np.tile(STEPS @ accumulate, (geos, 1)))
        prior.append(np.full(WEEKS - 1, float(tau_slope) ** 2))
    if deviations is not None:
        parts.append(block_diag(*np.asarray(deviations.columns).transpose(0, 2, 1)))
        prior.append(np.tile(np.asarray(deviations.sd) ** 2, geos))
    loading, prior = np.hstack(parts)[keep], np.concatenate(prior)
    precision = np.ones(observed.shape) if weights is None else np.asarray(weights)
    noise = sigma**2 / precision.ravel()[keep]
    if deviations is not None and deviations.rows is not None:
        measured = np.asarray(deviations.rows.design).reshape(len(deviations.rows.residual), -1)
        others = loading.shape[1] - measured.shape[1]
        loading = np.vstack([loading, np.pad(measured, ((0, 0), (others, 0)))])
        noise = np.concatenate([noise, np.asarray(deviations.rows.variance)])
    noise = np.diag(noise)
    return loading @ np.diag(prior) @ loading.T + noise, loading, prior


def measured(residual, observed, extras):
    """Whatever was measured, in the order of `joint`."""
    rows = extras["deviations"].rows if "deviations" in extras else None
    return np.concatenate([residual[observed], [] if rows is None else np.asarray(rows.residual)])


def dense_log_likelihood(design, observed, prior_sd, residual, sigma, tau, **extras):
    covariance, _, _ = joint(design, observed, prior_sd, sigma, tau, **extras)
    return stats.multivariate_normal(np.zeros(len(covariance)), covariance).logpdf(
        measured(residual, observed, extras)
    )


def varying(design, observed, prior_sd, extras):
    """A block that integrates deviations out before the level."""
    return gaussian_block(design, observed, prior_sd, varying=True, slope="tau_slope" in extras)


def block_and_extras(design, observed, prior_sd, kinds):
    """A block for the extensions named; for None the one whose design is fixed."""
    if kinds is None:
        return gaussian_block(design, observed, prior_sd), {}
    if kinds[0] == "measured":
        block, extras = block_and_extras(design, observed, prior_sd, kinds[1])
        rng = np.random.default_rng(2)
        rows = Rows(
            jnp.asarray(rng.normal(size=(3, len(design), CHANNELS))),
            jnp.array([0.5, -1.0, 2.0]),
            jnp.array([0.1, 0.5, 2.0]),
        )
        return block, {**extras, "deviations": extras["deviations"]._replace(rows=rows)}
    if kinds == LEVEL_FIRST:
        return gaussian_block(design, observed, prior_sd), extras_of(len(design), True, False, False)
    extras = extras_of(len(design), *kinds)
    return varying(design, observed, prior_sd, extras), extras


@pytest.mark.parametrize("geos", [1, 3])
@pytest.mark.parametrize("tau", [0.0, 0.02, 0.7])
@pytest.mark.parametrize("sigma", [0.3, 1.1])
def test_equals_the_dense_normal(geos, sigma, tau):
    design, observed, prior_sd, residual = panel(geos)
    block = gaussian_block(design, observed, prior_sd)
    dense = dense_log_likelihood(design, observed, prior_sd, residual, sigma, tau)
    assert float(log_likelihood(block, residual, sigma, tau)) == pytest.approx(dense, rel=1e-10)


@pytest.mark.parametrize("geos", [1, 3])
@pytest.mark.parametrize("tau", [0.0, 0.02, 0.7])
@pytest.mark.parametrize("kinds", [*EXTRAS, LEVEL_FIRST, *MEASURED])
def test_what_varies_equals_the_dense_normal(geos, tau, kinds):
    design, observed, prior_sd, residual = panel(geos)
    block, extras = block_and_extras(design, observed, prior_sd, kinds)
    dense = dense_log_likelihood(design, observed, prior_sd, residual, 0.6, tau, **extras)
    assert float(log_likelihood(block, residual, 0.6, tau, **extras)) == pytest.approx(dense, rel=1e-10)


@pytest.mark.parametrize("names", [["deviations"], ["weights"], ["tau_slope"], None])
def test_extensions_of_no_size_change_nothing(names):
    geos, sigma = 3, 0.6
    design, observed, prior_sd, residual = panel(geos)
    fixed = gaussian_block(design, observed, prior_sd)
    none = {
        "deviations": extras_of(geos, True, False, False)["deviations"]._replace(sd=jnp.zeros(CHANNELS)),
        "weights": jnp.ones((geos, WEEKS)),
        "tau_slope": jnp.zeros(()),
    }
    extras = {name: none[name] for name in names or none}
    block = varying(design, observed, prior_sd, extras)
    evaluate = jax.jit(
        jax.value_and_grad(lambda tau, extras: log_likelihood(block, residual, sigma, tau, **extras), (0, 1))
    )
    for tau in (0.0, 0.2):  # at 0 the level and its slope stand still together
        value, gradient = evaluate(jnp.array(tau), extras)
        assert float(value) == pytest.approx(float(log_likelihood(fixed, residual, sigma, tau)), rel=1e-12)
        assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))


def test_the_gram_matrix_has_the_tangent_of_a_product():
    rows, moved = np.random.default_rng(0).normal(size=(2, 4, 3))
    _, tangent = jax.jvp(gram, (jnp.asarray(rows),), (jnp.asarray(moved),))
    np.testing.assert_allclose(tangent, rows.T @ moved + moved.T @ rows, rtol=1e-12)


def test_a_weight_of_zero_is_an_unobserved_week():
    geos = 3
    design, observed, prior_sd, residual = panel(geos)
    extras = extras_of(geos, True, True, True)
    dropped = observed & (np.random.default_rng(5).random(observed.shape) < 0.7)
    without = log_likelihood(varying(design, dropped, prior_sd, extras), residual, 0.6, 0.2, **extras)
    extras["weights"] = extras["weights"] * dropped
    block = varying(design, observed, prior_sd, extras)
    assert float(log_likelihood(block, residual, 0.6, 0.2, **extras)) == pytest.approx(
        float(without), rel=1e-12
    )


@pytest.mark.parametrize("kinds", EXTRAS)
def test_a_geo_without_observations_says_nothing(kinds):
    geos = 3
    design, observed, prior_sd, residual = panel(geos)
    observed[1] = False
    extras = extras_of(geos, *kinds)
    with_it = log_likelihood(varying(design, observed, prior_sd, extras), residual, 0.6, 0.2, **extras)
    others = np.array([0, 2])
    fewer = {
        name: value if name == "tau_slope" else jax.tree.map(lambda a: a[others] if a.ndim > 1 else a, value)
        for name, value in extras.items()
    }
    block = varying(design[others], observed[others], prior_sd, fewer)
    assert float(with_it) == pytest.approx(
        float(log_likelihood(block, residual[others], 0.6, 0.2, **fewer)), rel=1e-12
    )


@pytest.mark.parametrize("kinds", [*EXTRAS, LEVEL_FIRST, *MEASURED])
def test_gradient_equals_finite_differences(kinds):
    design, observed, prior_sd, residual = panel(3)
    block, extras = block_and_extras(design, observed, prior_sd, kinds)

    def value(arguments):
        residual, sigma, tau, extras = arguments
        return log_likelihood(block, residual, sigma, tau, **extras)

    gradient_of = jax.jit(jax.grad(value))
    for tau in (0.0, 0.2):
        arguments = (jnp.asarray(residual), jnp.array(0.6), jnp.array(tau), extras)
        leaves, structure = jax.tree.flatten(arguments)
        gradient = jax.tree.leaves(gradient_of(arguments))
        for i, leaf in enumerate(leaves):
            direction = np.random.default_rng(i).normal(size=leaf.shape)
            moved = [
                value(structure.unflatten([*leaves[:i], leaf + step * direction, *leaves[i + 1 :]]))
                for step in (1e-5, -1e-5)
            ]
            numerical = float(moved[0] - moved[1]) / 2e-5
            assert float(np.sum(gradient[i] * direction)) == pytest.approx(numerical, rel=1e-6, abs=1e-6)


def test_second_derivatives_exist():
    """Laplace approximations need them: forward over reverse equals differences of the gradient."""
    design, observed, prior_sd, residual = panel(3)
    extras = extras_of(3, True, True, True)
    block = varying(design, observed, prior_sd, extras)

    def value(scales):
        return log_likelihood(block, residual, scales[0], scales[1], **{**extras, "tau_slope": scales[2]})

    at, gradient = jnp.array([0.6, 0.2, 0.15]), jax.jit(jax.grad(value))
    rows = [(gradient(at + step) - gradient(at - step)) / 2e-5 for step in 1e-5 * jnp.eye(3)]
    np.testing.assert_allclose(jax.jit(jax.hessian(value))(at), np.stack(rows), rtol=1e-5)


def test_unobserved_weeks_do_not_matter():
    design, observed, prior_sd, residual = panel(2)
    other = np.where(observed, residual, 1e6)
    for extras in ({}, extras_of(2, True, True, True)):
        block = (
            varying(design, observed, prior_sd, extras)
            if extras
            else gaussian_block(design, observed, prior_sd)
        )
        assert float(log_likelihood(block, other, 0.5, 0.1, **extras)) == pytest.approx(
            float(log_likelihood(block, residual, 0.5, 0.1, **extras))
        )


def test_a_block_made_for_less_is_refused():
    design, observed, prior_sd, residual = panel(3)
    fixed = gaussian_block(design, observed, prior_sd)
    without_slope = gaussian_block(design, observed, prior_sd, varying=True)
    with_slope = gaussian_block(design, observed, prior_sd, slope=True)
    extras = extras_of(3, True, True, True)
    with pytest.raises(ValueError, match="varying=True"):
        log_likelihood(fixed, residual, 0.5, 0.1, weights=extras["weights"])
    for block in (fixed, without_slope):
        with pytest.raises(ValueError, match="slope=True"):
            log_likelihood(block, residual, 0.5, 0.1, tau_slope=0.1)
    with pytest.raises(ValueError, match="slope=True"):
        log_likelihood(with_slope, residual, 0.5, 0.1)


def check_moments(drawn, mean, spread):
    """Mean and covariance of independent draws (draw, quantity), each within its own Monte Carlo error."""
    count = len(drawn)
    sd = np.sqrt(np.diag(spread))
    np.testing.assert_array_less(np.abs(drawn.mean(0) - mean), 5 * sd / np.sqrt(count) + 1e-12)
    error = np.sqrt((np.outer(sd, sd) ** 2 + spread**2) / count)
    np.testing.assert_array_less(np.abs(np.cov(drawn.T) - spread), 5 * error + 1e-12)


@pytest.mark.parametrize(
    ("geos", "kinds"),
    [(1, None), (1, EXTRAS[-1]), (2, None), *((2, kinds) for kinds in (*EXTRAS, LEVEL_FIRST, *MEASURED))],
)
def test_draws_have_the_conditional_mean_and_covariance(geos, kinds):
    sigma, tau, count = 0.4, 0.3, 40_000
    design, observed, prior_sd, residual = panel(geos)
    block, extras = block_and_extras(design, observed, prior_sd, kinds)
    covariance, loading, prior = joint(design, observed, prior_sd, sigma, tau, **extras)
    gain = np.diag(prior) @ loading.T @ np.linalg.inv(covariance)
    # from own steps, coefficients, slope's steps and deviations to level, coefficients, slope and deviations
    accumulate = np.tril(np.ones((WEEKS - 1, WEEKS - 1)))
    wanted = block_diag(STEPS, np.eye(TERMS * geos))
    if "tau_slope" in extras:
        wanted = block_diag(wanted, np.vstack([np.zeros(WEEKS - 1), accumulate]))
        wanted[:WEEKS, -(WEEKS - 1) :] = STEPS @ accumulate
    if "deviations" in extras:
        wanted = block_diag(wanted, np.eye(CHANNELS * geos))
    mean = wanted @ gain @ measured(residual, observed, extras)
    spread = wanted @ (np.diag(prior) - gain @ loading @ np.diag(prior)) @ wanted.T

    keys = jax.random.split(jax.random.key(0), count)
    drawn = jax.jit(jax.vmap(lambda key: draw(block, jnp.asarray(residual), sigma, tau, key, **extras)))(keys)
    assert (drawn.slope is None) == ("tau_slope" not in extras)
    assert (drawn.deviations is None) == ("deviations" not in extras)
    parts = [drawn.level, drawn.coefficients, drawn.slope, drawn.deviations]
    flat = np.hstack([np.asarray(part).reshape(count, -1) for part in parts if part is not None])
    check_moments(flat, mean, spread)
    assert (flat[:, 0] == 0).all()  # the level starts at 0; the intercept holds its height


@pytest.mark.parametrize("kinds", [None, *EXTRAS, LEVEL_FIRST])
def test_scales_of_zero_are_drawn_as_zero(kinds):
    design, observed, prior_sd, residual = panel(2)
    block, extras = block_and_extras(design, observed, prior_sd, kinds)
    if "tau_slope" in extras:
        extras["tau_slope"] = 0.0
    if "deviations" in extras:
        extras["deviations"] = extras["deviations"]._replace(sd=jnp.zeros(CHANNELS))
    drawn = jax.jit(draw)(block, jnp.asarray(residual), 0.5, 0.0, jax.random.key(1), **extras)
    for part in (drawn.level, drawn.slope, drawn.deviations):
        if part is not None:
            np.testing.assert_allclose(part, 0.0, atol=1e-100)
    assert np.isfinite(drawn.coefficients).all()


@pytest.mark.parametrize("kinds", [None, *EXTRAS, LEVEL_FIRST])
def test_single_precision_is_close(kinds):
    design, observed, prior_sd, residual = panel(3)
    block, extras = block_and_extras(design, observed, prior_sd, kinds)

    def of_sigma(sigma, rest):
        block, residual, tau, extras = rest
        return module.log_likelihood(block, residual, sigma, tau, **extras)

    def evaluate(dtype):
        arguments = (jnp.array(0.5), (block, residual, jnp.array(0.1), extras))
        return jax.jit(jax.value_and_grad(of_sigma))(
            *jax.tree.map(lambda a: jnp.asarray(a, dtype), arguments)
        )

    value, slope = evaluate(jnp.float32)
    exact, exact_slope = evaluate(jnp.float64)
    assert value.dtype == slope.dtype == jnp.float32
    assert float(value) == pytest.approx(float(exact), rel=1e-4)
    assert float(slope) == pytest.approx(float(exact_slope), rel=1e-3)
