"""Whether what a company says of itself can be read: asked by every command before it imports what is made of it."""

import sys

from assets.raw.sources import sources
from mmm_core.errors import InputError

REFUSED = 2


def refused_sources() -> int:
    """The exit code of a command that cannot begin, as `sources.yaml` is refused, and says so; 0 where it can."""
    try:
        sources()
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    return 0
