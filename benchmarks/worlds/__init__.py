"""Simulated tables with a known truth, and the published panel that peers show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from benchmarks.common.job import Job

Brought = Callable[[np.ndarray], np.ndarray]
"""True outcome (channel,) of spend (week, channel) in the weeks after a table, what it carries over after them too."""


@dataclass(frozen=True)
class World:
    """A weekly table, what to ask of it, and the true ROI.

    Attributes:
        true_roi: channel to contribution over spend, both over the weeks after the media history.
        trap: the truth lies outside what a model with positive media effects can say.
        brought: what spend after the table's last week truly brings, where the maker tells it.
    """

    name: str
    generator: str
    table: pd.DataFrame
    job: Job
    true_roi: dict[str, float]
    trap: bool = False
    brought: Brought | None = field(default=None, compare=False, repr=False)


def brought_by(
    response: Callable[[int, np.ndarray], np.ndarray],
    media: np.ndarray,
    price: np.ndarray,
    size: np.ndarray,
    longest: int,
) -> Brought:
    """What spend after the last week brings: outcome with it less outcome without any, until nothing carries over.

    Args:
        response: (channel number, its media (week,)) -> (week,) of a size of 1.
        media: (week, channel) to the last week of the table. price: (channel,) spend a unit of media.
        size: (channel,) outcome of a response of 1. longest: lag at which carryover ends.
    """

    def brought(spend: np.ndarray) -> np.ndarray:
        found = []
        for c in range(media.shape[1]):
            later = np.concatenate([spend[:, c] / price[c], np.zeros(longest)])
            with_it, without = (
                response(c, np.concatenate([media[:, c], weeks])) for weeks in (later, np.zeros(len(later)))
            )
            found.append(size[c] * (with_it - without).sum())
        return np.array(found)

    return brought
