"""A full disk is said with the file and the remedy, and what was there stays."""

import resource
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from mmm_core.disk import is_out_of_space
from mmm_core.errors import OutOfSpace
from mmm_core.files import write_whole


@contextmanager
def small_files(size):
    """A limit on the size of files, which libraries meet as they meet a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_names_the_file_and_the_remedy_and_the_next_try_works(tmp_path):
    path = tmp_path / "vintages" / "table.parquet"
    write_whole(path, lambda partial: partial.write_bytes(b"first"))
    table = pd.DataFrame({"x": np.random.default_rng(1).normal(size=100_000)})
    with small_files(50_000), pytest.raises(OutOfSpace, match=r"could not be written.*make room") as refused:
        write_whole(path, table.to_parquet)
    assert str(path) in str(refused.value)
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]
    write_whole(path, table.to_parquet)
    assert len(pd.read_parquet(path)) == 100_000


def test_a_file_larger_than_what_is_free_is_not_begun(tmp_path):
    with pytest.raises(OutOfSpace, match="make room"):
        write_whole(tmp_path / "p.nc", lambda partial: pytest.fail("begun"), size=2**60)


def test_a_limit_is_met_before_a_library_is(tmp_path):
    path = tmp_path / "p.nc"
    with small_files(50_000), pytest.raises(OutOfSpace, match="make room"):
        write_whole(path, lambda partial: pytest.fail("begun"), size=60_000)
    write_whole(path, lambda partial: partial.write_bytes(b"whole"), size=60_000)
    assert [file.name for file in tmp_path.iterdir()] == ["p.nc"]
    assert path.read_bytes() == b"whole"


@pytest.mark.parametrize(
    "message",
    [
        'IO Error: Could not write file "w.duckdb": No space left on device',
        "database or disk is full",
        "Can't write data (file write failed: errno = 28, error message = 'No space left on device')",
        "Disk quota exceeded",
    ],
)
def test_libraries_words_for_a_full_disk_are_known(message):
    assert is_out_of_space(RuntimeError(message))
    outer = ValueError("load failed")
    outer.__cause__ = RuntimeError(message)
    assert is_out_of_space(outer)
    assert not is_out_of_space(ValueError("no column full"))
