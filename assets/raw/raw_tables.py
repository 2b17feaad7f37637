"""What a raw table holds of each file, and the two things done to rows that are there: taken away, or given a place."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from assets.raw.contract import Contract

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Held:
    """What a raw table holds of a file: its rows, the sum of their amount, and its place among the exports."""

    rows: int
    amount: Decimal
    order: int


def held_by_file(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, files: Collection[str] | None = None
) -> dict[str, Held]:
    """What the raw table holds of each file, or of some files."""
    amount = f"sum(cast({contract.amount} as decimal(38, 6)))" if contract.amount else "0"
    if files is not None and not files:
        return {}
    which = "" if files is None else f"where {of_files(files)}"
    rows = connection.execute(
        f"select _file, count(*), coalesce({amount}, 0), max(_export_order) from raw.{contract.name} {which} "
        "group by _file",
    )
    return {file: Held(count, Decimal(total), order or 0) for file, count, total, order in rows.fetchall()}


def of_files(files: Collection[str]) -> str:
    """A condition on the rows of some files, which are named in it.

    Asked for by a subquery instead, the rows that a transaction has not yet committed are all kept in memory: a load of
    100 million of them ended there.
    """
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in sorted(files))
    return f"_file in ({names})"


def rows_of(contract: Contract, file: str, place: int) -> str:
    """What to write behind `from` for the rows of one file; its place finds them without a look at all others."""
    name = file.replace("'", "''")
    return f"raw.{contract.name} where _export_order = {place} and _file = '{name}'"


def retract(connection: "duckdb.DuckDBPyConnection", contract: Contract, file: str) -> None:
    """Take away the rows of a file."""
    connection.execute(f"delete from raw.{contract.name} where _file = ?", [file])


def settle(
    connection: "duckdb.DuckDBPyConnection",
    contract: Contract,
    held: Mapping[str, Held],
    place: Mapping[str, int],
) -> set[str]:
    """Give the rows that are there the places of their files; returns the files that moved."""
    moved = {name for name, part in held.items() if name in place and part.order != place[name]}
    for name in sorted(moved):
        connection.execute(
            f"update raw.{contract.name} set _export_order = ? where _file = ?", [place[name], name]
        )
    return moved
