"""Where a frozen table comes from: the data of its week as they were known then, or as they are known today."""

import json
from dataclasses import asdict, dataclass

from mmm_core.json_text import dumps


@dataclass(frozen=True)
class VintageOrigin:
    """What is kept beside a frozen table.

    Attributes:
        known_then: whether every row that the model reads was known in the week in which the as-of week is refreshed.
        known_by: the end of that week, YYYY-MM-DD.
        as_then: whether exports that came later were left out. Not so where later weeks had not landed yet, or where
            somebody asked for the data of today.
        words: what the data are, and why they are not all those of then.
        exports: hash of the landed files that count and that the model reads, by name and content; "" where no ledger
            knows them.
        data_until: the moment (UTC, ISO 8601) of the last export that counts, or of the last fetch that missed rows;
            "" where no ledger knows it, or of an earlier release.
    """

    known_then: bool
    known_by: str
    as_then: bool
    words: str
    exports: str = ""
    data_until: str = ""

    def to_json(self) -> str:
        return dumps(asdict(self), indent=1) + "\n"


def read_origin(text: bytes) -> VintageOrigin | None:
    """What `to_json` wrote; None of anything else: a table whose origin is not known is taken as one of today."""
    try:
        return VintageOrigin(**json.loads(text))
    except (ValueError, TypeError):
        return None
