"""The KPI of weeks to come under a plan of media, with honest uncertainty: parameters, level and noise all vary.

The level goes on as the random walk it was, with its slope, from each draw's last week; media carry over from the
fitted weeks into the plan; seasonality, holidays, events and steps go on by date; a time-varying effect stays where it
was.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.plan import Plan, read_plan
from mmm_core.data.weeks import week_coordinate
from mmm_core.forecast.outside import far_outside, outside_words
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.predictor import Predictor

DRAWS = 1000


def predict(tree: xr.DataTree | Posterior, plan: pd.DataFrame, seed: int = 0) -> xr.Dataset:
    """Forecast the KPI of a plan's weeks.

    Args:
        tree: a posterior.
        plan: one row a week (and geo), the weeks following the fitted ones without a gap. Media columns as in the
            model's specification; where a channel is modelled on impressions or reach, its spend alone will do and
            buys them at the price of the last 13 weeks, at the frequency of those weeks. A control or treatment that is
            left out stays at its mean of those weeks. Further columns of a weekly table may be there.
        seed: of the level's steps and the noise.

    Returns:
        mean, sd, q05, median, q95 of the KPI in its own units over (geo, week), and far_outside, whether that is far
        outside anything seen (`mmm_core.forecast.outside`); attribute `assumed` lists what the plan left open, and
        `outside` says in words what is far outside. Of a log KPI with Student-t noise read the median: that
        distribution has no mean.

    Raises:
        InputError: a week missing, repeated or before the end of the fitted weeks, an unknown or missing geo, a
            missing media column, a misspelt one, text, or a negative or missing number.
    """
    return forecast_of(tree, *predictive_draws(tree, plan, seed))


def forecast_of(tree: xr.DataTree | Posterior, draws: xr.DataArray, assumed: list[str]) -> xr.Dataset:
    """What `predict` returns, from its draws (draw, geo, week)."""
    posterior = Posterior.of(tree)
    observed, kpi = posterior.data["observed"].to_numpy(), posterior.data["kpi"].to_numpy()
    out = summary_of(draws)
    out["far_outside"] = (("geo", "week"), far_outside(draws.to_numpy(), np.where(observed, kpi, np.nan)))
    outside = outside_words(out["far_outside"], posterior.spec.kpi.scale == "log")
    return out.assign_attrs(assumed=assumed, outside=outside)


def summary_of(draws: xr.DataArray) -> xr.Dataset:
    """mean, sd, q05, median, q95 over the draws."""
    low, middle, high = draws.quantile([0.05, 0.5, 0.95], "draw").transpose("quantile", ...)
    return xr.Dataset(
        {
            "mean": draws.mean("draw"),
            "sd": draws.std("draw"),
            "q05": low.drop_vars("quantile"),
            "median": middle.drop_vars("quantile"),
            "q95": high.drop_vars("quantile"),
        }
    )


def predictive_draws(
    tree: xr.DataTree | Posterior, plan: pd.DataFrame, seed: int = 0, source: str = "plan"
) -> tuple[xr.DataArray, list[str]]:
    """Draws behind `predict`: KPI (draw, geo, week), and what was assumed. Raises as `predict`, naming `source`."""
    posterior = Posterior.of(tree)
    planned = read_plan(plan, posterior.spec, posterior.data, source)
    positions = posterior.thinned(DRAWS)
    predictor = posterior.predictor(positions)
    media = _media_effect(posterior, predictor, planned)
    level, noise = level_and_noise(posterior, positions, len(planned.weeks), seed)
    fixed = np.einsum("gtk,ngk->ngt", planned.design, predictor.fixed_effect)
    kpi = media + (level[:, None, :] + fixed + noise) * predictor.media.unit[:, None]
    if predictor.log:
        kpi = np.exp(kpi) * predictor.media.population[:, None]
    coords = {
        "draw": np.arange(len(positions)),
        "geo": posterior.data["geo"].to_numpy(),
        "week": week_coordinate(planned.weeks, posterior.spec),
    }
    return xr.DataArray(kpi, dims=("draw", "geo", "week"), coords=coords, name="kpi"), list(planned.assumed)


def level_and_noise(
    posterior: Posterior, positions: np.ndarray, weeks: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The level (draw, week) and the noise (draw, geo, week) of weeks to come, scaled; one seed gives the same."""
    rng = np.random.default_rng(seed)
    level = _level(posterior, positions, weeks, rng)
    return level, _noise(posterior, positions, (len(level), posterior.data.sizes["geo"], weeks), rng)


def _media_effect(posterior: Posterior, predictor: Predictor, plan: Plan) -> np.ndarray:
    """What all media of the plan's weeks add, (draw, geo, week), with what carries over from the fitted weeks."""
    frequency = scaled_frequency(posterior, plan)
    return np.concatenate(
        [predictor.media_terms_ahead(which, plan.exposure, frequency).sum(-1) for which in predictor.chunks()]
    )


def scaled_frequency(posterior: Posterior, plan: Plan) -> np.ndarray | None:
    """The plan's frequency in the form of `MediaModel.frequency`; None where no channel has one."""
    if plan.frequency is None:
        return None
    return np.asarray(plan.frequency / posterior.data["frequency_scale"].to_numpy())


def _level(posterior: Posterior, positions: np.ndarray, weeks: int, rng: np.random.Generator) -> np.ndarray:
    """The level's path from each draw's last week, (draw, week): a random walk, with the slope's where there is one."""
    last = posterior.draws("level", positions)[:, -1:]
    steps = posterior.draws("tau", positions)[:, None] * rng.standard_normal((len(last), weeks))
    if "slope_path" in posterior.variables:
        slope = posterior.draws("slope_path", positions)[:, -1:]
        turns = posterior.draws("tau_slope", positions)[:, None] * rng.standard_normal(steps.shape)
        steps = steps + slope + np.cumsum(turns, axis=1)
    return last + np.cumsum(steps, axis=1)


def _noise(
    posterior: Posterior, positions: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """Noise of the weeks to come in scaled units, (draw, geo, week): normal, or Student-t."""
    sigma = posterior.draws("sigma", positions)[:, None, None]
    if "nu" in posterior.variables:
        return sigma * rng.standard_t(posterior.draws("nu", positions)[:, None, None], shape)
    return sigma * rng.standard_normal(shape)
