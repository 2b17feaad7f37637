"""Loops of the samplers over draws, weeks and entries, compiled by Numba.

What NumPy takes a call and a pass over memory for, a week or a small matrix at a time, is a few operations here. In
those over weeks chains stand last, next to each other in memory, so that one instruction works on several of them. The
formulas stand in the modules that call these (`mmm_core.long_term.conjugate`, `mmm_core.long_term.states`,
`mmm_core.long_term.interweaving`). Entries are set one by one: an assignment of a whole slice takes Numba seconds to
compile. The first call of a new installation compiles, some seconds; the programs are kept beside the source, in the
user's folder where that cannot be written, or where NUMBA_CACHE_DIR says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

HOW: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "reassoc"}}
"""How all are compiled: sums may be taken in another order, several at once; nan and inf stay what they are."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function compiled at its first call; its program is kept, save where nothing can be written."""
    try:
        return njit(cache=True, **HOW)(function)
    except RuntimeError:  # Numba finds no folder to keep it in
        return njit(**HOW)(function)


@compiled
def _product(left: np.ndarray, of_left: int, right: np.ndarray, of_right: int) -> float:
    """Sum over the columns of a row of one matrix times a row of another."""
    found = 0.0
    for column in range(left.shape[1]):
        found += left[of_left, column] * right[of_right, column]
    return found


@compiled
def factorised(
    gram: np.ndarray, cross: np.ndarray, square: np.ndarray, precision: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool]:
    """R of RR' = G + diag(k), R^{-1}C and S = I + Q - (R^{-1}C)'(R^{-1}C), draw by draw.

    Args:
        gram: G, (draw, K, K). cross: C, (draw, K, n). square: Q, (draw, n, n). precision: k, (draw, K).

    Returns:
        R, R^{-1}C, S, log |G + diag(k)| and log |S| (draw, 2), and whether all of these are positive definite.
    """
    draws, size, variables = cross.shape
    root, white = np.zeros(gram.shape), np.empty(cross.shape)
    scale, triangle = np.empty(square.shape), np.zeros((variables, variables))
    logs = np.zeros((draws, 2))
    for d in range(draws):
        for i in range(size):
            for j in range(i + 1):
                value = gram[d, i, j]
                if i == j:
                    value += precision[d, i]
                for k in range(j):
                    value -= root[d, i, k] * root[d, j, k]
                if i > j:
                    root[d, i, j] = value / root[d, j, j]
                elif value > 0:
                    root[d, i, i] = np.sqrt(value)
                    logs[d, 0] += np.log(value)
                else:
                    return root, white, scale, logs, False
        for i in range(size):
            for variable in range(variables):
                value = cross[d, i, variable]
                for k in range(i):
                    value -= root[d, i, k] * white[d, k, variable]
                white[d, i, variable] = value / root[d, i, i]
        for i in range(variables):
            for j in range(i + 1):
                value = square[d, i, j] + (1.0 if i == j else 0.0)
                for k in range(size):
                    value -= white[d, k, i] * white[d, k, j]
                scale[d, i, j] = scale[d, j, i] = value
                for k in range(j):
                    value -= triangle[i, k] * triangle[j, k]
                if i > j:
                    triangle[i, j] = value / triangle[j, j]
                elif value > 0:
                    triangle[i, i] = np.sqrt(value)
                    logs[d, 1] += np.log(value)
                else:
                    return root, white, scale, logs, False
    return root, white, scale, logs, True


@compiled
def solved_from_below(root: np.ndarray, right: np.ndarray) -> np.ndarray:
    """R^{-T} y, draw by draw: R lower triangular, (draw, K, K), y (draw, K, n)."""
    draws, size, variables = right.shape
    out = right.copy()
    for d in range(draws):
        for i in range(size - 1, -1, -1):
            for variable in range(variables):
                out[d, i, variable] /= root[d, i, i]
            for k in range(i):
                for variable in range(variables):
                    out[d, k, variable] -= root[d, i, k] * out[d, i, variable]
    return out


