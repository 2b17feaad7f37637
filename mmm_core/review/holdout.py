"""Whether a fit without the last weeks forecasts them no worse than someone without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import PREDICTIVE_DRAWS, Subject

if TYPE_CHECKING:
    from mmm_core.forecast.scores import Score
    from mmm_core.posterior.handle import Posterior

WORST_RATIO = 1.0
"""Error of the model over that of a simpler forecast, at most: no worse than either of them."""


class Holdout(Check):
    """It forecasts no worse than someone without a model."""

    name = "holdout"
    severity = "ERROR"
    description = (
        "Held-out weeks: CRPS and MAPE over those of a seasonal-naive and a no-media forecast, worst ratio"
    )

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        weeks = self.thresholds.holdout_weeks
        if weeks == 0:
            message = "turned off by `review: holdout_weeks: 0`"
            return self.result(True, np.nan, WORST_RATIO, message, "WARN")
        if subject.holdout is None:
            message = (
                f"not run: the refit without the last {weeks} weeks needs the weekly table, pass it along"
            )
            return self.result(False, np.nan, WORST_RATIO, message)
        model, *simple = score_holdout(subject.holdout)
        figure = max(max(model.crps / score.crps, model.mape / score.mape) for score in simple)
        crps = ", ".join(f"{score.name} {_kpi(score.crps)}" for score in simple)
        mape = ", ".join(f"{score.name} {score.mape:.1%}" for score in simple)
        message = f"on the last {weeks} weeks, unseen: CRPS {_kpi(model.crps)} ({crps}), "
        message += f"MAPE {model.mape:.1%} ({mape})"
        passed = figure <= WORST_RATIO
        if not passed:
            message += (
                f" (worst ratio {figure:.2f}, at most {WORST_RATIO:g} is wanted): a simpler forecast does "
            )
            message += "better, check the season and the controls, and whether these weeks were ordinary"
        return self.result(passed, figure, WORST_RATIO, message)


def score_holdout(posterior: Posterior) -> list[Score]:
    """Score a fit's forecast of its held-out weeks: the model, seasonal-naive or last value, no media."""
    from mmm_core.forecast.predictive import baseline_and_expected, with_noise
    from mmm_core.forecast.scores import last_value, no_media, score_draws, score_normal, seasonal_naive

    data = posterior.data
    weeks = int(data.attrs["holdout_weeks"])
    positions = posterior.thinned(PREDICTIVE_DRAWS)
    expected = baseline_and_expected(posterior, positions)[1]
    forecast = with_noise(posterior, expected, positions)[..., -weeks:]
    kpi, design, prior_sd = (data[name].to_numpy() for name in ("kpi", "design", "design_prior_sd"))
    seen = np.where(data["observed"].to_numpy(), kpi, np.nan)[:, :-weeks]
    simple = [seasonal_naive(seen, weeks) or last_value(seen, weeks), no_media(seen, design, weeks, prior_sd)]
    actual = kpi[:, -weeks:]
    scores = [score_normal(simple_forecast, actual) for simple_forecast in simple]
    return [score_draws("model", forecast, actual), *scores]


def _kpi(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
