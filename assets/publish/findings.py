"""Findings in the warehouse that no publication holds, for the marts: data health, backtests, evidence, plans ...

Their assets leave files and do not hold the warehouse to write. Every build of the reporting marts first brings the
tables of `results` in line with the files: also with those of another machine's work, of what was run again, and after
the warehouse was lost.
"""

from collections.abc import Collection

from assets.models import Vintage
from assets.resources.damage import say
from assets.resources.result_store import ResultStore
from assets.resources.versions import Damaged
from assets.resources.warehouse import Warehouse

FINDINGS = {
    "data_health": "health_version",
    "backtest": "backtest_version",
    "promotion": "promotion_version",
    "model_selection": "selection_version",
    "lift_evidence": "evidence_version",
    "experiment_plan": "plan_version",
    "reconciliation": "reconciliation_version",
    "belief_changes": "change_version",
}
"""The asset, or another name that it keeps its table under, which is the table in the schema `results` too, and the
column that holds the version of its file."""


def write_findings(warehouse: Warehouse, results: ResultStore, models: Collection[str]) -> list[Vintage]:
    """Write the stored findings of `models` that the warehouse does not hold; the vintages they are of."""
    written: dict[Vintage, None] = {}
    for asset in FINDINGS:
        written |= dict.fromkeys(_write(asset, warehouse, results, models))
    return list(written)


def _write(asset: str, warehouse: Warehouse, results: ResultStore, models: Collection[str]) -> list[Vintage]:
    versions, held = results.versions(asset), _held(warehouse, asset)
    written = []
    for vintage in versions.vintages():
        if vintage.model not in models:
            continue
        try:
            version = versions.current(vintage)
            if held.get(vintage) == version:
                continue
            rows = results.stored(asset, vintage, version).assign(**{FINDINGS[asset]: version})
        except (Damaged, FileNotFoundError) as missing:
            say(f"{asset} of {vintage.key} is not written to the warehouse: {missing}")
            continue
        if rows.empty and vintage not in held:
            continue  # nothing was found, and the warehouse holds nothing
        warehouse.replace_results({asset: rows}, vintage.model, vintage.as_of_week)
        written.append(vintage)
    return written


def _held(warehouse: Warehouse, asset: str) -> dict[Vintage, str]:
    """The version of an asset's file that the warehouse holds of each vintage."""
    with warehouse.connect(read_only=True) as connection:
        rows = connection.execute(
            f"select model, cast(as_of_week as varchar), max({FINDINGS[asset]}) from results.{asset} group by all"
        )
        return {Vintage(model, week): version for model, week, version in rows.fetchall()}
