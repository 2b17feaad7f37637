"""A sampler's state on disk, so that a long fit that was cut short goes on where it was.

The file is NumPy's `.npz` with plain arrays and a JSON text: reading one runs no code. A file that cannot be used is
put aside under another name, never deleted, and the fit starts again.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmm_core.errors import InputError
from mmm_core.files import write_whole
from mmm_core.inference.hmc.adaptation import Adaptation, Stage
from mmm_core.inference.hmc.metric import Metric
from mmm_core.inference.hmc.state import ChainState, Trace

# Of the layout of the file; raised when it changes.
FORMAT = 2

_SCALARS = ("step_size", "centre", "steps", "stages")
"""Fields of an `Adaptation` that are written as JSON, which keeps every bit of a float."""
_WINDOWS = ("positions", "gradients")
"""Those that are a tuple of arrays."""


@dataclass(frozen=True)
class Checkpoint:
    """A run between two blocks.

    Attributes:
        block: the next one.
        chains: where the chains are.
        adaptation: what the warm-up has learned.
        kept: draws so far, in consecutive parts.
    """

    block: int
    chains: ChainState
    adaptation: Adaptation
    kept: tuple[Trace, ...] = ()


class UnusableCheckpoint(ValueError):
    """A file that a run cannot go on from; the message says why, without the file's name."""


def save_checkpoint(path: Path, identity: str, checkpoint: Checkpoint) -> None:
    """Write a run's state, whole or not at all.

    Args:
        identity: of model, data, schedule and version: only a run with the same one goes on from the file.

    Raises:
        OSError: it cannot be written.
    """
    adaptation = checkpoint.adaptation
    facts = {
        "format": FORMAT,
        "identity": identity,
        "block": checkpoint.block,
        "adaptation": {name: getattr(adaptation, name) for name in _SCALARS},
    }
    arrays = {
        "facts": np.array(json.dumps(facts)),  # noqa: TID251 (read back here alone, nan included)
        "covariance": adaptation.metric.covariance,
        "variance": adaptation.metric.variance,
        **{f"chain_{name}": np.asarray(values) for name, values in checkpoint.chains._asdict().items()},
        **{
            f"{name}_{number}": values
            for name in _WINDOWS
            for number, values in enumerate(getattr(adaptation, name))
        },
    }
    if checkpoint.kept:
        arrays |= {f"kept_{name}": values for name, values in joined(checkpoint.kept)._asdict().items()}

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    write_whole(path, write)


def load_checkpoint(path: Path, identity: str) -> Checkpoint | None:
    """The state of a run, or None where there is no file.

    Raises:
        UnusableCheckpoint: the file is damaged, none of ours, or of another model, table, schedule or version.
        InputError: it is a folder, or may not be read.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder: name a file to keep the sampler's state in")
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        facts = json.loads(str(arrays["facts"]))
        if facts["format"] != FORMAT or facts["identity"] != identity:
            raise UnusableCheckpoint("is of another model, table, schedule, seed or version")
        return _checkpoint(facts, arrays)
    except UnusableCheckpoint:
        raise
    except PermissionError:
        raise InputError(
            f"{path}: may not be read: ask for the right to read it, or name another file"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        raise UnusableCheckpoint("is damaged, or no checkpoint") from None


def _checkpoint(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Checkpoint:
    scalars = facts["adaptation"]
    blocks = sum(name.startswith("positions_") for name in arrays)
    return Checkpoint(
        block=facts["block"],
        chains=ChainState(*(arrays[f"chain_{name}"] for name in ChainState._fields)),
        adaptation=Adaptation(
            stages=tuple(Stage(*stage) for stage in scalars["stages"]),
            metric=Metric(arrays["covariance"], arrays["variance"]),
            step_size=scalars["step_size"],
            centre=scalars["centre"],
            steps=scalars["steps"],
            **{name: tuple(arrays[f"{name}_{number}"] for number in range(blocks)) for name in _WINDOWS},
        ),
        kept=(
            (Trace(*(arrays[f"kept_{name}"] for name in Trace._fields)),) if "kept_position" in arrays else ()
        ),
    )


def put_aside(path: Path) -> Path:
    """Rename a file that cannot be used, to a name that no other file has; returns that name."""
    aside, number = path.with_name(f"{path.name}.unusable"), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.unusable-{number}")
    os.replace(path, aside)
    return aside


def joined(parts: tuple[Trace, ...]) -> Trace:
    """Consecutive parts of a trace as one."""
    return Trace(*(np.concatenate(fields, axis=1) for fields in zip(*parts, strict=True)))
