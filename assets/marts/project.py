"""The dbt project as it was parsed: its manifest, for Dagster and for dbt itself.

The manifest is what `dbt parse` makes of the project. It is kept in the data folder and made again when any file of the
project has changed, or when it is not what was written; otherwise importing this module costs a hash of some hundred
small files and of the manifest.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_dbt import DbtProject

from assets.marts.invoke import PROJECT_DIR, invoke, target_dir
from assets.marts.variables import variables
from assets.resources.damage import set_aside
from assets.resources.settings import data_dir, environment_name
from mmm_core.files import sha256, write_whole
from mmm_core.json_text import dumps

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

READ_BY_DBT = {".sql", ".yml", ".yaml", ".csv", ".md"}
MANIFEST, PARTIAL_PARSE, FINGERPRINT = "manifest.json", "partial_parse.msgpack", "project_fingerprint"
MADE_BY_PARSE = (PARTIAL_PARSE, MANIFEST)
DATABASE = "warehouse"

_parsed_here: "dict[tuple[str, str], Manifest]" = {}  # by fingerprint and name of the database


def fingerprint(folder: Path = PROJECT_DIR) -> str:
    """Hash of all that dbt reads: files, variables, versions of it and its macros, the environment it is parsed for."""
    versions = [version(name) for name in ("dbt-core", "dbt-adapters", "dbt-duckdb", "duckdb")]
    digest = hashlib.sha256(" ".join([*versions, environment_name(), dumps(variables())]).encode())
    for path in files_of(folder):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def files_of(folder: Path = PROJECT_DIR) -> list[Path]:
    """Every file that dbt reads of a project, sorted."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix in READ_BY_DBT)
    return [path for path in found if not {"target", "logs"} & set(path.relative_to(folder).parts)]


def manifest_path() -> Path:
    """The manifest of the project as it is now; parses the project where there is none yet, or a damaged one."""
    target, current = target_dir(), fingerprint()
    target.mkdir(parents=True, exist_ok=True)
    with (target / ".parse.lock").open("w") as lock:  # given back by the system however this process ends
        fcntl.flock(lock, fcntl.LOCK_EX)
        parsed = _parsed(target)
        if parsed.get("project") != current or not parsed.keys() >= {*MADE_BY_PARSE}:
            _parsed_here[current, DATABASE] = _parse(target, PARTIAL_PARSE in parsed)
            stamp = {"project": current, **{name: sha256(target / name) for name in MADE_BY_PARSE}}
            write_whole(target / FINGERPRINT, lambda partial: partial.write_text(dumps(stamp) + "\n"))
    return target / MANIFEST


def _parsed(target: Path) -> dict[str, str]:
    """What the last parse left, without what is not as it was written: that is put aside."""
    try:
        stamp = dict(json.loads((target / FINGERPRINT).read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}
    for name in MADE_BY_PARSE:
        path = target / name
        if path.is_file() and sha256(path) != stamp.get(name):
            set_aside(path, "dbt parses the project again")
        if not path.is_file():
            stamp.pop(name, None)
    return stamp


def _parse(target: Path, go_on_from_last: bool) -> "Manifest":
    """Parse beside the target folder and move the result in, so that no reader sees half a manifest."""
    for left in target.glob("parse-*"):  # by a process that was killed: only one parses at a time
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="parse-", dir=target) as folder:
        if go_on_from_last:
            shutil.copy(target / PARTIAL_PARSE, folder)
        parsed = _parsed_in(Path(folder))
        for name in MADE_BY_PARSE:
            os.replace(Path(folder) / name, target / name)
    return parsed


def _parsed_in(folder: Path, database: str = DATABASE) -> "Manifest":
    done = invoke(["--quiet", "parse"], str(data_dir() / f"{database}.duckdb"), folder)
    if not done.success:
        # on one line: of an error outside of any step the terminal has the first
        raise RuntimeError(f"dbt cannot parse {PROJECT_DIR}: {str(done.exception).strip()}")
    return done.result


def dbt_manifest(warehouse_path: str) -> "Manifest":
    """What dbt itself makes of the project as it is now, read or parsed at most once in a process.

    Where a warehouse lies does not matter to it: of its path, dbt takes the name of the database.
    """
    current, database = fingerprint(), Path(warehouse_path).stem
    if (current, database) not in _parsed_here:
        kept = manifest_path().with_name(PARTIAL_PARSE)
        if database != DATABASE:
            with tempfile.TemporaryDirectory() as folder:
                shutil.copy(kept, folder)
                _parsed_here[current, database] = _parsed_in(Path(folder), database)
        elif (current, database) not in _parsed_here:  # it was parsed by another process
            _parsed_here[current, database] = _read(kept)
    return _parsed_here[current, database]


def _read(kept: Path) -> "Manifest":
    """The project as dbt keeps it to go on from, complete as after a parse.

    dbt would look through every file for what has changed since, and write its manifest once more: the fingerprint
    says already that nothing has.
    """
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    parsed: Manifest = Manifest.from_msgpack(kept.read_bytes(), decoder=extended_mashumuro_decoder)
    parsed.build_parent_and_child_maps()
    parsed.build_flat_graph()
    return parsed


@cache
def manifest() -> Mapping[str, Any]:
    return json.loads(manifest_path().read_bytes())


def dbt_project() -> DbtProject:
    return DbtProject(project_dir=PROJECT_DIR, profiles_dir=PROJECT_DIR, target_path=target_dir())
