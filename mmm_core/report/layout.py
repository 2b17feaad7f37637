"""How tightly a page is set: the roomiest setting in which each of its two sheets holds what stands on it.

Heights are estimated from the texts, in millimetres, with letters taken as wide as the widest usual type has them: a
browser sets the page a little lower than this says. `templates/page.css` has the same sizes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from mmm_core.report.page import Block, Chart, Page, Paragraph, Section, Table

SHEET, WIDTH = 271.0, 186.0
"""Height and width of what an A4 sheet holds within its margins."""

PIXEL = 25.4 / 96
LETTER = 0.55
"""Width of a letter, in heights of the type."""

BESIDE = 66.0
"""Width of a chart beside a table."""


@dataclass(frozen=True)
class Setting:
    """One way to set a page.

    Attributes:
        type: size of its type; row: room above and below a row of a table; both in pixels.
        changes, curves, flightings, tests, long_term, scenarios: rows or panels of each part that are shown at most.
        prices: sentences of what holds the plan back that are shown at most.
        checks: whether checks of the review that were passed have a line each.
    """

    type: float
    row: float
    changes: int
    curves: int
    flightings: int
    tests: int
    long_term: int
    scenarios: int
    prices: int = 3
    checks: bool = True

    @property
    def line(self) -> float:
        """Height of a line."""
        return 1.38 * self.type * PIXEL

    def letters(self, width: float) -> float:
        """How many letters a width holds."""
        return width / (LETTER * self.type * PIXEL)


SETTINGS = (
    Setting(10.5, 2.5, 8, 12, 12, 8, 12, 8),
    Setting(9.8, 1.5, 8, 12, 12, 6, 12, 8),
    Setting(8.9, 0.7, 6, 12, 6, 4, 8, 6),
    Setting(8.1, 0.4, 5, 12, 6, 3, 6, 4, checks=False),
    Setting(8.1, 0.4, 4, 12, 5, 2, 5, 3, prices=1, checks=False),
)
"""From the roomiest to the tightest; the page's class `crowded-<number>`. The last has the type of the one before, and
fewer rows.
"""


def fitted(built: Callable[[int], Page]) -> Page:
    """The page in the roomiest setting that fits on two sheets, or else in the tightest there is."""
    page = built(0)
    for crowding in range(len(SETTINGS)):
        page = page if crowding == 0 else built(crowding)
        if max(sheets(page)) <= SHEET:
            break
    return page


def sheets(page: Page) -> tuple[float, float]:
    """Estimated heights of the first sheet and of the second."""
    setting = SETTINGS[page.crowding]
    first = 17.0 + _answer(page, setting)
    second = 7.0  # the foot
    on_second = False
    for section in page.sections:
        on_second |= section.key == page.break_before
        height = 3.6 + _section(section, setting)
        first, second = (first, second + height) if on_second else (first + height, second)
    return first, second


def _answer(page: Page, setting: Setting) -> float:
    large = Setting(1.1 * setting.type, setting.row, 0, 0, 0, 0, 0, 0)
    lines = sum(_block(block, large, WIDTH) for block in page.answer.blocks)
    heading = math.ceil(len(page.answer.heading) / (WIDTH / (LETTER * 16 * PIXEL))) * 1.25 * 16 * PIXEL
    if not page.tiles:
        return heading + lines
    notes = max(math.ceil(len(tile.note) / setting.letters(41)) for tile in page.tiles)
    return heading + lines + 2.4 + (1 + 0.92 * notes) * setting.line + 1.2 * 18 * PIXEL


def _section(section: Section, setting: Setting) -> float:
    heading = (
        1.25 * 1.2 * setting.type * PIXEL * math.ceil(len(section.heading) / (setting.letters(WIDTH) / 1.2))
    )
    if section.beside and len(section.blocks) == 2:
        widths = (BESIDE, WIDTH - BESIDE - 5)
        return (
            heading
            + 2.2
            + max(_block(block, setting, width) for block, width in zip(section.blocks, widths, strict=True))
        )
    return heading + 2.2 + sum(_block(block, setting, WIDTH) for block in section.blocks)


def _block(block: Block, setting: Setting, width: float) -> float:
    if isinstance(block, Paragraph):
        return _lines(f"{block.lead} {block.text}", setting, width) + 1.2
    if isinstance(block, Chart):
        return width * _ratio(block.svg) + 0.4 + 0.92 * _lines(block.caption, setting, width)
    if isinstance(block, Table):
        return 0.0 if block.behind else _table(block, setting, width) + 1.2
    if block.brief:
        return math.ceil(len(block.items) / 2) * (0.94 * setting.line + (0.6 * setting.row + 1) * PIXEL)
    return sum(_lines(f"{lead}: {text}", setting, width - 4) + 0.4 for lead, text in block.items) + 1.2


def _lines(text: str, setting: Setting, width: float) -> float:
    return math.ceil(max(len(text), 1) / setting.letters(width)) * setting.line


def _table(table: Table, setting: Setting, width: float) -> float:
    """Columns of figures are as wide as their widest cell; those of words share what is left."""
    columns = range(len(table.columns))
    letters = [max(len(table.columns[i]), *(len(row[i]) for row in table.rows), 1) + 2 for i in columns]
    letters[0] = min(letters[0], 26)
    words = [i for i in table.text if i]
    left = setting.letters(width) - sum(letters[i] for i in columns if i not in words)
    wanted = sum(letters[i] for i in words)
    room = {i: max(left * letters[i] / wanted, 6) if wanted > left else letters[i] for i in words}
    room[0] = 26
    height = 0.0
    for row in (table.columns, *table.rows):
        name = min(math.ceil(len(row[0]) / room[0]), 2)  # the page cuts what is longer
        lines = max([1, name, *(math.ceil(len(row[i]) / room[i]) for i in words)])
        height += lines * setting.line + (2 * setting.row + 1) * PIXEL
    return height


def _ratio(svg: str) -> float:
    """Height of a picture by its width."""
    box = re.search(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) ([\d.]+)"', svg)
    return float(box[2]) / float(box[1]) if box else 0.5
