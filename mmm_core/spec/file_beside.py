"""Files that a model's YAML names: they lie in its folder, or in one below it.

Model and files are one thing under version control, copied and frozen together. A name that leads out of the folder is
refused: what it finds depends on the machine.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated

from pydantic import AfterValidator, Field

from mmm_core.errors import InputError
from mmm_core.inputs import name_of


def _stays(name: str) -> str:
    parts = PureWindowsPath(name)  # reads both kinds of slash
    if PurePosixPath(name).is_absolute() or parts.drive or parts.root or ".." in parts.parts:
        raise ValueError("write the file's name as it stands in its folder, without '..'")
    return name


FileBeside = Annotated[str, Field(min_length=1), AfterValidator(_stays)]
"""Name of a file that lies beside the one that names it, or in a folder below."""


def path_beside(model: str, key: str, folder: Path, name: str) -> Path:
    """The file that a key of a model's YAML names.

    Args:
        key: as a person finds it in the YAML, such as `calibration.tests`.
        folder: of the YAML.

    Raises:
        InputError: the file is not there.
    """
    path = folder / name
    if not path.is_file():
        raise InputError(
            f"model {model}: {key}: {name_of(path)} is not there: put the file beside the model's YAML, or take the "
            "key out"
        )
    return path
