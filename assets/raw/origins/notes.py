"""What the last fetch of a table came to: a small file beside its landing files, `.fetched.json`.

No fetch depends on it. What has landed is read from the landing files themselves, so that a fetch that was killed
between the two finds what is there.
"""

import datetime as dt
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mmm_core.files import write_whole
from mmm_core.json_text import dumps

NAME = ".fetched.json"

WAS_FETCHED = "was_fetched"
"""The check that says how a fetch ended."""


@dataclass(frozen=True)
class Note:
    """The last fetch of a table.

    Attributes:
        asked_at: when it was, UTC, ISO.
        fetched_at: when it last went well; "" for never.
        fault: why the last one did not; "" where it did.
    """

    asked_at: str
    fetched_at: str
    fault: str = ""

    @property
    def words(self) -> str:
        """Why rows are missing and since when; "" where the last fetch went well."""
        if not self.fault:
            return ""
        since = (
            f"last fetched {self.fetched_at[:16].replace('T', ' ')} UTC"
            if self.fetched_at
            else "never fetched"
        )
        return f"not fetched, {since}: {self.fault}"


def read(folder: Path) -> Note | None:
    """The note in a table's landing folder; None where it was never fetched, or the note is damaged."""
    try:
        return Note(**json.loads((folder / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(folder: Path, at: dt.datetime, fault: str = "") -> Note:
    """Note a fetch that ended."""
    before, now = read(folder), at.isoformat(timespec="seconds")
    note = Note(now, (before.fetched_at if before else "") if fault else now, fault)
    text = dumps(asdict(note), indent=1)
    write_whole(folder / NAME, lambda partial: partial.write_text(text, encoding="utf-8"))
    return note
