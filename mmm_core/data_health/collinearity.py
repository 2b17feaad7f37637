"""Whether channels and controls can be told apart: variance inflation, condition number, pairs that move as one.

All of them are of the columns as the table has them, per head and around each geo's mean. A pair is also looked at
after carryover, half of which is kept from week to week: what differs from one week to the next only may be one then.

The variance inflation factor of a column is 1 / (1 - R^2), R^2 of its regression on all others (with an intercept): by
how much the variance of its effect is larger than if nothing else moved with it. The condition number is the square
root of the largest over the smallest eigenvalue of the columns' correlations (Belsley, Kuh and Welsch 1980).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy.signal import lfilter

from mmm_core.data_health.finding import WHOLE, Finding, at_most
from mmm_core.data_health.weekly_panel import WeeklyPanel, is_indicator
from mmm_core.spec.data_health_spec import DataHealth

FAMILY = "collinearity"

KEPT = 0.5
"""Share of media that carries over from week to week: the mean of the default belief about geometric adstock."""

NAMED = 10
"""Pairs that are told one by one, the closest first."""


def correlations(columns: np.ndarray) -> np.ndarray:
    """Correlation of the columns of (row, column); 0 of one that never moves with any other."""
    centred = columns - columns.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    moves = length > 1e-12 * np.maximum(np.abs(columns).max(axis=0), 1e-300) * np.sqrt(len(columns))
    unit = centred / np.where(moves, length, np.inf)
    found = unit.T @ unit
    np.fill_diagonal(found, 1.0)
    return np.asarray(found.clip(-1.0, 1.0))


def variance_inflation(columns: np.ndarray) -> np.ndarray:
    """Variance inflation factor of each column of (row, column); infinite where others make up all of it."""
    found = np.full(columns.shape[1], np.inf)
    centred = columns - columns.mean(axis=0)
    scaled = centred / np.maximum(np.sqrt((centred**2).sum(axis=0)), 1e-300)
    for position in range(columns.shape[1]):
        others = np.delete(scaled, position, axis=1)
        left = scaled[:, position]
        if others.shape[1]:
            left = left - others @ np.linalg.lstsq(others, left, rcond=None)[0]
        unexplained = float(left @ left)
        if unexplained > 1e-12:
            found[position] = 1.0 / unexplained
    return found


def condition_number(columns: np.ndarray) -> float:
    """Of (row, column), by their correlations; infinite where some columns make up another."""
    values = np.linalg.eigvalsh(correlations(columns))
    return float(np.sqrt(values[-1] / values[0])) if values[0] > 1e-12 else float("inf")


def explaining(panel: WeeklyPanel) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names of channels and of controls that are no indicators, their columns (row, column), and those carried over.

    Rows in which a value is missing, and columns that never move, are left out. Controls carry nothing over.
    """
    names, plain, carried = [], [], []
    for name, values in panel.media.items():
        head = panel.per_head(np.nan_to_num(values))
        names.append(name)
        plain.append(panel.around_geos(head))
        carried.append(panel.around_geos(lfilter([1 - KEPT], [1, -KEPT], head, axis=1)))
    for name, values in panel.levers.items():
        if not is_indicator(values):
            names.append(name)
            plain.append(panel.around_geos(values))
            carried.append(plain[-1])
    before, after = np.stack(plain, axis=1), np.stack(carried, axis=1)
    known = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1) & panel.has_row.reshape(-1)
    before, after = before[known], after[known]
    moving = np.ptp(before, axis=0) > 0 if len(before) else np.zeros(len(names), dtype=bool)
    kept = tuple(name for name, moves in zip(names, moving, strict=True) if moves)
    return kept, before[:, moving], after[:, moving]


def twins(panel: WeeklyPanel, rule: DataHealth) -> list[tuple[str, str]]:
    """Pairs of channels that are one series under two names, in the order of the specification."""
    names, columns, carried = explaining(panel)
    if len(names) < 2 or len(columns) <= len(names) + 1:
        return []
    alike = np.maximum(np.abs(correlations(columns)), np.abs(correlations(carried)))
    pairs = combinations([place for place, name in enumerate(names) if name in panel.media], 2)
    return [(names[one], names[other]) for one, other in pairs if alike[one, other] >= rule.identical]


def collinearity(panel: WeeklyPanel, rule: DataHealth) -> Iterator[Finding]:
    """Variance inflation of every channel and control, their condition number, and pairs that move as one."""
    names, columns, carried = explaining(panel)
    if len(names) < 2 or len(columns) <= len(names) + 1:
        return
    for name, factor in zip(names, variance_inflation(columns), strict=True):
        verdict = at_most(factor, rule.variance_inflation)
        told = "all of its movement is" if np.isinf(factor) else f"{1 - 1 / factor:.0%} of its movement is"
        words = f"{name}: variance inflation {factor:.1f}, {told} that of the other channels and controls"
        if verdict != "ok":
            words += f" ({rule.variance_inflation:g} at most): merge, vary it at other times, or test it"
        yield Finding(
            FAMILY, "variance_inflation", name, float(factor), rule.variance_inflation, verdict, words
        )
    number = condition_number(columns)
    verdict = at_most(number, rule.condition)
    words = (
        f"condition number {number:.1f} of {len(names)} channels and controls ({rule.condition:g} at most)"
    )
    if verdict != "ok":
        words += ": some of them are nearly a sum of others: take the least needed out"
    yield Finding(FAMILY, "condition_number", WHOLE, number, rule.condition, verdict, words)
    yield from _pairs(panel, names, correlations(columns), correlations(carried), rule)


def _pairs(
    panel: WeeklyPanel,
    names: tuple[str, ...],
    before: np.ndarray,
    after: np.ndarray,
    rule: DataHealth,
) -> Iterator[Finding]:
    channels = set(panel.media)
    closest = sorted(
        combinations(range(len(names)), 2), key=lambda pair: -max(abs(before[pair]), abs(after[pair]))
    )
    for number, pair in enumerate(closest):
        alike = before[pair] if abs(before[pair]) >= abs(after[pair]) else after[pair]
        first, second = (names[position] for position in pair)
        # only two channels are one and the same: a control that is a channel's shadow is still a control
        fail = rule.identical if {first, second} <= channels else None
        verdict = at_most(abs(alike), rule.correlation, fail)
        if number and (verdict == "ok" or number >= NAMED):
            return
        carried = "" if abs(alike) - abs(before[pair]) < 0.005 else " after carryover"
        words = f"{first} and {second} correlate {alike:.2f}{carried}"
        if verdict == "ok":
            words = f"no two channels or controls move as one: {words} at most"
        else:
            words += (
                f" ({rule.correlation:g} at most): only their sum is known: merge them, vary them at different "
                "times, or "
                "test one"
            )
        if verdict == "fail":
            words += "; they are one series under two names"
        yield Finding(
            FAMILY, "correlation", f"{first} and {second}", float(alike), rule.correlation, verdict, words
        )
