"""Whether the KPI jumps as no level that moves slowly does, and whether there are data for so many parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import Subject

if TYPE_CHECKING:
    from mmm_core.diagnostics.breaks import Disturbance
    from mmm_core.spec.model_spec import ModelSpec


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
        threshold = self.thresholds.observations_per_parameter
        from mmm_core.data.shrinkage import effective_number

        data, spec = subject.posterior.data, subject.posterior.spec
        observed = data["observed"].to_numpy()
        count = int(observed.sum())
        shapes = sum(
            int(np.isfinite(subject.posterior.draws(name)[0]).sum()) for name in spec.shape_parameters
        )
        terms = effective_number(data["design"].to_numpy(), observed, data["design_prior_sd"].to_numpy())
        parameters = terms + data.sizes["channel"] + shapes + 2
        figure = count / parameters
        message = (
            f"{count} observations for {parameters:.1f} parameters that the weeks decide: {figure:.1f} each, "
            f"{threshold:g} is wanted"
        )
        if figure < threshold:
            message += f": {_shorter(spec, shapes)}"
        return self.result(figure >= threshold, figure, threshold, message)


def _shorter(spec: ModelSpec, shapes: int) -> str:
    """What would leave more weeks a parameter, of what the model has."""
    remedies = ["use a longer table"]
    fewer = [word for word, has in (("channels", spec.channels[1:]), ("controls", spec.controls)) if has]
    remedies += [f"fewer {' and '.join(fewer)}"] if fewer else []
    remedies += ["a lower order of season"] if spec.baseline.seasonality.order else []
    remedies += ["fixed shapes"] if shapes else []
    return remedies[0] if len(remedies) == 1 else f"{', '.join(remedies[:-1])}, or {remedies[-1]}"


def _way(found: Disturbance) -> str:
    return "up" if found.score > 0 else "down"


def _place(found: Disturbance) -> str:
    return found.week if found.geo in ("all", "national") else f"{found.week} ({found.geo})"
