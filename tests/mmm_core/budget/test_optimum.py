"""The optimiser against closed forms and brute force, and its certificate against poor plans."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmm_core.budget.envelope import Cells, Envelope
from mmm_core.budget.optimum import FalseBound, certify, increasing, kkt_residual, maximise, tightened
from mmm_core.budget.search import project


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
    assert 0 <= certificate.gap < 0.002


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
    assert plan.sum() == pytest.approx(total, rel=1e-15)
    assert (plan >= lower).all()
    assert (plan <= upper).all()


def test_a_search_that_grows_too_large_says_so(monkeypatch):
    lower, upper = np.zeros(3), np.full(3, 90.0)
    monkeypatch.setattr("mmm_core.budget.search.MOST_REFINEMENTS", 0)
    _, certificate = maximise(s_shaped, lower, upper, 75.0, np.full(3, 25.0))
    assert certificate.gap > 1e-3
    assert "0 closer looks" in certificate.stopped_early


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
    bound = certify(s_shaped, np.full(3, 25.0), lower, upper, total).bound
    plans = np.array([project(rng.uniform(lower, upper), lower, upper, total) for _ in range(500)])
    assert float(jax.vmap(lambda plan: s_shaped(plan).sum())(jnp.asarray(plans)).max()) <= bound


def test_a_curvature_that_hides_inside_a_wide_range_is_found():
    # All of the curves' bend lies within a hundredth of their bounds: an equal split brings 1.7351, one channel 0.974.
    total = 1 / 128
    half = 0.3 * total
    response = lambda x: x**3 / (half**3 + x**3)  # noqa: E731
    _, certificate = maximise(response, np.zeros(3), np.ones(3), total, np.array([total, 0, 0]))
    equal = 3 * (total / 3) ** 3 / (half**3 + (total / 3) ** 3)
    assert certificate.value == pytest.approx(equal, rel=1e-9)
    assert equal == pytest.approx(1.7351, abs=1e-4)
    assert certificate.bound >= certificate.value
    assert certificate.gap < 2e-3
    lone = certify(response, np.array([total, 0.0, 0.0]), np.zeros(3), np.ones(3), total)
    assert lone.value == pytest.approx(0.974, abs=1e-3)
    assert lone.gap == pytest.approx(1 - 0.974 / 1.7351, abs=0.01)


def test_bounds_are_cut_by_what_the_others_must_and_can_take():
    lower, upper = tightened(np.array([0.0, 10.0, 5.0]), np.array([100.0, 20.0, 8.0]), 40.0)
    np.testing.assert_array_equal(lower, [12.0, 10.0, 5.0])
    np.testing.assert_array_equal(upper, [25.0, 20.0, 8.0])


def test_a_false_statement_about_a_response_is_no_certificate():
    # Responses with a peak inside of a range over which they are said to be flat.
    peak = np.array([0.83, 1.31])
    response = lambda x: 1 - (x - peak) ** 2  # noqa: E731

    def flat(low, high):
        return Cells(low, high, response(low), response(high), np.zeros(2), np.zeros(2), response(high))

    with pytest.raises(FalseBound, match=r"more than the .* that its certificate says"):
        maximise(response, np.zeros(2), np.full(2, 3.0), peak.sum(), np.full(2, 1.0), flat)


def test_an_envelope_is_concave_and_above_its_response():
    points = np.linspace(0.5, 80, 65)
    response = lambda s: s**3 / (40.0**3 + s**3)  # noqa: E731
    known = increasing(response)
    cells = [known(np.array([low]), np.array([high])) for low, high in itertools.pairwise(points)]
    slope = lambda s: 3 * 40.0**3 * s**2 / (40.0**3 + s**3) ** 2  # noqa: E731
    for slopes_known in (True, False):
        rows = np.array([[float(figure[0]) for figure in vars(cell).values()] for cell in cells])
        rise = (rows[:, 3] - rows[:, 2])[points[:-1] >= 58].max()
        if slopes_known:  # steepest at the inflection, 40 / 2^(1/3)
            both = np.stack([slope(rows[:, 0]), slope(rows[:, 1])])
            peak = 40.0 / 2 ** (1 / 3)
            rows[:, 4] = both.min(axis=0)
            rows[:, 5] = np.where((rows[:, 0] <= peak) & (peak <= rows[:, 1]), slope(peak), both.max(axis=0))
        corner, height = Envelope(rows).hull(0.5, 80.0).T
        assert (np.diff(np.diff(height) / np.diff(corner)) <= 1e-12).all()
        fine = np.linspace(0.5, 80, 20_001)
        above = np.interp(fine, corner, height) - response(fine)
        assert above.min() > -1e-12
        # Tight where the response is concave itself; of a response that only increases, to what a cell rises.
        assert above[fine > 60].max() < (1e-4 if slopes_known else rise)


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
