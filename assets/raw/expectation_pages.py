"""Pages of what Great Expectations found, a table each, in a folder beside the warehouse, and an index of them.

They are ours: its own Data Docs are nothing without styles and scripts from servers of others, and know one batch only.
Beside each page lies what it was made of, as JSON: a suite is not run again on a table that has not changed.
`make docs` serves the folder beside the rest of the documentation, and puts each page into the frame of the site.
"""

import dataclasses
import datetime as dt
import html
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from assets.raw.expectations import Suite
from assets.resources.settings import docs_address
from mmm_core.files import write_whole
from mmm_core.json_text import dumps
from mmm_core.plural import plural

if TYPE_CHECKING:
    import duckdb

    from assets.raw.validation import Outcome

INDEX = "index.html"
SERVED = "expectations"
"""The folder of the served documentation in which the pages are."""

STYLE = (
    "body{font:16px/1.4 system-ui,sans-serif;color:#1b1b1b;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .8rem .4rem 0;"
    "border-bottom:1px solid #ccc}.no{font-weight:bold}"
)


def folder(warehouse: Path) -> Path:
    """Where the pages of a warehouse lie."""
    return warehouse.parent / "expectations"


def address(table: str) -> str:
    """The page of a raw table as `make docs` serves it."""
    return f"{docs_address()}/{SERVED}/{table}.html"


def outcomes(
    connection: "duckdb.DuckDBPyConnection", warehouse: Path, suite: Suite, version: str
) -> "tuple[Outcome, ...]":
    """What became of the expectations of a table; they are asked where the table or its suite changed, or one failed.

    Args:
        version: of the table's rows that count.
    """
    place = folder(warehouse) / f"{suite.contract.name}.json"
    key = f"{version}-{suite.digest}"
    kept = _kept(place, key)
    if kept is not None and all(outcome.met for outcome in kept):
        return kept
    from assets.raw.validation import validate

    now = dt.datetime.now(dt.UTC)
    found = validate(connection, suite, now.date())
    place.parent.mkdir(parents=True, exist_ok=True)
    page = _page(suite.contract.name, found, now)
    write_whole(place.with_suffix(".html"), lambda partial: partial.write_text(page, encoding="utf-8"))
    text = dumps({"key": key, "outcomes": [dataclasses.asdict(outcome) for outcome in found]}, indent=1)
    write_whole(place, lambda partial: partial.write_text(text, encoding="utf-8"))
    _write_index(place.parent)
    return found


def _kept(place: Path, key: str) -> "tuple[Outcome, ...] | None":
    """What the last run left of the same table and suite, if its page is still there."""
    found = _read(place)
    if found is None or found[0] != key or not place.with_suffix(".html").is_file():
        return None
    return found[1]


def _read(place: Path) -> "tuple[str, tuple[Outcome, ...]] | None":
    """The key and the outcomes that a run left; None where there are none, or damaged ones."""
    from assets.raw.validation import Outcome

    try:
        content = json.loads(place.read_text(encoding="utf-8"))
        found = [Outcome(**{**each, "examples": tuple(each["examples"])}) for each in content["outcomes"]]
        return content["key"], tuple(found)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _page(table: str, found: "tuple[Outcome, ...]", at: dt.datetime) -> str:
    """What was found of a table: an expectation a row, and some of the rows that do not meet it."""
    rows = [
        [
            html.escape(each.description) + f"<br><code>{html.escape(each.kind)}</code>",
            each.severity,
            "yes" if each.met else '<span class="no">no</span>',
            f"{each.rows:,}",
            f"{each.unexpected:,}",
            html.escape(each.error) or "<br>".join(map(html.escape, each.examples)),
        ]
        for each in found
    ]
    head = ("Expectation", "Severity", "Met", "Rows asked", "Rows that do not", "Some of them")
    said = "Every row that counts was asked; blank cells are not." if found else "The table has no rows."
    body = f"<p>{said} {at:%Y-%m-%d %H:%M} UTC. <a href='{INDEX}'>All tables</a></p>"
    return _document(table, body + (_table(head, rows) if found else ""))


def _write_index(place: Path) -> None:
    rows = []
    for path in sorted(place.glob("*.json")):
        content = _read(path)
        if content is None:  # damaged: it is made again when its table is loaded
            continue
        found = content[1]
        failed = [html.escape(each.description) for each in found if not each.met]
        met = (
            f"{len(found) - len(failed)} of {plural(len(found), 'expectation')}"
            if found
            else "not asked: no rows"
        )
        rows.append([f'<a href="{path.stem}.html">{path.stem}</a>', met, "; ".join(failed)])
    back = "<p><a href='../'>Documentation</a></p>"
    page = _document(
        "Expectations of the raw tables", back + _table(("Table", "Met", "What does not hold"), rows)
    )
    write_whole(place / INDEX, lambda partial: partial.write_text(page, encoding="utf-8"))


def _document(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"</head>\n<body><h1>{title}</h1>\n{body}\n</body></html>\n"
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = ["".join(f"<th>{cell}</th>" for cell in head)]
    lines += ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    return "<table>" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
