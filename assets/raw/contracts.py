"""What each source table must look like: the contracts of the connectors that `sources.yaml` names.

A contract is data. `assets.raw.schema` says what a cell of each kind may hold, `assets.raw.periods` checks the days
that rows cover, the asset takes its documentation from it, and the loader the types it writes. Columns that a contract
does not name are kept out, so nothing is in the warehouse that nobody asked for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from assets.raw.connector import connector
from assets.raw.contract import Column, Contract
from assets.raw.sources import sources


def _contracts() -> Iterator[Contract]:
    for source in sources().used.values():
        for contract in connector(source.name).contracts:
            yield replace(contract, bad_rows=source.bad_rows, bad_share=source.bad_share)


CONTRACTS: Mapping[str, Contract] = {contract.name: contract for contract in _contracts()}
"""By name of the raw table."""

WEEKLY_TABLES = Contract(
    "weekly_tables",
    "values",
    "Ready-made weekly tables, any columns: one row a table, week, geo and column",
    ("table_name", "week_start", "geo", "column_name"),
    (
        Column("table_name", "text", "Name of the file without its ending"),
        Column("week_start", "date", "The date the file gives the week, any weekday"),
        Column("geo", "text", "The file's geo, 'all' where it has none", spelling="lower"),
        Column("column_name", "text", "Name of the column, as the file writes it"),
        Column("value", "number", "Its value; empty where the cell is blank", required=False),
    ),
)
"""Its files have columns of their own: see `assets.raw.weekly_tables`."""
