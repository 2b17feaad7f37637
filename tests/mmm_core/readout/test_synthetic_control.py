"""Weights against brute force and closed forms; the estimator against a panel without noise."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm_core.readout.synthetic_control import fit, ridge_penalty, simplex_weights
from tests.mmm_core.readout.panels import PRE, outcomes


def distance(weights, design, target):
    return np.sum((target - design @ weights) ** 2)


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_those_of_a_search_over_the_simplex(seed):
    rng = np.random.default_rng(seed)
    design, target = rng.normal(size=(20, 3)), rng.normal(size=20)
    found = simplex_weights(design, target)
    steps = 200
    grid = [
        np.array([i, j, steps - i - j]) / steps
        for i, j in itertools.product(range(steps + 1), repeat=2)
        if i + j <= steps
    ]
    best = min(grid, key=lambda weights: distance(weights, design, target))
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    assert distance(found, design, target) <= distance(best, design, target) + 1e-9
    assert found == pytest.approx(best, abs=1 / steps)


@given(seed=st.integers(0, 10_000), donors=st.integers(2, 12), periods=st.integers(3, 30))
@settings(max_examples=60)
def test_no_step_towards_a_corner_comes_closer(seed, donors, periods):
    """The condition of Karush, Kuhn and Tucker, which alone decides in a convex problem."""
    rng = np.random.default_rng(seed)
    design, target = rng.normal(size=(periods, donors)), rng.normal(size=periods)
    weights = simplex_weights(design, target)
    gradient = design.T @ (design @ weights - target)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    assert (gradient - gradient @ weights >= -1e-6).all()


def test_of_donors_that_are_alike_each_has_the_same_weight():
    rng = np.random.default_rng(1)
    donor, other = rng.normal(size=(2, 30))
    weights = simplex_weights(np.column_stack([donor, other, donor]), donor)
    assert weights == pytest.approx([0.5, 0, 0.5], abs=1e-6)


def test_what_moves_exactly_as_a_mix_of_donors_is_recovered_with_its_fixed_effect():
    values = outcomes(geos=8)
    truth = np.array([0.5, 0.3, 0.2, 0, 0, 0, 0, 0])
    treated = values @ truth + 123.0
    treated[PRE:] += 40
    fitted = fit(treated, values, np.arange(len(values)) < PRE)
    effect = treated - fitted.counterfactual(values)
    assert fitted.weights == pytest.approx(truth, abs=1e-6)
    assert fitted.level == pytest.approx(123, abs=1e-4)
    assert effect[:PRE] == pytest.approx(np.zeros(PRE), abs=1e-6)
    assert effect[PRE:] == pytest.approx(np.full(len(values) - PRE, 40), abs=1e-6)


def test_a_ridge_without_limit_is_no_augmentation_and_without_penalty_is_least_squares():
    values = outcomes(geos=8)
    treated, donors, training = values[:, 0], values[:, 1:], np.arange(len(values)) < PRE
    plain = fit(treated, donors, training)
    assert fit(treated, donors, training, "ridge", 1e20).weights == pytest.approx(plain.weights, abs=1e-9)
    free = fit(treated, donors, training, "ridge", 1e-5).weights
    common = donors.mean(axis=1)
    design = donors[:PRE] - common[:PRE, None]
    design = design - design.mean(axis=0)
    target = (treated - common)[:PRE] - (treated - common)[:PRE].mean()
    # Weights that sum to 1 and are otherwise free: the normal equations hold.
    assert free.sum() == pytest.approx(1)
    assert design.T @ (target - design @ free) == pytest.approx(np.zeros(7), abs=1e-3)


def test_ridge_weights_are_the_formula_s():
    values = outcomes(geos=8, seed=3)
    treated, donors = values[:PRE, 0], values[:PRE, 1:]
    fitted = fit(treated, donors, np.ones(PRE, bool), "ridge", 50.0)
    gap = donors - donors.mean(axis=0)
    design = gap - gap.mean(axis=1, keepdims=True)
    target = treated - treated.mean() - gap.mean(axis=1)
    simplex = simplex_weights(design, target)
    expected = simplex + design.T @ np.linalg.solve(
        design @ design.T + 50.0 * np.eye(PRE), target - design @ simplex
    )
    assert fitted.weights == pytest.approx(expected, abs=1e-9)


def test_the_penalty_predicts_left_out_periods_within_an_error_of_the_best():
    values = outcomes(geos=8, seed=4)
    gap = values[:PRE] - values[:PRE].mean(axis=0)
    design = gap[:, 1:] - gap[:, 1:].mean(axis=1, keepdims=True)
    target = gap[:, 0] - gap[:, 1:].mean(axis=1)
    largest = np.linalg.svd(design, compute_uv=False)[0] ** 2
    grid = largest * 10.0 ** (-8 * np.arange(21) / 20)
    errors = np.empty((PRE, 21))
    for out in range(PRE):
        kept = np.arange(PRE) != out
        simplex = simplex_weights(design[kept], target[kept])
        for column, penalty in enumerate(grid):
            inverse = np.linalg.inv(design[kept] @ design[kept].T + penalty * np.eye(PRE - 1))
            weights = simplex + design[kept].T @ inverse @ (target[kept] - design[kept] @ simplex)
            errors[out, column] = (target[out] - design[out] @ weights) ** 2
    best = errors.mean(axis=0).argmin()
    limit = errors.mean(axis=0)[best] + errors[:, best].std(ddof=1) / np.sqrt(PRE)
    assert ridge_penalty(design, target) == pytest.approx(grid[errors.mean(axis=0) <= limit].max())
