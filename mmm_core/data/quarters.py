"""Weekly arrays filled up to whole quarters, so that the next week's have this week's shape: nothing compiles anew."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

QUARTER = 13
"""Weeks that the lengths of weekly arrays are multiples of, where they are filled up: one compilation a quarter."""


def whole_quarters(weeks: int) -> int:
    """The least multiple of 13 weeks that holds so many."""
    return -(-weeks // QUARTER) * QUARTER


def filled(
    values: np.ndarray, weeks: int, axis: int = -1, mode: Literal["constant", "edge"] = "constant"
) -> Any:
    """Values with so many more weeks at the end of an axis: 0 (False) in them, or with `edge` the last week's."""
    more = [(0, 0)] * values.ndim
    more[axis] = (0, weeks)
    return np.pad(values, more, mode=mode)
