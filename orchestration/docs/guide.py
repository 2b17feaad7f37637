"""The Markdown pages of the repository as HTML: README, CONTRIBUTING and docs/.

A page keeps its place, so that links from page to page hold: `docs/x.md#part` becomes `docs/x.html#part`. Pictures that
pages show and files that they name are copied beside them. A link that leads nowhere stops the build.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from mdit_py_plugins.anchors import anchors_plugin

from orchestration.docs.layout import page

FIRST, LAST = "README.md", "CONTRIBUTING.md"
PICTURES = {".png", ".svg"}
ELSEWHERE = re.compile(r"[a-z]+:|//")


class BrokenLink(ValueError):
    """A page links to what is not there."""


@dataclass(frozen=True)
class Page:
    """A Markdown page as it was read.

    Attributes:
        place: its path in the repository.
        tokens: what the parser made of it.
        headings: anchor and text of its headings of the second level.
        anchors: every anchor that a link may name.
    """

    place: PurePosixPath
    title: str
    tokens: list[Token]
    headings: list[tuple[str, str]]
    anchors: frozenset[str]

    @property
    def target(self) -> str:
        """Its path in the guide."""
        return str(self.place.with_suffix(".html"))


def write_guide(repository: Path, folder: Path) -> list[Page]:
    """Render every page into a folder of the site; the pages, in the order of the navigation.

    Raises:
        BrokenLink: naming the page, the link and the remedy.
    """
    markdown = parser()
    found = [read(markdown, repository, place) for place in places(repository)]
    pages = {str(each.place): each for each in found}
    for each in pages.values():
        for file in list(_follow(each, pages, repository)):
            copied = folder / _copied(file)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(repository / file, copied)
        up = "../" * (len(each.place.parts) - 1)
        others = [
            {"title": other.title, "link": up + other.target, "here": other is each}
            for other in pages.values()
        ]
        body = markdown.renderer.render(each.tokens, markdown.options, {})
        text = page(
            "guide.html.j2",
            each.title,
            top="../" + up,
            body=Markup(body),
            pages=others,
            headings=each.headings,
        )
        target = folder / each.target
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return list(pages.values())


def parser() -> MarkdownIt:
    """CommonMark with tables, and anchors spelled as code hosts spell them."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(anchors_plugin, max_level=4)


def places(repository: Path) -> list[PurePosixPath]:
    """Where the pages lie: README first, then docs/ by name, then how to contribute."""
    pages = sorted(path.name for path in (repository / "docs").glob("*.md"))
    return [PurePosixPath(name) for name in (FIRST, *(f"docs/{page}" for page in pages), LAST)]


def read(markdown: MarkdownIt, repository: Path, place: PurePosixPath) -> Page:
    tokens = markdown.parse((repository / place).read_text(encoding="utf-8"))
    title, headings, anchors = str(place), [], set()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            text = "".join(part.content for part in inline.children or ())
            anchor = str(opening.attrs.get("id", ""))
            anchors.add(anchor)
            if opening.tag == "h1":
                title = text
            elif opening.tag == "h2":
                headings.append((anchor, text))
    return Page(place, title, tokens, headings, frozenset(anchors))


def _follow(page: Page, pages: Mapping[str, Page], repository: Path) -> Iterator[str]:
    """Point the links of a page at where they lie in the guide; the files that have to be copied there."""
    for token in (part for block in page.tokens for part in block.children or ()):
        name = {"link_open": "href", "image": "src"}.get(token.type)
        link = str(token.attrs.get(name, "")) if name else ""
        if not name or ELSEWHERE.match(link):
            continue
        path, _, anchor = link.partition("#")
        file = normpath(page.place.parent / path) if path else str(page.place)
        if file in pages:
            if anchor and anchor not in pages[file].anchors:
                raise BrokenLink(_said(page, link, f"{file} has no heading #{anchor}: name one that it has"))
            new = pages[file].target
        elif not file.startswith("..") and (repository / file).is_file():
            yield file
            new = _copied(file)
        else:
            raise BrokenLink(
                _said(page, link, "no such file in the repository: mend the link or take it out")
            )
        token.attrs[name] = relpath(new, str(page.place.parent)) + (f"#{anchor}" if anchor else "")


def _copied(file: str) -> str:
    """What a file of the repository is called in the guide: text is called so, for browsers to show it."""
    return file if PurePosixPath(file).suffix in PICTURES else f"{file}.txt"


def _said(page: Page, link: str, why: str) -> str:
    return f"{page.place}: link to {link}: {why}"
