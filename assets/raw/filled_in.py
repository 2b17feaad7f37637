"""Rows that count twice, as a column of their grain was blank in one export and filled in in another.

A blank is a value of the grain as any other: an invoice line without a campaign and the same line with one are two
lines to whoever adds them up. Nobody can say for certain that they are one, so both count, and this check names them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING

import dagster as dg

from assets.raw.contract import Contract
from assets.raw.figures import amount_name, figure
from mmm_core.errors import listed
from mmm_core.plural import plural

if TYPE_CHECKING:
    import duckdb

    from assets.raw.load import Loaded

NAME = "no_blank_was_filled_in"
SHOWN = 5


@dataclass(frozen=True)
class FilledIn:
    """Rows of two files that are the same but for `columns`, blank in the one and filled in in the other.

    Attributes:
        rows: how many there are.
        amount: of those that are blank, which counts twice.
    """

    columns: tuple[str, ...]
    blank_file: str
    filled_file: str
    rows: int
    amount: Decimal


def may_be_blank(contract: Contract) -> tuple[str, ...]:
    """The columns of a table's grain whose blanks stand for nothing; none where rows are not added up."""
    columns = {column.name: column for column in contract.columns}
    free = [name for name in contract.grain if not columns[name].required and not columns[name].blank]
    return tuple(free) if contract.gives and contract.amount else ()


def filled_in(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> list[FilledIn]:
    """What counts twice in a raw table, by the columns that were filled in and the two files."""
    names = may_be_blank(contract)
    if not names:
        return []
    both = ", ".join(f"bool_or({name} is null) and bool_or({name} is not null)" for name in names)
    row = connection.execute(f"select {both} from raw.{contract.name}").fetchone() or ()
    mixed = [name for name, is_mixed in zip(names, row, strict=True) if is_mixed]
    return [found for together in _subsets(mixed) for found in _of(connection, contract, together)]


def _subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for count in range(1, len(names) + 1):
        yield from combinations(names, count)


def _of(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, columns: tuple[str, ...]
) -> Iterator[FilledIn]:
    """Rows that are alike in the rest of the grain; two of one file are meant to be two."""
    blank = " and ".join(f"{name} is null" for name in columns)
    filled = " and ".join(f"{name} is not null" for name in columns)
    rest = ", ".join(name for name in contract.grain if name not in columns)
    rows = connection.execute(
        f"""
        with alike as (
            select
                arg_max(_file, _export_order) filter ({blank}) as blank_file,
                arg_max(_file, _export_order) filter ({filled}) as filled_file,
                arg_max({contract.amount}, _export_order) filter ({blank}) as amount
            from raw.{contract.name}
            where ({blank}) or ({filled})
            group by {rest}
            having not coalesce(list_has_any(
                list(distinct _file) filter ({blank}), list(distinct _file) filter ({filled})
            ), true)
        )
        select blank_file, filled_file, count(*), sum(cast(amount as decimal(38, 6)))
        from alike where blank_file is not null and filled_file is not null group by all order by all
        """
    ).fetchall()
    yield from (FilledIn(columns, *row) for row in rows)


def specs(key: dg.AssetKey, contract: Contract) -> list[dg.AssetCheckSpec]:
    """The check of a table whose grain may have blanks."""
    names = may_be_blank(contract)
    if not names:
        return []
    return [
        dg.AssetCheckSpec(
            NAME,
            asset=key,
            description=(
                f"No row of one file is that of another but for a blank ({', '.join(names)}) that was filled in: both "
                "count, and the amount counts twice."
            ),
        )
    ]


def results(
    connection: "duckdb.DuckDBPyConnection", key: dg.AssetKey, table: "Loaded"
) -> list[dg.AssetCheckResult]:
    """What the check says after a load."""
    contract = table.landed.contract
    if not may_be_blank(contract):
        return []
    found = filled_in(connection, contract)
    return [
        dg.AssetCheckResult(
            asset_key=key,
            check_name=NAME,
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(_in_words(each, contract) for each in found[:SHOWN])
            or "no blank of one file is filled in in another",
            metadata={"found": len(found), "rows": sum(each.rows for each in found)},
        )
    ]


def _in_words(found: FilledIn, contract: Contract) -> str:
    is_blank = "is blank" if len(found.columns) == 1 else "are blank"
    rows = plural(found.rows, "row that is", "rows that are")
    return (
        f"{listed(found.columns)} {is_blank} in {found.blank_file} and filled in in {found.filled_file}, in {rows} "
        f"otherwise the same: both count, and {amount_name(contract)} {figure(found.amount, contract)} counts "
        f"twice: delete the older file, or take these rows out of {found.blank_file}"
    )
