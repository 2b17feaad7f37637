"""Files are whole or absent."""

import pytest

from mmm_core.files import partial_name, write_whole


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "result.txt"
    write_whole(path, lambda partial: partial.write_text("first"))

    def half(partial):
        partial.write_text("sec")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, half)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_the_pattern_of_partial_names_finds_them(tmp_path):
    path = tmp_path / "posterior.nc"
    left = partial_name(path, "123")
    left.write_text("half")
    (tmp_path / "other.nc").write_text("another")
    assert list(tmp_path.glob(partial_name(path, "*").name)) == [left]
