"""Which exports were known as of a week, by the ledger of landing files.

The clock is a file's time of modification, `exported_at` of `raw.landing_files`: the one that also decides which of two
exports counts, and the only one that a warehouse made again from the landing folder still has. An export was known as
of a week if it was there before the week after next began: the week that follows an as-of week is the one in which it
is refreshed, and what is mended in that week is still of it.

Rows that a fetch found to be deleted at the source after that moment were known as of the week: its files count as they
were before they lost them (`assets.marts.gone_later`).

Exports that were written over since cannot be told from late ones by their time. So a table of which no export of then
is left, or whose exports of then end long before those of now do, is taken as it is known today, and so is a later
export of rows that the others must have had: the table is named.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from assets.marts.gone_later import Copy, copies_of_then, not_had_again
from assets.raw.ingest import ALL_CONTRACTS
from assets.raw.origins.landed_rows import PREFIX
from assets.raw.retired import rows_table
from assets.raw.versions import DayAlone, rows_alone
from mmm_core.errors import listed
from mmm_core.json_text import dumps
from mmm_core.plural import plural

if TYPE_CHECKING:
    import duckdb

REFRESHED_WITHIN = dt.timedelta(days=14)
"""From an as-of week's Monday to the end of the week in which it is refreshed."""

LATE_AT_MOST = dt.timedelta(days=35)
"""How far the exports of then may end before those of now without being taken for exports that were written over."""

HOLE = dt.timedelta(days=28)
"""How long a hole in the exports of then is, at least, that a later export fills, for that one not to be taken for late
rows."""

NO_DAY = dt.date(1, 1, 1)
"""What `raw.landing_days` has for tables whose rows are of no day."""


@dataclass(frozen=True)
class Export:
    """A landing file: when it was exported (UTC), and the last day that it holds within the as-of week.

    Attributes:
        holds: whether it holds any row that the as-of week may see.
        last_day: None where no row that counts is of a day.
    """

    name: str
    digest: str
    exported_at: dt.datetime | None
    holds: bool
    last_day: dt.date | None


_File = TypeVar("_File", Export, Copy)


@dataclass(frozen=True)
class KnownExports:
    """What was known as of a week.

    Attributes:
        known_by: the moment (UTC) before which an export counts as known.
        left_out: by raw table, the files that were exported later and do not count.
        restored: by raw table, the copies of files that count as they were before they lost rows.
        as_today: by raw table that is taken as it is known today, or some files or rows of which are, why.
        key: a hash of the files that count, by name and content as of then; "" without a ledger.
    """

    known_by: dt.datetime
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    as_today: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    restored: Mapping[str, tuple[Copy, ...]] = field(default_factory=dict)

    @property
    def known_then(self) -> bool:
        """Whether everything that counts was known then."""
        return not self.as_today

    @property
    def are_of_today(self) -> bool:
        """Whether what counts is what the warehouse holds today, so that its marts are those of then."""
        return not self.left_out and not self.restored

    @property
    def words(self) -> str:
        """What the data are, in a sentence."""
        moment = f"{self.known_by:%Y-%m-%d}"
        late = sum(map(len, self.left_out.values()))
        came, does = "with rows of these weeks came later and", ("does" if late == 1 else "do")
        not_counted = f"; {plural(late, 'export')} {came} {does} not count" if late else ""
        if files := len({copy.file for copies in self.restored.values() for copy in copies}):
            not_counted += f"; {files} files count with the rows that were deleted from them later"
        if self.as_today:
            tables: dict[str, list[str]] = {}
            for table, why in sorted(self.as_today.items()):
                tables.setdefault(why, []).append(table)
            reasons = "; ".join(f"{why}: {listed(names, 6)}" for why, names in tables.items())
            return f"not all of the data were known by {moment}: {reasons}{not_counted}"
        return f"the data are those known by {moment}{not_counted}"


def known_by(week: dt.date) -> dt.datetime:
    """The moment (UTC) before which an export counts as known as of a week."""
    return dt.datetime.combine(week, dt.time()) + REFRESHED_WITHIN


def of_every_file(table: str, file: str) -> bool:
    """Whatever has landed is asked about."""
    return True


def known_exports(
    connection: "duckdb.DuckDBPyConnection",
    week: dt.date,
    is_past: bool,
    asked: Callable[[str, str], bool] = of_every_file,
) -> KnownExports:
    """What was known as of a week, by the ledger of a warehouse.

    Args:
        week: its Monday.
        asked: of a raw table and a file of it, whether it is asked about.
        is_past: whether later weeks have landed. The last week there is counts everything that has landed: what comes
            late for it is all that there is, and what was mended is meant to be used.
    """
    last_day, moment = week + dt.timedelta(days=6), known_by(week)
    by_table = _exports(connection, last_day)
    if not by_table:
        return KnownExports(moment, as_today={"every table": "no ledger says when anything was exported"})
    by_table = _asked(by_table, asked)
    copies = _asked(copies_of_then(connection, moment, last_day, NO_DAY), asked) if is_past else {}
    left_out: dict[str, tuple[str, ...]] = {}
    as_today: dict[str, str] = {}
    restored: dict[str, tuple[Copy, ...]] = {}
    whole: set[str] = set() if is_past else {*by_table}
    for table in sorted({*by_table, *copies}):
        here = copies.get(table, [])
        exports = _as_they_were(by_table.get(table, []), here)
        late = [each for each in exports if each.exported_at is None or each.exported_at >= moment]
        if any(each.holds for each in late):
            reason = _why_as_today(exports, late) if is_past else "exported after the week of its refresh"
            if reason:
                as_today[table] = reason
                whole.add(table)
                continue
            reasons = _written_over(connection, table, exports, late, here)
            if reasons:
                as_today[table] = listed(reasons.values(), 3)
            if outside := sorted(each.name for each in late if each.name not in reasons):
                left_out[table] = tuple(outside)
        if here:
            by_table[table], restored[table] = exports, tuple(here)
    for table, deleted in not_had_again(connection, moment, last_day, whole).items():
        if table not in by_table and table not in copies:
            continue
        as_today[table] = ", ".join(filter(None, [as_today.get(table), deleted]))
    counting = {
        table: sorted(
            (each.name, each.digest) for each in exports if each.name not in left_out.get(table, ())
        )
        for table, exports in by_table.items()
    }
    key = hashlib.sha256(dumps(counting).encode()).hexdigest()[:16]
    return KnownExports(moment, left_out, as_today, key, restored)


