"""Loops that Numba compiles, against the same in NumPy; where nothing can be kept they are compiled all the same."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm_core.long_term import loops
from mmm_core.long_term.conjugate import draw, factors, moments, posterior
from mmm_core.long_term.minnesota import centre
from mmm_core.long_term.series import series
from mmm_core.long_term.tracked import changes


def test_without_a_folder_to_keep_programs_in_they_are_compiled_anew(monkeypatch):
    numba = loops.njit

    def without_folder(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available for file")
        return numba(**options)

    monkeypatch.setattr(loops, "njit", without_folder)
    root = np.array([[[2.0, 0.0], [1.0, 3.0]]])
    right = np.array([[[4.0], [6.0]]])
    found = loops.compiled(loops.solved_from_below.py_func)(root, right)
    assert np.allclose(root[0].T @ found[0], right[0])


@pytest.mark.parametrize("differenced", [(), ("base",)])
def test_moments_of_weeks_are_those_of_the_regression(differenced):
    rng = np.random.default_rng(0)
    weeks = pd.date_range("2024-01-01", periods=40, freq="7D")
    table = pd.DataFrame(rng.normal(5, 1, (40, 3)).cumsum(0), index=weeks, columns=["a", "b", "base"])
    spend = pd.DataFrame(rng.gamma(2, 1, (40, 2)), index=weeks, columns=["tv", "radio"])
    line = pd.DataFrame({"trend": np.arange(40.0)}, index=weeks)
    given = series(table, spend, line, differenced)
    levels = rng.normal(5, 1, (3, 40, 3)).cumsum(1)
    layout, own = given.layout(2, 1), np.array([1.0, 0.9, 0.2])
    rows = replace(given, modelled=changes(levels, given)).regression(2, 1, 4)
    expected = moments(rows.outcome, rows.regressors, centre(layout, own))
    fixed = np.ascontiguousarray(rows.regressors[0, :, layout.media.start :].T)
    moved = loops.chains_last(levels), given.is_differenced
    found = loops.moments_of_weeks(*moved, fixed, fixed @ fixed.T, own, 2)
    for one, other in zip(found, expected[1:], strict=True):
        assert np.allclose(one, other, rtol=1e-10, atol=1e-8)


def test_coefficients_are_drawn_as_independent_draws_are():
    """The same random numbers give the same coefficients and covariance, and its inverse is one."""
    rng = np.random.default_rng(1)
    regressors = rng.normal(size=(4, 30, 5))
    known = moments(rng.normal(size=(4, 30, 3)), regressors, np.zeros((5, 3)))
    precision = rng.gamma(2, 1, (4, 5))
    expected = draw(posterior(known, precision, 5.0), 4, np.random.default_rng(2))
    again = np.random.default_rng(2)
    bartlett = again.standard_normal((4, 3, 3))
    bartlett[:, range(3), range(3)] = np.sqrt(again.chisquare(5.0 + 30 - np.arange(3), (4, 3)))
    root, white, scale, _ = factors(known, precision)
    normal = again.standard_normal((4, 5, 3))
    coefficients, covariance, inverse = loops.coefficients_drawn(root, white, scale, normal, bartlett)
    assert np.allclose(coefficients, expected.coefficients)
    assert np.allclose(covariance, expected.root @ expected.root.swapaxes(1, 2))
    assert np.allclose(covariance @ inverse, np.eye(3))


def test_residuals_are_what_lags_and_media_leave():
    rng = np.random.default_rng(3)
    levels, lags, shocks = (
        rng.normal(size=(9, 2, 4)),
        rng.normal(size=(2, 2, 2, 4)),
        rng.normal(size=(7, 2, 4)),
    )
    for chain in range(4):
        for week in range(2, 9):
            before = sum(lags[lag, :, :, chain] @ levels[week - 1 - lag, :, chain] for lag in range(2))
            levels[week, :, chain] = before + 0.5 + shocks[week - 2, :, chain]
    assert np.allclose(loops.residuals(levels, lags, np.full((7, 2, 4), 0.5)), shocks)
