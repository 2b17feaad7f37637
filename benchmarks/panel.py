"""A large panel whose truth is known, 184 geos x 109 weeks x 13 channels x 7 controls: whether and when it converges.

4 chains x 600 kept draws. Seconds as in `benchmarks.national`; `cpu_s` is the processor time of the same span, which
does not depend on what else the machine does. Ours alone: what peers take for panels is in `benchmarks.geo`.

make bench B=panel [ARGS="--geos 40 --channels 5 --draws 300"]
"""

from __future__ import annotations

import argparse

from benchmarks.common.compare import add_options, compare
from benchmarks.common.machine import finish, machine
from benchmarks.common.systems import OURS
from benchmarks.worlds.panel import panel


def main(argv: list[str] | None = None) -> None:
    """Fit the panel, print a line each and one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, size in (("geos", 184), ("weeks", 109), ("channels", 13), ("controls", 7)):
        parser.add_argument(f"--{name}", type=int, default=size)
    add_options(parser, (OURS,))
    parser.set_defaults(draws=600, repeats=1)
    options = parser.parse_args(argv)
    before = machine()
    world = panel(options.seed, options.geos, options.weeks, options.channels, options.controls)
    sizes = {name: getattr(options, name) for name in ("geos", "weeks", "channels", "controls")}
    found = compare(options, world.job, world.table)
    roi = found["systems"][OURS]["cold"]["roi_mean"]
    away = [abs(mean - true) for mean, true in zip(roi, world.true_roi.values(), strict=True)]
    finish("panel", before, **sizes, roi_mean_absolute_error=sum(away) / len(away), **found)


if __name__ == "__main__":
    main()
