"""A sampler's state on disk, so that a long fit that was cut short goes on where it was."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from mmm_core.errors import InputError
from mmm_core.files import write_whole


def save_checkpoint(path: Path, identity: str, state: Any) -> None:
    """Write the state, whole or not at all."""
    write_whole(path, lambda partial: partial.write_bytes(pickle.dumps((identity, state))))


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
