"""What a review looks at: a posterior, what else is known of its model, and predictions worked out once for all checks.

Nothing here imports JAX or ArviZ until it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr

    from mmm_core.diagnostics.breaks import Breaks
    from mmm_core.diagnostics.calibration import Calibration
    from mmm_core.forecast.backtest import Backtest
    from mmm_core.posterior.handle import Posterior

PREDICTIVE_DRAWS = 1000
"""Draws behind predictive intervals and scores."""


@dataclass(frozen=True)
class Subject:
    """What the checks look at; costly parts are worked out once, when a check asks for them.

    Attributes:
        posterior: the one under review.
        holdouts: the same model fitted without its last weeks, as of several origins, where that was done.
        previous: an earlier posterior of the model, where there is one.
    """

    posterior: Posterior
    holdouts: tuple[Posterior, ...] = ()
    previous: Posterior | None = None

    @cached_property
    def positions(self) -> np.ndarray:
        """The draws used for predictions."""
        return self.posterior.thinned(PREDICTIVE_DRAWS)

    @cached_property
    def baseline_and_mean(self) -> tuple[np.ndarray, np.ndarray]:
        """KPI without media, and expected KPI, each (draw, geo, week)."""
        from mmm_core.forecast.predictive import baseline_and_expected

        return baseline_and_expected(self.posterior, self.positions)

    @cached_property
    def predictive(self) -> np.ndarray:
        """Draws of the KPI itself, noise included, (draw, geo, week)."""
        from mmm_core.forecast.predictive import with_noise

        return with_noise(self.posterior, self.baseline_and_mean[1], self.positions)

    @cached_property
    def roi(self) -> xr.Dataset:
        """Draws of the ROI metrics."""
        from mmm_core.effects.roi import roi_draws

        return roi_draws(self.posterior)

    @cached_property
    def median_total(self) -> np.ndarray:
        """Median of the KPI summed over geos, in the weeks of `totals`."""
        known = self.posterior.data["observed"].to_numpy().all(axis=0)
        return np.asarray(np.median(self.predictive.sum(axis=1), axis=0)[known])

    @cached_property
    def totals(self) -> tuple[np.ndarray, np.ndarray]:
        """KPI and its fit summed over geos, in the weeks that every geo was observed."""
        data = self.posterior.data
        known = data["observed"].to_numpy().all(axis=0)
        actual = data["kpi"].to_numpy().sum(axis=0)[known]
        return actual, self.baseline_and_mean[1].mean(axis=0).sum(axis=0)[known]

    @cached_property
    def calibration(self) -> Calibration:
        """Each week predicted from all the others."""
        from mmm_core.diagnostics.calibration import calibration

        return calibration(self.posterior)

    @cached_property
    def breaks(self) -> Breaks:
        """The week that stands out most, and the largest shift of level."""
        from mmm_core.diagnostics.breaks import breaks

        return breaks(self.posterior)

    def origins(self, horizon: int) -> Backtest:
        """Scores of the refits' forecasts so many weeks ahead; there is at least one refit."""
        return self._origins(horizon)

    @cached_property
    def _origins(self) -> Callable[[int], Backtest]:
        from mmm_core.forecast.backtest import score_origins

        return lru_cache(lambda horizon: score_origins(self.holdouts, horizon))
