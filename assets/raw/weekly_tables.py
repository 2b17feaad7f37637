"""Ready-made weekly tables: one file a table, its own columns, kept as they are in long form.

Which column holds the weeks, and which the geos, is found as `mmm inspect` finds it (`mmm_core.first_model.frame`), so
that what one reads the other reads too. Columns of numbers are kept; columns of words and further columns of days are
left out, and said to be. One cell that is no number among numbers is a mistake, and refuses the file. Whether a date is
the first or the last day of its week says the YAML of the model that reads the table. Rows of days become weeks where
the file says how (`assets.raw.daily_tables`). Names of columns are values here, so blanks, dots and apostrophes in them
survive.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from assets.raw import daily_tables
from assets.raw.files import ROWS_AS_SHOWN, Accepted, FileRefused, read_cells
from assets.raw.folder import LandingFile
from assets.raw.personal import holds_email, without_addresses
from mmm_core.errors import InputError, listed, shown

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.first_model.columns import ColumnValues

WEEK, GEO = "week_start", "geo"
"""What week and geo are called in the mart."""


def check_weekly_table(file: LandingFile, content: bytes, digest: str) -> Accepted:
    """The table in long form: table_name, week_start, geo, column_name, value. A blank cell is a missing value.

    Columns of words and further columns of days are `extra_columns` of what is returned, and no rows of it.

    Raises:
        FileRefused: an e-mail address in a name, no column of weeks, a column of numbers with a cell that is none, or
            named like the week, a week and geo given twice, weeks that are left out or not seven days apart, several
            markets; of rows of days, which have to say what each column becomes in a week, the same of days.
    """
    import pandas as pd

    from mmm_core.data.cells import DECIMAL_COMMAS, days, rows_named
    from mmm_core.data.currency_columns import currency_traps
    from mmm_core.first_model.columns import read_column
    from mmm_core.first_model.frame import week_of

    rules, cells = daily_tables.stated_rules(read_cells(file, content))
    commas = bool(cells.attrs.get(DECIMAL_COMMAS, False))
    read = {str(name): read_column(cells[name], commas) for name in cells.columns}
    found = week_of(read)
    if found.column is None:
        raise FileRefused(file.name, [found.fault])
    week_column = found.column
    geo_column = _geo_column(file, read, week_column)
    kept = [*cells.columns, *(cells[geo_column].unique() if geo_column else ())]
    if addressed := [without_addresses(name) for name in kept if holds_email(name)]:
        raise FileRefused(
            file.name,
            [
                f"{listed(map(shown, addressed), 3)}: the name of a column or geo holds an e-mail address: call it "
                "after what it is"
            ],
        )
    week = days(cells[week_column])
    no_day = week.wrong | week.values.isna()
    if no_day.any():
        bad = cells[week_column][no_day]
        fault = f"column {week_column}: {_quoted(bad)} is not a day"
        raise FileRefused(
            file.name, [f"{fault} ({rows_named(bad.index)}): write it as YYYY-MM-DD", ROWS_AS_SHOWN]
        )
    geo = cells[geo_column] if geo_column else pd.Series("all", index=cells.index)
    others = [name for name in cells.columns if name not in (week_column, geo_column)]
    left_out = tuple(name for name in others if _no_numbers(read[name]))
    columns = [name for name in others if name not in left_out]
    values, faults = _numbers(cells, columns)
    faults += [
        f"column {name} is there beside {week_column}: the mart's week has that name, give the column another one"
        for name in columns
        if name == WEEK
    ]
    faults += _geo_faults(geo)
    if rules is None:
        faults += _calendar_faults(week.values, geo)
    else:
        faults += [*daily_tables.rule_faults(rules, columns), *daily_tables.day_faults(week.values, geo)]
    if not columns:
        besides = f" that holds numbers ({listed(map(shown, left_out))}: none)" if left_out else ""
        faults.append(
            f"there is no column besides the week{besides}: add the KPI and what explains it, a column each"
        )
    if faults:
        raise FileRefused(file.name, [*faults, ROWS_AS_SHOWN])
    day = week.values
    if rules is not None:
        day, geo, values = daily_tables.by_week(day, geo, values, rules)
    long = [
        pd.DataFrame(
            {
                "table_name": file.stem,
                "week_start": day,
                "geo": geo,
                "column_name": name,
                "value": column,
            }
        )
        for name, column in values.items()
    ]
    return Accepted(file, digest, pd.concat(long), left_out, remarks=tuple(currency_traps(cells)))


def named_twice(files: list[LandingFile]) -> dict[str, str]:
    """By file, why it cannot be told which of several files of one name is the table."""
    stems: dict[str, list[str]] = {}
    for file in files:
        stems.setdefault(file.stem, []).append(file.name)
    return {
        name: f"{', '.join(other for other in names if other != name)} is table {stem} too: keep one of them"
        for stem, names in stems.items()
        if len(names) > 1
        for name in names
    }


def _geo_column(file: LandingFile, read: "Mapping[str, ColumnValues]", week: str) -> str | None:
    """The column of the geos: one named so, or the one that tells rows of a week apart; None where no column does.

    Raises:
        FileRefused: it takes a column of markets too to tell them apart.
    """
    from mmm_core.first_model.frame import places_of

    named = next((name for name in read if name.lower() == GEO and name != week), None)
    if named is not None:
        return named
    try:
        geo, markets, _ = places_of(read, week, read[week].values.notna(), file.name)
    except InputError:  # rows of one week that nothing tells apart are refused by their rows
        return None
    if markets:
        (market,) = markets
        there = listed(
            map(shown, sorted({without_addresses(str(value)) for value in read[market].values} - {""})), 3
        )
        raise FileRefused(
            file.name,
            [f"column {market} has {there}, and a weekly table is of one: land the rows of each in a file"],
        )
    return geo


def _no_numbers(column: "ColumnValues") -> bool:
    """Whether a column is of words or of days, so that nothing of it is a number that was written wrongly."""
    return column.kind == "day" or (column.kind == "text" and not len(column.unread))


def _numbers(cells: "pd.DataFrame", columns: list[str]) -> "tuple[dict[str, pd.Series], list[str]]":
    from mmm_core.data.cells import DECIMAL_COMMAS, quantities, rows_named

    values, faults = {}, []
    for name in columns:
        column = quantities(cells[name], cells.attrs.get(DECIMAL_COMMAS, False))
        wrong = cells[name][column.wrong]
        if len(wrong):
            faults.append(
                f"column {name}: {_quoted(wrong)} is not a number ({rows_named(wrong.index)}): {column.remedy}"
            )
        values[name] = column.values
    return values, faults


def _quoted(cells: "pd.Series") -> str:
    return listed((shown(without_addresses(cell)) for cell in cells.unique()), 3)


def _geo_faults(geo: "pd.Series") -> list[str]:
    """Geos that are blank or alike."""
    from mmm_core.data.cells import names_alike, rows_named

    faults = []
    if (geo == "").any():
        faults.append(
            f"column {geo.name}: is blank ({rows_named(geo.index[geo == ''])}): name the geo of each row"
        )
    if fault := names_alike(geo):
        faults.append(fault)
    return faults


def _calendar_faults(week: "pd.Series", geo: "pd.Series") -> list[str]:
    """Weeks given twice, left out, or off the seven-day step; each geo has the same."""
    import pandas as pd

    from mmm_core.data.cells import rows_named
    from mmm_core.data.weeks import not_weekly

    faults = []
    twice = pd.DataFrame({"week": week, "geo": geo}).duplicated(keep=False)
    if twice.any():
        faults.append(
            f"more than one row for a week and geo ({rows_named(week.index[twice])}): keep one row each"
        )
    weeks = pd.DatetimeIndex(week.unique()).sort_values()
    if fault := not_weekly(weeks, str(week.name)):
        if fault.startswith("the rows are days"):
            return [*faults, f"{fault.rpartition(': ')[0]}: {daily_tables.REMEDY}"]
        return [
            *faults,
            f"{fault}, blank where nothing is known" if fault.startswith("missing weeks") else fault,
        ]
    for name, of_geo in week.groupby(geo):
        absent = weeks.difference(pd.DatetimeIndex(of_geo))
        if len(absent):
            faults.append(
                f"missing weeks {_dates(absent)} in geo {name}: add a row for each, blank where nothing is known"
            )
    return faults


def _dates(weeks: "pd.DatetimeIndex") -> str:
    return listed(weeks.strftime("%Y-%m-%d"), 8)
