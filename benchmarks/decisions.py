"""How long does a plan take, how far is it from the best there can be, and is it better than what others find?

Sizes: 10 channels with 4000 draws; 40 geos x 10 channels and 20 channels x 52 weeks with 500 draws; expected outcome,
and the mean of the worst fifth of the draws. Each is solved twice: the first time compiles.

Value: random problems of 3 to 8 channels with 100 draws, about half of the curves S-shaped, today's total within 0 to
2.5 times today's spend. On the same curves: SLSQP from today's plan and 9 random ones; PyMC-Marketing's
`BudgetOptimizer` with its own settings; Meridian's `OptimizationGrid.optimize` with a grid a hundredth of a percent of
the total apart, where its environment is installed. Whether a plan is better is asked of the curves themselves.

Query: a registered response curve, loaded by MLflow in a fresh process, is asked for 10 channels.

make bench B=decisions [ARGS="--problems 50 --peers 10"]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np
from scipy.optimize import minimize

from benchmarks.common.machine import finish, machine, rounded
from benchmarks.worlds.responses import Hill, by_channel, by_geo, by_week, hill
from mmm_core.budget.objective import Objective
from mmm_core.budget.problem import Answer, Problem
from mmm_core.budget.solve import solve
from mmm_core.budget.solve_weeks import solve_weeks
from mmm_core.inference.engines.meridian import environment as meridian
from mmm_core.threads import one_blas_thread

OBJECTIVES = {"expected": Objective(), "cvar": Objective("cvar", level=0.8)}
BOUNDS = (0.0, 2.5)
EQUAL = 1e-6
"""Relative difference of values below which plans are equally good."""


@one_blas_thread
def solved(problem: Problem) -> tuple[Answer, float]:
    """The plan, and the seconds it took."""
    begun = time.perf_counter()
    answer = solve(problem) if not hasattr(problem.response, "spent") else solve_weeks(problem)
    return answer, time.perf_counter() - begun


def sizes() -> dict[str, dict[str, float]]:
    """Seconds and gaps of the large problems."""
    problems = {
        "10 channels x 4000 draws": lambda objective: by_channel(hill(10, 4000, 0), objective, *BOUNDS),
        "10 channels x 40 geos x 500 draws": lambda objective: by_geo(10, 40, 500, 0, objective),
        "20 channels x 52 weeks x 500 draws": lambda objective: by_week(20, 52, 500, 0, objective),
    }
    out = {}
    for size, make in problems.items():
        for name, objective in OBJECTIVES.items():
            problem = make(objective)
            _, cold = solved(problem)
            answer, warm = solved(problem)
            found = answer.certificate
            out[f"{size}, {name}"] = {
                "cold_s": cold,
                "s": warm,
                "gap": found.gap,
                "kkt_residual": found.kkt_residual,
            }
            print(f"{size}, {name}: {cold:.2f} s, then {warm:.2f} s, gap {found.gap:.4%}", flush=True)
    return out


QUERY = """
import sys, time, mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
question = pd.read_parquet(sys.argv[2])
seconds = []
for _ in range(101):
    begun = time.perf_counter()
    model.predict(question)
    seconds.append(time.perf_counter() - begun)
