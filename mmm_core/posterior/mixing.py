"""How well a posterior's chains mixed: R-hat and effective sample sizes of every quantity, all of them at once.

Rank-normalised split R-hat, the larger of that of the values and that of their distances from the median, and bulk and
tail effective sample sizes, as Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021, "Rank-normalization, folding,
and localization") define them. ArviZ computes the same figures for one quantity at a time; a posterior has hundreds,
each week of the level among them, and every command and check asks for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri
from scipy.stats import rankdata

Statistic = Literal["rhat", "ess_bulk", "ess_tail"]

CHUNK = 1_000_000
"""Numbers worked on at a time (8 MB an array)."""
FEWEST_DRAWS = 4
"""Draws a chain below which nothing is defined."""
TAILS = (0.05, 0.95)
"""Quantiles whose effective sample sizes the tail's is the smaller of."""


@dataclass(frozen=True)
class Mixing:
    """R-hat and effective sample sizes of every quantity that varies.

    Attributes:
        quantities: names, such as `sigma` or `coefficient[national, tv]`.
        rhat, ess_bulk, ess_tail: (quantity,); nan where a figure is not defined.
        chains: how many; R-hat takes two.
    """

    quantities: tuple[str, ...]
    rhat: np.ndarray
    ess_bulk: np.ndarray
    ess_tail: np.ndarray
    chains: int

    def worst(self, statistic: Statistic) -> tuple[float, str]:
        """The largest R-hat or the smallest effective sample size, and the quantity it is of.

        A figure that is not defined is the worst there is: nan.
        """
        if statistic == "rhat" and self.chains < 2:
            return float("nan"), "one chain"
        figures = getattr(self, statistic)
        if not len(figures):
            return float("nan"), "nothing varies"
        order = figures if statistic == "rhat" else -figures
        place = int(np.argmax(np.where(np.isnan(order), np.inf, order)))
        return float(figures[place]), self.quantities[place]


