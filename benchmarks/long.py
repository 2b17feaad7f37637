"""Long and wide national tables: 500 weeks x 10 channels, and 1000 weeks x 20 channels.

Ours cold and warm, as in `benchmarks.national`. The peers take very long here and take part when named:

make bench B=long [ARGS="--sizes 500x10 --systems carryover meridian"]
"""

from __future__ import annotations

import argparse

from benchmarks.common.compare import add_options, compare
from benchmarks.common.machine import finish, machine
from benchmarks.common.systems import OURS, SYSTEMS
from benchmarks.worlds.peer_style import textbook


def size(text: str) -> tuple[int, int]:
    """`500x10` as weeks and channels."""
    weeks, by, channels = text.partition("x")
    if not (by and weeks.isdigit() and channels.isdigit()):
        raise argparse.ArgumentTypeError(f"a size is WEEKSxCHANNELS, such as 500x10; got {text}")
    return int(weeks), int(channels)


def main(argv: list[str] | None = None) -> None:
    """Fit each size, print a line each and one JSON object; figures on top are those of the first size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, SYSTEMS, default=[OURS])
    parser.add_argument("--sizes", nargs="+", type=size, default=[(500, 10), (1000, 20)])
    parser.set_defaults(repeats=1)
    options = parser.parse_args(argv)
    before = machine()
    found = {}
    for weeks, channels in options.sizes:
        world = textbook(options.seed, weeks, channels)
        print(f"{weeks} weeks x {channels} channels")
        knots = max(8, round(weeks / 26))
        job = world.job.with_(settings={"meridian": {"knots": knots}})
        found[f"{weeks}x{channels}"] = compare(options, job, world.table)
    first = next(iter(found.values()))
    on_top = {name: value for name, value in first.items() if name != "systems"}
    finish("long", before, **on_top, sizes=found)


if __name__ == "__main__":
    main()
