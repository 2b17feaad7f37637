"""The KPI of weeks to come under a plan of media, with honest uncertainty: parameters, level and noise all vary.

The level goes on as the random walk it was, from each draw's last week; media carry over from the fitted weeks into the
plan; seasonality and events go on by date.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data import NATIONAL, event_indicators, fourier, fourier_terms
from mmm_core.errors import InputError, listed
from mmm_core.media import MediaModel, media_parameters
from mmm_core.media_spec import Channel
from mmm_core.posterior import spec_of
from mmm_core.spec import ModelSpec
from mmm_core.table import dates

# A plan's impressions and the controls it leaves out are taken from this many last weeks.
RECENT_WEEKS = 13
DRAWS = 1000


def predict(tree: xr.DataTree, plan: pd.DataFrame, seed: int = 0) -> xr.Dataset:
    """Forecast the KPI of a plan's weeks.

    Args:
        tree: a posterior.
        plan: one row a week (and geo), the weeks following the fitted ones without a gap. Media columns as in the
            model's specification; where a channel is modelled on impressions, its spend alone will do and buys
            impressions at the price of the last 13 weeks. A control that is left out stays at its mean of those weeks.
        seed: of the level's steps and the noise.

    Returns:
        mean, sd, q05, median, q95 of the KPI in its own units over (geo, week); attribute `assumed` lists what the
        plan left open.

    Raises:
        InputError: a week missing, repeated or before the end of the fitted weeks, an unknown or missing geo, a
            missing media column, or a negative or missing number.
    """
    draws, assumed = predictive_draws(tree, plan, seed)
    low, middle, high = draws.quantile([0.05, 0.5, 0.95], "draw").transpose("quantile", "geo", "week")
    out = xr.Dataset(
        {
            "mean": draws.mean("draw"),
            "sd": draws.std("draw"),
            "q05": low.drop_vars("quantile"),
            "median": middle.drop_vars("quantile"),
            "q95": high.drop_vars("quantile"),
        }
    )
    out.attrs["assumed"] = assumed
    return out


def predictive_draws(tree: xr.DataTree, plan: pd.DataFrame, seed: int = 0) -> tuple[xr.DataArray, list[str]]:
    """Draws behind `predict`: KPI (draw, geo, week), and what was assumed. Raises as `predict`."""
    spec, data = spec_of(tree), tree["constant_data"].to_dataset()
    assumed: list[str] = []
    rows, weeks = _plan_rows(plan, spec, data)
    exposure = _planned_exposure(rows, spec, data, weeks, assumed)
    design = _planned_design(rows, spec, data, weeks, assumed)

    posterior = tree["posterior"].to_dataset().stack(sample=("chain", "draw"), create_index=False)
    keep = np.linspace(0, posterior.sizes["sample"] - 1, min(DRAWS, posterior.sizes["sample"])).astype(int)
    posterior = posterior.isel(sample=keep)
    history = data["exposure"].to_numpy()[:, -spec.l_max :] if spec.l_max else exposure[:, :0]
    effect = jax.jit(MediaModel.of(data, spec).effect)
    path = np.concatenate([history, exposure], axis=1)
    with jax.enable_x64(True):
        media = np.asarray(effect(media_parameters(tree, keep), jnp.asarray(path)))[
            :, :, history.shape[1] :
        ].sum(-1)

    rng = np.random.default_rng(seed)
    last = posterior["level"].transpose("sample", "week").to_numpy()[:, -1]
    tau = posterior["tau"].to_numpy()[:, None]
    level = last[:, None] + np.cumsum(tau * rng.standard_normal((len(keep), len(weeks))), axis=1)
    fixed = np.einsum(
        "gtk,ngk->ngt", design, posterior["fixed_effect"].transpose("sample", "geo", "term").to_numpy()
    )
    noise = posterior["sigma"].to_numpy()[:, None, None] * rng.standard_normal(fixed.shape)
    unit = float(data["kpi_scale"]) * data["population"].to_numpy()[:, None]
    kpi = media + (level[:, None, :] + fixed + noise) * unit
    coords = {"draw": np.arange(len(keep)), "geo": data["geo"].to_numpy(), "week": weeks}
    return xr.DataArray(kpi, dims=("draw", "geo", "week"), coords=coords, name="kpi"), assumed


def _plan_rows(
    plan: pd.DataFrame, spec: ModelSpec, data: xr.Dataset
) -> tuple[pd.DataFrame, pd.DatetimeIndex]:
    """The plan sorted by geo and week, held against the model's calendar and geos."""
    time = spec.time.column
    if time not in plan.columns:
        raise InputError(f"plan: column {time} is missing")
    rows = plan.copy()
    rows[time] = dates(rows[time])
    if rows.empty or rows[time].isna().any():
        raise InputError(f"plan: column {time}: no rows, or a value that is not a date written YYYY-MM-DD")
    geos = [str(geo) for geo in data["geo"].to_numpy()]
    if spec.geo:
        if spec.geo.column not in rows.columns:
            raise InputError(
                f"plan: column {spec.geo.column} is missing: {spec.model} is a model of {len(geos)} geos"
            )
        rows["_geo"] = rows[spec.geo.column].astype(str)
    else:
        rows["_geo"] = NATIONAL
    strange, absent = set(rows["_geo"]) - set(geos), set(geos) - set(rows["_geo"])
    if strange or absent:
        raise InputError(
            f"plan: geos unknown to the model: {listed(sorted(strange)) or 'none'}; "
            f"geos left out: {listed(sorted(absent)) or 'none'}"
        )
    weeks = pd.DatetimeIndex(np.sort(rows[time].unique()))
    first = pd.Timestamp(data["week"].to_numpy()[-1]) + pd.Timedelta(days=7)
    expected = pd.date_range(first, periods=len(weeks), freq="7D")
    if not weeks.equals(expected):
        raise InputError(
            f"plan: its weeks must follow the fitted ones: expected {first.date()} to {expected[-1].date()}, "
            f"got {weeks[0].date()} to {weeks[-1].date()}"
        )
    if rows.duplicated(["_geo", time]).any() or len(rows) != len(geos) * len(weeks):
        raise InputError("plan: expected one row for every week and geo")
    rows["_geo"] = pd.Categorical(rows["_geo"], geos)
    return rows.sort_values(["_geo", time]).reset_index(drop=True), weeks


