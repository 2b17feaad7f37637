"""Whether a version may go live, beside its review: how earlier weeks were forecast, and how far its answer moved.

Each figure is a gate of its own with a threshold of the YAML's `promotion:`. What cannot be judged yet stops nothing,
and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from mmm_core.forecast.standing import Standing, standings
from mmm_core.promotion.gates import (
    ADVICE,
    CONTRIBUTIONS,
    COVERAGE,
    NAIVE,
    OF_STABILITY,
    OF_THE_BACKTEST,
    WITHIN,
)
from mmm_core.promotion.moved import Moved
from mmm_core.spec.promotion_spec import Accepted, Promotion, StableAnswer, TrackRecord


@dataclass(frozen=True)
class Gate:
    """One figure held against its threshold; `figure` is nan where there is none yet."""

    name: str
    passed: bool
    figure: float
    message: str


def track_record_gates(rows: pd.DataFrame, rule: TrackRecord) -> list[Gate]:
    """Coverage and CRPS of past forecasts, at the longest horizon of which enough have come due.

    Args:
        rows: of `mmm_core.forecast.track_record.score_since`, of posteriors of several weeks.
    """
    found = standings(rows)
    judged = _longest(found, rule.forecasts)
    if judged is None:
        most = max((each.forecasts for each in found), default=0)
        words = f"not yet: {most} of {rule.forecasts} forecasts have come due"
        return [Gate(name, True, np.nan, words) for name in OF_THE_BACKTEST]
    low, high = rule.coverage_90
    covered = Gate(
        COVERAGE,
        low <= judged.coverage_90 <= high,
        judged.coverage_90,
        f"{judged.words}; {low:.0%} to {high:.0%} within 90 % intervals is wanted",
    )
    if np.isnan(judged.ratio):
        return [covered, Gate(NAIVE, True, np.nan, f"not yet: {judged.words}")]
    ratio = (
        f"CRPS is {judged.ratio:.2f} of that of last season's values, {rule.crps_ratio:g} at most is wanted"
    )
    return [covered, Gate(NAIVE, judged.ratio <= rule.crps_ratio, judged.ratio, f"{judged.words}; {ratio}")]


def _longest(found: Sequence[Standing], least: int) -> Standing | None:
    enough = [each for each in found if each.forecasts >= least]
    return enough[-1] if enough else None


def stability_gates(found: Moved | None, since: str, rule: StableAnswer) -> list[Gate]:
    """How far ROI, contributions and advice moved since the last published week.

    Args:
        found: what moved; None where no week was published before.
        since: that week, for the messages.
    """
    if found is None:
        return [Gate(name, True, np.nan, "not yet: no earlier week was published") for name in OF_STABILITY]
    within = found.share_within
    most = f"; {found.moved_most} moved most" if found.moved_most else ""
    return [
        Gate(
            WITHIN,
            bool(np.isnan(within) or within >= rule.within_interval),
            within,
            "no channel has a return"
            if np.isnan(within)
            else f"{within:.0%} of the ROIs lie in their 90 % interval of {since}, {rule.within_interval:.0%} at least "
            f"is wanted{most}",
        ),
        *(
            Gate(
                name,
                figure <= most_allowed,
                figure,
                f"{figure:.1%} of the {what} moved since {since}, {most_allowed:.0%} at most is wanted",
            )
            for name, figure, most_allowed, what in (
                (CONTRIBUTIONS, found.contribution_turnover, rule.contribution_turnover, "KPI"),
                (ADVICE, found.budget_turnover, rule.budget_turnover, "recommended budget"),
            )
        ),
    ]


@dataclass(frozen=True)
class Decision:
    """Whether a version goes live, by its gates and by who accepted what they found."""

    gates: tuple[Gate, ...]
    accepted: Accepted | None

    @property
    def failed(self) -> list[Gate]:
        """Gates that are not passed, accepted or not."""
        return [gate for gate in self.gates if not gate.passed]

    @property
    def promotes(self) -> bool:
        """Whether every gate is passed, or a person accepted those that are not."""
        return not self.failed or self.accepted is not None

    @property
    def verdict(self) -> str:
        """`passed`, `refused: ...` or `accepted by ...`, as the registry keeps it beside the version."""
        if not self.failed:
            return "passed"
        named = ", ".join(gate.name for gate in self.failed)
        if self.accepted is None:
            return f"refused: {named}"
        return f"accepted by {self.accepted.by} ({self.accepted.why}) although it fails {named}"

    @property
    def words(self) -> str:
        """The verdict, and a line a gate that is not passed, or of all of them where all are."""
        lines = [f"{gate.name}: {gate.message}" for gate in self.failed or self.gates]
        return "\n".join([self.verdict, *lines])


def decide(gates: Sequence[Gate], as_of_week: date, rule: Promotion) -> Decision:
    """Hold gates against what was accepted for an as-of week (its Monday)."""
    accepted = next((each for each in rule.accepted if each.as_of_week == as_of_week), None)
    return Decision(tuple(gates), accepted)
