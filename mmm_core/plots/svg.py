"""A picture as SVG that may stand inside a page: no reference to anything outside, the same bytes for the same picture.

Text stays text, in the page's own type: it can be read aloud, searched and printed sharp. Names of parts are made
the page's own by a key, so that several pictures share a page.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

from mmm_core.plots.style import STYLE, letters_left_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def inline_svg(figure: Figure, key: str, title: str, description: str = "") -> str:
    """An `<svg>` element.

    Args:
        key: of letters and digits, another one for each picture of a page.
        title, description: what a screen reader says of it, in its place and at length.
    """
    import matplotlib

    drawn = io.StringIO()
    with (
        letters_left_out(),
        matplotlib.rc_context({**STYLE, "svg.fonttype": "none", "svg.hashsalt": key}),
    ):
        figure.savefig(
            drawn, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    text = drawn.getvalue()
    inner = text[text.index("<svg") :]
    head, body = inner.split(">", 1)
    box = re.search(r'viewBox="([^"]+)"', head)
    if box is None:
        raise ValueError("matplotlib wrote an SVG without a viewBox")
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = body.replace("xlink:href", "href")
    body = re.sub(r'\bid="([^"]+)"', rf'id="{key}-\1"', body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{key}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{key}-\1)", body)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.DOTALL)
    words = f'<title id="{key}-title">{escape(title)}</title>'
    labels = f"{key}-title"
    if description:
        words += f'<desc id="{key}-desc">{escape(description)}</desc>'
        labels += f" {key}-desc"
    return f'<svg viewBox="{box[1]}" role="img" aria-labelledby="{labels}">{words}{body.strip()}'
