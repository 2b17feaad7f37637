"""What a run knows of a model: the tables and facts that a report is written from, whoever worked them out.

The tables are those of the marts and of the library's functions, column for column; a part that there is none of is
None, and the report has no section about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from mmm_core.plural import plural

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.budget.allocation import Allocation
    from mmm_core.report.change import Change


@dataclass(frozen=True)
class Subject:
    """What the model is of.

    Attributes:
        as_of: first day of the last week of data; ends: its last day; begins: first day that is modelled.
        outcome: what effects are counted in: revenue, or units of the KPI.
        currency: of spend and revenue, such as USD.
        margin: money that a unit of the outcome leaves before media, where a return of 1 / margin pays for itself; None
            for units that nobody prices.
        approximate: what is approximate about the posterior; "" where nothing is.
        not_converged: what says that its chains have not converged; "" where nothing does.
    """

    model: str
    as_of: date
    ends: date
    begins: date
    weeks: int
    geos: int
    outcome: str
    currency: str
    margin: float | None = None
    approximate: str = ""
    not_converged: str = ""


@dataclass(frozen=True)
class Recommendation:
    """A recommended budget.

    Attributes:
        channels: a row a channel, as `mmm_core.budget.allocation.Allocation.channels`.
        weeks: of the horizon.
        total, current_total: spend recommended, and spent in the last comparable period.
        gain, gain_q05, gain_q95, probability: of the recommendation over what `against` says, counted in `gain_in`.
        words: what was asked beyond the plain question, and what holds the plan back.
        horizon: short: figures are of what media bring within their carryover; long: by way of the brand too.
        marginal_in: what `mroi` of the channels is counted in, as `Allocation.marginal_in`.
        cells: of a plan by geo, week or flighting, as `mmm_core.budget.allocation.Allocation.cells`; else None.
        prices: what holds the plan back, as `mmm_core.budget.allocation.Allocation.prices`.
    """

    channels: pd.DataFrame
    weeks: int
    total: float
    current_total: float
    gain: float
    gain_q05: float
    gain_q95: float
    probability: float
    gain_in: str
    words: tuple[str, ...] = ()
    horizon: str = "short"
    marginal_in: str = "outcome"
    cells: pd.DataFrame | None = None
    prices: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Allocation) -> Recommendation:
        """What `allocate` recommends."""
        return cls(
            channels=found.channels,
            weeks=found.weeks,
            total=found.total,
            current_total=found.current_total,
            gain=found.gain,
            gain_q05=found.gain_q05,
            gain_q95=found.gain_q95,
            probability=found.probability_better,
            gain_in=found.gain_in,
            words=found.words,
            horizon=found.horizon,
            marginal_in=found.marginal_in,
            cells=found.cells,
            prices=found.prices,
        )

    @property
    def span(self) -> str:
        """The horizon's length in words."""
        return plural(self.weeks, "week")

    @property
    def by_week(self) -> bool:
        """Whether weeks are decided."""
        return self.cells is not None and not bool(self.cells["week"].isna().all())

    @property
    def same_total(self) -> bool:
        """Whether only the split changes."""
        return abs(self.total - self.current_total) <= 1e-4 * max(self.current_total, 1e-9)

    @property
    def against(self) -> str:
        """What the gain is held against."""
        if self.words or self.same_total:
            return f"spending as in the last {self.span}"
        return "the current mix at the same total"

    @property
    def moved(self) -> float:
        """Spend that goes elsewhere: what is added or what is taken, whichever is more."""
        change = self.channels["recommended_spend"] - self.channels["current_spend"]
        return float(max(change.clip(lower=0).sum(), -change.clip(upper=0).sum()))

    def period(self, ends: date) -> tuple[date, date]:
        """First and last day of the horizon that follows data ending on a day."""
        return ends + timedelta(days=1), ends + timedelta(days=7 * self.weeks)


@dataclass(frozen=True)
class Backing:
    """What a channel's return rests on.

    Attributes:
        tests: lift tests of it that calibrate the model.
        identified: whether the data move its effect from its prior and tell it from other channels.
        sentence: what the data tell of it, in words; "" where nobody asked.
    """

    tests: int
    identified: bool
    sentence: str = ""

    @property
    def words(self) -> str:
        """In a cell."""
        if self.tests:
            return plural(self.tests, "lift test") + (" and data" if self.identified else "")
        return "data" if self.identified else "prior belief only"

    @property
    def backed(self) -> bool:
        """Whether anything but a belief speaks for it."""
        return self.tests > 0 or self.identified


@dataclass(frozen=True)
class Findings:
    """Everything a report says.

    Attributes:
        roi: `mmm_core.effects.roi.roi_table`. backing: by channel.
        curves: `mmm_core.effects.curves.response_curves`.
        right: by channel whose spend moves, the probability that the move is right (`mmm_core.report.moves`).
        gates: `ReadinessReport.table()`. review: check_name, severity, passed, figure, threshold, message.
        tests: columns of `mmm_core.evidence.scorecard.TABLE`, and `calibrates`.
        long_told: of channels with a long term, whether it is told on which side of 0 theirs is.
        long_term: rows of a channel and effect, short or total: mean, median, q05, q95, horizon_weeks.
        scenarios: `mmm_core.scenarios.rows.rows_of`.
        change: against the previous version.
        manifest: the run manifest's body, before the files are known (`mmm_core.report.manifest`).
    """

    subject: Subject
    recommendation: Recommendation
    roi: pd.DataFrame
    curves: pd.DataFrame
    backing: Mapping[str, Backing] = field(default_factory=dict)
    right: Mapping[str, float] = field(default_factory=dict)
    gates: pd.DataFrame | None = None
    review: pd.DataFrame | None = None
    tests: pd.DataFrame | None = None
    long_term: pd.DataFrame | None = None
    long_told: Mapping[str, bool] = field(default_factory=dict)
    scenarios: pd.DataFrame | None = None
    change: Change | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[dict[str, Any], ...]:
        """Rows of the review that keep the model from being used."""
        if self.review is None:
            return ()
        failed = (self.review["severity"] == "ERROR") & ~self.review["passed"].astype(bool)
        return tuple(records(self.review[failed]))

    @property
    def refused(self) -> tuple[str, ...]:
        """Checks of the review that failed and keep the model from being used."""
        return tuple(str(row["check_name"]) for row in self.failures)

    @property
    def closed(self) -> tuple[str, ...]:
        """Gates that failed and that nobody lets pass."""
        if self.gates is None:
            return ()
        shut = ~self.gates["passed"].astype(bool) & ~self.gates["overridden"].astype(bool)
        return tuple(map(str, self.gates.loc[shut, "gate"]))

    @property
    def ready(self) -> bool:
        """Whether the budget may be acted on: the gates were asked, none is closed, and the model is not refused."""
        return self.gates is not None and not self.closed and not self.refused


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's rows, by column."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
