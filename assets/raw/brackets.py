r"""What a rule takes from a campaign's name: \1 is what the first brackets of its expression hold, \2 the second."""

from typing import TYPE_CHECKING

from assets.raw.contract import Column, Contract
from assets.raw.faults import Fault
from assets.raw.personal import without_addresses
from mmm_core.errors import listed, shown

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_REMEDY = r"put brackets around what \1 (\2, ...) stands for, or write the name itself"


def bracket_faults(contract: Contract, cells: "pd.DataFrame") -> list[Fault]:
    r"""Cells that ask for more brackets than the pattern beside them has: such a rule would map nothing, unnoticed.

    Args:
        cells: text, by the contract's names.
    """
    asking = [column for column in contract.columns if column.fills_from]
    return [fault for column in asking if (fault := _of(contract, column, cells))]


def _of(contract: Contract, column: Column, cells: "pd.DataFrame") -> Fault | None:
    import duckdb

    with duckdb.connect() as connection:
        wrong = [
            row
            for row, text, pattern in cells[[column.name, column.fills_from]].itertuples(name=None)
            if "\\" in text and not _has_them(connection, text, pattern)
        ]
    if not wrong:
        return None
    lines = [
        f"{shown(cells.at[row, column.name])} asks for brackets that {column.fills_from} "
        f"{shown(without_addresses(cells.at[row, column.fills_from]))} does not have "
        f"({', '.join(f'{name} {cells.at[row, name]}' for name in contract.grain)}, row {row})"
        for row in wrong
    ]
    fault = f"asks for brackets that {column.fills_from} does not have"
    return Fault(
        f"column {column.name}: {listed(lines, 3)}: {_REMEDY}",
        f"{column.name} {fault}",
        column.name,
        _REMEDY,
        tuple(wrong),
    )


def _has_them(connection: "duckdb.DuckDBPyConnection", text: str, pattern: str) -> bool:
    """Whether the warehouse puts something in place of a name: what it cannot fill it leaves as it was."""
    import duckdb

    try:
        return connection.execute(
            "select regexp_replace('', ?, ?)", [f"(?:{pattern})|^", f"x{text}"]
        ).fetchone() != ("",)
    except duckdb.Error:
        return True  # it is no pattern, which is said already
