"""How long a process takes to load the code location; every run worker and the code server pay it.

    python -m benchmarks.code_location [--times 5]

The first load parses the dbt project and is reported apart.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time


def seconds(statement: str, environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", statement], check=True, env=environment)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "MMM_DATA_DIR": folder}
        load = "from orchestration.definitions import defs; defs.get_repository_def()"
        print(f"first load, dbt parse included   {seconds(load, environment):6.1f} s")
        for name, statement in (
            ("code location", load),
            ("dagster, dagster-dbt", "import dagster, dagster_dbt"),
        ):
            taken = [seconds(statement, environment) for _ in range(times)]
            print(f"{name:<33}{statistics.median(taken):6.1f} s  (median of {times}, least {min(taken):.1f})")


if __name__ == "__main__":
    main()
