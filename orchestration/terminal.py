"""The terminal of `make demo` and `make refresh`: theirs alone, with nothing printed that could be taken for markup."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from mmm_core.errors import InputError


def plain_console(file: io.TextIOBase | None = None) -> Console:
    """A console that prints what it is given: [brackets] in a file's or column's name are no markup."""
    return Console(file=file, markup=False, emoji=False, highlight=False)  # type: ignore[arg-type]


class _Enduring(io.FileIO):
    """A terminal that may be closed meanwhile: what is written to it then is lost, and nothing fails."""

    def write(self, data) -> int:  # type: ignore[no-untyped-def,override]
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


class LogNotWritten(InputError):
    """The log of a command cannot be begun, so nothing is."""


@contextmanager
def own_terminal(log: Path) -> Iterator[io.TextIOBase]:
    """The terminal for us alone: what dbt, fits and libraries print goes to a log file, the one before to `.1`.

    Raises:
        LogNotWritten: the folder of the log does not take it.
    """
    sys.stdout.flush()
    begun = _begun(log)
    kept = os.dup(1), os.dup(2)
    raw = _Enduring(os.dup(1), "wb")
    with begun as file, io.TextIOWrapper(io.BufferedWriter(raw), errors="replace") as terminal:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield terminal
        finally:
            with suppress(OSError):  # the log's disk may be full
                sys.stdout.flush()
            for number, was in zip((1, 2), kept, strict=True):
                os.dup2(was, number)
                os.close(was)


def _begun(log: Path) -> io.BufferedWriter:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists():  # a run beside this one goes on writing there
            os.replace(log, log.with_name(f"{log.name}.1"))
        return log.open("ab")
    except OSError as error:
        raise LogNotWritten(
            f"{log}: could not be written: {error.strerror}: nothing was begun. Make its folder one that "
            "you may write to and that has room, or name another data folder in MMM_DATA_DIR"
        ) from error
