"""Is a recommended plan worth what it claims? Plans of simulated worlds, held against what those worlds truly return.

A world is fitted, the budget is decided as it is by default (the last 13 weeks' spend, each channel within 30 % of its
own), and the plan is put into effect in the world itself: its weeks follow the table, flighted as the last ones were.
What it truly brings more than the last period's spend is held against what the plan claims: its expected gain, and the
probability that there is any.

Six makers of worlds: of the model's priors; of the model's own assumptions (`walking`); of this library's simulator; a
textbook's; and worlds where demand misleads, typical and of the prior, fitted with the lift tests that were run there
and told which channel follows demand. In worlds of the prior probabilities should be right on average, whatever was
chosen by them; in the others they should not claim too much.

A seventh, `misled`, is asked for by name: the worlds where demand misleads without a test and untold, for what a plan
is worth that no check of the fit can know to be wrong.

Each world's figures are kept in .data/benchmarks/gain.jsonl under a fingerprint of the world, its model and the source
of fit and budget: a run that is cut goes on where it stopped.

make bench B=gain [ARGS="--worlds 240 --kinds simulator textbook"], ARGS="--worlds 40 --kinds misled"
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common.machine import finish, machine, rounded
from benchmarks.common.ours_fit import spec_of
from benchmarks.common.systems import ROOT
from benchmarks.worlds import World
from benchmarks.worlds.broken import walking
from benchmarks.worlds.confounded import confounded
from benchmarks.worlds.of_prior import of_prior
from benchmarks.worlds.peer_style import textbook
from benchmarks.worlds.simulator import simulated
from benchmarks.worlds.wrong_test import FOLLOWS
from mmm_core.budget.allocation import allocate
from mmm_core.evidence.stored import Evidence
from mmm_core.inference.fit import fit
from mmm_core.inference.version import fit_source
from mmm_core.json_text import dumps

STORE = ROOT / ".data" / "benchmarks"
ROOMS = ("budget", "effects", "posterior")
"""Where a plan is made of a posterior."""
CLAIMED, AT_LEAST = 0.9, 0.85
"""Of plans that claim this probability of a gain, the share that should have one."""
BINS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.0)

Made = tuple[World, Evidence | None]


def _told(tested: Any) -> Made:
    """A world that is fitted with its lift tests, and the channel named that follows demand."""
    world: World = tested.world
    last = max(weighed.test.known_on for weighed in tested.tests)
    job = world.job.with_(settings=FOLLOWS)
    return World(**{**vars(world), "job": job}), Evidence("benchmark", last, tested.tests)


MAKERS: dict[str, Callable[[int], Made]] = {
    "of_prior": lambda seed: (of_prior(seed), None),
    "walking": lambda seed: (walking(seed), None),
    "simulator": lambda seed: (simulated(seed), None),
    "textbook": lambda seed: (textbook(seed), None),
    "tested": lambda seed: _told(confounded(seed)),
    "tested_of_prior": lambda seed: _told(confounded(seed, kind="prior")),
    "misled": lambda seed: (confounded(seed).world, None),
}
RIGHT = [kind for kind in MAKERS if kind != "misled"]
"""Makers of worlds whose plans should keep their promise."""


def planned(world: World, tests: Evidence | None) -> dict[str, Any]:
    """What the recommended plan of a world claims, and what it brings there."""
    assert world.brought is not None
    spec = spec_of(world.job)
    found = allocate(fit(world.table, spec, lift_tests=tests))
    plan = found.channels.set_index("channel").loc[world.job.channels]
    current, recommended = (plan[f"{name}_spend"].to_numpy() for name in ("current", "recommended"))
    weeks = world.table[list(world.job.spend.values())].to_numpy()[-found.weeks :]
    multiple = np.divide(recommended, current, out=np.zeros_like(current), where=current > 0)
    true = world.brought(weeks * multiple) - world.brought(weeks)
    return {
        "world": world.name,
        "probability": found.probability_better,
        "gain": found.gain,
        "gain_q05": found.gain_q05,
        "gain_q95": found.gain_q95,
        "true_gain": float(true.sum()),
        "outcome": found.current_revenue,
        "moved": float(np.abs(recommended - current).sum() / 2 / current.sum()),
    }


def fingerprint(world: World, tests: Evidence | None) -> str:
    """What kept figures depend on."""
    spec = spec_of(world.job)
    code = hashlib.sha256(fit_source(spec).encode())
    for room in ROOMS:
        for path in sorted((ROOT / "mmm_core" / room).glob("*.py")):
            code.update(path.read_bytes())
    code.update(spec.to_yaml().encode())
    code.update(pd.util.hash_pandas_object(world.table).to_numpy().tobytes())
    code.update(b"" if tests is None else tests.version.encode())
    return code.hexdigest()[:16]


def kept_figures(kind: str, seed: int, store: Path) -> dict[str, Any]:
    """`planned` of a world, or what it gave before, left in the store's file."""
    world, tests = MAKERS[kind](seed)
    file, key = store / "gain.jsonl", fingerprint(world, tests)
    for line in file.read_text().splitlines() if file.is_file() else ():
        record: dict[str, Any] = json.loads(line)
        if record["key"] == key:
            return record
    record = {"key": key, "kind": kind, **planned(world, tests)}
    store.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write(dumps(rounded(record, 8)) + "\n")
    return record


