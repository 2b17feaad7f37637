"""Whether a page is what it promises: the marts' figures, nothing from elsewhere, two sheets."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from mmm_core.budget.glance import MINUS
from mmm_core.report.findings import Findings, records
from mmm_core.report.layout import SHEET, sheets
from mmm_core.report.page import Page
from mmm_core.report.returns import metrics

ROUNDED = 0.006
"""Three digits are off by half a per cent at most."""

SMALL = 0.0051
"""Two decimals are off by half of the last."""

UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "bn": 1e9}


FETCHED = (
    r"https?:[^\"'\s<]*",
    r"<(?:script|link|iframe|img|object|embed)\b",
    r"\bsrc=",
    r"@import",
    r"url\((?!#)",
)
"""What would make a page fetch or run something."""


class _Tables(HTMLParser):
    """Cells of every table, row by row, by the section that it stands in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.section, self.cell = "", False
        self.rows: dict[str, list[list[str]]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        if tag == "section":
            self.section = str(dict(attrs).get("id"))
        elif tag == "tr":
            self.rows.setdefault(self.section, []).append([])
        elif tag in ("td", "th"):
            self.cell = True
            self.rows[self.section][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        """See HTMLParser."""
        if tag in ("td", "th"):
            self.cell = False

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        if self.cell:
            self.rows[self.section][-1][-1] += data


def read_figure(text: str) -> float:
    """A figure as a page shows it: $1.19M is 1,190,000; nan where there is none."""
    found = re.search(rf"([+{MINUS}]?)\D*?(\d+(?:\.\d+)?)(bn|M|k)?(%)?", text.replace("\u2060", ""))
    if found is None:
        return float("nan")
    sign = -1.0 if MINUS in text[: found.end(1)] else 1.0
    return sign * float(found[2]) * UNITS[found[3] or ""] * (0.01 if found[4] else 1.0)


def figures_off(html: str, found: Findings) -> list[str]:
    """What the page says of a channel and its tables do not, in words.

    Args:
        html: the page. found: whose tables are those that the marts hold.
    """
    rows = _Tables(html).rows
    wide = metrics(found.roi)
    wanted: list[tuple[str, int, int, float]] = []
    returns = [row for row in rows.get("roi", []) if len(row) == 7][1:]
    for place, (_, row) in enumerate(wide.iterrows()):
        columns = {1: "spend_mean", 2: "roi_mean", 4: "mroi_mean", 5: "contribution_mean"}
        wanted += [("roi", place, column, float(row[name])) for column, name in columns.items()]
    moves = [row for row in rows.get("moves", []) if len(row) == 7][1:]
    recommended = [] if found.refused else records(found.recommendation.channels)
    for place, plan in enumerate(recommended):
        more = plan["recommended_revenue"] - plan["current_revenue"]
        figures = {1: plan["current_spend"], 2: plan["recommended_spend"], 4: more}
        wanted += [("moves", place, column, float(value)) for column, value in figures.items()]
    off = []
    shown = {"roi": returns, "moves": moves}
    for section, place, column, value in wanted:
        if place >= len(shown[section]):
            off.append(f"{section}: a row is missing")
            continue
        row_shown = shown[section][place]
        said = read_figure(row_shown[column])
        if value == value and not abs(said - value) <= max(ROUNDED * abs(value), SMALL):
            off.append(f"{section}: {row_shown[0]} is {value:.6g}, and the page says {row_shown[column]}")
    return off


def references(html: str) -> list[str]:
    """What a page would fetch, or run, from itself or from elsewhere; nothing."""
    return [match for pattern in FETCHED for match in re.findall(pattern, html)]


def sheets_over(written: Page) -> list[str]:
    """Sheets of a page that do not hold what stands on them, by the estimate of `mmm_core.report.layout`."""
    heights = sheets(written)
    return [
        f"sheet {number + 1} takes {height:.0f} mm of {SHEET:.0f}"
        for number, height in enumerate(heights)
        if height > SHEET
    ]
