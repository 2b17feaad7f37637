"""Power and the smallest detectable effect, against simulation and each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm_core.experiments.power import detectable, power


def test_power_is_the_share_of_estimates_that_are_called_effects():
    estimates = 1.7 + 0.8 * np.random.default_rng(0).standard_normal(200_000)
    found = (np.abs(estimates) > 1.6449 * 0.8).mean()
    assert power(1.7, 0.8, 0.1) == pytest.approx(found, abs=0.004)
    assert power(-1.7, 0.8, 0.1) == pytest.approx(power(1.7, 0.8, 0.1))


@given(st.floats(1e-3, 1e6), st.floats(0.01, 0.3), st.floats(0.55, 0.99))
def test_the_smallest_detectable_effect_is_found_as_often_as_asked(error, size, wanted):
    assert power(0.0, error, size) == pytest.approx(size)
    assert power(detectable(error, size, wanted), error, size) == pytest.approx(wanted, abs=1e-6)


def test_the_textbook_figure():
    """1.645 + 0.842 standard errors at a two-sided size of 10 % and a power of 80 %."""
    assert detectable(2.0, 0.1, 0.8) == pytest.approx(2 * 2.486, rel=1e-3)
