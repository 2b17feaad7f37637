"""What a review looks at: predictions, returns, diagnostics and holdout scores of a posterior, each worked out once.

Nothing here imports JAX or ArviZ until it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr

    from mmm_core.forecast.scores import Score

PREDICTIVE_DRAWS = 1000
"""Draws behind predictive intervals and scores."""


@dataclass(frozen=True)
class Evidence:
    """What the checks look at; costly parts are worked out once, when a check asks for them."""

    tree: xr.DataTree
    spec: ModelSpec
    holdout: xr.DataTree | None = None
    previous: xr.DataTree | None = None

    @cached_property
    def data(self) -> xr.Dataset:
        """Group `constant_data`."""
        return self.tree["constant_data"].to_dataset()

    @property
    def approximate(self) -> str:
        """What is approximate about the posterior's engine; "" where nothing is."""
        return str(self.tree.attrs["approximate"])

    @cached_property
    def positions(self) -> np.ndarray:
        """The draws used for predictions."""
        from mmm_core.posterior.draws import positions

        return positions(self.tree, PREDICTIVE_DRAWS)

    @cached_property
    def baseline_and_mean(self) -> tuple[np.ndarray, np.ndarray]:
        """KPI without media, and expected KPI, each (draw, geo, week)."""
        from mmm_core.forecast.predictive import baseline_and_expected

        return baseline_and_expected(self.tree, self.positions)

    @cached_property
    def predictive(self) -> np.ndarray:
        """Draws of the KPI itself, noise included, (draw, geo, week)."""
        from mmm_core.forecast.predictive import with_noise

        return with_noise(self.tree, self.baseline_and_mean[1], self.positions)

    @cached_property
    def roi(self) -> xr.Dataset:
        """Draws of the ROI metrics."""
        from mmm_core.effects.roi import roi_draws

        return roi_draws(self.tree)

    @cached_property
    def totals(self) -> tuple[np.ndarray, np.ndarray]:
        """KPI and its fit summed over geos, in the weeks that every geo was observed."""
        known = self.data["observed"].to_numpy().all(axis=0)
        actual = self.data["kpi"].to_numpy().sum(axis=0)[known]
        return actual, self.baseline_and_mean[1].mean(axis=0).sum(axis=0)[known]

    @cached_property
    def holdout_scores(self) -> list[Score]:
        """Scores of the model and of the two simple forecasts on the held-out weeks; empty without a holdout."""
        return [] if self.holdout is None else score_holdout(self.holdout)


def score_holdout(tree: xr.DataTree) -> list[Score]:
    """Score a fit's forecast of its held-out weeks: the model, then seasonal-naive, then no media."""
    from mmm_core.forecast.predictive import baseline_and_expected, with_noise
    from mmm_core.forecast.scores import no_media, score_draws, score_normal, seasonal_naive
    from mmm_core.posterior.draws import positions

    data = tree["constant_data"].to_dataset()
    weeks = int(data.attrs["holdout_weeks"])
    at = positions(tree, PREDICTIVE_DRAWS)
    forecast = with_noise(tree, baseline_and_expected(tree, at)[1], at)[..., -weeks:]
    kpi, design = data["kpi"].to_numpy(), data["design"].to_numpy()
    seen = np.where(data["observed"].to_numpy(), kpi, np.nan)[:, :-weeks]
    simple = [seasonal_naive(seen, weeks), no_media(seen, design, weeks)]
    actual = kpi[:, -weeks:]
    return [score_draws("model", forecast, actual), *(score_normal(one, actual) for one in simple)]
