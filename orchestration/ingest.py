"""`make ingest`: load what has landed and build the marts, without a fit.

What is warned of is told: a model is fitted on these marts at the next refresh. `make publish` publishes them.
"""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestration.foreground import Foreground


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="say what would be loaded and built, and why")
    options = parser.parse_args()

    from orchestration.company import refused_sources

    if code := refused_sources():
        return code
    if options.dry_run:
        from orchestration.dry_run import dry_ingest
        from orchestration.told import told

        return told(dry_ingest)
    from orchestration import environments as env
    from orchestration.command import command

    return command(env.paths().root / "logs" / "ingest.log", ingest, again="make ingest")


def ingest(foreground: "Foreground") -> None:
    """Load and build, and say what is warned of.

    Raises:
        Stopped: a signal came.
    """
    with foreground.phase("Set up"):
        _ = foreground.instance
    load(foreground)
    if not foreground.failed:
        foreground.console.print("The marts are built; make publish publishes them", style="dim")


def load(foreground: "Foreground") -> None:
    """The phase of a command that loads what has landed and builds the marts."""
    with foreground.phase("Ingest and marts"):
        foreground.run("ingest")
    foreground.show_warned()


if __name__ == "__main__":
    sys.exit(main())
