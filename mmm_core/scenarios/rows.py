"""A report of scenarios as one table of rows, as stores and marts have it.

A row is a plan, or one of its channels; `kind` says what the plan is: "plan" (of the weeks ahead), "sweep" (the best of
a budget), "followed" (what was spent since an earlier recommendation, held against that). A row of kind "pair" holds
a plan of the weeks ahead against any other, and has of its columns those that compare two plans.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mmm_core.effects.roi import summarise
from mmm_core.scenarios.followed import Followed
from mmm_core.scenarios.report import COLUMNS, ScenarioReport

PLAN, SWEEP, FOLLOWED, PAIR = "plan", "sweep", "followed", "pair"

ROWS = {
    "kind": "plan, sweep, followed or pair",
    "scenario": COLUMNS["scenario"],
    "channel": "a paid channel; blank of all together",
    "description": COLUMNS["description"],
    "first_week": "of the plan",
    "last_week": "of the plan",
    "budget_multiple": "of a sweep: budget over the last period's spend",
    "against": "the plan that gain and spend_change are over",
    **{name: COLUMNS[name] for name in COLUMNS if name not in ("scenario", "description")},
    "marginal": "of a sweep: what the next unit of budget brings",
    "is_best": "of a sweep: the most expected profit",
    "gain_in": "what gain is counted in: profit, or the outcome",
}
"""Columns of the table."""

_FLAGS = ("is_reference", "is_best")
_TEXTS = ("kind", "scenario", "channel", "description", "against", "gain_in", "horizon")


def rows_of(report: ScenarioReport) -> pd.DataFrame:
    """Every plan of a report, each of its channels and each pair of plans, with the columns of `ROWS`."""
    rows: list[dict[Any, Any]] = [
        {"kind": PLAN, "gain_in": report.gain_in, **row} for row in report.table.to_dict("records")
    ]
    if report.sweep is not None:
        rows += [
            {"kind": SWEEP, "gain_in": report.gain_in, **row, "budget_multiple": row["multiple"]}
            for row in report.sweep.to_dict("records")
        ]
    paid = len(report.posterior.spec.paid)
    whole = [row for row in rows for _ in range(paid)]  # plans come in the order of `report.channels`
    rows += [
        {**{name: plan.get(name) for name in ("kind", "budget_multiple", "is_reference")}, **row}
        for plan, row in zip(whole, report.channels.to_dict("records"), strict=True)
    ]
    for row in rows:
        row["against"] = report.against
    rows += [{"kind": PAIR, "gain_in": report.gain_in, **row} for row in report.pairs.to_dict("records")]
    for row in rows:
        row |= {"first_week": report.first_week, "last_week": report.last_week}
    for followed in report.followed:
        rows += _followed(followed)
    for row in rows:
        row["horizon"] = report.horizon
    table = pd.DataFrame(rows, columns=list(ROWS))
    for name in _FLAGS:
        table[name] = table[name].eq(True)  # blank of rows that have none
    for name in _TEXTS:
        table[name] = table[name].fillna("")
    numbers = [name for name in ROWS if name not in (*_FLAGS, *_TEXTS, "first_week", "last_week")]
    days = {"first_week": "datetime64[ns]", "last_week": "datetime64[ns]"}
    return table.astype({**dict.fromkeys(numbers, float), **days})


def _followed(found: Followed) -> list[dict[str, Any]]:
    """What was spent, and each channel of it; gain is over the recommendation."""
    day = found.after.date()
    common = {
        "kind": FOLLOWED,
        "scenario": f"spent since {day}",
        "against": f"recommended after {day}",
        "first_week": found.first_week,
        "last_week": found.last_week,
        "description": found.description,
    }
    whole = {
        **common,
        "spend": float(found.spent.sum()),
        "spend_change": float(found.spent.sum() - found.recommended.sum()),
        "gain_in": found.gain_in,
        **_gain(found.gain),
    }
    channels = [
        {
            **common,
            "channel": channel,
            "spend": float(found.spent[i]),
            "spend_change": float(found.spent[i] - found.recommended[i]),
            "gain_in": found.outcome,
            **_gain(found.by_channel[:, i]),
        }
        for i, channel in enumerate(found.channels)
    ]
    return [whole, *channels]


def _gain(draws: np.ndarray) -> dict[str, float]:
    figures = summarise(draws)
    better = float((draws > 0).mean()) if np.abs(draws).max() > 0 else np.nan
    return {
        "gain": figures["mean"],
        "gain_median": figures["median"],
        "gain_q05": figures["q05"],
        "gain_q95": figures["q95"],
        "probability_better": better,
    }
