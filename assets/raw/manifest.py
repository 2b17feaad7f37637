"""What the last load saw in the landing folder, as a small file: the sensor reads it without opening the warehouse.

It stands for the warehouse it was written for: where that is gone or another has taken its place, nothing is loaded.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assets.raw.folder import Listing
from assets.resources.warehouse import landing_notes
from mmm_core.files import write_whole
from mmm_core.json_text import dumps


def record(warehouse: Path, listing: Listing, versions: Mapping[str, str]) -> None:
    """Note what was listed when some tables were loaded or refused.

    Args:
        versions: the tables that were looked at, and how their files were read.
    """
    known = _read(warehouse)
    tables = {
        **known.get("tables", {}),
        **{name: _seen(listing, name, version) for name, version in versions.items()},
    }
    content = {"warehouse": _identity(warehouse), "not_read": listing.not_read, "tables": tables}
    text = dumps(content, indent=1, sort_keys=True)
    write_whole(landing_notes(warehouse), lambda partial: partial.write_text(text, encoding="utf-8"))


def out_of_date(warehouse: Path, listing: Listing, versions: Mapping[str, str]) -> list[str]:
    """The tables whose files are not those that the warehouse was last loaded from, or were read in another way.

    With them go those that were never looked at, though nothing has landed of them: what reads a table is built once it
    has been loaded, and the marts read all.
    """
    known = _read(warehouse).get("tables", {})
    changed = {
        name
        for name, version in versions.items()
        if _seen(listing, name, version) != known.get(name) and (name in known or listing.tables[name])
    }
    return sorted(changed | (versions.keys() - known.keys())) if changed else []


def is_blank(warehouse: Path) -> bool:
    """Whether no load of this warehouse is known: there is none, another has taken its place, or nothing was loaded."""
    return not _read(warehouse).get("tables")


def not_read(warehouse: Path) -> dict[str, str]:
    """The files that the last load named as not read."""
    return dict(_read(warehouse).get("not_read", {}))


def _seen(listing: Listing, table: str, version: str) -> dict[str, Any]:
    return {
        "version": version,
        "files": {file.name: [*file.signature, file.fault] for file in listing.tables[table]},
        "retracted": table in listing.retracted,
    }


def _read(warehouse: Path) -> dict[str, Any]:
    """The manifest, empty where there is none or it is of another warehouse. A damaged one costs a load of nothing."""
    try:
        content = json.loads(landing_notes(warehouse).read_text(encoding="utf-8"))
        node, modified = content["warehouse"]
        now = _identity(warehouse)
        return content if now is not None and now[0] == node and now[1] >= modified else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _identity(warehouse: Path) -> list[int] | None:
    """The file itself, not its name, and when it was last written: an older copy in its place is another one."""
    try:
        status = warehouse.stat()
    except OSError:
        return None
    return [status.st_ino, status.st_mtime_ns]
