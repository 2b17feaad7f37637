"""Ready-made weekly tables: one CSV a table, its own columns, kept as they are in long form.

The first column is the week (`week_start`, `date` or `wk_strt_dt`), `geo` may be the second key, everything else must
be numbers. Names of columns are values here, so blanks, dots and apostrophes in them survive.
"""

from typing import TYPE_CHECKING

from assets.raw.files import ROWS_AS_SHOWN, Accepted, FileRefused, LandingFile, read_text, rows_named
from assets.raw.schema import days
from mmm_core.errors import listed

if TYPE_CHECKING:
    import pandas as pd

WEEK_COLUMNS = ("week_start", "date", "wk_strt_dt")
GEO_COLUMN = "geo"


def check_weekly_table(file: LandingFile) -> Accepted:
    """The table in long form: table_name, week_start, geo, column_name, value. A blank cell is a missing value.

    Raises:
        FileRefused: no week in the first column, a column that is not numeric, a week and geo given twice, weeks that
            are left out or not seven days apart.
    """
    import pandas as pd

    cells = read_text(file)
    week_column = cells.columns[0]
    if week_column not in WEEK_COLUMNS:
        raise FileRefused(
            file.name,
            [f"the first column is '{week_column}': it must be the week, named {' or '.join(WEEK_COLUMNS)}"],
        )
    week = days(cells[week_column])
    if week.isna().any():
        bad = cells[week_column][week.isna()]
        raise FileRefused(
            file.name,
            [
                f"column {week_column}: {listed(map(repr, bad.unique()), 3)} is not a day (YYYY-MM-DD) "
                f"({rows_named(bad.index)})",
                ROWS_AS_SHOWN,
            ],
        )
    geo = cells[GEO_COLUMN] if GEO_COLUMN in cells else pd.Series("all", index=cells.index)
    columns = [name for name in cells.columns if name not in (week_column, GEO_COLUMN)]
    values, faults = _numbers(cells[columns])
    faults += _calendar_faults(week, geo)
    if not columns:
        faults.append("there is no column besides the week")
    if faults:
        raise FileRefused(file.name, [*faults, ROWS_AS_SHOWN])
    long = values.assign(table_name=file.path.stem, week_start=week, geo=geo).melt(
        id_vars=["table_name", "week_start", "geo"], var_name="column_name", value_name="value"
    )
    return Accepted(file, long)


def _numbers(cells: "pd.DataFrame") -> "tuple[pd.DataFrame, list[str]]":
    import numpy as np
    import pandas as pd

    values, faults = {}, []
    for name in cells.columns:
        text = cells[name]
        number = pd.to_numeric(text, errors="coerce").replace([np.inf, -np.inf], np.nan)
        wrong = text[number.isna() & (text != "")]
        if len(wrong):
            faults.append(
                f"column {name}: {listed(map(repr, wrong.unique()), 3)} is not a number ({rows_named(wrong.index)})"
            )
        values[name] = number.astype("float64")
    return pd.DataFrame(values, index=cells.index), faults


def _calendar_faults(week: "pd.Series", geo: "pd.Series") -> list[str]:
    """Blank geos, weeks given twice, left out, or off the seven-day step; each geo has the same weeks."""
    import pandas as pd

    faults = []
    if (geo == "").any():
        faults.append(f"column {GEO_COLUMN}: is blank ({rows_named(geo.index[geo == ''])})")
    twice = pd.DataFrame({"week": week, "geo": geo}).duplicated(keep=False)
    if twice.any():
        faults.append(
            f"more than one row for a week and geo ({rows_named(week.index[twice])}): keep one row each"
        )
    calendar = pd.date_range(week.min(), week.max(), freq="7D")
    stray = pd.DatetimeIndex(week.unique()).difference(calendar)
    if len(stray):
        faults.append(
            f"weeks {_dates(stray)} are not a multiple of seven days after the first week {week.min():%Y-%m-%d}: "
            "give one date a week, always on the same weekday"
        )
        return faults
    for name, weeks in week.groupby(geo):
        absent = calendar.difference(pd.DatetimeIndex(weeks))
        if len(absent):
            place = "" if name == "all" else f" in geo {name}"
            faults.append(
                f"missing weeks {_dates(absent)}{place}: add a row for each, blank where nothing is known"
            )
    return faults


def _dates(weeks: "pd.DatetimeIndex") -> str:
    return listed(weeks.strftime("%Y-%m-%d"), 8)
