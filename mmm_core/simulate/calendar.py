"""Parts of the world that the calendar fixes: seasons, holidays, exchange rates. All run from the origin by week."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
import pandas as pd

from mmm_core.simulate.draws import ORIGIN, Draws, week_index, week_start

HOLIDAYS = {"black_friday": 1.0, "cyber_week": 0.6, "christmas": 0.5}  # heights of the weeks
USUAL_RATE = {"EUR": 1.09, "GBP": 1.27}


def fourier_terms(weeks: int) -> np.ndarray:
    """Sine and cosine of the first two yearly harmonics, shape (weeks, 4)."""
    angle = 2 * np.pi * 7 * np.arange(weeks) / 365.25
    return np.column_stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)])


def holiday_dates(years: Iterable[int]) -> dict[str, list[dt.date]]:
    """One day in each week of the retail peak, by name: what a model lists under `baseline: events`."""
    dates: dict[str, list[dt.date]] = {name: [] for name in HOLIDAYS}
    for year in years:
        first = dt.date(year, 11, 1)
        friday = first + dt.timedelta((3 - first.weekday()) % 7 + 22)  # the day after the fourth Thursday
        eve = dt.date(year, 12, 24)
        dates["black_friday"].append(friday)
        dates["cyber_week"].append(friday + dt.timedelta(weeks=1))
        dates["christmas"] += [eve - dt.timedelta(weeks=2), eve - dt.timedelta(weeks=1)]
    return dates


def holiday_shape(weeks: int) -> np.ndarray:
    """Height of the retail peak, 1 in Black Friday's week and 0 outside the holidays, shape (weeks,)."""
    shape = np.zeros(weeks)
    for name, days in holiday_dates(range(ORIGIN.year, week_start(weeks).year + 1)).items():
        held = [week_index(day) for day in days]
        shape[[week for week in held if week < weeks]] = HOLIDAYS[name]
    return shape


def exchange_rate(seed: int, currency: str, weeks: int) -> np.ndarray:
    """USD for one unit of the currency in each week, four decimals, shape (weeks,)."""
    if currency == "USD":
        return np.ones(weeks)
    swing = Draws(seed, "exchange rates").autoregressive(currency, weeks, persistence=0.98)
    return np.round(USUAL_RATE[currency] * np.exp(0.03 * swing), 4)


def dated_by(marks: str, table: pd.DataFrame) -> pd.DataFrame:
    """A weekly table with `week_start`, or with `week_ending` in its place where `marks` is "end"."""
    if marks == "start":
        return table
    last_days = pd.to_datetime(table["week_start"]) + pd.Timedelta(days=6)
    return table.assign(week_start=last_days).rename(columns={"week_start": "week_ending"})
