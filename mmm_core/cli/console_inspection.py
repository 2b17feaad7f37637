"""What `mmm inspect` prints: columns and what they were taken for, traps and gaps, findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mmm_core.data_health.finding import FAMILIES, NOTHING

if TYPE_CHECKING:
    from mmm_core.data_health.report import HealthReport
    from mmm_core.first_model.proposal import Proposal

COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def columns(proposal: Proposal) -> RenderableType:
    """A row a column: what it was taken for, and why."""
    table = _table("Columns")
    for heading in ("column", "taken for", "because"):
        table.add_column(heading, overflow="fold")
    for each in proposal.columns:
        style = "dim" if each.role == "left out" else ""
        table.add_row(Text(each.column, style), Text(each.role, style), Text(each.why, style))
    return table


def remarks(proposal: Proposal) -> RenderableType:
    """Traps and gaps, a line each."""
    lines = [Text(f"trap: {trap}", "yellow") for trap in proposal.traps]
    lines += [Text(f"gap: {gap}") for gap in proposal.gaps]
    return Group(*lines, "")


def findings(report: HealthReport, everything: bool) -> RenderableType:
    """A row a finding that is not as it should be, or every one; then a line a family."""
    shown = report.findings if everything else report.flagged
    parts: list[RenderableType] = []
    if shown:
        table = _table("Findings")
        for heading in ("verdict", "family", "finding"):
            table.add_column(heading, overflow="fold", no_wrap=heading != "finding")
        for finding in shown:
            table.add_row(
                Text(finding.verdict, COLOURS[finding.verdict]), finding.family, Text(finding.sentence)
            )
        parts.append(table)
    for family, question in FAMILIES.items():
        found = report.of(family)
        if found:
            flagged = sum(finding.verdict != "ok" for finding in found)
            answer = (
                f"{flagged} of {len(found)} findings to look at"
                if flagged
                else f"{len(found)} findings, all ok"
            )
            verdict = report.verdict(family)
            parts.append(Text.assemble((f"{verdict:5}", COLOURS[verdict]), f"{family}: {question} {answer}"))
        else:
            parts.append(
                Text(f"{'-':5}{family}: {question} Nothing to judge it by: {NOTHING[family]}", "dim")
            )
    parts.append(Text(report.words))
    return Group(*parts)


def _table(title: str) -> Table:
    return Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
