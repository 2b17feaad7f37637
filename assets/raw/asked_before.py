"""Which rows of a raw table were asked before: files whose rows met every expectation and count as they did then.

Files are asked in groups, and a group that met everything is noted with the state of each of its files. The next load
asks the files of no group that still stands: new ones, and those of which other rows count now. What did not meet
something is asked every time, until it does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.raw.expectations import Suite

if TYPE_CHECKING:
    import duckdb

TABLE = "landing_expectations"
_COLUMNS = "source_table VARCHAR, suite VARCHAR, files VARCHAR[], states UBIGINT[], asked BIGINT[]"


@dataclass(frozen=True)
class File:
    """A file of a raw table.

    Attributes:
        state: changes with the rows of it that count.
    """

    name: str
    state: int
    rows: int


@dataclass(frozen=True)
class Before:
    """What was asked before and stands.

    Attributes:
        asked: rows that each expectation was asked of.
        files: the files that are still to be asked, those exported first first.
    """

    asked: Sequence[int]
    files: Sequence[File]


def before(connection: "duckdb.DuckDBPyConnection", suite: Suite) -> Before:
    """What of a table's files stands; notes of what does not are taken out."""
    connection.execute(f"create table if not exists raw.{TABLE} ({_COLUMNS})")
    name = suite.contract.name
    files = _files(connection, name)
    now = {file.name: file.state for file in files}
    noted = connection.execute(
        f"select rowid, suite, files, states, asked from raw.{TABLE} where source_table = ? order by rowid",
        [name],
    ).fetchall()
    asked, standing, gone = [0] * len(suite.expectations), set(), []
    for row, digest, names, states, counts in noted:
        if digest == suite.digest and all(now.get(n) == s for n, s in zip(names, states, strict=True)):
            asked = [one + more for one, more in zip(asked, counts, strict=True)]
            standing.update(names)
        else:
            gone.append(row)
    connection.execute(f"delete from raw.{TABLE} where rowid in (select unnest(?))", [gone])
    return Before(asked, [file for file in files if file.name not in standing])


def note(
    connection: "duckdb.DuckDBPyConnection", suite: Suite, files: Sequence[File], asked: Sequence[int]
) -> None:
    """Files met every expectation, each of which was asked of so many of their rows."""
    connection.execute(
        f"insert into raw.{TABLE} values (?, ?, ?, ?, ?)",
        [suite.contract.name, suite.digest, [f.name for f in files], [f.state for f in files], list(asked)],
    )


def groups(files: Sequence[File], rows: int) -> Iterator[list[File]]:
    """Files in order, as many together as hold at most so many rows; a larger one is alone."""
    group: list[File] = []
    held = 0
    for file in files:
        if group and held + file.rows > rows:
            yield group
            group, held = [], 0
        group.append(file)
        held += file.rows
    if group:
        yield group


def _files(connection: "duckdb.DuckDBPyConnection", table: str) -> list[File]:
    """A file's state is of its own rows, and of what later files hold of its days."""
    found = connection.execute(
        """
        with own as (
            select file, sum(row_count) as row_count, sum(hash(day, row_count, hash)) as state
            from raw.landing_days where source_table = $table group by file
        ),
        overruled as (
            select lost.file, sum(hash(lost.day, lost.later_file, lost.row_count, later.hash)) as state
            from raw.landing_overruled as lost
            left join raw.landing_days as later
                on later.source_table = lost.source_table and later.file = lost.later_file and later.day = lost.day
            where lost.source_table = $table group by lost.file
        )
        select own.file, hash(own.state, overruled.state), own.row_count
        from own left join overruled using (file)
        order by own.file
        """,
        {"table": table},
    )
    return [File(name, state, int(count)) for name, state, count in found.fetchall()]
