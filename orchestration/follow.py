"""What a run says while it is at work, for whoever runs it in the foreground: steps, progress of a fit, warnings."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from assets.resources.warehouse import LOG as WAREHOUSE

FOLLOW = "follow"
# Dagster's words about its own channel to a process that was ended: in the log, for whoever develops.
PIPES = "[pipes] "
SHOWN = 120  # characters of a passing line


@dataclass(frozen=True)
class _Listener:
    say: Callable[[str], None]
    tell: Callable[[str], None]


_listener: _Listener | None = None


@contextmanager
def following(say: Callable[[str], None], tell: Callable[[str], None]) -> Iterator[None]:
    """While it lasts, runs of this process that name the logger `follow` are heard.

    Args:
        say: is given what passes: the step at work, a fit's progress.
        tell: is given what should stay to be read: warnings, and for whom is waited.
    """
    global _listener
    _listener = _Listener(say, tell)
    try:
        yield
    finally:
        _listener = None


@contextmanager
def waits_told(tell: Callable[[str], None]) -> Iterator[None]:
    """Outside of runs too, `tell` hears who holds the warehouse that is waited for."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if _listener is None:  # a run tells by its own log
                tell(record.getMessage())

    handler = Handler()
    WAREHOUSE.addHandler(handler)
    try:
        yield
    finally:
        WAREHOUSE.removeHandler(handler)


class _Follow(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if _listener is None:
            return
        meta = getattr(record, "dagster_meta", None) or {}
        step, event = meta.get("step_key"), meta.get("dagster_event")
        if event is not None:
            if event.event_type_value == "STEP_START":
                _listener.say(str(step))
            return
        message = str(meta.get("orig_message", record.getMessage()))
        if message.startswith(PIPES):
            return
        if record.levelno == logging.WARNING:  # errors are told with the step that failed
            _listener.tell(message)
        elif step:
            _listener.say(f"{step}: {message}".splitlines()[0][:SHOWN])


@dg.logger(description="Passes a run's log on to the terminal that runs it in the foreground.")
def follow(_: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger(FOLLOW, level=logging.DEBUG)
    logger.addHandler(_Follow())
    return logger
