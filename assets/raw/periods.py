"""The days that rows cover, held against what the contract says of them."""

from typing import TYPE_CHECKING

from assets.raw.contract import Contract
from mmm_core.errors import listed

if TYPE_CHECKING:
    import pandas as pd

MONDAY = "Monday"


def period_faults(contract: Contract, rows: "pd.DataFrame") -> list[str]:
    """What speaks against the days of a file's rows, one line a fault.

    Args:
        rows: typed, its index the rows of the file.
    """
    period = contract.period
    if period is None:
        return []
    if period.stop:
        return _ends_before_it_starts(rows, period.start, period.stop) or _overlaps(contract, rows)
    if not period.weekly:
        return []
    return _mixed_weekdays(rows[period.start]) if period.spread else _not_on_monday(rows[period.start])


def _rows(rows: "pd.Index") -> str:
    from mmm_core.data.cells import rows_named

    return rows_named(rows)


def _ends_before_it_starts(rows: "pd.DataFrame", start: str, stop: str) -> list[str]:
    wrong = rows[rows[stop] < rows[start]]
    if wrong.empty:
        return []
    first = wrong.iloc[0]
    days = f"'{first[stop]:%Y-%m-%d}' is before {start} '{first[start]:%Y-%m-%d}'"
    return [f"column {stop}: {days} ({_rows(wrong.index)}): put the two the other way round"]


def _overlaps(contract: Contract, rows: "pd.DataFrame") -> list[str]:
    """Rows of one campaign that cover the same days: which of them counts, nobody can say."""
    period = contract.period
    if period is None or not period.spread:
        return []
    key = [name for name in contract.grain if name != period.start]
    ordered = rows.sort_values([*key, period.start], kind="stable")
    # a blank is a value of the grain as any other
    last_covered = ordered.groupby(key, sort=False, dropna=False)[period.stop].cummax()
    before = last_covered.groupby([ordered[name] for name in key], sort=False, dropna=False).shift()
    inside = ordered[ordered[period.start] <= before]
    if inside.empty:
        return []
    return [
        f"{_rows(inside.index)} cover days that another row of the same {', '.join(key)} covers: "
        "export each day once, with one row a day"
    ]


def _mixed_weekdays(start: "pd.Series") -> list[str]:
    weekdays = start.dt.day_name()
    found = [(weekday, _rows(start.index[weekdays == weekday])) for weekday in weekdays.unique()]
    if len(found) < 2:
        return []
    return [
        f"column {start.name}: weeks begin on " + " and on ".join(f"a {day} ({rows})" for day, rows in found) +
        ": all weeks of a file begin on one weekday"
    ]  # fmt: skip


def _not_on_monday(start: "pd.Series") -> list[str]:
    weekdays = start.dt.day_name()
    faults = []
    for weekday in weekdays[weekdays != MONDAY].unique():
        wrong = start[weekdays == weekday]
        dates = listed([f"'{day:%Y-%m-%d}'" for day in wrong.unique()], 3)
        faults.append(
            f"column {start.name}: {dates} {'is' if len(wrong.unique()) == 1 else 'are'} a {weekday}, not a {MONDAY} "
            f"({_rows(wrong.index)}): these values do not add up over days, so export them by weeks that begin on "
            f"{MONDAY}"
        )
    return faults
