"""A fit's process that stays for the next fit: what it has imported and the programs it has loaded are there then.

To start Python, import JAX and load compiled programs takes several times as long as a national model's fit. The
process reads what to do from a socket and answers that it has begun, and with its exit code; it has its standard output
and error from whoever asks, as a run keeps those of each step in files of their own. It ends by itself where a fit
failed, where it should not be kept (`orchestration.pipes.fit.stays`), and with the process that started it.

Only a process that runs many jobs keeps one, and says so by `begin`: what a run of the daemon would keep stands idle.
"""

import atexit
import json
import os
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mmm_core.json_text import dumps

END_SECONDS = 5.0
SERVE = "--serve"
"""Followed by the number of the socket: what the entry point is started with to stay."""
TELLING = ("MMM_", "JAX_", "XLA_")
"""Beginnings of the names of variables that say how a fit is done."""


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a fit: its last checkpoint is whole, and the next fit of the same version goes on from it."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Started:
    """What a process was started with: another one serves nobody else."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str

    def serves(self, wanted: "Started") -> bool:
        """Whether what is wanted now is what the process was started with.

        A variable that has come since is none of a fit's, but for those with which somebody tells a fit something:
        libraries set some of their own for this process as it imports them.
        """
        come = {name for name in wanted.environment if name not in self.environment}
        return (
            (self.command, self.folder) == (wanted.command, wanted.folder)
            and not any(name.startswith(TELLING) for name in come)
            and all(wanted.environment.get(name) == value for name, value in self.environment.items())
        )


class NotBegun(Exception):
    """A process that was kept ended while it was idle."""


@dataclass
class KeptFit:
    """The process, once it was started."""

    started_with: Started | None = None
    process: "subprocess.Popen[bytes] | None" = None
    ours: socket.socket | None = None
    busy: threading.Lock = field(default_factory=threading.Lock)
    is_wanted: bool = False

    def begin(self, command: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
        """Have a process that was started with just this; one that is there already is it, or ends."""
        self.is_wanted = True
        wanted = Started(tuple(command), dict(environment), folder)
        is_there = self.process is not None and self.process.poll() is None
        if is_there and self.started_with is not None and self.started_with.serves(wanted):
            return
        self.close()
        self.ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [*command, SERVE, str(theirs.fileno())],
                cwd=folder,
                env=dict(environment),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C in a terminal reaches the run alone, which ends its fit itself
            )
        self.started_with = wanted

    def fit(self, told: Mapping[str, str]) -> int:
        """Have one fit done and wait for it; `told` is its part of the environment.

        Returns:
            Its exit code, or the negative number of the signal that ended the process.

        Raises:
            NotBegun: the process had ended before it was asked.
        """
        assert self.process is not None
        try:
            said = self._said(told)
        except BaseException:  # the run is stopped: its fit goes with it
            self.close()
            raise
        if said and said[-1].get("stays"):
            return int(said[-1]["code"])
        code = self.process.wait()
        self.close()
        if not said:
            raise NotBegun
        return code

    def _said(self, told: Mapping[str, str]) -> list[dict[str, int]]:
        """That the fit began, and its answer; less of it where the process ended before."""
        assert self.ours is not None
        said: list[dict[str, int]] = []
        try:
            socket.send_fds(self.ours, [dumps(dict(told)).encode() + b"\n"], [1, 2])
            with self.ours.makefile("rb") as lines:
                while len(said) < 2 and (line := lines.readline()).endswith(b"\n"):
                    said.append(json.loads(line))
        except (BrokenPipeError, ConnectionResetError):
            pass
        return said

    def close(self) -> None:
        """End the process, if there is one."""
        process, ours = self.process, self.ours
        self.process = self.ours = self.started_with = None
        if ours is not None:
            ours.close()
        if process is not None and process.poll() is None:
            end(process)


_kept: dict[int, KeptFit] = {}


def kept_fit() -> KeptFit:
    """The one of this process; a fork of it has its own."""
    if os.getpid() not in _kept:
        _kept.clear()
        _kept[os.getpid()] = KeptFit()
        atexit.register(_kept[os.getpid()].close)
    return _kept[os.getpid()]
