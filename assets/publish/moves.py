"""How far each published week moved from the published week before it, in the warehouse.

It is made of two publications, so that a past week that is published later changes it: every build of the reporting
marts works out again what rests on other files than it did. `mmm_core.promotion.moved` does the counting, as it does
for the asset `stability`.
"""

import hashlib
from collections.abc import Collection
from typing import TYPE_CHECKING

from assets.models import Vintage
from assets.registry.published_answer import BUDGET, ROI, published_answer
from assets.resources.damage import say
from assets.resources.result_store import ResultStore
from assets.resources.results import MOVES
from assets.resources.versions import Damaged
from assets.resources.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd


def write_moves(warehouse: Warehouse, results: ResultStore, models: Collection[str]) -> list[Vintage]:
    """Write what moved of the published weeks of `models` where the warehouse holds other rows; their vintages."""
    held, written = _held(warehouse), []
    before: Vintage | None = None
    for vintage in sorted(results.publications.vintages(), key=lambda each: (each.model, each.as_of_week)):
        if vintage.model not in models:
            continue
        if before is not None and before.model != vintage.model:
            before = None
        try:
            version = _version(results, vintage, before)
            if held.get(vintage) != version:
                warehouse.replace_results(
                    _tables(results, vintage, before, version), vintage.model, vintage.as_of_week
                )
                written.append(vintage)
        except (Damaged, FileNotFoundError) as missing:
            say(f"what moved until {vintage.key} is not written to the warehouse: {missing}")
            continue
        before = vintage
    return written


def _version(results: ResultStore, vintage: Vintage, before: Vintage | None) -> str:
    """Hash of the two answers, by the versions of their files, and of the source that compares them."""
    from mmm_core.source import source_hash

    parts = [source_hash(["mmm_core.promotion.moved"])]
    for each in filter(None, (vintage, before)):
        record = results.record(each)
        parts += [each.as_of_week, *(str(record.get(table, {}).get("version")) for table in (ROI, BUDGET))]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def _tables(
    results: ResultStore, vintage: Vintage, before: Vintage | None, version: str
) -> "dict[str, pd.DataFrame]":
    """Rows of `MOVES`: the whole answer, of a first week without a row, and its channels."""
    import pandas as pd

    from mmm_core.promotion.moved import moved

    now = published_answer(results, vintage)
    then = published_answer(results, before) if before else None
    found = moved(now.roi, now.allocation, *((then.roi, then.allocation) if then else ()))
    labels = {
        "posterior_version": now.posterior_version,
        "model_version": str(now.roi["model_version"].iloc[0]),
        "moves_version": version,
        "previous_week": pd.Timestamp(then.vintage.week) if then else pd.NaT,
        "previous_version": then.posterior_version if then else None,
    }
    whole = {
        "channels": found.compared,
        "share_within_previous_interval": found.share_within,
        "largest_roi_change_in_sd": found.largest_change_in_sd,
        "moved_most": found.moved_most or None,
        "contribution_turnover": found.contribution_turnover,
        "budget_turnover": found.budget_turnover,
    }
    rows = pd.DataFrame([{**labels, **whole}])
    tables = (rows if then else rows.iloc[:0], found.channels.assign(**labels))
    return dict(zip(MOVES, tables, strict=True))


def _held(warehouse: Warehouse) -> dict[Vintage, str]:
    """The version of what moved that the warehouse holds of each vintage."""
    with warehouse.connect(read_only=True) as connection:
        rows = connection.execute(
            f"select model, cast(as_of_week as varchar), max(moves_version) from results.{MOVES[-1]} group by all"
        )
        return {Vintage(model, week): version for model, week, version in rows.fetchall()}
