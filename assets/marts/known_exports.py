"""Which exports were known as of a week, by the ledger of landing files.

The clock is a file's time of modification, `exported_at` of `raw.landing_files`: the one that also decides which of two
exports counts, and the only one that a warehouse made again from the landing folder still has. An export was known as
of a week if it was there before the week after next began: the week that follows an as-of week is the one in which it
is refreshed, and what is mended in that week is still of it.

Exports that were written over since cannot be told from late ones by their time. So a table of which no export of then
is left, or whose exports of then end long before those of now do, is taken as it is known today, and named.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmm_core.errors import listed
from mmm_core.json_text import dumps

if TYPE_CHECKING:
    import duckdb

REFRESHED_WITHIN = dt.timedelta(days=14)
"""From an as-of week's Monday to the end of the week in which it is refreshed."""

LATE_AT_MOST = dt.timedelta(days=35)
"""How far the exports of then may end before those of now without being taken for exports that were written over."""

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


@dataclass(frozen=True)
class KnownExports:
    """What was known as of a week.

    Attributes:
        known_by: the moment (UTC) before which an export counts as known.
        left_out: by raw table, the files that were exported later and do not count.
        as_today: by raw table that is taken as it is known today, why.
        key: a hash of the files that count, by name and content; "" without a ledger.
    """

    known_by: dt.datetime
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    as_today: Mapping[str, str] = field(default_factory=dict)
    key: str = ""

    @property
    def known_then(self) -> bool:
        """Whether everything that counts was known then."""
        return not self.as_today

    @property
    def words(self) -> str:
        """What the data are, in a sentence."""
        moment = f"{self.known_by:%Y-%m-%d}"
        if self.as_today:
            tables: dict[str, list[str]] = {}
            for table, why in sorted(self.as_today.items()):
                tables.setdefault(why, []).append(table)
            reasons = "; ".join(f"{why}: {listed(names, 6)}" for why, names in tables.items())
            return f"not all of the data were known by {moment}: {reasons}"
        late = sum(map(len, self.left_out.values()))
        return f"the data are those known by {moment}" + (
            f"; {late} later exports do not count" if late else ""
        )


def known_by(week: dt.date) -> dt.datetime:
    """The moment (UTC) before which an export counts as known as of a week."""
    return dt.datetime.combine(week, dt.time()) + REFRESHED_WITHIN


def known_exports(connection: "duckdb.DuckDBPyConnection", week: dt.date, is_past: bool) -> KnownExports:
    """What was known as of a week, by the ledger of a warehouse.

    Args:
        week: its Monday.
        is_past: whether later weeks have landed. The last week there is counts everything that has landed: what comes
            late for it is all that there is, and what was mended is meant to be used.
    """
    by_table = _exports(connection, week + dt.timedelta(days=6))
    moment = known_by(week)
    if not by_table:
        return KnownExports(moment, as_today={"every table": "no ledger says when anything was exported"})
    left_out: dict[str, tuple[str, ...]] = {}
    as_today: dict[str, str] = {}
    for table, exports in sorted(by_table.items()):
        late = [each for each in exports if each.exported_at is None or each.exported_at >= moment]
        if not any(each.holds for each in late):
            continue
        reason = _why_as_today(exports, late) if is_past else "exported after the week of its refresh"
        if reason:
            as_today[table] = reason
        else:
            left_out[table] = tuple(sorted(each.name for each in late))
    counting = {
        table: sorted(
            (each.name, each.digest) for each in exports if each.name not in left_out.get(table, ())
        )
        for table, exports in by_table.items()
    }
    return KnownExports(moment, left_out, as_today, hashlib.sha256(dumps(counting).encode()).hexdigest()[:16])


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
