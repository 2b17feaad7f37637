"""From a posterior of the short-term model to the base that the long term explains, and what is measured of it.

The base is the level of sales: intercept, random walk and trend. It is net of media of the weeks before (what those
brought is a short-term effect and counted there), and of what comes and goes by itself: season, holidays, controls,
treatments, events and steps. Of a model of the KPI's logarithm it is the prediction with all of these off.

`base_draws` has it as the short-term model does, whose level is a random walk. An autoregression says otherwise how the
base moves, and must not be fitted on paths that have been smoothed by another belief. `measured_base` therefore takes
the random walk away again: given a draw of media, coefficients and noise, what is left of the KPI measures that week's
base with an error of known size,

    residual_gt = (y_gt - everything else_gt) / unit_g = level_t + e_gt,   e_gt ~ N(0, sigma^2 / w_gt),
    measured_t  = base_t + slope_t (mean over geos of residual_gt - level_t),   sd_t = slope_t sigma / sqrt(sum_g w_gt),

slope_t what a unit of the level adds to the base of all geos together. Of a KPI in levels the level drawn cancels: the
measurement does not depend on it. Of a logarithm it is the point about which the exponential is drawn as a line. The
weights w are 1, 0 where no KPI was seen, and a draw of the noise's own where it is Student-t.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError, listed
from mmm_core.long_term.variables import BASE
from mmm_core.long_term.worth import base_by_geo
from mmm_core.model.prepare import scaled_kpi
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.heavy_tails import noise_weights
from mmm_core.posterior.predictor import Predictor


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
    out = np.empty((len(positions), predictor.weeks))
    for which in predictor.chunks():
        out[which] = base_by_geo(posterior, predictor, which).sum(axis=1)
    return xr.DataArray(
        out,
        dims=("draw", "week"),
        coords={"draw": positions, "week": posterior.data["week"].to_numpy()},
        name=BASE,
        attrs={"unit": posterior.spec.kpi.column},
    )


def measured_base(tree: xr.DataTree | Posterior, draws: int = 2000, seed: int = 0) -> xr.Dataset:
    """What each draw of the short-term model leaves of the KPI, as a measurement of weekly base sales.

    Args:
        tree, draws: as of `base_draws`. seed: of the weights of Student-t noise.

    Returns:
        base (draw, week), as `base_draws` has it; measured (draw, week) and sd (draw, week), the measurement and its
        error's: infinite in a week whose KPI no geo has.
    """
    posterior = Posterior.of(tree)
    base = base_draws(posterior, draws)
    positions = base["draw"].to_numpy()
    predictor = posterior.predictor(positions)
    rng = np.random.default_rng([seed, len(positions)])
    nu = None if posterior.spec.student_t is None else posterior.draws("nu", positions)
    measured, sd = np.empty(base.shape), np.empty(base.shape)
    for which in predictor.chunks():
        error = _error(posterior, predictor, which)
        weight = np.broadcast_to(posterior.data["observed"].to_numpy(), error.shape).astype(float)
        sigma = predictor.sigma[which]
        if nu is not None:
            weight = weight * noise_weights(rng, error, sigma, nu[which])
        total = weight.sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            left = np.where(total > 0, (weight * np.nan_to_num(error)).sum(1) / total, 0.0)
            slope = _slope(posterior, predictor, which)
            measured[which] = base.to_numpy()[which] + slope * left
            sd[which] = slope * sigma[:, None] / np.sqrt(total)
    dims = ("draw", "week")
    return xr.Dataset({"base": base, "measured": (dims, measured), "sd": (dims, sd)}, attrs=base.attrs)


def _error(posterior: Posterior, predictor: Predictor, which: slice) -> np.ndarray:
    """What a draw's prediction is off the KPI, scaled, (draw, geo, week)."""
    data = posterior.data
    expected = predictor.media_terms(which).sum(-1) + predictor.baseline_terms(which)
    scaled = scaled_kpi(data, posterior.spec) + data["kpi_centre"].to_numpy()[:, None]
    return np.asarray(scaled - expected / posterior.media.unit[:, None])


def _slope(posterior: Posterior, predictor: Predictor, which: slice) -> np.ndarray:
    """What a scaled unit of the level adds to the base of all geos, (draw, week)."""
    unit = posterior.media.unit
    if not predictor.log:
        return np.full((len(predictor.sigma[which]), predictor.weeks), unit.sum())
    return np.asarray((base_by_geo(posterior, predictor, which) * unit[:, None]).sum(1))


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
