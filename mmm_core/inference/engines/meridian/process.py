"""The worker as a process: started, listened to, and gone when the fit is, however that ends."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mmm_core.errors import InputError, shortened
from mmm_core.inference.engines.meridian import worker
from mmm_core.inference.engines.meridian.environment import COMMAND, VERSION
from mmm_core.inference.runtime import compilation_cache

_TICK = 1.0
"""Seconds between words of progress."""

_LOG = "worker.log"
_LAST_LINES, _LONGEST_LINE = 12, 300


def run_worker(
    python: Path, folder: Path, model: str, report: Callable[[str], None]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Run the worker on the job in a folder.

    Args:
        python: interpreter of Meridian's environment.
        model: its name, for messages.
        report: told the phase, once a second and at each change.

    Returns:
        Draws by Meridian's names, and what the worker says of its run.

    Raises:
        InputError: the worker ended without draws; the message holds the end of what it said.
    """
    # -I: nothing of this process's Python path may reach that environment
    command = [str(python), "-I", "-X", "utf8", str(Path(worker.__file__)), str(folder)]
    with (folder / _LOG).open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            env=_variables(), cwd=folder, start_new_session=True,
        )  # fmt: skip
    try:
        _listen(process, report)
    finally:
        _end(process)
    if process.returncode or not (folder / worker.RESULT).is_file():
        raise InputError(_what_went_wrong(model, process.returncode, folder))
    with np.load(folder / worker.DRAWS) as stored:
        draws = dict(stored)
    return draws, json.loads((folder / worker.RESULT).read_text(encoding="utf-8"))


def _listen(process: subprocess.Popen[bytes], report: Callable[[str], None]) -> None:
    """Pass the worker's phases on until it ends."""
    phases: queue.Queue[str | None] = queue.Queue()
    assert process.stdout is not None
    stream = process.stdout

    def read() -> None:
        for line in stream:
            phases.put(line.decode("utf-8", "replace").strip())
        phases.put(None)

    threading.Thread(target=read, daemon=True).start()
    phase: str | None = worker.PHASES[0]
    while phase is not None:
        report(phase)
        with contextlib.suppress(queue.Empty):
            phase = phases.get(timeout=_TICK)
    process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of the worker outlives the fit."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def _variables() -> dict[str, str]:
    """Of the worker: ours without Python's and XLA's, and where its compiled programs are kept."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") and name != "XLA_FLAGS"
    }
    cache = compilation_cache()
    if cache is not None:
        variables |= {
            "JAX_COMPILATION_CACHE_DIR": str(cache / f"meridian-{VERSION}"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.5",
        }
    return variables


def _what_went_wrong(model: str, code: int, folder: Path) -> str:
    """How the worker ended, with the end of its message, or of what it printed where it has none."""
    if code < 0:
        how = f"was killed by signal {-code} ({signal.Signals(-code).name})"
        hint = ": too little memory, unless somebody did it" if -code == signal.SIGKILL else ""
        return f"model {model}: the process of Meridian {VERSION} {how}{hint}"
    told = next(path for path in (folder / worker.ERROR, folder / _LOG) if path.is_file())
    lines = [line.rstrip() for line in told.read_text(encoding="utf-8", errors="replace").splitlines()]
    lines = [shortened(line, _LONGEST_LINE) for line in lines if line.strip()][-_LAST_LINES:]
    said = "\n".join(f"  {line}" for line in lines)
    broken = any(line.startswith(("ModuleNotFoundError", "ImportError")) for line in lines)
    remedy = f"\nits environment is not complete: run `{COMMAND}` again" if broken else ""
    return f"model {model}: Meridian {VERSION} ended with an error (exit {code}):\n{said}{remedy}"
