"""Whether events and holidays stand in the weeks that felt them, or neighbouring weeks explain the KPI better.

A table whose dates are the last days of its weeks, read as first days, puts events and holidays a week too early, and
nothing in it says so. The KPI does: it is regressed on a local level, the rest of the design, and media with a usual
carryover and saturation, with the indicators of events and holidays where they are stated and where other readings of
the dates would put them. The coefficients have normal priors in units of the noise, so that they integrate out in
closed form, and the noise's variance is at its maximum: with V the covariance in units of it and T weeks

    log evidence = -T/2 log(y' V^-1 y) - 1/2 log |V|,

its mean (of the evidence, not the logarithm) over ratios of the level's variance to the noise's and over how alike the
events' effects are. No posterior is needed: milliseconds.

Events in consecutive weeks take each other's place when they are shifted: each coefficient is then its neighbour's
effect, and what speaks is the week at one end that lost its event and the one at the other end that gained one. So
effects may have a mean in common: a named week in which nothing happened, beside a nameless one in which as much did as
in the others, is then odd twice. Where the last events are the weakest that may still be too little to tell, and the
words say so: a KPI that does not tell is no KPI that agrees.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy.linalg import cho_factor, cho_solve
from scipy.special import logsumexp

from mmm_core.data.arrays import HOLIDAY_PRIOR_SD, TERM_PRIOR_SD
from mmm_core.data.calendar import AND, event_and_holiday_indicators
from mmm_core.data.weeks import first_days
from mmm_core.spec.model_spec import ModelSpec
from mmm_core.threads import one_blas_thread

STATED, OTHER_END = "as stated", "by the other end of the week"
EARLIER, LATER = "a week earlier", "a week later"

# Variance of a step of the level relative to the noise's: from none to a level that follows every week.
LEVEL_RATIOS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
# (sd of an event's effect around the mean of all, sd of that mean), in noise sds; the last is the model's own prior.
ALIKE = (
    (0.5, TERM_PRIOR_SD),
    (1.0, TERM_PRIOR_SD),
    (2.0, TERM_PRIOR_SD),
    (5.0, TERM_PRIOR_SD),
    (TERM_PRIOR_SD, 0.0),
)
CARRYOVER = 0.5


@dataclass(frozen=True)
class EventWeeks:
    """How well the KPI agrees with readings of the weeks' dates.

    Attributes:
        evidence: log evidence of each reading: `STATED`, `EARLIER`, `LATER`, `OTHER_END`.
        spec: the model's.
    """

    evidence: dict[str, float]
    spec: ModelSpec

    def best(self, threshold: float) -> str:
        """The reading that the KPI speaks for.

        It is the other end of the week, far commoner than a whole week's slip, where that alone reaches the threshold.
        """
        best = max(self.evidence, key=lambda reading: self.evidence[reading])
        same_side = best == (LATER if self.spec.time.marks == "start" else EARLIER)
        enough = self.evidence[OTHER_END] - self.evidence[STATED] >= np.log(threshold)
        return OTHER_END if same_side and enough else best

    @property
    def factor(self) -> float:
        """How many times likelier the KPI is by the best reading than by the stated one; 1 where that is the best."""
        return float(np.exp(min(max(self.evidence.values()) - self.evidence[STATED], 700.0)))

    @property
    def against_other_end(self) -> float:
        """How many times less likely the KPI is by the other end of the week than by the stated reading."""
        return float(np.exp(np.clip(self.evidence[STATED] - self.evidence[OTHER_END], -700.0, 700.0)))

    @property
    def _by_other_end(self) -> str:
        against = self.against_other_end
        return f"{1 / against:,.3g} times as likely" if against < 1 else f"{against:,.3g} times less likely"

    def words(self, threshold: float) -> str:
        """The finding, with what to do where the factor reaches the threshold."""
        if self.factor < threshold and self.against_other_end < threshold:
            day = "last" if self.spec.time.marks == "start" else "first"
            return (
                f"the KPI does not tell whether {self.spec.time.column} is the {day} day of each week (events and "
                f"holidays are {self._by_other_end} by it, {threshold:g} times would tell; those in consecutive weeks "
                "absorb a shift): look at how the table was made"
            )
        if self.factor < threshold:
            return (
                "the KPI agrees with the weeks of events and holidays "
                f"(in others it is {self.factor:,.3g} times as likely; below {threshold:g} is wanted)"
            )
        found, column = (
            f"the KPI is {self.factor:,.3g} times as likely with events and holidays",
            self.spec.time.column,
        )
        best = self.best(threshold)
        if best == OTHER_END:
            marks, day = ("end", "last") if self.spec.time.marks == "start" else ("start", "first")
            return (
                f"{found} where they fall if {column} is the {day} day of each week: write `time: {{marks: {marks}}}` "
                "if it is"
            )
        when, beside = ("after", 1) if best == LATER else ("before", -1)
        words = f"{found} {best} than they are stated: look whether {column} is a week off; if it is right, people "
        words += f"buy {when} the day: "
        if holidays := self.spec.baseline.holidays:
            low, high = min(holidays.window[0], beside), max(holidays.window[1], beside)
            if (low, high) != holidays.window:
                words += f"write `holidays: {{window: [{low}, {high}]}}`, and "
        return f"{words}date events when they are felt"


@one_blas_thread
def event_weeks(data: xr.Dataset, spec: ModelSpec) -> EventWeeks | None:
    """Hold the weeks of events and holidays against the KPI; None where the model has none within its weeks.

    Args:
        data: the arrays of `mmm_core.data.arrays.model_data`; geos are summed.
    """
    first = first_days(pd.DatetimeIndex(data["week"].to_numpy()), spec)
    # a date read as the other end of its week puts what happens six days away
    days_later = {STATED: 0, EARLIER: -7, LATER: 7, OTHER_END: 6 if spec.time.marks == "start" else -6}
    indicators = {
        name: event_and_holiday_indicators(first - pd.Timedelta(days=days), spec)
        for name, days in days_later.items()
    }
    stated = indicators[STATED]
    if not any(indicator.any() for indicator in stated.values()):
        return None
    kpi, known = _kpi(data, spec)
    others = _others(data, stated)[known]
    weeks, events = np.flatnonzero(known), [name in spec.baseline.events for name in stated]
    felt = {name: np.stack(list(found.values()), axis=1)[known] for name, found in indicators.items()}
    priors = ALIKE if sum(events) > 1 else ALIKE[-1:]
    found = [
        _evidence(
            kpi,
            others,
            {name: _scaled(columns, events, *prior) for name, columns in felt.items()},
            weeks,
            ratio,
        )
        for prior in priors
        for ratio in LEVEL_RATIOS
    ]
    return EventWeeks(
        {name: float(logsumexp([each[name] for each in found]) - np.log(len(found))) for name in felt}, spec
    )


def _scaled(felt: np.ndarray, events: list[bool], spread: float, common: float) -> np.ndarray:
    """Indicators times the prior sds of their coefficients, (week, column), and what the events have in common.

    Args:
        felt: (week, column). events: which columns are events; the others are holidays.
        spread, common: prior sd of an event's effect around the mean of all, and of that mean.
    """
    columns = felt * np.where(events, spread, HOLIDAY_PRIOR_SD)
    return np.column_stack([columns, common * felt[:, events].sum(axis=1)]) if common else columns


def _kpi(data: xr.Dataset, spec: ModelSpec) -> tuple[np.ndarray, np.ndarray]:
    """The geos' sum, or its logarithm, in standard deviations, in the weeks it is known; and which those are."""
    known = np.asarray(data["observed"].to_numpy().all(axis=0))
    kpi = data["kpi"].to_numpy().sum(axis=0)[known]
    if spec.kpi.scale == "log":
        kpi = np.log(kpi)
    return (kpi - kpi.mean()) / kpi.std(), known


