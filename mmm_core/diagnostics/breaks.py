"""Whether a week stands out, or the KPI shifts for good, by more than chance: what no level that moves slowly makes.

With K the covariance of the KPI given a draw, level and coefficients integrated out, and r the residual, the best test
of a disturbance that a column b describes is b'K^-1 r / sqrt(b'K^-1 b), standard normal where there is none: the
auxiliary residuals of Harvey and Koopman (1992). For b = one week it is that week's leave-one-out residual, for b = all
weeks from one on it asks for a shift of level, in one geo or in all of them. Reported is the largest of each over all
weeks, means over draws, and the chance that tables of the fitted model itself show one as large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from mmm_core.diagnostics.calibration import simulated_baseline
from mmm_core.errors import InputError
from mmm_core.model.prepare import scaled_kpi
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.heavy_tails import Precision, noise_weights, precision
from mmm_core.posterior.pointwise import block_of, predictor_parts, refuse_without_a_likelihood
from mmm_core.threads import one_blas_thread

DRAWS, TABLES = 50, 1000
"""Draws the scores are means over, and simulated tables, shared out between the draws."""
EDGE = 2
"""A shift leaves at least so many observed weeks on either side."""
EVERYWHERE = "all geos"


@dataclass(frozen=True)
class Disturbance:
    """Where a kind of disturbance is largest: `score` in standard deviations, and how likely one as large is."""

    week: str  # its first day
    geo: str
    score: float
    p_value: float


@dataclass(frozen=True)
class Breaks:
    """The largest single week, and the largest shift of level from a week on."""

    outlier: Disturbance
    shift: Disturbance


@one_blas_thread
def breaks(tree: xr.DataTree | Posterior, seed: int = 0) -> Breaks:
    """Look for weeks and shifts of level that the model has no name for.

    Raises:
        InputError: the engine integrates no level out (ridge, pymc).
    """
    posterior = Posterior.of(tree)
    refuse_without_a_likelihood(posterior, "the search for breaks")
    if posterior.engine == "pymc":
        raise InputError(
            "the search for breaks needs a level that is integrated out, which the engine pymc has not"
        )
    positions = posterior.thinned(DRAWS)
    parts = predictor_parts(posterior, positions)
    residual = scaled_kpi(posterior.data, posterior.spec) - parts.media - parts.treatment
    sigma, tau = posterior.draws("sigma", positions), posterior.draws("tau", positions)
    slopes = posterior.draws("tau_slope", positions) if "tau_slope" in posterior.variables else None
    rng = np.random.default_rng([seed, int(posterior.attrs["seed"])])
    weights = None
    if posterior.spec.student_t is not None:
        error = residual - (parts.baseline - posterior.data["kpi_centre"].to_numpy()[:, None])
        weights = noise_weights(rng, error, sigma, posterior.draws("nu", positions))
    block = block_of(posterior)
    observed = np.asarray(block.observed)
    each = -(-TABLES // len(positions))
    found, null = [], []
    for draw in range(len(positions)):
        slope = None if slopes is None else slopes[draw]
        heavy = None if weights is None else weights[draw]
        pieces = precision(block, sigma[draw], tau[draw], slope, heavy)
        same_sigma, same_tau = np.full(each, sigma[draw]), np.full(each, tau[draw])
        noise = sigma[draw] * rng.standard_normal((each, *observed.shape))
        if heavy is not None:
            noise = noise / np.sqrt(heavy)
        made = noise + simulated_baseline(
            rng, block, same_sigma, same_tau, None if slope is None else np.full(each, slope)
        )
        scores = _scores(pieces, np.concatenate([residual[draw][None], made]) * observed, observed)
        found.append([score[0] / sigma[draw] for score in scores])
        null.append([np.abs(score[1:]).max(axis=(1, 2)) / sigma[draw] for score in scores])
    largest = [np.concatenate(part) for part in zip(*null, strict=True)]
    means = [np.mean(part, axis=0) for part in zip(*found, strict=True)]
    return Breaks(*(_largest(posterior, mean, most) for mean, most in zip(means, largest, strict=True)))


def _scores(pieces: Precision, residual: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores, in units of 1 / sigma, of single weeks (table, geo, week), and of shifts, with one of all geos below.

    Args:
        residual: (table, geo, week).
    """
    solved = pieces.times(residual)
    diagonal = pieces.diagonal()
    single = np.where(observed > 0, solved / np.sqrt(np.where(observed > 0, diagonal, 1.0)), 0.0)
    after = _from_here_on(solved)
    within, across = pieces.within, pieces.across
    size = np.stack([_steps(a) for a in within]) - (_from_here_on(across, axis=1) ** 2).sum(-1)
    if len(observed) > 1:
        common = _steps(within.sum(0)) - (_from_here_on(across.sum(0), axis=0) ** 2).sum(-1)
        size = np.concatenate([size, common[None]])
        after = np.concatenate([after, after.sum(axis=1, keepdims=True)], axis=1)
        observed = np.concatenate([observed, observed.max(axis=0, keepdims=True)])
    later = _from_here_on(observed)
    total = later[:, :1]
    known = (later >= EDGE) & (total - later >= EDGE) & (size > 1e-6 * size.max())
    return single, np.where(known, after / np.sqrt(np.where(known, size, 1.0)), 0.0)


def _from_here_on(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Sums from each week to the last."""
    return np.asarray(np.flip(np.cumsum(np.flip(values, axis), axis), axis))


def _steps(matrix: np.ndarray) -> np.ndarray:
    """b'Mb for b = 1 from each week on: the sums of the lower right corners of M."""
    return np.asarray(np.diagonal(_from_here_on(_from_here_on(matrix, 0), 1)))


def _largest(posterior: Posterior, scores: np.ndarray, null: np.ndarray) -> Disturbance:
    geo, week = np.unravel_index(np.abs(scores).argmax(), scores.shape)
    names = [*map(str, posterior.data["geo"].to_numpy()), EVERYWHERE]
    score = float(scores[geo, week])
    p_value = float((1 + (null >= abs(score)).sum()) / (1 + len(null)))
    date = np.datetime_as_string(posterior.data["week"].to_numpy()[week], "D")
    return Disturbance(str(date), names[geo], score, p_value)
