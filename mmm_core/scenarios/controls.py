"""Paths of controls and treatments over the planned weeks and those after.

A control that nothing is said of stays where `mmm forecast` leaves it: at its mean of the last 13 weeks. So does a part
of one: what is said holds for its weeks, and shares are of that mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmm_core.data.plan import RECENT_WEEKS
from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.horizon import YEAR, Horizon
from mmm_core.scenarios.media import geo_rows
from mmm_core.spec.scenarios_spec import Part


def known_values(posterior: Posterior, control: str) -> np.ndarray:
    """A control's values in the modelled weeks, (geo, week), in the table's units."""
    data = posterior.data
    term = [str(name) for name in data["term"].to_numpy()].index(control)
    scaled = data["design"].to_numpy()[..., term]
    return np.asarray(
        scaled * float(data["design_scale"][term].item()) + float(data["design_centre"][term].item())
    )


def control_path(
    posterior: Posterior,
    control: str,
    parts: Sequence[Part],
    horizon: Horizon,
    where: str,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Values (geo, week) over the planned weeks and the tail.

    Args:
        start: (geo, planned week) to change instead of the mean of the last weeks.

    Raises:
        InputError: an unknown geo, a week outside of the horizon, or no same weeks of last year.
    """
    known = known_values(posterior, control)
    mean = known[:, -RECENT_WEEKS:].mean(axis=1, keepdims=True)
    path = np.repeat(mean, len(horizon.dates), axis=1)
    if start is not None:
        path[:, : horizon.weeks] = start
    usual = path.copy()
    geos = [str(geo) for geo in posterior.data["geo"].to_numpy()]
    for part, mask in zip(parts, horizon.masks(parts, where), strict=True):
        weeks = np.arange(horizon.weeks) if mask is None else np.flatnonzero(mask)
        rows = geo_rows(part.geo, geos, where)
        cells = np.ix_(rows, weeks)
        if part.change.form == "share":
            path[cells] = usual[cells] * (1 + part.change.value)
        elif part.change.form == "amount":
            path[cells] = part.change.value
        elif part.change.form == "last":
            path[cells] = known[rows, -1:]
        else:
            path[cells] = _last_year(posterior, known, horizon, where)[cells]
    return path


def _last_year(posterior: Posterior, known: np.ndarray, horizon: Horizon, where: str) -> np.ndarray:
    length = known.shape[1]
    if length < YEAR or horizon.weeks > YEAR:
        raise InputError(
            f"{where}: `last_year` needs {YEAR} modelled weeks and a horizon of {YEAR} at most: {posterior.model} has "
            f"{length} and {horizon.weeks}: write the values, or `last`"
        )
    return known[:, length - YEAR : length - YEAR + horizon.weeks]
