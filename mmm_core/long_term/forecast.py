"""Forecasts of a vector autoregression, free or with some values given.

The paths of the weeks to come are y = m + L e, e ~ N(0, I), of each draw of the coefficients: m goes on without
shocks, L holds the responses to orthogonal shocks. With conditions C y = r on some weeks of some variables, a free
path y is moved to one that keeps them,

    y + L L'C' (C L L'C')^{-1} (r - C y),

which is an exact draw of the normal given the conditions. The coefficients are those of the data: a condition is a
scenario, not news about the past (Waggoner and Zha 1999 also learn from it).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError, listed
from mmm_core.long_term.coefficients import Coefficients
from mmm_core.long_term.conjugate import chunks
from mmm_core.long_term.responses import carried_on, in_levels
from mmm_core.threads import one_blas_thread


@one_blas_thread
def forecast(
    draws: xr.Dataset,
    weeks: int,
    media: pd.DataFrame | None = None,
    terms: pd.DataFrame | None = None,
    conditions: pd.DataFrame | None = None,
    seed: int = 0,
) -> xr.DataArray:
    """Paths of the weeks after the last, one of each draw.

    Args:
        weeks: how many.
        media: planned, a row a week and a column a channel; needed where the model has media.
        terms: deterministic terms of those weeks; needed where the model has any.
        conditions: values to be kept, a row a week and a column for some or all variables; nan is free.
        seed: of the shocks.

    Returns:
        (draw, week, variable), in levels.

    Raises:
        InputError: a plan lacks a channel, a term or weeks; a condition names no variable.
    """
    found = Coefficients.of(draws)
    mean = expected_path(draws, weeks, media, terms, found)
    rng = np.random.default_rng(seed)
    shocks = rng.standard_normal(mean.shape)
    response = in_levels(carried_on(found.lags, found.root()[:, None], weeks - 1), found.differenced)
    paths = mean + _convolved(response, shocks)
    if conditions is not None:
        wanted, where = _conditions(conditions, draws, weeks)
        if where.any():
            paths = _moved(paths, response, wanted, where)
    return _labelled(paths, draws, weeks)


def expected_path(
    draws: xr.Dataset,
    weeks: int,
    media: pd.DataFrame | None = None,
    terms: pd.DataFrame | None = None,
    found: Coefficients | None = None,
) -> np.ndarray:
    """The path of each draw without shocks, (draw, week, variable), in levels."""
    found = Coefficients.of(draws) if found is None else found
    if weeks < 1:
        raise InputError(f"weeks must be 1 or more, got {weeks}")
    names = [str(name) for name in draws["channel"].to_numpy()]
    plan = _plan(media, names, weeks, "media")
    more = _plan(terms, [str(name) for name in draws["deterministic_term"].to_numpy()], weeks, "terms")
    known = draws["media"].to_numpy()
    exposure = np.concatenate([known, plan])
    given = np.concatenate([np.ones((weeks, 1)), more], axis=1)
    past = draws["modelled"].to_numpy()
    count, order = len(found.lags), found.lags.shape[1]
    past = np.broadcast_to(past[..., -order:, :], (count, order, past.shape[-1]))
    path = np.concatenate([past, np.zeros((count, weeks, past.shape[-1]))], axis=1)
    for week in range(weeks):
        now = found.terms @ given[week]
        for lag in range(order):
            now = now + (found.lags[:, lag] @ path[:, order + week - 1 - lag, :, None])[..., 0]
        for lag in range(found.media.shape[1] if names else 0):
            now = now + found.media[:, lag] @ exposure[len(known) + week - lag]
        path[:, order + week] = now
    return levels(path[:, order:], draws["observed"].to_numpy()[..., -1, :], found.differenced)


def levels(path: np.ndarray, last: np.ndarray, differenced: np.ndarray) -> np.ndarray:
    """Paths (draw, week, variable) with differenced variables summed up from their last level, ((draw,) variable)."""
    if not differenced.any():
        return path
    out = path.copy()
    out[..., differenced] = last[..., None, differenced] + np.cumsum(path[..., differenced], axis=1)
    return out


def _convolved(response: np.ndarray, shocks: np.ndarray) -> np.ndarray:
    """sum_k response_{h-k} shocks_k: (draw, week, n) of (draw, week, n, n) and (draw, week, n)."""
    out = np.zeros(shocks.shape)
    for week in range(shocks.shape[1]):
        later = response[:, : shocks.shape[1] - week]
        out[:, week:] += (later @ shocks[:, week, None, :, None])[..., 0]
    return out


def _moved(paths: np.ndarray, response: np.ndarray, wanted: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Free paths moved to ones that keep the conditions; `wanted` and `where` are (week, variable)."""
    weeks, variables = where.shape
    at_week, at_variable = np.nonzero(where)
    target = wanted[where]
    out = paths.copy()
    for part in chunks(len(paths), len(target) * weeks * variables):
        rows = np.zeros((part.stop - part.start, len(target), weeks, variables))  # C L
        for row, (week, variable) in enumerate(zip(at_week, at_variable, strict=True)):
            rows[:, row, : week + 1] = response[part, : week + 1, variable][:, ::-1]
        flat = rows.reshape(len(rows), len(target), -1)
        missed = target - paths[part][:, at_week, at_variable]
        solved = np.linalg.solve(flat @ flat.swapaxes(1, 2), missed[..., None])
        shocks = (flat.swapaxes(1, 2) @ solved)[..., 0].reshape(-1, weeks, variables)
        out[part] += _convolved(response[part], shocks)
    out[:, where] = target  # exactly, not to rounding
    return out


def _conditions(conditions: pd.DataFrame, draws: xr.Dataset, weeks: int) -> tuple[np.ndarray, np.ndarray]:
    names = [str(name) for name in draws["variable"].to_numpy()]
    unknown = [str(name) for name in conditions.columns if str(name) not in names]
    if unknown:
        raise InputError(f"conditions name {listed(unknown)}, which is no variable: known: {listed(names)}")
    if len(conditions) > weeks:
        raise InputError(f"conditions reach over {len(conditions)} weeks, the forecast over {weeks}")
    wanted = np.full((weeks, len(names)), np.nan)
    for name in conditions.columns:
        wanted[: len(conditions), names.index(str(name))] = conditions[name].to_numpy(dtype=float)
    return wanted, np.isfinite(wanted)


def _plan(frame: pd.DataFrame | None, names: list[str], weeks: int, kind: str) -> np.ndarray:
    if not names:
        return np.zeros((weeks, 0))
    missing = names if frame is None else [name for name in names if name not in frame.columns]
    if frame is None or missing or len(frame) < weeks:
        rows = 0 if frame is None else len(frame)
        raise InputError(
            f"a forecast of {weeks} weeks needs as many rows of {kind} with the columns {listed(names)}; there are "
            f"{rows} rows{' without ' + listed(missing) if missing else ''}"
        )
    values = frame[names].to_numpy(dtype=float)[:weeks]
    if not np.isfinite(values).all():
        raise InputError(f"{kind} of the weeks to come have gaps: every week needs a number, 0 for none")
    return values


def _labelled(paths: np.ndarray, draws: xr.Dataset, weeks: int) -> xr.DataArray:
    last = draws["week"].to_numpy()[-1]
    return xr.DataArray(
        paths,
        dims=("draw", "week", "variable"),
        coords={
            "draw": draws["draw"].to_numpy(),
            "week": last + np.timedelta64(7, "D") * np.arange(1, weeks + 1),
            "variable": draws["variable"].to_numpy(),
        },
        name="forecast",
    )
