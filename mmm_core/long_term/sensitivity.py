"""Would another prior have said something else? The tightness believed in beforehand, halved and doubled.

The draws are weighted by the ratio of the other prior to the one that they were made with, Pareto-smoothed. Of a
tightness that is learned that is the ratio of two Gamma densities at its draws; of one that is stated, that of two
normal densities of the media's coefficients, (with b_l in the prior's units and K = (1 + l)^decay)

    log w = -N log c + (1 - 1 / c^2) / (2 lambda^2) sum_l K_l tr(Sigma^{-1} b_l b_l').

The restricted model (`mmm_core.long_term.independent`) has one tightness in all draws, learned or stated, and a prior
that does not know Sigma: there Sigma is left out, b are all coefficients that are not left out, and those of lags are
counted from the prior's centre, lags of other variables divided by `cross`. Where a sign is given both priors are cut
off alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from mmm_core.long_term.coefficients import Coefficients
from mmm_core.long_term.minnesota import GammaPrior, Minnesota
from mmm_core.posterior.pareto import good_khat, pareto_smoothed

FACTORS = (0.5, 2.0)
LOOKED_AT = ("media", "lags")
WORDS = {
    ("media", 0.5): "effects of media believed half as large",
    ("media", 2.0): "effects of media believed twice as large",
    ("lags", 0.5): "lags held twice as tightly to the prior's centre",
    ("lags", 2.0): "lags held half as tightly to the prior's centre",
}


@dataclass(frozen=True)
class Sensitivity:
    """The other prior that moves a figure most.

    Attributes:
        moved: change of its median, in standard deviations (the 90 % interval's width / 3.29). words: of the prior.
        khat: of the weights; above `trusted` nobody can tell from these draws.
    """

    moved: float
    words: str
    khat: float
    trusted: bool


def prior_sensitivity(
    draws: xr.Dataset, prior: Minnesota, figure: np.ndarray, cross: float | None = None
) -> Sensitivity:
    """How far another prior moves a figure, (draw,), at most.

    Args:
        draws: of `fit_bvar` or `fit_tracked_bvar`. prior: what they were fitted with. cross: as there, of a restricted
            model; None where the prior is the conjugate one.
    """
    kept = np.isfinite(figure)
    low, middle, high = np.quantile(figure[kept], [0.05, 0.5, 0.95])
    sd = (high - low) / 3.29
    found = Sensitivity(0.0, "no other prior was tried", 0.0, True)
    for (name, factor), words in WORDS.items():
        weight = log_weights(draws, prior, name, factor, cross)
        if weight is None:
            continue
        smoothed, khat = pareto_smoothed(weight[kept])
        moved = abs(weighted_median(figure[kept], np.exp(smoothed)) - middle) / sd if sd > 0 else 0.0
        if moved >= found.moved:
            found = Sensitivity(float(moved), words, float(khat), float(khat) <= good_khat(int(kept.sum())))
    return found


def log_weights(
    draws: xr.Dataset, prior: Minnesota, name: str, factor: float, cross: float | None = None
) -> np.ndarray | None:
    """Log ratio of the prior with one tightness multiplied to the prior as it is, (draw,); None where it is unknown."""
    if cross is not None:
        return _of_restricted(draws, prior, name, factor, cross)
    stated = getattr(prior, name)
    if isinstance(stated, GammaPrior):
        if name not in draws["hyperparameter"].to_numpy():
            return None
        at = draws["tightness"].sel(hyperparameter=name).to_numpy()
        other = GammaPrior(stated.mode * factor, stated.sd * factor)
        return other.log_density(at) - stated.log_density(at)
    if name != "media":
        return None
    units = draws["prior_scale"].to_numpy()
    effect = draws["media_coefficient"].transpose("draw", "media_lag", "equation", "channel").to_numpy()
    effect = effect * draws["media"].to_numpy().std(0) / units[:, None]
    covariance = draws["covariance"].transpose("draw", "equation", "variable").to_numpy() / (
        units * units[:, None]
    )
    strength = (1.0 + draws["media_lag"].to_numpy()) ** prior.media_decay
    white = np.linalg.solve(np.linalg.cholesky(covariance)[:, None], effect)
    size = ((white**2).sum((2, 3)) * strength).sum(1)
    count = int(np.prod(effect.shape[1:]))
    return np.asarray(-count * np.log(factor) + (1 - factor**-2) / (2 * float(stated) ** 2) * size)


def _of_restricted(
    draws: xr.Dataset, prior: Minnesota, name: str, factor: float, cross: float
) -> np.ndarray | None:
    """The ratio of two independent normals of the coefficients that are there, (draw,)."""
    stated = getattr(prior, name)
    if isinstance(stated, GammaPrior) and name not in draws["hyperparameter"].to_numpy():
        return None
    at = stated
    if isinstance(stated, GammaPrior):
        at = float(draws["tightness"].sel(hyperparameter=name)[0])
    units = draws["prior_scale"].to_numpy()
    found = Coefficients.of(draws)
    if name == "media":
        away = found.media * draws["media"].to_numpy().std(0) / units[:, None]
        strength = (1.0 + np.arange(away.shape[1]))[:, None, None] ** prior.media_decay
        there = np.ptp(found.media, axis=0) > 0
    else:
        names = [str(each) for each in draws["variable"].to_numpy()]
        away = found.lags * units / units[:, None]
        away[:, 0] -= np.diag(prior.centres(names, found.differenced))
        others = np.where(np.eye(len(names), dtype=bool), 1.0, cross**-2)
        strength = (1.0 + np.arange(away.shape[1]))[:, None, None] ** prior.decay * others
        there = np.ptp(found.lags, axis=0) > 0
    size = ((away**2 * strength) * there).sum((1, 2, 3))
    return np.asarray(-there.sum() * np.log(factor) + (1 - factor**-2) / (2 * at**2) * size)


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """The value at which half of the weights lie below."""
    order = np.argsort(values)
    return float(np.interp(0.5, np.cumsum(weights[order]) / weights.sum(), values[order]))
