"""What is known of the weekly states behind an autoregression: waves of surveys, and weekly figures with an error.

A brand metric is measured by waves, each with its sampling error. Base sales are measured every week by what is left
of the KPI once a draw of the short-term model has taken all else away, with that model's noise
(`mmm_core.long_term.base`).
Both are normal measurements of a state whose dynamics the autoregression knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.linalg import cho_solve_banded, cholesky_banded, solve_banded

from mmm_core.errors import InputError
from mmm_core.long_term.states import Weekly
from mmm_core.long_term.survey import PERSISTENCE, START_SD, Observations, smoothed

BEGIN = 20
"""Draws of the states from which chains start."""
STEPS_TRIED = np.exp(np.linspace(np.log(1e-3), np.log(2.0), 48))
"""Sd of the weekly noise that is considered, in sd of the measurements."""
WIDE = 1e3
"""Prior sd of the first week's level around the measurements' mean, in sd of the measurements."""


class Known(NamedTuple):
    """Variables that are known every week, exactly or with an error."""

    names: tuple[str, ...]
    weeks: pd.DatetimeIndex
    values: np.ndarray  # (draw, week, known); one draw of what is no draws
    variance: np.ndarray | None  # of their error, as values; None where they are known exactly
    draw: np.ndarray  # coordinate of the draws

    @property
    def draws(self) -> int:
        """How many draws, 1 of what is no draws."""
        return len(self.values)

    def weekly(self, places: np.ndarray, units: np.ndarray, latent: int) -> Weekly | None:
        """Measurements of some draws as the sampler takes them, behind those of the metrics; None where all are exact.

        Args:
            places: positions of draws, (chain,). units: of each known variable. latent: how many metrics stand before.
        """
        if self.variance is None:
            return None
        precision = units**2 / self.variance[places]
        information = precision * self.values[places] / units
        before = ((0, 0), (0, 0), (latent, 0))
        return Weekly(np.pad(precision, before), np.pad(information, before))


def known_of(known: pd.DataFrame | xr.DataArray, noise: xr.DataArray | None) -> Known:
    """Check what is known every week.

    Args:
        known: (week, variable), (draw, week, variable), or a table with a column a variable.
        noise: sd of their errors, (week, variable) or (draw, week, variable), infinite where nothing was measured.

    Raises:
        InputError: noise that is not of the same weeks, variables and draws, or not above 0.
    """
    if isinstance(known, pd.DataFrame):
        known = xr.DataArray(
            known.to_numpy(dtype=float),
            dims=("week", "variable"),
            coords={
                "week": pd.DatetimeIndex(known.index).to_numpy(),
                "variable": [str(name) for name in known.columns],
            },
        )
    if "draw" not in known.dims:
        known = known.expand_dims("draw")
    values = known.transpose("draw", "week", "variable")
    variance = None
    if noise is not None:
        try:
            spread = noise.broadcast_like(values).transpose("draw", "week", "variable")
        except ValueError as error:
            raise InputError(f"the noise of the known variables is not of their draws: {error}") from None
        if spread.shape != values.shape:
            raise InputError(
                f"the noise of the known variables has the shape {spread.shape}, they {values.shape}: give one sd a "
                "value, of the same weeks and variables"
            )
        variance = spread.to_numpy().astype(float) ** 2
        if not (variance > 0).all():
            raise InputError("the noise of the known variables must be above 0 in every week: it is an sd")
    return Known(
        tuple(str(name) for name in values["variable"].to_numpy()),
        pd.DatetimeIndex(values["week"].to_numpy()),
        values.to_numpy().astype(float),
        variance,
        values["draw"].to_numpy() if "draw" in values.coords else np.arange(len(values)),
    )


def begun(
    known: Known, surveys: Mapping[str, Observations], noises: Sequence[float], seed: int
) -> xr.DataArray:
    """States as random walks: where chains begin, and what the prior's units are read from.

    Their steps have the sd of the noise that the measurements suggest, no posterior of them: it is only where to begin.

    Args:
        noises: of each metric, and behind them of each known variable that is measured with an error (`noise_of`).

    Returns:
        (draw, week, variable), metrics first, of `BEGIN` draws.
    """
    states = []
    for place, (seen, step) in enumerate(zip(surveys.values(), noises, strict=False)):
        middle = seen.measured.mean()
        root, mean = smoothed(seen.days, seen.measured - middle, seen.variance, step)
        noise = np.random.default_rng([seed, place]).standard_normal((len(known.weeks), BEGIN))
        states.append(middle + mean + np.linalg.solve(root.T, noise).T)
    places = np.linspace(0, known.draws - 1, BEGIN).astype(int)
    others = known.values[places]
    if known.variance is not None:
        rng = np.random.default_rng([seed, len(surveys)])
        others = np.stack(
            [
                _walked(known.values[places, :, i], known.variance[places, :, i], step, rng)
                for i, step in enumerate(noises[len(surveys) :])
            ],
            axis=-1,
        )
    return xr.DataArray(
        np.concatenate([np.stack(states, axis=-1), others], axis=-1),
        dims=("draw", "week", "variable"),
        coords={"week": known.weeks, "variable": [*surveys, *known.names]},
    )


def weekly_noise_of(measured: np.ndarray, variance: np.ndarray) -> float:
    """Sd of a variable's weekly noise, were it an autoregression of its own measured with these errors, (week,) each.

    As `mmm_core.long_term.survey.weekly_noise` for waves: the middle of what is left of it, on a grid of persistence
    and noise. The likelihood is that of a Kalman filter, of all points of the grid at once.
    """
    wide = float(measured.std())
    noise = STEPS_TRIED * wide
    persistence = PERSISTENCE[:, None]
    shape = (len(PERSISTENCE), len(noise))
    # a state about a level: their means, variances and covariance
    level, state = np.zeros(shape), np.zeros(shape)
    of_level = np.full(shape, (START_SD * wide) ** 2)
    of_state = np.broadcast_to(noise**2 / (1 - persistence**2), shape)
    of_both, score = np.zeros(shape), np.zeros(shape)
    for value, error in zip(measured - measured.mean(), variance, strict=True):
        spread = of_level + 2 * of_both + of_state + error
        if np.isfinite(error):
            away = value - level - state
            score -= 0.5 * (np.log(spread) + away**2 / spread)
            to_level, to_state = (of_level + of_both) / spread, (of_state + of_both) / spread
            level, state = level + to_level * away, state + to_state * away
            of_level, of_state, of_both = (
                of_level - to_level**2 * spread,
                of_state - to_state**2 * spread,
                of_both - to_level * to_state * spread,
            )
        state, of_both = persistence * state, persistence * of_both
        of_state = persistence**2 * of_state + noise**2
    weight = np.exp(score - score.max()).sum(0)
    return float(noise[np.searchsorted(np.cumsum(weight) / weight.sum(), 0.5)])


def noise_of(known: Known) -> list[float]:
    """Sd of each known variable's weekly noise, (known,); empty where they are known exactly."""
    if known.variance is None:
        return []
    middle, spread = known.values.mean(0), known.variance.mean(0)
    return [weekly_noise_of(middle[:, i], spread[:, i]) for i in range(len(known.names))]


def _walked(measured: np.ndarray, variance: np.ndarray, step: float, rng: np.random.Generator) -> np.ndarray:
    """A path of each draw's state as a random walk of this step, (draw, week), given measurements (draw, week)."""
    weeks = measured.shape[1]
    band = np.zeros((2, weeks))  # of the precision, below its diagonal
    band[0] = np.r_[1.0, np.full(weeks - 2, 2.0), 1.0] / step**2
    band[0, 0] += 1 / (WIDE * measured.std()) ** 2
    band[1, :-1] = -1 / step**2
    paths = []
    for values, error, noise in zip(measured, variance, rng.standard_normal(measured.shape), strict=True):
        root = cholesky_banded(band + np.stack([1 / error, np.zeros(weeks)]), lower=True)
        mean = cho_solve_banded((root, True), values / error)
        upper = np.stack([np.r_[0.0, root[1, :-1]], root[0]])
        paths.append(mean + solve_banded((0, 1), upper, noise))
    return np.stack(paths)