@compiled
def moments_of_weeks(
    levels: np.ndarray, moved: np.ndarray, fixed: np.ndarray, known: np.ndarray, own: np.ndarray, lags: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X'X (chain, K, K), X'y (chain, K, n) and y'y (chain, n, n) of an autoregression's rows about the prior mean.

    Args:
        levels: (week, n, chain). moved: (n,), whether a variable's change is modelled.
        fixed: media and terms of the last `row` weeks, (F, row). known: their own products, (F, F).
        own: prior mean of each variable's own first lag, (n,). lags: p; K = p n + F.
    """
    weeks, variables, chains = levels.shape
    terms, rows = fixed.shape
    first, start = weeks - rows, lags * variables
    size = start + terms
    gram, cross = np.empty((chains, size, size)), np.empty((chains, size, variables))
    square = np.empty((chains, variables, variables))
    series, about = np.empty((variables, weeks)), np.empty((variables, rows))
    drawn = np.empty((start, rows))
    for c in range(chains):
        for i in range(variables):
            series[i, 0] = levels[0, i, c]
            for week in range(1, weeks):
                series[i, week] = levels[week, i, c] - (levels[week - 1, i, c] if moved[i] else 0.0)
            for row in range(rows):
                about[i, row] = series[i, first + row] - own[i] * series[i, first + row - 1]
                for lag in range(lags):
                    drawn[lag * variables + i, row] = series[i, first + row - lag - 1]
        for a in range(start):
            for b in range(a + 1):
                gram[c, a, b] = gram[c, b, a] = _product(drawn, a, drawn, b)
            for f in range(terms):
                gram[c, a, start + f] = gram[c, start + f, a] = _product(drawn, a, fixed, f)
            for i in range(variables):
                cross[c, a, i] = _product(drawn, a, about, i)
        for f in range(terms):
            for other in range(terms):
                gram[c, start + f, start + other] = known[f, other]
            for i in range(variables):
                cross[c, start + f, i] = _product(fixed, f, about, i)
        for i in range(variables):
            for j in range(i + 1):
                square[c, i, j] = square[c, j, i] = _product(about, i, about, j)
    return gram, cross, square


@compiled
def coefficients_drawn(
    root: np.ndarray, white: np.ndarray, scale: np.ndarray, normal: np.ndarray, bartlett: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients about their prior mean (chain, K, n), Sigma and its inverse (chain, n, n), one draw a chain.

    Args:
        root, white, scale: R, R^{-1}C and S of `factorised`. normal: Z, standard normal, (chain, K, n).
        bartlett: A, root of a standard Wishart of the posterior's degrees, lower triangular, (chain, n, n).
    """
    chains, size, variables = white.shape
    out, covariance, inverse = np.empty(white.shape), np.zeros(scale.shape), np.zeros(scale.shape)
    lower, mixed, across = (
        np.zeros((variables, variables)),
        np.zeros((variables, variables)),
        np.zeros((variables, variables)),
    )
    for c in range(chains):
        for i in range(variables):  # S = C C'
            for j in range(i + 1):
                value = scale[c, i, j]
                for k in range(j):
                    value -= lower[i, k] * lower[j, k]
                lower[i, j] = np.sqrt(value) if i == j else value / lower[j, j]
        for i in range(variables):  # M = C A^{-T}
            for j in range(variables):
                value = lower[i, j]
                for k in range(j):
                    value -= mixed[i, k] * bartlett[c, j, k]
                mixed[i, j] = value / bartlett[c, j, j]
        for j in range(variables):  # C^{-T} A
            for i in range(variables - 1, -1, -1):
                value = bartlett[c, i, j] if j <= i else 0.0
                for k in range(i + 1, variables):
                    value -= lower[k, i] * across[k, j]
                across[i, j] = value / lower[i, i]
        for i in range(variables):
            for j in range(variables):
                for k in range(variables):
                    covariance[c, i, j] += mixed[i, k] * mixed[j, k]
                    inverse[c, i, j] += across[i, k] * across[j, k]
        for i in range(size):
            for variable in range(variables):
                out[c, i, variable] = white[c, i, variable]
                for k in range(variables):
                    out[c, i, variable] += normal[c, i, k] * mixed[variable, k]
        for i in range(size - 1, -1, -1):
            for variable in range(variables):
                out[c, i, variable] /= root[c, i, i]
            for k in range(i):
                for variable in range(variables):
                    out[c, k, variable] -= root[c, i, k] * out[c, i, variable]
    return out, covariance, inverse


@compiled
def draw_banded(band: np.ndarray, information: np.ndarray, noise: np.ndarray, reach: np.ndarray) -> bool:
    """Draw from normals whose precision P is a band around the diagonal: mean P^{-1} information, covariance P^{-1}.

    Args:
        band: lower band by column, [column, away, chain] = P[column + away, column]; its Cholesky factor afterwards.
        information: (n, chain), used up. noise: standard normal, (n, chain); the draws afterwards.
        reach: how many entries of a column the factor has, from the diagonal on, (n,); what is below is not looked at.

    Returns:
        Whether all precisions are positive definite.
    """
    size, wide, chains = band.shape
    pivot = np.empty((wide, chains))
    factor, value = np.empty(chains), np.empty(chains)
    for column in range(size):
        for c in range(chains):
            if not band[column, 0, c] > 0:
                return False
            value[c] = 1 / np.sqrt(band[column, 0, c])
        for away in range(reach[column]):
            for c in range(chains):
                pivot[away, c] = band[column, away, c] * value[c]
                band[column, away, c] = pivot[away, c]
        for c in range(chains):
            factor[c] = information[column, c] * value[c]
            information[column, c] = factor[c]
        for away in range(1, reach[column]):
            for c in range(chains):
                information[column + away, c] -= pivot[away, c] * factor[c]
        for away in range(1, reach[column]):
            for c in range(chains):
                value[c] = pivot[away, c]
            for further in range(away, reach[column]):
                for c in range(chains):
                    band[column + away, further - away, c] -= value[c] * pivot[further, c]
    for column in range(size - 1, -1, -1):
        for c in range(chains):
            value[c] = information[column, c] + noise[column, c]
        for away in range(1, reach[column]):
            for c in range(chains):
                value[c] -= band[column, away, c] * noise[column + away, c]
        for c in range(chains):
            noise[column, c] = value[c] / band[column, 0, c]
    return True


@compiled
def banded(
    before: np.ndarray,
    asked: np.ndarray,
    precision: np.ndarray,
    information: np.ndarray,
    weights: np.ndarray,
    inverse: np.ndarray,
    expected: np.ndarray,
    known: np.ndarray,
    latent: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Precision and information of the latent states as `draw_banded` has them: what is measured, what lags say.

    Args:
        before: what of the lower band is the same in all chains, (week x latent, away). asked: of the information.
        precision, information: what each chain adds to the diagonal and to the information, (week, latent, chain).
        weights: F_0 = I, F_l = -A_l, (1 + lag, n, n, chain). inverse: Sigma^{-1}, (n, n, chain).
        expected: m_t, (row, n, chain), of the last `row` weeks. known: (week, n, chain), whose latent variables are
            not looked at. latent: positions of the latent variables.
    """
    orders, variables, _, chains = weights.shape
    rows, weeks, count = len(expected), len(known), len(latent)
    size, first = before.shape[1], weeks - rows
    is_known = np.ones(variables, dtype=np.bool_)
    for i in range(count):
        is_known[latent[i]] = False
    pulled = np.zeros((orders, count, variables, chains))
    # by the weeks before a row that a column's week is; last of all rows that look back at a week
    of_row = np.zeros((orders + 1, count, size, chains))
    for later in range(orders):
        for i in range(count):
            for j in range(variables):
                for k in range(variables):
                    for c in range(chains):
                        pulled[later, i, j, c] += weights[later, k, latent[i], c] * inverse[k, j, c]
    for later in range(orders):
        for earlier in range(later, orders):
            apart = earlier - later
            for i in range(count):
                for j in range(count if apart else i + 1):
                    away = apart * count + i - j
                    for k in range(variables):
                        for c in range(chains):
                            both = pulled[later, i, k, c] * weights[earlier, k, latent[j], c]
                            of_row[earlier, j, away, c] += both
                            of_row[orders, j, away, c] += both
    rest = expected.copy()
    if count < variables:
        for row in range(rows):
            for lag in range(orders):
                for i in range(variables):
                    for j in range(variables):
                        if is_known[j]:
                            for c in range(chains):
                                rest[row, i, c] -= weights[lag, i, j, c] * known[first + row - lag, j, c]
    band, pull = np.empty((weeks * count, size, chains)), np.empty((weeks * count, chains))
    for week in range(weeks):
        inside = first <= week < weeks - orders + 1
        for j in range(count):
            column = week * count + j
            for away in range(size):
                own = before[column, away]
                if inside:
                    for c in range(chains):
                        band[column, away, c] = own + of_row[orders, j, away, c]
                else:
                    for c in range(chains):
                        band[column, away, c] = own
            for c in range(chains):
                band[column, 0, c] += precision[week, j, c]
                pull[column, c] = asked[column] + information[week, j, c]
            for lag in range(orders):
                row = week + lag - first
                if 0 <= row < rows:
                    for k in range(variables):
                        for c in range(chains):
                            pull[column, c] += pulled[lag, j, k, c] * rest[row, k, c]
                    if not inside:
                        for away in range((lag + 1) * count - j):
                            for c in range(chains):
                                band[column, away, c] += of_row[lag, j, away, c]
    return band, pull


@compiled
def residuals(levels: np.ndarray, lags: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """y_t - A_1 y_{t-1} - ... - m_t, (row, n, chain), of the last `row` weeks.

    Args:
        levels: (week, n, chain). lags: of the levels, (lag, n, n, chain). expected: m_t, (row, n, chain).
    """
    rows, variables, chains = expected.shape
    first, out = len(levels) - rows, np.empty(expected.shape)
    for row in range(rows):
        for i in range(variables):
            for c in range(chains):
                out[row, i, c] = levels[first + row, i, c] - expected[row, i, c]
            for lag in range(len(lags)):
                for j in range(variables):
                    for c in range(chains):
                        out[row, i, c] -= lags[lag, i, j, c] * levels[first + row - 1 - lag, j, c]
    return out


def chains_last(array: np.ndarray) -> np.ndarray:
    """(chain, ...) as (..., chain), in memory too."""
    return np.ascontiguousarray(array.transpose((*range(1, array.ndim), 0)))
