"""A sampler's state on disk, so that a long fit that was cut short goes on where it was."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from mmm_core.errors import InputError


def save_checkpoint(path: Path, identity: str, state: Any) -> None:
    """Write the state under a temporary name in the same folder, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(pickle.dumps((identity, state)))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(path: Path, identity: str) -> Any | None:
    """The state, or None where there is no file.

    Only open a checkpoint of your own: it is a pickle, and a forged one could run code.

    Raises:
        InputError: a damaged file, or one of another model, table, schedule or version.
    """
    if not path.is_file():
        return None
    try:
        found, state = pickle.loads(path.read_bytes())
    except Exception as error:
        raise InputError(
            f"{path}: not a checkpoint, or a damaged one: {error}: delete it to start anew"
        ) from None
    if found != identity:
        raise InputError(
            f"{path}: the checkpoint is of another model, table, seed or version: delete it, or name another file"
        )
    return state
