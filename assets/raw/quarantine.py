"""raw.landing_quarantine: the rows of loaded files that break their contract and were set aside, with the reason.

A row leaves it when its file is loaded again without it, and when the file is gone. Where a later export holds a sound
row of the same grain, that one counts in the marts, and the row here says so in `replaced_by`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from assets.raw.contract import SQL_TYPES, Contract
from assets.raw.files import Accepted
from assets.raw.raw_tables import retract as retract_rows

if TYPE_CHECKING:
    import duckdb

TABLE = "landing_quarantine"

COLUMNS = {
    "source": "VARCHAR",
    "source_table": "VARCHAR",
    "file": "VARCHAR",
    "row": "BIGINT",
    "day": "DATE",
    "column_name": "VARCHAR",
    "reason": "VARCHAR",
    "remedy": "VARCHAR",
    "amount": "DECIMAL(38, 6)",
    "contents": "MAP(VARCHAR, VARCHAR)",
    "row_key": "VARCHAR",
    "replaced_by": "VARCHAR",
    "loaded_at": "TIMESTAMP WITH TIME ZONE",
}
"""Name and type of each column; dbt's source documents them. `row` counts as a spreadsheet does."""


@dataclass(frozen=True)
class Reason:
    """Rows of one file that lie in quarantine for the same reason.

    Attributes:
        rows: how many there are, first: the first of them.
        amount: the sum of what can be read of the contract's amount. unread: rows of which it cannot be.
    """

    file: str
    reason: str
    rows: int
    first: int
    amount: Decimal
    unread: int = 0


def make(connection: "duckdb.DuckDBPyConnection") -> None:
    """Make the table where there is none."""
    columns = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
    connection.execute(f"create table if not exists raw.{TABLE} ({columns})")


def retract(connection: "duckdb.DuckDBPyConnection", contract: Contract, file: str) -> None:
    """Take away the rows of a file, loaded and set aside."""
    retract_rows(connection, contract, file)
    connection.execute(f"delete from raw.{TABLE} where source_table = ? and file = ?", [contract.name, file])


def insert(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, accepted: Accepted, loaded_at: dt.datetime
) -> None:
    """Write the rows of a file that were set aside."""
    import pyarrow as pa

    if accepted.set_aside is None:
        return
    rows, keys = accepted.set_aside.rows, accepted.set_aside.keys
    kinds = {column.name: SQL_TYPES[column.kind] for column in contract.columns}
    key = _row_key(contract, {name: f'cast("_key_{name}" as {kinds[name]})' for name in contract.grain})
    keyed = keys.add_prefix("_key_").assign(_keyed=True)  # a row whose grain cannot be read has no key
    incoming = pa.Table.from_pandas(rows.drop(columns="contents").join(keyed), preserve_index=False)
    incoming = incoming.append_column("row", pa.array(rows.index, pa.int64()))
    incoming = incoming.append_column(
        "contents", pa.array(rows["contents"], pa.map_(pa.string(), pa.string()))
    )
    values = {
        "source": "?",
        "source_table": "?",
        "file": "?",
        "row_key": f"case when _keyed then {key} end",
        "replaced_by": "null",
        "loaded_at": "?",
    }
    selected = ", ".join(values.get(name, f'"{name}"') for name in COLUMNS)
    connection.register("set_aside", incoming)
    try:
        connection.execute(
            f"insert into raw.{TABLE} select {selected} from set_aside",
            [contract.source, contract.name, accepted.file.name, loaded_at],
        )
    finally:
        connection.unregister("set_aside")


def find_replacements(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> None:
    """Say of each row of a table in quarantine which later export, if any, holds a sound row of its grain."""
    days = connection.execute(
        f"select min(day), max(day) from raw.{TABLE} where source_table = ? and row_key is not null "
        "having count(*) > 0",
        [contract.name],
    ).fetchone()
    connection.execute(
        f"update raw.{TABLE} set replaced_by = null where source_table = ? and replaced_by is not null",
        [contract.name],
    )
    if days is None:
        return
    # A bound by which DuckDB leaves most of a table unread.
    within = (
        f'cast("{contract.period.start}" as date) between cast(? as date) and cast(? as date)'
        if contract.period
        else "true or (? is null and ? is null)"  # what is of a moment may be of another in the later export
    )
    connection.execute(
        f"""
        update raw.{TABLE} as aside set replaced_by = later.file
        from (
            select lying.file as aside_file, lying.row as aside_row, arg_max(sound._file, sound._export_order) as file
            from raw.{TABLE} as lying
            join (select _file, max(_export_order) as place from raw.{contract.name} group by _file) as own
                on lying.file = own._file
            join (
                select _file, _export_order, {_row_key(contract)} as row_key from raw.{contract.name} where {within}
            ) as sound
                on lying.row_key = sound.row_key and sound._export_order > own.place
            where lying.source_table = ?
            group by lying.file, lying.row
        ) as later
        where aside.source_table = ? and aside.file = later.aside_file and aside.row = later.aside_row
        """,
        [*days, contract.name, contract.name],
    )


def held(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> Mapping[str, tuple[int, Decimal]]:
    """Rows of each file that were set aside, and what can be read of their amount."""
    rows = connection.execute(
        f"select file, count(*), coalesce(sum(amount), 0) from raw.{TABLE} where source_table = ? group by file",
        [contract.name],
    )
    return {file: (count, amount) for file, count, amount in rows.fetchall()}


def reasons(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> list[Reason]:
    """What lies in quarantine of a table: rows that no later export replaces, most of them first."""
    rows = connection.execute(
        f"select file, reason, count(*), min(row), coalesce(sum(amount), 0), "
        f"count(*) filter (amount is null) from raw.{TABLE} "
        "where source_table = ? and replaced_by is null group by file, reason order by count(*) desc, file, reason",
        [contract.name],
    )
    return [Reason(*row) for row in rows.fetchall()]


def _row_key(contract: Contract, values: Mapping[str, str] | None = None) -> str:
    """What rows of the same grain have in common: a hash, so that nothing of a row can be read from it.

    Args:
        values: the expression of each column of the grain, where it is not the column itself.
    """
    columns = [(values or {}).get(name, f'"{name}"') for name in contract.grain]
    parts = ", ".join(f"coalesce(cast({column} as varchar), '')" for column in columns)
    return f"md5(concat_ws(chr(31), {parts}))"
