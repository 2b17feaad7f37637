"""How an engine that samples no chains says how far it is."""

from __future__ import annotations

import time

from mmm_core.inference.engines import FitOptions
from mmm_core.inference.hmc.state import Progress


class Report:
    """Tells a fit's `progress` how far it is, with the seconds since it began."""

    def __init__(self, options: FitOptions) -> None:
        self._progress = options.progress
        self._started = time.perf_counter()

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Say that `done` of `total` steps are behind."""
        if self._progress is not None:
            self._progress(Progress(phase, done, total, 0, self.seconds))

    @property
    def seconds(self) -> float:
        """Since the fit began."""
        return time.perf_counter() - self._started
