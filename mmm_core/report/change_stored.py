"""What changed since the last version in a file: JSON that reads back exactly."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from mmm_core.errors import DamagedFile
from mmm_core.inputs import UnreadableFile, name_of, read_bytes
from mmm_core.json_text import dumps
from mmm_core.report.change import KINDS, Change

FORMAT = 1


def to_json(found: Change) -> str:
    """As `read_change` reads it."""
    body = {name: getattr(found, name) for name in Change.__dataclass_fields__ if name != "table"}
    return dumps({"format": FORMAT, **body, "table": found.table.to_dict("records")}, indent=1) + "\n"


def read_change(path: str | Path) -> Change:
    """The change in a file.

    Raises:
        InputError: no such file.
        DamagedFile: it is not what `to_json` wrote.
    """
    source = name_of(path)
    try:
        body = json.loads(read_bytes(path))
        if body.pop("format") != FORMAT:
            raise ValueError(f"this release reads format {FORMAT}")
        columns = ["channel", "metric", "before", "now", "change", "error", *KINDS]
        table = pd.DataFrame(body.pop("table"), columns=columns)
        steps = tuple(tuple(step) for step in body.pop("steps"))
        joined, left = (tuple(body.pop(name)) for name in ("joined", "left"))
        return Change(table=table, steps=steps, joined=joined, left=left, **body)
    except UnreadableFile:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedFile(
            f"{source}: is no record of a change that can be read ({error}): make it again"
        ) from None
