"""A watch over a fit: one that computes nothing for minutes is not slow, it will never end.

Threads of a program that wait for each other wait for ever, use no processor and answer to no signal. So a thread
beside them looks every few seconds at how long this process, and those it started, ran on a processor or waited for
one. A long compilation or a long trajectory keeps one busy, on a crowded machine it queues for one; a machine or
process that was put to sleep shows as one look that came late. Each of these, and every sign of progress, starts the
count anew.

What happens then is for whoever owns the process to say (`when_stuck`): a command says why and ends. A library that was
called from a notebook logs it once.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmm_core.inference.hmc.state import Progress

# Seconds between two looks, and looks in a row without any work after which a fit is stuck: three minutes.
LOOK_SECONDS, IDLE_LOOKS = 5.0, 36

# Share of one core that a process uses which computes nothing: a bar on the screen takes 1 to 2 %.
IDLE_SHARE = 0.05

_LOG = logging.getLogger(__name__)

Handler = Callable[[str], None]


def _log(words: str) -> None:
    _LOG.error("%s", words)


_handler: Handler = _log


def when_stuck(handler: Handler) -> None:
    """Say what this process does when a fit is stuck: it is given the reason, in a thread of its own.

    The fit's own thread can be told nothing any more. A handler that wants to end the process does so by `os._exit`:
    anything gentler would wait for the stuck threads.
    """
    global _handler
    _handler = handler


@contextmanager
def watched(progress: Callable[[Progress], None] | None) -> Iterator[Callable[[Progress], None]]:
    """Watch over the fit inside; yields the callback that it tells its progress, which is passed on."""
    watch = _Watch()

    def tell(told: Progress) -> None:
        watch.last = told
        if progress is not None:
            progress(told)

    threading.Thread(target=watch.run, daemon=True, name="watchdog").start()
    try:
        yield tell
    finally:
        watch.over.set()


class _Watch:
    def __init__(self) -> None:
        self.last: Progress | None = None
        self.over = threading.Event()

    def run(self) -> None:
        idle, known, worked, looked = 0, self.last, processor_seconds(), time.monotonic()
        while not self.over.wait(LOOK_SECONDS):
            last, worked_now, now = self.last, processor_seconds(), time.monotonic()
            busy = worked_now - worked > IDLE_SHARE * LOOK_SECONDS
            late = now - looked > 2 * LOOK_SECONDS
            idle = 0 if busy or late or last is not known else idle + 1
            known, worked, looked = last, worked_now, now
            if idle >= IDLE_LOOKS:
                if not _on_an_accelerator():  # where the host may well wait for the device
                    _handler(words(last, IDLE_LOOKS * LOOK_SECONDS))
                return


def words(last: Progress | None, seconds: float) -> str:
    """That a fit is stuck, where, and what to do."""
    where = "before its first sign of progress" if last is None else f"in '{last.phase}'"
    if last is not None and last.done:
        where += f", after {last.done:,} of {last.total:,} iterations a chain"
    span = f"{seconds / 60:.0f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds"
    return (
        f"the fit has computed nothing for {span} ({where}): its threads wait for each other and will do so for ever. "
        "Start it again (with a checkpoint it goes on from there) with PJRT_NPROC=16 in the environment, which gives "
        "its programs more threads, or with `fit: {layout: vectorized}`. A shape or likelihood term of your own that "
        "factorises or solves many matrices at once does it by mmm_core.model.factors"
    )


def processor_seconds() -> float:
    """Seconds that this process and those it started ran on a processor, or had a thread that waited for one.

    Only Linux says how long threads waited, and what other processes did; elsewhere this process's own time counts.
    """
    own, others = _threads("self")
    return time.process_time() + sum(thread[1] for thread in own) + sum(sum(thread) for thread in others)


def _threads(process: str) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Seconds that each thread of a process, and of those it started, ran and waited for a processor."""
    own: list[tuple[float, float]] = []
    others: list[tuple[float, float]] = []
    try:
        for thread in Path(f"/proc/{process}/task").iterdir():
            ran, waited, _ = (thread / "schedstat").read_text().split()
            own.append((int(ran) / 1e9, int(waited) / 1e9))
            for child in (thread / "children").read_text().split():
                for part in _threads(child):
                    others += part
    except (OSError, ValueError):  # not Linux, or ended meanwhile
        pass
    return own, others


def _on_an_accelerator() -> bool:
    return "jax" in sys.modules and sys.modules["jax"].default_backend() != "cpu"
