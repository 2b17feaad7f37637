"""Simulation-based calibration of the engine: draw parameters from the prior, simulate, fit, rank.

If prior, likelihood and sampler agree, the rank of each true value among its posterior draws is uniform (Talts et al.
2018; Modrak et al. 2023). One p-value a quantity, of a chi-square test over equal bins. The data are made with NumPy
and share no code with the model.

Two things of the library let the data choose their own prior, and are held still here, as calibration asks for: the
unit in which priors are stated, the KPI's spread, is 1; and the scale of the control is stated, where a user's is
learned from the table. Nothing else about the fit differs from a user's.

make bench B=sbc [ARGS="--replications 200 --weeks 112"]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.common.job import Job
from benchmarks.common.machine import finish, machine, rounded

L_MAX = 8
CHANNELS = ("one", "two")
# The priors, written out: those of the library's defaults on 2026-11. The noise has HalfNormal(1); intercept and
# standardised control are in standard deviations of it.
ALPHA, HALF_SATURATION, SLOPE, ROI, LEVEL_SD = [3, 3], [0.4, 0.7], [0, 0.25], [0.2, 0.9], 0.1
INTERCEPT, CONTROL = 100, 10
PRIORS: dict[str, Any] = {
    "media": {
        "defaults": {
            "adstock": {"kind": "geometric", "l_max": L_MAX, "alpha": {"beta": ALPHA}},
            "saturation": {
                "kind": "hill",
                "half_saturation": {"lognormal": HALF_SATURATION},
                "slope": {"lognormal": SLOPE},
            },
            "prior": {"roi": {"lognormal": ROI}},
        }
    },
    "baseline": {
        "level": "random_walk",
        "level_sd": {"halfnormal": [LEVEL_SD]},
        "seasonality": {"order": 0},
        "shrinkage": {"controls": CONTROL},
    },
}


def spend_path(weeks: int) -> np.ndarray:
    """The same media in every replication, (week, channel): one always on, one in flights."""
    rng = np.random.default_rng(0)
    media = np.exp(0.6 * rng.standard_normal((weeks, len(CHANNELS))))
    media[:, 1] *= np.repeat(rng.uniform(size=weeks // 4 + 1) < 0.6, 4)[:weeks]
    return media


def control_path(weeks: int) -> np.ndarray:
    """The same control in every replication, (week,), standardised over the weeks that are fitted."""
    control = np.random.default_rng(1).standard_normal(weeks)
    control[L_MAX:] = (control[L_MAX:] - control[L_MAX:].mean()) / control[L_MAX:].std()
    return control


def job_of(seed: int, draws: int) -> Job:
    """The fit of one replication."""
    return Job(
        kpi="revenue",
        spend={name: f"{name}_spend" for name in CHANNELS},
        controls=("price",),
        l_max=L_MAX,
        draws=draws,
        seed=seed,
        settings={"carryover": PRIORS},
    )


def draw_world(
    rng: np.random.Generator, spend: np.ndarray, control: np.ndarray
) -> tuple[pd.DataFrame, dict[str, float]]:
    """A table drawn from the prior, and the true value of every ranked quantity."""
    weeks = len(spend) - L_MAX
    sigma, tau = abs(rng.normal(0, 1)), abs(rng.normal(0, LEVEL_SD))
    level = np.concatenate([[0.0], np.cumsum(tau * rng.standard_normal(weeks - 1))])
    intercept, coefficient = sigma * rng.normal(0, INTERCEPT), sigma * rng.normal(0, CONTROL)
    kpi = intercept + level + coefficient * control[L_MAX:] + sigma * rng.standard_normal(weeks)
    truth = {"sigma": sigma, "tau": tau, "control": coefficient, "level_last": level[-1] - level.mean()}
    for c, name in enumerate(CHANNELS):
        x = spend[:, c] / spend[spend[:, c] > 0, c].mean()
        alpha, half = rng.beta(*ALPHA), rng.lognormal(*HALF_SATURATION)
        slope, roi = rng.lognormal(*SLOPE), rng.lognormal(*ROI)
        weights = alpha ** np.arange(L_MAX + 1)
        carried = np.convolve(x, weights / weights.sum())[L_MAX : len(x)]
        response = carried**slope / (carried**slope + half**slope)
        kpi = kpi + roi * spend[L_MAX:, c].sum() / response.sum() * response
        truth |= {f"roi_{name}": roi, f"alpha_{name}": alpha}
        truth |= {f"half_saturation_{name}": half, f"slope_{name}": slope}
    table = pd.DataFrame({"week_start": pd.date_range("2021-01-04", periods=len(spend), freq="7D")})
    table["revenue"] = np.concatenate([np.full(L_MAX, kpi[0]), kpi])  # the first weeks' KPI enters nothing
    table["price"] = control
    table[[f"{name}_spend" for name in CHANNELS]] = spend
    return table, truth


def posterior_of(tree: Any) -> dict[str, np.ndarray]:
    """Draws of every ranked quantity, flattened over chains."""
    posterior = tree["posterior"].to_dataset().stack(sample=("chain", "draw"), create_index=False)
    draws = {
        "sigma": posterior["sigma"],
        "tau": posterior["tau"],
        "control": posterior["fixed_effect"].sel(term="price").isel(geo=0),
        "level_last": posterior["level"].isel(week=-1) - posterior["level"].mean("week"),
    }
    for name in CHANNELS:
        draws[f"roi_{name}"] = posterior["roi"].sel(paid_channel=name)
        for parameter in ("alpha", "half_saturation", "slope"):
            draws[f"{parameter}_{name}"] = posterior[parameter].sel(channel=name)
    return {name: values.to_numpy() for name, values in draws.items()}


def rank(draws: np.ndarray, true: float, levels: int) -> int:
    """Rank of the truth among `levels - 1` draws taken at equal distances: 0 to levels - 1, uniform if all is well."""
    chosen = np.linspace(0, len(draws) - 1, levels - 1).round().astype(int)
    return int((draws[chosen] < true).sum())


def uniformity(ranks: np.ndarray, levels: int, bins: int) -> float:
    """p-value of a chi-square test that ranks are uniform; `bins` divides `levels`."""
    counts = np.bincount(np.asarray(ranks) * bins // levels, minlength=bins)
    return float(stats.chisquare(counts).pvalue)


def main(argv: list[str] | None = None) -> None:
    """Run the replications, print a p-value a quantity and one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replications", type=int, default=200)
    parser.add_argument(
        "--weeks", type=int, default=112, help="rows of the table, the first 8 of them history"
    )
    parser.add_argument("--draws", type=int, default=500, help="kept draws a chain")
    parser.add_argument("--levels", type=int, default=100, help="ranks that are possible")
    parser.add_argument("--bins", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    if options.levels % options.bins:
        parser.error("--bins must divide --levels")
    before = machine()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["MMM_COMPILATION_CACHE"] = cache
        ranks, divergences = replicate(options)
    p_values = {name: uniformity(values, options.levels, options.bins) for name, values in ranks.items()}
    for name, p in p_values.items():
        counts = np.bincount(np.array(ranks[name]) * options.bins // options.levels, minlength=options.bins)
        print(f"{name:24s} p {p:.3f}   {' '.join(f'{count:3d}' for count in counts)}")
    smallest = min(p_values.values())
    finish(
        "sbc",
        before,
        replications=options.replications,
        p_values=rounded(p_values, 3),
        p_smallest=rounded(smallest, 3),
        p_smallest_of_so_many=rounded(1 - (1 - smallest) ** len(p_values), 3),
        divergences=divergences,
    )


def replicate(options: argparse.Namespace) -> tuple[dict[str, list[int]], int]:
    """Ranks of every quantity over all replications, and divergent transitions in all."""
    from benchmarks.common.ours_fit import spec_of
    from mmm_core.data import arrays as data
    from mmm_core.inference.fit import fit

    if not hasattr(data, "_robust_sd"):
        raise SystemExit(
            "mmm_core.data.arrays no longer measures the KPI's spread in _robust_sd: hold its new place at 1."
        )
    spend, control = spend_path(options.weeks), control_path(options.weeks)
    ranks: dict[str, list[int]] = {}
    divergences = 0
    for replication in range(options.replications):
        rng = np.random.default_rng([options.seed, replication])
        table, truth = draw_world(rng, spend, control)
        spec = spec_of(job_of(replication, options.draws))
        with mock.patch.object(data, "_robust_sd", return_value=1.0):
            tree = fit(table, spec)
        divergences += int(tree["sample_stats"]["diverging"].sum())
        for name, draws in posterior_of(tree).items():
            ranks.setdefault(name, []).append(rank(draws, truth[name], options.levels))
        if (replication + 1) % 20 == 0:
            print(f"{replication + 1} of {options.replications}, {divergences} divergences", flush=True)
    return ranks, divergences


if __name__ == "__main__":
    main()
