"""How fast is the long-term stage, and do its intervals hold a long-run multiplier that is known?

Speed: 208 weeks of 3 variables and 6 channels, with the tightness learnt, 4000 draws and their multipliers of a year
and of the long run; 4 lags instead of 2; 20 variables with 4 lags on 500 weeks. `compile_s` is what a process's first
fit takes more than the next: the loops' programs are compiled once an installation, and read by every other process.
The first, with its tightness stated, also by NUTS in PyMC.

Truth: in a brand world tv -> awareness -> consideration -> base a unit of media brings 6.0 in the long run. The base is
given; or a short-term model fitted to what was sold measures it, draw by draw with its noise; or that model's own draws
of it, or their mean, are taken for known. The metrics are given, or asked of 500 people every four weeks (with the
given base, and in the whole stage). The prior is the stage's everywhere.

make bench B=bvar [ARGS="--seeds 20"]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.common.machine import finish, machine, rounded
from benchmarks.common.var_by_nuts import TIGHT, by_nuts
from benchmarks.worlds.brand import METRICS, SCALE, TRUE, brand_world
from mmm_core.inference.fit import fit
from mmm_core.long_term.base import measured_base, plugged_in, variance_ratio, with_metrics
from mmm_core.long_term.coefficients import Coefficients
from mmm_core.long_term.fit import fit_bvar
from mmm_core.long_term.multipliers import cumulative_multipliers, long_run_multipliers
from mmm_core.long_term.settings import minnesota
from mmm_core.long_term.stage import fit_long_term
from mmm_core.long_term.tracked import fit_tracked_bvar
from mmm_core.spec.long_term_spec import LongTermRule
from mmm_core.spec.model_spec import parse_spec

SPEC: dict[str, Any] = {
    "model": "brand",
    "table": "weekly",
    "kpi": {"column": "revenue"},
    "media": {"channels": {"tv": {"spend": "tv_spend", "adstock": {"l_max": 8}}}},
    "baseline": {"seasonality": {"order": 0}},
    "fit": {"chains": 4, "warmup": 300, "draws": 250},
}


def series_of(variables: int, channels: int, weeks: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A stable autoregression with media, to be timed."""
    rng = np.random.default_rng(0)
    lag = 0.5 * np.eye(variables) + 0.1 / np.sqrt(variables) * rng.normal(size=(variables, variables))
    media = rng.gamma(2, 1, (weeks + 50, channels))
    effect = 0.2 * rng.normal(size=(variables, channels))
    values = np.zeros((weeks + 50, variables))
    for week in range(1, weeks + 50):
        values[week] = lag @ values[week - 1] + effect @ media[week] + rng.normal(size=variables)
    index = pd.date_range("2018-01-01", periods=weeks, freq="7D")
    return (
        pd.DataFrame(values[50:], index=index, columns=[f"y{i}" for i in range(variables)]),
        pd.DataFrame(media[50:], index=index, columns=[f"x{i}" for i in range(channels)]),
    )


def timed(variables: int, channels: int, weeks: int, lags: int, draws: int) -> dict[str, float]:
    """Seconds of a fit, and of its multipliers."""
    frame, media = series_of(variables, channels, weeks)
    begun = time.perf_counter()
    found = fit_bvar(frame, media, lags=lags, draws=draws)
    fitted = time.perf_counter()
    cumulative_multipliers(found)
    long_run_multipliers(found)
    return {"fit_s": fitted - begun, "multipliers_s": time.perf_counter() - fitted}


def against_nuts() -> dict[str, float | None]:
    """Seconds of the same posterior by NUTS and exactly, and by how many of its sd their means differ at most."""
    frame, media = series_of(3, 6, 208)
    begun = time.perf_counter()
    exact = fit_bvar(frame, media, lags=2, draws=4000, prior=TIGHT)
    ours = time.perf_counter() - begun
    peer = by_nuts(frame, media, 2)
    if peer is None:
        return {"peer_fit_s": None, "peer_ess_min": None, "same_model_fit_s": ours, "peer_apart_sd": None}
    found = Coefficients.of(exact)
    stacked = np.concatenate(
        [part.swapaxes(2, 3).reshape(4000, -1, 3) for part in (found.lags, found.media)]
        + [found.terms.swapaxes(1, 2)],
        axis=1,
    )
    apart = np.abs(stacked.mean(0) - peer["mean"]) / stacked.std(0)
    return {
        "peer_fit_s": peer["seconds"],
        "peer_ess_min": peer["ess"],
        "same_model_fit_s": ours,
        "peer_apart_sd": float(apart.max()),
    }


