"""INT, TERM and HUP: the first ends what runs in this process in good order, a second ends the process at once.

A run may be deep in a library when a signal comes, and Dagster replaces the handlers of INT and TERM while it runs
something: it raises its own interruption in the step at work. So the signals are noted apart from their handlers,
through Python's wake-up pipe, by a thread that hears of them whatever the main thread does.
"""

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Two signals nearer than this are one: a closing terminal and `make` both pass a signal on.
ONE_SIGNAL_SECONDS = 0.5


class Stopped(BaseException):
    """Somebody asked this process to end. No Exception, so that nothing takes it for a failure."""

    def __init__(self, number: signal.Signals):
        super().__init__(number.name)
        self.signal = number
        self.exit_code = 128 + number


class _Noted:
    """The signals that came."""

    def __init__(self, first: Callable[[signal.Signals], None], second: Callable[[], None]):
        self._read, self.write = socket.socketpair()
        self._read.setblocking(False)
        self.write.setblocking(False)
        self._lock = threading.RLock()
        self._since = 0.0
        self._first, self._second = first, second
        self.signal: signal.Signals | None = None

    def watch(self) -> None:
        with self._read:
            while select.select([self._read], [], [])[0]:
                if not self.take():
                    return

    def take(self) -> bool:
        """Note what has come; False once nothing can come any more."""
        with self._lock:
            try:
                numbers = self._read.recv(64)
            except BlockingIOError:
                return True
            except OSError:
                return False
            for number in numbers:
                self._note(number)
            return bool(numbers)

    def _note(self, number: int) -> None:
        if number not in SIGNALS:
            return
        if self.signal is None:
            self.signal, self._since = signal.Signals(number), time.monotonic()
            self._first(self.signal)
        elif number != signal.SIGHUP and time.monotonic() - self._since > ONE_SIGNAL_SECONDS:
            self._second()
            os._exit(128 + number)

    def close(self) -> None:
        self.write.close()


_noted: _Noted | None = None


@contextmanager
def stoppable(
    first: Callable[[signal.Signals], None] = lambda _: None, second: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Take signals: `first` is called once with the first of them, `second` just before the process ends at once.

    Raises:
        Stopped: in the main thread, where no run is at work; a run is interrupted, and `check` raises after it.
    """
    global _noted
    _noted = noted = _Noted(first, second)
    taken = [
        s for s in SIGNALS if s != signal.SIGHUP or signal.getsignal(s) != signal.SIG_IGN
    ]  # nohup is kept to
    handlers = {number: signal.signal(number, _handle) for number in taken}
    wakeup = signal.set_wakeup_fd(noted.write.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=noted.watch, name="signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        noted.close()
        _noted = None


def requested() -> signal.Signals | None:
    """The signal that asked this process to end, if one did."""
    if _noted is None:
        return None
    _noted.take()
    return _noted.signal


def check() -> None:
    """Raises: Stopped, if a signal has come."""
    if number := requested():
        raise Stopped(number)


def _handle(number: int, frame: FrameType | None) -> None:
    at_work = signal.getsignal(signal.SIGINT)
    if callable(at_work) and at_work is not _handle:  # Dagster's, while a run is at work
        at_work(signal.SIGINT, frame)
    else:
        raise Stopped(signal.Signals(number))
