"""`make demo`: the sample world through the whole graph, as real runs that the UI shows afterwards."""

import sys

from rich.console import Console

from orchestration import environments as env
from orchestration.foreground import Foreground, last_vintage, own_terminal
from orchestration.results import show, show_places

MODELS = ("us_revenue", "uk_geo_revenue")
SEED = 7


def main() -> int:
    log = env.paths().root / "logs" / "demo.log"
    with own_terminal(log) as terminal:
        console = Console(file=terminal, highlight=False)
        foreground = Foreground(console)
        with foreground.phase("Set up"):
            _ = foreground.instance, foreground.definitions
        with foreground.phase("Sample world"):
            write_world(foreground)
        with foreground.phase("Ingest and marts"):
            foreground.run("ingest")
        vintages = [last_vintage(foreground.warehouse, model) for model in MODELS]
        for vintage in vintages:
            with foreground.phase(f"Model {vintage.model} as of {vintage.as_of_week}"):
                foreground.run("refresh_model", vintage)
        with foreground.phase("Reporting marts and the published copy"):
            foreground.run("report")
        for vintage in vintages:
            show(console, vintage)
        foreground.show_timing()
        show_places(console)
        if foreground.failed:
            console.print(f"[red]failed: {', '.join(foreground.failed)}[/]; the whole log is in {log}")
    return 1 if foreground.failed else 0


def write_world(foreground: Foreground) -> None:
    """The sample world as raw exports, unless something has landed already."""
    from mmm_core.simulate import simulate_world, write_landing, write_truth

    landing = env.paths().landing
    if any(landing.rglob("*.csv")):
        foreground.say("landing files are there already")
        return
    world = simulate_world(seed=SEED)
    foreground.say("writing exports")
    write_landing(world, landing)
    write_truth(world, env.paths().root / "truth")


if __name__ == "__main__":
    sys.exit(main())