def _exports(connection: "duckdb.DuckDBPyConnection", last_day: dt.date) -> dict[str, list[Export]]:
    """The loaded files of each raw table; none where the warehouse has no ledger."""
    there = connection.execute(
        "select count(*) from information_schema.tables "
        "where table_schema = 'raw' and table_name in ('landing_files', 'landing_days')"
    ).fetchone()
    if there != (2,):
        return {}
    rows = connection.execute(
        "select files.source_table, files.file, files.digest, files.exported_at, "
        "count(days.day) > 0, max(days.day) filter (days.day <> ?) "
        "from raw.landing_files as files left join raw.landing_days as days "
        "on days.source_table = files.source_table and days.file = files.file and days.day <= ? "
        "where files.status = 'loaded' group by all order by all",
        [NO_DAY, last_day],
    )
    found: dict[str, list[Export]] = {}
    for table, *export in rows.fetchall():
        found.setdefault(table, []).append(Export(*export))
    return found


def _asked(files: Mapping[str, Sequence[_File]], asked: Callable[[str, str], bool]) -> dict[str, list[_File]]:
    """By raw table, the files that are asked about; tables without any are not there."""
    found = {table: [each for each in there if asked(table, _name(each))] for table, there in files.items()}
    return {table: there for table, there in found.items() if there}


def _name(file: Export | Copy) -> str:
    return file.file if isinstance(file, Copy) else file.name


def _as_they_were(exports: Sequence[Export], copies: Sequence[Copy]) -> list[Export]:
    """The files of a raw table, those of which there are copies as they were before they lost rows."""
    found = {export.name: export for export in exports}
    for copy in reversed(copies):  # of a file that lost rows several times the first copy is the one of then
        now = found.get(copy.file)
        last_day = max((day for day in (now and now.last_day, copy.last_day) if day), default=None)
        found[copy.file] = Export(copy.file, copy.digest, copy.exported_at, True, last_day)
    return list(found.values())


def _why_as_today(exports: Iterable[Export], late: list[Export]) -> str:
    """Why a table with late exports cannot be had as it was then; "" where it can."""
    then = [each for each in exports if each not in late]
    if not any(each.holds for each in then):
        return "no export of then is left"
    last_now = max((each.last_day for each in late if each.last_day), default=None)
    last_then = max((each.last_day for each in then if each.last_day), default=None)
    if last_now and (last_then is None or last_now - last_then > LATE_AT_MOST):
        return f"the exports of then end with {last_then}, those of now with {last_now}"
    return ""


def _written_over(
    connection: "duckdb.DuckDBPyConnection",
    table: str,
    exports: Sequence[Export],
    late: Sequence[Export],
    copies: Sequence[Copy],
) -> dict[str, str]:
    """By late export that is taken as it is today, why: it has what exports of then must have had.

    What comes late comes at the end. So only what lies before the last day of then is looked at, row by row: a file may
    hold one account or market of several. Nobody mends the files of a fetch from a database: what they hold is late.
    """
    contract = ALL_CONTRACTS.get(table)
    if contract is None:  # of a source that is not in use any more: no mart reads it
        return {}
    then = [each for each in exports if each not in late]
    last_then = max((each.last_day for each in then if each.last_day), default=NO_DAY)
    not_fetched = [each.name for each in late if not each.name.rpartition("/")[2].startswith(PREFIX)]
    beside, both = [*(each.name for each in then), *(copy.name for copy in copies)], ""
    if copies:
        both = f"(from raw.{table} union all by name from raw.{rows_table(contract).name})"
    reasons = {}
    for name, days in rows_alone(connection, contract, not_fetched, beside, last_then, both).items():
        if lost := were_of_then(days):
            of = "" if lost[0] == NO_DAY else f" of {lost[0]} to {lost[-1]}"
            reasons[name] = f"{name} came later, with rows{of} that no export of then has"
    return reasons


def were_of_then(days: Sequence[DayAlone]) -> list[dt.date]:
    """Days that a later export has and the exports of then must have had too; none where its rows are late or restated.

    They are where half of its rows or more are in no export of then, or where that is so for `HOLE` on end; of tables
    that are of no day, which grow, where it is so of every row.
    """
    lost = [day.day for day in days if 2 * day.alone >= day.rows]
    rows, alone = sum(day.rows for day in days), sum(day.alone for day in days)
    if days and days[0].day == NO_DAY:
        return lost if rows == alone else []
    if 2 * alone >= rows:
        return lost
    begins: dt.date | None = None
    for day in days:
        if 2 * day.alone < day.rows:
            begins = None
            continue
        begins = begins or day.day
        if day.day - begins + dt.timedelta(days=1) >= HOLE:
            return lost
    return []
