"""The Minnesota prior of a vector autoregression, in the conjugate form of Giannone, Lenza and Primiceri (2015).

In units in which the residual of each variable's own first-order autoregression has variance 1,

    variance of the coefficient of lag l, any variable    Sigma_ii lambda^2 / l^decay
    variance of the coefficient of media l weeks back     Sigma_ii lambda_x^2 / (1 + l)^media_decay, media in their sd
    variance of the intercept                             Sigma_ii 10^7
    variance of a further term, such as a trend           Sigma_ii terms^2, the term in its sd; as the intercept's
                                                          unless stated, and then no evidence tells it from none
    mean                                                   1 (a random walk) for a variable's own first lag, else 0
    Sigma ~ IW(I, n + 2), whose mean is I

so that the coefficient of variable j in equation i has variance proportional to psi_i / psi_j in the series' own
units: a conjugate prior is as tight on other variables' lags as on a variable's own. One that is tighter on others'
needs `mmm_core.long_term.independent`.

Two sets of dummy observations say what a random-walk prior leaves open, with y0 the mean of the first p weeks:

* sum of coefficients (mu): a variable that stood at y0 stays there, whatever the others; one row a variable,
  (y0_j / mu) on both sides. mu -> 0 makes every variable a random walk of its own.
* initial observation (theta): all variables at y0, media and terms as they were then, stay there; one row, divided by
  theta. theta -> 0 makes the start a steady state.

Small is tight for all four. A tightness is a number, or a Gamma prior stated by its mode and sd, to be learnt from
the data; None leaves a set of dummies out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from mmm_core.errors import InputError, nearest
from mmm_core.long_term.conjugate import Moments, log_normaliser, moments
from mmm_core.long_term.series import Layout, Series

HYPERPARAMETERS = ("lags", "media", "sum_of_coefficients", "initial_observation")
DIFFUSE = 1e7
"""Prior variance of the intercept and further terms, in units of the residual's."""


@dataclass(frozen=True)
class GammaPrior:
    """A Gamma density by its mode and standard deviation."""

    mode: float
    sd: float

    def __post_init__(self) -> None:
        if not (self.mode > 0 and self.sd > 0):
            raise InputError(f"a Gamma prior needs a mode and an sd above 0, got {self.mode} and {self.sd}")

    @cached_property
    def shape_and_scale(self) -> tuple[float, float]:
        """Its usual parameters: mode = (shape - 1) scale, sd = sqrt(shape) scale."""
        ratio = (self.mode / self.sd) ** 2
        shape = 1 + (ratio + np.sqrt(ratio**2 + 4 * ratio)) / 2
        return float(shape), float(self.sd / np.sqrt(shape))

    @property
    def mean_square(self) -> float:
        """E[x^2]."""
        shape, scale = self.shape_and_scale
        return shape * (shape + 1) * scale**2

    def log_density(self, value: np.ndarray) -> np.ndarray:
        """log p(value)."""
        shape, scale = self.shape_and_scale
        return np.asarray((shape - 1) * np.log(value) - value / scale - self._log_constant)

    @cached_property
    def _log_constant(self) -> float:
        shape, scale = self.shape_and_scale
        return float(gammaln(shape) + shape * np.log(scale))


Belief = float | GammaPrior


class Tightness(NamedTuple):
    """One value of each hyperparameter, or a draw of them each on the leading axis."""

    lags: np.ndarray  # lambda
    media: np.ndarray  # lambda_x
    sum_of_coefficients: np.ndarray  # mu, infinite without
    initial_observation: np.ndarray  # theta, infinite without


