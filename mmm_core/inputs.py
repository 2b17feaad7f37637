"""Opening a file that a user names: its bytes, or why there are none."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mmm_core.errors import InputError

MAX_BYTES = 2**31
"""Bytes of a file, unpacked: what lies beyond is no weekly table, and gzip packs a thousand to one."""


class UnreadableFile(InputError):
    """A file that cannot be read as a table; `fault` says why and what to do, the message names the file too."""

    def __init__(self, source: str, fault: str):
        self.source, self.fault = source, fault
        super().__init__(f"{source}: {fault}")


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a regular file; never waits, as a pipe would have it.

    Raises:
        UnreadableFile: no such file, a folder, a pipe, a broken link, one that may not be read or is too large.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_BYTES:
            raise UnreadableFile(name_of(path), f"has {size:,} bytes; {MAX_BYTES:,} are read at most")
        return file.read()


@contextmanager
def opened(path: str | Path) -> Iterator[BinaryIO]:
    """A regular file of any size, open to be read; never waits, as a pipe would have it.

    Raises:
        UnreadableFile: no such file, a folder, a pipe, a broken link, or one that may not be read, also while it is.
    """
    source = name_of(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        what = (
            "a link to a file that is not there: put the file back"
            if os.path.islink(path)
            else "no such file"
        )
        raise UnreadableFile(source, what) from None
    except (OSError, ValueError) as error:
        raise UnreadableFile(source, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableFile(source, "is a folder: name a file")
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFile(source, "is a pipe or a device: write its content to a file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    except OSError as error:
        raise UnreadableFile(source, f"cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def name_of(path: str | Path) -> str:
    """A file's name for a message, whatever bytes it is made of."""
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in name)
