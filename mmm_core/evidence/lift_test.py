"""One lift test: which media were changed, where, when, by how much, and what that did.

A test compares what happened with what would have happened without it. Both differ in the spend of the tested channels
alone, in the tested geos and days. The record says the difference in outcome that was measured, and both totals of
spend; `mmm_core.model.replay` puts the same difference through a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

from mmm_core.spec.calibration_spec import Design

Outcome = Literal["revenue", "kpi"]
Status = Literal["approved", "needs review", "rejected"]

STATUSES: tuple[Status, ...] = ("approved", "needs review", "rejected")
OUTCOMES: tuple[Outcome, ...] = ("revenue", "kpi")
DESIGNS: tuple[Design, ...] = get_args(Design)
BENCHMARK: Design = "benchmark"
"""No experiment: what somebody answers for, such as a cost per order that finance has always seen."""


@dataclass(frozen=True)
class TestedSpend:
    """Spend of one channel in the tested geos and days.

    Attributes:
        actual: what was spent.
        without: what would have been spent without the test: 0 where the test switched a channel on, more than `actual`
            where it switched one off or down.
        weekly_without: the same week by week, over the geos, from the week of the first day to that of the last; None
            where `without` is `actual` scaled alike in all of them.
    """

    actual: float
    without: float
    weekly_without: tuple[float, ...] | None = None


@dataclass(frozen=True)
class LiftTest:
    """A lift test as every reader of this package hands it on.

    Attributes:
        test_id: name, unique among the tests of a model.
        spend: of each tested channel, by the name it has in the model.
        geos: those tested, as the model's table calls them; empty where the test covered every geo of the model.
        start, end: first and last day on which spend differed.
        post_weeks: whole weeks after the week of `end` in which the outcome still counted.
        outcome: whether `incremental` is revenue or units of the KPI.
        incremental: outcome with what happened, less outcome without the test; negative where spend was cut.
        standard_error: of `incremental`, in the same unit; positive.
        share: of a national model's outcome, what the tested area stands for, above 0 and up to 1.
        currency: of spend and revenue; empty where it is the table's.
        design: one of DESIGNS.
        source: who measured it.
        reported: day on which the result was known; a fit as of an earlier week does not see it. None: the last day
            of the window that was measured.
        status: what its source or whoever keeps the tests says of it, where they do; no approval by itself
            (`mmm_core.evidence.approvals`).
        market: of the test, by the value that the model's `filter: {market: ...}` keeps; empty where none is said.
        pre_period_error: how far the comparison missed the tested area before the test, as a share of its outcome
            (a mean absolute percentage error); None where the read-out does not say.
    """

    test_id: str
    spend: Mapping[str, TestedSpend]
    start: date
    end: date
    incremental: float
    standard_error: float
    geos: tuple[str, ...] = ()
    post_weeks: int = 0
    outcome: Outcome = "revenue"
    share: float = 1.0
    currency: str = ""
    design: Design = "conversion_lift"
    source: str = ""
    reported: date | None = None
    status: Status | None = None
    market: str = ""
    pre_period_error: float | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The tested channels, in the order of the record."""
        return tuple(self.spend)

    @property
    def incremental_spend(self) -> float:
        """Spend that was tested, over the channels: negative where they were switched off or down."""
        return sum(spend.actual - spend.without for spend in self.spend.values())

    @property
    def days(self) -> int:
        """Days of the window, first and last included."""
        return (self.end - self.start).days + 1

    @property
    def measured_until(self) -> date:
        """Last day on which the outcome counted: of the window, or of the weeks after it."""
        if not self.post_weeks:
            return self.end
        return self.end + timedelta(days=6 - self.end.weekday() + 7 * self.post_weeks)

    @property
    def known_on(self) -> date:
        """Day from which on the result may be used."""
        return self.reported or self.measured_until


@dataclass(frozen=True)
class WeighedTest:
    """A test that calibrates, with what its quality does to its error.

    Attributes:
        inflation: factor on the standard error, 1 or more; `mmm_core.evidence.score` says what it is made of.
    """

    test: LiftTest
    inflation: float = 1.0

    @property
    def standard_error(self) -> float:
        """The error with which the test enters a model, in units of its outcome."""
        return self.test.standard_error * self.inflation
