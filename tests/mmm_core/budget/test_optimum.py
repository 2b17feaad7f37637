"""The optimiser against closed forms and brute force, and its certificate against poor plans."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmm_core.budget.optimum import certify, concave_envelope, kkt_residual, maximise, project, relax


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


WEIGHT = np.array([3.0, 1.0, 2.0])


def square_root(spend):
    return WEIGHT * jnp.sqrt(spend)


def s_shaped(spend):
    """Hill curves with slopes of 3, 2 and 1: convex, then concave."""
    slope, half = jnp.array([3.0, 2.0, 1.0]), jnp.array([40.0, 30.0, 50.0])
    power = (spend / half) ** slope
    return jnp.array([100.0, 60.0, 80.0]) * power / (1 + power)


def best_on_a_grid(response, lower, upper, total, points):
    axes = [np.linspace(low, high, points) for low, high in zip(lower[:-1], upper[:-1], strict=True)]
    plans = np.array(list(itertools.product(*axes)))
    last = total - plans.sum(axis=1)
    keep = (last >= lower[-1]) & (last <= upper[-1])
    plans = np.column_stack([plans[keep], last[keep]])
    return float(np.asarray(jax.vmap(lambda plan: response(plan).sum())(jnp.asarray(plans))).max())


def test_power_curves_have_the_closed_form():
    # max sum w sqrt(x): the marginals w / (2 sqrt x) are equal, so x is proportional to w squared.
    total = 70.0
    plan, certificate = maximise(
        square_root, np.full(3, 1e-6), np.full(3, total), total, np.full(3, total / 3)
    )
    np.testing.assert_allclose(plan, total * WEIGHT**2 / (WEIGHT**2).sum(), rtol=1e-5)
    assert certificate.value == pytest.approx(np.sqrt(total * (WEIGHT**2).sum()), rel=1e-10)
    assert certificate.kkt_residual < 1e-4
    assert 0 <= certificate.gap < 0.01


def test_log_curves_with_an_active_bound():
    # max sum w log(1 + x) with the first channel capped: the rest share by water filling, 1 + x proportional to w.
    lower, upper, total = np.zeros(3), np.array([5.0, 100.0, 100.0]), 40.0
    plan, certificate = maximise(lambda x: WEIGHT * jnp.log1p(x), lower, upper, total, np.full(3, total / 3))
    left = total - 5.0
    expected = WEIGHT[1:] * (left + 2) / WEIGHT[1:].sum() - 1
    np.testing.assert_allclose(plan, [5.0, *expected], rtol=1e-5)
    assert certificate.kkt_residual < 1e-4
    assert certificate.gap < 1e-3


@pytest.mark.parametrize("total", [45.0, 75.0, 120.0])
def test_s_shaped_curves_match_brute_force(total):
    lower, upper = np.full(3, 1.0), np.full(3, 80.0)
    plan, certificate = maximise(s_shaped, lower, upper, total, np.full(3, total / 3))
    brute = best_on_a_grid(s_shaped, lower, upper, total, 300)
    assert certificate.value >= brute * (1 - 1e-6)
    assert certificate.bound >= brute
    assert plan.sum() == pytest.approx(total, rel=1e-12)
    assert (plan >= lower).all()
    assert (plan <= upper).all()


def test_two_channels_match_brute_force():
    response = lambda x: s_shaped(jnp.append(x, 0.0))[:2]  # noqa: E731
    lower, upper, total = np.array([1.0, 1.0]), np.array([90.0, 90.0]), 60.0
    _, certificate = maximise(response, lower, upper, total, np.full(2, 30.0))
    brute = best_on_a_grid(response, lower, upper, total, 20_001)
    assert certificate.value == pytest.approx(brute, rel=1e-4)
    assert brute <= certificate.value <= certificate.bound


def test_the_bound_holds_for_every_plan():
    rng = np.random.default_rng(3)
    lower, upper, total = np.full(3, 1.0), np.full(3, 80.0), 75.0
    bound = relax(s_shaped, lower, upper, total).bound
    plans = np.array([project(rng.uniform(lower, upper), lower, upper, total) for _ in range(500)])
    assert float(jax.vmap(lambda plan: s_shaped(plan).sum())(jnp.asarray(plans)).max()) <= bound


def test_the_certificate_catches_a_poor_plan():
    lower, upper, total = np.full(3, 1e-6), np.full(3, 70.0), 70.0
    good, certificate = maximise(square_root, lower, upper, total, np.full(3, total / 3))
    poor = certify(square_root, project(good[[1, 0, 2]], lower, upper, total), lower, upper, total)
    assert poor.gap > 0.1 > certificate.gap
    assert poor.kkt_residual > 0.5
    assert poor.bound == pytest.approx(certificate.bound)


def test_a_trap_for_one_start_is_seen_by_the_certificate():
    # Both channels at the foot of their S: stationary by symmetry, yet all on one channel is far better.
    response = lambda x: x**4 / (30.0**4 + x**4)  # noqa: E731
    lower, upper, total = np.full(2, 0.01), np.full(2, 40.0), 40.0
    split = certify(response, np.full(2, 20.0), lower, upper, total)
    assert split.kkt_residual == pytest.approx(0.0, abs=1e-9)
    assert split.gap > 0.4
    plan, certificate = maximise(response, lower, upper, total, np.full(2, 20.0))
    assert plan.max() > 39
    assert certificate.gap < 0.01


def test_an_envelope_is_concave_and_above_its_response():
    x = np.linspace(0.5, 80, 65)
    value, slope = jax.vmap(jax.value_and_grad(lambda s: s**3 / (40.0**3 + s**3)))(jnp.asarray(x))
    corner, height = concave_envelope(x, np.asarray(value), np.asarray(slope))
    assert (np.diff(np.diff(height) / np.diff(corner)) <= 1e-12).all()
    fine = np.linspace(0.5, 80, 20_001)
    response = fine**3 / (40.0**3 + fine**3)
    assert (np.interp(fine, corner, height) - response).min() > -1e-6
    # Tight where the response is concave itself.
    assert np.abs(np.interp(fine, corner, height) - response)[fine > 60].max() < 1e-4


def test_a_plan_held_at_its_bounds_is_stationary():
    lower, upper = np.array([0.0, 0.0]), np.array([10.0, 10.0])
    assert kkt_residual(np.array([2.0, 1.0]), np.array([10.0, 0.0]), lower, upper) == 0.0
    assert kkt_residual(np.array([1.0, 2.0]), np.array([10.0, 0.0]), lower, upper) == pytest.approx(0.5)


def test_a_fixed_channel_keeps_its_spend():
    lower, upper = np.array([10.0, 0.0, 0.0]), np.array([10.0, 50.0, 50.0])
    plan, certificate = maximise(square_root, lower + 1e-6 * (upper > 10), upper, 50.0, np.full(3, 16.0))
    assert plan[0] == 10.0
    np.testing.assert_allclose(plan[1:], 40.0 * np.array([1, 4]) / 5, rtol=1e-4)
    assert certificate.gap < 0.01
