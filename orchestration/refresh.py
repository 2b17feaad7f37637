"""`make refresh MODEL=name`: load what has landed, then refresh one model as of the last week of its table."""

import argparse
import sys

from rich.console import Console

from assets.models import Vintage, load_model, model_names
from mmm_core.errors import InputError, nearest
from orchestration import environments as env
from orchestration.foreground import Foreground, last_vintage, own_terminal
from orchestration.results import show, show_places


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a YAML in the models folder, without its ending")
    parser.add_argument(
        "--as-of", help="Monday of the last week to use, YYYY-MM-DD; by default the table's last"
    )
    options = parser.parse_args()
    if options.model not in model_names():
        parser.error(f"no model '{options.model}': {nearest(options.model, model_names())}")
    log = env.paths().root / "logs" / f"refresh-{options.model}.log"
    with own_terminal(log) as terminal:
        console = Console(file=terminal, highlight=False)
        foreground = Foreground(console)
        try:
            vintage = refresh(foreground, options.model, options.as_of)
        except InputError as error:
            console.print(f"[red]{error}[/]", soft_wrap=True)
            return 2
        show(console, vintage)
        foreground.show_timing()
        show_places(console)
        if foreground.failed:
            console.print(f"[red]failed: {', '.join(foreground.failed)}[/]; the whole log is in {log}")
    return 1 if foreground.failed else 0


def refresh(foreground: Foreground, model: str, as_of: str | None) -> Vintage:
    """Ingest, refresh and report.

    Raises:
        InputError: the model's YAML, a landing file or the model's table was refused.
    """
    load_model(model)  # a YAML that is refused costs seconds, not a build
    with foreground.phase("Set up"):
        _ = foreground.instance, foreground.definitions
    with foreground.phase("Ingest and marts"):
        foreground.run("ingest")
    if foreground.failed:
        raise InputError("Nothing was refreshed: mend what was refused above, and run this again.")
    vintage = Vintage(model, as_of) if as_of else last_vintage(foreground.warehouse, model)
    with foreground.phase(f"Model {vintage.model} as of {vintage.as_of_week}"):
        foreground.run("refresh_model", vintage)
    with foreground.phase("Reporting marts and the published copy"):
        foreground.run("report")
    return vintage


if __name__ == "__main__":
    sys.exit(main())
