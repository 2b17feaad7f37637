"""A vector autoregression whose prior differs between equations, by Gibbs sampling.

The conjugate prior has the same shape in every equation. Where media are known to enter some equations only, where
the sign of an effect is known, or where lags of other variables deserve a tighter prior than a variable's own, the
prior of the coefficients is independent of Sigma,

    coefficient b_ki ~ N(B0_ki, v_ki), truncated where its sign is known, 0 where it is left out,   Sigma ~ IW(I, d),

and the posterior is sampled in turns, all chains at once: the coefficients without a known sign are one normal given
the rest, each with a known sign a truncated normal given all others, Sigma an inverse Wishart. The draws are those of
a
Markov chain: R-hat and effective sample sizes go with them.

Units are those of `mmm_core.long_term.minnesota`, and v_ki is what that prior has at Sigma_ii = 1, times `cross`
squared for lags of other variables. The tightness is not learnt here: it is the conjugate model's optimum, or what
the prior states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import log_ndtr, ndtri_exp

from mmm_core.errors import InputError, nearest
from mmm_core.json_text import dumps
from mmm_core.long_term.coefficients import Coefficients, labelled
from mmm_core.long_term.conjugate import Moments
from mmm_core.long_term.fit import prepare
from mmm_core.long_term.minnesota import Minnesota, centre
from mmm_core.long_term.series import Layout, Series, series
from mmm_core.long_term.tightness import optimum
from mmm_core.posterior.mixing import statistics
from mmm_core.threads import one_blas_thread

CHAINS = 4
WARMUP = 200
MOST_COEFFICIENTS = 600
"""Coefficients of all equations together above which a step, cubic in them, takes too long."""


class Restrictions(NamedTuple):
    """What is known of the coefficients beforehand, each (K, equation)."""

    entering: np.ndarray  # whether the coefficient is there at all
    sign: np.ndarray  # 1, -1, or 0 where nothing is known


@one_blas_thread
def fit_restricted_bvar(
    variables: pd.DataFrame | xr.DataArray,
    media: pd.DataFrame | None = None,
    terms: pd.DataFrame | None = None,
    *,
    enters: Mapping[str, Sequence[str]] | None = None,
    signs: Mapping[str, Mapping[str, int]] | None = None,
    cross: float = 1.0,
    lags: int = 4,
    media_lags: int = 0,
    prior: Minnesota | None = None,
    differenced: tuple[str, ...] = (),
    chains: int = CHAINS,
    draws: int = 500,
    warmup: int = WARMUP,
    degrees: float | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Draws of a vector autoregression with restrictions.

    Args:
        variables, media, terms, lags, media_lags, prior, differenced, seed: as of `fit_bvar`.
        enters: for a channel or a variable, the variables in whose equations it stands; by default all. A variable
            always stands in its own.
        signs: for a channel, the sign (1 or -1) of its coefficients in the equations of some variables.
        cross: how much tighter the prior is on lags of other variables: its sd is multiplied by this.
        chains, draws, warmup: chains, kept draws a chain, and steps before them. Of variables known as draws, every
            draw is a chain of its own of which the last step is kept.
        degrees: of Sigma's prior; by default the number of variables and 2.

    Returns:
        As `fit_bvar`, draws of all chains one after the other; attributes `rhat` (largest) and `ess` (smallest) of
        the coefficients instead of `log_evidence` and `acceptance`.

    Raises:
        InputError: as `fit_bvar`; a name is unknown, a sign is neither 1 nor -1, or there are too many coefficients.
    """
    prior = Minnesota() if prior is None else prior
    given = series(variables, media, terms, differenced)
    ready = prepare(given, lags, media_lags, prior)
    layout, problem = ready.layout, ready.problem
    rules = restrictions(given, layout, enters or {}, signs or {})
    if rules.entering.sum() > MOST_COEFFICIENTS:
        raise InputError(
            f"{rules.entering.sum()} coefficients are too many for the restricted model (at most {MOST_COEFFICIENTS}): "
            "take fewer lags or variables, or fit_bvar"
        )
    best = optimum(problem)
    strength = strengths(problem.precision(best), layout, cross)
    known = problem.known + problem.dummies(best)
    chains, kept = (given.drawn, 1) if given.drawn else (chains, draws)
    rng = np.random.default_rng(seed)
    freedom = layout.variables + 2.0 if degrees is None else degrees
    stacked, covariance = _chains(known, strength, rules, freedom, (chains, kept, warmup), rng)
    rhat, ess = _mixed(stacked, rules)
    stacked = stacked.reshape(-1, *stacked.shape[2:]) + centre(layout, problem.own_lags)
    covariance = covariance.reshape(-1, *covariance.shape[2:])
    units = ready.units
    stacked *= units.variables / units.regressors(layout)[:, None]
    covariance *= units.variables * units.variables[:, None]
    out = labelled(Coefficients.stacked(stacked, covariance, layout, given.is_differenced), given)
    if isinstance(variables, xr.DataArray) and "draw" in variables.coords:
        out = out.assign_coords(draw=variables["draw"].to_numpy())
    out["prior_scale"] = ("equation",), units.variables
    out["tightness"] = ("draw", "hyperparameter"), np.tile(best, (len(stacked), 1))
    out = out.assign_coords(hyperparameter=list(problem.names))
    out.attrs = {
        "sampler": "gibbs",
        "lags": lags,
        "media_lags": media_lags,
        "rows": problem.known.rows,
        "first_row": len(given.weeks) - problem.known.rows,
        "chains": chains,
        "rhat": rhat,
        "ess": ess,
        "optimum": dumps(dict(zip(problem.names, best.tolist(), strict=True))),
        "prior": repr(prior),
        "seed": seed,
    }
    return out


