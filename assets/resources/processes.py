"""Which process a run is: its host, number and birth, so that a later process of the same number is another one."""

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

# Tags that begin so are not shown in the UI: nobody reads them. A run that repeats another inherits its tags, so they
# name the run they are of.
RUN, HOST, PID, BORN = (f".dagster/process/{name}" for name in ("run", "host", "pid", "born"))
PROC = Path("/proc")


def process_tags(run_id: str) -> dict[str, str]:
    """The tags of a run that this process executes."""
    pid = os.getpid()
    return {RUN: run_id, HOST: socket.gethostname(), PID: str(pid), BORN: birth(pid) or ""}


def names_its_process(run_id: str, tags: Mapping[str, str]) -> bool:
    """Whether the tags of a run say which process it is, and not only which process the run was that it repeats."""
    return tags.get(RUN) == run_id and PID in tags


def is_gone(run_id: str, tags: Mapping[str, str]) -> bool:
    """Whether the process of a run with these tags has certainly ended.

    False where it runs, where it is of another host, and where nothing tells: a run that may be alive is left alone.
    """
    if not names_its_process(run_id, tags):
        return False
    if tags.get(HOST) != socket.gethostname() or not tags.get(PID, "").isdigit():
        return False
    pid = int(tags[PID])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is there, and another user's
        pass
    born = birth(pid)
    return born == "" or (born is not None and bool(tags.get(BORN)) and born != tags[BORN])


def birth(pid: int) -> str | None:
    """When a process began, to be compared and not read; "" where it has ended, None where that cannot be seen."""
    if not PROC.joinpath("self", "stat").is_file():
        return _birth_by_ps(pid)
    try:
        state, *fields = PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
        boot = PROC.joinpath("sys", "kernel", "random", "boot_id").read_text().strip()
    except OSError:
        return None
    return (
        "" if state in "ZX" else f"{boot} {fields[18]}"
    )  # clock ticks between the boot and the process's start


def _birth_by_ps(pid: int) -> str | None:
    command = ["env", "LC_ALL=C", "ps", "-o", "stat=,lstart=", "-p", str(pid)]
    try:
        found = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    state, _, started = found.stdout.strip().partition(" ")
    return "" if not state or state.startswith("Z") else started.strip()
