"""Selections in the warehouse: what `model_selection` found of a vintage, where the reporting marts read it.

That asset fits for long, and nothing that fits may hold the warehouse. It leaves a file, and every build of the
reporting marts first brings the table `results.model_selection` in line with the files: also with those of another
machine's work, of a selection that was run again, and after the warehouse was lost.
"""

from collections.abc import Collection

from assets.models import Vintage
from assets.resources.damage import say
from assets.resources.result_store import ResultStore
from assets.resources.versions import Damaged
from assets.resources.warehouse import Warehouse

SELECTION = "model_selection"
"""The asset, and its table in the schema `results`."""


def write_selections(warehouse: Warehouse, results: ResultStore, models: Collection[str]) -> list[Vintage]:
    """Write the stored selections of `models` that the warehouse does not hold; the vintages they are of."""
    versions, held = results.versions(SELECTION), _held(warehouse)
    written = []
    for vintage in versions.vintages():
        if vintage.model not in models:
            continue
        try:
            version = versions.current(vintage)
            if held.get(vintage) == version:
                continue
            rows = results.stored(SELECTION, vintage, version).assign(selection_version=version)
        except (Damaged, FileNotFoundError) as missing:
            say(f"the selection of {vintage.key} is not written to the warehouse: {missing}")
            continue
        warehouse.replace_results({SELECTION: rows}, vintage.model, vintage.as_of_week)
        written.append(vintage)
    return written


def _held(warehouse: Warehouse) -> dict[Vintage, str]:
    """The version of the selection that the warehouse holds of each vintage."""
    with warehouse.connect(read_only=True) as connection:
        rows = connection.execute(
            "select model, cast(as_of_week as varchar), max(selection_version) "
            f"from results.{SELECTION} group by all"
        )
        return {Vintage(model, week): version for model, week, version in rows.fetchall()}