def _others(data: xr.Dataset, moved: Iterable[str]) -> np.ndarray:
    """What else explains the KPI, (week, column), each column times the prior sd of its coefficient."""
    terms, moving = [str(term) for term in data["term"].to_numpy()], set(moved)
    kept = [position for position, term in enumerate(terms) if not moving & set(term.split(AND))]
    design = data["design"].to_numpy()[..., kept].mean(axis=0) * data["design_prior_sd"].to_numpy()[kept]
    carried = data["exposure"].to_numpy().sum(axis=0)
    for week in range(1, len(carried)):
        carried[week] += CARRYOVER * carried[week - 1]
    response = np.sqrt(carried)[-len(design) :]
    spread = response.std(axis=0)
    response = (response - response.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return np.concatenate([design, TERM_PRIOR_SD * response], axis=1)


def _evidence(
    kpi: np.ndarray, others: np.ndarray, candidates: dict[str, np.ndarray], weeks: np.ndarray, ratio: float
) -> dict[str, float]:
    """Log evidence of each candidate's columns at a ratio of the level's variance to the noise's.

    Args:
        kpi: (week,). others, candidates: (week, column), times the prior sds.
        weeks: their positions, which weeks without a KPI leave gaps in.
    """
    level = ratio * (np.minimum.outer(weeks, weeks) - weeks[0])
    factor = cho_factor(np.eye(len(kpi)) + level + others @ others.T, lower=True)
    log_determinant = 2 * float(np.log(np.diag(factor[0])).sum())
    solved = cho_solve(factor, kpi)
    found = {}
    for name, columns in candidates.items():  # each adds few columns: its inverse by Woodbury
        inner = cho_factor(np.eye(columns.shape[1]) + columns.T @ cho_solve(factor, columns), lower=True)
        explained = columns.T @ solved
        square = float(kpi @ solved) - float(explained @ cho_solve(inner, explained))
        added = 2 * float(np.log(np.diag(inner[0])).sum())
        found[name] = -0.5 * (len(kpi) * float(np.log(square)) + log_determinant + added)
    return found
