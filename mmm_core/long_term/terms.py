"""What moves in the long term for reasons of its own: a straight line and steps, beside media in every equation.

A base that grows by itself beside spend that grows looks like an effect of it. With a line in the model only what
departs from lines tells of an effect. Where there is none, a line in the model makes what lasts look as if it lasted
less, so that it is taken in where the data speak for it (`mmm_core.long_term.choice`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mmm_core.errors import InputError
from mmm_core.spec.long_term_spec import TREND, LongTermRule

YEAR = 52.0


def terms_of(rule: LongTermRule, weeks: pd.DatetimeIndex, trend: bool) -> pd.DataFrame | None:
    """The rule's terms, a column each, indexed by first days of weeks; None where it has none.

    Args:
        trend: whether there is one.

    trend rises by 1 a year; a step is 0 before the week that holds its date and 1 from there on.

    Raises:
        InputError: a step outside the weeks, which would be in all of them or in none.
    """
    columns: dict[str, np.ndarray] = {}
    if trend:
        columns[TREND] = np.arange(len(weeks)) / YEAR
    for name, day in rule.steps.items():
        after = (weeks + pd.Timedelta(days=6) >= pd.Timestamp(day)).astype(float)
        if not 0 < after.sum() < len(weeks):
            raise InputError(
                f"long_term.steps.{name} is on {day}: no step in the model's weeks, {weeks[0]:%Y-%m-%d} to "
                f"{weeks[-1] + pd.Timedelta(days=6):%Y-%m-%d}; take it out, or correct the date"
            )
        columns[name] = after
    return pd.DataFrame(columns, index=weeks) if columns else None


def moving(terms: pd.DataFrame | None, weeks: pd.DatetimeIndex) -> pd.DataFrame | None:
    """The terms that change within some weeks, all weeks of them: a step to come is known to nobody."""
    if terms is None:
        return None
    kept = terms.loc[:, np.ptp(terms.loc[weeks].to_numpy(), axis=0) > 0]
    return kept if kept.shape[1] else None
