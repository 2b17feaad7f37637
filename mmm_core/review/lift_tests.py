"""Whether the calibrated model holds the lift tests that it was given.

A right model leaves one test in ten outside of its 90 % intervals, and now and then one far outside. So two things are
asked of all tests together, each held against chance: how many lie outside (binomial), and how far out the farthest is
(its probability, over so many tests). Both are asked of every draw by itself, given which a test measures its replayed
lift with its own error, and the chances are averaged: a posterior predictive check of a discrepancy (Gelman, Meng and
Stern 1996). Two tests that contradict each other split the draws between them; then no draw holds both, and the
predictive interval, which spans the draws of either, would hold each.

The model has seen the tests, which draws it towards them: of right models the chance is seldom small, and a level of
5 % refuses far fewer of them (docs/gates.md says how many).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmm_core.errors import listed
from mmm_core.plural import plural
from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import Subject

if TYPE_CHECKING:
    from mmm_core.agreement.predicted import Prediction
    from mmm_core.evidence.lift_test import WeighedTest

NAMED = 0.25
"""Share of draws that hold a test outside from which on the message names it."""
OUTSIDE = 0.1
"""Two-sided probability of a result outside of a 90 % interval."""


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
        from mmm_core.agreement.predicted import predictions, result_chances
        from mmm_core.posterior.schema import calibrated_by

        level = self.thresholds.lift_tests
        evidence = calibrated_by(subject.posterior)
        if evidence is None:
            return self.result(True, np.nan, level, "no lift test calibrates this model")
        tests, count = evidence.tests, len(evidence.tests)
        found = predictions(subject.posterior, tests)
        p_values = result_chances(subject.posterior, tests)
        chance = float(chance_of_so_far(p_values).mean())
        shares = (p_values < OUTSIDE).mean(axis=0)
        inside = sum(found[each.test.test_id].inside for each in tests)
        message = f"{inside} of {plural(count, 'lift test')} within the 90 % predictive "
        message += f"interval{'s' * (count > 1)} of the calibrated model (p {chance:.2g} for how many, and how far out)"
        named = [position for position in np.argsort(-shares, kind="stable") if shares[position] > NAMED]
        if named:
            words = (_words(tests[place], found[tests[place].test.test_id], shares[place]) for place in named)
            message += f": {listed(words, 5)}"
        if chance < level:
            message += (
                "; look at the read-out of each, and reject in the approvals what was measured wrong; where a test is "
                "right the model is not: look at its channel's adstock, and at the test's dates, geos and share"
            )
        return self.result(chance >= level, chance, level, message)


def chance_of_so_far(p_values: np.ndarray) -> np.ndarray:
    """Probability that a right model leaves as many tests outside, or one as far out (Bonferroni of the two).

    Args:
        p_values: two-sided, (..., test).
    """
    from scipy.stats import binom

    count = p_values.shape[-1]
    many = binom.sf((p_values < OUTSIDE).sum(axis=-1) - 1, count, OUTSIDE)
    farthest = -np.expm1(count * np.log1p(-np.minimum(p_values.min(axis=-1), 1 - 1e-12)))
    return np.asarray(np.minimum(1.0, 2 * np.minimum(many, farthest)))


def _words(weighed: WeighedTest, found: Prediction, share: float) -> str:
    test = weighed.test
    return (
        f"{test.test_id} ({', '.join(test.channels)}) measured {test.incremental:,.0f}, the model says "
        f"{found.low:,.0f} to {found.high:,.0f}, and {share:.0%} of its draws hold it outside"
    )
