"""Rows that are gone from where a table is fetched: a record beside the files that held them, and raw.landing_gone.

A fetch writes `.retired/gone-<when>-<number>.parquet` before it takes rows out of their files, and every load makes
raw.landing_gone anew from the records there are: like all else, it follows from what lies in the landing folder.
"""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assets.raw.contract import Contract
from mmm_core.files import write_whole
from mmm_core.json_text import dumps

if TYPE_CHECKING:
    import duckdb

RETIRED = ".retired"
"""Folder of what files held before rows were taken out of them; the loader passes over names that begin with a dot."""

STAMP = "%Y%m%dT%H%M%SZ"
"""How a moment (UTC) stands in the name of a file."""

TABLE = "landing_gone"
COLUMNS = {
    "source_table": "VARCHAR",
    "day": "DATE",
    "file": "VARCHAR",
    "gone_at": "TIMESTAMP",
    "row_count": "BIGINT",
    "amount": "DECIMAL(38, 6)",
}
"""Name and type of each column; dbt's source documents them. The day of rows that are of none is 0001-01-01."""

_TAKEN_FROM = "taken_from"  # key in a record's footer
_PREFIX, _NO_DAY, _NONE = "gone-", "date '0001-01-01'", "cast(null as date)"


def records(folder: Path) -> list[Path]:
    """The records of a table's landing folder, oldest first."""
    stamp = "[0-9]" * 8 + "T" + "[0-9]" * 6 + "Z"  # an object of a bucket may be called gone-something too
    return sorted((folder / RETIRED).glob(f"{_PREFIX}{stamp}-[0-9]*[0-9].parquet"))


def record(
    connection: "duckdb.DuckDBPyConnection",
    folder: Path,
    select: str,
    at: dt.datetime,
    taken_from: Sequence[str] = (),
) -> None:
    """Write down the rows of a query, whole; nothing where there are none.

    Args:
        taken_from: the files of the folder that hold any form of any of them.
    """
    if connection.execute(f"select 1 from ({select}) limit 1").fetchone() is None:
        return
    path = folder / RETIRED / f"{_PREFIX}{at.strftime(STAMP)}-{len(records(folder)) + 1:04d}.parquet"
    path.parent.mkdir(exist_ok=True)

    def write(partial: Path) -> None:
        target = str(partial).replace("'", "''")
        files = dumps(list(taken_from)).replace("'", "''")
        noted = f"kv_metadata {{{_TAKEN_FROM}: '{files}'}}"
        connection.execute(f"copy ({select}) to '{target}' (format parquet, compression zstd, {noted})")

    write_whole(path, write)


def taken_from(connection: "duckdb.DuckDBPyConnection", path: Path) -> list[str]:
    """The files of the folder that a record names; none of a record that an earlier release wrote."""
    found = connection.execute(
        f"select decode(value) from parquet_kv_metadata(?) where key = '{_TAKEN_FROM}'", [str(path)]
    ).fetchone()
    return list(json.loads(found[0])) if found else []


def make(connection: "duckdb.DuckDBPyConnection") -> None:
    """Make the table where there is none."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    connection.execute(f"create table if not exists raw.{TABLE} ({columns})")


def read_records(connection: "duckdb.DuckDBPyConnection", contract: Contract, landing: Path) -> None:
    """Replace what the table has of a contract by what the records of its landing folder say, day by day."""
    connection.execute(f"delete from raw.{TABLE} where source_table = ?", [contract.name])
    for path in records(landing / contract.folder):
        there = connection.execute("select name from parquet_schema(?)", [str(path)]).fetchall()
        connection.execute(
            f"insert into raw.{TABLE} select $table, day, $file, $at, count(*), coalesce(sum(amount), 0) "
            f"from ({_by_day(contract, [name for (name,) in there])}) group by day order by day",
            {
                "table": contract.name,
                "file": path.relative_to(landing).as_posix(),
                "at": moment_of(path),
                "path": str(path),
            },
        )


def _by_day(contract: Contract, there: Sequence[str]) -> str:
    """SQL of the days of a record's rows, and their share of the amount where a row is spread over days."""
    period = contract.period
    first = f'try_cast("{period.start}" as date)' if period and period.start in there else _NONE
    last = first
    if period and period.spread and period.stop in there:
        last = f'try_cast("{period.stop}" as date)'
    elif period and period.spread and not period.stop:
        last = f"{first} + {period.days - 1}"
    amount = f'try_cast("{contract.amount}" as decimal(38, 6))' if contract.amount in there else "0"
    return f"""
        select cast(unnest(generate_series(first, greatest(first, last), interval 1 day)) as date) as day,
            amount / (greatest(first, last) - first + 1) as amount
        from (
            select coalesce({first}, {_NO_DAY}) as first, coalesce({last}, {_NO_DAY}) as last, {amount} as amount
            from read_parquet($path)
        )
    """


def moment_of(path: Path) -> dt.datetime:
    """When the rows of a record were seen to be gone, UTC."""
    return dt.datetime.strptime(path.name.removeprefix(_PREFIX).partition("-")[0], STAMP)
