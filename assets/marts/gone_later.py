"""What was deleted where it is fetched after an as-of week was refreshed, and what is left of it.

The load keeps what it reads of it in `.retired/` beside the raw tables (`assets.raw.retired`): of each file the rows
that it lost, from copies of the file, and the records of what was lost, by which a copy that is missing is noticed.
"""

import datetime as dt
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.raw import gone, retired
from assets.raw.ingest import ALL_CONTRACTS
from assets.raw.versions import rows_alone

if TYPE_CHECKING:
    import duckdb

_STAMP = re.compile(r"(\d{8}T\d{6}Z)-")


@dataclass(frozen=True)
class Copy:
    """A landing file as it was before it lost rows: which rows are held of it, and what it was.

    Attributes:
        name: its path inside the landing folder, which is `_file` of its rows in raw.<table>__retired.
        file: the landing file that it was.
        exported_at: when that was exported, UTC.
        last_day: the last day of its rows within the as-of week; None where none is of it, or of a day.
    """

    name: str
    file: str
    digest: str
    exported_at: dt.datetime
    last_day: dt.date | None


def copies_of_then(
    connection: "duckdb.DuckDBPyConnection", moment: dt.datetime, last_day: dt.date, no_day: dt.date
) -> dict[str, list[Copy]]:
    """By raw table, the copies of files that were known at a moment and lost rows of the as-of week later.

    Of each file the first copy is the file as it was at the moment; the rows of all of them are what it lost since.

    Args:
        moment: UTC.
        last_day: the last day of the as-of week.
        no_day: what rows that are of no day have.
    """
    found: dict[str, list[Copy]] = {}
    if not _there(connection, retired.TABLE):
        return found
    rows = connection.execute(
        f"select source_table, copy, file, digest, exported_at from raw.{retired.TABLE} "
        "where file <> '' and row_count > 0 and gone_at >= $moment and exported_at < $moment "
        "order by source_table, file, gone_at, copy",
        {"moment": moment},
    )
    lines: dict[str, list[tuple[str, str, str, dt.datetime]]] = {}
    for table, *line in rows.fetchall():
        lines.setdefault(table, []).append((line[0], line[1], line[2], line[3]))
    for table, copies in lines.items():
        contract = ALL_CONTRACTS.get(table)
        if contract is None:  # of a source that is not in use any more: no mart reads it
            continue
        of_rows = retired.rows_table(contract)
        days = rows_alone(connection, of_rows, [copy[0] for copy in copies], [], last_day)
        lost = {copy[1] for copy in copies if copy[0] in days}
        found[table] = [
            Copy(*copy, _last([day.day for day in days.get(copy[0], [])], no_day))
            for copy in copies
            if copy[1] in lost
        ]
    return {table: copies for table, copies in found.items() if copies}


def not_had_again(
    connection: "duckdb.DuckDBPyConnection", moment: dt.datetime, last_day: dt.date, as_today: Collection[str]
) -> dict[str, str]:
    """By raw table, in words, what was deleted since a moment and is missing from the as-of week.

    Args:
        as_today: tables that are taken as they are known today: all that was deleted is missing from them.
    """
    if not _there(connection, gone.TABLE):
        return {}
    records = connection.execute(
        "select source_table, file, cast(sum(row_count) as bigint), cast(cast(max(gone_at) as date) as varchar) "
        f"from raw.{gone.TABLE} where gone_at >= ? and day <= ? group by source_table, file order by all",
        [moment, last_day],
    ).fetchall()
    alone = _without_a_copy(connection, moment, last_day, {table for table, *_ in records} - {*as_today})
    missing: dict[str, tuple[int, str]] = {}
    for table, record, rows, day in records:
        rows = alone.get(record, rows)
        if rows:
            before, last = missing.get(table, (0, ""))
            missing[table] = (before + rows, max(last, day))
    return {
        table: f"{rows} rows were deleted where they are fetched, the last seen to be on {day}"
        + ("" if table in as_today else ", and .retired/ has no copy of their file that can be read")
        for table, (rows, day) in missing.items()
    }


def _without_a_copy(
    connection: "duckdb.DuckDBPyConnection",
    moment: dt.datetime,
    last_day: dt.date,
    tables: Collection[str],
) -> Mapping[str, int]:
    """By record that could be read, how many of its rows no copy has in the form of then.

    They are those that no copy has in any form; and all of them where a file of then is named of which no copy is left.
    """
    found: dict[str, int] = {}
    if not _there(connection, retired.TABLE):
        return found
    for table in sorted(tables):
        contract = ALL_CONTRACTS.get(table)
        lines = connection.execute(
            f"select copy, file, gone_at, taken_from from raw.{retired.TABLE} "
            "where source_table = ? and reason = '' and row_count > 0",
            [table],
        ).fetchall()
        there = {file for _, file, *_ in lines}
        records = [
            name
            for name, file, gone_at, taken_from in lines
            if not file
            and gone_at >= moment
            and not any(_of_then(each, moment) for each in {*taken_from} - there)
        ]
        if contract is None or not records:
            continue
        copies = [name for name, file, gone_at, _ in lines if file and gone_at >= moment]
        days = rows_alone(connection, retired.rows_table(contract), records, copies, last_day)
        found |= {name: sum(day.alone for day in days.get(name, [])) for name in records}
    return found


def _of_then(file: str, moment: dt.datetime) -> bool:
    """Whether a fetched file of which nothing is left was there at a moment: its name says when it was exported."""
    stamps = _STAMP.findall(file)
    return not stamps or dt.datetime.strptime(stamps[-1], gone.STAMP) < moment


def _there(connection: "duckdb.DuckDBPyConnection", table: str) -> bool:
    found = connection.execute(
        "select 1 from information_schema.tables where table_schema = 'raw' and table_name = ?", [table]
    ).fetchone()
    return found is not None


def _last(days: list[dt.date], no_day: dt.date) -> dt.date | None:
    return max((day for day in days if day != no_day), default=None)
