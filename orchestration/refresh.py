"""`make refresh MODEL=name`: load what has landed, then refresh one model as of the last week of its table."""

import argparse
import sys
from typing import TYPE_CHECKING

from assets.models import as_of_week, check_model, load_model
from mmm_core.errors import InputError

if TYPE_CHECKING:
    from orchestration.foreground import Foreground


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a YAML in the models folder, without its ending")
    parser.add_argument(
        "--as-of", help="Monday of the last week to use, YYYY-MM-DD; by default the table's last"
    )
    options = parser.parse_args()
    try:  # in a second: what follows costs an ingest
        check_model(options.model)
        as_of = as_of_week(options.as_of) if options.as_of else None
        load_model(options.model)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2

    from orchestration import environments as env
    from orchestration.command import command

    return command(
        env.paths().root / "logs" / f"refresh-{options.model}.log",
        lambda foreground: refresh(foreground, options.model, as_of),
        again=f"make refresh MODEL={options.model}" + (f" AS_OF={as_of}" if as_of else ""),
    )


def refresh(foreground: "Foreground", model: str, as_of: str | None) -> None:
    """Ingest, refresh and report.

    Raises:
        InputError: the marts were not built, the model's table was refused, or it does not reach the as-of week;
            where nothing has landed to change that, before the ingest. A landing file that is refused stops nothing:
            its table keeps the rows it had.
        Stopped: a signal came.
    """
    from assets.models import Vintage
    from orchestration.last_week import check_reached, last_vintage
    from orchestration.results import show, show_places
    from orchestration.up_to_date import is_up_to_date

    named = Vintage(model, as_of) if as_of else None
    with foreground.phase("Set up"):
        instance = foreground.instance
        if named and is_up_to_date(instance, foreground.warehouse, model):
            check_reached(foreground.warehouse, named)
    with foreground.phase("Ingest and marts"):
        foreground.run("ingest")
    if foreground.failed:
        raise InputError("Nothing was refreshed: mend what failed above, and run this again.")
    if named:
        check_reached(foreground.warehouse, named)
    vintage = named or last_vintage(foreground.warehouse, model)
    with foreground.phase(f"Model {vintage.model} as of {vintage.as_of_week}"):
        made = foreground.run("refresh_model", vintage)
    with foreground.phase("Reporting marts and the published copy"):
        foreground.run("report")
    show(foreground.console, vintage, made)
    foreground.show_timing()
    show_places(foreground.console)


if __name__ == "__main__":
    sys.exit(main())
