"""Loops of the step given the shocks (`mmm_core.long_term.interweaving`), chains last, compiled by Numba."""

from __future__ import annotations

import numpy as np

from mmm_core.long_term.loops import compiled


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
    """Levels (week, n, chain) of whose last weeks each gains what a change of M's entries, (chain, entry), moves.

    Args:
        moved: by one unit of each entry, (entry, row, n, chain).
    """
    out = levels.copy()
    entries, rows, variables, chains = moved.shape
    first = len(levels) - rows
    for entry in range(entries):
        for row in range(rows):
            for i in range(variables):
                for c in range(chains):
                    out[first + row, i, c] += moved[entry, row, i, c] * change[c, entry]
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
