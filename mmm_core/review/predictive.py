"""Whether the fit follows the KPI of the weeks it has seen, and its intervals hold as many of them as they say."""

from __future__ import annotations

import numpy as np

from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import Subject


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
    description = "Share of observed weeks inside their 95 % posterior predictive interval"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        low, high = self.thresholds.coverage
        data = subject.posterior.data
        observed, kpi = data["observed"].to_numpy(), data["kpi"].to_numpy()
        lower, upper = np.quantile(subject.predictive, [0.025, 0.975], axis=0)
        figure = float(((lower <= kpi) & (kpi <= upper))[observed].mean())
        passed = low <= figure <= high
        message = f"95 % predictive intervals hold {figure:.1%} of the weeks; "
        message += f"{low:.0%} to {high:.0%} is wanted"
        if figure > high:
            message += ": the model claims too much noise or its level follows the noise, tighten `baseline: level_sd`"
        elif not passed:
            message += ": the model is too sure of itself, look for outliers and missing controls"
        return self.result(passed, figure, high if figure > high else low, message)
