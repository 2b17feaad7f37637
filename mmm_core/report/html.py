"""A page as HTML: one file that needs nothing else, neither network nor scripts, and prints on two A4 sheets."""

from __future__ import annotations

import re
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from mmm_core.report.page import Chart, Items, Page, Paragraph, Table

SIGN = re.compile("\u2212(?=\\S)")


def html(page: Page) -> str:
    """The page; everything but its charts' SVG is escaped."""
    text = _template().render(page=page, svg=Markup, kind=_kind) + "\n"
    return SIGN.sub("\u2212\u2060", text)  # no line ends between a minus sign and its figure


def _kind(block: object) -> str:
    """What a block is, for the template."""
    return {Paragraph: "paragraph", Items: "items", Table: "table", Chart: "chart"}[type(block)]


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("mmm_core.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
