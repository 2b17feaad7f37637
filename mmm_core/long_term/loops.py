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


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function compiled at its first call; its program is kept, save where nothing can be written."""
    try:
        return njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # Numba finds no folder to keep it in
        return njit(error_model="numpy")(function)


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
def draw_banded(band: np.ndarray, information: np.ndarray, noise: np.ndarray) -> bool:
    """Draw from normals whose precision P is a band around the diagonal: mean P^{-1} information, covariance P^{-1}.

    Args:
        band: lower band by column, [column, away, chain] = P[column + away, column]; its Cholesky factor afterwards.
        information: (n, chain), used up. noise: standard normal, (n, chain); the draws afterwards.

    Returns:
        Whether all precisions are positive definite.
    """
    size, wide, chains = band.shape
    pivot = np.empty((wide, chains))
    factor, value = np.empty(chains), np.empty(chains)
    for column in range(size):
        reach = min(wide, size - column)
        for c in range(chains):
            if not band[column, 0, c] > 0:
                return False
            value[c] = 1 / np.sqrt(band[column, 0, c])
        for away in range(reach):
            for c in range(chains):
                pivot[away, c] = band[column, away, c] * value[c]
                band[column, away, c] = pivot[away, c]
        for c in range(chains):
            factor[c] = information[column, c] * value[c]
            information[column, c] = factor[c]
        for away in range(1, reach):
            for c in range(chains):
                information[column + away, c] -= pivot[away, c] * factor[c]
        for away in range(1, reach):
            for c in range(chains):
                value[c] = pivot[away, c]
            for further in range(away, reach):
                for c in range(chains):
                    band[column + away, further - away, c] -= value[c] * pivot[further, c]
    for column in range(size - 1, -1, -1):
        for c in range(chains):
            value[c] = information[column, c] + noise[column, c]
        for away in range(1, min(wide, size - column)):
            for c in range(chains):
                value[c] -= band[column, away, c] * noise[column + away, c]
        for c in range(chains):
            noise[column, c] = value[c] / band[column, 0, c]
    return True


@compiled
def add_autoregression(
    band: np.ndarray,
    information: np.ndarray,
    weights: np.ndarray,
    inverse: np.ndarray,
    expected: np.ndarray,
    known: np.ndarray,
    latent: np.ndarray,
) -> None:
    """Add what an autoregression says of the latent states to their precision and information.

    Args:
        band: as of `draw_banded`, columns in weeks then latent variables; added to. information: (week x latent,
            chain); added to.
        weights: F_0 = I, F_l = -A_l, (1 + lag, n, n, chain). inverse: Sigma^{-1}, (n, n, chain).
        expected: m_t, (row, n, chain), of the last `row` weeks. known: (week, n, chain), 0 where latent.
        latent: positions of the latent variables.
    """
    orders, variables, _, chains = weights.shape
    rows, weeks, count = len(expected), len(known), len(latent)
    first = weeks - rows
    of_row = np.zeros(
        (orders, count, orders * count, chains)
    )  # by the weeks before a row that a column's week is
    pulled = np.zeros((orders, count, variables, chains))
    rest = np.empty((variables, chains))
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
                    for k in range(variables):
                        for c in range(chains):
                            of_row[earlier, j, apart * count + i - j, c] += (
                                pulled[later, i, k, c] * weights[earlier, k, latent[j], c]
                            )
    for week in range(first, weeks):
        for i in range(variables):
            for c in range(chains):
                rest[i, c] = expected[week - first, i, c]
        if count < variables:
            for lag in range(orders):
                for i in range(variables):
                    for j in range(variables):
                        for c in range(chains):
                            rest[i, c] -= weights[lag, i, j, c] * known[week - lag, j, c]
        for lag in range(orders):
            for j in range(count):
                column = (week - lag) * count + j
                for k in range(variables):
                    for c in range(chains):
                        information[column, c] += pulled[lag, j, k, c] * rest[k, c]
                for away in range((lag + 1) * count - j):
                    for c in range(chains):
                        band[column, away, c] += of_row[lag, j, away, c]


@compiled
def standardised(root: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """L^{-1} u of every row, (row, n, chain): L lower triangular, (n, n, chain), u (row, n, chain)."""
    rows, variables, chains = residuals.shape
    out = residuals.copy()
    for row in range(rows):
        for i in range(variables):
            for j in range(i):
                for c in range(chains):
                    out[row, i, c] -= root[i, j, c] * out[row, j, c]
            for c in range(chains):
                out[row, i, c] /= root[i, i, c]
    return out


@compiled
def levels_moved(levels: np.ndarray, moved: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Levels (chain, week, n) of whose last weeks each gains what a change of M's entries, (chain, entry), moves.

    Args:
        moved: by one unit of each entry, (entry, row, n, chain).
    """
    out = levels.copy()
    entries, rows, variables, chains = moved.shape
    first, gained = levels.shape[1] - rows, np.empty(chains)
    for row in range(rows):
        for i in range(variables):
            for c in range(chains):
                gained[c] = 0.0
            for entry in range(entries):
                for c in range(chains):
                    gained[c] += moved[entry, row, i, c] * change[c, entry]
            for c in range(chains):
                out[c, first + row, i] += gained[c]
    return out


