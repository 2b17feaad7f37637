"""How fast is the long-term stage, and do its intervals hold a long-run multiplier that is known?

Speed: 208 weeks of 3 variables and 6 channels, with the tightness learnt, 4000 draws and their multipliers of a year
and of the long run; 4 lags instead of 2; 20 variables with 4 lags on 500 weeks. Nothing is compiled, so that the
first fit of a process takes as long as the next.

Truth: in a brand world tv -> awareness -> consideration -> base a unit of media brings 6.0 in the long run. The base
is either given, or seen through noise by a first stage (a smoothed random-walk level, as an MMM has), whose draws are
propagated or whose mean is plugged in; the metrics are given, or asked of 500 people every four weeks, with their
states drawn first or together with the autoregression.

make bench B=long_term [ARGS="--seeds 20"]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit

from benchmarks.common.machine import finish, machine, rounded
from mmm_core.long_term.base import plugged_in, variance_ratio, with_metrics
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.multipliers import cumulative_multipliers, long_run_multipliers
from mmm_core.long_term.survey import smoothed, weekly_states
from mmm_core.long_term.tracked import fit_tracked_bvar

TRUE = 6.0
WEEKS, BURN = 208, 104
METRICS = ("awareness", "consideration")
SCALE = 0.1
"""Of the world: its metrics are logits."""
NOISE, STEP = 0.3, 0.16
"""Of the KPI around the base, and of the level that the first stage believes in."""


def timed(variables: int, channels: int, weeks: int, lags: int, draws: int) -> dict[str, float]:
    """Seconds of a fit, and of its multipliers."""
    rng = np.random.default_rng(0)
    lag = 0.5 * np.eye(variables) + 0.1 / np.sqrt(variables) * rng.normal(size=(variables, variables))
    media = rng.gamma(2, 1, (weeks + 50, channels))
    effect = 0.2 * rng.normal(size=(variables, channels))
    values = np.zeros((weeks + 50, variables))
    for week in range(1, weeks + 50):
        values[week] = lag @ values[week - 1] + effect @ media[week] + rng.normal(size=variables)
    index = pd.date_range("2018-01-01", periods=weeks, freq="7D")
    frame = pd.DataFrame(values[50:], index=index, columns=[f"y{i}" for i in range(variables)])
    spend = pd.DataFrame(media[50:], index=index, columns=[f"x{i}" for i in range(channels)])
    begun = time.perf_counter()
    found = fit_bvar(frame, spend, lags=lags, draws=draws)
    fitted = time.perf_counter()
    cumulative_multipliers(found)
    long_run_multipliers(found)
    return {"fit_s": fitted - begun, "multipliers_s": time.perf_counter() - fitted}


def brand_world(seed: int) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Awareness and consideration (logits) and base, spend, and the KPI that the first stage sees."""
    rng = np.random.default_rng(seed)
    spend = rng.gamma(2, 1, WEEKS + BURN) * np.repeat(rng.random((WEEKS + BURN) // 4) < 0.5, 4)
    values = np.zeros((WEEKS + BURN, 3))
    for week in range(1, WEEKS + BURN):
        before = values[week - 1]
        now = np.array(
            [0.9 * before[0], 0.8 * before[1] + 0.4 * before[0], 0.5 * before[2] + 0.6 * before[1]]
        )
        values[week] = now + SCALE * rng.normal(size=3)
        values[week, 0] += SCALE * 0.25 * spend[week]
    index = pd.date_range("2019-01-07", periods=WEEKS, freq="7D")
    variables = pd.DataFrame(values[BURN:], index=index, columns=["awareness", "consideration", "base"])
    seen = values[BURN:, 2] + rng.normal(0, NOISE, WEEKS)
    return variables, pd.DataFrame({"tv": spend[BURN:]}, index=index), seen


def first_stage(seen: np.ndarray, index: pd.DatetimeIndex, draws: int, seed: int) -> xr.DataArray:
    """Draws of the base as a model with a random-walk level has them."""
    root, mean = smoothed(np.eye(WEEKS), seen - seen.mean(), np.full(WEEKS, NOISE**2), STEP)
    noise = np.random.default_rng(seed).standard_normal((WEEKS, draws))
    level = seen.mean() + mean + np.linalg.solve(root.T, noise).T
    return xr.DataArray(level, dims=("draw", "week"), coords={"draw": np.arange(draws), "week": index})


def asked(metric: pd.Series, seed: int) -> pd.DataFrame:
    """Waves of 500 people every four weeks."""
    index = pd.DatetimeIndex(metric.index)
    rng = np.random.default_rng([seed, len(str(metric.name))])
    places = np.arange(0, WEEKS, 4)
    share = rng.binomial(500, expit(metric.to_numpy()[places])) / 500
    return pd.DataFrame(
        {"start": index[places], "end": index[places] + pd.Timedelta(days=6), "share": share, "sample": 500}
    )


def row(seed: int, draws: int) -> dict[str, dict[str, float]]:
    """What is found of one world, in each way."""
    variables, spend, seen = brand_world(seed)
    index = pd.DatetimeIndex(variables.index)
    metrics = {
        name: xr.DataArray(variables[name].to_numpy(), dims="week", coords={"week": index})
        for name in METRICS
    }
    waves = {name: asked(variables[name], seed) for name in METRICS}
    base = with_metrics(first_stage(seen, index, draws, seed), metrics)
    exact = np.broadcast_to(variables["base"].to_numpy(), (draws, WEEKS))
    known = xr.DataArray(exact, dims=("draw", "week"), coords={"draw": np.arange(draws), "week": index})
    states = {name: weekly_states(waves[name], index, draws, seed, step=0.1)["logit"] for name in METRICS}
    settings: dict[str, Any] = {"lags": 1, "seed": seed}
    fits = {
        "given": fit_bvar(variables, spend, draws=draws, **settings),
        "propagated": fit_bvar(base, spend, **settings),
        "plugged_in": fit_bvar(plugged_in(base), spend, draws=draws, **settings),
        "states_first": fit_bvar(with_metrics(known, states), spend, **settings),
    }
    begun = time.perf_counter()
    fits["tracked"] = fit_tracked_bvar(variables[["base"]], waves, spend, draws=draws, **settings)
    seconds = time.perf_counter() - begun
    found: dict[str, dict[str, float]] = {}
    for way, fitted in fits.items():
        total = long_run_multipliers(fitted)["long_run"].sel(response="base", channel="tv")
        low, middle, high = total.quantile([0.05, 0.5, 0.95], skipna=True).to_numpy()
        found[way] = {
            "covered": low <= SCALE * TRUE <= high,
            "median": middle / SCALE,
            "width": (high - low) / SCALE,
        }
    year = {
        way: cumulative_multipliers(fits[way], (52,)).sel(response="base", channel="tv")
        for way in ("propagated", "plugged_in")
    }
    found["propagated"]["variance_ratio"] = variance_ratio(year["propagated"], year["plugged_in"]).item()
    found["tracked"] |= {
        "seconds": seconds,
        "rhat": fits["tracked"].attrs["rhat"],
        "ess": fits["tracked"].attrs["ess"],
    }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--draws", type=int, default=1000, help="of each world's fit")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--without-truth", action="store_true", help="speed only")
    args = parser.parse_args()
    started_with = machine()
    sizes = {"usual": (3, 6, 208, 2, 4000), "four_lags": (3, 6, 208, 4, 2000), "large": (20, 6, 500, 4, 1000)}
    speed = {name: timed(*size) for name, size in sizes.items()}
    for name, seconds in speed.items():
        print(f"{name:12}", rounded(seconds, 3), flush=True)
    figures: dict[str, Any] = {}
    if not args.without_truth:
        rows = []
        for seed in range(args.first, args.first + args.seeds):
            rows.append(row(seed, args.draws))
            print(seed, {way: round(float(rows[-1][way]["median"]), 2) for way in rows[-1]}, flush=True)
        for way in rows[0]:
            figures[f"coverage_90_{way}"] = float(np.mean([each[way]["covered"] for each in rows]))
            figures[f"median_{way}"] = float(np.median([each[way]["median"] for each in rows]))
            figures[f"width_{way}"] = float(np.median([each[way]["width"] for each in rows]))
        for name in ("seconds", "rhat", "ess"):
            figures[f"tracked_{name}"] = float(np.median([each["tracked"][name] for each in rows]))
        figures["variance_ratio"] = float(np.median([each["propagated"]["variance_ratio"] for each in rows]))
    finish(
        "long_term",
        started_with,
        fit_s=round(speed["usual"]["fit_s"] + speed["usual"]["multipliers_s"], 3),
        compile_s=0.0,
        four_lags_fit_s=round(sum(speed["four_lags"].values()), 3),
        large_fit_s=round(sum(speed["large"].values()), 3),
        seeds=0 if args.without_truth else args.seeds,
        true_multiplier=TRUE,
        **rounded(figures, 3),
    )


if __name__ == "__main__":
    main()
