"""What lies in the landing folder: the files of each table, and everything else by name. Nothing is opened here.

The loader, its checks and the sensor all list the folder with `scan`, so a file is read or named as not read, and what
one of them sees the others see. Names that begin with a dot are nobody's: files that are still being written have them.
"""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

from assets.raw.contracts import CONTRACTS, WEEKLY_TABLES
from assets.raw.personal import without_emails
from mmm_core.errors import nearest

RETRACTED = "RETRACTED"
"""Name of the file that says that a table's files were all taken away on purpose."""

CAME_TOGETHER = 60
"""Seconds. Files with less between their times of modification came together (copied, unpacked, synchronised): their
times say nothing of which was exported first, their names do."""

IN_THE_DOCS = "docs/connectors.md says which there are"

NOT_LISTED = "the folder cannot be listed"

FOLDERS: Mapping[str, str] = {
    **{contract.folder: name for name, contract in CONTRACTS.items()},
    WEEKLY_TABLES.source: WEEKLY_TABLES.name,
}
"""The folder of each table inside the landing folder."""


@dataclass(frozen=True)
class LandingFile:
    """A file of a table.

    Attributes:
        name: its path inside the landing folder, as messages show it.
        modified_ns, size: as the file system has them.
        fault: why it cannot be read, seen without opening it; "" where nothing speaks against it.
    """

    path: Path
    name: str
    modified_ns: int = 0
    size: int = 0
    fault: str = ""

    @property
    def signature(self) -> list[int]:
        """What changes when the file does."""
        return [self.modified_ns, self.size]

    @property
    def stem(self) -> str:
        """The name without folders and ending."""
        return stem_of(self.name)


@dataclass
class Listing:
    """The landing folder at one moment."""

    tables: dict[str, list[LandingFile]] = field(
        default_factory=lambda: {name: [] for name in FOLDERS.values()}
    )
    not_read: dict[str, str] = field(default_factory=dict)  # name -> why
    retracted: set[str] = field(default_factory=set)  # tables with a file RETRACTED
    closed: dict[str, str] = field(default_factory=dict)  # folder that cannot be listed -> why

    def hiding(self, name: str) -> str:
        """The folder that cannot be listed and may hold a file; "" for a file that would be seen."""
        return next((folder for folder in self.closed if folder == "." or name.startswith(f"{folder}/")), "")


def scan(landing: Path) -> Listing:
    """List the landing folder."""
    from mmm_core.data.reader import name_of, readable

    listing, seen = Listing(), Counter[str]()
    for path, status, fault in _walk(landing, set()):
        relative = path.relative_to(landing)
        written = name_of(relative)
        name = _without_people(written)
        table = _table_of(relative)
        if fault.startswith(NOT_LISTED):
            listing.closed[name] = fault
        if name != written:
            seen[name] += 1
            name += f" ({seen[name]})" if seen[name] > 1 else ""  # names that differ in the address alone
        if table and relative.name.upper() == RETRACTED:
            listing.retracted.add(table)
        elif table and (readable(relative) or (fault and status is None)):
            if written != str(relative):
                fault = "its name is not plain UTF-8, or holds a line break: give it another one"
            elif name != written:
                fault = "its name holds an e-mail address, which is kept nowhere: give it another one"
            modified, size = (status.st_mtime_ns, status.st_size) if status else (0, 0)
            listing.tables[table].append(LandingFile(path, name, modified, size, fault))
        else:
            listing.not_read[name] = _why_not(relative, table, fault)
    return listing


def _without_people(name: str) -> str:
    """A path inside the landing folder without the e-mail addresses that folders or the file are named as."""
    ending = name[len(without_ending(name)) :]  # which would make an address of stats@2x.csv
    return without_emails(without_ending(name)) + ending


def _walk(folder: Path, above: set[str]) -> Iterator[tuple[Path, os.stat_result | None, str]]:
    """Every file below a folder with its status, or with what keeps it from being read."""
    from mmm_core.data.reader import readable

    try:
        names = sorted(os.listdir(folder), key=os.fsencode)
    except FileNotFoundError:
        return
    except OSError as error:
        yield folder, None, f"{NOT_LISTED}: {error.strerror}"
        return
    here = above | {os.path.realpath(folder)}
    for name in names:
        path = folder / name
        if name.startswith("."):
            continue
        try:
            status = path.stat()
        except OSError as error:
            link = path.is_symlink()
            yield (
                path,
                None,
                "a link to a file that is not there" if link else f"cannot be read: {error.strerror}",
            )
            continue
        if stat.S_ISDIR(status.st_mode):
            if readable(name):
                yield path, status, "is a folder, and is named like a file: give it another name"
            elif os.path.realpath(path) not in here:
                yield from _walk(path, here)
        elif not stat.S_ISREG(status.st_mode):
            yield path, status, "is a pipe or a device: write its content to a file"
        else:
            yield path, status, ""


def _table_of(relative: Path) -> str:
    """The table in whose folder a path lies, "" for none. A table's own folder belongs to it too."""
    parts = relative.parts
    return FOLDERS.get("/".join(parts[:2]), "") or FOLDERS.get(parts[0] if parts else "", "")


def _why_not(relative: Path, table: str, fault: str) -> str:
    from mmm_core.data.reader import ENDINGS, name_of

    if fault.startswith(NOT_LISTED) or (table and fault):
        return fault
    if table:
        return f"it is none of {', '.join(ENDINGS)}: save it as CSV"
    folder = relative.parent.as_posix()
    if folder == ".":
        return "it lies in no table's folder: put it into <source>/<table>/"
    here = [known for known in FOLDERS if known.startswith(f"{folder}/")]
    named = without_emails(name_of(folder))
    offered = here or get_close_matches(named, FOLDERS, n=1)
    return f"no table has the folder {named}: {nearest(named, offered) if offered else IN_THE_DOCS}"


def export_order(files: Sequence[LandingFile]) -> dict[str, int]:
    """The files of a table by when they were exported, oldest first: of two that hold the same day the later counts.

    That is by time of modification; files that came together are ordered by name, numbers in it as numbers
    (`stats.csv`, `stats (1).csv`, `stats (2).csv`, `stats (10).csv`).
    """
    ordered = sorted(files, key=lambda file: file.modified_ns)
    gaps = [
        later.modified_ns - earlier.modified_ns > CAME_TOGETHER * 10**9
        for earlier, later in pairwise(ordered)
    ]
    arrival = {file.name: sum(gaps[:i]) for i, file in enumerate(ordered)}
    ordered.sort(key=lambda file: (arrival[file.name], _natural(file), file.name))
    return {file.name: position for position, file in enumerate(ordered, start=1)}


def _natural(file: LandingFile) -> list[tuple[int, int, str]]:
    """A name in parts that sort as a person would: numbers by value, before letters."""
    parts = re.findall(r"[0-9]+|[^0-9]+", without_ending(file.name).casefold())
    return [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts]


def stem_of(name: str) -> str:
    """The name of a landing file without folders and ending: what a weekly table is called."""
    return without_ending(name.rpartition("/")[2])


def without_ending(name: str) -> str:
    """A name without an ending that is read, `.csv.gz` among them."""
    from mmm_core.data.reader import ENDINGS

    endings = [ending for ending in ENDINGS if name.lower().endswith(ending)]
    return name[: -len(max(endings, key=len))] if endings else name