def by_metric(waves: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Waves parted by metric."""
    return {str(name): part.drop(columns="metric") for name, part in waves.groupby("metric")}


def row(seed: int, draws: int) -> dict[str, dict[str, float]]:
    """What is found of one world, in each way."""
    world = brand_world(seed)
    metrics = {
        name: xr.DataArray(world.variables[name].to_numpy(), dims="week", coords={"week": world.index})
        for name in METRICS
    }
    rule = {"metrics": list(METRICS), "lags": 1, "draws": draws, "seed": seed}
    tree = fit(world.table, parse_spec({**SPEC, "long_term": rule, "fit": {**SPEC["fit"], "seed": seed}}))
    base = measured_base(tree, draws)
    weeks = base["week"].to_numpy()
    of_window = {name: metric.sel(week=weeks) for name, metric in metrics.items()}
    both = with_metrics(base["base"], of_window)
    asked, sure = by_metric(world.asked(500, 4, seed)), by_metric(world.sure().query("start >= @weeks[0]"))
    settings: dict[str, Any] = {"lags": 1, "seed": seed, "prior": minnesota(LongTermRule(**rule))}
    stage_begun = time.perf_counter()
    in_window = world.asked(500, 4, seed).query("end >= @weeks[0]")
    stage = fit_long_term(tree, in_window, checked=False)
    stage_seconds = time.perf_counter() - stage_begun
    measured, sd = (with_metrics(base[name], {}) for name in ("measured", "sd"))
    fits = {
        "stage": stage.draws,
        "given": fit_bvar(world.variables, world.spend, draws=draws, **settings),
        "by_model": fit_tracked_bvar(measured, sure, world.spend, noise=sd, **settings),
        "taken_for_known": fit_bvar(both, world.spend, **settings),
        "plugged_in": fit_bvar(plugged_in(both), world.spend, draws=draws, **settings),
        "tracked": fit_tracked_bvar(world.variables[["base"]], asked, world.spend, draws=draws, **settings),
    }
    found: dict[str, dict[str, float]] = {}
    for way, fitted in fits.items():
        try:
            total = long_run_multipliers(fitted)["long_run"].sel(response="base", channel="tv")
        except ValueError:  # most draws are unstable: no interval is given, and none is wrong
            found[way] = {"covered": np.nan, "median": np.nan, "width": np.nan}
            continue
        low, middle, high = total.quantile([0.05, 0.5, 0.95], skipna=True).to_numpy()
        found[way] = {
            "covered": low <= SCALE * TRUE <= high,
            "median": middle / SCALE,
            "width": (high - low) / SCALE,
        }
    year = {
        way: cumulative_multipliers(fits[way], (52,)).sel(response="base", channel="tv")
        for way in ("by_model", "plugged_in")
    }
    found["by_model"]["variance_ratio"] = variance_ratio(year["by_model"], year["plugged_in"]).item()
    found["stage"] |= {
        "seconds": stage_seconds,
        "rhat": stage.attrs["rhat"],
        "ess": stage.attrs["ess"],
    }
    return found


def truth(seeds: range, draws: int) -> dict[str, Any]:
    """Coverage, medians and widths over the worlds, by way."""
    rows = []
    for seed in seeds:
        rows.append(row(seed, draws))
        print(seed, {way: round(float(rows[-1][way]["median"]), 2) for way in rows[-1]}, flush=True)
    figures: dict[str, Any] = {}
    for way in rows[0]:
        held = np.array([float(each[way]["covered"]) for each in rows])
        figures[f"coverage_90_{way}"] = float(np.nanmean(held))
        figures[f"refused_{way}"] = int(np.isnan(held).sum())
        figures[f"median_{way}"] = float(np.nanmedian([each[way]["median"] for each in rows]))
        figures[f"width_{way}"] = float(np.nanmedian([each[way]["width"] for each in rows]))
    for name in ("seconds", "rhat", "ess"):
        figures[f"stage_{name}"] = float(np.nanmedian([each["stage"].get(name, np.nan) for each in rows]))
    figures["variance_ratio"] = float(
        np.nanmedian([each["by_model"].get("variance_ratio", np.nan) for each in rows])
    )
    figures["coverage_90"] = figures["coverage_90_by_model"]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--draws", type=int, default=640, help="of each world's fit")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--without-truth", action="store_true", help="speed only")
    parser.add_argument("--without-peer", action="store_true", help="no NUTS in PyMC")
    args = parser.parse_args()
    started_with = machine()
    sizes = {"usual": (3, 6, 208, 2, 4000), "four_lags": (3, 6, 208, 4, 2000), "large": (20, 6, 500, 4, 1000)}
    first = timed(*sizes["usual"])
    speed = {name: timed(*size) for name, size in sizes.items()}
    for name, seconds in speed.items():
        print(f"{name:12}", rounded(seconds, 3), flush=True)
    peer = {} if args.without_peer else against_nuts()
    print(rounded(peer, 3), flush=True)
    figures = {} if args.without_truth else truth(range(args.first, args.first + args.seeds), args.draws)
    finish(
        "bvar",
        started_with,
        fit_s=round(sum(speed["usual"].values()), 3),
        compile_s=round(max(first["fit_s"] - speed["usual"]["fit_s"], 0.0), 3),
        four_lags_fit_s=round(sum(speed["four_lags"].values()), 3),
        large_fit_s=round(sum(speed["large"].values()), 3),
        seeds=0 if args.without_truth else args.seeds,
        true_multiplier=TRUE,
        **rounded({**peer, **figures}, 3),
    )


if __name__ == "__main__":
    main()
