"""The section of recommended moves: a row a channel, each with its probability and the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mmm_core.budget.glance import NONE, money
from mmm_core.budget.marginal_unit import NET, POINTS, MarginalUnit, marginal_unit
from mmm_core.report.findings import Findings, records
from mmm_core.report.moves import STILL
from mmm_core.report.page import Block, Items, Section, Table
from mmm_core.report.words import change_of, counted, figure, plain, probability, share

BOUND = 1e-6
"""How near to a bound a spend is at it, as a share of the bound."""

EVEN = 0.005
"""Return net of its price that two decimals do not tell from none."""


def moves_section(found: Findings, most: int) -> Section:
    """Spend now and recommended, what it is expected to change, how likely the move is right and why it is made.

    Args:
        most: sentences of what holds the plan back that are shown at most, those of the highest prices.
    """
    plan, subject = found.recommendation, found.subject
    rows = [_row(found, row) for row in records(plan.channels)]
    sums = plan.channels[["current_revenue", "recommended_revenue"]].sum()
    rows.append(
        (
            "Total",
            money(plan.current_total, subject.currency),
            money(plan.total, subject.currency),
            change_of(plan.current_total, plan.total),
            counted(
                sums["recommended_revenue"] - sums["current_revenue"],
                subject.outcome,
                subject.currency,
                signed=True,
            ),
            "",
            "",
        )
    )
    columns = (
        "Channel",
        f"Last {plan.span}",
        f"Next {plan.span}",
        "Change",
        f"Expected {subject.outcome}",
        "Chance the move is right",
        "Why",
    )
    blocks: list[Block] = [
        Table("Recommended moves", columns, tuple(rows), frozenset({0, 6}), total=True),
    ]
    asked = [
        line for line in plan.words if line not in plan.prices
    ]  # words of a question that is not plain say both
    if lines := [*asked, *plan.prices[:most]]:
        blocks.append(Items(tuple(("", plain(line)) for line in lines)))
    return Section("moves", "Recommended moves", tuple(blocks))


def _row(found: Findings, row: dict[str, Any]) -> tuple[str, ...]:
    subject = found.subject
    current, planned = float(row["current_spend"]), float(row["recommended_spend"])
    right = found.right.get(str(row["channel"]), float("nan"))
    return (
        str(row["channel"]),
        money(current, subject.currency),
        money(planned, subject.currency),
        change_of(current, planned),
        counted(
            row["recommended_revenue"] - row["current_revenue"],
            subject.outcome,
            subject.currency,
            signed=True,
        ),
        probability(right) if right == right else NONE,
        reason(
            row, found.recommendation.channels, subject.outcome, subject.currency, found.recommendation.marginal_in
        ),
    )  # fmt: skip


def reason(row: dict[str, Any], table: pd.DataFrame, outcome: str, currency: str, marginal_in: str) -> str:
    """Why a channel's spend is what it is, from what its next unit brings and the bound that it meets.

    Args:
        marginal_in: what `mroi` is of for a unit of spend, as `Allocation.marginal_in`.
    """
    current, planned = float(row["current_spend"]), float(row["recommended_spend"])
    lower, upper, marginal = float(row["lower"]), float(row["upper"]), float(row["mroi"])
    slack = BOUND * max(upper, 1e-9)
    told = marginal_unit(marginal_in, table["mroi"].to_numpy(dtype=float))
    unit = f"the next {money(told.per, currency)}" if currency else f"the next {told.per:,.0f} of spend"
    unit = "the next unit" if not currency and told.per == 1 else unit
    brings = f"{unit} brings {_marginal(marginal, outcome, currency, told)}"
    if upper - lower <= slack:
        words = "its bounds leave no choice"
    elif planned >= upper - slack:
        words = f"{brings}; held back by its limit{_of(upper, current)}"
    elif planned <= lower + slack:
        than = "" if told.name == NET else ", less than elsewhere"
        words = f"{brings}{than}; kept up by its limit{_of(lower, current)}"
    else:
        level = "balanced" if _free(table).sum() > 1 else "at its best spend"
        moved = abs(planned - current) > STILL * max(current, planned)
        words = f"{level}: {brings}" + ("" if moved else ", so nothing moves")
    note = row.get("note")
    return f"{words}. {plain(note)}" if isinstance(note, str) and note else words


def _marginal(value: float, outcome: str, currency: str, told: MarginalUnit) -> str:
    if not np.isfinite(value):
        return "nothing that is known"
    if told.name == POINTS:
        return f"{told.figure(value)} {POINTS}"
    if told.name == NET and abs(value) < EVEN:
        return "just its price"
    size = abs(value) if told.name == NET else value
    if outcome == "revenue" and currency:
        text = money(size, currency)
        text = f"{text.replace(figure(size), f'{size:.2f}')}" if abs(size) < 100 else text
    else:
        text = f"{figure(size)} {outcome}"
    if told.name == NET:
        return f"{text} {'more' if value > 0 else 'less'} than its price"
    return text if told.name == "outcome" else f"{text}, risk counted"


def _of(bound: float, current: float) -> str:
    return f" of {share(bound / current - 1, signed=True)}" if current > 0 else ""


def _free(table: pd.DataFrame) -> pd.Series:
    slack = BOUND * table["upper"].clip(lower=1e-9)
    return (table["recommended_spend"] < table["upper"] - slack) & (
        table["recommended_spend"] > table["lower"] + slack
    )
