"""Draws of a vector autoregression's coefficients: as arrays for what is computed, as a Dataset for who reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.long_term.series import INTERCEPT, Layout, Series


@dataclass(frozen=True)
class Coefficients:
    """Draws in the series' own units.

    Attributes:
        lags: A, (draw, lag, equation, variable): lag 1 first.
        media: B, (draw, media lag, equation, channel): the week itself first.
        terms: (draw, equation, term): the intercept first.
        covariance: Sigma, (draw, equation, equation).
        differenced: (equation,), whether an equation is of the variable's weekly change.
    """

    lags: np.ndarray
    media: np.ndarray
    terms: np.ndarray
    covariance: np.ndarray
    differenced: np.ndarray

    @classmethod
    def stacked(
        cls,
        stacked: np.ndarray,
        covariance: np.ndarray,
        layout: Layout,
        differenced: np.ndarray,
    ) -> Coefficients:
        """From the coefficients of a regression, (draw, K, equation)."""
        draws, variables = len(stacked), layout.variables
        lags = stacked[:, : layout.media.start].reshape(draws, layout.lags, variables, variables)
        media = stacked[:, layout.media].reshape(draws, layout.media_lags + 1, layout.channels, variables)
        return cls(
            lags=np.ascontiguousarray(lags.swapaxes(2, 3)),
            media=np.ascontiguousarray(media.swapaxes(2, 3)),
            terms=np.ascontiguousarray(stacked[:, layout.deterministic].swapaxes(1, 2)),
            covariance=covariance,
            differenced=differenced,
        )

    @classmethod
    def of(cls, draws: xr.Dataset) -> Coefficients:
        """Of a Dataset of `fit_bvar`."""
        order = {
            "lag_coefficient": ("draw", "lag", "equation", "variable"),
            "media_coefficient": ("draw", "media_lag", "equation", "channel"),
            "term_coefficient": ("draw", "equation", "term"),
            "covariance": ("draw", "equation", "variable"),
        }
        missing = [name for name in order if name not in draws]
        if missing:
            raise InputError(f"these are no draws of fit_bvar: they have no {missing[0]}")
        lags, media, terms, covariance = (
            draws[name].transpose(*dims).to_numpy() for name, dims in order.items()
        )
        return cls(lags, media, terms, covariance, draws["differenced"].to_numpy())

    def root(self) -> np.ndarray:
        """Lower triangular roots of the covariances, (draw, equation, equation)."""
        return np.linalg.cholesky(self.covariance)


def largest_root(lags: np.ndarray) -> np.ndarray:
    """Largest modulus of the companion matrix's eigenvalues, (draw,), of A (draw, lag, n, n): below 1 is stable."""
    draws, order, variables, _ = lags.shape
    companion = np.zeros((draws, order * variables, order * variables))
    companion[:, :variables] = lags.swapaxes(1, 2).reshape(draws, variables, order * variables)
    below = np.arange(variables * (order - 1))
    companion[:, variables + below, below] = 1.0
    return np.asarray(np.abs(np.linalg.eigvals(companion)).max(-1))


def labelled(found: Coefficients, given: Series) -> xr.Dataset:
    """The draws with their names, and the series they were fitted on.

    Returns:
        lag_coefficient (draw, lag, equation, variable), media_coefficient (draw, media_lag, equation, channel),
        term_coefficient (draw, equation, term), covariance (draw, equation, variable), largest_root (draw,),
        differenced (equation,); observed ((draw,) observed_week, variable), modelled ((draw,) week, equation), media
        (media_week, channel), deterministic (week, deterministic_term).
    """
    variables = list(given.variables)
    drawn = ("draw",) if given.drawn else ()
    step = np.timedelta64(7, "D")
    return xr.Dataset(
        {
            "lag_coefficient": (("draw", "lag", "equation", "variable"), found.lags),
            "media_coefficient": (("draw", "media_lag", "equation", "channel"), found.media),
            "term_coefficient": (("draw", "equation", "term"), found.terms),
            "covariance": (("draw", "equation", "variable"), found.covariance),
            "largest_root": (("draw",), largest_root(found.lags)),
            "differenced": (("equation",), found.differenced),
            "observed": ((*drawn, "observed_week", "variable"), given.observed),
            "modelled": ((*drawn, "week", "equation"), given.modelled),
            "media": (("media_week", "channel"), given.media),
            "deterministic": (("week", "deterministic_term"), given.deterministic),
        },
        coords={
            "draw": np.arange(len(found.lags)),
            "lag": np.arange(1, found.lags.shape[1] + 1),
            "media_lag": np.arange(found.media.shape[1]),
            "equation": variables,
            "variable": variables,
            "channel": list(given.channels),
            "term": [INTERCEPT, *given.terms],
            "deterministic_term": list(given.terms),
            "week": given.weeks,
            "observed_week": given.weeks[-1] - step * np.arange(given.observed.shape[-2])[::-1],
            "media_week": given.weeks[-1] - step * np.arange(len(given.media))[::-1],
        },
    )
