"""How an engine that samples no chains says how far it is."""

from __future__ import annotations

import time

from mmm_core.inference.engines import Run


class Report:
    """Tells a run's `progress` how far the fit is, with the seconds since it began."""

    def __init__(self, run: Run) -> None:
        self._told = run.progress
        self._started = time.perf_counter()

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Say that `done` of `total` steps are behind."""
        if self._told is not None:
            from mmm_core.inference.hmc.sampler import Progress

            self._told(Progress(phase, done, total, 0, self.seconds))

    @property
    def seconds(self) -> float:
        """Since the fit began."""
        return time.perf_counter() - self._started
