"""A command in the foreground, from its first line on the terminal to its exit code."""

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from mmm_core.errors import InputError
from orchestration import stopping
from orchestration.follow import waits_told
from orchestration.foreground import Foreground
from orchestration.reasons import is_of_a_full_disk, of_no_permission, with_no_room
from orchestration.terminal import LogNotWritten, own_terminal, plain_console

FAILED, REFUSED = 1, 2
# What a person does to end at once what a first signal is ending in good order.
AT_ONCE = {
    signal.SIGINT: "Ctrl-C again",
    signal.SIGTERM: "a second SIGTERM or Ctrl-C",
    signal.SIGHUP: "SIGTERM",
}
PROJECT = ("mmm_core", "assets", "orchestration")


def command(log: Path, work: Callable[[Foreground], None], again: str) -> int:
    """Do `work` in the foreground: the terminal for its lines, the log for everything else.

    Args:
        again: the command that goes on where a stopped one was.

    Returns:
        The exit code: 0 done, 1 failed, 2 refused (all of it, or landing files alone), 128 and the signal's number
        where one stopped it.
    """
    try:
        return _with_log(log, work, again)
    except LogNotWritten as error:  # there is no other place for it than the terminal as it was
        sys.stderr.write(f"{error}\n")
        return FAILED


def _with_log(log: Path, work: Callable[[Foreground], None], again: str) -> int:
    with own_terminal(log) as file:
        console = plain_console(file)
        foreground = Foreground(console)

        def first(number: signal.Signals) -> None:
            foreground.tell(f"{number.name}: stopping; {AT_ONCE[number]} ends it at once")

        def second() -> None:
            console.show_cursor(True)
            console.print(
                f"ended at once; {again} goes on from the last checkpoint", style="red", soft_wrap=True
            )
            file.flush()

        try:
            with stopping.stoppable(first, second), waits_told(foreground.tell):
                work(foreground)
        except stopping.Stopped as stopped:
            where = foreground.title or "before anything began"
            words = f"stopped by {stopped.signal.name}: {where}. {again} goes on from there"
            console.print(words, style="red", soft_wrap=True)
            return stopped.exit_code
        except InputError as error:
            console.print(str(error), style="red", soft_wrap=True)
            return REFUSED
        except Exception as error:
            logging.getLogger(__name__).error("", exc_info=error)  # the traceback is for the log
            _say_failed(console, foreground.title, _words(error), log)
            return FAILED
        tables = [*foreground.refused, "every table not named here was loaded"] if foreground.refused else []
        for line in [*foreground.not_read, *tables]:
            console.print(line, style="yellow", soft_wrap=True, markup=False)
        if foreground.failed:
            _say_failed(console, ", ".join(foreground.failed), "", log)
            return FAILED
    return REFUSED if foreground.refused else 0


def _say_failed(console: Console, what: str, why: str, log: Path) -> None:
    line = Text.assemble(
        ("failed: " + ": ".join(filter(None, [what, why])), "red"), f"; the whole log is in {log}"
    )
    console.print(line, soft_wrap=True)


def _words(error: Exception) -> str:
    """What a person needs of an error outside of any step; our own say it themselves."""
    if type(error).__module__.split(".")[0] in PROJECT:
        return str(error)
    words = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    if denied := of_no_permission(words):
        return denied
    return with_no_room(words) if is_of_a_full_disk(str(error)) else words.rstrip(" :")
