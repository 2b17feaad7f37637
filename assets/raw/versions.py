"""A hash of the rows of a raw table that count, and what later exports left out of earlier ones.

Files may hold the same day; the row of the file exported last counts. Rows of several days are compared day by day, as
staging spreads them. Days are the parts: of each file and day the hash of its rows is kept in raw.landing_days, of each
day that several files hold, what counts of it in raw.landing_shared_days and what does not in raw.landing_overruled,
and of every day what each file brought first in raw.landing_brought. A load asks again of the days that its files
touch; the version of a table is a sum over its days, so it does not matter how the table came to hold them.
"""

import datetime as dt
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from assets.raw.contract import Contract
from assets.raw.raw_tables import of_files

if TYPE_CHECKING:
    import duckdb

DAYS, SHARED, OVERRULED = "landing_days", "landing_shared_days", "landing_overruled"
BROUGHT = "landing_brought"

_TABLES = {
    DAYS: (
        "source_table VARCHAR, made_by VARCHAR, file VARCHAR, day DATE, row_count BIGINT, hash HUGEINT, "
        "amount DECIMAL(38, 6)"
    ),
    SHARED: "source_table VARCHAR, day DATE, row_count BIGINT, hash HUGEINT",
    OVERRULED: (
        "source_table VARCHAR, day DATE, file VARCHAR, later_file VARCHAR, row_count BIGINT, differing BIGINT, "
        "amount DECIMAL(38, 6), later_amount DECIMAL(38, 6)"
    ),
    BROUGHT: "source_table VARCHAR, day DATE, file VARCHAR, row_count BIGINT, amount DECIMAL(38, 6)",
}
_TOGETHER = 1_000_000  # rows that are compared in one query, so that memory does not grow with what is shared
_NO_DAY = "date '0001-01-01'"  # of tables whose rows are not of days: they are one part


@dataclass(frozen=True)
class Overruling:
    """Rows of an export that a later one holds too, the first that does. Rows and amounts are of days where rows are
    spread.

    Attributes:
        differing: how many of the rows have another figure in the later file.
        amount, later_amount: the contract's amount in these rows, in the earlier and in the later file.
    """

    file: str
    later_file: str
    rows: int
    differing: int
    amount: Decimal
    later_amount: Decimal


@dataclass(frozen=True)
class Version:
    """A hash of the rows of a raw table that count, whatever their order and files, and what does not count."""

    hash: str
    overruled: tuple[Overruling, ...]


def brought_up_to_date(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, changed: Collection[str]
) -> Version:
    """The version of a raw table, worked out anew for the days of some files.

    Args:
        changed: files whose rows came, went or have another place among the exports than when this was asked last.
    """
    for name, columns in _TABLES.items():
        connection.execute(f"create table if not exists raw.{name} ({columns})")
    # warehouses of earlier releases lack it
    connection.execute(f"alter table raw.{DAYS} add column if not exists amount DECIMAL(38, 6)")
    changed = _all_files(connection, contract) if _made_otherwise(connection, contract) else set(changed)
    if changed:
        days = _replace_days(connection, contract, changed)
        _compare_shared(connection, contract, days)
    return Version(_hash(connection, contract), _overrulings(connection, contract))


