"""Whether events and holidays stand in the weeks that felt them, or neighbouring weeks explain the KPI better.

A table whose dates are the last days of its weeks, read as first days, puts events and holidays a week too early, and
nothing in it says so. The KPI does: it is regressed on a local level, the rest of the design, and media with a usual
carryover and saturation, with the indicators of events and holidays where they are stated and where other readings of
the dates would put them. The coefficients have the priors of the model, in units of the noise, so that they integrate
out in closed form, and the noise's variance is at its maximum: with V the covariance in units of it and T weeks

    log evidence = -T/2 log(y' V^-1 y) - 1/2 log |V|,

the highest over a few ratios of the level's variance to the noise's. No posterior is needed: milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy.linalg import cho_factor, cho_solve

from mmm_core.data.arrays import HOLIDAY_PRIOR_SD, TERM_PRIOR_SD
from mmm_core.data.calendar import AND, event_and_holiday_indicators
from mmm_core.data.weeks import first_days
from mmm_core.spec.model_spec import ModelSpec
from mmm_core.threads import one_blas_thread

STATED, OTHER_END = "as stated", "by the other end of the week"
EARLIER, LATER = "a week earlier", "a week later"

# Variance of a step of the level relative to the noise's: from none to a level that follows every week.
LEVEL_RATIOS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
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

    def words(self, threshold: float) -> str:
        """The finding, with what to do where the factor reaches the threshold."""
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
        when, window = ("after", "[0, 1]") if best == LATER else ("before", "[-1, 0]")
        return (
            f"{found} {best} than they are stated: look whether {column} is a week off; if it is right, people "
            f"buy {when} the day: write `holidays: {{window: {window}}}`, and date events when they are felt"
        )


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
    sd = np.array([TERM_PRIOR_SD if name in spec.baseline.events else HOLIDAY_PRIOR_SD for name in stated])
    columns = {name: np.stack(list(found.values()), axis=1)[known] * sd for name, found in indicators.items()}
    weeks = np.flatnonzero(known)
    by_ratio = [_evidence(kpi, others, columns, weeks, ratio) for ratio in LEVEL_RATIOS]
    return EventWeeks({name: max(found[name] for found in by_ratio) for name in columns}, spec)


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
