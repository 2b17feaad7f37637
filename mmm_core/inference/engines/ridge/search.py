"""Adstock, saturation and penalty of a ridge regression, chosen by what they forecast.

Every channel gets a list of candidate shapes: the medians of its priors and a Sobol sequence over their central 80 %;
once a best is known, a second list that is denser around it. The search walks over channels and takes the candidate
with the least error of forecasts from several origins, then chooses the penalty, until nothing changes. A forecast is
of the weeks after its origin, from the weeks before it. All products of candidates are computed once, so that trying
one is a regression of as many columns as there are channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize
from scipy.stats import qmc

from mmm_core.inference.engines.ridge.baseline import BaselineSmoother
from mmm_core.spec.model_spec import ModelSpec

ORIGINS = 5
LONGEST_FORECAST = 13
PENALTIES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
RATIOS = (0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1.0)
_CENTRAL = (0.1, 0.9)
_NEAR = (0.2, 0.06)
_SWEEPS = 4

SEARCHES = 12
BLOCK_WEEKS = 6

# Entries of a search that are kept: the worst of many thousands can be nobody's best.
_KEPT = 4000


@dataclass(frozen=True)
class Candidates:
    """Shapes to choose from and the responses they give.

    C channels, M candidates of each.

    Attributes:
        points: of each channel (M, free parameter), in quantiles of its priors.
        shape: by parameter (M, C), nan for channels without it.
        response: (M, C, geo, week).
        scale: (M, C) standard deviation of the response.
    """

    points: tuple[np.ndarray, ...]
    shape: dict[str, np.ndarray]
    response: np.ndarray
    scale: np.ndarray

    def points_of(self, chosen: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        """The point of one candidate a channel."""
        return tuple(points[m] for points, m in zip(self.points, chosen, strict=True))

    def columns(self, chosen: tuple[int, ...]) -> np.ndarray:
        """The media columns (C, geo, week) of one candidate a channel."""
        return self.response[list(chosen), np.arange(len(chosen))]

    def penalty(self, chosen: tuple[int, ...], strength: float, rows: float) -> np.ndarray:
        """Diagonal of the ridge penalty on coefficients, (C,): on standardised columns it is strength * rows."""
        return np.asarray(strength * rows * self.scale[list(chosen), np.arange(len(chosen))] ** 2)


@dataclass(frozen=True)
class Search:
    """The best of what was tried, the best first.

    Attributes:
        chosen: (entry, C) candidate of each channel.
        strength: (entry,) ridge penalty.
        errors: (entry, test week) squared errors of the forecasts, summed over geos.
        tried: number of entries that were tried in all.
    """

    chosen: np.ndarray
    strength: np.ndarray
    errors: np.ndarray
    tried: int

    def entry(self, position: int) -> tuple[tuple[int, ...], float]:
        """Candidate of each channel, and penalty."""
        return tuple(int(m) for m in self.chosen[position]), float(self.strength[position])


def candidate_points(
    spec: ModelSpec, count: int, seed: int, around: tuple[np.ndarray, ...] | None = None
) -> tuple[np.ndarray, ...]:
    """Points (count, free parameter) of each channel, in quantiles of the priors; the first are the medians.

    Args:
        around: a point (free parameter,) of each channel. It comes second, and two thirds of the rest lie near it: a
            list over all of the priors is too coarse to compare shapes that differ little.
    """
    low, high = _CENTRAL
    out = []
    for position, channel in enumerate(spec.channel_specs):
        free = len(_free(channel))
        if not free or count == 1:
            out.append(np.full((count, free), 0.5))
            continue
        rng = np.random.default_rng([seed, position, around is not None])
        sobol = qmc.Sobol(free, rng=rng).random(1 << (count - 1).bit_length())[: count - 1]
        points = low + (high - low) * sobol
        if around is not None:
            for kind, reach in enumerate(_NEAR, start=1):
                near = around[position] + reach * (2 * sobol[kind :: len(_NEAR) + 1] - 1)
                points[kind :: len(_NEAR) + 1] = np.clip(near, low, high)
            points[0] = around[position]
        out.append(np.concatenate([np.full((1, free), 0.5), points]))
    return tuple(out)


def shapes_at(spec: ModelSpec, points: tuple[np.ndarray, ...]) -> dict[str, np.ndarray]:
    """Values (count, channel) of every parameter of adstock and saturation, nan for channels without it."""
    out = {name: np.full((len(points[0]), len(spec.channels)), np.nan) for name in spec.shape_parameters}
    for position, channel in enumerate(spec.channel_specs):
        free = _free(channel)
        for name, prior in {**channel.adstock.parameters, **channel.saturation.parameters}.items():
            if name in free:
                out[name][:, position] = prior.frozen().ppf(points[position][:, free.index(name)])
            else:
                out[name][:, position] = prior.median()
    return out


def _free(channel: Any) -> list[str]:
    priors = {**channel.adstock.parameters, **channel.saturation.parameters}
    return [name for name, prior in priors.items() if prior.family != "fixed"]


def nonnegative(products: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The coefficients >= 0 (..., C) that minimise b'Pb - 2 b't for products P (..., C, C) and targets t (..., C)."""
    size = products.shape[-1]
    jitter = 1e-9 * np.maximum(np.trace(products, axis1=-2, axis2=-1) / size, 1e-12)
    proper = products + jitter[..., None, None] * np.eye(size)
    free = np.linalg.solve(proper, target[..., None])[..., 0]
    for problem in map(tuple, np.argwhere((free < 0).any(-1))):
        root = np.linalg.cholesky(proper[problem])
        free[problem] = optimize.nnls(root.T, np.linalg.solve(root, target[problem]))[0]
    return np.asarray(free)


