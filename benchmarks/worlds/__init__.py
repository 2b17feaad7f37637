"""Simulated tables with a known truth, and the published panel that peers show."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from benchmarks.common.job import Job


@dataclass(frozen=True)
class World:
    """A weekly table, what to ask of it, and the true ROI.

    Attributes:
        true_roi: channel to contribution over spend, both over the weeks after the media history.
        trap: the truth lies outside what a model with positive media effects can say.
    """

    name: str
    generator: str
    table: pd.DataFrame
    job: Job
    true_roi: dict[str, float]
    trap: bool = False
