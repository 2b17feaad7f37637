"""Does the expected value of an experiment rank experiments as brute force does: a refit after each simulated result?

A national world of 104 weeks and four channels. The library ranks whole-market experiments (switched off, halved,
doubled; 4 or 8 weeks) from one fit. Of those, ten that are evenly spread over its ranking are also worked out by brute
force: the weeks of the experiment are added to the table with the KPI unknown, equally likely results are drawn from
what it may measure, the model is fitted again with each as a lift test, the budget is decided by the refit, and what
that gains over today's plan, by the refit's own draws, is averaged over the results.

make bench B=evsi [ARGS="--results 12 --candidates 10"]; `benchmarks.calibration` includes it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtri
from scipy.stats import spearmanr

from benchmarks.common.machine import finish, machine, rounded
from benchmarks.worlds.peer_style import BURN_IN, FIRST_WEEK, L_MAX, LEVEL, adstock, autoregressive
from mmm_core.budget.allocation import posed
from mmm_core.effects.curves import draws_at
from mmm_core.evidence.lift_test import WeighedTest
from mmm_core.evidence.stored import Evidence
from mmm_core.experiments.decision import Decision, decision
from mmm_core.experiments.plan import ExperimentPlan, Trial, plan_experiments
from mmm_core.inference.fit import fit
from mmm_core.json_text import dumps
from mmm_core.spec.experiments_spec import Experiments
from mmm_core.spec.model_spec import ModelSpec, parse_spec

WEEKS, CHANNELS, LONGEST = 104, 4, 8
CANDIDATES, RESULTS = 10, 12
STORE = Path(".data/benchmarks/evsi.json")
ASKED = Experiments(weeks=(4, LONGEST), changes=(-1.0, -0.5, 1.0), shares=(1.0,))


def main(argv: list[str] | None = None) -> None:
    """Print a line a candidate and one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    parser.add_argument("--results", type=int, default=RESULTS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    before = machine()
    finish("evsi", before, **rounded(agreement(options.candidates, options.results, options.seed)))


def agreement(
    candidates: int = CANDIDATES, results: int = RESULTS, seed: int = 1, store: Path = STORE
) -> dict[str, Any]:
    """Rank correlation of the library's worths with those by refits, over so many candidates and results of each."""
    table, spec = world(seed), model()
    tree = fit(table, spec)
    found = plan_experiments(tree, ASKED)
    _, today = decision(tree)
    rows = []
    for place in spread(found, candidates):
        trial, row = found.trials[place], found.table.iloc[place]
        key = f"{seed} {results} {trial.candidate.name} {row['evsi']:.6g}"
        kept = finished(store)
        if key not in kept:
            kept[key] = refitted(table, spec, tree, trial, today, results).tolist()
            store.parent.mkdir(parents=True, exist_ok=True)
            store.write_text(dumps(kept, indent=1))
        gains = np.array(kept[key]) * found.horizon_weeks / found.budget_weeks
        rows.append((row["evsi"], row["evsi_se"], gains.mean(), gains.std(ddof=1) / np.sqrt(results)))
        print(
            f"{trial.candidate.name:40s} EVSI {row['evsi']:9,.0f} ± {row['evsi_se']:7,.0f}   by {results} refits "
            f"{rows[-1][2]:9,.0f} ± {rows[-1][3]:7,.0f}",
            flush=True,
        )
    ours, _, brute, _ = np.array(rows).T
    return {
        "evsi_rank_correlation": float(spearmanr(ours, brute).statistic),
        "evsi_correlation": float(np.corrcoef(ours, brute)[0, 1]),
        "evsi_ratio": float(ours.sum() / brute.sum()),
        "evsi_candidates": len(rows),
        "evsi_results": results,
    }


def finished(store: Path) -> dict[str, list[float]]:
    """Gains of each refit, by the candidate that they are of: a run that was cut short goes on."""
    return dict(json.loads(store.read_text())) if store.is_file() else {}


def world(seed: int) -> pd.DataFrame:
    """A weekly table: independent media, geometric carryover, Hill with slope 1, a level that wanders, noise."""
    rng = np.random.default_rng([seed, 17])
    rows, counted = WEEKS + L_MAX, slice(L_MAX, None)
    media = np.exp(0.5 * autoregressive(rng, rows + BURN_IN, CHANNELS, 0.3))
    alpha, half = rng.uniform(0.2, 0.6, CHANNELS), rng.lognormal(0, 0.3, CHANNELS)
    roi, share = np.exp(rng.normal(0.2, 0.4, CHANNELS)), np.array([0.12, 0.08, 0.05, 0.03])
    table = pd.DataFrame({"week_start": pd.date_range(FIRST_WEEK, periods=rows, freq="7D")})
    kpi = 1 + np.cumsum(rng.normal(0, 0.005, rows)) + 0.03 * rng.standard_normal(rows)
    for c in range(CHANNELS):
        carried = adstock(media[:, c] / media[:, c].mean(), alpha[c])[BURN_IN:]
        response = carried / (carried + half[c])
        brought = share[c] * WEEKS * response / response[counted].sum()
        units = media[BURN_IN:, c]
        table[f"channel_{c + 1}_spend"] = (
            units * LEVEL * brought[counted].sum() / roi[c] / units[counted].sum()
        )
        kpi = kpi + brought
    return table.assign(revenue=LEVEL * kpi)


def model() -> ModelSpec:
    """The model of the world; its tests have normal errors, as results are simulated."""
    return parse_spec(
        {
            "model": "benchmark",
            "table": "weekly_tables/benchmark",
            "kpi": {"column": "revenue", "gaps": "leave_out"},
            "media": {
                "defaults": {"adstock": {"l_max": L_MAX}},
                "channels": {
                    f"channel_{c + 1}": {"spend": f"channel_{c + 1}_spend"} for c in range(CHANNELS)
                },
            },
            "baseline": {"seasonality": {"order": 0}},
            "fit": {"chains": 2, "warmup": 300, "draws": 500},
            "calibration": {"lift_tests": "approved", "likelihood": "normal"},
        }
    )


def spread(found: ExperimentPlan, count: int) -> list[int]:
    """Rows of the table, evenly spread over the ranking by EVSI."""
    order = np.argsort(-found.table["evsi"].to_numpy(), kind="stable")
    return [int(order[place]) for place in np.linspace(0, len(order) - 1, count).round().astype(int)]


def refitted(
    table: pd.DataFrame, spec: ModelSpec, tree: xr.DataTree, trial: Trial, today: Decision, results: int
) -> np.ndarray:
    """What the plan of a refit gains over today's by its own draws, after each of some equally likely results."""
    longer = with_experiment(table, trial)
    errors = trial.calibrating * ndtri((np.arange(25) + 0.5) / 25)
    likely = np.quantile(trial.result[:, None] + errors, (np.arange(results) + 0.5) / results)
    return np.array([gain(fit(longer, spec, lift_tests=told(trial, value)), tree, today) for value in likely])


def with_experiment(table: pd.DataFrame, trial: Trial) -> pd.DataFrame:
    """The table with the weeks of the experiment, as planned and as tested, their KPI unknown."""
    period = 13  # of `budget: weeks`, whose media come again
    again = table.tail(period).head(LONGEST).assign(revenue=np.nan)
    again["week_start"] = again["week_start"] + pd.Timedelta(weeks=period)
    tested = np.arange(LONGEST) < trial.candidate.weeks
    again.loc[tested, f"{trial.candidate.channel}_spend"] *= 1 + trial.candidate.change
    return pd.concat([table, again], ignore_index=True)


def told(trial: Trial, value: float) -> Evidence:
    """The experiment with a result, approved."""
    test = trial.candidate.measured(float(value), trial.calibrating)
    return Evidence("benchmark", trial.candidate.end, (WeighedTest(test),))


def gain(refit: xr.DataTree, tree: xr.DataTree, today: Decision) -> float:
    """Expected outcome of the refit's best plan less that of today's plan, by the refit's draws."""
    with jax.enable_x64(True):
        question = posed(in_the_units_of(refit, tree))
        draws = draws_at(question.response.arrays, jnp.asarray(today.grid / question.response.unit))
        knowing = Decision(today.grid, np.moveaxis(np.asarray(draws), 0, -1), today.total, today.today)
    best, _ = knowing.best(knowing.outcome.mean(axis=0)[None])
    known, unknown = knowing.payoff(np.stack([best[0], today.today])).mean(axis=0)
    return float(max(known - unknown, 0.0))


def in_the_units_of(refit: xr.DataTree, tree: xr.DataTree) -> xr.DataTree:
    """The refit's draws on the table before the experiment: the budget repeats that table's last period."""
    data, longer = tree["constant_data"].to_dataset(), refit["constant_data"].to_dataset()
    group = refit["posterior"].to_dataset().isel(week=slice(0, data.sizes["week"]))
    scale = (longer["media_scale"] / data["media_scale"]).drop_vars("channel")
    group["half_saturation"] = group["half_saturation"] * scale
    out = xr.DataTree.from_dict(
        {"/posterior": group, "/sample_stats": refit["sample_stats"].to_dataset(), "/constant_data": data}
    )
    out.attrs = tree.attrs
    return out


if __name__ == "__main__":
    main()
