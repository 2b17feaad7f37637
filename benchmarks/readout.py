"""Do the intervals of `mmm lift` hold the truth as often as they say, and how often is a mere nothing found?

Panels of eight kinds are read twice, with no effect and with a lift: the first gives false alarms, the second coverage
and power. Beside our two intervals (placebos, conformal) stand the p-value that permutes single periods and
time-based regression, both of which take neighbouring periods for independent.

make bench B=readout [ARGS="--panels 200 --lift 0.05 --kinds daily weekly"]
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from benchmarks.common.machine import finish, machine, rounded
from benchmarks.worlds.geo_experiment import KINDS, TREATED, Kind, simulated
from mmm_core.readout.experiment import Cell, design
from mmm_core.readout.panel import GeoPanel
from mmm_core.readout.read_out import read_out
from mmm_core.readout.record import Readout
from mmm_core.readout.synthetic_control import fit

LEVEL = 0.9
SHUFFLES = 500


def read(panel: GeoPanel, kind: Kind) -> Readout:
    """The read-out of the first two geos over the last periods."""
    window = panel.starts[kind.pre], panel.last_day(len(panel.starts) - 1)
    return read_out(
        panel, design(panel, [Cell("treated", panel.geos[:TREATED])], window, level=LEVEL), LEVEL
    )[0]


def shuffled_p(panel: GeoPanel, kind: Kind, seed: int) -> float:
    """P-value of no effect by permuting the residuals of single periods, of the sum of their absolute values."""
    treated, donors = panel.outcome[:, :TREATED].mean(axis=1), panel.outcome[:, TREATED:]
    rest = np.abs(treated - fit(treated, donors, np.ones(len(treated), bool)).counterfactual(donors))
    rng = np.random.default_rng(seed)
    sums = [rng.permutation(rest)[: kind.measured].sum() for _ in range(SHUFFLES)]
    return float(np.mean([rest[-kind.measured :].sum() <= total for total in sums]))


def row(kind: Kind, seed: int, lift: float) -> dict[str, float]:
    """What one panel says, with and without an effect."""
    quiet, _ = simulated(kind, seed)
    panel, truth = simulated(kind, seed, lift)
    none, found = read(quiet, kind), read(panel, kind)
    return {
        "covered": found.incremental_low <= truth <= found.incremental_high,
        "covered_conformal": found.conformal.low <= truth <= found.conformal.high,
        "covered_regression": found.regression.low <= truth <= found.regression.high,
        "false_alarm": none.p_value < 1 - LEVEL,
        "false_alarm_conformal": none.conformal.p_value <= 1 - LEVEL,
        "false_alarm_shuffled": shuffled_p(quiet, kind, seed) <= 1 - LEVEL,
        "power": found.p_value < 1 - LEVEL,
        "power_conformal": found.conformal.p_value <= 1 - LEVEL,
        "named_a_donor": any("by more than chance" in warning for warning in none.warnings),
        "warned": bool(none.warnings),
        "squared_error": (found.incremental - truth) ** 2,
        "squared_standard_error": found.standard_error**2,
        "squared_in_time": found.standard_error_in_time**2,
    }


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Shares of panels, and standard errors over the error there was."""
    mean = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    error = mean.pop("squared_error") ** 0.5
    mean["standard_error_ratio"] = mean.pop("squared_standard_error") ** 0.5 / error
    mean["in_time_ratio"] = mean.pop("squared_in_time") ** 0.5 / error
    return mean


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--panels", type=int, default=200, help="of each kind")
    parser.add_argument("--lift", type=float, default=0.05, help="true effect, a share of the outcome")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    started_with = machine()
    figures: dict[str, Any] = {}
    every: list[dict[str, float]] = []
    for name in args.kinds:
        rows = [row(KINDS[name], args.seed + number, args.lift) for number in range(args.panels)]
        every += rows
        figures[name] = rounded(summary(rows), 3)
        print(f"{name:24}", figures[name], flush=True)
    whole = summary(every)
    finish(
        "readout",
        started_with,
        panels=len(every),
        lift=args.lift,
        coverage_90=round(whole["covered"], 3),
        coverage_90_conformal=round(whole["covered_conformal"], 3),
        false_alarm_10=round(whole["false_alarm"], 3),
        false_alarm_10_conformal=round(whole["false_alarm_conformal"], 3),
        false_alarm_10_shuffled=round(whole["false_alarm_shuffled"], 3),
        kinds=figures,
    )


if __name__ == "__main__":
    main()
