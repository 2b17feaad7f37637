"""What a vintage's pointer says survives its damage, and a file that is current already is not touched."""

import os

import pytest

from assets.models import Vintage
from assets.resources.versions import POINTER, Versions

VINTAGE = Vintage("demo", "2025-03-03")


@pytest.fixture
def versions(tmp_path):
    return Versions(tmp_path, ".txt", "make {vintage} again")


def written(versions, *names):
    """Files of some versions, each older than the next by a minute."""
    paths = [versions.write(VINTAGE, name, lambda partial: partial.write_text("x")) for name in names]
    for age, path in enumerate(reversed(paths)):
        then = path.stat().st_mtime_ns - age * 60 * 10**9
        os.utime(path, ns=(then, then))
    return paths


def test_pointing_at_the_newest_version_leaves_its_file_as_it_is(versions):
    (*_, newest) = written(versions, "first", "second")
    before = newest.stat().st_mtime_ns
    versions.point(VINTAGE, "second")
    assert newest.stat().st_mtime_ns == before
    assert versions.current(VINTAGE) == "second"


@pytest.mark.parametrize("version", ["first", "second"])
def test_a_damaged_pointer_is_made_again_for_the_version_pointed_at_last(versions, version):
    written(versions, "first", "second")
    versions.point(VINTAGE, version)
    (versions.place(VINTAGE) / POINTER).write_text("{")
    assert versions.current(VINTAGE) == version
