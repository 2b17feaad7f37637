"""Publications: folders that are written whole, and a link that says which one is in force.

    published/<version>/            marts.duckdb, a Parquet file a table, reports, publication.json
    published/current               link to the folder in force, replaced in one step
    published/marts.duckdb, ...     links through `current`, for readers that know these paths

Every format is of one moment, since it lies in one folder. A reader that has an older publication open keeps reading
it; one that opens the same path again gets the new one, in the same process too: DuckDB knows databases by their real
path, which differs from publication to publication.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from assets.publish.holdings import Holdings
from mmm_core.files import abandoned, partial_name, sha256, to_disk
from mmm_core.json_text import dumps

CURRENT = "current"
DATABASE = "marts.duckdb"
RECORD = "publication.json"
LINKED = (".duckdb", ".parquet", ".html")
KEPT = 5
"""Publications that stay on disk, the one in force among them: a reader may still be opening files of the others."""


@dataclass(frozen=True)
class Publication:
    """What is said of a publication in its `publication.json`."""

    version: str
    published_at: str
    dagster_run_id: str
    rows: dict[str, int]
    holdings: Holdings
    accepted: list[str]  # losses against the publication before that were accepted by name, in words
    files: dict[str, str]  # name -> checksum


@dataclass(frozen=True)
class Content:
    """What was written into a publication's folder."""

    rows: dict[str, int]
    holdings: Holdings
    accepted: list[str]


def publication_of(folder: Path) -> Publication | None:
    """The record of a publication; None where there is none or it cannot be read."""
    try:
        return Publication(**json.loads((folder / RECORD).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def publications(published: Path) -> list[Path]:
    """Folders of the publications: the one in force first, then from the newest to the oldest."""
    in_force = (published / CURRENT).resolve()
    folders = [path for path in published.glob("*Z-*") if path.is_dir()]
    return sorted(folders, key=lambda path: (path.resolve() == in_force, path.name), reverse=True)


def faults_of(folder: Path) -> list[str]:
    """Files of a publication that are gone or not what was written; the record itself where it cannot be read."""
    publication = publication_of(folder)
    if publication is None:
        return [RECORD]
    return [
        name
        for name, checksum in publication.files.items()
        if not (folder / name).is_file() or sha256(folder / name) != checksum
    ]


def publish_folder(published: Path, run_id: str, write: Callable[[Path], Content]) -> Publication:
    """Write a publication whole, put it in force and remove the oldest ones.

    `write` fills the folder it is given. Where it fails, or the process is killed, the publication before stays in
    force; what a killed process left is removed by the next one.
    """
    published.mkdir(parents=True, exist_ok=True)
    for left in abandoned(published):
        remove(left)
    partial = partial_name(published / "publication", str(os.getpid()))
    partial.mkdir()
    try:
        content = write(partial)
        files = {path.name: sha256(path) for path in sorted(partial.iterdir())}
        tables = "".join(checksum for name, checksum in files.items() if name.endswith(".parquet"))
        now = datetime.now(UTC)
        version = f"{now:%Y%m%dT%H%M%S%fZ}-{hashlib.sha256(tables.encode()).hexdigest()[:8]}"
        publication = Publication(
            version, now.isoformat(timespec="seconds"), run_id, **asdict(content), files=files
        )
        (partial / RECORD).write_text(dumps(asdict(publication)) + "\n")
        for path in partial.iterdir():
            to_disk(path)
        partial.rename(published / version)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    put_in_force(published, version)
    for old in publications(published)[KEPT:]:
        remove(old)
    return publication


def put_in_force(published: Path, version: str) -> None:
    """Point `current` at a publication in one step, and keep the links beside it to what it holds."""
    _link(published / CURRENT, Path(version))
    names = {path.name for path in (published / version).iterdir() if path.suffix in LINKED}
    for name in names:
        _link(published / name, Path(CURRENT, name))
    for path in published.iterdir():
        if path.suffix in LINKED and not path.name.startswith(".") and path.name not in names:
            path.unlink()  # of a table that is no longer there


def _link(path: Path, target: Path) -> None:
    """A link that replaces whatever file or link is there, without a moment in which nothing is."""
    if path.is_symlink() and path.readlink() == target:
        return
    partial = partial_name(path, str(os.getpid()))
    partial.unlink(missing_ok=True)
    partial.symlink_to(target)
    os.replace(partial, path)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all it holds."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
