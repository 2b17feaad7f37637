"""Whether the fit follows the KPI of the weeks it has seen, and its intervals hold as many of them as they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import Subject

if TYPE_CHECKING:
    from mmm_core.spec.model_spec import ModelSpec


class Mape(Check):
    """The fit is close to the KPI."""

    name = "mape"
    severity = "WARN"
    description = "In-sample mean absolute percentage error of the median of the KPI summed over geos"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        from mmm_core.forecast.scores import mape

        threshold = self.thresholds.mape
        figure = mape(subject.median_total, subject.totals[0])
        message = f"in-sample MAPE is {figure:.1%}; below {threshold:.0%} is wanted"
        if not figure < threshold:
            message += ": look for events, promotions or a data fault in the weeks that fit worst"
        return self.result(figure < threshold, figure, threshold, message)


class RSquared(Check):
    """The fit follows the KPI's movement."""

    name = "r2"
    severity = "WARN"
    description = "In-sample R2 of the KPI summed over geos"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        threshold = self.thresholds.r2
        actual, fitted = subject.totals
        figure = 1 - float(((actual - fitted) ** 2).sum() / ((actual - actual.mean()) ** 2).sum())
        message = f"in-sample R2 is {figure:.2f}; above {threshold:.2f} is wanted"
        if not figure > threshold:
            message += ": much of the KPI is noise to this model, add the controls that move it"
        return self.result(figure > threshold, figure, threshold, message)


class Coverage(Check):
    """Stated uncertainty is the real one."""

    name = "coverage"
    severity = "ERROR"
    description = (
        "Each week predicted from all the others: chance that a right model's errors cover, bend or spread so far "
        "from what it says"
    )

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        level = self.thresholds.significance
        if subject.posterior.engine == "ridge":
            return self.result(
                True, np.nan, level, "not applicable: the engine ridge has no predictive distribution"
            )
        found = subject.calibration
        low, high = found.allowed
        message = f"95 % intervals hold {found.coverage:.1%} of the weeks, chance allows {low:.1%} "
        message += (
            f"to {high:.1%}; p {found.p_value:.2g} for coverage, shape and spread of the errors together"
        )
        passed = found.p_value >= level
        if not passed:
            message += f" (below {level:g}): {remedy(found.worst, subject.posterior.spec)}"
        return self.result(passed, found.p_value, level, message)


def remedy(worst: str, spec: ModelSpec) -> str:
    """What to do where coverage, shape or spread of the errors is the worst; nothing that the model has already."""
    if worst == "shape":
        words = "errors are not of the shape that is assumed: "
        heavy = spec.student_t is not None
        return words + (
            "missing controls or events"
            if heavy
            else "heavy tails (`likelihood: student_t`), missing controls"
        )
    if worst == "spread":
        other = "level" if spec.kpi.scale == "log" else "log"
        return f"errors grow or shrink with the KPI: try `kpi: {{scale: {other}}}`"
    return "too sure of itself or too unsure: look for outliers and missing controls"
