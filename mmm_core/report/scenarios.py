"""The section of scenarios: plans held against each other, each with the probability that it is the better one."""

from __future__ import annotations

from mmm_core.report.findings import Findings, records
from mmm_core.report.page import Paragraph, Section, Table
from mmm_core.report.words import between, counted, money, probability

WRITTEN = 3
"""Rows from which there is anything to say: the current plan and the recommended one stand in the answer already."""


def scenarios_section(found: Findings, most: int = 8) -> Section | None:
    """The plans of the model's `scenarios:`; None where it has none.

    Args:
        most: rows that are shown, those of the highest gain beside the plan that all are held against.
    """
    table = found.scenarios
    if table is None or len(table) < WRITTEN:
        return None
    subject = found.subject
    gain_in = "profit" if table["profit"].notna().any() else subject.outcome
    order = table.sort_values(["is_reference", "gain"], ascending=[False, False], kind="stable")
    reference = str(table.loc[table["is_reference"].astype(bool), "scenario"].iloc[0])
    rows = []
    for row in records(order.head(most)):
        same = bool(row["is_reference"])
        ends = (counted(row[end], gain_in, subject.currency, signed=True) for end in ("gain_q05", "gain_q95"))
        rows.append(
            (
                str(row["scenario"]),
                str(row["description"] or ""),
                money(row["spend"], subject.currency),
                counted(row["incremental"], subject.outcome, subject.currency),
                "" if same else counted(row["gain"], gain_in, subject.currency, signed=True),
                "" if same else between(*ends),
                "" if same else probability(row["probability_better"]),
            )
        )
    columns = ("Plan", "What it is", "Spend", f"Incremental {subject.outcome}", f"Gain in {gain_in}", "90% interval",
               "Better with")  # fmt: skip
    words = f"Gains are over the plan \u2018{reference}\u2019, with what carries over after the horizon."
    if len(table) > most:
        words += f" {len(table) - most} more plans gain less."
    caption = f"Plans held against {reference}"
    return Section(
        "scenarios", "Scenarios", (Table(caption, columns, tuple(rows), frozenset({0, 1})), Paragraph(words))
    )
