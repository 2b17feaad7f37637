"""What a report is made of before it is HTML or Markdown: sections of paragraphs, lists, tables and charts.

Both forms are written from one `Page`, so that they say the same. Text here is plain: the writers escape it.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `lead` is set in bold before the rest."""

    text: str
    lead: str = ""


@dataclass(frozen=True)
class Items:
    """A list, each item with a word in bold before it (or ""); `brief` ones are a line each, side by side."""

    items: tuple[tuple[str, str], ...]
    brief: bool = False


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        caption: what it shows, for those who cannot see it beside its heading.
        columns: headings. rows: cells, as many as there are columns.
        text: positions of the columns that hold words; the others hold figures and are set to the right.
        total: whether the last row sums up.
        behind: whether it holds the figures behind a chart: folded on a screen, left out in print.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text: frozenset[int] = frozenset({0})
    total: bool = False
    behind: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart as SVG, with what it shows in words."""

    svg: str
    caption: str
    key: str


Block = Paragraph | Items | Table | Chart


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it; `beside` puts its blocks next to each other where there is room."""

    key: str
    heading: str
    blocks: tuple[Block, ...]
    beside: bool = False


@dataclass(frozen=True)
class Tile:
    """One of the few figures that stand out."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Page:
    """A whole report.

    Attributes:
        title, subtitle: what it is of. verdict: a word or two; ready: what decides how it is set.
        refused: whether the answer is that there is none, which is set in a frame.
        tiles: figures that stand out, below the first section, the answer; none where there is no answer.
        break_before: key of the section that the second sheet begins with.
        crowding: 0 to 4, how much smaller its type and shorter its tables are than usual, so that all of it fits.
    """

    title: str
    subtitle: str
    verdict: str
    ready: bool
    answer: Section
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    foot: str
    break_before: str = ""
    refused: bool = False
    crowding: int = 0
    language: str = field(default="en")
