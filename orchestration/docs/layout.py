"""The frame of every page that is ours: header, navigation, style."""

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

INDEX = "index.html"
PARTS = (
    ("guide/README.html", "Guide"),
    ("assets.html", "Assets"),
    ("marts/index.html", "Marts"),
    ("expectations/", "Expectations"),
)
"""What the bar on every page links to, from the site's index, and its name."""


def page(template: str, title: str, top: str, **content: object) -> str:
    """A page of the site.

    Args:
        template: file in `templates/` that extends `frame.html.j2`.
        top: way from the page up to the site's index, `""` or `"../"` as often as it takes.
    """
    return _template(template).render(title=title, top=top, links=PARTS, **content) + "\n"


def with_bar(text: str) -> str:
    """A page that another tool wrote, one folder below the site's index, with the bar of the site above it.

    Raises:
        ValueError: it has no body.
    """
    start = re.search(r"<body\b[^>]*>", text)
    if start is None:
        raise ValueError("a page without a body has no place for the bar of the site")
    bar = _template("bar.html.j2").render(links=PARTS)
    return text[: start.end()] + "\n" + bar + text[start.end() :]


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("orchestration.docs", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
