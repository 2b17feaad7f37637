"""Is anything left in the residuals? Portmanteau test of a vector autoregression.

    Q = T^2 sum_{h=1..H} 1/(T-h) trace(C_h' C_0^{-1} C_h C_0^{-1})  ~  chi2(n^2 (H - p)),   C_h = 1/T sum_t e_t
    e_{t-h}'

(Luetkepohl 2005, section 4.4.3, adjusted for small samples). A small p-value says that a week's residuals tell
something of a later week's: more lags, a season or a missing variable.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.stats import chi2

from mmm_core.errors import InputError
from mmm_core.long_term.coefficients import Coefficients

LAGS = 12


class Portmanteau(NamedTuple):
    """Of every series of residuals."""

    statistic: np.ndarray  # (draw,)
    p_value: np.ndarray  # (draw,)
    degrees: int

    @property
    def median_p(self) -> float:
        """The middle of the p-values; nan where there are too few rows for a test."""
        return float(np.median(self.p_value))

    @property
    def sentence(self) -> str:
        """In words."""
        if np.isnan(self.median_p):
            return "too few weeks to tell whether residuals are correlated over them: add weeks, or take fewer lags"
        if self.median_p < 0.05:
            return (
                f"residuals are correlated over the weeks (p = {self.median_p:.3f}): take more lags, or look for a "
                "season, a step or a variable that is missing"
            )
        return f"no sign that residuals are correlated over the weeks (p = {self.median_p:.2f})"


def residuals(draws: xr.Dataset) -> np.ndarray:
    """Residuals at the posterior mean of the coefficients: (1, row, variable), or (draw, ...) of variables known as
    draws.

    At a draw of the coefficients residuals hold that draw's own error too, which is correlated over the weeks. Where
    variables are states that were drawn with the coefficients (`fit_tracked_bvar`), it is the other way about: a draw's
    states belong to its own coefficients, and other ones would leave the difference.
    """
    found = Coefficients.of(draws)
    if draws.attrs.get("states"):
        return _of_each(found, draws)
    values = draws["modelled"].to_numpy()
    values = values if values.ndim == 3 else values[None]
    media = draws["media"].to_numpy()
    first, weeks = int(draws.attrs["first_row"]), values.shape[-2]
    history = len(media) - weeks
    terms = np.concatenate([np.ones((weeks, 1)), draws["deterministic"].to_numpy()], axis=1)
    out = values[:, first:] - terms[first:] @ found.terms.mean(0).T
    for lag, weight in enumerate(found.lags.mean(0), start=1):
        out = out - values[:, first - lag : weeks - lag] @ weight.T
    for lag, weight in enumerate(found.media.mean(0)):
        out = out - media[history + first - lag : history + weeks - lag] @ weight.T
    return np.asarray(out)


def _of_each(found: Coefficients, draws: xr.Dataset) -> np.ndarray:
    """Residuals of each draw's states at its own coefficients, (draw, row, variable)."""
    values, media = (
        draws["modelled"].transpose("draw", "week", "equation").to_numpy(),
        draws["media"].to_numpy(),
    )
    first, weeks = int(draws.attrs["first_row"]), values.shape[1]
    history = len(media) - weeks
    terms = np.concatenate([np.ones((weeks, 1)), draws["deterministic"].to_numpy()], axis=1)
    out = values[:, first:] - terms[first:] @ found.terms.swapaxes(1, 2)
    for lag in range(1, found.lags.shape[1] + 1):
        out = out - values[:, first - lag : weeks - lag] @ found.lags[:, lag - 1].swapaxes(1, 2)
    for lag in range(found.media.shape[1]):
        past = media[history + first - lag : history + weeks - lag]
        out = out - past @ found.media[:, lag].swapaxes(1, 2)
    return np.asarray(out)


def portmanteau(draws: xr.Dataset, lags: int = LAGS) -> Portmanteau:
    """The test of a fit; of variables known as draws, of each draw of them.

    Args:
        draws: of `fit_bvar` or `fit_tracked_bvar`. lags: H, more than the model has.

    Least squares takes some of the shocks' correlation away: n^2 (H - p) degrees are left of its residuals. Those
    of states, at each draw's own coefficients, are distributed as the shocks themselves: n^2 H.
    """
    order = int(draws.attrs["lags"])
    _refuse_few(order, lags)
    return portmanteau_of(residuals(draws), 0 if draws.attrs.get("states") else order, lags)


def _refuse_few(order: int, lags: int) -> None:
    if lags <= order:
        raise InputError(f"the test needs more lags than the model has ({order}), got {lags}")


def portmanteau_of(left: np.ndarray, order: int, lags: int) -> Portmanteau:
    """The test of residuals (draw, row, variable) of a model with `order` lags, 0 where they are the shocks.

    nan of no more rows than lags.
    """
    _refuse_few(order, lags)
    left = left - left.mean(1, keepdims=True)
    rows, variables = left.shape[1:]
    degrees = variables**2 * (lags - order)
    if rows <= max(lags, variables):
        nothing = np.full(len(left), np.nan)
        return Portmanteau(nothing, nothing, degrees)
    across = np.swapaxes(left, 1, 2)
    inverse = np.linalg.inv(across @ left / rows)
    statistic = np.zeros(len(left))
    for lag in range(1, lags + 1):
        moved = across[..., lag:] @ left[:, : rows - lag] / rows
        statistic += np.trace(np.swapaxes(moved, 1, 2) @ inverse @ moved @ inverse, axis1=1, axis2=2) / (
            rows - lag
        )
    statistic *= rows**2
    return Portmanteau(statistic, chi2.sf(statistic, degrees), degrees)
