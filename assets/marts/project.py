"""The dbt project as Dagster reads it: where it is, its manifest, and the resource that runs it.

The manifest is what `dbt parse` makes of the project. It is kept in the data folder and made again when any file of the
project has changed, or when it is not what was written; otherwise importing this module costs a hash of some hundred
small files and of the manifest.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dagster_dbt import DbtCliResource, DbtProject
from packaging.version import Version

from assets.resources.damage import set_aside
from assets.resources.settings import REPOSITORY, data_dir, environment_name
from mmm_core.files import sha256, write_whole
from mmm_core.json_text import dumps

PROJECT_DIR = REPOSITORY / "dbt_project"
DBT = str(Path(sys.executable).parent / "dbt")  # of this environment, whether or not it is activated
READ_BY_DBT = {".sql", ".yml", ".yaml", ".csv", ".md"}
MANIFEST, PARTIAL_PARSE, FINGERPRINT = "manifest.json", "partial_parse.msgpack", "project_fingerprint"
MADE_BY_PARSE = (PARTIAL_PARSE, MANIFEST)


def target_dir() -> Path:
    """Where dbt leaves what it compiles."""
    return data_dir() / "dbt_target"


def fingerprint(folder: Path = PROJECT_DIR) -> str:
    """Hash of every file dbt reads, of its version and of the environment it is parsed for."""
    digest = hashlib.sha256(f"{version('dbt-core')} {environment_name()}".encode())
    for path in sorted(folder.rglob("*")):
        if path.suffix in READ_BY_DBT and not {"target", "logs"} & set(path.relative_to(folder).parts):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def manifest_path() -> Path:
    """The manifest of the project as it is now; parses the project where there is none yet, or a damaged one."""
    target, current = target_dir(), fingerprint()
    target.mkdir(parents=True, exist_ok=True)
    with (target / ".parse.lock").open("w") as lock:  # given back by the system however this process ends
        fcntl.flock(lock, fcntl.LOCK_EX)
        parsed = _parsed(target)
        if parsed.get("project") != current or not parsed.keys() >= {*MADE_BY_PARSE}:
            _parse(target, PARTIAL_PARSE in parsed)
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


def _parse(target: Path, go_on_from_last: bool) -> None:
    """Parse beside the target folder and move the result in, so that no reader sees half a manifest."""
    for left in target.glob("parse-*"):  # by a process that was killed: only one parses at a time
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="parse-", dir=target) as folder:
        if go_on_from_last:
            shutil.copy(target / PARTIAL_PARSE, folder)
        with dbt_environment(str(data_dir() / "warehouse.duckdb"), Path(folder)):
            done = subprocess.run(
                [DBT, "--no-use-colors", "--quiet", "parse"], cwd=PROJECT_DIR, capture_output=True, text=True
            )
        if done.returncode:
            raise RuntimeError(f"dbt cannot parse {PROJECT_DIR}:\n{done.stdout}{done.stderr}")
        for name in MADE_BY_PARSE:
            os.replace(Path(folder) / name, target / name)


@cache
def manifest() -> Mapping[str, Any]:
    return json.loads(manifest_path().read_bytes())


@contextmanager
def dbt_environment(warehouse_path: str, target: Path | None = None) -> Iterator[None]:
    """What dbt reads from the environment: the warehouse of profiles.yml, its folders, no telemetry."""
    target = target or target_dir()
    settings = {
        "MMM_WAREHOUSE_PATH": warehouse_path,
        "DBT_PROJECT_DIR": str(PROJECT_DIR),
        "DBT_PROFILES_DIR": str(PROJECT_DIR),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


class DbtCli(DbtCliResource):
    """`DbtCliResource` without what this project has no use for.

    It knows the version of dbt without asking (`dbt --version` looks for newer ones online), and makes no adapter: what
    was built is read from the warehouse itself (`assets.marts.relations`).
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:
        return None


def dbt_project() -> DbtProject:
    return DbtProject(project_dir=PROJECT_DIR, profiles_dir=PROJECT_DIR, target_path=target_dir())


def dbt_cli() -> DbtCli:
    """The resource that the assets of this folder ask for by the key `dbt`."""
    return DbtCli(project_dir=str(PROJECT_DIR), profiles_dir=str(PROJECT_DIR), dbt_executable=DBT)
