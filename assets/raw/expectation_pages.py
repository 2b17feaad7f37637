"""Pages of Great Expectations, a table each, in a folder beside the warehouse: what was found, and an index of them.

Beside each page lies what it was made of, as JSON: a suite is not run again on a table that has not changed.
`make docs` serves the folder: `python -m assets.raw.expectation_pages`.
"""

import dataclasses
import datetime as dt
import html
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from assets.raw.expectations import Suite
from assets.resources.settings import data_dir
from mmm_core.files import write_whole
from mmm_core.json_text import dumps

if TYPE_CHECKING:
    import duckdb

    from assets.raw.validation import Outcome

INDEX = "index.html"
PORT = 8090

_STRANGERS = re.compile(
    r"<script[^>]*\bsrc=[\"']https?:[^>]*>\s*</script>|<link[^>]*\bhref=[\"']https?:[^>]*>|<img[^>]*\bsrc=[\"']https?:[^>]*>",
    re.IGNORECASE,
)


def without_strangers(page: str) -> str:
    """A page that asks no server of others for scripts, styles or pictures: who opens it is nobody's business."""
    return _STRANGERS.sub("", page)


def folder(warehouse: Path) -> Path:
    """Where the pages of a warehouse lie."""
    return warehouse.parent / "expectations"


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

    done = validate(connection, suite, dt.datetime.now(dt.UTC).date())
    found = done.outcomes if done else ()
    place.parent.mkdir(parents=True, exist_ok=True)
    page = done.page if done else "<p>The table has no rows.</p>"
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


def _write_index(place: Path) -> None:
    lines = []
    for path in sorted(place.glob("*.json")):
        found = _read(path)
        if found is None:  # damaged: it is made again when its table is loaded
            continue
        failed = [html.escape(each.description) for each in found[1] if not each.met]
        said = "; ".join(failed) or f"all {len(found[1])} met"
        lines.append(f'<tr><td><a href="{path.stem}.html">{path.stem}</a></td><td>{said}</td></tr>')
    page = (
        '<!doctype html><meta charset="utf-8"><title>Expectations</title><h1>Expectations of the raw tables</h1>'
        f"<table>{''.join(lines)}</table>"
    )
    write_whole(place / INDEX, lambda partial: partial.write_text(page, encoding="utf-8"))


def main() -> None:
    """Serve the pages on the loopback interface until interrupted."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    place = folder(data_dir() / "warehouse.duckdb")
    place.mkdir(parents=True, exist_ok=True)
    handler = partial(SimpleHTTPRequestHandler, directory=str(place))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", PORT), handler)
    except OSError as error:
        raise SystemExit(
            f"port {PORT} of 127.0.0.1: {error.strerror}: end what uses it and try again"
        ) from None
    print(f"http://127.0.0.1:{PORT}/ (Ctrl-C ends it)")  # noqa: T201
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
