"""Parts of the world that the calendar fixes: seasons, holidays, exchange rates. All run from the origin by week."""

from __future__ import annotations

import datetime as dt

import numpy as np

from mmm_core.simulate.draws import ORIGIN, Draws, week_index

USUAL_RATE = {"USD": 1.0, "EUR": 1.09, "GBP": 1.27}


def fourier_terms(weeks: int) -> np.ndarray:
    """Sine and cosine of the first two yearly harmonics, shape (weeks, 4)."""
    angle = 2 * np.pi * 7 * np.arange(weeks) / 365.25
    return np.column_stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)])


def holiday_shape(weeks: int) -> np.ndarray:
    """Height of the retail peak: 1 in Black Friday's week, less around it and before Christmas, else 0; (weeks,)."""
    shape = np.zeros(weeks)
    for year in range(ORIGIN.year, ORIGIN.year + weeks // 52 + 1):
        first = dt.date(year, 11, 1)
        thanksgiving = first + dt.timedelta((3 - first.weekday()) % 7 + 21)
        friday, christmas = week_index(thanksgiving), week_index(dt.date(year, 12, 24))
        heights = {friday - 1: 0.3, friday: 1.0, friday + 1: 0.6, christmas - 2: 0.4, christmas - 1: 0.5}
        for week, height in heights.items():
            if week < weeks:
                shape[week] = height
    return shape


def exchange_rate(seed: int, currency: str, weeks: int) -> np.ndarray:
    """USD for one unit of the currency in each week, four decimals, shape (weeks,)."""
    if currency == "USD":
        return np.ones(weeks)
    swing = Draws(seed, "exchange rates").autoregressive(currency, weeks, persistence=0.98)
    return np.round(USUAL_RATE[currency] * np.exp(0.03 * swing), 4)
