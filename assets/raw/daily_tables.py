"""Ready-made tables by day: they become weeks by what a row of the file says of each column.

A wide table cannot tell a price from a spend, so nothing is guessed: the first row below the header has `in_week` in
place of a day, and under each column what its days become.
"""

from typing import TYPE_CHECKING

from assets.raw.personal import without_addresses
from mmm_core.errors import listed, nearest, shown

if TYPE_CHECKING:
    import pandas as pd

RULE_ROW = "in_week"
RULES = ("sum", "mean", "last", "max")
REMEDY = f"add them up by week, or say in a first row `{RULE_ROW}` what each column's days become: {', '.join(RULES)}"
_MONDAY = "W-SUN"  # pandas' weeks that end on Sunday


def stated_rules(cells: "pd.DataFrame") -> "tuple[pd.Series | None, pd.DataFrame]":
    """What the rule row says of each column, and the table without it; None of a table that has no such row."""
    if RULE_ROW not in {cell.lower() for cell in cells.iloc[0]}:
        return None, cells
    return cells.iloc[0], cells.iloc[1:]


def rule_faults(rules: "pd.Series", columns: list[str]) -> list[str]:
    """Columns without a rule, or with one that is none."""
    blank = [name for name in columns if not rules[name]]
    faults = (
        [f"row {RULE_ROW}: says nothing of {listed(map(shown, blank))}: write {' or '.join(RULES)}"]
        if blank
        else []
    )
    wrong = {name: rules[name] for name in columns if rules[name] and rules[name].lower() not in RULES}
    return faults + [
        f"row {RULE_ROW}: column {name} is {shown(without_addresses(rule))}: {nearest(rule.lower(), RULES)}"
        for name, rule in wrong.items()
    ]


def day_faults(day: "pd.Series", geo: "pd.Series") -> list[str]:
    """Days that are there twice or left out, geo by geo; weeks in place of days."""
    import pandas as pd

    from mmm_core.data.cells import rows_named

    if day.empty:
        return [f"there is no day below the row `{RULE_ROW}`: export the file again"]
    twice = pd.DataFrame({"day": day, "geo": geo}).duplicated(keep=False)
    if twice.any():
        return [f"more than one row for a day and geo ({rows_named(day.index[twice])}): keep one row each"]
    every = pd.date_range(day.min(), day.max(), freq="D")
    if len(every) > 1 and day.nunique() * 7 <= len(every) + 6:
        return [f"the rows are weeks, and have a row `{RULE_ROW}`, which is for rows of days: take it out"]
    faults = []
    for name, of_geo in day.groupby(geo):
        absent = every.difference(pd.DatetimeIndex(of_geo))
        if len(absent):
            of = f" in geo {name}" if geo.nunique() > 1 else ""
            dates = listed(absent.strftime("%Y-%m-%d"), 8)
            faults.append(f"missing days {dates}{of}: add a row for each, blank where nothing is known")
    if not faults and not (weeks_of(day).groupby(weeks_of(day)).transform("size") >= 7).any():
        faults.append("there is no whole week, from Monday to Sunday: land more days")
    return faults


def weeks_of(day: "pd.Series") -> "pd.Series":
    """The Monday of each day's week."""
    return day.dt.to_period(_MONDAY).dt.start_time


def by_week(
    day: "pd.Series", geo: "pd.Series", values: "dict[str, pd.Series]", rules: "pd.Series"
) -> "tuple[pd.Series, pd.Series, dict[str, pd.Series]]":
    """Weeks, by their Monday, geos and values of the whole weeks; the index is the row of a week's first day.

    A sum of which a day is blank is not known; a mean, a largest and a last value are of the days there are. Days of a
    week that is not whole, the first and the last at most, are left out.
    """
    import pandas as pd

    keys = pd.DataFrame({"week": weeks_of(day), "geo": geo, "day": day, "row": day.index}).sort_values("day")
    grouped = keys.groupby(["week", "geo"], sort=True)
    heads = grouped.agg(row=("row", "first"), days=("row", "size"))
    whole = heads["days"] == 7
    heads = heads[whole]
    index = pd.Index(heads["row"], name=day.index.name)
    found = {}
    for name, column in values.items():
        of_weeks = column.loc[keys["row"]].groupby([keys["week"].to_numpy(), keys["geo"].to_numpy()])
        rule = rules[name].lower()
        became = of_weeks.sum(min_count=7) if rule == "sum" else of_weeks.agg(rule)
        found[name] = pd.Series(became[whole.to_numpy()].to_numpy(), index=index)
    week = pd.Series(heads.index.get_level_values("week"), index=index)
    return week, pd.Series(heads.index.get_level_values("geo"), index=index), found
