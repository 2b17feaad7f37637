"""How posteriors that are there did on the weeks that came after them, and how they stand beside a seasonal naive.

Unlike a rolling-origin backtest (`mmm_core.forecast.backtest`) nothing is fitted again: what is scored is the forecast
that the model would have made on the day, given the media and controls that followed. What is tested is the model, not
anybody's plan.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.arrays import model_data
from mmm_core.data.table import week_column
from mmm_core.errors import InputError
from mmm_core.forecast.backtest import INTERVALS, scored_draws, scored_normal
from mmm_core.forecast.predict import predictive_draws
from mmm_core.forecast.scores import seasonal_naive
from mmm_core.posterior.handle import Posterior
from mmm_core.threads import one_blas_thread

HORIZONS = (4, 8, 13)
"""Weeks ahead that are scored, from the first unseen week on."""

COLUMNS = {
    "horizon": "weeks ahead, from the first unseen one",
    "first_week": "first day of the first week that was forecast",
    "crps": "mean continuous ranked probability score of the forecast, in units of the KPI",
    "crps_naive": "that of last season's values; empty where the history is shorter than two seasons",
    "mape": "mean absolute percentage error of the median",
    "mape_naive": "that of last season's values",
    **{f"coverage_{q}": f"share of weeks within the {q} % interval" for q in INTERVALS},
}
"""What `score_since` returns."""


@one_blas_thread
def score_since(
    tree: xr.DataTree | Posterior,
    table: pd.DataFrame,
    horizons: Sequence[int] = HORIZONS,
    source: str = "table",
) -> pd.DataFrame:
    """Score a posterior on the weeks that a later table has after it.

    Args:
        table: a weekly table with the weeks that came; it may hold those of the fit too.
        horizons: weeks ahead; those that the table does not hold yet are left out.

    Returns:
        A row a horizon with `COLUMNS`, over all geos; none where fewer weeks have come than the shortest.

    Raises:
        InputError: the table is refused for the posterior's specification, or a week after the fit is missing.
    """
    posterior = Posterior.of(tree)
    later = model_data(table, posterior.spec, source)
    last = posterior.data["week"].to_numpy()[-1]
    weeks = later["week"].to_numpy()
    after = weeks[weeks > last]
    due = [horizon for horizon in sorted(horizons) if 1 <= horizon <= len(after)]
    if not due:
        return pd.DataFrame(columns=list(COLUMNS))
    if missing := sorted(
        set(map(str, posterior.data["geo"].to_numpy())) - set(map(str, later["geo"].to_numpy()))
    ):
        raise InputError(f"{source}: geo {missing[0]} of the posterior is not there: add its rows")
    ahead = after[: due[-1]]
    kpi = later["kpi"].sel(week=ahead, geo=posterior.data["geo"].to_numpy())
    actual = kpi.where(later["observed"].sel(week=ahead, geo=kpi["geo"])).transpose("geo", "week").to_numpy()
    drawn, _ = predictive_draws(posterior, _rows(table, posterior, last, ahead[-1], source), source=source)
    seen = posterior.data["kpi"].where(posterior.data["observed"]).transpose("geo", "week").to_numpy()
    naive = seasonal_naive(seen, len(ahead))
    model = scored_draws(drawn.transpose("draw", "geo", "week").to_numpy(), actual)
    simple = scored_normal(naive, actual) if naive else xr.full_like(model, np.nan)
    return pd.DataFrame([_row(model, simple, horizon, ahead[0]) for horizon in due], columns=list(COLUMNS))


def _rows(
    table: pd.DataFrame, posterior: Posterior, last: np.datetime64, until: np.datetime64, source: str
) -> pd.DataFrame:
    """The table's rows of the weeks after the fit, up to one."""
    weeks = week_column(table, posterior.spec, source)
    return table[(weeks > last) & (weeks <= until)]


def _row(model: xr.Dataset, naive: xr.Dataset, horizon: int, first: np.datetime64) -> dict[str, object]:
    ours, theirs = (scores.isel(ahead=slice(horizon)).mean() for scores in (model, naive))
    return {
        "horizon": horizon,
        "first_week": pd.Timestamp(first),
        "crps": float(ours["crps"]),
        "crps_naive": float(theirs["crps"]),
        "mape": float(ours["error"]),
        "mape_naive": float(theirs["error"]),
        **{f"coverage_{q}": float(ours[f"covered_{q}"]) for q in INTERVALS},
    }
