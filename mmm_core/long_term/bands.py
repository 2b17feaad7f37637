"""Quantile bands of labelled draws, at any level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mmm_core.errors import InputError


def bands(values: xr.DataArray, levels: Sequence[float] = (0.5, 0.9)) -> xr.Dataset:
    """Median and central intervals over the draws.

    Args:
        values: with the dimension draw. Draws that are nan (unstable ones of a long-run figure) are left out.
        levels: of the intervals, each between 0 and 1.

    Returns:
        median, and lower and upper (level, ...); `finite`, the share of draws that have a figure.

    Raises:
        InputError: a level is not between 0 and 1, or the values have no draws.
    """
    if isinstance(values, xr.Dataset):
        raise InputError(f"bands are of one figure: take one of {', '.join(map(str, values.data_vars))}")
    wrong = [level for level in levels if not 0 < level < 1]
    if wrong or "draw" not in values.dims:
        raise InputError(
            f"bands need draws and levels between 0 and 1, got levels {list(levels)} over dimensions {values.dims}"
        )
    order = values.transpose("draw", ...)
    array = order.to_numpy()
    probabilities = [0.5, *((1 - level) / 2 for level in levels), *((1 + level) / 2 for level in levels)]
    finite = np.isfinite(array)
    found = np.quantile(array, probabilities, axis=0) if finite.all() else _of_finite(array, probabilities)
    dims, coords = order.dims[1:], {name: c for name, c in order.coords.items() if "draw" not in c.dims}
    count = len(levels)
    return xr.Dataset(
        {
            "median": (dims, found[0]),
            "lower": (("level", *dims), found[1 : 1 + count]),
            "upper": (("level", *dims), found[1 + count :]),
            "finite": (dims, finite.mean(0)),
        },
        coords={**coords, "level": list(levels)},
        attrs=values.attrs,
    )


def _of_finite(array: np.ndarray, probabilities: list[float]) -> np.ndarray:
    """Quantiles of the finite draws of each quantity; nan where there are none."""
    flat = array.reshape(len(array), -1)
    out = np.full((len(probabilities), flat.shape[1]), np.nan)
    for column in range(flat.shape[1]):
        kept = flat[np.isfinite(flat[:, column]), column]
        if len(kept):
            out[:, column] = np.quantile(kept, probabilities)
    return out.reshape(len(probabilities), *array.shape[1:])