def mixing(variables: Mapping[Any, Any]) -> Mixing:
    """R-hat and effective sample sizes of labelled draws.

    Args:
        variables: name to an xarray DataArray over (chain, draw, ...). Entries that do not vary, or are nan, have no
            such figures and are left out.
    """
    names: list[str] = []
    parts: list[np.ndarray] = []
    chains = 0
    for name, values in variables.items():
        draws = values.to_numpy()
        chains = len(draws)
        flat = draws.reshape(*draws.shape[:2], -1)
        varying = np.flatnonzero(np.ptp(flat, axis=(0, 1)) > 0)
        names += [_quantity(str(name), values, int(position)) for position in varying]
        size = max(1, CHUNK // (flat.shape[0] * flat.shape[1]))
        for start in range(0, len(varying), size):
            some = flat[..., varying[start : start + size]]
            parts.append(np.stack(statistics(np.moveaxis(some, -1, 0))))
    rhat, bulk, tail = np.concatenate(parts, axis=1) if parts else np.empty((3, 0))
    return Mixing(tuple(names), rhat, bulk, tail, chains)


def statistics(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """R-hat, bulk ESS and tail ESS of quantities, each (quantity,).

    Args:
        draws: (quantity, chain, draw). The middle draw of an odd number is left out where chains are split.
    """
    count, chains, length = draws.shape
    draws = np.asarray(draws, dtype=float)
    if length < FEWEST_DRAWS:
        nothing = np.full(count, np.nan)
        return nothing, nothing, nothing
    split = _halves(draws)
    normal = _normal_scores(split)
    bulk = effective_sample_size(normal)
    in_order = np.sort(draws.reshape(count, -1), axis=-1)
    tails = [
        effective_sample_size(_halves((draws <= _quantile(in_order, probability)[:, None, None]) * 1.0))
        for probability in TAILS
    ]
    if chains < 2:
        rhat = np.full(count, np.nan)
    else:
        middle = np.median(split.reshape(count, -1), axis=-1)
        location, spread = _rhat(normal), _rhat(_normal_scores(np.abs(split - middle[:, None, None])))
        rhat = np.where(spread > location, spread, location)
    return rhat, bulk, np.minimum(*tails)


def effective_sample_size_of_mean(draws: np.ndarray) -> np.ndarray:
    """Effective sample size of each quantity's mean, chains split, from draws (quantity, chain, draw)."""
    return effective_sample_size(_halves(np.asarray(draws, dtype=float)))


def effective_sample_size(draws: np.ndarray) -> np.ndarray:
    """Effective sample size of each quantity, (quantity,), from draws (quantity, chain, draw) taken as they are.

    Autocorrelations summed in pairs as far as Geyer's initial monotone sequence reaches.
    """
    count, chains, length = draws.shape
    covariance = _autocovariance(draws).mean(axis=1)
    within = covariance[:, 0] * length / (length - 1)
    total = covariance[:, 0].copy()
    if chains > 1:
        total += draws.mean(axis=-1).var(axis=-1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = 1 - (within[:, None] - covariance) / total[:, None]
    correlation[:, 0] = 1.0
    last = max(0, -(-(length - 2) // 2) - 1)  # the last pair that is looked at
    even, odd = correlation[:, 0 : 2 * last + 1 : 2], correlation[:, 1 : 2 * last + 2 : 2]
    pairs = even + odd
    ends = pairs <= 0
    end = np.where(ends.any(axis=1), ends.argmax(axis=1), last)[:, None]  # the pair at which the sum stops
    monotone = np.minimum.accumulate(pairs, axis=1)
    summed = np.where(np.arange(last + 1) < end, monotone, 0.0).sum(axis=1)
    at_end = np.take_along_axis(even, end, axis=1)[:, 0]
    kept = np.take_along_axis(pairs, end, axis=1)[:, 0] >= 0
    time = -1 + 2 * summed + np.where((at_end > 0) | kept, at_end, 0.0)
    size = chains * length
    found = size / np.maximum(time, 1 / np.log10(size))
    constant = np.ptp(draws.reshape(count, -1), axis=-1) < np.finfo(float).resolution
    return np.asarray(np.where(constant, float(size), found))


def _rhat(draws: np.ndarray) -> np.ndarray:
    """Potential scale reduction (quantity,) of draws (quantity, chain, draw)."""
    length = draws.shape[-1]
    between = length * draws.mean(axis=-1).var(axis=-1, ddof=1)
    within = draws.var(axis=-1, ddof=1).mean(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((between / within + length - 1) / length))


def _halves(draws: np.ndarray) -> np.ndarray:
    """Each chain as two: (quantity, chain, draw) to (quantity, 2 chain, draw // 2)."""
    half = draws.shape[-1] // 2
    return np.concatenate([draws[..., :half], draws[..., -half:]], axis=1)


def _normal_scores(draws: np.ndarray) -> np.ndarray:
    """Normal quantiles of the ranks that draws have among all draws of their quantity (Blom 1958)."""
    count, size = len(draws), draws[0].size
    ranks = rankdata(draws.reshape(count, -1), method="average", axis=-1)
    # ranks are whole or, of ties, half numbers: one table serves every quantity
    scores = ndtri(np.maximum((np.arange(2 * size + 1) / 2 - 3 / 8) / (size + 1 / 4), 0.0))
    return np.asarray(scores[np.rint(2 * ranks).astype(int)].reshape(draws.shape))


def _quantile(in_order: np.ndarray, probability: float) -> np.ndarray:
    """Quantile of each row of sorted values, interpolated (type 7)."""
    size = in_order.shape[-1]
    place = size * probability + 1 - probability
    below = int(np.clip(np.floor(place), 1, size - 1))
    share = float(np.clip(place - below, 0, 1))
    return np.asarray((1 - share) * in_order[:, below - 1] + share * in_order[:, below])


def _autocovariance(draws: np.ndarray) -> np.ndarray:
    """Autocovariance of every chain at every lag, over the last axis, divided by its length."""
    length = draws.shape[-1]
    padded = next_fast_len(2 * length)
    transformed = rfft(draws - draws.mean(axis=-1, keepdims=True), n=padded, axis=-1)
    transformed *= np.conjugate(transformed)
    return np.asarray(irfft(transformed, n=padded, axis=-1)[..., :length] / length)


def _quantity(name: str, values: Any, position: int) -> str:
    """A variable's name with the labels of one of its entries."""
    if values.ndim == 2:
        return name
    places = np.unravel_index(position, values.shape[2:])
    labels = [_label(values[dim].to_numpy()[i]) for dim, i in zip(values.dims[2:], places, strict=True)]
    return f"{name}[{', '.join(labels)}]"


def _label(value: Any) -> str:
    return str(value.astype("datetime64[D]")) if isinstance(value, np.datetime64) else str(value)
