"""Waiting for what other processes do, on a machine that is shared and may stand still for minutes."""

import subprocess
import threading
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

HANGS = 600
"""Seconds after which a command that gives no answer is taken to hang; none takes a tenth of it."""


def wait_for(
    condition: Callable[[], Found],
    seconds: float = HANGS,
    said: Callable[[], object] = lambda: "",
    every: float = 0.1,
) -> Found:
    """What the condition returns once that is true.

    The seconds are those of the waits in between, not the clock's: while the machine stands still none pass, and where
    it is busy a look takes its time without shortening the patience.

    Args:
        said: called where the wait was in vain, for the message.
    """
    for _ in range(round(seconds / every)):
        if found := condition():
            return found
        time.sleep(every)
    raise AssertionError(f"waited in vain: {said()}")


def exit_code(process: subprocess.Popen, seconds: float = HANGS) -> int:
    """That of a process which is about to end."""
    wait_for(lambda: process.poll() is not None, seconds)
    return process.returncode


class Stopwatch:
    """How long the body of a `with` takes, in seconds in which the machine ran."""

    def __enter__(self) -> "Stopwatch":
        self.seconds, self._over = 0.0, threading.Event()
        self._counting = threading.Thread(target=self._count, daemon=True)
        self._counting.start()
        return self

    def _count(self) -> None:
        while not self._over.wait(0.02):
            self.seconds += 0.02

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._counting.join()