@dataclass(frozen=True)
class Minnesota:
    """What the prior is.

    Attributes:
        lags, media, sum_of_coefficients, initial_observation: tightness, see the module; None (of the latter two) is
            none.
        terms: prior sd of terms beside the intercept; None is the intercept's.
        decay: power by which lags of the variables matter less. media_decay: the same of media.
        centre: prior mean of a variable's own first lag, for all or by name; 0 for differenced variables unless
            named.
    """

    lags: Belief = field(default_factory=lambda: GammaPrior(0.2, 0.4))
    media: Belief = field(default_factory=lambda: GammaPrior(0.2, 0.4))
    sum_of_coefficients: Belief | None = field(default_factory=lambda: GammaPrior(1.0, 1.0))
    initial_observation: Belief | None = field(default_factory=lambda: GammaPrior(1.0, 1.0))
    terms: float | None = None
    decay: float = 2.0
    media_decay: float = 1.0
    centre: float | Mapping[str, float] = 1.0

    def __post_init__(self) -> None:
        for name in HYPERPARAMETERS:
            value = getattr(self, name)
            if isinstance(value, int | float) and not value > 0:
                raise InputError(f"{name} must be above 0 (small is tight), got {value}")

    def free(self, layout: Layout) -> dict[str, GammaPrior]:
        """The hyperparameters to be learnt, in order; that of media only where there are any."""
        stated = {name: getattr(self, name) for name in HYPERPARAMETERS if name != "media" or layout.channels}
        return {name: value for name, value in stated.items() if isinstance(value, GammaPrior)}

    def tightness(self, layout: Layout, values: np.ndarray) -> Tightness:
        """Of the free hyperparameters' values (..., free), the others as stated."""
        values = np.asarray(values, dtype=float)
        found, free = [], 0
        for name in HYPERPARAMETERS:
            stated = getattr(self, name)
            if isinstance(stated, GammaPrior) and (name != "media" or layout.channels):
                found.append(values[..., free])
                free += 1
            else:
                fixed = np.inf if stated is None else 1.0 if isinstance(stated, GammaPrior) else stated
                found.append(np.full(values.shape[:-1], fixed, dtype=float))
        return Tightness(*found)

    def own_lags(self, series: Series) -> np.ndarray:
        """Prior mean of each variable's own first lag, (variable,)."""
        return self.centres(series.variables, series.is_differenced)

    def centres(self, variables: Sequence[str], differenced: np.ndarray) -> np.ndarray:
        """The same of variables by name, (variable,); `differenced` says which are modelled as changes."""
        usual = 1.0 if isinstance(self.centre, Mapping) else float(self.centre)
        means = np.where(differenced, 0.0, usual)
        if isinstance(self.centre, Mapping):
            for name, value in self.centre.items():
                if name not in variables:
                    raise InputError(f"centre has no variable '{name}': {nearest(name, variables)}")
                means[list(variables).index(name)] = value
        return means


class Scales(NamedTuple):
    """Units in which the prior is stated."""

    variables: np.ndarray  # sd of the residual of an AR(1), (variable,)
    media: np.ndarray  # sd, (channel,)
    terms: np.ndarray  # 1 for the intercept, sd, (term,)

    def regressors(self, layout: Layout) -> np.ndarray:
        """Unit of each regressor, (K,)."""
        return np.concatenate(
            [np.tile(self.variables, layout.lags), np.tile(self.media, layout.media_lags + 1), self.terms]
        )


def scales(series: Series) -> Scales:
    """Units from the data; of variables known as draws, the mean of the draws' residual variances."""
    values = series.modelled
    before, after = values[..., :-1, :], values[..., 1:, :]
    before = before - before.mean(-2, keepdims=True)
    after = after - after.mean(-2, keepdims=True)
    slope = (before * after).sum(-2, keepdims=True) / np.maximum(
        (before**2).sum(-2, keepdims=True), np.finfo(float).tiny
    )
    variance = ((after - slope * before) ** 2).sum(-2) / (values.shape[-2] - 3)
    residual = np.sqrt(variance.reshape(-1, variance.shape[-1]).mean(0))
    # of each beside its own size: logits of a share stand beside sales of billions
    smallest = residual <= 1e-10 * np.abs(values).reshape(-1, values.shape[-1]).max(0)
    if smallest.any():
        names = [name for name, small in zip(series.variables, smallest, strict=True) if small]
        raise InputError(
            f"variable {names[0]} follows an autoregression without any noise: it is a formula, not a series"
        )
    media = series.media.std(0)
    return Scales(residual, media, np.concatenate([[1.0], series.deterministic.std(0)]))


def centre(layout: Layout, own_lags: np.ndarray) -> np.ndarray:
    """B0, (K, n)."""
    found = np.zeros((layout.regressors, layout.variables))
    found[range(layout.variables), range(layout.variables)] = own_lags
    return found


def precision(prior: Minnesota, layout: Layout, tightness: Tightness) -> np.ndarray:
    """k, (..., K): one over the prior variance of each coefficient, in units of Sigma_ii."""
    lead = np.shape(tightness.lags)
    of_lags = np.repeat(np.arange(1, layout.lags + 1.0) ** prior.decay, layout.variables)
    of_terms = np.full(layout.terms, 1 / DIFFUSE)
    if prior.terms is not None:
        of_terms[1:] = 1 / prior.terms**2
    of_media = np.repeat(np.arange(1, layout.media_lags + 2.0) ** prior.media_decay, layout.channels)
    return np.concatenate(
        [
            of_lags / np.asarray(tightness.lags)[..., None] ** 2,
            of_media / np.asarray(tightness.media)[..., None] ** 2,
            np.broadcast_to(of_terms, (*lead, layout.terms)),
        ],
        axis=-1,
    )


