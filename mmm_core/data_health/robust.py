"""Statistics that single weeks cannot move: medians of the weeks beside, and a scale by the absolute deviation."""

from __future__ import annotations

import numpy as np

NORMAL = 1.4826
"""The standard deviation of a normal variable over its median absolute deviation."""


def medians_beside(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Medians of so many weeks before and after each, itself left out, (week,) each; nan where there is none."""
    ends = np.full(count, np.nan)
    before = np.lib.stride_tricks.sliding_window_view(np.concatenate([ends, values[:-1]]), count)
    after = np.lib.stride_tricks.sliding_window_view(np.concatenate([values[1:], ends]), count)
    return _nanmedian(before), _nanmedian(after)


def robust_sd(values: np.ndarray) -> float:
    """1.4826 times the median absolute deviation from the median; nan without values."""
    known = values[np.isfinite(values)]
    return float(NORMAL * np.median(np.abs(known - np.median(known)))) if len(known) else float("nan")


def _nanmedian(windows: np.ndarray) -> np.ndarray:
    out = np.full(len(windows), np.nan)
    some = np.isfinite(windows).any(axis=-1)
    out[some] = np.nanmedian(windows[some], axis=-1)
    return out
