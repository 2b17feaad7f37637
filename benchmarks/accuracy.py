"""Do ROI intervals hold the truth, and how far off are they? 20 worlds of four makers, every system on the same ones.

Makers: this library's simulator, worlds after Meridian's model, worlds after PyMC-Marketing's, and published tables
with their truth. Two published ones are traps: a channel's true effect is negative, which no system's default prior
allows; their figures are given apart and with the rest.

Each fit is kept in .data/benchmarks/accuracy.jsonl as soon as it is done, under a fingerprint of the world, the
settings and the system's code or lock: a run that is cut goes on where it stopped, and parts can be run one after
another.

make bench B=accuracy [ARGS="--systems carryover --worlds 5 --generators simulator published"]

Defaults are chosen on other worlds than these: `--first-seed 301 --carryover '{"baseline": {...}}'`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common.diagnostics import score
from benchmarks.common.job import Job
from benchmarks.common.machine import finish, machine, rounded
from benchmarks.common.systems import OURS, ROOT, SYSTEMS, peer_lock, run
from benchmarks.worlds import World
from benchmarks.worlds.peer_style import meridian_like, pymc_marketing_like
from benchmarks.worlds.published import worlds as published
from benchmarks.worlds.simulator import simulated
from mmm_core.json_text import dumps

STORE = ROOT / ".data" / "benchmarks"


def all_worlds(count: int, generators: list[str], first_seed: int) -> list[World]:
    """`count` worlds, the makers taking turns, so that a short run has a bit of each."""
    seeds = range(first_seed, first_seed + count)
    makers = {
        "simulator": (simulated(seed) for seed in seeds),
        "meridian_like": (meridian_like(seed) for seed in seeds),
        "pymc_marketing_like": (pymc_marketing_like(seed) for seed in seeds),
        "published": iter(published() if "published" in generators else []),
    }
    turns = [makers[name] for name in generators]
    found: list[World] = []
    while turns and len(found) < count:
        for maker in list(turns):
            world = next(maker, None)
            if world is None:
                turns.remove(maker)
            elif len(found) < count:
                found.append(world)
    return found


def fingerprint(system: str, world: World, job: Job) -> str:
    """What a stored fit depends on."""
    code = hashlib.sha256()
    sources = sorted((ROOT / "mmm_core").rglob("*.py")) if system == OURS else _peer_sources(system)
    for path in sources:
        code.update(path.read_bytes())
    code.update(repr(job).encode())
    code.update(pd.util.hash_pandas_object(world.table).to_numpy().tobytes())
    return code.hexdigest()[:16]


def _peer_sources(system: str) -> list[Path]:
    folder = ROOT / "benchmarks" / "peers"
    return [peer_lock(system), *sorted(folder.glob("*.py"))]


def fit_one(system: str, world: World, job: Job, cache: Path) -> dict[str, Any]:
    """A record of one fit: its diagnostics, and for each channel the truth beside the posterior."""
    fitted = run(system, job, world.table, cache)
    channels = {}
    for i, name in enumerate(job.channels):
        scores = score(fitted.draws["roi"][..., i], world.true_roi[name])
        channels[name] = vars(scores)
    figures = fitted.figures()
    return {
        "world": world.name,
        "generator": world.generator,
        "trap": world.trap,
        "system": system,
        "channels": channels,
        **{
            key: figures[key] for key in ("fit_s", "ess_bulk_min", "rhat_max", "divergences", "configuration")
        },
    }


def kept_fit(system: str, world: World, job: Job, store: Path, name: str) -> dict[str, Any]:
    """`fit_one`, or what it gave before: found in a file of the store under the fingerprint, or left there."""
    kept, key = store / name, f"{system}/{world.name}/{fingerprint(system, world, job)}"
    for line in kept.read_text().splitlines() if kept.is_file() else ():
        record: dict[str, Any] = json.loads(line)
        if record["key"] == key:
            return record
    cache = store / "compiled" / system
    cache.mkdir(parents=True, exist_ok=True)
    record = {"key": key, **fit_one(system, world, job, cache)}
    with kept.open("a") as file:
        file.write(dumps(rounded(record, 6)) + "\n")
    return record


def scores(records: list[dict[str, Any]]) -> pd.DataFrame:
    """A row a world, system and channel."""
    return pd.DataFrame(
        [
            {
                "world": record["world"],
                "generator": record["generator"],
                "system": record["system"],
                "trap": record["trap"],
                "channel": name,
                **channel,
            }
            for record in records
            for name, channel in record["channels"].items()
        ]
    )


def summary(rows: pd.DataFrame) -> dict[str, Any]:
    """Coverage, errors and widths of one system's intervals. Relative figures are shares of the true ROI's size."""
    error, size = (rows["mean"] - rows["true"]).abs(), rows["true"].abs()
    width = rows["q95"] - rows["q05"]
    return {
        "worlds": int(rows["world"].nunique()),
        "intervals": len(rows),
        "coverage_90": float(rows["covered"].mean()),
        "roi_mean_absolute_error": float(error.mean()),
        "roi_mean_relative_error": float((error / size).mean()),
        "roi_median_relative_error": float((error / size).median()),
        "roi_crps": float(rows["crps"].mean()),
        "roi_relative_crps": float((rows["crps"] / size).mean()),
        "interval_width": float(width.mean()),
        "interval_relative_width": float((width / size).median()),
    }


def main(argv: list[str] | None = None) -> None:
    """Fit what is not stored yet, print tables and one JSON object."""
    names = ["simulator", "meridian_like", "pymc_marketing_like", "published"]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--generators", nargs="+", choices=names, default=names)
    parser.add_argument("--draws", type=int, default=1000, help="kept draws a chain")
    parser.add_argument("--first-seed", type=int, default=101, help="of the made worlds")
    parser.add_argument(
        "--carryover", type=json.loads, default={}, help="keys of our specification to change, as JSON"
    )
    parser.add_argument(
        "--store", type=Path, default=STORE, help="folder of finished fits and compiled programs"
    )
    options = parser.parse_args(argv)
    before = machine()
    wanted = []
    worlds = all_worlds(options.worlds, options.generators, options.first_seed)
    for system in options.systems:
        for world in worlds:
            job = world.job.with_(draws=options.draws)
            if system == OURS and options.carryover:
                job = job.with_(settings={**job.settings, OURS: options.carryover})
            record = kept_fit(system, world, job, options.store, "accuracy.jsonl")
            held = sum(channel["covered"] for channel in record["channels"].values())
            print(
                f"{system:15s} {world.name:32s} {held} of {len(record['channels'])} hold the truth"
                f"   {record['fit_s']:6.1f} s   R-hat {record['rhat_max']:.3f}   {record['divergences']} divergences",
                flush=True,
            )
            wanted.append(record)
    report(before, wanted, options.systems)


def report(before: dict[str, Any], records: list[dict[str, Any]], systems: list[str]) -> None:
    """Tables by system and by maker, then the JSON line; figures on top are ours without the traps."""
    rows = scores(records)
    found: dict[str, Any] = {}
    for system in systems:
        of = rows[rows["system"] == system]
        fits = [record for record in records if record["system"] == system]
        found[system] = {
            **summary(of[~of["trap"]]),
            "with_traps": summary(of),
            "by_generator": {maker: summary(part) for maker, part in of.groupby("generator")},
            "rhat_max": max(record["rhat_max"] for record in fits),
            "ess_bulk_min": min(record["ess_bulk_min"] for record in fits),
            "divergences": sum(record["divergences"] for record in fits),
            "fit_s_median": float(np.median([record["fit_s"] for record in fits])),
        }
    shown = [
        "coverage_90",
        "roi_mean_absolute_error",
        "roi_mean_relative_error",
        "roi_crps",
        "interval_width",
    ]
    table = {
        (system, maker): {name: part[name] for name in ["intervals", *shown]}
        for system in systems
        for maker, part in [("all but traps", found[system]), *found[system]["by_generator"].items()]
    }
    print(pd.DataFrame(table).T.round(3).to_string())
    on_top = {name: found[OURS][name] for name in ["worlds", *shown]} if OURS in found else {}
    ratios = {
        f"{figure}_ratio_vs_{peer}": found[OURS][figure] / found[peer][figure]
        for peer in systems
        if peer != OURS and OURS in found
        for figure in ("roi_crps", "roi_mean_absolute_error")
    }
    finish("accuracy", before, **rounded(on_top | ratios | {"systems": found}))


if __name__ == "__main__":
    main()