def summary(rows: pd.DataFrame) -> dict[str, Any]:
    """Of plans that claim a probable gain, how many have one; truth by what was claimed; gain claimed and had."""
    right = rows["true_gain"] > 0
    sure = rows["probability"] >= CLAIMED
    by_claim = [
        {
            "claimed": [low, high],
            "plans": int(held.sum()),
            "claimed_mean": float(rows["probability"][held].mean()),
            "gained": float(right[held].mean()),
        }
        for low, high in pairwise(BINS)
        if (held := rows["probability"].between(low, high, inclusive="both" if high == 1 else "left")).any()
    ]
    within = rows["true_gain"].between(rows["gain_q05"], rows["gain_q95"])
    return {
        "worlds": len(rows),
        "sure": int(sure.sum()),
        "sure_and_gained": int((sure & right).sum()),
        "share": float(right[sure].mean()) if sure.any() else None,
        "claimed_mean": float(rows["probability"].mean()),
        "gained": float(right.mean()),
        "interval_90_holds": float(within.mean()),
        "gain_had_of_claimed": float(rows["true_gain"].sum() / rows["gain"].sum()),
        "by_claim": by_claim,
        "by_kind": {
            str(kind): {
                "worlds": len(part),
                "sure": int((part["probability"] >= CLAIMED).sum()),
                "sure_and_gained": int(((part["probability"] >= CLAIMED) & (part["true_gain"] > 0)).sum()),
                "gain_had_of_claimed": float(part["true_gain"].sum() / part["gain"].sum()),
            }
            for kind, part in rows.groupby("kind", sort=False)
        },
    }


def main(argv: list[str] | None = None) -> None:
    """Print a line a world and one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=120, help="of all kinds, which take turns")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=MAKERS, default=RIGHT)
    parser.add_argument("--store", type=Path, default=STORE, help="folder of finished figures")
    options = parser.parse_args(argv)
    before = machine()
    turns = (
        (kind, seed)
        for seed in range(options.first_seed, options.first_seed + options.worlds)
        for kind in options.kinds
    )
    records = []
    for kind, seed in islice(turns, options.worlds):
        records.append(kept_figures(kind, seed, options.store))
        print(line(records[-1]), flush=True)
    finish("gain", before, **rounded(summary(pd.DataFrame(records))))


def line(record: dict[str, Any]) -> str:
    """One readable line a world."""
    return (
        f"{record['world']:24s} moves {record['moved']:4.0%}, claims {record['gain']:9,.0f} "
        f"({record['gain_q05']:9,.0f} to {record['gain_q95']:9,.0f}), probability {record['probability']:.3f}: "
        f"truly {record['true_gain']:9,.0f}"
    )


if __name__ == "__main__":
    main()
