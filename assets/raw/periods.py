"""The days that rows cover, held against what the contract says of them."""

from typing import TYPE_CHECKING

from assets.raw.contract import Contract
from assets.raw.faults import Fault, rows_at_fault
from mmm_core.errors import listed

if TYPE_CHECKING:
    import pandas as pd

MONDAY = "Monday"


def period_faults(contract: Contract, rows: "pd.DataFrame") -> list[Fault]:
    """What speaks against the days of a file's rows.

    Args:
        rows: typed, none of them at fault in a column of its grain or days, nor twice there; the index is the row in
            the file.
    """
    period = contract.period
    if period is None:
        return []
    if period.stop:
        wrong = _ends_before_it_starts(rows, period.start, period.stop)
        return wrong + _overlaps(contract, rows.drop(index=rows_at_fault(wrong)))
    if not period.weekly:
        return []
    return _mixed_weekdays(rows[period.start]) if period.spread else _not_on_monday(rows[period.start])


def _rows(rows: "pd.Index") -> str:
    from mmm_core.data.cells import rows_named

    return rows_named(rows)


def _ends_before_it_starts(rows: "pd.DataFrame", start: str, stop: str) -> list[Fault]:
    wrong = rows[rows[stop] < rows[start]]
    if wrong.empty:
        return []
    first, remedy = wrong.iloc[0], "put the two the other way round"
    days = f"'{first[stop]:%Y-%m-%d}' is before {start} '{first[start]:%Y-%m-%d}'"
    line = f"column {stop}: {days} ({_rows(wrong.index)}): {remedy}"
    return [Fault(line, f"{stop} is before {start}", stop, remedy, tuple(wrong.index))]


def _overlaps(contract: Contract, rows: "pd.DataFrame") -> list[Fault]:
    """Rows of one campaign that cover the same days: which of them counts, nobody can say, so all are at fault."""
    period = contract.period
    if period is None or not period.spread:
        return []
    key = [name for name in contract.grain if name != period.start]
    ordered = rows.sort_values([*key, period.start], kind="stable")
    # a blank is a value of the grain as any other
    of_campaign = [ordered[name] for name in key]
    last_covered = ordered.groupby(key, sort=False, dropna=False)[period.stop].cummax()
    before = last_covered.groupby(of_campaign, sort=False, dropna=False).shift()
    inside = ordered[period.start] <= before
    if not inside.any():
        return []
    following = inside.groupby(of_campaign, sort=False, dropna=False).shift(-1, fill_value=False)
    covered = f"days that another row of the same {', '.join(key)} covers"
    remedy = "export each day once, with one row a day"
    verb = "covers" if inside.sum() == 1 else "cover"
    line = f"{_rows(ordered.index[inside])} {verb} {covered}: {remedy}"
    return [Fault(line, f"covers {covered}", "", remedy, tuple(sorted(ordered.index[inside | following])))]


def _mixed_weekdays(start: "pd.Series") -> list[Fault]:
    weekdays = start.dt.day_name()
    found = [(weekday, _rows(start.index[weekdays == weekday])) for weekday in weekdays.unique()]
    if len(found) < 2:
        return []
    days = " and on ".join(f"a {day} ({rows})" for day, rows in found)
    return [Fault(f"column {start.name}: weeks begin on {days}: all weeks of a file begin on one weekday")]


def _not_on_monday(start: "pd.Series") -> list[Fault]:
    weekdays = start.dt.day_name()
    remedy = f"these values do not add up over days, so export them by weeks that begin on {MONDAY}"
    faults = []
    for weekday in weekdays[weekdays != MONDAY].unique():
        wrong = start[weekdays == weekday]
        dates = listed([f"'{day:%Y-%m-%d}'" for day in wrong.unique()], 3)
        be = "is" if len(wrong.unique()) == 1 else "are"
        line = (
            f"column {start.name}: {dates} {be} a {weekday}, not a {MONDAY} ({_rows(wrong.index)}): {remedy}"
        )
        reason = f"{start.name} is a {weekday}, not a {MONDAY}"
        faults.append(Fault(line, reason, str(start.name), remedy, tuple(wrong.index)))
    return faults
