"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Have `write` write under a temporary name in the same folder, then rename: no reader meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = partial_name(path, str(os.getpid()))
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def partial_name(path: Path, process: str) -> Path:
    """The name under which a process writes a file; with "*" for the process a pattern of all such names."""
    return path.with_name(f".{path.name}.{process}.partial{path.suffix}")
