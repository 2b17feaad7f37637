"""A weekly table as the diagnostics read it: every column a model names, by geo and week, gaps included.

A table that a fit would refuse is read as far as it goes, so that a person is told of everything at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from mmm_core.data.arrays import NATIONAL
from mmm_core.data.cells import DECIMAL_COMMAS, text_of
from mmm_core.data.table import as_numbers, by_name, check_table, matching, week_column
from mmm_core.data.weeks import first_days, not_weekly
from mmm_core.errors import InputError
from mmm_core.spec.model_spec import ModelSpec

INDICATOR = 3
"""A column of fewer distinct values is an indicator: it has no ordinary weeks to be far from."""


@dataclass(frozen=True)
class WeeklyPanel:
    """Columns of a table by geo and week.

    Attributes:
        weeks: the table's dates, without gaps.
        columns: by name, (geo, week); nan where a value is missing.
        refused: why a fit would not take the table; "" where it would.
        absent: weeks (of some geo) that had no row at all, in the order of the calendar.
        has_row: (geo, week), where the table has one: a value is missing by itself only there.
    """

    spec: ModelSpec
    weeks: pd.DatetimeIndex
    geos: tuple[str, ...]
    columns: dict[str, np.ndarray]
    has_row: np.ndarray
    refused: str = ""
    absent: tuple[pd.Timestamp, ...] = ()

    @classmethod
    def of(cls, table: pd.DataFrame, spec: ModelSpec, source: str = "table") -> WeeklyPanel:
        """The panel of a table.

        Raises:
            InputError: a column is not there or holds text, a date cannot be read, or its rows are no weeks.
        """
        refused = ""
        try:
            rows = check_table(table, spec, source)
        except InputError as error:
            refused, rows = str(error), _as_far_as_it_goes(table, spec, source, error)
        time, geo = spec.time.column, spec.geo.column if spec.geo else None
        weeks = pd.date_range(rows[time].min(), rows[time].max(), freq="7D")
        geos = sorted(rows[geo].unique()) if geo else [NATIONAL]
        labels = rows[geo] if geo else pd.Series(NATIONAL, rows.index)
        index = pd.MultiIndex.from_arrays([labels, rows[time]])
        whole = pd.MultiIndex.from_product([geos, weeks])
        absent = tuple(sorted({week for _, week in whole.difference(index)}))
        columns = {
            column: pd.Series(rows[column].to_numpy(dtype=float), index)
            .reindex(whole)
            .to_numpy()
            .reshape(len(geos), len(weeks))
            for column in spec.numeric_columns
        }
        has_row = whole.isin(index).reshape(len(geos), len(weeks))
        return cls(spec, weeks, tuple(geos), columns, has_row, refused, absent)

    @cached_property
    def first_days(self) -> pd.DatetimeIndex:
        """First day of each week, whatever its date marks."""
        return first_days(self.weeks, self.spec)

    @cached_property
    def kpi(self) -> np.ndarray:
        """(geo, week)."""
        return self.columns[self.spec.kpi.column]

    @cached_property
    def media(self) -> dict[str, np.ndarray]:
        """Of every channel what its carryover is modelled of: spend, exposure or reach, (geo, week) each."""
        specs = zip(self.spec.channels, self.spec.channel_specs, strict=True)
        return {name: self.columns[channel.media_column] for name, channel in specs}

    @cached_property
    def spend(self) -> dict[str, np.ndarray]:
        """Spend of every paid channel, (geo, week) each."""
        return {name: self.columns[channel.spend] for name, channel in self.spec.media.channels.items()}

    @cached_property
    def levers(self) -> dict[str, np.ndarray]:
        """Controls and treatments by their names, (geo, week) each."""
        treatments = {name: self.columns[each.column] for name, each in self.spec.treatments.items()}
        return {**{column: self.columns[column] for column in self.spec.controls}, **treatments}

    @cached_property
    def heads(self) -> np.ndarray:
        """People of each geo, (geo, 1), relative to their mean; 1 where they are not known."""
        column = self.spec.geo.population if self.spec.geo else None
        if column is None:
            return np.ones((len(self.geos), 1))
        people = np.nanmedian(self.columns[column], axis=1, keepdims=True)
        return np.asarray(people / people.mean())

    def all_geos(self, values: np.ndarray, mean: bool = False) -> np.ndarray:
        """A column over all geos, (week,): the sum, or the mean of what has no sum; nan where a geo is missing."""
        return np.asarray(values.mean(axis=0) if mean else values.sum(axis=0))

    def around_geos(self, values: np.ndarray) -> np.ndarray:
        """A column per head, around each geo's own mean, (geo * week,): what differs between geos is no movement."""
        centred = values - np.nanmean(values, axis=1, keepdims=True)
        return np.asarray(centred.reshape(-1))

    def per_head(self, values: np.ndarray) -> np.ndarray:
        """(geo, week)."""
        return np.asarray(values / self.heads)


def is_indicator(values: np.ndarray) -> bool:
    """Whether a column has too few values to have ordinary ones."""
    return len(np.unique(values[np.isfinite(values)])) < INDICATOR


def _as_far_as_it_goes(
    table: pd.DataFrame, spec: ModelSpec, source: str, refused: InputError
) -> pd.DataFrame:
    """The rows of a table that a fit refuses, typed; the first of two for one week.

    Raises:
        InputError: the one that was `refused` where columns are missing or rows are no weeks.
    """
    rows = by_name(table, source)
    if any(column not in rows.columns for column in spec.columns) or rows.empty:
        raise refused
    for column, value in spec.filter.items():
        rows = matching(rows, column, value, source)
    rows = rows[[column for column in spec.columns if column not in spec.filter]].copy()
    rows[spec.time.column] = week_column(rows, spec, source)
    commas = bool(table.attrs.get(DECIMAL_COMMAS, False))
    for column in spec.numeric_columns:
        values = as_numbers(rows, column, spec, source, commas)
        rows[column] = values.where(np.isfinite(values))
    keys = [spec.time.column]
    if spec.geo:
        rows[spec.geo.column] = text_of(rows[spec.geo.column])
        keys.insert(0, spec.geo.column)
    rows = rows.drop_duplicates(keys)
    weeks = pd.DatetimeIndex(np.sort(rows[spec.time.column].unique()))
    first = first_days(weeks, spec)
    if spec.time.from_:
        weeks = weeks[first + pd.Timedelta(days=6) >= pd.Timestamp(spec.time.from_)]
    if spec.time.to:
        weeks = weeks[weeks.isin(weeks[first_days(weeks, spec) <= pd.Timestamp(spec.time.to)])]
    fault = not_weekly(weeks, spec.time.column, spec.time.marks)
    if len(weeks) < 2 or (fault is not None and not fault.startswith("missing weeks")):
        raise refused
    return rows[rows[spec.time.column].isin(weeks)]
