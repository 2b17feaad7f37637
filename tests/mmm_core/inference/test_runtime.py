"""What a process is set up with."""

import gc
import sys

import pytest
from platformdirs import user_cache_path

from mmm_core.inference.runtime import compilation_cache, largest_divisor, only_new_garbage


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


def test_compiled_programs_are_kept_where_one_says_or_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("MMM_COMPILATION_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compilation_cache() == user_cache_path("carryover", appauthor=False) / "jax"
    if sys.platform == "linux":
        assert compilation_cache() == tmp_path / "carryover" / "jax"
    monkeypatch.setenv("MMM_COMPILATION_CACHE", str(tmp_path / "here"))
    assert compilation_cache() == tmp_path / "here"
    monkeypatch.setenv("MMM_COMPILATION_CACHE", "")
    assert compilation_cache() is None


@pytest.mark.parametrize(
    ("parts", "devices", "over"), [(4, 4, 4), (4, 3, 2), (5, 4, 1), (1, 8, 1), (6, 100, 6)]
)
def test_parts_are_spread_evenly(parts, devices, over):
    assert largest_divisor(parts, devices) == over
