"""Convergence and scores of posterior draws, over whole arrays at once.

Rank-normalised R-hat and bulk ESS are those of Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), as ArviZ has
them; ArviZ works on one series at a time, which takes minutes for the weekly baselines of a benchmark.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, stats

_COLUMNS = 500  # series worked on at a time


@dataclass(frozen=True)
class Convergence:
    """The worst of all quantities, and which it is."""

    ess_bulk_min: float
    ess_bulk_min_at: str
    rhat_max: float
    rhat_max_at: str
    quantities: int


def convergence(draws: dict[str, np.ndarray]) -> Convergence:
    """Smallest bulk ESS and largest R-hat over every series that varies; arrays are (chain, draw, ...)."""
    ess, rhat, names = [], [], []
    for name, values in draws.items():
        flat = values.reshape(*values.shape[:2], -1)
        varies = np.flatnonzero(np.ptp(flat, axis=(0, 1)) > 0)
        for start in range(0, len(varies), _COLUMNS):
            some = varies[start : start + _COLUMNS]
            ess.append(ess_bulk(flat[..., some]))
            rhat.append(rhat_rank(flat[..., some]))
            names += [f"{name}[{i}]" if flat.shape[2] > 1 else name for i in some]
    all_ess, all_rhat = np.concatenate(ess), np.concatenate(rhat)
    low, high = int(np.argmin(all_ess)), int(np.argmax(all_rhat))
    return Convergence(float(all_ess[low]), names[low], float(all_rhat[high]), names[high], len(names))


def ess_bulk(draws: np.ndarray) -> np.ndarray:
    """Bulk effective sample size of each series; (chain, draw, series) to (series,)."""
    return _ess(_normal_scores(_split(draws)))


def rhat_rank(draws: np.ndarray) -> np.ndarray:
    """Rank-normalised split R-hat, the larger of location and scale; (chain, draw, series) to (series,)."""
    split = _split(draws)
    folded = np.abs(split - np.median(split, axis=(0, 1)))
    return np.maximum(_rhat(_normal_scores(split)), _rhat(_normal_scores(folded)))


def _split(draws: np.ndarray) -> np.ndarray:
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _normal_scores(draws: np.ndarray) -> np.ndarray:
    ranks = stats.rankdata(draws.reshape(-1, draws.shape[2]), axis=0).reshape(draws.shape)
    return stats.norm.ppf((ranks - 0.375) / (draws.shape[0] * draws.shape[1] + 0.25))


def _rhat(draws: np.ndarray) -> np.ndarray:
    n = draws.shape[1]
    within = draws.var(axis=1, ddof=1).mean(axis=0)
    between = n * draws.mean(axis=1).var(axis=0, ddof=1)
    return np.sqrt((between / within + n - 1) / n)


def _ess(draws: np.ndarray) -> np.ndarray:
    chains, n, series = draws.shape
    centred = draws - draws.mean(axis=1, keepdims=True)
    spectrum = fft.rfft(centred, n=fft.next_fast_len(2 * n), axis=1)
    covariance = fft.irfft(np.abs(spectrum) ** 2, n=fft.next_fast_len(2 * n), axis=1)[:, :n].mean(axis=0) / n
    within = covariance[0] * n / (n - 1)
    total = covariance[0] + draws.mean(axis=1).var(axis=0, ddof=1)
    correlation = 1 - (within - covariance) / total  # (lag, series)
    correlation[0] = 1.0
    # Geyer: sums of neighbouring lags are positive and fall; stop at the first that is not
    lags = (n - 1) // 2 * 2
    pairs = correlation[0:lags:2] + correlation[1:lags:2]
    stop = np.where((pairs < 0).any(axis=0), (pairs < 0).argmax(axis=0), len(pairs) - 1)
    kept = np.arange(len(pairs))[:, None] < stop
    falling = np.minimum.accumulate(pairs, axis=0)
    tail = np.maximum(correlation[2 * stop, np.arange(series)], 0.0)
    tau = -1 + 2 * np.where(kept, falling, 0.0).sum(axis=0) + tail
    return chains * n / np.maximum(tau, 1 / np.log10(chains * n))


@dataclass(frozen=True)
class Scores:
    """How draws of one number compare with its true value."""

    true: float
    mean: float
    q05: float
    q95: float
    covered: bool
    crps: float


def score(draws: np.ndarray, true: float) -> Scores:
    """Central 90 % interval and CRPS (fair estimator) of draws of any shape."""
    x = np.sort(np.ravel(draws))
    n = len(x)
    low, high = np.quantile(x, [0.05, 0.95])
    spread = ((2 * np.arange(1, n + 1) - n - 1) * x).sum() / (
        n * (n - 1)
    )  # half the mean difference of two draws
    crps = np.abs(x - true).mean() - spread
    return Scores(
        float(true), float(x.mean()), float(low), float(high), bool(low <= true <= high), float(crps)
    )
