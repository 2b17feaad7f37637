"""Do 90 % ROI intervals hold the truth? Worlds of 20 seeds, national and geo, fitted with the models of the demo.

Every seed draws its own adstock, saturation, ROI, level and noise. The models are those of `models/`, priors and all:
they were written without a look at any world's truth. `make bench B=coverage ARGS="--seeds 20 --markets us uk"`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from mmm_core.json_text import dumps

MODELS = Path(__file__).parents[1] / "models"
MODEL_OF = {"us": "us_revenue", "uk": "uk_geo_revenue"}


def world(market: str, seed: int) -> pd.DataFrame:
    """Fit one world; a row a channel with truth, interval and errors."""
    from mmm_core.inference.fit import fit
    from mmm_core.simulate import weekly_table
    from mmm_core.spec.model_spec import load_spec

    spec = load_spec(MODELS / f"{MODEL_OF[market]}.yaml")
    table, truth = weekly_table(market, seed=seed)
    started = time.perf_counter()
    tree = fit(table, spec)
    seconds = time.perf_counter() - started
    draws = tree["posterior"]["roi"].stack(sample=("chain", "draw"))
    low, high = draws.quantile([0.05, 0.95], "sample").to_numpy()
    true = truth.roi(spec.l_max).reindex(list(spec.paid)).to_numpy()
    spread = np.sort(draws.to_numpy(), axis=1)
    n = spread.shape[1]
    rank = 2 * np.arange(1, n + 1) - n - 1
    crps = np.abs(draws.to_numpy() - true[:, None]).mean(1) - (spread * rank).sum(1) / (n * (n - 1))
    return pd.DataFrame(
        {
            "market": market,
            "seed": seed,
            "channel": spec.paid,
            "true_roi": true,
            "mean": draws.mean("sample").to_numpy(),
            "q05": low,
            "q95": high,
            "covered": (low <= true) & (true <= high),
            "crps": crps,
            "divergences": int(tree["sample_stats"]["diverging"].sum()),
            "fit_s": seconds,
        }
    )


def main() -> None:
    """Fit all worlds, print the table and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=101)
    parser.add_argument("--markets", nargs="+", default=["us", "uk"], choices=list(MODEL_OF))
    options = parser.parse_args()
    rows = []
    for market in options.markets:
        for seed in range(options.first, options.first + options.seeds):
            rows.append(world(market, seed))
            last = rows[-1]
            print(
                f"{market} seed {seed}: {last['covered'].sum()} of {len(last)} covered, {last['fit_s'].iloc[0]:.1f} s"
            )
    table = pd.concat(rows)
    by_channel = table.groupby(["market", "channel"]).agg(
        coverage=("covered", "mean"),
        crps=("crps", "mean"),
        true_roi=("true_roi", "mean"),
        mean=("mean", "mean"),
    )
    print(by_channel.round(3).to_string())
    figures = {}
    for market, part in table.groupby("market"):
        figures[market] = {
            "worlds": int(part["seed"].nunique()),
            "intervals": len(part),
            "coverage_90": round(float(part["covered"].mean()), 3),
            "roi_crps": round(float(part["crps"].mean()), 3),
            "roi_mean_absolute_error": round(float((part["mean"] - part["true_roi"]).abs().mean()), 3),
            "median_interval_width": round(float((part["q95"] - part["q05"]).median()), 3),
            "divergences": int(part.groupby("seed")["divergences"].first().sum()),
            "fit_s_median": round(float(part.groupby("seed")["fit_s"].first().median()), 2),
        }
    print(dumps(figures))


if __name__ == "__main__":
    main()
