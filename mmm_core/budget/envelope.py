"""One channel's response between what is known of it: a roof over every cell of spend, and the concave hull of roofs.

A cell is a range of spend whose ends have been evaluated and over which the slope is bounded. From both ends two
lines rise with the steepest and fall with the flattest slope that the cell allows; no response in the cell lies
above the lower of them, whatever its curvature does. Where no slope is known (an increasing response of which
nothing else is), the roof is the value at the right end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cells:
    """What is known of one range of spend of every channel, each array (channel,).

    Attributes:
        low, high: the ends; value_low, value_high: the response there.
        least, most: bounds on the slope in between; -inf and inf where nothing is known.
        top: a value that the response in the cell does not exceed.
    """

    low: np.ndarray
    high: np.ndarray
    value_low: np.ndarray
    value_high: np.ndarray
    least: np.ndarray
    most: np.ndarray
    top: np.ndarray


class Envelope:
    """Cells that cover a channel's range of spend, and concave functions on or above the response."""

    def __init__(self, rows: np.ndarray) -> None:
        """From rows (cell, 7) in the order of `Cells`, from the left, each starting where the one before ends."""
        self.rows = rows
        self._hulls: dict[tuple[float, float], np.ndarray] = {}

    @property
    def points(self) -> np.ndarray:
        """Ends of the cells, ascending, (point,)."""
        return np.append(self.rows[:, 0], self.rows[-1, 1])

    def cell_of(self, spend: float) -> int:
        """Number of the cell that holds `spend`; of two that meet there, the one with the higher roof."""
        position = int(np.searchsorted(self.rows[:, 0], spend, side="right")) - 1
        right = min(max(position, 0), len(self.rows) - 1)
        left = max(right - 1, 0)
        return (
            left
            if spend <= self.rows[right, 0] and self._roof(left, spend) > self._roof(right, spend)
            else right
        )

    def split(self, cell: int, rows: np.ndarray) -> None:
        """Replace a cell by several that cover it, in the form of `rows`."""
        self.rows = np.concatenate([self.rows[:cell], rows, self.rows[cell + 1 :]])
        self._hulls.clear()

    def roof(self, spend: float) -> float:
        """The lowest value that the response at `spend` is known not to exceed from the cells' slopes."""
        return self._roof(self.cell_of(spend), spend)

    def _roof(self, cell: int, spend: float) -> float:
        return float(np.interp(spend, *_roofs(self.rows[cell][None])))

    def floor(self, spend: float) -> float:
        """The highest value that the response at `spend` is known to reach."""
        low, high, value_low, value_high, least, most, _ = self.rows[self.cell_of(spend)]
        if spend <= low:
            return float(value_low)
        if spend >= high:
            return float(value_high)
        return float(max(value_low + least * (spend - low), value_high - most * (high - spend)))

    def hull(self, low: float, high: float) -> np.ndarray:
        """Corners (corner, 2) of the least concave function on or above the roofs from `low` to `high`, both points."""
        if (low, high) not in self._hulls:
            inside = (self.rows[:, 0] >= low) & (self.rows[:, 1] <= high)
            self._hulls[low, high] = concave(*_roofs(self.rows[inside]))
        return self._hulls[low, high]


def _roofs(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners (spend, value) of the cells' roofs, ascending in spend."""
    low, high, value_low, value_high, least, most, top = rows.T
    width = high - low
    rises, falls = np.isfinite(most), np.isfinite(least)
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.where(rises, value_low, np.where(falls, value_high - least * width, top))
        right = np.where(falls, value_high, np.where(rises, value_low + most * width, top))
        crossing = (value_high - value_low - least * width) / (most - least)
    bends = rises & falls & (most > least) & (crossing > 0) & (crossing < width)
    middle = np.where(bends, crossing, 0.0)
    peak = np.where(bends, value_low + np.where(bends, most, 0.0) * middle, left)
    x = np.stack([low, low + middle, high], axis=1).ravel()
    y = np.stack([left, peak, right], axis=1).ravel()
    return x, y


def concave(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Corners of the least concave function on or above points that ascend in x, of several at one x the highest."""
    corners: list[tuple[float, float]] = []
    for point in zip(x.tolist(), y.tolist(), strict=True):
        if corners and corners[-1][0] >= point[0]:
            if corners[-1][1] >= point[1]:
                continue
            corners.pop()
        while len(corners) > 1 and _below(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    return np.array(corners)


def _below(left: tuple[float, float], middle: tuple[float, float], right: tuple[float, float]) -> bool:
    """Whether `middle` lies on or below the line from `left` to `right`."""
    return (middle[1] - left[1]) * (right[0] - left[0]) <= (right[1] - left[1]) * (middle[0] - left[0])
