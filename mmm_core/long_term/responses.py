"""What follows a shock: responses week by week, by how much each shock explains each variable's forecast error.

A linear recursion does all of it: with R_h = forcing_h + sum_l A_l R_{h-l} (0 before the first week), the forcing

    Sigma's lower root in week 0          gives responses to orthogonal shocks of one sd, in the variables' order,
    Sigma e_j / sqrt(Sigma_jj) in week 0  gives generalised ones (Pesaran and Shin 1998), which know no order,
    B_0 ... B_q in weeks 0 to q           gives the dynamic multipliers of media (`mmm_core.long_term.multipliers`).

A differenced variable's responses are summed up, so that they are of its level.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.long_term.coefficients import Coefficients
from mmm_core.threads import one_blas_thread

WEEKS = 52
Shocks = Literal["orthogonal", "generalised"]


def carried_on(lags: np.ndarray, forcing: np.ndarray, horizon: int) -> np.ndarray:
    """R_h = forcing_h + sum_l A_l R_{h-l}.

    Args:
        lags: A, (draw, lag, n, n). forcing: (draw, week, n, k), 0 after its last week.

    Returns:
        (draw, horizon + 1, n, k).
    """
    out = np.empty((len(lags), horizon + 1, *forcing.shape[2:]))
    for week, now in enumerate(week_by_week(lags, forcing, horizon)):
        out[:, week] = now
    return out


def week_by_week(lags: np.ndarray, forcing: np.ndarray, horizon: int) -> Iterator[np.ndarray]:
    """The weeks of `carried_on`, one after the other, each (draw, n, k)."""
    draws, order, variables, _ = lags.shape
    flat = np.ascontiguousarray(lags.swapaxes(1, 2)).reshape(draws, variables, order * variables)
    past = np.zeros((draws, order * variables, forcing.shape[-1]))
    for week in range(horizon + 1):
        now = flat @ past if week else np.zeros((draws, *forcing.shape[2:]))
        if week < forcing.shape[1]:
            now += forcing[:, week]
        yield now
        past = np.concatenate([now, past[:, :-variables]], axis=1)


def in_levels(response: np.ndarray, differenced: np.ndarray) -> np.ndarray:
    """Responses (draw, week, n, k) with those of differenced variables summed up."""
    if not differenced.any():
        return response
    out = response.copy()
    out[:, :, differenced] = np.cumsum(response[:, :, differenced], axis=1)
    return out


@one_blas_thread
def impulse_responses(draws: xr.Dataset, horizon: int = WEEKS, kind: Shocks = "orthogonal") -> xr.DataArray:
    """Responses of every variable to a shock of one standard deviation in each.

    Args:
        draws: of `fit_bvar`.
        horizon: last week after the shock.
        kind: orthogonal, by the order of the variables (a variable's shock moves those after it within the week), or
            generalised.

    Returns:
        (draw, horizon, response, shock), in the variables' own units.
    """
    found = Coefficients.of(draws)
    response = carried_on(found.lags, _shock(found, kind)[:, None], _weeks(horizon))
    names = draws["variable"].to_numpy()
    return xr.DataArray(
        in_levels(response, found.differenced),
        dims=("draw", "horizon", "response", "shock"),
        coords={
            "draw": draws["draw"].to_numpy(),
            "horizon": np.arange(horizon + 1),
            "response": names,
            "shock": names,
        },
        name="impulse_response",
        attrs={"kind": kind},
    )


@one_blas_thread
def variance_decomposition(draws: xr.Dataset, horizon: int = WEEKS) -> xr.DataArray:
    """Share of each variable's forecast error variance, so many weeks ahead, that each orthogonal shock accounts for.

    Returns:
        (draw, horizon, response, shock), horizon 1 to `horizon`; the shares of a variable sum to 1.
    """
    squares = impulse_responses(draws, _weeks(horizon) - 1)
    total = (squares**2).cumsum("horizon").transpose(*squares.dims)
    share = total / total.sum("shock")
    return share.assign_coords(horizon=np.arange(1, horizon + 1)).rename("variance_share")


def _shock(found: Coefficients, kind: Shocks) -> np.ndarray:
    if kind == "orthogonal":
        return found.root()
    if kind == "generalised":
        sd = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
        return np.asarray(found.covariance / sd[:, None, :])
    raise InputError(f"kind must be orthogonal or generalised, got '{kind}'")


def _weeks(horizon: int) -> int:
    if horizon < 1:
        raise InputError(f"horizon must be 1 week or more, got {horizon}")
    return horizon