def block_weeks(seen: np.ndarray, weeks: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Weeks (count, weeks) that stand for the weeks of a replicate: moving blocks of those in `seen`."""
    length = min(BLOCK_WEEKS, len(seen))
    number = -(-weeks // length)
    first = rng.integers(0, len(seen) - length + 1, (count, number))
    positions = (first[..., None] + np.arange(length)).reshape(count, number * length)[:, :weeks]
    return np.asarray(seen[positions])


def block_counts(weeks: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """How often each week is in each of `count` block resamples, (count, week)."""
    drawn = block_weeks(np.arange(weeks), weeks, count, rng)
    flat = np.arange(count)[:, None] * weeks + drawn
    return np.bincount(flat.ravel(), minlength=count * weeks).reshape(count, weeks).astype(float)


def choose_ratio(
    design: np.ndarray, observed: np.ndarray, prior_sd: np.ndarray, kpi: np.ndarray, columns: np.ndarray
) -> float:
    """The ratio of the level's step to the noise with the largest profile likelihood, media columns (C, geo, week)."""
    rows, stacked, scores = observed.sum(), np.concatenate([columns, kpi[None]]), []
    for ratio in RATIOS:
        baseline = BaselineSmoother.of(design, observed, prior_sd, ratio)
        products = baseline.products(stacked, stacked)
        media, target = products[:-1, :-1], products[:-1, -1]
        b = nonnegative(media, target)
        rest = products[-1, -1] - 2 * b @ target + b @ media @ b
        scores.append(rows * np.log(rest) + baseline.log_determinant)
    return RATIOS[int(np.argmin(scores))]


@dataclass(frozen=True)
class _Origin:
    """One forecast: products of all candidates before it, errors after it. L = M * C columns."""

    products: np.ndarray  # (L, L)
    target: np.ndarray  # (L,)
    ahead: np.ndarray  # (L, geo, test week), what is left of the columns once their own baseline is forecast
    kpi_ahead: np.ndarray  # (geo, test week), 0 where unobserved
    rows: float


def search(
    candidates: Candidates,
    design: np.ndarray,
    observed: np.ndarray,
    prior_sd: np.ndarray,
    kpi: np.ndarray,
    ratio: float,
    seed: int,
    searches: int = SEARCHES,
) -> Search:
    """Coordinate searches over the channels' candidates and the penalty.

    The first minimises the errors of all test weeks, from the priors' medians; each of the others those of a block
    resample of the test weeks, from candidates at random, so that what forecasts about as well is tried too.

    Args:
        design: (geo, week, term). observed: (geo, week). prior_sd: (term,). kpi: (geo, week), scaled.
        ratio: of the level's step to the noise.
    """
    origins = _origins(candidates, design, observed, prior_sd, kpi, ratio)
    (count, channels), rng = candidates.scale.shape, np.random.default_rng([seed, 3])
    weeks = sum(origin.kpi_ahead.shape[1] for origin in origins)
    weights = np.concatenate([np.ones((1, weeks)), block_counts(weeks, searches - 1, rng)])
    tried: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def best_of(chosen: np.ndarray, strength: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, float]:
        errors = _errors(candidates, origins, chosen, strength)
        tried.append((chosen, strength, errors))
        best = int(np.argmin(errors @ weight))
        return chosen[best], float(strength[best])

    strength = PENALTIES[2]
    for number, weight in enumerate(weights):
        chosen = np.asarray(rng.integers(0, count, channels)) * (number > 0)
        for _ in range(_SWEEPS):
            before = (chosen.copy(), strength)
            same = np.tile(chosen, (len(PENALTIES), 1))
            chosen, strength = best_of(same, np.array(PENALTIES), weight)
            for channel in range(channels):
                options = np.tile(chosen, (count, 1))
                options[:, channel] = np.arange(count)
                chosen, strength = best_of(options, np.full(count, strength), weight)
            if (chosen == before[0]).all() and strength == before[1]:
                break
    all_chosen, all_strength, all_errors = (np.concatenate(parts) for parts in zip(*tried, strict=True))
    keep = np.argsort(all_errors.sum(1), kind="stable")[:_KEPT]
    return Search(all_chosen[keep], all_strength[keep], all_errors[keep], len(all_chosen))


def _errors(
    candidates: Candidates, origins: list[_Origin], chosen: np.ndarray, strength: np.ndarray
) -> np.ndarray:
    """Squared errors (entry, test week) of forecasts with the chosen candidates (entry, C) and penalties (entry,)."""
    channels = np.arange(chosen.shape[1])
    columns, squares = chosen * len(channels) + channels, []
    scale = strength[:, None] * candidates.scale[chosen, channels] ** 2
    for origin in origins:
        products = origin.products[columns[:, :, None], columns[:, None, :]]
        products = products + (origin.rows * scale)[:, :, None] * np.eye(len(channels))
        b = nonnegative(products, origin.target[columns])
        error = origin.kpi_ahead - np.einsum("nc,ncgt->ngt", b, origin.ahead[columns])
        squares.append((error**2).sum(1))
    return np.concatenate(squares, axis=1)


def _origins(
    candidates: Candidates,
    design: np.ndarray,
    observed: np.ndarray,
    prior_sd: np.ndarray,
    kpi: np.ndarray,
    ratio: float,
) -> list[_Origin]:
    """Origins a forecast apart, the last forecast ending with the observed weeks."""
    count, channels, geos, weeks = candidates.response.shape
    columns = np.concatenate([candidates.response.reshape(count * channels, geos, weeks), kpi[None]])
    seen = np.flatnonzero(observed.any(0))
    horizon = int(np.clip(round(0.08 * len(seen)), 1, LONGEST_FORECAST))
    out = []
    for steps in range(ORIGINS, 0, -1):
        first = len(seen) - steps * horizon
        test = seen[first : first + horizon]
        before = observed & (np.arange(weeks) < test[0])
        baseline = BaselineSmoother.of(design, before, prior_sd, ratio)
        products = baseline.products(columns, columns)
        level, terms = baseline.fit(columns)
        forecast = level[:, None, test] + np.einsum("gtk,ngk->ngt", design[:, test], terms, optimize=True)
        ahead = (columns[:, :, test] - forecast) * observed[:, test]
        out.append(_Origin(products[:-1, :-1], products[:-1, -1], ahead[:-1], ahead[-1], float(before.sum())))
    return out
