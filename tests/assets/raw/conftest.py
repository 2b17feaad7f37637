"""Fixtures of the tests of raw tables."""

import pytest

from tests.assets.raw.weekly_files import MACRO, RIVALS


@pytest.fixture
def landed(new_platform):
    new_platform.land("macro/weekly/2024.csv", MACRO)
    new_platform.land("competitor/weekly/2024.csv", RIVALS)
    return new_platform
