"""`retail_calendar` of sources.yaml: the company's own year of 52 or 53 weeks, in periods of whole weeks."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from mmm_core.errors import InputError, nearest

WEEKDAYS = {"monday": 1, "sunday": 7}
"""Days that a week may begin with, by their number in ISO 8601."""

PATTERNS = ("4-4-5", "4-5-4", "5-4-4")
"""Weeks of the three periods of a quarter. A 53rd week belongs to the last period of its year."""


@dataclass(frozen=True)
class RetailCalendar:
    """A year of 52 or 53 whole weeks.

    Attributes:
        week_begins: `monday` or `sunday`.
        pattern: weeks of the periods of each quarter.
        year_begins_nearest: the year begins with the week's first day that is nearest to this day, `MM-DD`, of the
            calendar year that it is named after.
    """

    week_begins: str
    pattern: str
    year_begins_nearest: str

    @property
    def variables(self) -> dict[str, Any]:
        """What `macros/retail_calendar.sql` is told."""
        month, day = map(int, self.year_begins_nearest.split("-"))
        weeks = [int(count) for count in self.pattern.split("-")]
        return {"weekday": WEEKDAYS[self.week_begins], "pattern": weeks, "month": month, "day": day}


def read_retail_calendar(keys: Any, where: str) -> RetailCalendar | None:
    """The calendar from its keys; None where there are none.

    Raises:
        InputError: naming the key at fault.
    """
    if keys is None:
        return None
    expected = ("week_begins", "pattern", "year_begins_nearest")
    if not isinstance(keys, dict):
        raise InputError(f"{where}: {keys!r} is no calendar: state {', '.join(expected)}")
    if unknown := [key for key in keys if key not in expected]:
        raise InputError(f"{where}.{unknown[0]}: no such key: {nearest(str(unknown[0]), expected)}")
    if missing := [key for key in expected if key not in keys]:
        raise InputError(f"{where}: {', '.join(missing)} must be stated")
    for key, known in (("week_begins", tuple(WEEKDAYS)), ("pattern", PATTERNS)):
        if keys[key] not in known:
            raise InputError(f"{where}.{key}: {keys[key]!r} is none of: {', '.join(known)}")
    stated = str(keys["year_begins_nearest"])
    try:
        dt.datetime.strptime(f"2023-{stated}", "%Y-%m-%d")  # a common year: 02-29 is no day of every year
    except ValueError:
        raise InputError(
            f"{where}.year_begins_nearest: {stated!r} is no day of every year: write it as MM-DD, such as 02-01"
        ) from None
    return RetailCalendar(keys["week_begins"], keys["pattern"], stated)
