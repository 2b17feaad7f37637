"""`make demo`: the sample world through the whole graph, as real runs that the UI shows afterwards."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestration.foreground import Foreground

MODELS = ("us_revenue", "uk_geo_revenue")
SEED = 7


def main() -> int:
    from orchestration.company import refused_sources

    if code := refused_sources():
        return code
    from orchestration import environments as env
    from orchestration.command import command

    return command(env.paths().root / "logs" / "demo.log", demo, again="make demo")


def demo(foreground: "Foreground") -> None:
    """Every phase, and the tables of both models.

    Raises:
        Stopped: a signal came.
    """
    from orchestration import resources
    from orchestration.ingest import load
    from orchestration.last_week import last_vintage
    from orchestration.results import show, show_places

    with foreground.phase("Set up"):
        _ = foreground.instance
        resources.fit_process().begin()
    with foreground.phase("Sample world"):
        write_world(foreground)
    load(foreground)
    vintages = [last_vintage(foreground.warehouse, model) for model in MODELS]
    made = []
    for vintage in vintages:
        with foreground.phase(f"Model {vintage.model} as of {vintage.as_of_week}"):
            made.append(foreground.run("refresh_model", vintage))
    with foreground.phase("Reporting marts and the published copy"):
        foreground.run("report")
    for vintage, assets in zip(vintages, made, strict=True):
        show(foreground.console, vintage, assets)
    foreground.show_timing()
    show_places(foreground.console)


def write_world(foreground: "Foreground") -> None:
    """The sample world as raw exports, unless something has landed already."""
    from assets.raw.folder import scan
    from mmm_core.simulate import simulate_world, write_landing, write_truth
    from orchestration import environments as env

    landing = env.paths().landing
    if any(scan(landing).tables.values()):
        foreground.say("landing files are there already")
        return
    world = simulate_world(seed=SEED)
    foreground.say("writing exports")
    write_landing(world, landing)
    write_truth(world, env.paths().root / "truth")


if __name__ == "__main__":
    sys.exit(main())
