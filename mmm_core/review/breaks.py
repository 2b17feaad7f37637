"""Whether the KPI jumps as no level that moves slowly does, and whether there are data for so many parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmm_core.plural import plural
from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import Subject

if TYPE_CHECKING:
    from mmm_core.diagnostics.breaks import Disturbance


class BreaksInLevel(Check):
    """No unnamed week stands out, and the level does not shift."""

    name = "breaks"
    severity = "ERROR"
    description = (
        "Chance that a right model shows so large a shift of level (ERROR) or a week so far out (WARN)"
    )

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        level = self.thresholds.significance
        if subject.posterior.engine in ("ridge", "pymc"):
            engine = subject.posterior.engine
            return self.result(
                True, np.nan, level, f"not applicable: the engine {engine} integrates no level out"
            )
        shift, outlier = subject.breaks.shift, subject.breaks.outlier
        if shift.p_value < level and abs(shift.score) > abs(outlier.score):
            message = f"from {_place(shift)} on the KPI shifts {_way(shift)} by {abs(shift.score):.1f} standard errors "
            message += (
                f"(p {shift.p_value:.2g}): name it (`baseline: steps`), or look for a change of unit or scope"
            )
            return self.result(False, shift.p_value, level, message)
        if outlier.p_value < level:
            message = f"{_place(outlier)} is {abs(outlier.score):.1f} sd {_way(outlier)} from what all "
            message += f"other weeks say (p {outlier.p_value:.2g}): name it as an event (`baseline: events`)"
            heavy = subject.posterior.spec.student_t is not None
            message += (
                " or mend it"
                if heavy
                else ", mend it, or let the noise have heavy tails (`likelihood: student_t`)"
            )
            return self.result(False, outlier.p_value, level, message, "WARN")
        message = f"no week stands out (largest {abs(outlier.score):.1f} sd, p {outlier.p_value:.2g}), "
        message += f"nor a shift of level (largest {abs(shift.score):.1f}, p {shift.p_value:.2g})"
        return self.result(True, min(shift.p_value, outlier.p_value), level, message)


class History(Check):
    """There are data for so many parameters."""

    name = "history"
    severity = "ERROR"
    description = "Observed weeks (and geos) to parameters that are estimated from them"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        from mmm_core.data_health.ratio import ratio_of, shorter

        threshold = self.thresholds.observations_per_parameter
        spec = subject.posterior.spec
        found = ratio_of(subject.posterior.data, spec)
        message = (
            f"{plural(found.observations, 'observation')} for {found.parameters:.1f} parameters that the weeks decide: "
            f"{found.value:.1f} each, {threshold:g} is wanted"
        )
        if found.value < threshold:
            message += f": {shorter(spec, found.shapes)}"
        return self.result(found.value >= threshold, found.value, threshold, message)


def _way(found: Disturbance) -> str:
    return "up" if found.score > 0 else "down"


def _place(found: Disturbance) -> str:
    return found.week if found.geo in ("all", "national") else f"{found.week} ({found.geo})"
