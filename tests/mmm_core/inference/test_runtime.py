"""What a process is set up with."""

import gc

import pytest

from mmm_core.inference.runtime import largest_divisor, only_new_garbage


def test_old_objects_are_spared_by_collections_and_given_back():
    assert gc.get_freeze_count() == 0
    with only_new_garbage():
        assert gc.get_freeze_count() > 0
        with only_new_garbage():
            pass
        assert gc.get_freeze_count() > 0  # the inner one leaves the outer one's objects alone
    assert gc.get_freeze_count() == 0


def test_they_are_given_back_after_an_error_too():
    with pytest.raises(ValueError, match="inside"):
        _fails()
    assert gc.get_freeze_count() == 0


@only_new_garbage()
def _fails():
    raise ValueError("inside")


@pytest.mark.parametrize(
    ("parts", "devices", "over"), [(4, 4, 4), (4, 3, 2), (5, 4, 1), (1, 8, 1), (6, 100, 6)]
)
def test_parts_are_spread_evenly(parts, devices, over):
    assert largest_divisor(parts, devices) == over
