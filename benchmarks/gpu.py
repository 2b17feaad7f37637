"""The same fit on the CPU and on a GPU: Meridian's panel of 40 geos, and a simulated one of 200.

A GPU needs JAX's plugin for it in the environment and nothing else. Where JAX sees none, the CPU's figures stand alone
and the last line says so.

make bench B=gpu [ARGS="--panels simulated-200 --platforms cpu"]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Any

import pandas as pd

from benchmarks.common.compare import pair
from benchmarks.common.job import Job
from benchmarks.common.machine import finish, machine, rounded
from benchmarks.common.systems import OURS
from benchmarks.worlds.published import meridian_panel
from benchmarks.worlds.simulator import simulated

PANELS = ("meridian", "simulated-200")


def panel(name: str) -> tuple[Job, pd.DataFrame] | None:
    """A panel's job and table; None where it is not at hand."""
    if name == "meridian":
        return meridian_panel()
    world = simulated(7, market="uk", geos=int(name.rpartition("-")[2]))
    return world.job, world.table


def gpu_at_hand() -> str | None:
    """Name of the GPU that JAX sees, asked in a process of its own."""
    ask = "import jax; print([d.device_kind for d in jax.devices() if d.platform == 'gpu'][0])"
    ran = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    return ran.stdout.strip() if ran.returncode == 0 else None


def main(argv: list[str] | None = None) -> None:
    """Fit each panel on each platform, cold and warm; print a line each and one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--panels", nargs="+", choices=PANELS, default=list(PANELS))
    parser.add_argument("--platforms", nargs="+", choices=["cpu", "gpu"], default=["cpu", "gpu"])
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--warmup", type=int, default=None)
    parser.add_argument("--precision", choices=["float64", "float32"], default="float32")
    options = parser.parse_args(argv)
    before = machine()
    device = gpu_at_hand() if "gpu" in options.platforms else None
    if "gpu" in options.platforms and device is None:
        print("JAX sees no GPU here: CPU only")
    platforms = [name for name in options.platforms if name == "cpu" or device]
    found: dict[str, Any] = {}
    for name in options.panels:
        at_hand = panel(name)
        if at_hand is None:
            continue
        job, table = at_hand
        job = job.with_(
            draws=options.draws,
            warmup=options.warmup,
            settings={OURS: {"fit": {"precision": options.precision}}},
        )
        for platform in platforms:
            print(f"{name} on the {platform}")
            jax_name = "cuda" if platform == "gpu" else "cpu"
            cold, warm = pair(OURS, job, table, twice=True, JAX_PLATFORMS=jax_name)
            found.setdefault(name, {})[platform] = {
                "cold": cold.figures(),
                "warm": warm.figures() if warm else None,
            }
    finish("gpu", before, gpu=device, panels=rounded(found))


if __name__ == "__main__":
    main()
