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


def brief_tables(run: Stage, results: ResultStore) -> "dict[str, pd.DataFrame]":
    """The tables that an earlier run made of this posterior, and empty ones in place of the others.

    The long term is one answer: its tables are taken together, from the same draws, or none of them is.
    """
    found = {name: _of_this_posterior(name, run, results) for name in TABLES}
    long_term = [found[name] for name in LONG_TERM]
    versions = {version for table in long_term if table is not None for version in table["long_term_version"]}
    if any(table is None for table in long_term) or len(versions) > 1:
        found |= dict.fromkeys(LONG_TERM)
    return {name: _none_of(name, run) if table is None else table for name, table in found.items()}


def _of_this_posterior(name: str, run: Stage, results: ResultStore) -> "pd.DataFrame | None":
    try:
        table = results.read(ASSET_OF_TABLE[name], run.vintage)
    except Damaged:  # it was put aside, and said
        return None
    if table is None or set(table["posterior_version"]) != {run.posterior_version}:
        return None
    return table.assign(model_version=run.model_version)


def _none_of(name: str, run: Stage) -> "pd.DataFrame":
    table = run.labelled(empty(name))
    return table.assign(long_term_version="") if name in LONG_TERM else table
