"""What every raw export is made of: whole numbers split by weight, days, identifiers, streams of daily numbers."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.simulate.draws import Draws
from mmm_core.simulate.market import Market

DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class RawTable:
    """One landing table.

    rows: in the columns and units of the landing file.
    day: datetime64, shape (rows,), whose year names the yearly file of a row; None puts all in one file.
    overlap_days: how many last days of a year the next year's file repeats.
    """

    source: str
    name: str
    rows: pd.DataFrame
    day: np.ndarray | None
    overlap_days: int = 0


def split(totals: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share whole numbers out by weight: the last axis of the result adds up to `totals` exactly.

    Args:
        totals: whole numbers, shape (...).
        weights: zero or positive, shape (..., parts). A part of weight 0 gets nothing; where all are 0, the
            total must be too.
    """
    steps = np.cumsum(weights, axis=-1)
    whole = np.where(steps[..., -1:] > 0, steps[..., -1:], 1.0)
    edges = np.rint(steps / whole * totals[..., None]).astype(np.int64)
    return np.diff(edges, axis=-1, prepend=0)


def identifier(name: str, digits: int) -> int:
    """A whole number of so many digits that always stands for the same name."""
    floor = 10 ** (digits - 1)
    return floor + zlib.crc32(name.encode()) * 2_654_435_761 % (9 * floor)


def iso_days(days: np.ndarray | pd.Series) -> np.ndarray:
    """`YYYY-MM-DD` of each day, dtype object."""
    seen, position = np.unique(np.asarray(days, dtype="datetime64[D]"), return_inverse=True)
    return np.datetime_as_string(seen).astype(object)[position]


def daily_stream(market: Market, scope: str, name: str, *shape: int) -> np.ndarray:
    """Uniform numbers of the market's weeks, shape (weeks, *shape), the same whenever the table starts or ends."""
    drawn = Draws(market.seed, f"{market.name}/{scope}/days").uniform(name, market.window.last + 1, *shape)
    return drawn[market.window.indices]
