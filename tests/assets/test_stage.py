"""What the assets behind a posterior have in common."""

import pytest

from assets.curves.roi import roi
from tests.assets.vintage import VINTAGE


@pytest.mark.slow
def test_a_check_is_of_its_partition(stages):
    """Or the badge would show whichever model ran last, and hide one that fails behind one that passes."""
    found = stages.materialize(roi).get_asset_check_evaluations()
    assert [(check.check_name, check.partition) for check in found] == [
        ("is_finite_and_ordered", str(VINTAGE.key))
    ]
