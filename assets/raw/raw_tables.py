"""What a raw table holds once its files were loaded: which rows count, which were overruled, and a hash of the content.

Files may hold the same day; the row of the file exported last counts. Rows of several days are compared day by day, as
staging spreads them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from assets.raw.contract import Contract

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Overruling:
    """Rows of an earlier export that a later one holds too. Rows and amounts are of days where rows are spread.

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


def table_exists(connection: "duckdb.DuckDBPyConnection", name: str) -> bool:
    found = connection.execute(
        "select count(*) from information_schema.tables where table_schema = 'raw' and table_name = ?", [name]
    ).fetchone()
    return found == (1,)


def settle(
    connection: "duckdb.DuckDBPyConnection",
    contract: Contract,
    retracted: Sequence[str],
    order: Mapping[str, int],
) -> None:
    """Take away the rows of files that are gone, and order what is left by export."""
    for file in retracted:
        connection.execute(f"delete from raw.{contract.name} where _file = ?", [file])
    for file, position in order.items():
        connection.execute(
            f"update raw.{contract.name} set _export_order = ? where _file = ? and _export_order is distinct from ?",
            [position, file, position],
        )


def rows_by_file(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> dict[str, int]:
    """Rows of each file in the raw table."""
    rows = connection.execute(f"select _file, count(*) from raw.{contract.name} group by _file")
    return dict(rows.fetchall())


def held_by_file(
    connection: "duckdb.DuckDBPyConnection", contract: Contract
) -> dict[str, tuple[int, Decimal]]:
    """Rows of each file in the raw table, and the sum of the contract's amount."""
    amount = f"sum(cast({contract.amount} as decimal(38, 6)))" if contract.amount else "0"
    rows = connection.execute(
        f"select _file, count(*), coalesce({amount}, 0) from raw.{contract.name} group by _file"
    )
    return {file: (count, Decimal(total)) for file, count, total in rows.fetchall()}


def overrulings(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> list[Overruling]:
    """What later exports of the same rows left out of earlier ones, a line for each two files."""
    if not _overlap(connection, contract):
        return []
    numbers = contract.numbers
    differs = " or ".join(
        f"({name} is distinct from _later.{name} and not coalesce(abs({name} - _later.{name}) "
        f"<= 1e-9 * greatest(abs({name}), abs(_later.{name})), false))"
        for name in numbers
    )
    amount, later = (f"cast({prefix}{contract.amount} as decimal(38, 6))" if contract.amount else "0"
                     for prefix in ("", "_later."))  # fmt: skip
    rows = connection.execute(
        f"""
        with {_days(contract)},
        ranked as (
            select *, row_number() over newest as _rank, first_value(shares) over newest as _later
            from shares {_newest(contract)}
        )
        select _file, _later._file, count(*), count(*) filter ({differs or "false"}),
            coalesce(sum({amount}), 0), coalesce(sum({later}), 0)
        from ranked where _rank > 1 group by all order by all
        """
    )
    return [
        Overruling(file, winner, count, differing, Decimal(amount), Decimal(later))
        for file, winner, count, differing, amount, later in rows.fetchall()
    ]


def content_version(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> str:
    """Hash of the rows that count: neither their order nor the files they came in matter, any value does."""
    columns = ", ".join(f'"{column.name}"' for column in contract.columns)
    overlap = _overlap(connection, contract)
    first = f"{_newest(contract)} qualify row_number() over newest = 1" if overlap else ""
    count, total = connection.execute(
        f"""
        with {_days(contract)},
        counting as (select * from shares {first})
        select count(*), sum(md5_number_lower(cast(row({columns}, _day) as varchar))) from counting
        """
    ).fetchone() or (0, 0)
    return hashlib.sha256(f"{contract.name} {count} {total}".encode()).hexdigest()[:16]


def _overlap(connection: "duckdb.DuckDBPyConnection", contract: Contract) -> bool:
    """Whether any day is held twice; of a table whose exports do not overlap, nothing else need be asked."""
    found = connection.execute(
        f"with {_days(contract)} select 1 from shares group by {_grain_of_days(contract)} having count(*) > 1 limit 1"
    ).fetchone()
    return found is not None


def _newest(contract: Contract) -> str:
    """Window `newest`: the rows that hold the same day, the one that counts first."""
    return (
        f"window newest as (partition by {_grain_of_days(contract)} order by _export_order desc, _row desc)"
    )


def _grain_of_days(contract: Contract) -> str:
    period = contract.period
    spread = period is not None and period.spread
    return ", ".join(
        [name for name in contract.grain if not spread or name != period.start] + ["_day"] * spread
    )


def _days(contract: Contract) -> str:
    """CTE `shares`: a row a grain and day. Figures that add up are shares of a day."""
    period = contract.period
    day, days, shares = "cast(null as date)", "1", ""
    if period is not None and period.spread:
        stop = period.stop or f"{period.start} + {period.days - 1}"
        day = f"cast(unnest(generate_series({period.start}, {stop}, interval 1 day)) as date)"
        days = f"({stop} - {period.start} + 1)"
        parts = [
            f"{column.name} / _days as {column.name}"
            for column in contract.columns
            if column.over_days == "sum"
        ]
        shares = f" replace ({', '.join(parts)})" if parts else ""
    return f"""
        days as (select *, {day} as _day, {days} as _days from raw.{contract.name}),
        shares as (select *{shares} from days)
    """
