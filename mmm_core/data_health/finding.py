"""A finding: one figure of one column, channel or table, held against a threshold, in words that name the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from mmm_core.plural import plural

Verdict = Literal["ok", "warn", "fail"]

FAMILIES: dict[str, str] = {
    "contract": "Would a fit take this table?",
    "coverage": "Has every source delivered every week?",
    "missing": "Are there gaps?",
    "outliers": "Are there weeks far from the weeks around them?",
    "level_shifts": "Does a column change for good from one week to the next?",
    "spend_share": "Is every channel large enough to be seen, and in the money of the KPI?",
    "activity": "Is every channel on often enough, and does it vary?",
    "unit_cost": "Do spend and exposure of a channel belong together?",
    "collinearity": "Can channels and controls be told apart?",
    "stationarity": "Do series wander?",
    "seasonality": "Does spend only follow the season?",
    "ratio": "Are there weeks enough for so many parameters?",
}
"""Every family of findings by name, in the order in which they are told."""

NOTHING: dict[str, str] = {
    "contract": "nothing was read",
    "coverage": "nothing is known of what the sources delivered",
    "missing": "no column was read",
    "outliers": "no column has weeks enough with values",
    "level_shifts": "no column has weeks enough without gaps",
    "spend_share": "no channel is paid for",
    "activity": "there is no channel",
    "unit_cost": "no channel has an exposure of its own beside its spend",
    "collinearity": "there are not two channels or controls that move, or not weeks enough for as many as there are",
    "stationarity": "no series has half a year of weeks without gaps",
    "seasonality": "there are not weeks enough to tell a season from a level",
    "ratio": "a fit would refuse this table, so its parameters cannot be counted",
}
"""By family why it has no finding, where it has none."""

TABLE = {
    "family": "family of the finding",
    "measure": "what was measured",
    "subject": "column, channel or pair of them that it is of; table where it is of all",
    "geo": "geo, or all",
    "first_week": "first week concerned; of a finding about all weeks empty",
    "last_week": "last week concerned",
    "value": "the figure",
    "threshold": "of the model's `data_health:`",
    "verdict": "ok, warn, or fail: nothing should be fitted on it",
    "sentence": "the finding in words, with the remedy",
}
"""Columns of the table of findings."""

EVERYWHERE, WHOLE = "all", "table"
"""The geo of a finding about all geos together, and the subject of one about no single column."""


@dataclass(frozen=True)
class Finding:
    """One figure of a table.

    Attributes:
        subject: column or channel; of two " and " stands between.
        value, threshold: in what the sentence says; nan where there is none.
        first_week, last_week: by the table's dates; None where all weeks are meant.
    """

    family: str
    measure: str
    subject: str
    value: float
    threshold: float
    verdict: Verdict
    sentence: str
    geo: str = EVERYWHERE
    first_week: pd.Timestamp | None = None
    last_week: pd.Timestamp | None = None


def at_most(value: float, warn: float, fail: float | None = None) -> Verdict:
    """The verdict on a figure that should not be above a threshold; `fail` is reached by being equal to it."""
    if fail is not None and value >= fail:
        return "fail"
    return "warn" if value > warn else "ok"


def at_least(value: float, warn: float, fail: float | None = None) -> Verdict:
    """The verdict on a figure that should not be below a threshold."""
    if fail is not None and value < fail:
        return "fail"
    return "warn" if value < warn else "ok"


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """A row a finding, with the columns of `TABLE`."""
    rows = [{name: getattr(finding, name) for name in TABLE} for finding in findings]
    days = dict.fromkeys(("first_week", "last_week"), "datetime64[ns]")
    return pd.DataFrame(rows, columns=list(TABLE)).astype({**days, "value": float, "threshold": float})


def day(week: pd.Timestamp) -> str:
    """A week as sentences name it."""
    return f"{week:%Y-%m-%d}"


def weeks(count: int) -> str:
    """A number of weeks in words."""
    return plural(count, "week")
