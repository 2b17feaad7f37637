"""Whether events and holidays stand in the weeks that felt them."""

from __future__ import annotations

import numpy as np

from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import Subject


class EventWeeks(Check):
    """The table's dates are read as they are meant: first or last days of their weeks."""

    name = "event_weeks"
    severity = "WARN"
    description = "How much likelier the KPI is with events and holidays in neighbouring weeks"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        from mmm_core.data.event_weeks import event_weeks

        threshold, posterior = self.thresholds.event_weeks, subject.posterior
        found = event_weeks(posterior.data, posterior.spec)
        if found is None:
            return self.result(
                True, np.nan, threshold, "not applicable: the model has no events and no holidays"
            )
        return self.result(found.factor < threshold, found.factor, threshold, found.words(threshold))