def strengths(precision: np.ndarray, layout: Layout, cross: float) -> np.ndarray:
    """One over the prior variance of each coefficient, (K, n), from one a regressor, (K,)."""
    strength = np.repeat(precision[:, None], layout.variables, axis=1)
    others = np.tile(~np.eye(layout.variables, dtype=bool), (layout.lags, 1))
    strength[: layout.media.start][others] /= cross**2
    return strength


def restrictions(
    given: Series,
    layout: Layout,
    enters: Mapping[str, Sequence[str]],
    signs: Mapping[str, Mapping[str, int]],
) -> Restrictions:
    """By coefficient, from names."""
    entering = np.ones((layout.regressors, layout.variables), dtype=bool)
    sign = np.zeros(entering.shape)
    columns = [*(list(given.variables) * layout.lags), *(list(given.channels) * (layout.media_lags + 1))]
    names = [*given.variables, *given.channels]

    def equation(name: str) -> int:
        if name not in given.variables:
            raise InputError(f"there is no equation of '{name}': {nearest(name, given.variables)}")
        return given.variables.index(name)

    for regressor, equations in enters.items():
        if regressor not in names:
            raise InputError(
                f"enters names '{regressor}', no variable or channel: {nearest(regressor, names)}"
            )
        rows = [row for row, column in enumerate(columns) if column == regressor]
        kept = [equation(name) for name in equations]
        if regressor in given.variables:
            kept.append(given.variables.index(regressor))
        entering[np.ix_(rows, [i for i in range(layout.variables) if i not in kept])] = False
    for channel, by_variable in signs.items():
        if channel not in given.channels:
            raise InputError(f"signs names '{channel}', no channel: {nearest(channel, given.channels)}")
        for name, value in by_variable.items():
            if value not in (1, -1):
                raise InputError(f"the sign of '{channel}' in '{name}' must be 1 or -1, got {value}")
            rows = [row for row, column in enumerate(columns) if column == channel]
            sign[rows, equation(name)] = value
    return Restrictions(entering, np.where(entering, sign, 0.0))


class Equations(NamedTuple):
    """The coefficients that are there, equation by equation: position i K + k of the stacked ones."""

    place: np.ndarray  # (coefficient,), of those that are there
    equation: np.ndarray  # (coefficient,)
    regressor: np.ndarray  # (coefficient,)
    tight: np.ndarray  # one over its prior variance, (coefficient,)
    sign: np.ndarray  # (coefficient,)
    shape: tuple[int, int]  # K and n

    @classmethod
    def of(cls, strength: np.ndarray, rules: Restrictions) -> Equations:
        """From the prior's precision (K, n) and the rules."""
        place = np.flatnonzero(rules.entering.T)
        equation, regressor = np.divmod(place, len(strength))
        shape = (len(strength), strength.shape[1])
        return cls(place, equation, regressor, strength.T.ravel()[place], rules.sign.T.ravel()[place], shape)

    def begin(self, chains: int) -> np.ndarray:
        """Coefficients to start from, on the side that their sign allows, (chain, coefficient)."""
        return np.where(self.sign == 0, 0.0, self.sign * 1e-3) * np.ones((chains, 1))

    def stacked(self, beta: np.ndarray) -> np.ndarray:
        """As deviations from the prior mean, (chain, K, n), 0 where a coefficient is left out."""
        size, variables = self.shape
        out = np.zeros((len(beta), variables * size))
        out[:, self.place] = beta
        return np.swapaxes(out.reshape(-1, variables, size), 1, 2)


