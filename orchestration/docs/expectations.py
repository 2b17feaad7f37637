"""Pages of the expectations in the frame of the site. A load writes each whole, so that it opens as a file as well."""

import re

from markupsafe import Markup

from orchestration.docs.layout import page

NOTHING_YET = (
    "<!doctype html><title>Expectations</title><body><h1>Expectations of the raw tables</h1>"
    "<p>No table has been loaded yet: make demo, or make refresh.</p></body>"
)
_PAGE = re.compile(r"<title>(?P<title>.*?)</title>.*?<body>(?P<body>.*)</body>", re.DOTALL)


def framed(text: str) -> str:
    """A page that a load wrote, with the header, navigation and style of the site.

    Args:
        text: the page; what is none of these pages is given back as it is.
    """
    found = _PAGE.search(text)
    if found is None:
        return text
    title, body = Markup(found["title"]), Markup(found["body"])  # the loads escape what they write
    return page("expectations.html.j2", title, top="../", body=body)
