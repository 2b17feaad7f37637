"""Runs the `mmm` command as a user does: in a process of its own, on files."""

import json
import os
import subprocess
import sys
from pathlib import Path


def mmm(*arguments, cwd=None, columns="140"):
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
