"""How often do the review's gates refuse a model that is right, and how often one that is wrong?

Worlds that the model is right for come from several makers: this library's simulator, one that textbooks' assumptions
hold in, worlds after Meridian's and PyMC-Marketing's models (baselines through knots, bending trends: close to what a
level that walks can follow), and worlds of the model's own assumptions. Broken ones have one thing wrong each
(`benchmarks.worlds.broken`). Each is fitted at the default settings, refitted as of the review's origins, and put to
every ERROR check at its default threshold. Worlds with lift tests, all right or one of them wrong
(`benchmarks.worlds.wrong_test`), are fitted with them and put to the check of the tests alone.

Each world's verdicts are kept in .data/benchmarks/gates.jsonl as soon as they are there, under a fingerprint of the
world, the settings and the source of fit and review: a run that is cut goes on where it stopped.

make bench B=gates [ARGS="--worlds 60 --tested 40 --each 10 --jobs 2 --kinds structural_break"]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, zip_longest
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.common.machine import finish, machine
from benchmarks.common.ours_fit import spec_of
from benchmarks.common.systems import ROOT
from benchmarks.worlds import World
from benchmarks.worlds.broken import GATED, KINDS, walking
from benchmarks.worlds.peer_style import meridian_like, pymc_marketing_like, textbook
from benchmarks.worlds.simulator import simulated
from benchmarks.worlds.wrong_test import RIGHT_TESTED, WRONG
from mmm_core.evidence.stored import Evidence
from mmm_core.inference.version import fit_source
from mmm_core.json_text import dumps
from mmm_core.spec.model_spec import ModelSpec

STORE = ROOT / ".data" / "benchmarks"
REVIEW_ROOMS = ("review", "agreement", "diagnostics", "forecast", "posterior")
OF_TESTS = "lift_tests"
"""The check that worlds with lift tests are put to, and the others are not."""
RIGHT = {
    "walking": walking,
    "simulator": lambda seed: simulated(seed, weeks=190, channels=3),
    "textbook": lambda seed: textbook(seed, weeks=190, channels=3),
    "meridian_like": meridian_like,
    "pymc_marketing_like": pymc_marketing_like,
}


def all_worlds(
    worlds: int, tested: int, each: int, first_seed: int, kinds: list[str]
) -> list[tuple[str, str, int]]:
    """Right and broken worlds (`right` or `broken`, maker, seed), makers and kinds taking turns."""
    right = [
        ("right", list(makers)[i % len(makers)], first_seed + i // len(makers))
        for makers, count in ((RIGHT, worlds), (RIGHT_TESTED, tested))
        for i in range(count)
    ]
    broken = [("broken", name, first_seed + i) for i in range(each) for name in kinds]
    pairs = zip_longest(right, broken)
    return [one for one in chain.from_iterable(pairs) if one is not None]


def made(which: str, name: str, seed: int) -> tuple[World, ModelSpec, Evidence | None]:
    """A world, the model it is fitted with, and its lift tests where it has any."""
    if name in RIGHT_TESTED | WRONG:
        tested = (RIGHT_TESTED | WRONG)[name](seed)
        last = max(weighed.test.known_on for weighed in tested.tests)
        return tested.world, spec_of(tested.world.job), Evidence("benchmark", last, tested.tests)
    world = (RIGHT if which == "right" else KINDS)[name](seed)
    return world, spec_of(world.job), None


def fingerprint(world: World, spec: ModelSpec, tests: Evidence | None) -> str:
    """What stored verdicts depend on."""
    code = hashlib.sha256(fit_source(spec).encode())
    for room in REVIEW_ROOMS:
        for path in sorted((ROOT / "mmm_core" / room).glob("*.py")):
            code.update(path.read_bytes())
    code.update(spec.to_yaml().encode())
    code.update(pd.util.hash_pandas_object(world.table).to_numpy().tobytes())
    if tests is not None:
        code.update(tests.version.encode())
    return code.hexdigest()[:16]


def examine(which: str, name: str, seed: int) -> dict[str, Any]:
    """Fit a world and put its checks to it: every ERROR check, with refits, or that of the lift tests."""
    from mmm_core.forecast.holdout import holdout_refits
    from mmm_core.inference.fit import fit
    from mmm_core.posterior.handle import Posterior
    from mmm_core.review.gate import checks
    from mmm_core.review.subject import Subject

    world, spec, tests = made(which, name, seed)
    tree = fit(world.table, spec, lift_tests=tests)
    refits = holdout_refits(world.table, spec, spec.review, tree) if tests is None else []
    subject = Subject(Posterior.of(tree), tuple(Posterior.of(refit) for refit in refits))
    asked = [
        check
        for check in checks(spec.review)
        if (check.name == OF_TESTS) == (tests is not None)
        and (check.severity == "ERROR" or check.name == "media_forecast")
    ]
    verdicts = {}
    for check in asked:
        found = check.run(subject)
        verdicts[found.name] = [found.passed, found.severity, found.figure, found.message]
    return {"which": which, "kind": name, "seed": seed, "world": world.name, "verdicts": verdicts}


def table(records: list[dict[str, Any]]) -> pd.DataFrame:
    """A row a world, a column a check: whether it refuses it, none where not asked; `any` of all ERROR checks."""
    rows = []
    for record in records:
        refused = {
            name: not passed and severity == "ERROR"
            for name, (passed, severity, _, _) in record["verdicts"].items()
        }
        if "breaks" in refused:
            refused["breaks_warns"] = not record["verdicts"]["breaks"][0]
        rows.append({"which": record["which"], "kind": record["kind"], **refused})
    found = pd.DataFrame(rows)
    checks = [name for name in found if name not in ("which", "kind")]
    found = found.astype(dict.fromkeys(checks, "boolean"))
    errors = [name for name in checks if name not in ("breaks_warns", "media_forecast")]
    found["any"] = found[errors].any(axis=1)
    return found


def summary(found: pd.DataFrame) -> dict[str, Any]:
    """False refusals by check, and refusals of each broken kind, with what the check that exists for it does."""
    right, broken = found[found["which"] == "right"], found[found["which"] == "broken"]
    checks = [name for name in found if name not in ("which", "kind")]
    out: dict[str, Any] = {
        "right_worlds": len(right),
        "false_refusals": {name: float(right[name].mean()) for name in checks if right[name].count()},
        "right_worlds_asked": {name: int(right[name].count()) for name in checks},
        "false_refusals_by_maker": {name: float(part["any"].mean()) for name, part in right.groupby("kind")},
        "broken": {},
    }
    for kind, part in broken.groupby("kind"):
        gate = OF_TESTS if kind in WRONG else GATED.get(str(kind))
        out["broken"][str(kind)] = {
            "worlds": len(part),
            "gate": gate,
            "power_of_gate": None if gate is None else float(part[gate].mean()),
            "refused": float(part["any"].mean()),
            "by_check": {name: float(part[name].mean()) for name in checks if part[name].any()},
        }
    return out


def main(argv: list[str] | None = None) -> None:
    """Examine what is not stored yet, print a table and one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=60, help="that the model is right for")
    parser.add_argument("--tested", type=int, default=40, help="that the model is right for, with lift tests")
    parser.add_argument("--each", type=int, default=10, help="broken worlds of each kind")
    parser.add_argument("--kinds", nargs="*", choices=[*KINDS, *WRONG], default=[*KINDS, *WRONG])
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--stored", action="store_true", help="only what is stored already")
    options = parser.parse_args(argv)
    before = machine()
    STORE.mkdir(parents=True, exist_ok=True)
    path = STORE / "gates.jsonl"
    wanted = all_worlds(options.worlds, options.tested, options.each, options.first_seed, options.kinds)
    prints = {one: fingerprint(*made(*one)) for one in wanted}
    kept = _stored(path)
    missing = [] if options.stored else [one for one in wanted if prints[one] not in kept]
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool, path.open("a") as file:
        for one, record in (
            zip(missing, pool.map(examine, *zip(*missing, strict=True)), strict=True) if missing else ()
        ):
            kept[prints[one]] = record
            file.write(dumps({"fingerprint": prints[one], **record}) + "\n")
            file.flush()
            refused = [name for name, verdict in record["verdicts"].items() if not verdict[0]]
            print(f"{record['which']} {record['world']}: {', '.join(refused) or 'passes'}", flush=True)
    records = [kept[prints[one]] for one in wanted if prints[one] in kept]
    if not records:
        raise SystemExit("nothing is stored yet")
    figures = summary(table(records))
    for name, share in figures["false_refusals"].items():
        print(f"{name:16} refuses {share:.1%} of {figures['right_worlds_asked'][name]} right worlds")
    for kind, row in figures["broken"].items():
        gate = row["gate"] or "no gate"
        print(f"{kind:20} {row['worlds']:3} worlds, refused {row['refused']:.0%}, {gate}: {row['by_check']}")
    finish("gates", before, worlds_wanted=len(wanted), **figures)


def _stored(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        return {}
    records = [json.loads(line) for line in path.read_text().splitlines() if line]
    return {record.pop("fingerprint"): record for record in records}


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    main()
