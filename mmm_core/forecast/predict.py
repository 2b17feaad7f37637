"""The KPI of weeks to come under a plan of media, with honest uncertainty: parameters, level and noise all vary.

The level goes on as the random walk it was, with its slope, from each draw's last week; media carry over from the
fitted weeks into the plan; seasonality, holidays, events and steps go on by date; a time-varying effect stays where it
was.
"""

from __future__ import annotations

import jax
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.plan import Plan, read_plan
from mmm_core.model.media import MediaModel, MediaParameters
from mmm_core.posterior.draws import media_parameters
from mmm_core.posterior.schema import spec_of
from mmm_core.spec.model_spec import ModelSpec

DRAWS = 1000


def predict(tree: xr.DataTree, plan: pd.DataFrame, seed: int = 0) -> xr.Dataset:
    """Forecast the KPI of a plan's weeks.

    Args:
        tree: a posterior.
        plan: one row a week (and geo), the weeks following the fitted ones without a gap. Media columns as in the
            model's specification; where a channel is modelled on impressions or reach, its spend alone will do and
            buys them at the price of the last 13 weeks, at the frequency of those weeks. A control or treatment that is
            left out stays at its mean of those weeks. Further columns of a weekly table may be there.
        seed: of the level's steps and the noise.

    Returns:
        mean, sd, q05, median, q95 of the KPI in its own units over (geo, week); attribute `assumed` lists what the
        plan left open. Of a log KPI with Student-t noise read the median: that distribution has no mean.

    Raises:
        InputError: a week missing, repeated or before the end of the fitted weeks, an unknown or missing geo, a
            missing media column, a misspelt one, text, or a negative or missing number.
    """
    draws, assumed = predictive_draws(tree, plan, seed)
    out = summary_of(draws)
    out.attrs["assumed"] = assumed
    return out


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


def predictive_draws(tree: xr.DataTree, plan: pd.DataFrame, seed: int = 0) -> tuple[xr.DataArray, list[str]]:
    """Draws behind `predict`: KPI (draw, geo, week), and what was assumed. Raises as `predict`."""
    spec, data = spec_of(tree), tree["constant_data"].to_dataset()
    planned = read_plan(plan, spec, data)
    posterior = tree["posterior"].to_dataset().stack(sample=("chain", "draw"), create_index=False)
    keep = np.linspace(0, posterior.sizes["sample"] - 1, min(DRAWS, posterior.sizes["sample"])).astype(int)
    posterior = posterior.isel(sample=keep)
    model = MediaModel.of(data, spec)
    effect = _media_effect(model, media_parameters(tree, keep), planned, data, spec)
    rng = np.random.default_rng(seed)
    level = _level(posterior, len(planned.weeks), rng)
    fixed = np.einsum(
        "gtk,ngk->ngt",
        planned.design,
        posterior["fixed_effect"].transpose("sample", "geo", "term").to_numpy(),
    )
    noise = _noise(posterior, fixed.shape, rng)
    kpi = effect + (level[:, None, :] + fixed + noise) * model.unit[:, None]
    if spec.kpi.scale == "log":
        kpi = np.exp(kpi) * model.population[:, None]
    coords = {"draw": np.arange(len(keep)), "geo": data["geo"].to_numpy(), "week": planned.weeks}
    return xr.DataArray(kpi, dims=("draw", "geo", "week"), coords=coords, name="kpi"), list(planned.assumed)


def _media_effect(
    model: MediaModel, parameters: MediaParameters, plan: Plan, data: xr.Dataset, spec: ModelSpec
) -> np.ndarray:
    """What all media of the plan's weeks add, (draw, geo, week), with what carries over from the fitted weeks.

    A time-varying effect stays where it was in the last fitted week.
    """

    def joined(fitted: str, planned: np.ndarray) -> np.ndarray:
        past = data[fitted].to_numpy()
        return np.concatenate([past[:, past.shape[1] - spec.l_max :], planned], axis=1)

    if parameters.multiplier is not None:
        parameters = parameters._replace(multiplier=parameters.multiplier[:, -1:])
    exposure = joined("exposure", plan.exposure)
    frequency = None
    if plan.frequency is not None:
        frequency = joined("frequency", plan.frequency) / data["frequency_scale"].to_numpy()
    with jax.enable_x64(True):
        effect = jax.jit(model.effect)(parameters, exposure, frequency)
        return np.asarray(effect)[:, :, spec.l_max :].sum(-1)


def _level(posterior: xr.Dataset, weeks: int, rng: np.random.Generator) -> np.ndarray:
    """The level's path from each draw's last week, (draw, week): a random walk, with the slope's where there is one."""
    last = posterior["level"].transpose("sample", "week").to_numpy()[:, -1:]
    steps = posterior["tau"].to_numpy()[:, None] * rng.standard_normal((len(last), weeks))
    if "slope_path" in posterior:
        slope = posterior["slope_path"].transpose("sample", "week").to_numpy()[:, -1:]
        turns = posterior["tau_slope"].to_numpy()[:, None] * rng.standard_normal(steps.shape)
        steps = steps + slope + np.cumsum(turns, axis=1)
    return last + np.cumsum(steps, axis=1)


def _noise(posterior: xr.Dataset, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Noise of the weeks to come in scaled units, (draw, geo, week): normal, or Student-t."""
    sigma = posterior["sigma"].to_numpy()[:, None, None]
    if "nu" in posterior:
        return sigma * rng.standard_t(posterior["nu"].to_numpy()[:, None, None], shape)
    return sigma * rng.standard_normal(shape)
