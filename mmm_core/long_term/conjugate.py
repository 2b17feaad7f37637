"""The normal-inverse-Wishart regression: posterior, marginal likelihood and exact draws, all in closed form.

    Y = X B + E,   rows of E ~ N(0, Sigma),   B | Sigma ~ MN(B0, diag(1/k), Sigma),   Sigma ~ IW(I, d)

Y (row, variable) and X (row, K). Everything works on deviations from the prior mean, y = Y - X B0, because that is
where a random walk's sums of squares stay small: with G = X'X, C = X'y, Q = y'y,

    P = G + diag(k) = R R',   b = P^{-1} C,   S = I + Q - (R^{-1}C)'(R^{-1}C),
    B | Sigma, Y ~ MN(B0 + b, P^{-1}, Sigma),   Sigma | Y ~ IW(S, d + rows),
    log p(Y) = -n rows/2 log pi + log Gamma_n((d+rows)/2) - log Gamma_n(d/2)
               - (d+rows)/2 log|S| - n/2 (log|P| - sum log k).

Variables are measured in units in which the prior scale of Sigma is the identity. Every array may have draws on
leading
axes, and all draws are worked on at once: NumPy's stacked factorisations take a few microseconds a draw, which is
less than compiling a program for them would.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import multigammaln

from mmm_core.errors import InputError
from mmm_core.long_term.loops import factorised, solved_from_below

AT_ONCE = 4_000_000
"""Numbers in the arrays of a chunk of draws (32 MB)."""


class Moments(NamedTuple):
    """All that the rows of a regression say: sums of squares and products. Rows and sets of rows add up."""

    rows: int
    gram: np.ndarray  # X'X, (..., K, K)
    cross: np.ndarray  # X'y, (..., K, n)
    square: np.ndarray  # y'y, (..., n, n)

    def __add__(self, other: object) -> Moments:
        """Of both sets of rows together."""
        if not isinstance(other, Moments):
            return NotImplemented
        if not other.rows:
            return self
        return Moments(
            self.rows + other.rows,
            self.gram + other.gram,
            self.cross + other.cross,
            self.square + other.square,
        )

    def twice(self) -> Moments:
        """The same draws again behind them."""
        return Moments(self.rows, *(np.concatenate([part, part]) for part in self[1:]))

    def at(self, which: slice | np.ndarray) -> Moments:
        """Those of some draws; the same for all draws where there is one set."""
        if self.gram.ndim == 2:
            return self
        return Moments(self.rows, self.gram[which], self.cross[which], self.square[which])


class NormalInverseWishart(NamedTuple):
    """A posterior."""

    deviation: np.ndarray  # b, (..., K, n), from the prior mean
    root: np.ndarray  # R, lower triangular, (..., K, K)
    scale: np.ndarray  # S, (..., n, n)
    degrees: float  # d + rows


class Draws(NamedTuple):
    """Draws of a regression, in the units of the variables."""

    coefficients: np.ndarray  # deviation from the prior mean, (draw, K, n)
    root: np.ndarray  # M with Sigma = M M', (draw, n, n)


def moments(outcome: np.ndarray, regressors: np.ndarray, centre: np.ndarray) -> Moments:
    """Moments of rows about the prior mean.

    Args:
        outcome: (..., row, n). regressors: (..., row, K). centre: B0, (K, n).
    """
    about = outcome - regressors @ centre
    across = np.swapaxes(regressors, -1, -2)
    return Moments(outcome.shape[-2], across @ regressors, across @ about, np.swapaxes(about, -1, -2) @ about)


def posterior(known: Moments, precision: np.ndarray, degrees: float) -> NormalInverseWishart:
    """The posterior given the rows.

    Args:
        precision: k, (..., K). degrees: d.
    """
    root, white, scale, _ = factors(known, precision)
    return NormalInverseWishart(_from_below(root, white), root, scale, degrees + known.rows)


def factors(known: Moments, precision: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """R, R^{-1}C, S, and log |P| and log |S| on the last axis; arguments of `posterior`."""
    lead = np.broadcast_shapes(known.gram.shape[:-2], precision.shape[:-1])
    size, variables = known.cross.shape[-2:]

    def each(part: np.ndarray, *shape: int) -> np.ndarray:
        whole = part if part.shape == (*lead, *shape) else np.broadcast_to(part, (*lead, *shape))
        return np.ascontiguousarray(whole.reshape(-1, *shape))

    *found, fine = factorised(
        each(known.gram, size, size),
        each(known.cross, size, variables),
        each(known.square, variables, variables),
        each(precision, size),
    )
    if not fine:
        raise InputError(
            "the regressors are copies of one another to the last digit: leave out a channel or term that the others "
            "add up to, or take a constant off a variable that hardly moves beside its level"
        )
    root, white, scale, logs = (part.reshape(*lead, *part.shape[1:]) for part in found)
    return root, white, scale, logs


def log_marginal_likelihood(known: Moments, precision: np.ndarray, degrees: float) -> np.ndarray:
    """log p(Y), shape of the leading axes of `known` and `precision`."""
    _, _, scale, logs = factors(known, precision)
    variables, after = scale.shape[-1], degrees + known.rows
    found = (
        log_normaliser(known.rows, variables, degrees)
        - 0.5 * after * logs[..., 1]
        - 0.5 * variables * (logs[..., 0] - np.log(precision).sum(-1))
    )
    return np.asarray(found)


@cache
def log_normaliser(rows: int, variables: int, degrees: float) -> float:
    """The part of log p(Y) that no data change."""
    return float(
        -0.5 * variables * rows * math.log(math.pi)
        + multigammaln((degrees + rows) / 2, variables)
        - multigammaln(degrees / 2, variables)
    )


def draw(known: NormalInverseWishart, draws: int, rng: np.random.Generator) -> Draws:
    """Independent draws: `draws` of one posterior, or one of each where it has a leading axis of that length.

    Sigma = M M' with M = C A^{-T}, C the root of S and A that of a standard Wishart (Bartlett); B = b + R^{-T} Z M'.
    """
    variables = known.scale.shape[-1]
    lower = np.linalg.cholesky(known.scale)
    bartlett = np.tril(rng.standard_normal((draws, variables, variables)), -1)
    freedom = known.degrees - np.arange(variables)
    bartlett[:, range(variables), range(variables)] = np.sqrt(rng.chisquare(freedom, (draws, variables)))
    root = lower @ np.swapaxes(np.linalg.inv(bartlett), -1, -2)
    noise = rng.standard_normal((draws, *known.deviation.shape[-2:]))
    spread = _from_below(known.root, noise)
    return Draws(known.deviation + spread @ np.swapaxes(root, -1, -2), root)


def joined(parts: list[Moments]) -> Moments:
    """Moments of runs of draws, one after the other."""
    gram, cross, square = (np.concatenate([part[position] for part in parts]) for position in (1, 2, 3))
    return Moments(parts[0].rows, gram, cross, square)


def chunks(draws: int, numbers: int) -> Iterator[slice]:
    """Runs of draws whose arrays, of so many numbers a draw, fit `AT_ONCE`."""
    size = max(AT_ONCE // max(numbers, 1), 1)
    return (slice(first, min(first + size, draws)) for first in range(0, draws, size))


def _from_below(root: np.ndarray, right: np.ndarray) -> np.ndarray:
    """R^{-T} y of all draws, R one or one a draw; that of one is applied to all draws' columns at once."""
    if root.ndim == 2 and right.ndim == 3:
        draws, size, variables = right.shape
        flat = solve_triangular(
            root, right.transpose(1, 0, 2).reshape(size, draws * variables), lower=True, trans="T"
        )
        return np.asarray(flat).reshape(size, draws, variables).transpose(1, 0, 2)
    whole = (part.reshape(-1, *part.shape[-2:]) for part in (root, right))
    return np.asarray(solved_from_below(*map(np.ascontiguousarray, whole))).reshape(right.shape)
