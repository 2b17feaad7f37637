"""The review's refits: the same model as of several weeks of the past, cheap because they start where the fit ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from mmm_core.forecast.backtest import numbered_progress
from mmm_core.inference.fit import refit
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.schema import calibrated_by
from mmm_core.spec.model_spec import ModelSpec
from mmm_core.spec.review_spec import Review

if TYPE_CHECKING:
    from mmm_core.inference.hmc.state import Progress


def holdout_refits(
    table: pd.DataFrame,
    spec: ModelSpec,
    thresholds: Review,
    fitted: xr.DataTree | Posterior,
    progress: Callable[[Progress], None] | None = None,
    source: str = "table",
) -> list[xr.DataTree]:
    """Refit without the last weeks, once for each origin that `thresholds` asks for and the table is long enough for.

    Shapes are those of the full fit, so its programs serve, and its points and mass matrix shorten the warm-up.

    Args:
        fitted: the posterior of all weeks.

    Raises:
        InputError: of `fit`.
    """
    posterior = Posterior.of(fitted)
    held = thresholds.held_out(posterior.data.sizes["week"])
    whole, tests = fitted if isinstance(fitted, xr.DataTree) else None, calibrated_by(posterior)
    out = []
    for number, weeks in enumerate(held, start=1):
        numbered = None if progress is None else numbered_progress(progress, number, len(held))
        out.append(refit(table, spec, whole, weeks, progress=numbered, source=source, lift_tests=tests))
    return out
