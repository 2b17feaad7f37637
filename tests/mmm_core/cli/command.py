"""Runs the `mmm` command as a user does, on files."""

import contextlib
import io
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from unittest import mock


def mmm(*arguments, cwd=None, columns="140"):
    """Run it here: its imports and compiled programs are those of the commands before. `mmm_process` pays for them.

    Returns:
        returncode, stdout and stderr, as of a process: an exception that the command lets out is a traceback and 1.
    """
    from mmm_core.cli import terminal
    from mmm_core.cli.cli import app

    if not columns:
        return mmm_process(*arguments, cwd=cwd, columns=columns)
    command = ["mmm", *map(str, arguments)]
    out, error = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {"NO_COLOR": "1", "COLUMNS": columns}),
        # a console reads how wide it is when it is made
        mock.patch.object(terminal.out, "_width", int(columns)),
        mock.patch.object(terminal.err, "_width", int(columns)),
        mock.patch.object(sys, "argv", command),
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(error),
    ):
        try:
            app(command[1:], prog_name="mmm")
            code = 0
        except SystemExit as end:
            code = end.code or 0
        except Exception:
            traceback.print_exc()
            code = 1
    return subprocess.CompletedProcess(command, code, out.getvalue(), error.getvalue())


def mmm_process(*arguments, cwd=None, columns="140"):
    """Run it in a process of its own, as a shell does."""
    code = "import sys; sys.argv[0] = 'mmm'; from mmm_core.cli.cli import app; app()"
    environment = {**os.environ, "COLUMNS": columns, "NO_COLOR": "1"}
    if not columns:
        del environment["COLUMNS"]
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
    )


def read_json(path):
    """A file as a strict parser reads it: NaN and Infinity are no JSON."""

    def refuse(word):
        raise AssertionError(f"{path}: {word} is no JSON")

    return json.loads(Path(path).read_text(), parse_constant=refuse)