def _numbers(rows: pd.DataFrame, column: str, shape: tuple[int, int]) -> np.ndarray:
    numbers = pd.to_numeric(rows[column], errors="coerce").to_numpy(dtype=float)
    if not np.isfinite(numbers).all():
        raise InputError(f"plan: column {column}: a number is missing")
    return numbers.reshape(shape)


def _planned_exposure(
    rows: pd.DataFrame, spec: ModelSpec, data: xr.Dataset, weeks: pd.DatetimeIndex, assumed: list[str]
) -> np.ndarray:
    """Exposure of the plan, (geo, week, channel)."""
    shape = (data.sizes["geo"], len(weeks))
    columns = []
    for name, channel in zip(spec.channels, spec.channel_specs, strict=True):
        if channel.media_column in rows.columns:
            values = _numbers(rows, channel.media_column, shape)
        elif isinstance(channel, Channel) and channel.spend in rows.columns:
            recent = data.isel(media_week=slice(-RECENT_WEEKS, None))
            bought = float(recent["exposure"].sel(channel=name).sum())
            paid = float(recent["spend"].sel(paid_channel=name).sum())
            if paid <= 0 or bought <= 0:
                raise InputError(
                    f"plan: column {channel.media_column} is missing, and {name} bought nothing in the last "
                    f"{RECENT_WEEKS} fitted weeks to price it by"
                )
            values = _numbers(rows, channel.spend, shape) * bought / paid
            assumed.append(f"{name}: {channel.media_column} at {paid / bought:.4g} of spend each")
        else:
            raise InputError(
                f"plan: column {channel.media_column} of channel {name} is missing: write 0 to pause it"
            )
        if (values < 0).any():
            raise InputError(f"plan: channel {name}: negative media")
        columns.append(values)
    return np.stack(columns, axis=-1)


def _planned_design(
    rows: pd.DataFrame, spec: ModelSpec, data: xr.Dataset, weeks: pd.DatetimeIndex, assumed: list[str]
) -> np.ndarray:
    """Design of the plan's weeks, (geo, week, term), standardised as the fitted one."""
    shape = (data.sizes["geo"], len(weeks))
    centre, scale = data["design_centre"].to_numpy(), data["design_scale"].to_numpy()
    season = spec.baseline.seasonality
    waves = dict(zip(fourier_terms(season.order), fourier(weeks, season.period, season.order).T, strict=True))
    by_date = {**waves, **event_indicators(weeks, spec)}
    design = np.ones((*shape, data.sizes["term"]))
    for position, term in enumerate(data["term"].to_numpy().tolist()):
        if term in by_date:
            design[..., position] = by_date[term]
        elif term == "trend":
            steps = data.sizes["week"] + np.arange(len(weeks))
            design[..., position] = (steps - centre[position]) / scale[position]
        elif term in spec.controls:
            if term in rows.columns:
                values = _numbers(rows, term, shape)
                design[..., position] = (values - centre[position]) / scale[position]
            else:
                recent = data["design"].isel(term=position, week=slice(-RECENT_WEEKS, None)).mean("week")
                design[..., position] = recent.to_numpy()[:, None]
                assumed.append(f"{term}: held at its mean of the last {RECENT_WEEKS} fitted weeks")
    return design
