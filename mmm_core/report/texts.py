"""The three files of a report: HTML, Markdown and the run manifest."""

from __future__ import annotations

from mmm_core.report.contents import page
from mmm_core.report.findings import Findings
from mmm_core.report.html import html
from mmm_core.report.manifest import with_files
from mmm_core.report.markdown import markdown
from mmm_core.report.page import Page

HTML, MARKDOWN, MANIFEST = "report.html", "report.md", "report.json"


def texts(found: Findings) -> dict[str, str]:
    """Each file's text by its name; the same findings give the same bytes."""
    return texts_of(page(found), found)


def texts_of(written: Page, found: Findings) -> dict[str, str]:
    """`texts` of findings whose page is there already: drawing its charts takes longer than all the rest."""
    out = {HTML: html(written), MARKDOWN: markdown(written)}
    return {**out, MANIFEST: with_files(found.manifest, out)}
