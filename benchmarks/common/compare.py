"""One job on several systems: ours cold and warm, repeated; each peer in its best configuration; ratios."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.common.job import Job
from benchmarks.common.machine import rounded
from benchmarks.common.systems import OURS, Run, run


def add_options(
    parser: argparse.ArgumentParser, systems: Sequence[str], default: Sequence[str] | None = None
) -> None:
    """Options that the comparing benchmarks share."""
    parser.add_argument("--systems", nargs="+", choices=systems, default=list(default or systems))
    parser.add_argument("--repeats", type=int, default=3, help="fits of ours, cold and warm each")
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--draws", type=int, default=1000, help="kept draws a chain")
    parser.add_argument("--warmup", type=int, default=None, help="ours; the default is the library's")
    parser.add_argument("--precision", choices=["float64", "float32"], default=None, help="ours")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--warm-peers", action="store_true", help="fit peers twice, the second time compiled")


def compare(options: argparse.Namespace, job: Job, table: pd.DataFrame) -> dict[str, Any]:
    """Fit with every chosen system and return the figures; prints a line a fit."""
    job = job.with_(chains=options.chains, draws=options.draws, warmup=options.warmup, seed=options.seed)
    if options.precision:
        job = with_setting(job, OURS, fit={"precision": options.precision})
    cold: dict[str, Run] = {}
    warm: dict[str, Run] = {}
    for system in options.systems:
        repeats = options.repeats if system == OURS else 1
        pairs = [pair(system, job, table, system == OURS or options.warm_peers) for _ in range(repeats)]
        cold[system] = median([first for first, _ in pairs])
        if again := [second for _, second in pairs if second is not None]:
            warm[system] = median(again)
    return report(cold, warm)


def pair(
    system: str, job: Job, table: pd.DataFrame, twice: bool, **environment: str
) -> tuple[Run, Run | None]:
    """A cold fit, and where wanted a second process that finds what the first compiled."""
    with tempfile.TemporaryDirectory() as cache:
        first = run(system, job, table, Path(cache) if twice else None, **environment)
        print(f"cold  {first.line()}", flush=True)
        second = run(system, job, table, Path(cache), **environment) if twice else None
        if second is not None:
            print(f"warm  {second.line()}", flush=True)
    return first, second


def median(runs: list[Run]) -> Run:
    """The run with the median seconds."""
    return sorted(runs, key=lambda run: run.fit_s)[len(runs) // 2]


def report(cold: dict[str, Run], warm: dict[str, Run]) -> dict[str, Any]:
    """Our figures on top, then those of every system, then ratios of smallest bulk ESS a second."""
    figures: dict[str, Any] = {}
    if OURS in cold:
        ours = cold[OURS].figures()
        kept = ("min_ess_per_s", "fit_s", "fit_with_imports_s", "ess_bulk_min", "rhat_max", "divergences")
        figures |= {name: ours[name] for name in kept}
        if OURS in warm:
            figures |= {f"warm_{name}": warm[OURS].figures()[name] for name in kept[:4]}
        for peer in cold:
            if peer == OURS:
                continue
            figures[f"ratio_vs_{peer}"] = cold[OURS].min_ess_per_s / cold[peer].min_ess_per_s
            if (
                OURS in warm
            ):  # the peers keep no compiled programs unless told to, so cold is what a user of theirs waits for
                figures[f"warm_ratio_vs_{peer}"] = warm[OURS].min_ess_per_s / cold[peer].min_ess_per_s
            if OURS in warm and peer in warm:
                figures[f"warm_ratio_vs_warm_{peer}"] = warm[OURS].min_ess_per_s / warm[peer].min_ess_per_s
    systems = {name: {"cold": one.figures()} for name, one in cold.items()}
    for name, one in warm.items():
        systems[name]["warm"] = one.figures()
    return rounded(figures | {"systems": systems})


def with_setting(job: Job, system: str, **more: Any) -> Job:
    """The job with a system told more."""
    return job.with_(settings={**job.settings, system: {**job.settings.get(system, {}), **more}})
