"""Cost against weeks, channels, geos and chains: a table, a picture (docs/growth.png) and one JSON object.

From 208 weeks x 4 channels x 1 geo x 4 chains each size is varied alone. Seconds per gradient come from two fits of one
process that differ in their kept draws alone: the same compiled program, the same warm-up, so the difference is
sampling and nothing else.

make bench B=growth [ARGS="--axes weeks channels --steps 3"]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common.machine import finish, machine, rounded
from benchmarks.common.systems import ROOT
from mmm_core.json_text import dumps

BASE = {"weeks": 208, "channels": 4, "geos": 1, "chains": 4}
AXES = {
    "weeks": [104, 208, 416, 832],
    "channels": [2, 4, 8, 16],
    "geos": [1, 5, 10, 20, 40],
    "chains": [1, 2, 4, 8],
}
WARMUP, FEW, MANY = 500, 100, 600
PICTURE = ROOT / "docs" / "growth.png"


def measured(weeks: int, channels: int, geos: int, chains: int) -> dict[str, Any]:
    """Fit one size in this process: first with few draws, then with many."""
    import time

    from benchmarks.common.ours_fit import spec_of
    from benchmarks.worlds.simulator import simulated
    from mmm_core.inference.fit import fit

    market = {"market": "us"} if geos == 1 else {"market": "uk", "geos": geos}
    world = simulated(7, weeks=weeks, channels=channels, **market)
    spec = spec_of(world.job.with_(chains=chains, draws=MANY, warmup=WARMUP))
    first = fit(world.table, spec, draws=FEW)
    seconds, steps = {}, {}
    for draws in (FEW, MANY):
        started = time.perf_counter()
        tree = fit(world.table, spec, draws=draws)
        total = time.perf_counter() - started
        stats = tree["sample_stats"]
        seconds[draws] = float(stats.attrs["sampling_seconds"])
        steps[draws] = stats["num_steps"].to_numpy()
    extra = steps[MANY][:, FEW:].sum(axis=1)
    return {
        "gradient_us": 1e6 * (seconds[MANY] - seconds[FEW]) / extra.mean(),
        "gradients_per_draw": float(steps[MANY].mean()),
        "fit_s": total,
        "compile_s": float(first["sample_stats"].attrs["compile_seconds"]),
    }


def measure(size: dict[str, int]) -> dict[str, Any]:
    """`measured` in a fresh process with nothing compiled."""
    with tempfile.TemporaryDirectory() as cache:
        ran = subprocess.run(
            [sys.executable, "-m", "benchmarks.growth", "--size", dumps(size)],
            env={**os.environ, "MMM_COMPILATION_CACHE": cache}, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if ran.returncode:
        raise SystemExit(f"{size} failed:\n{ran.stderr[-3000:]}")
    return json.loads(ran.stdout.splitlines()[-1])


def exponents(table: pd.DataFrame, figure: str) -> dict[str, float]:
    """Growth of a figure along each axis: the slope of its logarithm against the size's."""
    found = {}
    for axis, part in table.groupby("axis"):
        if len(part) > 1:
            found[str(axis)] = float(np.polyfit(np.log(part["size"]), np.log(part[figure]), 1)[0])
    return found


def plot(table: pd.DataFrame, path: Path) -> None:
    """Seconds of a fit and microseconds of a gradient against each size."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    axes = list(dict.fromkeys(table["axis"]))
    figure, panels = plt.subplots(2, len(axes), figsize=(3 * len(axes), 5.2), squeeze=False, sharey="row")
    shown = [("gradient_us", "a gradient, microseconds"), ("fit_s", "a fit once compiled, seconds")]
    for row, (name, label) in enumerate(shown):
        for column, axis in enumerate(axes):
            part, panel = table[table["axis"] == axis], panels[row][column]
            panel.loglog(part["size"], part[name], "o-")
            panel.set_xticks(part["size"], [str(size) for size in part["size"]])
            panel.minorticks_off()
            panel.grid(alpha=0.3)
            panel.set_xlabel(axis)
        panels[row][0].set_ylabel(label)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main(argv: list[str] | None = None) -> None:
    """Measure every size, print the table and one JSON object, draw the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--axes", nargs="+", choices=list(AXES), default=list(AXES))
    parser.add_argument("--steps", type=int, default=None, help="take the first few sizes of each axis only")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--size", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.size:
        print(dumps(measured(**options.size)))
        return
    before = machine()
    rows = []
    for axis in options.axes:
        for size in AXES[axis][: options.steps]:
            rows.append({"axis": axis, "size": size, **measure({**BASE, axis: size})})
            last = rows[-1]
            print(
                f"{size:5d} {axis:9s} {last['gradient_us']:9.1f} us a gradient"
                f"   {last['gradients_per_draw']:5.1f} gradients a draw"
                f"   fit {last['fit_s']:6.2f} s   compile {last['compile_s']:5.1f} s",
                flush=True,
            )
    table = pd.DataFrame(rows)
    plot(table, options.picture)
    figures = {figure: exponents(table, figure) for figure in ("gradient_us", "fit_s")}
    print("exponents:", rounded(figures, 2))
    finish("growth", before, base=BASE, exponents=rounded(figures, 3), table=rounded(rows))


if __name__ == "__main__":
    main()