print(1000 * seconds[0], 1000 * sorted(seconds[1:])[50], "jax" in sys.modules)
"""


def query() -> dict[str, float]:
    """Milliseconds of a registered curve's answer for 10 channels of 1000 draws, in a fresh process after loading."""
    import mlflow
    import pandas as pd

    from assets.registry.answers import PREDICTORS, signature_of

    curves, share = hill(10, 1000, 0), np.linspace(0, 2, 41)
    spend = share[None] * curves.unit[:, None]
    x = share[None, :, None]
    slope, half, ceiling = (part.T[:, None, :] for part in (curves.slope, curves.half, curves.ceiling))
    channels = [f"channel {i}" for i in range(10)]
    table = pd.DataFrame(
        {"channel": channels, "spend": 1.3 * curves.unit, "mean": 0.0, "q05": 0.0, "q95": 0.0}
    )
    with tempfile.TemporaryDirectory() as folder:
        draws, model, asked = (Path(folder) / name for name in ("draws.npz", "model", "question.parquet"))
        np.savez(draws, channel=channels, spend=spend, outcome=ceiling * x**slope / (half**slope + x**slope))
        table[["channel", "spend"]].to_parquet(asked)
        mlflow.pyfunc.save_model(
            path=model, python_model=str(PREDICTORS["curves"]), artifacts={"draws": str(draws)},
            pip_requirements=[], signature=signature_of("curves", table),
        )  # fmt: skip
        command = [sys.executable, "-W", "ignore", "-c", QUERY, str(model), str(asked)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    first, median, has_jax = done.stdout.split()
    assert has_jax == "False"
    print(
        f"a registered curve asked for 10 channels: {first} ms the first time, then {median} ms", flush=True
    )
    return {"first_ms": float(first), "median_ms": float(median)}


def by_slsqp(curves: Hill, starts: int = 10) -> np.ndarray:
    """SLSQP from today's plan and random ones."""
    rng = np.random.default_rng(0)
    lower, upper, total = BOUNDS[0] * curves.unit, BOUNDS[1] * curves.unit, curves.unit.sum()
    best, value = curves.unit, float(curves.expected(curves.unit).sum())
    for number in range(starts):
        begin = curves.unit if number == 0 else rng.uniform(lower, upper)
        found = minimize(
            lambda plan: -float(curves.expected(plan).sum()) / total, begin, method="SLSQP",
            bounds=list(zip(lower, upper, strict=True)), options={"ftol": 1e-12, "maxiter": 1000},
            constraints=[{"type": "eq", "fun": lambda plan: float(plan.sum() - total) / total}],
        )  # fmt: skip
        plan = np.clip(found.x, lower, upper)
        if abs(plan.sum() - total) <= 1e-6 * total and curves.expected(plan).sum() > value:
            best, value = plan, float(curves.expected(plan).sum())
    return best


def by_pymc_marketing(curves: Hill) -> np.ndarray:
    """The plan of PyMC-Marketing's optimizer, on a PyMC model that has the curves for its contribution."""
    import pymc as pm
    import pymc.dims as dims
    import xarray as xr
    from arviz import InferenceData
    from pymc_marketing.mmm.budget_optimizer import BudgetOptimizer, CustomModelWrapper

    channels = [f"channel {i}" for i in range(len(curves.unit))]
    with pm.Model(coords={"date": [0], "channel": channels}) as model:
        spend = dims.Data("channel_data", curves.unit[None], dims=("date", "channel"))
        unit = dims.Data("unit", curves.unit, dims="channel")
        half, slope, ceiling = (dims.Normal(name, dims="channel") for name in ("half", "slope", "ceiling"))
        share = (spend / unit) ** slope
        dims.Deterministic("total_contribution", (ceiling * share / (half**slope + share)).sum())
    draws = {
        name: (("chain", "draw", "channel"), values[None])
        for name, values in (("half", curves.half), ("slope", curves.slope), ("ceiling", curves.ceiling))
    }
    posterior = xr.Dataset(draws, coords={"channel": channels})
    wrapper = CustomModelWrapper(
        base_model=model, idata=InferenceData(posterior=posterior), channels=channels
    )
    optimizer = BudgetOptimizer(model=wrapper, num_periods=1, response_variable="total_contribution")
    limits = xr.DataArray(
        np.stack([BOUNDS[0] * curves.unit, BOUNDS[1] * curves.unit], axis=1),
        coords={"channel": channels, "bound": ["lower", "upper"]}, dims=("channel", "bound"),
    )  # fmt: skip
    plan, _ = optimizer.allocate_budget(total_budget=float(curves.unit.sum()), budget_bounds=limits)
    return np.asarray(plan.to_numpy(), dtype=float)


def by_meridian(curves: Hill, step: float) -> np.ndarray:
    """The plan of Meridian's search over a grid, in its own environment."""
    script = Path(__file__).parent / "peers" / "meridian_budget.py"
    with tempfile.TemporaryDirectory() as folder:
        most = int(np.ceil((BOUNDS[1] - BOUNDS[0]) * curves.unit.max() / step)) + 1
        grid = np.full((most, len(curves.unit)), np.nan)
        outcome = grid.copy()
        for i, unit in enumerate(curves.unit):
            points = np.arange(BOUNDS[0] * unit, BOUNDS[1] * unit + step / 2, step)
            grid[: len(points), i] = points
            at = np.tile(curves.unit, (len(points), 1))
            at[:, i] = points
            outcome[: len(points), i] = curves.expected(at)[:, i]
        file = Path(folder) / "problem.npz"
        # Meridian plans in whole units of money: a step of the grid is a thousand of them
        np.savez(
            file, spend=np.round(grid / step * 1000), outcome=outcome, total=curves.unit.sum() / step * 1000
        )
        command = [str(meridian.python()), str(script), str(file)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        with np.load(file.with_suffix(".plan.npz")) as found:
            return np.asarray(found["plan"]) * step / 1000


def compared(seed: int, peers: tuple[str, ...]) -> dict[str, Any]:
    """Values and seconds of each way on one problem."""
    rng = np.random.default_rng(seed)
    curves = hill(int(rng.integers(3, 9)), 100, 1000 + seed)
    total = float(curves.unit.sum())
    ways = {
        "ours": lambda: solved(by_channel(curves, OBJECTIVES["expected"], *BOUNDS))[0].spend,
        "slsqp": lambda: by_slsqp(curves),
        "pymc_marketing": lambda: by_pymc_marketing(curves),
        "meridian": lambda: by_meridian(curves, 1e-4 * total),
    }
    out: dict[str, Any] = {}
    for way in ("ours", "slsqp", *peers):
        begun = time.perf_counter()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                plan = ways[way]()
        except Exception as error:  # a peer that fails is a result
            out[way] = {"failed": f"{type(error).__name__}: {error}"[:200]}
            continue
        seconds = time.perf_counter() - begun
        over = max(float(plan.sum()) / total - 1.0, 0.0)
        out[way] = {"value": float(curves.expected(plan).sum()), "s": seconds, "over_budget": over}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", type=int, default=50)
    parser.add_argument("--peers", type=int, default=50, help="problems that the peers are put to as well")
    parser.add_argument("--no-sizes", action="store_true")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    started_with = machine()
    with jax.enable_x64(True):
        large = {} if arguments.no_sizes else sizes()
        asked = {} if arguments.no_sizes else query()
        others = ("pymc_marketing", *(("meridian",) if meridian.is_available() else ()))
        rows = []
        for seed in range(arguments.problems):
            rows.append(compared(seed, others if seed < arguments.peers else ()))
            print(
                seed, {way: round(row.get("value", np.nan), 3) for way, row in rows[-1].items()}, flush=True
            )
    finish(
        "decisions", started_with, sizes=rounded(large), curve_query=rounded(asked), **rounded(summary(rows))
    )


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each other way: on how many problems ours is worse, better, and by how much at most."""
    out: dict[str, Any] = {
        "problems": len(rows),
        "s_median": float(np.median([row["ours"]["s"] for row in rows])),
    }
    for way in ("slsqp", "pymc_marketing", "meridian"):
        asked = [row for row in rows if way in row]
        pairs = [(row["ours"]["value"], row[way]["value"]) for row in asked if "value" in row[way]]
        if not asked:
            continue
        lead = np.array([ours / theirs - 1.0 for ours, theirs in pairs])
        out[way] = {
            "problems": len(asked),
            "failed": len(asked) - len(pairs),
            "ours_worse": int((lead < -EQUAL).sum()),
            "ours_better": int((lead > EQUAL).sum()),
            "most_better": float(lead.max(initial=0.0)),
            "most_worse": float(max(-lead.min(initial=0.0), 0.0)),
            "over_budget": float(max((row[way].get("over_budget", 0.0) for row in asked), default=0.0)),
            "s_median": float(np.median([row[way]["s"] for row in asked if "s" in row[way]] or [np.nan])),
        }
    return out


if __name__ == "__main__":
    main()
