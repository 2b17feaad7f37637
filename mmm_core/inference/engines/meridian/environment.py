"""Where Meridian is installed, and how it gets there: an environment of its own, as its dependencies do not fit ours.

The folder is the one that MMM_MERIDIAN_ENV names, or `share/carryover/meridian` in the Python environment that this
library is installed in. `mmm engine meridian` (or `make engine E=meridian`) creates it from `requirements.lock`, which
names every file by its hash.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from mmm_core.errors import InputError

VERSION = "2.1.0"
"""The release this engine is written for: it is part of the source behind a posterior, and no other is used."""

VARIABLE = "MMM_MERIDIAN_ENV"
LOCK = Path(__file__).with_name("requirements.lock")
COMMAND = "mmm engine meridian"

_STAMP = "carryover.lock"


def folder() -> Path:
    """Of the environment, whether or not it is there."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(sys.prefix, "share", "carryover", "meridian")


def python() -> Path:
    """The environment's interpreter.

    Raises:
        InputError: it is not there, or Meridian is not in it in the version that this engine is written for.
    """
    place = folder()
    interpreter = _interpreter(place)
    if not interpreter.is_file():
        raise InputError(
            f"engine meridian needs an environment of its own, and there is none at {place}: run `{COMMAND}` (in a "
            f"checkout: `make engine E=meridian`), name one with {VARIABLE}, or use `fit: {{engine: numpyro}}`"
        )
    found = installed_version(place)
    if found != VERSION:
        raise InputError(
            f"engine meridian is written for Meridian {VERSION}; {place} holds {found or 'none'}: run `{COMMAND}`"
        )
    return interpreter


def is_available() -> bool:
    """Whether a fit by this engine could start."""
    try:
        python()
    except InputError:
        return False
    return True


def installed_version(place: Path) -> str:
    """Release of Meridian in an environment, "" where there is none; nothing is started to find out."""
    found = sorted(place.glob("lib/python3*/site-packages/google_meridian-*.dist-info"))
    return found[-1].name.removesuffix(".dist-info").rpartition("-")[2] if found else ""


def set_up(say: Callable[[str], None]) -> Path:
    """Create the environment, or bring it in line with the lock; does nothing where it is.

    Args:
        say: told what happens.

    Raises:
        InputError: the installation failed; the message ends with what the installer said.
    """
    place = folder()
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    stamp = place / _STAMP
    if stamp.is_file() and stamp.read_text() == lock and installed_version(place) == VERSION:
        say(f"Meridian {VERSION} is in {place}.")
        return place
    say(f"Installing Meridian {VERSION} and what it needs into {place} (3 GB the first time) ...")
    stamp.unlink(missing_ok=True)
    for command in _commands(place):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise InputError(f"{place}: `{' '.join(command)}` failed:\n{said[-2000:]}")
    stamp.write_text(lock)
    say(f"Meridian {VERSION} is in {place}.")
    return place


def _commands(place: Path) -> list[list[str]]:
    """How to create the environment and install the lock: by uv where it is beside us, else by pip."""
    interpreter, exists = str(_interpreter(place)), _interpreter(place).is_file()
    uv = shutil.which(
        "uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    )
    if uv:
        create = [uv, "venv", "--quiet", "--python", sys.executable, str(place)]
        install = [
            uv,
            "pip",
            "sync",
            "--quiet",
            "--require-hashes",
            "--compile-bytecode",
            "--python",
            interpreter,
        ]
        return [*([] if exists else [create]), [*install, str(LOCK)]]
    create = [sys.executable, "-m", "venv", str(place)]
    install = [
        interpreter,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
    ]
    return [*([] if exists else [create]), [*install, "-r", str(LOCK)]]


def _interpreter(place: Path) -> Path:
    return place / "bin" / "python"
