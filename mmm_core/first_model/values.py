"""Traps in columns that a model does not read: visits of the site, other outcomes, what an order is worth.

They are found by the same statistics as those of the model's own columns (`mmm_core.data_health`). An outage of the
site's counter, or prices that changed, matter to whoever reads the table although no channel or control shows them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mmm_core.data_health.activity import activity_of
from mmm_core.data_health.finding import day
from mmm_core.data_health.finding import weeks as count_of
from mmm_core.data_health.level_shifts import EDGE, ordinary, peaks, shift_scores
from mmm_core.data_health.outliers import distances
from mmm_core.errors import listed
from mmm_core.spec.data_health_spec import DataHealth

NAMED = 3
"""Weeks of one column that are named."""


def silent_weeks(unread: Mapping[str, np.ndarray], weeks: pd.DatetimeIndex) -> list[str]:
    """Weeks in which a column that is not read falls far below the weeks beside it, a line a column.

    Args:
        unread: (week,) of each column.
    """
    rule, lines = DataHealth(), []
    for name, values in unread.items():
        found = distances(values)
        low = np.flatnonzero(np.nan_to_num(found.score) < -rule.outlier).tolist()
        if low:
            told = (
                f"{day(weeks[at])} ({values[at]:,.4g}, where {found.usual[at]:,.4g} is usual)" for at in low
            )
            lines.append(
                f"{name} is far too low in the week of {listed(told, NAMED)}: an outage, or a part of a week"
            )
    return lines


def cut_off(spend: Mapping[str, np.ndarray], weeks: pd.DatetimeIndex) -> list[str]:
    """Spend that is there week by week and not in the last ones, a line a column.

    Args:
        spend: (week,) of each column, in every week of the table, those outside of the window too.
    """
    ends = {name: activity_of(np.nan_to_num(values)[None]).silent_end for name, values in spend.items()}
    return [
        f"{name} is there week by week, and nothing in the last {count_of(end)} ({day(weeks[-end])} on): an "
        "export that was "
        "cut off"
        for name, end in ends.items()
        if end
    ]


def broken_prices(prices: Mapping[str, np.ndarray], weeks: pd.DatetimeIndex) -> list[str]:
    """Ratios, such as what an order is worth, that shift for good, a line each.

    Args:
        prices: (week,) of each ratio, by what it is called.
    """
    rule, lines = DataHealth(), []
    for name, values in prices.items():
        series = ordinary(values, rule.outlier)
        if series is None or len(series) < 4 * EDGE:
            continue
        for week, z in peaks(shift_scores(series, np.ones((len(series), 1))), rule.level_shift)[:1]:
            before, after = (
                np.nanmedian(values[max(0, week - 13) : week]),
                np.nanmedian(values[week : week + 13]),
            )
            lines.append(
                f"{name} shifts {'up' if z > 0 else 'down'} from the week of {day(weeks[week])} on, from "
                f"{before:.4g} to "
                f"{after:.4g} ({abs(z):.1f} standard errors): another regime of prices: model one side of it, "
                "or make it a "
                "treatment"
            )
    return lines
