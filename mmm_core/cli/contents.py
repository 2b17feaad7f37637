"""What a folder of results is of: one model's files lie in one folder, and those of an earlier fit are named.

Every command that writes results of a model to a folder (`--out`) refuses one that holds another model's, before any
work, and keeps `contents.json` there: the model, and of which specification and table each file is. A posterior that is
fitted again replaces the one before it; what was made of that one stays until it is made again, and is named as long as
it is there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmm_core.cli.terminal import err, escape, write_json, writer, wrote
from mmm_core.errors import InputError, listed
from mmm_core.files import abandoned, one_at_a_time, write_together
from mmm_core.json_text import dumps

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.posterior.handle import Posterior
    from mmm_core.spec.model_spec import ModelSpec

CONTENTS = "contents.json"
POSTERIOR = "posterior.nc"
TABLE = "table "
"""What the name begins with where files are of a table, and of no model."""


@dataclass(frozen=True)
class Origin:
    """What a command's files are of.

    Attributes:
        of: name of the model, or of the table where there is none.
        version: hashes of the specification, or of what was asked, and the table behind them.
    """

    of: str
    version: str


def plain_origin(name: str, asked: Mapping[str, Any], table: pd.DataFrame) -> Origin:
    """Of files that a table and what was asked of it make, without a model."""
    from mmm_core.data.table import fingerprint

    settings = hashlib.sha256(dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
    return Origin(f"{TABLE}{name}", f"{settings}-{fingerprint(table)}")


def posterior_origin(posterior: Posterior) -> Origin:
    """Of files that are worked out of a posterior."""
    return Origin(posterior.model, f"{posterior.attrs['spec_hash']}-{posterior.attrs['table']}")


def table_origin(spec: ModelSpec, table: pd.DataFrame, source: str) -> Origin:
    """Of files that a specification and a table make.

    Raises:
        InputError: the table was refused.
    """
    from mmm_core.data.table import check_table, fingerprint

    return Origin(spec.model, f"{spec.spec_hash}-{fingerprint(check_table(table, spec, source))}")


def refuse_another(folder: Path | None, of: str) -> None:
    """Raise InputError where a folder to write to holds the files of another model than `of`."""
    if folder is None:
        return
    other, files = _held(folder)
    if files and other != of:
        raise InputError(
            f"--out {folder} holds files of {_called(other)} ({listed(sorted(files), 3)}), and these would be of "
            f"{_called(of)}; a folder holds one model's files: name another, such as "
            f"{folder / of.removeprefix(TABLE)}, or delete those"
        )


def _called(of: str) -> str:
    return of if of.startswith(TABLE) else f"model {of}"


def keep(folder: Path | None, files: Mapping[str, Any], origin: Origin | None = None) -> None:
    """Write what a command found into the folder that was asked for, and say so; nothing without one.

    All files appear or none does, with the note of what they are of.

    Args:
        files: by name, whose ending says how a value is written, see `mmm_core.cli.terminal.writer`. A function is
            called for its value, so that no figure is drawn for nobody.
        origin: what they are of; `refuse_another` has been asked about it. None where they are of no model.

    Raises:
        InputError: another command has filled the folder with another model's files meanwhile.
        OutOfSpace: the disk has no room for all of them; the folder stays as it was.
    """
    if folder is None:
        return
    found = {folder / name: value() if callable(value) else value for name, value in files.items()}
    writers = {path: writer(path, value) for path, value in found.items()}
    noted = None
    with _folder(folder):
        if origin is not None:
            refuse_another(folder, origin.of)
            noted = _noted(folder, origin, list(found))
            writers[folder / CONTENTS] = writer(folder / CONTENTS, noted)
        write_together(writers)
    wrote(list(found))
    if origin is not None and noted is not None:
        _name_earlier(folder, origin, noted)


def record(folder: Path, origin: Origin, written: list[Path]) -> None:
    """Note of what the files are that were written, and name those beside them that are of another fit."""
    with _folder(folder):
        noted = _noted(folder, origin, written)
        write_json(folder / CONTENTS, noted)
    _name_earlier(folder, origin, noted)


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """A folder for one command at a time, without what one that was killed left half written."""
    with one_at_a_time(folder):
        for left in abandoned(folder, below=False):
            left.unlink(missing_ok=True)
        yield


def _noted(folder: Path, origin: Origin, written: list[Path]) -> dict[str, Any]:
    """The contents of a folder once some files are written."""
    _, files = _held(folder)
    files |= {path.relative_to(folder).as_posix(): origin.version for path in written}
    return {"of": origin.of, "files": dict(sorted(files.items()))}


def _name_earlier(folder: Path, origin: Origin, noted: Mapping[str, Any]) -> None:
    earlier = sorted(name for name, version in noted["files"].items() if version != origin.version)
    if earlier:
        err.print(
            f"[yellow]of another specification or table of {escape(origin.of)} than what was just written to "
            f"{escape(str(folder))}: {escape(listed(earlier, 20))}: make them again, or delete them[/]",
            soft_wrap=True,
        )


def _held(folder: Path) -> tuple[str, dict[str, str]]:
    """What a folder is of, and the version of each of its files that are still there."""
    try:
        found: Any = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
        of, files = str(found["of"]), {str(name): str(version) for name, version in found["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _of_posterior(folder / POSTERIOR)
    return of, {name: version for name, version in files.items() if (folder / name).exists()}


def _of_posterior(path: Path) -> tuple[str, dict[str, str]]:
    """The same of a folder whose contents nobody noted: what its posterior says."""
    if not path.is_file():
        return "", {}
    import xarray as xr

    try:
        with xr.open_dataset(path) as root:
            facts = dict(root.attrs)
        return str(facts["model"]), {path.name: f"{facts['spec_hash']}-{facts['table']}"}
    except (
        OSError,
        ValueError,
        KeyError,
    ):  # no posterior of ours: the command that reads or replaces it says so
        return "", {}
