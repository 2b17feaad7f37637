"""One question put to a posterior: a small class with its verdict.

Thresholds are those of the specification's `review:`, whose defaults `mmm_core.spec.review_spec.Review` states.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from mmm_core.review.subject import Subject
from mmm_core.spec.review_spec import Review

Severity = Literal["ERROR", "WARN"]


@dataclass(frozen=True)
class CheckResult:
    """A check's verdict; `figure` is nan where there was nothing to measure."""

    name: str
    severity: Severity
    passed: bool
    figure: float
    threshold: float
    message: str


class CheckInfo(NamedTuple):
    """What is known of a check before it runs."""

    name: str
    severity: Severity
    description: str


@dataclass(frozen=True)
class Check(ABC):
    """One question put to a posterior."""

    thresholds: Review

    name: ClassVar[str]
    severity: ClassVar[Severity]
    description: ClassVar[str]

    @abstractmethod
    def run(self, subject: Subject) -> CheckResult:
        """The verdict."""

    def result(
        self, passed: bool, figure: float, threshold: float, message: str, severity: Severity | None = None
    ) -> CheckResult:
        """A verdict of this check."""
        return CheckResult(
            self.name, severity or self.severity, bool(passed), float(figure), float(threshold), message
        )

    def where_approximate(self, subject: Subject, threshold: float) -> CheckResult | None:
        """The verdict of a check that has nothing to measure on an approximate engine's draws; None on exact ones."""
        if not subject.posterior.approximate:
            return None
        return self.result(
            True, np.nan, threshold, f"not applicable: approximate engine {subject.posterior.engine}"
        )
