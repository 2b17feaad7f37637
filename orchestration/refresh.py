"""`make refresh MODEL=name`: load what has landed, then refresh one model as of the last week of its table.

With WEEKS=12 the eleven weeks before it are refreshed too, the oldest first, each from the exports that were known
then: all in one process, which loads, compiles and reports once. With DRY=1 it says what it would do, and does nothing.
"""

import argparse
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from assets.models import Vintage, as_of_week, check_model, load_model
from mmm_core.errors import InputError

if TYPE_CHECKING:
    from orchestration.foreground import Foreground


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a YAML in the models folder, without its ending")
    parser.add_argument(
        "--as-of", help="Monday of the last week to use, YYYY-MM-DD; by default the table's last"
    )
    parser.add_argument(
        "--weeks", type=_count, default=1, help="so many weeks up to that one, the oldest first"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be loaded and built, and why")
    options = parser.parse_args()
    if options.dry_run:
        sys.dont_write_bytecode = True  # not even of a model's own shapes, beside its YAML
    try:  # in a second: what follows costs an ingest
        check_model(options.model)
        as_of = as_of_week(options.as_of) if options.as_of else None
        load_model(options.model)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2

    if options.dry_run:
        return _told(options.model, as_of, options.weeks)

    from orchestration import environments as env
    from orchestration.command import command

    return command(
        env.paths().root / "logs" / f"refresh-{options.model}.log",
        lambda foreground: refresh(foreground, options.model, as_of, options.weeks),
        again=f"make refresh MODEL={options.model}"
        + (f" AS_OF={as_of}" if as_of else "")
        + (f" WEEKS={options.weeks}" if options.weeks > 1 else ""),
    )


def _told(model: str, as_of: str | None, weeks: int) -> int:
    """Print what a refresh would do; returns the exit code."""
    from assets.resources.warehouse import WarehouseDamaged, WarehouseLocked
    from orchestration.dry_run import dry_run

    try:
        for line in dry_run(model, as_of, weeks):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    except (InputError, WarehouseDamaged, WarehouseLocked) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"write a number of weeks, such as 12, got {text!r}")
    return int(text)


def refresh(foreground: "Foreground", model: str, as_of: str | None, weeks: int = 1) -> None:
    """Ingest, refresh and report.

    Args:
        weeks: how many as-of weeks up to the last or the named one; one that fails does not stop those after it.

    Raises:
        InputError: the marts were not built, the model's table was refused, or it does not reach the as-of week;
            where nothing has landed to change that, before the ingest. A landing file that is refused stops nothing:
            its table keeps the rows it had.
        Stopped: a signal came.
    """
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
    oldest_first = [
        Vintage(model, str(vintage.week - timedelta(weeks=before))) for before in reversed(range(weeks))
    ]
    check_reached(foreground.warehouse, oldest_first[0])
    for each in oldest_first:
        with foreground.phase(f"Model {each.model} as of {each.as_of_week}"):
            made = foreground.run("refresh_model", each)
    with foreground.phase("Reporting marts and the published copy"):
        foreground.run("report")
    show(foreground.console, vintage, made)
    foreground.show_timing()
    show_places(foreground.console)


if __name__ == "__main__":
    sys.exit(main())
