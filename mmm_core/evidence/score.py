"""How far a test is believed: eight figures, four of which widen its error; docs/evidence.md shows the formula.

inflation^2 = 1 + tau_spend + tau_recency + tau_design + tau_area. The other four say whether a person has to look at
it first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from mmm_core.evidence.check import Doubt, MediaWeeks, same_geos
from mmm_core.evidence.lift_test import BENCHMARK, LiftTest
from mmm_core.spec.calibration_spec import EvidenceRule

_LEAST_WEIGHT = 1e-4  # of a test's information: below it nobody would see whether the test was there
_MOST_HALVINGS = 700.0  # beyond it a float has no room for the power


@dataclass(frozen=True)
class Score:
    """The figures of one test.

    Attributes:
        quality: of its design, above 0 and up to 1, as the rule states it.
        days: of its window.
        power: |estimate| in standard errors.
        weeks_since: weeks from its last day to the end of the as-of week, 0 or more.
        spend_ratio: the tested channels' spend a day at its higher, with the test or without, by the model's own a day
            in the weeks of these geos that spent; infinite where there are none.
        pre_period_error: how far the comparison missed before the test; None where it is not known.
        contamination: share of its geos and days in which other channels were tested too.
        tau_spend, tau_recency, tau_design, tau_area: what each adds to the variance of the error, in multiples of it.
    """

    quality: float
    days: int
    power: float
    weeks_since: float
    spend_ratio: float
    pre_period_error: float | None
    contamination: float
    tau_spend: float
    tau_recency: float
    tau_design: float
    tau_area: float = 0.0

    @property
    def inflation(self) -> float:
        """Factor on the standard error, 1 or more."""
        return math.sqrt(1.0 + self.tau_spend + self.tau_recency + self.tau_design + self.tau_area)

    @property
    def weight(self) -> float:
        """Of the test's information, the share that is left: 1 / inflation^2."""
        return 1.0 / self.inflation**2


def score(
    test: LiftTest, others: Iterable[LiftTest], weeks: MediaWeeks, rule: EvidenceRule, as_of: date
) -> Score:
    """The figures of a test whose channels and geos the model has.

    Args:
        others: tests of the same market, `test` itself left out or not.
        as_of: first day of the last week of the data.
    """
    quality = rule.design.of(test.design)
    since = max((as_of + timedelta(days=6) - test.end).days, 0) / 7
    ratio = spend_ratio(test, weeks)
    return Score(
        quality=quality,
        days=test.days,
        power=abs(test.incremental) / test.standard_error,
        weeks_since=since,
        spend_ratio=ratio,
        pre_period_error=test.pre_period_error,
        contamination=contamination(test, others, weeks),
        tau_spend=max(ratio, 1 / ratio) - 1 if ratio > 0 else math.inf,
        tau_recency=2.0 ** min(since / rule.half_life_weeks, _MOST_HALVINGS)
        - 1,  # (1 - r) / r with r = .5^(...)
        tau_design=(1 - quality) / quality,
        tau_area=1 - test.share,
    )


def score_doubts(scored: Score, rule: EvidenceRule) -> Iterator[Doubt]:
    """Figures that a person has to look at, by the rule's thresholds."""

    def review(name: str, reason: str) -> Doubt:
        return Doubt(name, "needs review", reason)

    if scored.days < rule.least_days:
        yield review("duration", f"it ran {scored.days} days, {rule.least_days} at least are asked for")
    if scored.power < rule.least_power:
        yield review(
            "power",
            f"its estimate is {scored.power:.2g} standard errors, {rule.least_power:g} at least are asked for",
        )
    factor = max(scored.spend_ratio, 1 / scored.spend_ratio) if scored.spend_ratio > 0 else math.inf
    if factor > rule.most_spend_ratio:
        yield review(
            "overlap",
            f"its daily spend is {scored.spend_ratio:.3g} times the model's, a factor of {rule.most_spend_ratio:g} is "
            "allowed: what it says of that spend does not carry over",
        )
    if scored.weight < _LEAST_WEIGHT and factor < math.inf:  # where spend has no ratio that is said already
        yield review(
            "weight",
            f"its score leaves {scored.weight:.2g} of its information, next to nothing: reject it, or mend `rule:` "
            "(half_life_weeks, design)",
        )
    error = scored.pre_period_error
    if error is not None and error > rule.most_pre_period_error:
        yield review(
            "pre_period",
            f"its comparison missed by {error:.1%} before the test, {rule.most_pre_period_error:.1%} is allowed",
        )
    if scored.contamination > rule.most_contamination:
        yield review(
            "contamination",
            f"other channels were tested in {scored.contamination:.0%} of its geos and days, "
            f"{rule.most_contamination:.0%} is allowed",
        )


def spend_ratio(test: LiftTest, weeks: MediaWeeks) -> float:
    """The test's spend a day by the model's; infinite where the model's table has none."""
    media = np.sum([weeks.of_test(test, channel) for channel in test.channels], axis=0) * test.share
    spending = media[media > 0]
    tested = max(
        sum(spend.actual for spend in test.spend.values()),
        sum(spend.without for spend in test.spend.values()),
    )
    return float(tested / test.days / (spending.mean() / 7)) if spending.size else math.inf


def contamination(test: LiftTest, others: Iterable[LiftTest], weeks: MediaWeeks) -> float:
    """Share of a test's geos and days in which tests of other channels ran, 0 to 1."""
    neighbours = [
        other
        for other in others
        if other.test_id != test.test_id
        and other.design != BENCHMARK
        and not set(other.spend) & set(test.spend)
        and same_geos(test, other)
    ]
    geos = weeks.geos if weeks.national or not test.geos else test.geos
    first = test.start.toordinal()
    shared = np.zeros((len(geos), test.days), dtype=bool)
    for other in neighbours:
        rows = [row for row, geo in enumerate(geos) if weeks.national or not other.geos or geo in other.geos]
        begins, ends = max(other.start.toordinal() - first, 0), other.end.toordinal() - first + 1
        if ends > 0:
            shared[np.array(rows, dtype=int), begins:ends] = True
    return float(shared.mean())