def _all_files(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> set[str]:
    files = connection.execute(
        f"select distinct _file from raw.{contract.name} union select distinct file from raw.{DAYS} "
        "where source_table = ?",
        [contract.name],
    )
    return {file for (file,) in files.fetchall()}


def _made_otherwise(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> bool:
    """Whether what is kept of a table's days was worked out in another way, or nothing is kept of a table with rows."""
    made_by = connection.execute(
        f"select distinct made_by from raw.{DAYS} where source_table = ?", [contract.name]
    ).fetchall()
    if made_by:
        return made_by != [(_maker(contract),)]
    return connection.execute(f"select 1 from raw.{contract.name} limit 1").fetchone() is not None


@cache
def _maker(contract: Contract) -> str:
    """What the hashes of rows depend on but for the rows: this module, the contract, and DuckDB, whose hash it is."""
    import duckdb

    source = Path(__file__).read_bytes()
    return hashlib.sha256(source + f"{contract!r} {duckdb.__version__}".encode()).hexdigest()[:8]


def _replace_days(
    connection: "duckdb.DuckDBPyConnection", contract: Contract, changed: set[str]
) -> list[str]:
    """Hash the rows of some files day by day; returns every day they hold or held."""
    files = sorted(changed)
    before = connection.execute(
        f"select distinct cast(day as varchar) from raw.{DAYS} where source_table = ? and file in (select unnest(?))",
        [contract.name, files],
    ).fetchall()
    connection.execute(
        f"delete from raw.{DAYS} where source_table = ? and file in (select unnest(?))",
        [contract.name, files],
    )
    columns = ", ".join(f'"{column.name}"' for column in contract.columns)
    connection.execute(
        f"with {_shares(contract, of_files(files))} "
        f"insert into raw.{DAYS} select ?, ?, _file, _day, count(*), sum(hash({columns}, _day)), "
        f"{_sum(contract, contract.amount)} from shares group by _file, _day",
        [contract.name, _maker(contract)],
    )
    after = connection.execute(
        f"select distinct cast(day as varchar) from raw.{DAYS} where source_table = ? and file in (select unnest(?))",
        [contract.name, files],
    ).fetchall()
    return sorted({day for (day,) in [*before, *after]})


def _compare_shared(connection: "duckdb.DuckDBPyConnection", contract: Contract, days: list[str]) -> None:
    """Of those days, find what counts, what a later export overrules, and what each file brought first."""
    for name in (SHARED, OVERRULED, BROUGHT):
        connection.execute(
            f"delete from raw.{name} where source_table = ? and day in (select cast(unnest(?) as date))",
            [contract.name, days],
        )
    connection.execute(
        f"insert into raw.{BROUGHT} select source_table, day, any_value(file), any_value(row_count), any_value(amount) "
        f"from raw.{DAYS} where source_table = ? and day in (select cast(unnest(?) as date)) "
        "group by source_table, day having count(*) = 1",
        [contract.name, days],
    )
    shared = connection.execute(
        f"select cast(day as varchar), sum(row_count) from raw.{DAYS} where source_table = ? "
        "and day in (select cast(unnest(?) as date)) group by day having count(*) > 1 order by day",
        [contract.name, days],
    ).fetchall()
    for together in _pieces(shared):
        connection.execute(_comparison(contract, together))
        connection.execute(
            f"insert into raw.{SHARED} select ?, _day, count(*), sum(_hash) from compared where _rank = 1 "
            "group by _day",
            [contract.name],
        )
        connection.execute(
            f"insert into raw.{OVERRULED} select ?, _day, _file, _later_file, count(*), count(*) filter (_differs), "
            f"{_sum(contract, '_amount')}, {_sum(contract, '_later_amount')} from compared where _rank > 1 "
            "group by _day, _file, _later_file",
            [contract.name],
        )
        connection.execute(
            f"insert into raw.{BROUGHT} select ?, _day, _file, count(*), {_sum(contract, '_amount')} from compared "
            "where _is_first group by _day, _file",
            [contract.name],
        )
        connection.execute("drop table temp.compared")


def _sum(contract: Contract, amount: str) -> str:
    """A column of amounts, added up to six decimals; 0 of a table without them."""
    return f"coalesce(sum(cast({amount} as decimal(38, 6))), 0)" if contract.amount else "0"


def _pieces(shared: list[tuple[str, int]]) -> Iterator[list[str]]:
    """Days in order, as many together as hold some number of rows."""
    piece: list[str] = []
    rows = 0
    for day, count in shared:
        if piece and rows + count > _TOGETHER:
            yield piece
            piece, rows = [], 0
        piece.append(day)
        rows += count
    if piece:
        yield piece


def _comparison(contract: Contract, days: list[str]) -> str:
    """Make a table of the rows of some days: their rank among the exports, and how they differ from the next one's.

    `_is_first`: no earlier export holds the row.
    """
    listed = ", ".join(f"date '{day}'" for day in days)
    columns = ", ".join(f'"{column.name}"' for column in contract.columns)
    differs = " or ".join(
        f"({name} is distinct from _later.{name} and not coalesce(abs({name} - _later.{name}) "
        f"<= 1e-9 * greatest(abs({name}), abs(_later.{name})), false))"
        for name in contract.numbers
    )
    amount = contract.amount or "null"
    later = f"_later.{contract.amount}" if contract.amount else "null"
    return f"""
        create temp table compared as
        with {_shares(contract, _rows_of_days(contract, days))},
        held as (select * from shares where _day in ({listed})),
        ranked as (
            select *, row_number() over newest as _rank, lag(held) over newest as _later,
                lead(_file) over newest is null as _is_first
            from held
            window newest as (partition by {_grain(contract)} order by _export_order desc, _row desc)
        )
        select _day, _file, _rank, _is_first, _later._file as _later_file, hash({columns}, _day) as _hash,
            {differs or "false"} as _differs, {amount} as _amount, {later} as _later_amount
        from ranked
    """


def _hash(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> str:
    rows, total = connection.execute(
        f"""
        select coalesce(sum(row_count), 0), coalesce(sum(hash), 0) from (
            select row_count, hash from raw.{SHARED} where source_table = $table
            union all
            select max(row_count), max(hash) from raw.{DAYS} where source_table = $table
            group by day having count(*) = 1
        )
        """,
        {"table": contract.name},
    ).fetchone() or (0, 0)
    return hashlib.sha256(f"{contract.name} {rows} {total}".encode()).hexdigest()[:16]


def _overrulings(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> tuple[Overruling, ...]:
    lines = connection.execute(
        f"select file, later_file, cast(sum(row_count) as bigint), cast(sum(differing) as bigint), sum(amount), "
        f"sum(later_amount) from raw.{OVERRULED} where source_table = ? group by file, later_file "
        "order by file, later_file",
        [contract.name],
    )
    return tuple(Overruling(*line) for line in lines.fetchall())


def _day(contract: Contract) -> str:
    """The column that is the day of a row, where it is one; "" where rows are spread over days, or are of none."""
    period = contract.period
    return period.start if period and not period.spread and period.start in contract.grain else ""


def _last(contract: Contract) -> str:
    """The last day of a row of several."""
    period = contract.period
    assert period is not None
    return period.stop or f"{period.start} + {period.days - 1}"


def _spread(contract: Contract) -> bool:
    return contract.period is not None and contract.period.spread


def _grain(contract: Contract) -> str:
    """What rows that hold the same thing have in common."""
    start = contract.period.start if contract.period and _spread(contract) else ""
    return ", ".join([*(f'"{name}"' for name in contract.grain if name != start), "_day"])


def _rows_of_days(contract: Contract, days: list[str]) -> str:
    """Which rows may hold some days: a bound by which DuckDB leaves most of a table unread."""
    first, last = f"date '{days[0]}'", f"date '{days[-1]}'"
    period = contract.period
    if period and period.spread:
        return f"{period.start} <= {last} and {_last(contract)} >= {first}"
    return f"{_day(contract)} between {first} and {last}" if _day(contract) else "true"


def _shares(contract: Contract, where: str, relation: str = "") -> str:
    """CTE `shares`: a row a grain and day. Figures that add up are shares of a day.

    Args:
        relation: what holds the rows; "" for the raw table.
    """
    period, day, days, shares = contract.period, _day(contract) or _NO_DAY, "1", ""
    if period and period.spread:
        days = f"({_last(contract)} - {period.start} + 1)"
        day = period.start
        if period.stop or period.days > 1:
            day = f"cast(unnest(generate_series({period.start}, {_last(contract)}, interval 1 day)) as date)"
            parts = [
                f'"{column.name}" / _days as "{column.name}"'
                for column in contract.columns
                if column.over_days == "sum"
            ]
            shares = f" replace ({', '.join(parts)})" if parts else ""
    return f"""
        days as (select *, {day} as _day, {days} as _days from {relation or f"raw.{contract.name}"} where {where}),
        shares as (select *{shares} from days)
    """


@dataclass(frozen=True)
class DayAlone:
    """Rows of a file on one day, and how many of them no file beside it holds in any form."""

    day: dt.date
    rows: int
    alone: int


def rows_alone(
    connection: "duckdb.DuckDBPyConnection",
    contract: Contract,
    files: Collection[str],
    beside: Collection[str],
    last_day: dt.date,
    relation: str = "",
) -> dict[str, list[DayAlone]]:
    """By file, its days up to `last_day` in their order, and how many of each day's rows no file `beside` holds.

    The rows of tables that are of no day are those of 0001-01-01.

    Args:
        relation: what holds the rows of all of them; "" for the raw table.
    """
    found: dict[str, list[DayAlone]] = {}
    if not files:
        return found
    rows = connection.execute(
        f"""
        with {_shares(contract, of_files({*files, *beside}), relation)},
        compared as (
            select _file, _day, bool_or({of_files(beside) if beside else "false"}) over same as _held
            from shares
            where _day <= $last and _day in (select _day from shares where {of_files(files)})
            window same as (partition by {_grain(contract)})
        )
        select _file, _day, count(*), count(*) filter (not _held) from compared where {of_files(files)}
        group by all order by all
        """,
        {"last": last_day},
    )
    for file, *day in rows.fetchall():
        found.setdefault(file, []).append(DayAlone(*day))
    return found