class Start(NamedTuple):
    """Where everything stood in the first p weeks, in the prior's units: what the dummies are made of."""

    variables: np.ndarray  # y0, (n,)
    media: np.ndarray  # (media column,)
    terms: np.ndarray  # 1 for the intercept, (term,)


def start(series: Series, layout: Layout, units: Scales, weeks: int) -> Start:
    """Means of the first weeks, p of them as a rule, over the draws too."""
    first = series.modelled[..., :weeks, :].mean(-2).reshape(-1, layout.variables).mean(0)
    media = series.media[series.history : series.history + weeks].mean(0) / units.media
    terms = np.concatenate([[1.0], series.deterministic[:weeks].mean(0)]) / units.terms
    return Start(first / units.variables, np.tile(media, layout.media_lags + 1), terms)


def dummy_sets(layout: Layout, first: Start, own_lags: np.ndarray) -> tuple[Moments, Moments]:
    """Moments of the two sets of dummy observations at a tightness of 1, about the prior mean."""
    variables, size = layout.variables, layout.regressors
    middle = centre(layout, own_lags)
    each = np.zeros((variables, size))
    for lag in range(layout.lags):
        each[:, lag * variables : (lag + 1) * variables] = np.diag(first.variables)
    together = np.concatenate([np.tile(first.variables, layout.lags), first.media, first.terms])[None]
    return (
        moments(np.diag(first.variables), each, middle),
        moments(first.variables[None], together, middle),
    )


def dummies(sets: tuple[Moments, Moments], tightness: Tightness) -> Moments:
    """Moments of the dummy observations; draws of the tightness on the leading axes.

    Each set of rows is its moments at a tightness of 1, divided by the tightness squared.
    """
    total = Moments(0, *(np.zeros_like(part) for part in sets[0][1:]))
    for part, width in zip(sets, (tightness.sum_of_coefficients, tightness.initial_observation), strict=True):
        if np.isinf(width).all():
            continue
        weight = (1 / np.asarray(width) ** 2)[..., None, None]
        total = total + Moments(part.rows, weight * part.gram, weight * part.cross, weight * part.square)
    return total


def log_likelihood_of_dummies(
    prior: Minnesota, layout: Layout, first: Start, own_lags: np.ndarray, tightness: Tightness, degrees: float
) -> np.ndarray:
    """log p(dummies | tightness), (...), in closed form: a factorisation would lose it where the tightness is small.

    With a_j the prior variance of the sum of a variable's own lags times y0_j^2, D = diag(1 + a_j / mu^2) and delta_j =
    y0_j (1 - B0_jj), the rows' covariance is an arrow: its determinant is that of D times

        s = 1 + (sum_j a_j / D_j + variance of the media's and terms' part) / theta^2,
        S = I + diag(delta^2 / (mu^2 D)) + v v' / s,   v = delta / (theta D).
    """
    strength = precision(prior, layout, tightness)
    lags = 1 / strength[..., : layout.media.start]
    of_lags = lags.reshape(*lags.shape[:-1], layout.lags, layout.variables).sum(-2)
    rest = ((np.concatenate([first.media, first.terms]) ** 2) / strength[..., layout.media.start :]).sum(-1)
    pull = of_lags * first.variables**2
    sums, together = (1 / np.asarray(width) ** 2 for width in (tightness[2], tightness[3]))
    spread = 1 + pull * sums[..., None]
    whole = 1 + together * ((pull / spread).sum(-1) + rest)
    away = first.variables * (1 - own_lags)
    tilt = np.sqrt(together)[..., None] * away / spread
    scale = (1 + away**2 * sums[..., None] / spread)[..., None] * np.eye(layout.variables)
    scale = scale + tilt[..., :, None] * tilt[..., None, :] / whole[..., None, None]
    rows = layout.variables * bool(np.isfinite(tightness[2]).all()) + bool(np.isfinite(tightness[3]).all())
    return log_normaliser(rows, layout.variables, degrees) - 0.5 * (
        (degrees + rows) * np.linalg.slogdet(scale)[1]
        + layout.variables * (np.log(spread).sum(-1) + np.log(whole))
    )
