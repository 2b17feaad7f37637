"""Meridian's own sample panel, 40 geos x 156 weeks x 5 channels, beside Meridian 2.1 with 20 knots.

4 chains x 500 kept draws. Seconds as in `benchmarks.national`. Geo effects are partially pooled on both sides, controls
differ by geo, no seasonality. Meridian takes minutes; PyMC-Marketing, whose panels pool nothing by default, stays out.

make bench B=geo [ARGS="--systems carryover --draws 1000"]
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.common.compare import add_options, compare
from benchmarks.common.machine import finish, machine
from benchmarks.common.systems import OURS
from benchmarks.worlds.published import meridian_panel


def main(argv: list[str] | None = None) -> None:
    """Fit with both systems, print a line each and one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, (OURS, "meridian"))
    parser.set_defaults(draws=500, repeats=1)
    options = parser.parse_args(argv)
    before = machine()
    panel = meridian_panel()
    if panel is None:
        sys.exit("Without the panel there is nothing to compare.")
    finish("geo", before, **compare(options, *panel))


if __name__ == "__main__":
    main()
