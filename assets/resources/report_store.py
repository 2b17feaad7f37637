"""Where weekly reports are kept: HTML, Markdown and run manifest of a vintage, a version a content."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from assets.models import Vintage
from assets.resources.versions import Versions
from mmm_core.files import write_checked

SUFFIXES = (".md", ".json", ".html")
"""Of a version's files; the page comes last, so that a version is there when all of it is."""


class ReportStore(dg.ConfigurableResource):
    """Reports as files that people open: `<folder>/<model>/<as_of_week>/<version>.html`, and two beside it."""

    folder: str

    @property
    def versions(self) -> Versions:
        return Versions(
            Path(self.folder), ".html", "materialize weekly_report for {vintage}, which writes it again"
        )

    def save(self, vintage: Vintage, texts: Mapping[str, str]) -> str:
        """Keep the texts of `mmm_core.report.texts.texts` as the vintage's current report; returns the version."""
        by_suffix = {Path(name).suffix: text for name, text in texts.items()}
        manifest = by_suffix[".json"]  # it holds the checksums of the others
        version = hashlib.sha256(manifest.encode()).hexdigest()[:16]
        versions = self.versions
        for suffix in SUFFIXES[:-1]:
            path = versions.path(vintage, version).with_suffix(suffix)
            if not path.is_file() or versions.put_aside_if_damaged(path, "it is made again"):
                write_checked(path, _writer(by_suffix[suffix]))
        versions.write(vintage, version, _writer(by_suffix[".html"]))
        versions.point(vintage, version)
        versions.sweep(vintage)
        return version

    def files(self, vintage: Vintage, version: str | None = None) -> dict[str, Path]:
        """Files of a report by suffix, the current one or a version.

        Raises:
            Damaged: one is not what was written, and was put aside; the message names the remedy.
            FileNotFoundError: it is not there.
        """
        versions = self.versions
        page = versions.checked(vintage, version or versions.current(vintage))
        out = {}
        for suffix in SUFFIXES:
            path = page.with_suffix(suffix)
            if not path.is_file() or versions.put_aside_if_damaged(path, "it is made again"):
                raise FileNotFoundError(f"{path}: not there: {versions.remedy.format(vintage=vintage.key)}")
            out[suffix] = path
        return out


def _writer(text: str):
    return lambda partial: partial.write_text(text, encoding="utf-8")
