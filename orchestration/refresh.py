"""`make refresh MODEL=name`: load what has landed, then refresh one model as of the last week of its table.

With WEEKS=12 the eleven weeks before it are refreshed too, the oldest first, each from the exports that were known
then, by the job `refresh_past_week`; with WHOLE=1 by the job of the last week. One process fits them and this one reads
the fits: each loads and compiles once. With DRY=1 it says what it would do, and does nothing.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from assets.brief import why_whole
from assets.models import Vintage, as_of_week, check_model, load_model
from mmm_core.errors import InputError
from orchestration.told import told

if TYPE_CHECKING:
    from orchestration.fits_ahead import FitsAhead, Week
    from orchestration.foreground import Foreground, Made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a YAML in the models folder, without its ending")
    parser.add_argument(
        "--as-of", help="Monday of the last week to use, YYYY-MM-DD; by default the table's last"
    )
    parser.add_argument(
        "--weeks", type=_count, default=1, help="so many weeks up to that one, the oldest first"
    )
    parser.add_argument(
        "--whole",
        action="store_true",
        help="of the weeks before the last, too, make pictures, scenarios, long term and report",
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
        from orchestration.dry_run import dry_run

        return told(lambda: dry_run(options.model, as_of, options.weeks, options.whole))

    from orchestration import environments as env
    from orchestration.command import command

    return command(
        env.paths().root / "logs" / f"refresh-{options.model}.log",
        lambda foreground: refresh(foreground, options.model, as_of, options.weeks, options.whole),
        again=f"make refresh MODEL={options.model}"
        + (f" AS_OF={as_of}" if as_of else "")
        + (f" WEEKS={options.weeks}" if options.weeks > 1 else "")
        + (" WHOLE=1" if options.whole else ""),
    )


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"write a number of weeks, such as 12, got {text!r}")
    return int(text)


def refresh(
    foreground: "Foreground", model: str, as_of: str | None, weeks: int = 1, whole: bool = False
) -> None:
    """Ingest, refresh and report.

    Args:
        weeks: how many as-of weeks up to the last or the named one; one that fails does not stop those after it.
        whole: the weeks before the last are made as it is, too.

    Raises:
        InputError: the marts were not built, the model's table was refused, or it does not reach the as-of week;
            where nothing has landed to change that, before the ingest. A landing file that is refused stops nothing:
            its table keeps the rows it had.
        Stopped: a signal came.
    """
    from orchestration.ingest import load
    from orchestration.last_week import (
        check_all_reached,
        check_reached,
        last_vintage,
        too_few_for_a_forecast,
    )
    from orchestration.results import show, show_places
    from orchestration.up_to_date import is_up_to_date

    named = Vintage(model, as_of) if as_of else None
    with foreground.phase("Set up"):
        instance = foreground.instance
        if named and is_up_to_date(instance, foreground.warehouse, model):
            check_reached(foreground.warehouse, named)
    with _fits(foreground, weeks) as ahead:  # what imports does so beside the ingest
        load(foreground)
        if foreground.failed:
            raise InputError("Nothing was refreshed: mend what failed above, and run this again.")
        if named:
            check_reached(foreground.warehouse, named)
        vintage = named or last_vintage(foreground.warehouse, model)
        if ahead:
            oldest_first = weeks_of(vintage, weeks, whole)
            check_all_reached(foreground.warehouse, [week.vintage for week in oldest_first])
            with foreground.week_after_week():
                made = _refresh_several(foreground, ahead, oldest_first)
        else:
            with foreground.phase(f"Model {model} as of {vintage.as_of_week}"):
                made = foreground.run("refresh_model", vintage)
    with foreground.phase("Reporting marts and the published copy"):
        foreground.run("report")
    show(foreground.console, vintage, made)
    if hint := too_few_for_a_forecast(weeks):
        foreground.console.print(hint, style="yellow", soft_wrap=True, markup=False)
    foreground.show_timing()
    show_places(foreground.console)


def weeks_of(last: Vintage, weeks: int, whole: bool) -> "list[Week]":
    """So many weeks up to one, the oldest first, each with its job: a past week is brief where it may be.

    One that has published scenarios or a long term stays whole: who reads them would miss them.
    """
    from assets.publish.beside import has_published_beside
    from orchestration import resources
    from orchestration.fits_ahead import Week

    results = resources.build()["results"]
    whole = whole or bool(why_whole(load_model(last.model).budget.horizon))
    vintages = [
        Vintage(last.model, str(last.week - timedelta(weeks=before))) for before in reversed(range(weeks))
    ]
    return [
        Week(
            "refresh_model"
            if whole or each == last or has_published_beside(each, results)
            else "refresh_past_week",
            each,
        )
        for each in vintages
    ]


@contextmanager
def _fits(foreground: "Foreground", weeks: int) -> "Iterator[FitsAhead | None]":
    """What makes fits, begun: of several weeks a process that fits ahead, of one a process that this one asks."""
    from orchestration import resources
    from orchestration.fits_ahead import fits_ahead

    if weeks > 1:
        with fits_ahead(foreground.jobs) as ahead:
            yield ahead
    else:
        resources.fit_process().begin()
        yield None


def _refresh_several(foreground: "Foreground", ahead: "FitsAhead", oldest_first: "list[Week]") -> "Made":
    """Refresh weeks that a process beside this one fits; returns what was made of the last."""
    from orchestration import stopping
    from orchestration.fits_ahead import UP_TO_THE_FIT

    ahead.left = list(oldest_first)
    for week in oldest_first:
        with foreground.phase(f"Model {week.vintage.model} as of {week.vintage.as_of_week}"):
            posterior = ahead.wait(week, foreground)
            stopping.check()
            # where there is none, all of the job: what stopped the fit is said then, or is gone
            made = foreground.run(week.job, week.vintage, without=UP_TO_THE_FIT if posterior else ())
            if posterior:
                made = {"mmm_posterior": {"posterior_version": posterior}, **made}
    return made


if __name__ == "__main__":
    sys.exit(main())
