"""Adstock, saturation and penalty of a ridge regression, chosen by what they forecast.

Every channel gets a list of candidate shapes: the medians of its priors and a Sobol sequence over their central 80 %.
The search walks over channels and takes the candidate with the least error of forecasts from several origins, then
chooses the penalty, until nothing changes. A forecast is of the weeks after its origin, from the weeks before it. All
products of candidates are computed once, so that trying one is a regression of as many columns as there are channels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import optimize
from scipy.stats import qmc

from mmm_core.engines.ridge_baseline import Baseline
from mmm_core.spec import ModelSpec

ORIGINS = 5
LONGEST_FORECAST = 13
PENALTIES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
RATIOS = (0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1.0)
_CENTRAL = (0.1, 0.9)
_SWEEPS = 6


@dataclass(frozen=True)
class Candidates:
    """Shapes to choose from and the responses they give.

    C channels, M candidates of each.

    Attributes:
        shape: by parameter (M, C), nan for channels without it.
        response: (M, C, geo, week).
        scale: (M, C) standard deviation of the response.
    """

    shape: dict[str, np.ndarray]
    response: np.ndarray
    scale: np.ndarray

    def columns(self, chosen: tuple[int, ...]) -> np.ndarray:
        """The media columns (C, geo, week) of one candidate a channel."""
        return self.response[list(chosen), np.arange(len(chosen))]

    def penalty(self, chosen: tuple[int, ...], strength: float, rows: float) -> np.ndarray:
        """Diagonal of the ridge penalty on coefficients, (C,): on standardised columns it is strength * rows."""
        return np.asarray(strength * rows * self.scale[list(chosen), np.arange(len(chosen))] ** 2)


@dataclass
class Search:
    """What was tried.

    Attributes:
        tried: (candidate of each channel, penalty) -> squared errors (test week,) summed over geos.
        best: the entry with the least error.
    """

    tried: dict[tuple[tuple[int, ...], float], np.ndarray] = field(default_factory=dict)
    best: tuple[tuple[int, ...], float] = ((), 0.0)

    def error(self, entry: tuple[tuple[int, ...], float]) -> float:
        """Sum of squared errors of an entry."""
        return float(self.tried[entry].sum())


def candidate_shapes(spec: ModelSpec, count: int, seed: int) -> dict[str, np.ndarray]:
    """Values (count, channel) of every parameter of adstock and saturation; the first are the priors' medians."""
    out = {name: np.full((count, len(spec.channels)), np.nan) for name in spec.shape_parameters}
    for position, channel in enumerate(spec.channel_specs):
        priors = {**channel.adstock.parameters, **channel.saturation.parameters}
        free = [name for name, prior in priors.items() if prior.family != "fixed"]
        points = np.zeros((0, 0))
        if free and count > 1:
            engine = qmc.Sobol(len(free), rng=np.random.default_rng([seed, position]))
            points = engine.random(1 << (count - 1).bit_length())[: count - 1]
        low, high = _CENTRAL
        for name, prior in priors.items():
            values = np.full(count, prior.median())
            if name in free and count > 1:
                values[1:] = prior.frozen().ppf(low + (high - low) * points[:, free.index(name)])
            out[name][:, position] = values
    return out


def nonnegative(products: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The coefficients >= 0 (C,) that minimise b'Pb - 2 b't for products P (C, C) and target t (C,)."""
    size = len(products)
    jitter = 1e-9 * max(float(np.trace(products)) / size, 1e-12)
    root = np.linalg.cholesky(products + jitter * np.eye(size))
    free = np.linalg.solve(root.T, inner := np.linalg.solve(root, target))
    return np.asarray(free if (free >= 0).all() else optimize.nnls(root.T, inner)[0])


def choose_ratio(
    design: np.ndarray, observed: np.ndarray, prior_sd: np.ndarray, kpi: np.ndarray, columns: np.ndarray
) -> float:
    """The ratio of the level's step to the noise with the largest profile likelihood, media columns (C, geo, week)."""
    rows, stacked, scores = observed.sum(), np.concatenate([columns, kpi[None]]), []
    for ratio in RATIOS:
        baseline = Baseline.of(design, observed, prior_sd, ratio)
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
) -> Search:
    """Coordinate search over the channels' candidates and the penalty.

    Args:
        design: (geo, week, term). observed: (geo, week). prior_sd: (term,). kpi: (geo, week), scaled.
        ratio: of the level's step to the noise.
    """
    origins = _origins(candidates, design, observed, prior_sd, kpi, ratio)
    found, (count, channels) = Search(), candidates.scale.shape

    def attempt(chosen: tuple[int, ...], strength: float) -> float:
        entry = (chosen, strength)
        if entry not in found.tried:
            at = np.array(chosen) * channels + np.arange(channels)
            squares = []
            for origin in origins:
                penalty = np.diag(candidates.penalty(chosen, strength, origin.rows))
                b = nonnegative(origin.products[np.ix_(at, at)] + penalty, origin.target[at])
                error = origin.kpi_ahead - np.tensordot(b, origin.ahead[at], axes=1)
                squares.append((error**2).sum(0))
            found.tried[entry] = np.concatenate(squares)
        return found.error(entry)

    best = ((0,) * channels, PENALTIES[2])
    for _ in range(_SWEEPS):
        before = best
        best = min(((best[0], strength) for strength in PENALTIES), key=lambda entry: attempt(*entry))
        for channel in range(channels):
            options = [
                ((*best[0][:channel], m, *best[0][channel + 1 :]), best[1])
                for m in dict.fromkeys([best[0][channel], *range(count)])
            ]
            best = min(options, key=lambda entry: attempt(*entry))
        if best == before:
            break
    found.best = best
    return found


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
        baseline = Baseline.of(design, before, prior_sd, ratio)
        products = baseline.products(columns, columns)
        level, terms = baseline.fit(columns)
        forecast = level[:, None, test] + np.einsum("gtk,ngk->ngt", design[:, test], terms, optimize=True)
        ahead = (columns[:, :, test] - forecast) * observed[:, test]
        out.append(_Origin(products[:-1, :-1], products[:-1, -1], ahead[:-1], ahead[-1], float(before.sum())))
    return out
