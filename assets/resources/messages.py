"""Reading what a process reports through Dagster Pipes, whole messages only.

Dagster tails a file and takes whatever it finds for a line: a message that is just being written ends its reader, and
with it all later messages, the reason of a failure among them.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import dagster as dg

SECONDS = 0.01
"""Between two looks into the file."""


class WholeMessages(dg.PipesTempFileMessageReader):
    """Dagster's reader of a temporary file, but for waiting until a message is complete."""

    @contextmanager
    def read_messages(self, handler: Any) -> Iterator[Any]:
        with tempfile.TemporaryDirectory() as folder:
            reader = _Reader(str(Path(folder) / "messages"))
            with reader.read_messages(handler) as parameters:
                yield parameters


class _Reader(dg.PipesFileMessageReader):
    def _reader_thread(self, handler: Any, is_resource_complete: Event) -> None:
        try:
            for line in whole_lines(self._path, is_resource_complete.is_set):
                handler.handle_message(json.loads(line))
        except BaseException:
            handler.report_pipes_framework_exception(f"{type(self).__name__} reader thread", sys.exc_info())
            raise


def whole_lines(path: str, done: Callable[[], bool]) -> Iterator[str]:
    """Lines of a file that grows, each when it is complete, until `done` and there is no more.

    The beginning of a line that nobody finished (its writer was killed) is left out.
    """
    with open(path, encoding="utf-8") as file:
        begun = ""
        while True:
            last = done()  # asked first: what was written before it is read below
            while part := file.readline():
                begun += part
                if begun.endswith("\n"):
                    yield begun
                    begun = ""
            if last:
                return
            time.sleep(SECONDS)
