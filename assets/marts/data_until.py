"""Up to which moment a warehouse's data reach: the last export that counts, or the last fetch that missed rows.

It is told by the times of files, as `raw.landing_files` has them, and not by when somebody asked: the same landing
folder gives the same moment. What `marts.fct_restatements` lists after it, a model that was fitted on these data did
not know.
"""

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_EVENTS = {
    "landing_files": "select exported_at as moment from raw.landing_files where status = 'loaded'",
    "landing_gone": "select gone_at as moment from raw.landing_gone",
}


def data_until(connection: "duckdb.DuckDBPyConnection", before: dt.datetime | None = None) -> str:
    """The moment (UTC, ISO 8601) after which nothing came; "" where no ledger knows.

    Args:
        before: what came at this moment (UTC) or later does not count; None where everything does.
    """
    there = connection.execute("select table_name from information_schema.tables where table_schema = 'raw'")
    events = [_EVENTS[name] for (name,) in there.fetchall() if name in _EVENTS]
    if not events:
        return ""
    (last,) = connection.execute(
        f"select max(moment) from ({' union all '.join(events)}) where $before is null or moment < $before",
        {"before": before},
    ).fetchone() or (None,)
    return last.isoformat() if last else ""
