"""Whether the previous posterior's answer still stands."""

from __future__ import annotations

import numpy as np

from mmm_core.errors import listed
from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import Subject


class Stability(Check):
    """Last week's answer still stands."""

    name = "stability"
    severity = "WARN"
    description = "Smallest overlap of a channel's 90 % ROI interval with that of the previous posterior"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        threshold = self.thresholds.roi_overlap
        if subject.previous is None:
            return self.result(True, np.nan, threshold, "no previous posterior to compare with")
        from mmm_core.effects.roi import roi_draws

        before, now = roi_draws(subject.previous)["roi"], subject.roi["roi"]
        common = [name for name in subject.posterior.spec.paid if name in before["channel"]]
        if not common:
            return self.result(True, np.nan, threshold, "the previous posterior has no channel in common")
        overlap, words = {}, {}
        for name in common:
            old, new = (np.quantile(draws.sel(channel=name), [0.05, 0.95]) for draws in (before, now))
            shared = max(0.0, min(old[1], new[1]) - max(old[0], new[0]))
            overlap[name] = shared / max(min(old[1] - old[0], new[1] - new[0]), 1e-12)
            words[name] = f"{name} from [{old[0]:.2f}, {old[1]:.2f}] to [{new[0]:.2f}, {new[1]:.2f}]"
        least = min(overlap, key=lambda name: overlap[name])
        moved = [words[name] for name in common if overlap[name] < threshold]
        message = (
            f"ROI intervals overlap by {overlap[least]:.0%} at least ({least}); {threshold:.0%} is wanted"
        )
        if moved:
            message += f": {listed(moved, 30)}: find out what changed in the data before acting on it"
        return self.result(not moved, overlap[least], threshold, message)
