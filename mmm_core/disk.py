"""A full disk: known by whatever library met it, and said with the file and the remedy."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from mmm_core.errors import OutOfSpace

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# As libraries word it that keep the system's number to themselves: HDF5, DuckDB, SQLite.
_NO_ROOM_WORDS = (
    "no space left",
    "disk is full",
    "quota exceeded",
    "file too large",
    "errno = 28",
    "errno = 27",
)


FULL_BYTES = 2**20
"""Room below which a disk counts as full."""


def is_full(folder: Path) -> bool:
    """Whether the disk that holds a folder, or will hold one that is not there yet, has no room to speak of."""
    there = next(part for part in (folder.absolute(), *folder.absolute().parents) if part.is_dir())
    return shutil.disk_usage(there).free < FULL_BYTES


def try_room(path: Path, size: int) -> None:
    """Have the disk take a file of so many bytes, and give them back.

    Raises:
        OSError: too few are free, or a quota or a limit on file sizes forbids it.
    """
    if shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    finally:
        path.unlink(missing_ok=True)


def out_of_space(path: Path) -> OutOfSpace:
    """The error of a file that could not be written, with the room that is left where it should lie."""
    there = next(folder for folder in path.absolute().parents if folder.is_dir())
    left = shutil.disk_usage(there).free / 2**20
    return OutOfSpace(
        f"{path}: could not be written: the disk is full, or a limit on file sizes is reached ({left:,.0f} MiB free "
        f"in {there}): make room, and run this again; what was finished before is kept"
    )


def is_out_of_space(error: BaseException) -> bool:
    """Whether an error, or what led to it, is that of a full disk, a quota or a limit on file sizes."""
    found: BaseException | None = error
    while found is not None:
        if (isinstance(found, OSError) and found.errno in _NO_ROOM) or says_out_of_space(str(found)):
            return True
        found = found.__cause__ or found.__context__
    return False


def says_out_of_space(message: str) -> bool:
    """Whether the message of a library is that of a full disk, a quota or a limit on file sizes."""
    return any(words in message.lower() for words in _NO_ROOM_WORDS)
