"""Content-addressed files of one kind: `<folder>/<model>/<as_of_week>/<version>`, and which of them is current.

What was once written is never written over; a reader sees a whole file or none. `current.json` beside the versions
names the one that the vintage holds now. Should it be damaged it can be made again: pointing at a version that is not
the newest touches its file, so that the newest file is the one pointed at last.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from assets.models import Vintage
from assets.resources.damage import set_aside
from mmm_core.files import abandoned, is_damaged, write_checked, write_whole
from mmm_core.json_text import dumps

POINTER = "current.json"


class Damaged(RuntimeError):
    """A stored file that is not what was written; it has been put aside, and the message names the remedy."""


@dataclass(frozen=True)
class Versions:
    """Files of one kind in a folder.

    `remedy` says how a file that was put aside is made again, with {vintage} for the partition.
    """

    folder: Path
    suffix: str
    remedy: str

    def place(self, vintage: Vintage) -> Path:
        return self.folder / vintage.model / vintage.as_of_week

    def path(self, vintage: Vintage, version: str) -> Path:
        return self.place(vintage) / f"{version}{self.suffix}"

    def write(self, vintage: Vintage, version: str, write: Callable[[Path], object]) -> Path:
        """Write a version with its checksum, unless it is there undamaged."""
        path = self.path(vintage, version)
        if not path.is_file() or self.put_aside_if_damaged(path, "it is made again"):
            write_checked(path, write)
        return path

    def checked(self, vintage: Vintage, version: str) -> Path:
        """Path of a version that is what was written.

        Raises:
            Damaged: it is not, and was put aside.
            FileNotFoundError: it is not there.
        """
        path, remedy = self.path(vintage, version), self.remedy.format(vintage=vintage.key)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: not there: {remedy}")
        if self.put_aside_if_damaged(path, remedy):
            raise Damaged(f"{path}: was damaged and has been put aside: {remedy}")
        return path

    def put_aside_if_damaged(self, path: Path, remedy: str) -> bool:
        damaged = is_damaged(path)
        if damaged:
            set_aside(path, remedy)
        return damaged

    def current(self, vintage: Vintage) -> str:
        """Version that a vintage holds now.

        Raises:
            FileNotFoundError: it was never materialized.
        """
        pointer, remedy = self.place(vintage) / POINTER, self.remedy.format(vintage=vintage.key)
        if pointer.is_file():
            version = _version_in(pointer)
            if version is None:
                version = self._pointed_at_last(vintage)
                set_aside(pointer, f"it names {version} again, which was current" if version else remedy)
                if version:
                    self.point(vintage, version)
            if version:
                return version
        raise FileNotFoundError(f"{pointer}: nothing yet for {vintage.key}: {remedy}")

    def named(self, vintage: Vintage) -> str | None:
        """The version that a vintage's pointer names and whose file is there; nothing that is damaged is mended."""
        pointer = self.place(vintage) / POINTER
        version = _version_in(pointer) if pointer.is_file() else None
        return version if version and self.path(vintage, version).is_file() else None

    def _pointed_at_last(self, vintage: Vintage) -> str | None:
        files = [path for path in self.place(vintage).glob(f"*{self.suffix}") if self._is_version(path)]
        newest = max(files, key=lambda path: path.stat().st_mtime_ns, default=None)
        return newest.name.removesuffix(self.suffix) if newest else None

    def _is_version(self, path: Path) -> bool:
        """Not a half-written file, the pointer, or what belongs to a version, such as its holdout."""
        return "." not in path.name.removesuffix(self.suffix) and path.name != POINTER

    def point(self, vintage: Vintage, version: str) -> None:
        """Make a version, whose file is there, the vintage's current one."""
        path = self.path(vintage, version)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: cannot point {vintage.key} at a file that is not there")
        if self._pointed_at_last(vintage) != version:  # a file that stays as it is need not be read again
            os.utime(path)
        text = dumps({"version": version, "sha256": _sha256(version)}) + "\n"
        write_whole(path.with_name(POINTER), lambda partial: partial.write_text(text))

    def vintages(self) -> Iterator[Vintage]:
        """Every vintage that holds something."""
        for pointer in sorted(self.folder.glob(f"*/*/{POINTER}")):
            yield Vintage(pointer.parent.parent.name, pointer.parent.name)

    def sweep(self, vintage: Vintage) -> None:
        """Remove what killed processes left half written anywhere under the vintage's model."""
        for left in abandoned(self.folder / vintage.model):
            left.unlink(missing_ok=True)


def _version_in(pointer: Path) -> str | None:
    """The version that a pointer names; None where it is damaged."""
    try:
        named = json.loads(pointer.read_bytes())
        version, checksum = named["version"], named.get("sha256")  # a pointer of earlier has no checksum
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return version if isinstance(version, str) and checksum in (None, _sha256(version)) else None


def _sha256(version: str) -> str:
    return hashlib.sha256(version.encode()).hexdigest()
