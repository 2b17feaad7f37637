"""Whether the data, not the prior, speak, and tell one channel from another."""

from __future__ import annotations

import numpy as np

from mmm_core.errors import listed
from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import Subject


class Identifiability(Check):
    """The data, not the prior, speak, and tell one channel from another."""

    name = "identifiability"
    severity = "WARN"
    description = (
        "Smallest prior-to-posterior contraction of a channel's effect (near 0 the data said nothing), and channels "
        "that cannot be told apart"
    )

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        from mmm_core.diagnostics.identifiability import identify

        threshold = self.thresholds.contraction
        found = identify(subject.posterior, weak=threshold)
        known = [channel for channel in found if np.isfinite(channel.contraction)]
        if not known:
            return self.result(True, np.nan, threshold, "every channel's effect is fixed by its prior")
        message = "contraction from prior to posterior: "
        message += ", ".join(f"{channel.channel} {channel.contraction:.2f}" for channel in known)
        at_fault = [channel for channel in known if not channel.identified or channel.confused]
        plain = [channel.channel for channel in at_fault if not channel.confused and not channel.reasons]
        words = [channel.sentence for channel in at_fault if channel.channel not in plain]
        if plain:
            figures = "its figure is its prior's" if len(plain) == 1 else "their figures are their priors'"
            words.insert(0, f"not identified, {figures}: {listed(plain, 30)}")
        if at_fault:
            message += f". {'. '.join(words)}. Run a lift test, or let spend vary"
        return self.result(not at_fault, min(channel.contraction for channel in known), threshold, message)
