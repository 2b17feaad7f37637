"""The site as files: the guide, the page of the assets and dbt's page, under one index."""

from pathlib import Path

import dagster as dg

from orchestration.docs.assets import write_assets
from orchestration.docs.guide import FIRST, LAST, write_guide
from orchestration.docs.layout import INDEX, page
from orchestration.docs.marts import write_marts

GUIDE, MARTS, ASSETS = "guide", "marts", "assets.html"


def write_site(repository: Path, warehouse: Path, defs: dg.Definitions, folder: Path) -> None:
    """Write every page but the expectations, which the server shows where they lie.

    Raises:
        BrokenLink: a page of the guide links to what is not there.
        RuntimeError: dbt cannot document its project.
    """
    pages = write_guide(repository, folder / GUIDE)
    missing = write_marts(warehouse, folder / MARTS / INDEX)
    (folder / ASSETS).write_text(write_assets(defs), encoding="utf-8")
    links = [
        {
            "title": each.title.replace("`", ""),
            "link": f"{GUIDE}/{each.target}",
            "name": str(each.place),
        }
        for each in pages
    ]
    text = page(
        "index.html.j2",
        "carryover",
        top="",
        ends=[each for each in links if each["name"] in (FIRST, LAST)],
        topics=[each for each in links if each["name"] not in (FIRST, LAST)],
        missing=missing,
    )
    (folder / INDEX).write_text(text, encoding="utf-8")
