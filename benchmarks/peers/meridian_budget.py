"""Meridian's search over a grid of spends; runs in its environment: meridian_budget.py PROBLEM.npz.

The file holds spend and outcome (point, channel), nan where a channel's grid has ended, and the total; what it finds is
written beside it.
"""

import os

os.environ["MERIDIAN_BACKEND"] = "jax"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
from pathlib import Path

import numpy as np
import xarray as xr
from meridian.analysis.optimizer import FixedBudgetScenario, OptimizationGrid


def main() -> None:
    file = Path(sys.argv[1])
    with np.load(file) as problem:
        spend, outcome, total = problem["spend"], problem["outcome"], float(problem["total"])
    channels = [f"channel {i}" for i in range(spend.shape[1])]
    grid = xr.Dataset(
        {
            "spend_grid": (("grid_spend_index", "channel"), spend),
            "incremental_outcome_grid": (("grid_spend_index", "channel"), outcome),
        },
        coords={"grid_spend_index": np.arange(len(spend)), "channel": channels},
        attrs={"spend_step_size": 1000.0},
    )
    today = np.nanmin(spend, axis=0)
    searched = OptimizationGrid(
        _grid_dataset=grid, historical_spend=today, use_kpi=False, use_posterior=True, use_optimal_frequency=False,
        start_date=None, end_date=None, gtol=1e-4, round_factor=0, optimal_frequency=None, selected_geos=None,
        selected_times=None,
    )  # fmt: skip
    plan = searched._grid_search(
        grid["spend_grid"], grid["incremental_outcome_grid"], FixedBudgetScenario(total_budget=total)
    )
    np.savez(file.with_suffix(".plan.npz"), plan=plan)


if __name__ == "__main__":
    main()
