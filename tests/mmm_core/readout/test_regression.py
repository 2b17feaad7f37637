"""Time-based regression against the textbook's prediction interval."""

import numpy as np
import pytest
from scipy import stats

from mmm_core.readout.regression import time_based_regression


def test_one_measured_period_has_the_textbook_s_prediction_interval():
    rng = np.random.default_rng(0)
    control = rng.normal(100, 10, 31)
    treated = 5 + 2 * control + rng.normal(size=31)
    found = time_based_regression(treated, control, 30, 0.9)
    line = stats.linregress(control[:30], treated[:30])
    rest = treated[:30] - line.intercept - line.slope * control[:30]
    around = control[30] - control[:30].mean()
    spread = np.sqrt(
        rest @ rest / 28 * (1 + 1 / 30 + around**2 / np.sum((control[:30] - control[:30].mean()) ** 2))
    )
    assert found.incremental == pytest.approx(treated[30] - line.intercept - line.slope * control[30])
    assert found.standard_error == pytest.approx(spread)
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.95, 28) * spread)


def test_the_error_of_a_sum_is_that_of_simulated_panels():
    rng = np.random.default_rng(1)
    control = rng.normal(100, 10, 40)
    treated = 5 + 2 * control + 3 * rng.normal(size=(4000, 40))
    found = [time_based_regression(row, control, 30, 0.9) for row in treated]
    truth = np.std([one.incremental for one in found])
    assert np.mean([one.standard_error**2 for one in found]) ** 0.5 == pytest.approx(truth, rel=0.05)
    assert np.mean([one.low <= 0 <= one.high for one in found]) == pytest.approx(0.9, abs=0.02)


def test_a_control_that_never_moves_is_a_comparison_of_means():
    treated = np.array([1.0, 3, 1, 3, 7, 7])
    found = time_based_regression(treated, np.full(6, 10.0), 4, 0.9)
    assert found.incremental == pytest.approx(10)
    assert np.isfinite(found.standard_error)
