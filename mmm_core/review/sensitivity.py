"""Whether the answer hangs on how a prior was put."""

from __future__ import annotations

from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import Subject


class PriorSensitivity(Check):
    """The answer does not hang on how a prior was put."""

    name = "prior_sensitivity"
    severity = "WARN"
    description = "Largest change of a mean ROI when a group of priors is raised to the power 0.8 or 1.25"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        threshold = self.thresholds.prior_sensitivity
        if skipped := self.where_approximate(subject, threshold):
            return skipped
        from mmm_core.diagnostics.sensitivity import GROUPS, sensitivity

        found = sensitivity(subject.posterior)
        figure, channel, group = found.largest
        message = f"mean ROIs move by {figure:.0%} at most ({channel}, with the prior of {GROUPS[group]}); "
        message += f"less than {threshold:.0%} is wanted"
        if not figure < threshold:
            message += f": {found.diagnosis[channel]}; run a lift test, or have that prior agreed on"
        return self.result(figure < threshold, figure, threshold, message)