@compiled
def moved_by_shocks(
    scale: np.ndarray, shocks: np.ndarray, lags: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """What the states gain with each entry of M, where shocks enter by L = C M; (entry, row, n, chain).

    Args:
        scale: C, lower triangular, (n, n, chain). shocks: standardised, (row, n, chain). lags: of the levels,
            (lag, n, n, chain). rows, columns: of the entries of M.
    """
    weeks, variables, chains = shocks.shape
    moved = np.empty((len(rows), weeks, variables, chains))
    for entry in range(len(rows)):
        for week in range(weeks):
            for i in range(variables):
                for c in range(chains):
                    moved[entry, week, i, c] = scale[i, rows[entry], c] * shocks[week, columns[entry], c]
                for lag in range(min(len(lags), week)):
                    for j in range(variables):
                        for c in range(chains):
                            moved[entry, week, i, c] += (
                                lags[lag, i, j, c] * moved[entry, week - 1 - lag, j, c]
                            )
    return moved


@compiled
def measured(
    moved: np.ndarray,
    levels: np.ndarray,
    waves: np.ndarray,
    asked: np.ndarray,
    precision: np.ndarray,
    information: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Precision (entry, entry, chain) of the entries by the measurements, and the slope (entry, chain) at 0.

    Args:
        moved: of `moved_by_shocks`. levels: where the states stand, (week, n, chain).
        waves: precision of the waves, [away, week, i] of a variable's weeks `week` and `week + away`. asked: their
            information, (week, n).
        precision, information: of what is measured every week, (week, n, chain).
    """
    entries, rows, variables, chains = moved.shape
    weeks = len(levels)
    first = weeks - rows
    found, pull = np.zeros((entries, entries, chains)), np.zeros((entries, chains))
    seen, left = np.empty((rows, chains)), np.empty((weeks, chains))
    for i in range(variables):
        for week in range(weeks):
            for c in range(chains):
                own = waves[0, week, i] + precision[week, i, c]
                left[week, c] = asked[week, i] + information[week, i, c] - own * levels[week, i, c]
        for away in range(1, len(waves)):
            for week in range(weeks - away):
                both = waves[away, week, i]
                if both != 0.0:
                    for c in range(chains):
                        left[week, c] -= both * levels[week + away, i, c]
                        left[week + away, c] -= both * levels[week, i, c]
        for entry in range(entries):
            for row in range(rows):
                for c in range(chains):
                    path = moved[entry, row, i, c]
                    seen[row, c] = (waves[0, first + row, i] + precision[first + row, i, c]) * path
                    pull[entry, c] += path * left[first + row, c]
            for away in range(1, len(waves)):
                for row in range(rows - away):
                    both = waves[away, first + row, i]
                    if both != 0.0:
                        for c in range(chains):
                            seen[row, c] += both * moved[entry, row + away, i, c]
                            seen[row + away, c] += both * moved[entry, row, i, c]
            for other in range(entry + 1):
                for row in range(rows):
                    for c in range(chains):
                        found[entry, other, c] += moved[other, row, i, c] * seen[row, c]
    for entry in range(entries):
        for other in range(entry):
            for c in range(chains):
                found[other, entry, c] = found[entry, other, c]
    return found, pull


@compiled
def _log_belief(entries: np.ndarray, strength: np.ndarray) -> float:
    """log p(M) less its constant, M's entries row by row; -inf where its diagonal is not above 0."""
    count = len(strength)
    matrix, column = np.zeros((count, count)), np.zeros(count)
    place, found = 0, 0.0
    for i in range(count):
        for j in range(i + 1):
            matrix[i, j] = entries[place]
            place += 1
        if not matrix[i, i] > 0:
            return -np.inf
        found -= strength[i] * np.log(matrix[i, i])
    for j in range(count):  # of M^{-1}, column by column
        for i in range(j, count):
            value = 1.0 if i == j else 0.0
            for k in range(j, i):
                value -= matrix[i, k] * column[k]
            column[i] = value / matrix[i, i]
            found -= 0.5 * column[i] ** 2
    return found


@compiled
def _log_rest(entries: np.ndarray, strength: np.ndarray, middle: np.ndarray, kappa: np.ndarray) -> float:
    """What of the belief its own normal has not."""
    found = _log_belief(entries, strength)
    for i in range(len(entries)):
        found += 0.5 * kappa[i] * (entries[i] - middle[i]) ** 2
    return found


@compiled
def elliptical_slices(
    now: np.ndarray,
    other: np.ndarray,
    centre: np.ndarray,
    strength: np.ndarray,
    middle: np.ndarray,
    kappa: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """One elliptical slice of each chain, of a normal of M's entries times what of the belief its own normal has not.

    Args:
        now: M's entries, row by row, (chain, entry). other: a draw of the normal, less its centre. centre: of the
            normal, (chain, entry).
        strength: a + i of each row. middle, kappa: mode and curvature of the belief, (entry,).
    """
    out, tried = now.copy(), np.empty(now.shape[1])
    for chain in range(len(now)):
        height = _log_rest(now[chain], strength, middle, kappa) + np.log(1 - rng.random())
        angle = rng.random() * 2 * np.pi
        low, high = angle - 2 * np.pi, angle
        while True:
            for i in range(len(tried)):
                away = (now[chain, i] - centre[chain, i]) * np.cos(angle)
                tried[i] = centre[chain, i] + away + other[chain, i] * np.sin(angle)
            if _log_rest(tried, strength, middle, kappa) > height:
                for i in range(len(tried)):
                    out[chain, i] = tried[i]
                break
            if angle < 0:
                low = angle
            else:
                high = angle
            if not low < high:
                break  # nowhere but where it is
            angle = low + (high - low) * rng.random()
    return out


def chains_last(array: np.ndarray) -> np.ndarray:
    """(chain, ...) as (..., chain), in memory too."""
    return np.ascontiguousarray(array.transpose((*range(1, array.ndim), 0)))
