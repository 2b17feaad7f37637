"""The frame of every page that is ours: header, navigation, style."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

INDEX = "index.html"


def page(template: str, title: str, top: str, **content: object) -> str:
    """A page of the site.

    Args:
        template: file in `templates/` that extends `frame.html.j2`.
        top: way from the page up to the site's index, `""` or `"../"` as often as it takes.
    """
    return _template(template).render(title=title, top=top, **content) + "\n"


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
