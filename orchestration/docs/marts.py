"""dbt's documentation of its project as one file, manifest and catalog within it, under the bar of the site."""

import tempfile
from pathlib import Path

from assets.marts.invoke import invoke
from assets.marts.project import dbt_manifest
from assets.resources.warehouse import Warehouse, WarehouseLocked
from orchestration.docs.layout import with_bar

STATIC = "static_index.html"


def write_marts(warehouse: Path, page: Path) -> str:
    """Write the page; what is missing from it, in words, or nothing.

    Columns' types come from the warehouse: without one, or while a run holds it, the page is made without them.

    Raises:
        RuntimeError: with what dbt says.
    """
    missing = why_without_types(warehouse)
    with tempfile.TemporaryDirectory() as folder:
        # dbt opens the database that the project is parsed for, by name: an empty one serves where there is none.
        database = Path(folder) / warehouse.name if missing else warehouse
        told = ["--quiet", "docs", "generate", "--static", *(["--empty-catalog"] if missing else [])]
        done = invoke(told, str(database), Path(folder), dbt_manifest(str(warehouse)))
        if not done.success:
            said = done.exception or "a model cannot be compiled: `dbt compile` says which"
            raise RuntimeError(f"dbt docs generate: {said}")
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(with_bar((Path(folder) / STATIC).read_text(encoding="utf-8")), encoding="utf-8")
    return missing


def why_without_types(warehouse: Path) -> str:
    """Why the warehouse cannot be asked, in words with the remedy; empty where it can."""
    if not warehouse.is_file():
        return "nothing has been built yet, types of columns are missing: `make demo` or `make refresh` builds it"
    try:
        with Warehouse(path=str(warehouse), wait_seconds=0).connect(read_only=True):
            return ""
    except WarehouseLocked:
        return "a run holds the warehouse, types of columns are missing: start `make docs` again after it"
