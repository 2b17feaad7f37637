"""`make publish`: build the reporting marts from what is stored, and publish them.

ACCEPT="old_model marts.fct_kpi_weekly" names the models and marts that may lose weeks or go; without it a publication
that would lose some is refused.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assets.resources.warehouse import Warehouse
    from orchestration.foreground import Foreground


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--accept", nargs="*", default=[], metavar="NAME", help="models, or marts as marts.<table>"
    )
    options = parser.parse_args()

    from orchestration.company import refused_sources

    if code := refused_sources():
        return code
    from orchestration import environments as env
    from orchestration.command import command

    again = "make publish" + (f' ACCEPT="{" ".join(options.accept)}"' if options.accept else "")
    return command(
        env.paths().root / "logs" / "publish.log",
        lambda foreground: publish(foreground, options.accept),
        again=again,
    )


def publish(foreground: "Foreground", accept: Iterable[str]) -> None:
    """Report, letting go what is accepted by name.

    Raises:
        InputError: there are no marts to report on.
        Stopped: a signal came.
    """
    from orchestration.results import show_places

    check_marts(foreground.warehouse)
    with foreground.phase("Set up"):
        _ = foreground.instance
    with foreground.phase("Reporting marts and the published copy"):
        foreground.run("report", config=accepting(accept))
    if not foreground.failed:
        show_places(foreground.console)


def check_marts(warehouse: "Warehouse") -> None:
    """Raises: InputError, where the warehouse is gone or no marts were built in it: `report` reads them."""
    from assets.model_inputs.mart import built_marts
    from mmm_core.errors import InputError

    if Path(warehouse.path).is_file():
        with warehouse.connect(read_only=True) as connection:
            if built_marts(connection):
                return
    raise InputError(
        f"Nothing was published: {warehouse.path} has no marts: run make ingest, which builds them from the landing "
        "folder, and then this again; or make refresh MODEL=name, which does both"
    )


def accepting(names: Iterable[str]) -> dict[str, Any]:
    """Config of the job `report` in which a publication may lose what is named."""
    return {"ops": {"published_marts": {"config": {"accept_losses": list(names)}}}}


if __name__ == "__main__":
    sys.exit(main())
