"""National fit, 208 weeks x 6 channels, 4 chains x (1000 + 1000): a cold process, then a second one.

The first process starts with an empty compilation cache, the second finds what the first compiled. Seconds are those of
`mmm_core.fit.fit` with its imports of JAX and NumPyro; starting Python and reading the table are not counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODEL = Path(__file__).parents[1] / "models" / "us_revenue.yaml"


def one_fit() -> None:
    """Fit once in this process and print the figures."""
    from mmm_core.simulate import weekly_table
    from mmm_core.spec import load_spec

    table, _ = weekly_table("us", seed=7)
    spec = load_spec(MODEL)
    started = time.perf_counter()
    from mmm_core.fit import fit

    tree = fit(table, spec)
    seconds = time.perf_counter() - started

    from mmm_core.summary import summary

    figures = summary(tree)
    kept = ("rhat_max", "ess_bulk_min", "ess_tail_min", "divergences", "chains", "draws")
    stats = tree["sample_stats"].attrs
    print(
        json.dumps(
            {
                "fit_s": round(seconds, 2),
                "compile_s": round(stats["compile_seconds"], 2),
                "sampling_s": round(stats["sampling_seconds"], 2),
                "min_ess_per_s": round(figures["ess_bulk_min"] / seconds, 1),
                **{name: figures[name] for name in kept},
            }
        )
    )


def main() -> None:
    """Run both processes and print one JSON object."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "MMM_COMPILATION_CACHE": cache}
        figures = {}
        for name in ("cold", "warm"):
            ran = subprocess.run(
                [sys.executable, "-m", "benchmarks.national", "once"],
                env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if ran.returncode:
                sys.exit(ran.stderr)
            figures[name] = json.loads(ran.stdout.splitlines()[-1])
            print(f"{name}: {figures[name]['fit_s']} s, min bulk ESS {figures[name]['ess_bulk_min']:.0f}")
    print(json.dumps(figures))


if __name__ == "__main__":
    one_fit() if sys.argv[1:] == ["once"] else main()
