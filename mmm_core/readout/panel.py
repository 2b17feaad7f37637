"""A geo panel: the outcome of every geo in every period, without gaps; what it must be is checked here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from mmm_core.data.cells import day_column, number_column, rows_named, text_of
from mmm_core.data.reader import read_table
from mmm_core.errors import InputError, listed, nearest, shown
from mmm_core.inputs import name_of

Marks = Literal["start", "end"]


@dataclass(frozen=True)
class GeoPanel:
    """Outcomes by period and geo.

    Attributes:
        outcome: shape (period, geo), in the outcome's units.
        starts: first day of each period, evenly spaced.
        days: days of a period: 1 where the panel is daily, 7 where it is weekly.
        geos: name of each geo, as the panel writes it, sorted.
        name: the outcome's column.
        source: where it was read, for messages.
    """

    outcome: np.ndarray
    starts: tuple[date, ...]
    days: int
    geos: tuple[str, ...]
    name: str
    source: str

    def period_of(self, day: date) -> int | None:
        """Position of the period that holds a day; None outside the data."""
        position = (day - self.starts[0]).days // self.days
        return position if 0 <= position < len(self.starts) else None

    def last_day(self, period: int) -> date:
        """Last day of a period."""
        return self.starts[period] + timedelta(days=self.days - 1)

    def columns(self, geos: tuple[str, ...]) -> np.ndarray:
        """Positions of geos. All of them must be there."""
        return np.array([self.geos.index(geo) for geo in geos], dtype=int)

    @property
    def unit(self) -> str:
        """What a period is called."""
        return {1: "day", 7: "week"}.get(self.days, "period")


def read_panel(
    path: str | Path, outcome: str = "Y", geo: str = "location", time: str = "date", marks: Marks = "start"
) -> GeoPanel:
    """Read a panel from a file: a row a geo and period; see `panel_of` for what is refused."""
    return panel_of(read_table(path), outcome, geo, time, marks, name_of(path))


def panel_of(
    table: pd.DataFrame,
    outcome: str = "Y",
    geo: str = "location",
    time: str = "date",
    marks: Marks = "start",
    source: str = "the panel",
) -> GeoPanel:
    """The panel in a table.

    Args:
        table: a row a geo and period, of text or Python values; other columns are not looked at.
        outcome, geo, time: names of its columns.
        marks: whether a date is the first or the last day of its period.
        source: what messages call the table.

    Raises:
        InputError: a column is not there, a cell is missing, no number or no day, an outcome is negative, a geo has
            two rows of a period or none, periods are not evenly spaced, or there are fewer than 3 geos or 2 periods.
    """
    for column, option in ((outcome, "--outcome"), (geo, "--geo"), (time, "--time")):
        if column not in table.columns:
            raise InputError(
                f"{source}: no column {shown(column)}: name the right one with {option}; "
                f"{nearest(column, map(str, table.columns))}"
            )
    names = text_of(table[geo])
    days = day_column(table, time, source)
    values = number_column(table, outcome, source)
    for column, missing in ((geo, names == ""), (time, days.isna()), (outcome, values.isna())):
        _refuse_rows(
            missing, source, column, "is missing", "fill the cells: 0 only where nothing was sold indeed"
        )
    _refuse_rows(
        values < 0,
        source,
        outcome,
        "is negative",
        "use the outcome before refunds, or book them where they arose",
    )
    twice = pd.DataFrame({"geo": names, "day": days}).duplicated(keep=False)
    if twice.any():
        first = int(np.argmax(twice))
        raise InputError(
            f"{source}: more than one row for a geo and date, such as {shown(names.iloc[first])} on "
            f"{days.iloc[first].date()} ({rows_named(twice.index[twice])}): keep one, or sum them"
        )
    wide = pd.DataFrame({"geo": names, "day": days, "value": values}).pivot(
        index="day", columns="geo", values="value"
    )
    if wide.shape[1] < 3:
        raise InputError(
            f"{source}: {wide.shape[1]} geo(s) in column {geo}: one treated and two others are the least"
        )
    step = _spacing(wide.index, source, time)
    _refuse_gaps(wide, source)
    shift = timedelta(days=step - 1 if marks == "end" else 0)
    return GeoPanel(
        outcome=wide.to_numpy(dtype=float),
        starts=tuple(day.date() - shift for day in wide.index),
        days=step,
        geos=tuple(map(str, wide.columns)),
        name=outcome,
        source=source,
    )


def _refuse_rows(wrong: pd.Series, source: str, column: str, fault: str, remedy: str) -> None:
    if wrong.any():
        raise InputError(f"{source}: column {column}: {fault} ({rows_named(wrong.index[wrong])}): {remedy}")


def _spacing(days: pd.Index, source: str, time: str) -> int:
    """Days between the periods, the commonest; dates that do not fit are refused."""
    gaps = np.diff(days.to_numpy()).astype("timedelta64[D]").astype(int)
    if not gaps.size:
        raise InputError(f"{source}: one date in column {time}: a read-out needs periods before the window")
    step = int(np.bincount(gaps).argmax())
    off = [day for day in days if (day - days[0]).days % step]
    if off:
        raise InputError(
            f"{source}: column {time}: dates are {step} day(s) apart, but for {listed(day.date() for day in off)}: "
            "give every period the same length"
        )
    missing = set(pd.date_range(days[0], days[-1], freq=f"{step}D")) - set(days)
    if missing:
        raise InputError(
            f"{source}: no row of any geo for {listed(day.date() for day in sorted(missing))}: add the missing "
            "periods, or start after them"
        )
    return step


def _refuse_gaps(wide: pd.DataFrame, source: str) -> None:
    holes = wide.isna()
    if holes.any(axis=None):
        geos = [name for name in wide.columns if holes[name].any()]
        first = geos[0]
        missing = listed(day.date() for day in wide.index[holes[first]])
        raise InputError(
            f"{source}: gaps in {listed(geos)}: {shown(first)} has no row for {missing}: add the rows, or leave the "
            "geo out of the file"
        )
