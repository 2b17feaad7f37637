"""Time zones as places have them, with their summer time: the days of a company are counted in one."""

from difflib import get_close_matches
from functools import cache
from typing import Any

from mmm_core.errors import InputError


def check_time_zone(zone: Any, where: str) -> None:
    """Raise an InputError for what is no name of a place of the tz database, such as Europe/Berlin, nor UTC.

    An abbreviation or an offset is none: EST knows no summer time, so in half of a year days would begin an hour off.

    Args:
        where: opens the message.
    """
    known = _known()
    if isinstance(zone, str) and zone in known:
        return
    places = {name.rpartition("/")[2].casefold(): name for name in known}
    asked = str(zone).strip().casefold()
    near = get_close_matches(asked, [name.casefold() for name in known], n=1, cutoff=0.8)
    found = places.get(asked.replace(" ", "_")) or next(
        (name for name in known if name.casefold() in near), ""
    )
    remedy = (
        f"did you mean '{found}'?"
        if found
        else "name the place, such as America/New_York: it knows its summer time"
    )
    raise InputError(f"{where}: {zone!r} is no time zone of a place, nor UTC: {remedy}")


@cache
def _known() -> tuple[str, ...]:
    """Those that DuckDB knows, which makes days of moments."""
    import duckdb

    with duckdb.connect() as connection:
        rows = connection.execute("select distinct name from pg_timezone_names() order by name").fetchall()
    names = (name for (name,) in rows)
    return (
        "UTC",
        *(name for name in names if "/" in name and name.partition("/")[0] not in ("Etc", "SystemV")),
    )
