"""Sections on how far the figures can be trusted: caveats in words, the model's health, the evidence used."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pandas as pd

from mmm_core.budget.glance import NONE, day
from mmm_core.plural import plural
from mmm_core.report.findings import Findings, records
from mmm_core.report.page import Block, Items, Paragraph, Section, Table
from mmm_core.report.words import counted, enumeration, plain, share

PASSED, WARNED, FAILED, UNASKED = "passed", "warning", "FAILED", "nothing to look at"


def caveats_section(found: Findings, findings: bool = True) -> Section:
    """What a reader must know before acting: gates, approximations, channels that only a belief speaks for.

    Args:
        findings: whether it is said of gates that were passed what they found; else they are named.
    """
    items: list[tuple[str, str]] = []
    if found.subject.approximate:
        items.append(("Approximate", plain(found.subject.approximate)))
    if found.subject.not_converged:
        items.append(("Not converged", plain(found.subject.not_converged)))
    gates = None if found.refused else found.gates  # a refused model has no budget to be ready
    if gates is not None:
        for row in records(gates):
            if not row["passed"] and not row["overridden"]:
                items.append((f"Gate not passed: {_name(row)}", plain(row["message"])))
            elif not row["passed"]:
                until = row["decided_until"]
                last = f", until {_day(until)}" if until == until else ""
                items.append(
                    (
                        f"Let pass: {_name(row)}",
                        f"{plain(row['message'])}. {row['decided_by']} lets it pass{last}: {row['decided_why']}",
                    )
                )
    believed = [name for name, backing in found.backing.items() if not backing.backed]
    if believed:
        items.append(
            (
                "Prior belief only",
                f"neither a lift test nor the data speak for {enumeration(believed, 6)}: their figures are what was "
                "believed before",
            )
        )
    items += [
        (str(row["channel"]), plain(row["note"]))
        for row in found.recommendation.channels.to_dict("records")
        if row.get("note") and not found.refused
    ]
    passed = [] if gates is None else [row for row in records(gates) if row["passed"]]
    blocks: list[Block] = []
    if items:
        blocks.append(Items(tuple(items)))
    if passed:
        names = "; ".join(_told(row) if findings else _name(row) for row in passed)
        blocks.append(Paragraph(f"{names}.", "Gates passed:"))
    if found.gates is None and not found.refused:
        blocks.append(Paragraph("This budget has not been put to the readiness gates."))
    heading = "What else speaks against it" if found.refused else "Before acting on this"
    return Section("caveats", heading, tuple(blocks))


def _name(gate: dict[str, Any]) -> str:
    return str(gate["gate"]).replace("_", " ")


def _told(gate: dict[str, Any]) -> str:
    return f"{_name(gate)} ({_short(plain(gate['message']))})"


def _short(message: str) -> str:
    """A gate's finding without what was wanted of it, and without an aside in brackets at its end."""
    return re.sub(r" \([^()]*\)$", "", message.split(", at ")[0].split(";")[0])


def health_section(found: Findings, lines: bool = True) -> Section:
    """Every check of the review, those that failed first.

    Args:
        lines: whether one that was passed has a line of its own; else it is named.
    """
    if found.review is None or found.review.empty:
        return Section("health", "Model health", (Paragraph("No review has been run."),))
    told = [
        (_mark(row), str(row["check_name"]).replace("_", " "), plain(row["message"]))
        for row in records(found.review)
    ]
    words = {PASSED: "passed", WARNED: "warned of", FAILED: "failed", UNASKED: "had nothing to look at"}
    counts = Counter(mark for mark, _, _ in told)
    heading = (
        f"Model health: {', '.join(f'{counts[mark]} {word}' for mark, word in words.items() if counts[mark])}"
    )
    blocks: list[Block] = []
    rows = tuple(row for mark in (FAILED, WARNED) for row in told if row[0] == mark)
    if rows:
        columns = ("Verdict", "Check", "Finding")
        blocks.append(Table("Checks that were not passed", columns, rows, frozenset({0, 1, 2})))
    fine = tuple((name, message) for mark, name, message in told if mark == PASSED)
    if fine and lines:
        blocks.append(Items(fine, brief=True))
    elif fine:
        blocks.append(Paragraph(f"{', '.join(name for name, _ in fine)}.", "Passed:"))
    unasked = [f"{name} ({message})" for mark, name, message in told if mark == UNASKED]
    if unasked:
        blocks.append(Paragraph(f"{'; '.join(unasked)}.", "Nothing to look at:"))
    return Section("health", heading, tuple(blocks))


def _mark(row: dict[str, Any]) -> str:
    if row[
        "passed"
    ]:  # without a figure a check that does not apply, is turned off or lacks what it compares with
        return UNASKED if pd.isna(row["figure"]) else PASSED
    return FAILED if row["severity"] == "ERROR" else WARNED


def evidence_section(found: Findings, most: int = 8) -> Section:
    """The tests that were known, what became of them and what they weigh: of those used the `most` of most weight."""
    table = found.tests
    if table is None or table.empty:
        words = "No lift test was known: every figure rests on the weekly data and on prior beliefs."
        return Section("evidence", "Evidence used", (Paragraph(words),))
    subject = found.subject
    used = table[table["calibrates"].astype(bool)].sort_values(
        ["weight", "test_id"], ascending=[False, True], kind="stable"
    )
    rows = []
    for row in records(used.head(most)):
        outcome = "revenue" if row["outcome"] == "revenue" else subject.outcome
        measured, error = (
            counted(row[name], outcome, subject.currency)
            for name in ("incremental_outcome", "calibrating_error")
        )
        rows.append(
            (
                str(row["test_id"]),
                str(row["channels"]).replace(";", ", "),
                period(row["start_date"], row["end_date"]),
                f"{measured} \u00b1 {error}",
                share(row["weight"]),
            )
        )
    blocks: list[Block] = []
    if rows:
        columns = ("Test", "Channels", "Dates", "Measured", "Weight")
        blocks.append(
            Table("Lift tests that calibrate the model", columns, tuple(rows), frozenset({0, 1, 2}))
        )
    if len(used) > most:
        blocks.append(Paragraph(f"And {len(used) - most} more of less weight."))
    rest = records(table[~table["calibrates"].astype(bool)].sort_values("test_id"))
    if rest:
        reasons = [f"{row['test_id']}, {row['status']}{_because(row['reasons'])}" for row in rest]
        blocks.append(Paragraph(f"{enumeration(reasons, max(most // 2, 1), '; ')}.", "Not used:"))
    return Section(
        "evidence", f"Evidence used: {len(used)} of {plural(len(table), 'lift test')}", tuple(blocks)
    )


def _because(reasons: object) -> str:
    return f" ({plain(reasons)})" if isinstance(reasons, str) and reasons else ""


def period(start: object, end: object) -> str:
    """Two days, the year said once where it is the same."""
    first, last = _day(start), _day(end)
    if not (first and last):
        return NONE
    if first.split()[-1] == last.split()[-1]:
        first = first.rsplit(" ", 1)[0]
    return f"{first} to {last}"


def _day(value: object) -> str:
    return "" if value is None or value != value else day(pd.Timestamp(value).date())  # type: ignore[arg-type]