def restricted_step(
    rules: Equations,
    known: Moments,
    beta: np.ndarray,
    inverse: np.ndarray,
    degrees: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of all chains: the coefficients given Sigma, Sigma given them.

    Args:
        known: moments of data and dummies, of each chain or of all. beta: (chain, coefficient), written over.
        inverse: of Sigma, (chain, n, n). degrees: of Sigma's prior.

    Returns:
        Deviations of the coefficients (chain, K, n) and the inverse of Sigma (chain, n, n).
    """
    chains, (size, variables) = len(beta), rules.shape
    place, tight = rules.place, rules.tight
    gram = np.broadcast_to(
        known.gram[..., rules.regressor[:, None], rules.regressor], (chains, len(place), len(place))
    )
    cross = np.broadcast_to(known.cross, (chains, size, variables))
    signed, free = np.flatnonzero(rules.sign), np.flatnonzero(rules.sign == 0)
    precision = inverse[:, rules.equation[:, None], rules.equation] * gram
    precision[:, range(len(tight)), range(len(tight))] += tight
    information = np.swapaxes(cross @ inverse, 1, 2).reshape(chains, -1)[:, place]
    for one in signed:
        beta[:, one] = _truncated(beta, precision, information, int(one), float(rules.sign[one]), rng)
    rest = information[:, free]
    if len(signed):
        held = precision[:, free[:, None], signed] @ beta[:, signed, None]
        rest = rest - held[..., 0]
    root = np.linalg.cholesky(precision[:, free[:, None], free])
    white = np.linalg.solve(root, rest[..., None]) + rng.standard_normal((chains, len(free), 1))
    beta[:, free] = np.linalg.solve(np.swapaxes(root, 1, 2), white)[..., 0]

    now = rules.stacked(beta)
    across = np.swapaxes(now, 1, 2)
    fitted = across @ cross
    scale = np.eye(variables) + known.square - fitted - np.swapaxes(fitted, 1, 2) + across @ known.gram @ now
    lower = _wishart_root(scale, degrees + known.rows, rng)
    return now, lower @ np.swapaxes(lower, 1, 2)


def _chains(
    known: Moments,
    strength: np.ndarray,
    rules: Restrictions,
    degrees: float,
    length: tuple[int, int, int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Deviations from the prior mean (chain, draw, K, n) and covariances (chain, draw, n, n)."""
    chains, kept, warmup = length
    equations = Equations.of(strength, rules)
    size, variables = equations.shape
    beta = equations.begin(chains)
    inverse = np.broadcast_to(np.eye(variables), (chains, variables, variables))
    out = np.zeros((chains, kept, size, variables))
    covariances = np.empty((chains, kept, variables, variables))
    for step in range(warmup + kept):
        now, inverse = restricted_step(equations, known, beta, inverse, degrees, rng)
        if step >= warmup:
            out[:, step - warmup] = now
            covariances[:, step - warmup] = np.linalg.inv(inverse)
    return out, covariances


def _truncated(
    beta: np.ndarray,
    precision: np.ndarray,
    information: np.ndarray,
    place: int,
    sign: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """A draw of one coefficient given the others, on one side of 0, (chain,)."""
    strength = precision[:, place, place]
    pull = information[:, place] - (precision[:, place] * beta).sum(1)
    mean, sd = sign * (beta[:, place] + pull / strength), 1 / np.sqrt(strength)
    below = log_ndtr(mean / sd) + np.log(1 - rng.random(len(beta)))
    return np.asarray(sign * np.maximum(mean - sd * ndtri_exp(below), 0.0))


def _wishart_root(scale: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    """W with W W' a draw of the inverse of an IW(scale, degrees), (chain, n, n)."""
    chains, variables = scale.shape[:2]
    bartlett = np.tril(rng.standard_normal((chains, variables, variables)), -1)
    freedom = degrees - np.arange(variables)
    bartlett[:, range(variables), range(variables)] = np.sqrt(rng.chisquare(freedom, (chains, variables)))
    return np.asarray(np.linalg.solve(np.swapaxes(np.linalg.cholesky(scale), 1, 2), bartlett))


def _mixed(stacked: np.ndarray, rules: Restrictions) -> tuple[float, float]:
    """Largest R-hat and smallest bulk effective sample size of the coefficients; nan with chains of one draw."""
    if stacked.shape[1] < 4:
        return float("nan"), float("nan")
    rhat, ess, _ = statistics(np.moveaxis(stacked[:, :, rules.entering], -1, 0))
    return float(rhat.max()), float(ess.min())
