"""A page as Markdown: the same words and tables, for a chat, a wiki or a review; charts as what they show."""

from __future__ import annotations

import re

from mmm_core.report.page import Block, Chart, Items, Page, Paragraph, Section, Table

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")


def markdown(page: Page) -> str:
    """The page; what would be markup in a name or a sentence is escaped."""
    lines = [
        f"# {escaped(page.title)}",
        "",
        f"{escaped(page.subtitle)} **{escaped(page.verdict)}.**",
        "",
        *_section(page.answer),
    ]
    if page.tiles:
        lines += [
            "| " + " | ".join(escaped(tile.label) for tile in page.tiles) + " |",
            "|" + "---|" * len(page.tiles),
            "| "
            + " | ".join(f"**{escaped(tile.value)}** {escaped(tile.note)}" for tile in page.tiles)
            + " |",
            "",
        ]
    for section in page.sections:
        lines += _section(section)
    return "\n".join(lines).rstrip() + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _section(section: Section) -> list[str]:
    lines = [f"## {escaped(section.heading)}", ""]
    for block in section.blocks:
        lines += [*_block(block), ""]
    return lines


def _block(block: Block) -> list[str]:
    if isinstance(block, Paragraph):
        return [f"**{escaped(block.lead)}** {escaped(block.text)}" if block.lead else escaped(block.text)]
    if isinstance(block, Items):
        leads = [f"**{escaped(lead)}**: " if lead else "" for lead, _ in block.items]
        return [f"* {lead}{escaped(text)}" for lead, (_, text) in zip(leads, block.items, strict=True)]
    if isinstance(block, Chart):
        return [f"_Chart: {escaped(block.caption)}_"]
    return _table(block)


def _table(table: Table) -> list[str]:
    rule = "|" + "".join("---|" if i in table.text else "---:|" for i in range(len(table.columns)))
    rows = ["| " + " | ".join(map(escaped, table.columns)) + " |", rule]
    for number, cells in enumerate(table.rows):
        bold = table.total and number == len(table.rows) - 1
        rows.append(
            "| " + " | ".join(f"**{escaped(cell)}**" if bold and cell else escaped(cell) for cell in cells) + " |"
        )  # fmt: skip
    return rows
