"""Asset checks of the long-term posterior, each made of rows of `LongTerm.checks()`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from assets.stage import check

if TYPE_CHECKING:
    import pandas as pd

ANSWERED = "has_an_answer"
MOST = 0.5
"""Share of stable draws below which most explode, and there are no long-run figures."""


@dataclass(frozen=True)
class OneCheck:
    """An asset check: what it holds, the rows it is made of, and from which failure on figures may not be read.

    Attributes:
        severe_below: a row that fails with a value below it is an ERROR; any other that fails is a WARN.
    """

    meaning: str
    rows: str
    severe_below: float = -math.inf


CHECKS = {
    "draws_are_stable": OneCheck(
        "Effects die out in nearly every draw; where they do not, there are no long-run figures.",
        "stable draws",
        severe_below=MOST,
    ),
    "chains_have_mixed": OneCheck(
        "R-hat and effective sample size of the draws.", "sampler", severe_below=math.inf
    ),
    "residuals_are_noise": OneCheck(
        "What the lags leave is not correlated over the weeks.", "residual autocorrelation"
    ),
    "forecasts_beat_a_random_walk": OneCheck(
        "From past weeks, forecasts are not worse than 'as last week'.", "forecast"
    ),
    "priors_do_not_decide": OneCheck(
        "Another prior moves no channel's long-term ROI by much.", "prior sensitivity"
    ),
    "effects_are_identified": OneCheck(
        "The data tell something of every channel's effect.", "identification"
    ),
    "variables_are_stationary": OneCheck(
        "No variable wanders, by ADF and KPSS, unless the YAML calls it a unit root.", "stationarity"
    ),
    "first_stage_is_carried": OneCheck(
        "How much the short-term model's own uncertainty widens the result is known.", "propagation"
    ),
}
MEANINGS = {
    ANSWERED: "The surveys can be used and the model fitted, or the YAML names no brand metric.",
    **{name: known.meaning for name, known in CHECKS.items()},
}


def results(table: "pd.DataFrame") -> list[dg.AssetCheckResult]:
    """One result a check; every row of the table is in one of them, those that did not pass first."""
    return [_result(name, known, table[table["check"] == known.rows]) for name, known in CHECKS.items()]


def passed_over(why: str) -> list[dg.AssetCheckResult]:
    """Results of a vintage that has no long-term posterior."""
    return [check(name, True, why, severity=dg.AssetCheckSeverity.WARN) for name in CHECKS]


def _result(name: str, known: OneCheck, rows: "pd.DataFrame") -> dg.AssetCheckResult:
    passed = rows["passed"].astype(bool)
    lines: Sequence[str] = [*rows.loc[~passed, "words"], *rows.loc[passed, "words"]]
    words = "\n".join(map(str, lines)) or "not asked"
    values = rows.loc[~passed, "value"]
    # a figure that could not be worked out is as bad as any
    severe = known.severe_below > -math.inf and bool((~(values >= known.severe_below)).any())
    severity = dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN
    return check(name, bool(passed.all()), words, severity=severity)
