"""Files that are there whole or not at all, that know whether they are still what was written, and that are put aside
when they are not.

A checksum lies beside its file as `<name>.sha256`, in the form that `sha256sum --check` reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile

from mmm_core.disk import is_out_of_space, out_of_space, try_room

try:
    import fcntl
except ImportError:  # no POSIX
    fcntl = None  # type: ignore[assignment]

CHECKSUM_SUFFIX = ".sha256"
HOST = re.sub(r"\W", "-", socket.gethostname()) or "host"
ABANDONED_SECONDS = 24 * 3600.0
"""Age from which a half-written file counts as abandoned where its process cannot be asked after."""

_PARTIAL = re.compile(r"^\..+\.(?P<host>[\w-]+)\.(?P<process>\d+)\.partial(\.\w+)?$")


def write_whole(path: Path, write: Callable[[Path], object], size: int = 0) -> Path:
    """Have `write` write under a temporary name in the same folder, then rename: no reader meets half a file.

    Args:
        size: bytes that the file will take, where the disk is asked for them first: HDF5 crashes on a full disk.

    Raises:
        OutOfSpace: the disk has no room for the file; what was there under its name stays.
    """
    temporary = partial_name(path, str(os.getpid()))
    try:
        _write(path, temporary, write, size)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_together(files: Mapping[Path, Callable[[Path], object]]) -> list[Path]:
    """`write_whole` of files that belong together: where one cannot be written, all of them stay as they were.

    They are renamed only once the last is written, so that for a moment the disk holds the old and the new.

    Raises:
        OutOfSpace: the disk has no room for all of them.
    """
    temporary = {path: partial_name(path, str(os.getpid())) for path in files}
    try:
        for path, write in files.items():
            _write(path, temporary[path], write)
        for path in files:
            os.replace(temporary[path], path)
    finally:
        for left in temporary.values():
            left.unlink(missing_ok=True)
    return list(files)


def _write(path: Path, temporary: Path, write: Callable[[Path], object], size: int = 0) -> None:
    """Write what is to become the file `path` under another name, to the disk itself."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if size:
            try_room(temporary, size)
        write(temporary)
        to_disk(temporary)
    except Exception as error:
        if is_out_of_space(error):
            raise out_of_space(path) from error
        raise


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Keep other processes that ask for it out of a folder meanwhile; given back however this process ends.

    Where the system or the disk knows no locks, nobody is kept out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def why_not_written(path: Path, folder: bool = False) -> str:
    """Why a file (or a folder) cannot be made or replaced here; "" where it can. Nothing is left behind.

    A file appears by a rename in its folder (`write_whole`), so it is the folder that must be open to writing.
    """
    place = path if folder else path.parent
    there = next(part for part in (place, *place.absolute().parents) if part.exists())
    try:
        if not there.is_dir():
            raise NotADirectoryError(f"{there} is no folder")
        with TemporaryFile(dir=there):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def write_checked(path: Path, write: Callable[[Path], object]) -> Path:
    """`write_whole` with a checksum beside the file, which is there before the file is."""

    def with_checksum(temporary: Path) -> None:
        write(temporary)
        line = f"{sha256(temporary)}  {path.name}\n"
        write_whole(checksum_path(path), lambda partial: partial.write_text(line))

    return write_whole(path, with_checksum)


def is_damaged(path: Path) -> bool:
    """Whether a file differs from its checksum; one without a checksum is taken as it is."""
    try:
        words = checksum_path(path).read_text(errors="replace").split()
    except FileNotFoundError:
        return False
    return not words or words[0] != sha256(path)


def checksum_path(path: Path) -> Path:
    """Where the checksum of a file lies."""
    return path.with_name(path.name + CHECKSUM_SUFFIX)


def sha256(path: Path) -> str:
    """Checksum of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put_aside(path: Path) -> Path:
    """Rename a damaged file, its checksum with it, to `<name>.damaged-<time>`, so that another can take its place."""
    moment = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}{time.time_ns() % 10**9:09d}"
    aside = path.with_name(f"{path.name}.damaged-{moment}")
    path.rename(aside)
    with contextlib.suppress(FileNotFoundError):  # not every file has one
        checksum_path(path).rename(checksum_path(aside))
    return aside


def to_disk(path: Path) -> None:
    """Have the system write out a file, so that a power cut after the rename does not leave an empty one."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def partial_name(path: Path, process: str) -> Path:
    """The name under which a process writes a file; with "*" for the process a pattern of all such names."""
    host = "*" if process == "*" else HOST
    return path.with_name(f".{path.name}.{host}.{process}.partial{path.suffix}")


def abandoned(folder: Path, below: bool = True) -> Iterator[Path]:
    """Half-written files and folders in `folder` whose process was killed, here or long ago elsewhere.

    Args:
        below: look in the folders of it too.
    """
    for path in (folder.rglob if below else folder.glob)(".*.partial*"):
        match = _PARTIAL.match(path.name)
        if match and not _is_being_written(path, match["host"], int(match["process"])):
            yield path


def _is_being_written(path: Path, host: str, process: int) -> bool:
    try:
        recent = time.time() - path.lstat().st_mtime < ABANDONED_SECONDS
    except FileNotFoundError:
        return True  # just renamed
    return recent and (host != HOST or _is_alive(process))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
