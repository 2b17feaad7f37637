"""The section of scenarios: plans held against each other, each with the probability that it is the better one."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from mmm_core.budget.glance import money
from mmm_core.plural import plural
from mmm_core.report.findings import Findings, records
from mmm_core.report.page import Block, Paragraph, Section, Table
from mmm_core.report.words import MONEY, between, counted, plain, probability
from mmm_core.scenarios.rows import FOLLOWED, PLAN, SWEEP

WRITTEN = 3
"""Plans from which there is anything to say: the current one and the recommended one stand in the answer already."""


def scenarios_section(found: Findings, most: int = 8) -> Section | None:
    """The plans of the model's `scenarios:`, the best of its sweep, and what was spent since the last recommendation.

    None where there is nothing of it.

    Args:
        most: rows that are shown, those of the highest gain beside the plan that all are held against.
    """
    if found.scenarios is None or found.scenarios.empty:
        return None
    whole = found.scenarios[found.scenarios["channel"] == ""]
    plans, followed = (whole[whole["kind"] == kind] for kind in (PLAN, FOLLOWED))
    blocks: list[Block] = []
    if len(plans) >= WRITTEN:
        blocks += _plans(found, plans, most)
    swept = whole[whole["kind"] == SWEEP]
    if len(swept):
        blocks.append(Paragraph(_sweep(found, swept), "Sweep:"))
    for row in records(followed.sort_values("last_week", kind="stable").tail(1)):
        blocks.append(Paragraph(_since(row, found.subject.currency), "Spent against recommended:"))
    return Section("scenarios", "Scenarios", tuple(blocks)) if blocks else None


def _sweep(found: Findings, swept: pd.DataFrame) -> str:
    """Which budget brings the most profit; where nobody stated a margin, why that is not known."""
    best = swept[swept["is_best"].astype(bool)]
    if len(best):
        spend = money(best["spend"].iloc[0], found.subject.currency)
        return f"Of the budgets tried, {spend} brings the most expected profit."
    return (
        "Which of the budgets tried brings the most profit is not known: the model's YAML states no margin. "
        f"\u2018margin\u2019 there, what a unit of {found.subject.outcome} leaves before media, adds it."
    )


def _since(row: dict[str, Any], currency: str) -> str:
    """What was spent in place of what was recommended, and what that brought."""
    told, gain, gain_in = plain(row["description"]), float(row["gain"]), str(row["gain_in"])
    if not math.isfinite(row["probability_better"]):
        return f"{told}."  # what was recommended was spent
    more = "more" if gain >= 0 else "less"
    size = counted(abs(gain), gain_in, currency)
    brought = f"{size} {more} {gain_in}" if gain_in in MONEY else f"{size} {more}"
    ends = between(*(counted(row[end], gain_in, currency, signed=True) for end in ("gain_q05", "gain_q95")))
    sure = row["probability_better"] if gain >= 0 else 1 - row["probability_better"]
    return (
        f"{told}. That brought {brought} than the recommended plan would have (90% interval {ends}); that it brought "
        f"{more} at all has probability {probability(sure)}."
    )


def _plans(found: Findings, plans: pd.DataFrame, most: int) -> list[Block]:
    subject = found.subject
    order = plans.sort_values(["is_reference", "gain"], ascending=[False, False], kind="stable")
    reference = str(order["scenario"].iloc[0])
    gain_in = str(order["gain_in"].iloc[0])
    rows = []
    for row in records(order.head(most)):
        same = bool(row["is_reference"])
        ends = (counted(row[end], gain_in, subject.currency, signed=True) for end in ("gain_q05", "gain_q95"))
        rows.append(
            (
                str(row["scenario"]),
                plain(row["description"] or ""),
                money(row["spend"], subject.currency),
                counted(row["incremental"], subject.outcome, subject.currency),
                "" if same else counted(row["gain"], gain_in, subject.currency, signed=True),
                "" if same else between(*ends),
                "" if same else probability(row["probability_better"]),
            )
        )
    columns = ("Plan", "What it is", "Spend", f"Incremental {subject.outcome}", f"Gain in {gain_in}", "90% interval",
               "Better with")  # fmt: skip
    more = " and what comes by way of the brand" if order["horizon"].eq("long").any() else ""
    words = (
        f"Gains are over the plan \u2018{reference}\u2019, with what carries over after the horizon{more}."
    )
    if len(plans) > most:
        left = len(plans) - most
        words += f" {plural(left, 'more plan')} {'gains' if left == 1 else 'gain'} less."
    return [
        Table(f"Plans held against {reference}", columns, tuple(rows), frozenset({0, 1})),
        Paragraph(words),
    ]
