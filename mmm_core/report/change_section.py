"""The section on what changed since the last version, and why."""

from __future__ import annotations

from datetime import date

import pandas as pd

from mmm_core.budget.glance import MINUS, NONE, day
from mmm_core.plural import plural
from mmm_core.report.change import CHANCE, ORDER, Change
from mmm_core.report.findings import Findings
from mmm_core.report.page import Block, Items, Paragraph, Section, Table
from mmm_core.report.words import enumeration, figure

NAMES = {
    "data": "Data",
    "evidence": "Evidence",
    "specification": "Specification",
    "software": "Software",
    "seed": "Seed",
    CHANCE: "Chance",
}


def change_section(found: Findings, most: int = 8) -> Section:
    """What moved, kind by kind; of the channels those `most` that changed most."""
    if found.change is None:
        words = "There is no previous published version of this model to compare with."
        return Section("change", "What changed since last time", (Paragraph(words),))
    known = found.change
    heading = f"What changed since the week of {day(date.fromisoformat(known.as_of))}, and why"
    if not known.differs:
        words = "Nothing: data, evidence, specification and software are those of the last version."
        return Section("change", heading, (Paragraph(words),))
    blocks: list[Block] = [Items(tuple((NAMES[kind], words) for kind, words in known.differs.items()))]
    rows = known.table[known.table["metric"] == "roi"]
    if len(rows):
        blocks.append(_table(known, rows, most))
    blocks.append(Paragraph(_rule(known, rows, most)))
    return Section("change", heading, tuple(blocks))


def _table(known: Change, rows: pd.DataFrame, most: int) -> Table:
    order = rows["change"].abs().sort_values(ascending=False, kind="stable").index[:most]
    columns = _columns(known)
    heads = [" and ".join(NAMES[kind].lower() for kind in group) for group in columns]
    cells = []
    for row in rows.loc[sorted(order)].to_dict("records"):
        cells.append(
            (
                str(row["channel"]),
                figure(row["before"]),
                figure(row["now"]),
                signed(row["change"]),
                *(
                    signed(row[group[0]]) if group[0] == CHANCE or group in known.steps else "0"
                    for group in columns
                ),
            )
        )
    return Table(
        "Change of each channel's ROI, and what it is due to",
        ("Channel", "ROI before", "ROI now", "Change", *(f"by {head}" for head in heads)),
        tuple(cells),
    )


def _columns(known: Change) -> list[tuple[str, ...]]:
    """Kinds a column each, those that were swapped together in one; every kind of the order has its place."""
    told = [kind for group in known.steps for kind in group]
    columns: list[tuple[str, ...]] = list(known.steps) if known.steps != ((),) else []
    columns += [(kind,) for kind in ORDER if kind not in told]
    return [*sorted(columns, key=lambda group: _place(group[0])), (CHANCE,)]


def _place(kind: str) -> int:
    return ORDER.index(kind) if kind in ORDER else -1


def signed(value: float) -> str:
    """A change of a return: +0.12; 0 where there is none at all, and about 0 where two decimals do not show it."""
    if value != value:
        return NONE
    if value == 0:
        return "0"
    if abs(value) < 0.005:
        return "\u2248\u20090"
    return f"{MINUS if value < 0 else '+'}{figure(abs(value))}"


def _rule(known: Change, rows: pd.DataFrame, most: int) -> str:
    words = []
    if known.joined:
        words.append(f"New: {enumeration(known.joined)}.")
    if known.left:
        words.append(f"No longer modelled: {enumeration(known.left)}.")
    if len(rows) > most:
        words.append(f"The {plural(most, 'largest change')} of {plural(len(rows), 'channel')}.")
    if known.refits:
        words.append(
            f"Attributed by {plural(known.refits, 'refit')} of {plural(known.draws, 'draw')} on this week's table, "
            "with one kind swapped at a time in the order data, evidence, specification."
        )
    elif len(known.steps) == 1 and known.steps[0] and not known.note:
        words.append("Only one thing changed, so that the two versions tell its part without a refit.")
    if known.note:
        words.append(f"Told together: {known.note}.")
    words.append("Differences within twice the Monte Carlo error of the draws count as chance.")
    return " ".join(words)
