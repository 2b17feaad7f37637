"""Placebos: how far from 0 the same method comes where nothing was done.

* In time: windows of as many periods as were measured are left out of the training, each in turn, and predicted from
  the rest. The root mean square of their mean errors is the standard error of a mean effect.
* In space: every donor is taken for treated in turn and compared with the others, over the periods that were measured.
  Its mean effect over its own held-out error is what chance makes of such a ratio there and then; times the held-out
  error of the treated geos it is a standard error too.

Windows inside the data see less of a slow drift than a window at their end does, and few donors tell little: the
standard error of a read-out is the larger of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import ndtri

from mmm_core.readout.synthetic_control import Augment, fit

MAX_WINDOWS = 40
"""Windows in time that are tried, evenly spread."""

FOLDS = 5

MAX_DONORS = 60
"""Donors that are taken for treated, evenly spread over their sizes."""

_FEWEST_TO_COMPARE, _SUSPECTS = 8, 5

MOVED_CHANCE = 0.01
"""Level of the rule for donors that moved; see `moved`."""


@dataclass(frozen=True)
class PlacebosInSpace:
    """Donors taken for treated.

    Attributes:
        donors: positions of those that were tried.
        effects: mean effect of each over the measured periods.
        errors: root mean square of its held-out errors, by period.
    """

    donors: np.ndarray
    effects: np.ndarray
    errors: np.ndarray

    @property
    def ratios(self) -> np.ndarray:
        """Effects over errors; 0 where a donor is predicted without any error, as then its effect tells nothing."""
        return np.divide(self.effects, self.errors, out=np.zeros_like(self.effects), where=self.errors > 0)


def in_time(
    treated: np.ndarray, donors: np.ndarray, measured: int, augment: Augment, penalty: float | None
) -> np.ndarray:
    """Errors of left-out windows before the experiment, shape (window, measured).

    Args:
        treated, donors: of the periods before the window alone, shapes (period,) and (period, donor).
        measured: periods of a window.
    """
    last = len(treated) - measured
    starts = np.unique(np.linspace(0, last, min(MAX_WINDOWS, last + 1)).round().astype(int))
    return np.array(
        [_held_out(treated, donors, start, start + measured, augment, penalty) for start in starts]
    )


def standard_error_in_time(errors: np.ndarray) -> float:
    """Standard error of a mean effect from errors of shape (window, period)."""
    return float(np.sqrt(np.mean(errors.mean(axis=1) ** 2)))


def held_out_error(treated: np.ndarray, donors: np.ndarray, augment: Augment, penalty: float | None) -> float:
    """Root mean square error of a period that is predicted from others: five stretches, each left out in turn."""
    edges = np.linspace(0, len(treated), FOLDS + 1).round().astype(int)
    errors = [_held_out(treated, donors, start, end, augment, penalty) for start, end in pairwise(edges)]
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


def in_space(donors: np.ndarray, pre: int, augment: Augment, penalty: float | None) -> PlacebosInSpace:
    """Take donors for treated, each compared with the others.

    Args:
        donors: shape (period, donor), the periods before the window first and those measured behind them.
        pre: number of the former.
    """
    training = np.arange(len(donors)) < pre
    by_size = np.argsort(donors[:pre].mean(axis=0), kind="stable")
    tried = by_size[
        np.unique(np.linspace(0, len(by_size) - 1, min(MAX_DONORS, len(by_size))).round().astype(int))
    ]
    effects, errors = [], []
    for donor in np.sort(tried):
        outcome, others = donors[:, donor], np.delete(donors, donor, axis=1)
        fitted = fit(outcome, others, training, augment, penalty)
        effects.append((outcome - fitted.counterfactual(others))[pre:].mean())
        errors.append(held_out_error(outcome[:pre], others[:pre], augment, penalty))
    return PlacebosInSpace(np.sort(tried), np.array(effects), np.array(errors))


def standard_error_in_space(placebos: PlacebosInSpace, error: float) -> float:
    """Standard error of a mean effect whose held-out error by period is `error`."""
    return float(error * np.sqrt(np.mean(placebos.ratios**2)))


def moved(
    donors: np.ndarray, pre: int, augment: Augment, penalty: float | None, placebos: PlacebosInSpace
) -> list[int]:
    """Positions of donors whose outcome moved in the measured periods by more than chance, clearest first.

    A ratio is compared with the median of all, in units of their median absolute deviation, at a level that would be
    1 % over all donors together were ratios normal; theirs have longer tails. Those compared with a donor that moved
    seem to have moved the other way: of those beyond the limit, the one is taken away without which the others are
    nearest to 0, and the rest is looked at again. Fewer than 8 donors do not tell, and of more than a quarter nobody
    can say which part moved.

    Args:
        donors, pre, augment, penalty: as of `in_space`.
        placebos: what it found.
    """
    found: list[int] = []
    left = np.arange(donors.shape[1])
    while len(placebos.donors) >= _FEWEST_TO_COMPARE and len(found) < donors.shape[1] // 4:
        apart = np.abs(placebos.ratios - np.median(placebos.ratios))
        limit = ndtri(1 - MOVED_CHANCE / (2 * len(apart))) * 1.4826 * np.median(apart)
        suspects = [
            int(placebos.donors[rank]) for rank in np.argsort(-apart)[:_SUSPECTS] if apart[rank] > limit
        ]
        if not suspects:
            break
        without = {
            suspect: in_space(donors[:, np.delete(left, suspect)], pre, augment, penalty)
            for suspect in suspects
        }
        clearest = min(suspects, key=lambda suspect: float(np.mean(without[suspect].ratios ** 2)))
        found.append(int(left[clearest]))
        left, placebos = np.delete(left, clearest), without[clearest]
    return found


def _held_out(
    treated: np.ndarray, donors: np.ndarray, start: int, end: int, augment: Augment, penalty: float | None
) -> np.ndarray:
    """Errors of the periods from `start` up to `end`, predicted from all others."""
    training = np.ones(len(treated), dtype=bool)
    training[start:end] = False
    fitted = fit(treated, donors, training, augment, penalty)
    return np.asarray((treated - fitted.counterfactual(donors))[start:end])
