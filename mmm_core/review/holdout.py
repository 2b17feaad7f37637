"""Whether fits without the last weeks forecast them no worse than someone without a model, or without media.

One quarter is a coin: a model that is right loses some of them. So the model is fitted again as of several origins, and
it fails only where its scores are worse than a simple forecast's by more than chance (`mmm_core.forecast.differences`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from mmm_core.plural import plural
from mmm_core.review.check import Check, CheckResult
from mmm_core.review.subject import Subject

if TYPE_CHECKING:
    from mmm_core.forecast.differences import PairedDifference

LEVEL = 0.05
"""Two-sided level of the comparisons: of a model as good as a simple forecast, 2.5 % seem worse."""
NO_MEDIA = "no media"


class Holdout(Check):
    """It forecasts no worse than someone without a model."""

    name = "holdout"
    severity = "ERROR"
    description = (
        "Refits as of several origins: chance that CRPS as much worse than seasonal-naive's or the last value's "
        "comes from a model as good"
    )

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        if skipped := _not_run(self, subject):
            return skipped
        scores = subject.origins(self.thresholds.holdout_weeks)
        simple = {name: found for name, found in scores.differences.items() if name != NO_MEDIA}
        figure = min(_chance_of_worse(found) for found in simple.values())
        worse = [name for name, found in simple.items() if found.verdict == "worse"]
        beside = "; ".join(f"beside {name} {found.words}" for name, found in simple.items())
        message = (
            f"{_which(subject, self.thresholds.holdout_weeks)}: CRPS {_kpi(scores.pooled['crps'])}, {beside}"
        )
        message += f"; the median errs by {scores.pooled['mape']:.1%}"
        if worse:
            message += ": a simpler forecast does better, check season, controls and scale (`mmm select`)"
        return self.result(not worse, figure, LEVEL / 2, message)


class MediaForecast(Check):
    """Media are of use to the forecast."""

    name = "media_forecast"
    severity = "WARN"
    description = "The same refits beside the baseline without media: whether media improve the forecast"

    def run(self, subject: Subject) -> CheckResult:
        """See Check."""
        if skipped := _not_run(self, subject):
            return skipped
        found = subject.origins(self.thresholds.holdout_weeks).differences[NO_MEDIA]
        words = {
            "better": "media improve the forecast",
            "worse": "media do not improve the forecast, they make it worse",
        }.get(found.verdict, "it cannot be said that media improve the forecast, nor that they do not")
        message = f"{words}: CRPS beside the baseline without media {found.words}"
        if found.verdict == "worse":
            message += (
                "; a baseline that competes with the media, or media that follow demand, look like this"
            )
        return self.result(found.verdict != "worse", _chance_of_worse(found), LEVEL / 2, message)


def _not_run(check: Check, subject: Subject) -> CheckResult | None:
    """The verdict where there is no refit to score."""
    weeks = check.thresholds.holdout_weeks
    if weeks == 0:
        return check.result(
            True, np.nan, LEVEL / 2, "turned off (`review: holdout_weeks: 0`, or `--no-holdout`)", "WARN"
        )
    if subject.holdouts:
        return None
    known = subject.posterior.data.sizes["week"]
    if not check.thresholds.held_out(known):
        few = plural(known, "week is", "weeks are")
        message = f"{few} too few to leave {weeks} out and learn from the rest: nothing to say of forecasts"
        return check.result(True, np.nan, LEVEL / 2, message, "WARN")
    severity: Literal["ERROR", "WARN"] = check.severity
    message = "not run: the refits without the last weeks need the weekly table, pass it along"
    return check.result(severity == "WARN", np.nan, LEVEL / 2, message)


def _chance_of_worse(found: PairedDifference) -> float:
    """One-sided p-value of the model being the worse one; 1 where one origin says nothing of chance."""
    if not np.isfinite(found.p_value):
        return 1.0
    return found.p_value / 2 if found.mean > 0 else 1 - found.p_value / 2


def _which(subject: Subject, weeks: int) -> str:
    count = len(subject.holdouts)
    return f"{plural(weeks, 'week')} ahead, unseen, from {plural(count, 'origin')}"


def _kpi(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
