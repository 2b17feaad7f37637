"""From a posterior of the short-term model to the base that the long term explains.

The base is the level of sales: intercept, random walk and trend. It is net of media of the weeks before (what those
brought is a short-term effect and counted there), and of what comes and goes by itself: season, holidays, controls,
treatments, events and steps. Of a model of the KPI's logarithm it is the prediction with all of these off.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.effects.contributions import baseline_groups
from mmm_core.errors import InputError, listed
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import BASELINE

BASE = "base"


def base_draws(tree: xr.DataTree | Posterior, draws: int = 2000) -> xr.DataArray:
    """Draws of weekly base sales, in the KPI's units, geos summed.

    Args:
        tree: a posterior.
        draws: at most so many, spread evenly over the chains.

    Returns:
        (draw, week); the coordinate `draw` is the position among all draws of the posterior, chains one after the
        other, by which a short-term figure of the same draw is found.
    """
    posterior = Posterior.of(tree)
    positions = posterior.thinned(draws)
    predictor = posterior.predictor(positions)
    terms = baseline_groups([str(term) for term in posterior.data["term"].to_numpy()], posterior.spec)[
        BASELINE
    ]
    out = np.empty((len(positions), predictor.weeks))
    for which in predictor.chunks():
        out[which] = predictor.expected(predictor.baseline_terms(which, terms), which).sum(axis=1)
    return xr.DataArray(
        out,
        dims=("draw", "week"),
        coords={"draw": positions, "week": posterior.data["week"].to_numpy()},
        name=BASE,
        attrs={"unit": posterior.spec.kpi.column},
    )


def with_metrics(base: xr.DataArray, metrics: Mapping[str, xr.DataArray]) -> xr.DataArray:
    """Draws of the base beside draws of brand metrics, paired draw by draw, for `fit_bvar`.

    The two are estimated from different data, so that any pairing is as good as another.

    Args:
        base: (draw, week). metrics: by name, each (draw, week) with as many draws and the same weeks, such as the
            `logit` of `weekly_states`; or (week,) where one is known without error.

    Returns:
        (draw, week, variable): the metrics first and the base last, so that in orthogonal responses a metric's shock
        reaches the base within the week and not the other way about.

    Raises:
        InputError: other weeks, or another number of draws.
    """
    weeks = pd.DatetimeIndex(base["week"].to_numpy())
    parts = []
    for name, metric in metrics.items():
        if not weeks.equals(pd.DatetimeIndex(metric["week"].to_numpy())):
            missing = weeks.difference(pd.DatetimeIndex(metric["week"].to_numpy()))
            days = listed(np.datetime_as_string(missing.to_numpy(), "D")) if len(missing) else "it has others"
            raise InputError(f"metric '{name}' is not of the weeks of the base (missing: {days})")
        values = metric.transpose(..., "week").to_numpy()
        if values.ndim == 2 and len(values) != base.sizes["draw"]:
            raise InputError(
                f"metric '{name}' has {len(values)} draws, the base {base.sizes['draw']}: draw as many of both"
            )
        parts.append(np.broadcast_to(values, base.shape))
    return xr.DataArray(
        np.stack([*parts, base.transpose("draw", "week").to_numpy()], axis=-1),
        dims=("draw", "week", "variable"),
        coords={"draw": base["draw"].to_numpy(), "week": weeks, "variable": [*metrics, BASE]},
    )


def plugged_in(variables: xr.DataArray) -> xr.DataArray:
    """The means of the draws, as if they were known: what `variance_ratio` compares with."""
    return variables.mean("draw")


def variance_ratio(propagated: xr.DataArray, plug_in: xr.DataArray, level: float = 0.9) -> xr.DataArray:
    """How much wider a figure is for the first stage's uncertainty: the squared ratio of its intervals' widths.

    Of a long-run multiplier a variance need not exist, so that widths stand for it: those of the central interval. A
    ratio of 1 says that the first stage's uncertainty did not matter.

    Args:
        propagated, plug_in: draws of the same figure, with the dimension draw, of a fit to draws and to their means.
    """
    edges = [(1 - level) / 2, (1 + level) / 2]
    wide, narrow = (
        values.quantile(edges, dim="draw", skipna=True).diff("quantile").isel(quantile=0, drop=True)
        for values in (propagated, plug_in)
    )
    return ((wide / narrow) ** 2).rename("variance_ratio")
