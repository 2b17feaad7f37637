"""Whether the calibrated model holds the lift tests that it was given.

A right model leaves one test in ten outside of its 90 % predictive intervals, and now and then one far outside. So two
things are asked of all tests together, each held against chance: how many lie outside (binomial), and how far out the
farthest lies (its probability, over so many tests). The model has seen the tests, which draws its predictions towards
them: chance is never more often than stated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmm_core.errors import listed
from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import Subject

if TYPE_CHECKING:
    from mmm_core.agreement.predicted import Prediction
    from mmm_core.evidence.lift_test import WeighedTest


class LiftTests(Check):
    """The tests that calibrate the model are such as it would have measured."""

    name = "lift_tests"
    severity = "ERROR"
    description = (
        "Approved lift tests beside the calibrated model's 90 % predictive intervals: chance that a right model leaves "
        "so many outside, or one so far out"
    )

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        from mmm_core.agreement.predicted import predictions
        from mmm_core.posterior.schema import calibrated_by

        level = self.thresholds.significance
        evidence = calibrated_by(subject.posterior)
        if evidence is None:
            return self.result(True, np.nan, level, "no lift test calibrates this model")
        found = predictions(subject.posterior, evidence.tests)
        p_values = np.array([found[weighed.test.test_id].p_value for weighed in evidence.tests])
        chance = chance_of_so_far(p_values)
        outside = [each for each in evidence.tests if not found[each.test.test_id].inside]
        count = len(evidence.tests)
        message = (
            f"{count - len(outside)} of {count} lift test{'s' * (count > 1)} within the 90 % predictive "
        )
        message += f"interval{'s' * (count > 1)} of the calibrated model, chance leaves up to "
        message += f"{most_outside(count, level)} outside (p {chance:.2g})"
        if outside:
            far = sorted(outside, key=lambda each: found[each.test.test_id].p_value)
            message += f": {listed((_words(each, found[each.test.test_id]) for each in far), 5)}"
        if chance < level:
            message += (
                "; look at the read-out of each, and reject in the approvals what was measured wrong; where a test is "
                "right the model is not: look at its channel's adstock, and at the test's dates, geos and share"
            )
        return self.result(chance >= level, chance, level, message)


def chance_of_so_far(p_values: np.ndarray) -> float:
    """Probability that a right model leaves as many of its tests outside, or one as far out (Bonferroni of the two).

    Args:
        p_values: two-sided, (test,).
    """
    from scipy.stats import binom

    count = len(p_values)
    many = float(binom.sf((p_values < 0.1).sum() - 1, count, 0.1))
    farthest = -np.expm1(count * np.log1p(-min(float(p_values.min()), 1 - 1e-12)))
    return float(min(1.0, 2 * min(many, farthest)))


def most_outside(count: int, level: float) -> int:
    """How many of so many tests may lie outside of their 90 % intervals before that alone refuses the model."""
    from scipy.stats import binom

    return int(binom.isf(level / 2, count, 0.1))


def _words(weighed: WeighedTest, found: Prediction) -> str:
    test = weighed.test
    return (
        f"{test.test_id} ({', '.join(test.channels)}) measured {test.incremental:,.0f}, the model says "
        f"{found.low:,.0f} to {found.high:,.0f} (p {found.p_value:.2g})"
    )
