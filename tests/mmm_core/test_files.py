"""Files are whole or absent, and known to be what was written."""

import os
import shutil
import subprocess
import sys

import pytest

from mmm_core.files import (
    ABANDONED_SECONDS,
    abandoned,
    checksum_path,
    is_damaged,
    one_at_a_time,
    partial_name,
    put_aside,
    write_checked,
    write_together,
    write_whole,
)
from tests.waiting import HANGS


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


def test_a_file_knows_whether_it_is_what_was_written(tmp_path):
    path = write_checked(tmp_path / "table.parquet", lambda partial: partial.write_bytes(bytes(range(256))))
    assert not is_damaged(path)
    if shutil.which("sha256sum"):
        checked = subprocess.run(
            ["sha256sum", "--check", checksum_path(path).name], cwd=tmp_path, check=False
        )
        assert checked.returncode == 0
    for place in (0, 100, 255):
        damaged = bytearray(range(256))
        damaged[place] ^= 1
        path.write_bytes(damaged)
        assert is_damaged(path)
    path.write_bytes(bytes(range(256)))
    checksum_path(path).write_text("")
    assert is_damaged(path)
    checksum_path(path).unlink()
    assert not is_damaged(path)  # of a time before checksums


def test_a_damaged_file_makes_way_and_can_still_be_looked_at(tmp_path):
    path = write_checked(tmp_path / "table.parquet", lambda partial: partial.write_text("one"))
    first = put_aside(path)
    write_checked(path, lambda partial: partial.write_text("two"))
    second = put_aside(path)
    assert not path.exists()
    assert not checksum_path(path).exists()
    assert [first.read_text(), second.read_text()] == ["one", "two"]
    assert first.name.startswith("table.parquet.damaged-")
    assert checksum_path(second).is_file()


def test_what_killed_processes_left_is_told_from_what_is_being_written(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, text=True
    )
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "posterior.nc"
    left = partial_name(path, ended.stdout.strip())
    living, old = partial_name(path, str(os.getpid())), partial_name(tmp_path / "old.nc", str(os.getpid()))
    elsewhere = path.with_name(".posterior.nc.another-machine.17.partial.nc")
    for file in (left, living, old, elsewhere, path, tmp_path / ".partial", tmp_path / ".my.partial.notes"):
        file.write_text("half")
    os.utime(old, (0, os.stat(old).st_mtime - 2 * ABANDONED_SECONDS))
    assert set(abandoned(tmp_path)) == {left, old}


def test_files_that_belong_together_appear_together_or_not_at_all(tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    write_together({path: (lambda target: target.write_text("first")) for path in (first, second)})

    def fails(target):
        target.write_text("sec")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_together({first: lambda target: target.write_text("second"), second: fails})
    assert [first.read_text(), second.read_text()] == ["first", "first"]
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_one_process_at_a_time_is_in_a_folder(tmp_path):
    wait = (
        "import sys, pathlib; from mmm_core.files import one_at_a_time\n"
        "with one_at_a_time(pathlib.Path(sys.argv[1])): print('in', flush=True)"
    )
    with one_at_a_time(tmp_path / "out"):
        other = subprocess.Popen(
            [sys.executable, "-c", wait, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True
        )
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=1)
    said, _ = other.communicate(timeout=HANGS)
    assert said == "in\n"
