"""Does the vector autoregression forecast better than "as last week"? Refits on the past, forecasts, and compares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mmm_core.errors import InputError
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.forecast import forecast

ORIGINS = 8
WEEKS = 13
DRAWS = 400


def against_random_walk(
    variables: pd.DataFrame,
    media: pd.DataFrame | None = None,
    terms: pd.DataFrame | None = None,
    *,
    origins: int = ORIGINS,
    weeks: int = WEEKS,
    draws: int = DRAWS,
    seed: int = 0,
    **settings: Any,
) -> pd.DataFrame:
    """Errors of forecasts from several past weeks, beside those of the last value.

    Every refit sees the weeks up to its origin only; media and terms of the weeks forecast are those that came. The
    origins are spread over the last third of the weeks.

    Args:
        variables, media, terms: as of `fit_bvar`; where the variables are draws, give their means.
        origins: how many. weeks: how far ahead. draws: of each refit.
        settings: further arguments of `fit_bvar`.

    Returns:
        A row a variable: rmse and rmse_random_walk over all origins and weeks ahead, their ratio (below 1 is better
        than the random walk), and coverage_90 of the forecast's interval.

    Raises:
        InputError: too few weeks for the origins.
    """
    count = len(variables)
    earliest = max(count * 2 // 3, 20)
    if earliest + weeks > count:
        raise InputError(f"{count} weeks are too few to forecast {weeks} weeks from the last third of them")
    last = np.unique(np.linspace(earliest, count - weeks, origins).astype(int))
    errors, naive, inside = [], [], []
    for number, origin in enumerate(last):
        past = variables.iloc[:origin]
        future = variables.iloc[origin : origin + weeks]
        fitted = fit_bvar(
            past,
            None if media is None else media.loc[: past.index[-1]],
            None if terms is None else terms.loc[: past.index[-1]],
            draws=draws,
            seed=seed + number,
            **settings,
        )
        paths = forecast(
            fitted,
            weeks,
            None if media is None else media.loc[future.index],
            None if terms is None else terms.loc[future.index],
            seed=seed + number,
        ).to_numpy()
        actual = future.to_numpy(dtype=float)
        low, high = np.quantile(paths, [0.05, 0.95], axis=0)
        errors.append(actual - paths.mean(0))
        naive.append(actual - past.to_numpy(dtype=float)[-1])
        inside.append((low <= actual) & (actual <= high))

    def rmse(parts: list[np.ndarray]) -> np.ndarray:
        return np.asarray(np.sqrt(np.mean(np.square(parts), axis=(0, 1))))

    ours, theirs = rmse(errors), rmse(naive)
    return pd.DataFrame(
        {
            "variable": list(variables.columns),
            "rmse": ours,
            "rmse_random_walk": theirs,
            "ratio": ours / theirs,
            "coverage_90": np.mean(inside, axis=(0, 1)),
        }
    )
