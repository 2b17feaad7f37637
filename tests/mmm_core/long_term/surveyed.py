"""Waves of a brand tracker as a house has them: monthly shares of so many people."""

import numpy as np
import pandas as pd


def monthly(weeks, metrics=("awareness", "consideration"), people=800, seed=0, leave_out=()):
    """metric, month_start, value, sample_size: months that begin in the weeks and end in them."""
    months = pd.date_range(weeks[0], weeks[-1], freq="MS")
    months = months[months + pd.offsets.MonthEnd(0) <= weeks[-1] + pd.Timedelta(days=6)]
    rng = np.random.default_rng(seed)
    parts = []
    for place, name in enumerate(metrics):
        level = 0.45 - 0.15 * place + 0.05 * np.sin(np.arange(len(months)) / 3 + place)
        part = {"metric": name, "month_start": months, "value": rng.binomial(people, level) / people}
        parts.append(pd.DataFrame({**part, "sample_size": people}))
    table = pd.concat(parts, ignore_index=True)
    return table[~table["month_start"].isin(pd.DatetimeIndex(leave_out))].reset_index(drop=True)
