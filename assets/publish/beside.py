"""Tables published beside what a posterior itself says: scenarios and long term, of which a brief run makes none."""

from typing import TYPE_CHECKING

from assets.long_term.outcome import empty
from assets.models import Vintage
from assets.resources.result_store import ResultStore
from assets.resources.results import ASSET_OF_TABLE, LONG_TERM_STATES
from assets.resources.versions import Damaged
from assets.stage import Stage

if TYPE_CHECKING:
    import pandas as pd

BESIDE = ("budget_scenarios", "long_term_roi", "total_roi", "impulse_responses")
"""Assets, each with one table of its name."""
LONG_TERM = ("long_term_roi", "total_roi", "impulse_responses", LONG_TERM_STATES)
TABLES = ("budget_scenarios", *LONG_TERM)


def whole_tables(vintage: Vintage, results: ResultStore) -> "dict[str, pd.DataFrame]":
    """The tables as they were made last.

    Raises:
        FileNotFoundError: one was never made; the message names the remedy.
        Damaged: as `ResultStore.stored`.
    """
    return {name: results.stored(ASSET_OF_TABLE[name], vintage) for name in TABLES}


def brief_tables(run: Stage, results: ResultStore, budget: "pd.DataFrame") -> "dict[str, pd.DataFrame]":
    """What the vintage has published of these tables, where it is of this posterior, and empty ones for the rest.

    Scenarios are held against a budget: they stay where that is the one published with them. The long term is one
    answer: its tables are all of the same draws, or none of them is there.
    """
    from mmm_core.data.table import fingerprint

    found = {name: _published(name, run, results) for name in TABLES}
    if _budget_published(run.vintage, results) != fingerprint(budget):
        found["budget_scenarios"] = None
    long_term = [found[name] for name in LONG_TERM]
    versions = {version for table in long_term if table is not None for version in table["long_term_version"]}
    if any(table is None for table in long_term) or len(versions) > 1:
        found |= dict.fromkeys(LONG_TERM)
    return {name: _none_of(name, run) if table is None else table for name, table in found.items()}


def has_published_beside(vintage: Vintage, results: ResultStore) -> bool:
    """Whether a vintage has published scenarios or a long term."""
    return any(rows for name, rows in _rows(vintage, results).items() if name in TABLES)


def _rows(vintage: Vintage, results: ResultStore) -> dict[str, int]:
    try:
        return {name: int(table["rows"]) for name, table in results.record(vintage).items()}
    except (Damaged, FileNotFoundError):
        return {}


def _budget_published(vintage: Vintage, results: ResultStore) -> str:
    try:
        return str(results.record(vintage)["budget_allocation"]["version"])
    except (Damaged, FileNotFoundError):
        return ""


def _published(name: str, run: Stage, results: ResultStore) -> "pd.DataFrame | None":
    try:
        record = results.record(run.vintage)[name]
        table = results.stored(ASSET_OF_TABLE[name], run.vintage, record["version"])
    except (Damaged, FileNotFoundError, KeyError):  # a damaged one was put aside, and said
        return None
    return table if set(table["posterior_version"]) == {run.posterior_version} else None


def _none_of(name: str, run: Stage) -> "pd.DataFrame":
    table = run.labelled(empty(name))
    return table.assign(long_term_version="") if name in LONG_TERM else table
