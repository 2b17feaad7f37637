"""National fit, 208 weeks x 4 channels x 3 controls, 4 chains x 1000 kept draws, beside Meridian and PyMC-Marketing.

Every fit runs in a fresh process. Seconds run from data in memory to draws in hand after imports, compilation included,
with no compiled program left from before ("cold"); ours is fitted again by a second process that finds what the first
compiled ("warm"). Ours is repeated and the median taken; the peers, which take longer, are fitted once.

make bench B=national [ARGS="--systems carryover meridian --repeats 3 --warm-peers"]
"""

from __future__ import annotations

import argparse

from benchmarks.common.compare import add_options, compare
from benchmarks.common.machine import finish, machine
from benchmarks.common.systems import SYSTEMS
from benchmarks.worlds.peer_style import textbook


def main(argv: list[str] | None = None) -> None:
    """Fit with every system, print a line each and one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, SYSTEMS)
    options = parser.parse_args(argv)
    before = machine()
    world = textbook(options.seed)
    print(f"{world.name}: {world.table.shape[0]} weeks, ROI {world.true_roi}")
    finish("national", before, **compare(options, world.job, world.table))


if __name__ == "__main__":
    main()
