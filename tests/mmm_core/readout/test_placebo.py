"""Placebos in time and space, by hand on small panels."""

import numpy as np
import pytest

from mmm_core.readout import placebo
from mmm_core.readout.synthetic_control import fit
from tests.mmm_core.readout.panels import PRE, outcomes


def test_windows_in_time_are_predicted_from_the_periods_around_them():
    values = outcomes()[:PRE]
    errors = placebo.in_time(values[:, 0], values[:, 1:], 15, "none", None)
    assert errors.shape == (40, 15)  # at most 40 windows, of 46
    training = np.arange(PRE) >= 15
    first = fit(values[:, 0], values[:, 1:], training)
    expected = (values[:, 0] - first.counterfactual(values[:, 1:]))[:15]
    assert errors[0] == pytest.approx(expected)
    assert placebo.standard_error_in_time(errors) == pytest.approx(np.sqrt(np.mean(errors.mean(axis=1) ** 2)))


def test_every_donor_is_taken_for_treated_against_the_others():
    donors = outcomes()[:, 1:]
    found = placebo.in_space(donors, PRE, "none", None)
    assert list(found.donors) == list(range(11))
    others = np.delete(donors, 4, axis=1)
    fitted = fit(donors[:, 4], others, np.arange(75) < PRE)
    assert found.effects[4] == pytest.approx((donors[:, 4] - fitted.counterfactual(others))[PRE:].mean())
    assert found.errors[4] == pytest.approx(
        placebo.held_out_error(donors[:PRE, 4], others[:PRE], "none", None)
    )
    error = placebo.standard_error_in_space(found, 7.0)
    assert error == pytest.approx(7 * np.sqrt(np.mean((found.effects / found.errors) ** 2)))


def test_of_many_donors_some_of_every_size_are_tried(monkeypatch):
    monkeypatch.setattr(placebo, "MAX_DONORS", 4)
    donors = outcomes()[:, 1:]
    tried = placebo.in_space(donors, PRE, "none", None).donors
    rank = np.argsort(np.argsort(donors[:PRE].mean(axis=0)))
    assert len(tried) == 4
    assert {rank[donor] for donor in tried} >= {0, 10}


def moved(donors):
    return placebo.moved(donors, PRE, "none", None, placebo.in_space(donors, PRE, "none", None))


def test_donors_that_moved_are_found_and_not_those_compared_with_them():
    donors = outcomes(seed=5, geos=20)
    assert moved(donors) == []
    donors[PRE:, 7] *= 1.3
    assert moved(donors) == [7]
    donors[PRE:, 2] *= 0.8
    assert sorted(moved(donors)) == [2, 7]
    assert moved(donors[:, 3:10]) == []  # seven geos do not tell


def test_a_donor_predicted_without_error_tells_nothing():
    ratios = placebo.PlacebosInSpace(np.arange(2), np.array([1.0, 2.0]), np.array([0.0, 4.0])).ratios
    assert list(ratios) == [0, 0.5]
