"""Does the autoregression behind a brand tracker forecast better than "as before"? Refits on the past, and compares.

At each origin only the waves that were over and the base up to it are known: states that are smoothed with what came
later would forecast themselves. Metrics are compared where they were measured, wave by wave, with the last wave before
the origin. Base sales nobody sees without noise: what is forecast is compared with the short-term model's own path,
which is smooth, beside "as the week of the origin". Season, media and noise, whose effects a draw takes off, are those
of a model fitted on all weeks, so that the weeks before an origin know a little of what came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit

from mmm_core.errors import InputError
from mmm_core.long_term.base import with_metrics
from mmm_core.long_term.forecast import expected_path, forecast
from mmm_core.long_term.survey import FEWEST_WAVES, days_in_weeks
from mmm_core.long_term.terms import moving
from mmm_core.long_term.tracked import fit_tracked_bvar
from mmm_core.long_term.variables import BASE

ORIGINS, WEEKS = 4, 13
CHAINS, DRAWS, STEPS, WARMUP = 8, 80, 5, 120


def tracker_against_random_walk(
    base: xr.Dataset,
    surveys: Mapping[str, pd.DataFrame],
    media: pd.DataFrame,
    terms: pd.DataFrame | None = None,
    *,
    origins: int = ORIGINS,
    weeks: int = WEEKS,
    seed: int = 0,
    **settings: Any,
) -> pd.DataFrame:
    """Errors of forecasts from several past weeks, beside those of the last value.

    Args:
        base: of `mmm_core.long_term.base.measured_base`. surveys, media, terms, settings: as of `fit_tracked_bvar`;
            media of the weeks forecast are those that came, and so is a step that had begun by the origin.
        origins: how many, spread over the last third of the weeks. weeks: how far ahead.

    Returns:
        A row a variable: variable, rmse, rmse_random_walk, ratio, forecasts (how many values were compared). Metrics in
        shares.

    Raises:
        InputError: too few weeks for the origins.
    """
    days = pd.DatetimeIndex(base["week"].to_numpy())
    count = len(days)
    earliest = max(count * 2 // 3, 20)
    if earliest + weeks > count:
        raise InputError(f"{count} weeks are too few to forecast {weeks} weeks from the last third of them")
    errors: dict[str, list[np.ndarray]] = {name: [] for name in (*surveys, BASE)}
    naive: dict[str, list[np.ndarray]] = {name: [] for name in errors}
    for number, origin in enumerate(np.unique(np.linspace(earliest, count - weeks, origins).astype(int))):
        known, ahead = days[:origin], days[origin : origin + weeks]
        past = {name: part[part["end"] < ahead[0]] for name, part in surveys.items()}
        if min(len(part) for part in past.values()) < FEWEST_WAVES:
            continue
        places = np.linspace(0, base.sizes["draw"] - 1, min(DRAWS, base.sizes["draw"])).astype(int)
        some = base.isel(draw=places)
        measured, sd = (
            with_metrics(some[name].isel(week=slice(0, origin)), {}) for name in ("measured", "sd")
        )
        more = moving(terms, known)
        ahead_terms = None if more is None else more.loc[ahead]
        fitted = fit_tracked_bvar(
            measured, past, media.loc[: known[-1]], None if more is None else more.loc[: known[-1]], noise=sd,
            chains=CHAINS, steps=STEPS, warmup=WARMUP, seed=seed + number, **settings,
        )  # fmt: skip
        paths = forecast(fitted, weeks, media.loc[ahead], ahead_terms, seed=seed + number)
        came = some["base"].transpose("draw", "week").to_numpy()[:, origin : origin + weeks]
        last = fitted["observed"].sel(variable=BASE).transpose("draw", "observed_week").to_numpy()[:, -1:]
        # of all draws together: a single draw's state of the origin's week is off by chance
        expected = np.median(expected_path(fitted, weeks, media.loc[ahead], ahead_terms)[..., -1], axis=0)
        errors[BASE].append((came.mean(0) - expected).ravel())
        naive[BASE].append((came.mean(0) - last.mean()).ravel())
        for name, part in surveys.items():
            inside = (part["start"] >= ahead[0]) & (part["end"] <= ahead[-1] + pd.Timedelta(days=6))
            later = part[inside]
            if len(later) == 0:
                continue
            share = expit(paths.sel(variable=name).to_numpy()).mean(0)
            asked = later["share"].to_numpy(float)
            errors[name].append(asked - days_in_weeks(later, ahead) @ share)
            naive[name].append(asked - float(past[name]["share"].iloc[-1]))
    rows = []
    for name in errors:
        ours, theirs = (
            float(np.sqrt(np.mean(np.square(np.concatenate(parts))))) if parts else np.nan
            for parts in (errors[name], naive[name])
        )
        compared = len(naive[name]) * weeks if name == BASE else sum(len(part) for part in errors[name])
        rows.append(
            {
                "variable": name,
                "rmse": ours,
                "rmse_random_walk": theirs,
                "ratio": ours / theirs,
                "forecasts": compared,
            }
        )
    return pd.DataFrame(rows)
