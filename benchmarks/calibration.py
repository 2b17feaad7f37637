"""What lift tests do to a model that demand misleads, and what they cost: 2 x 20 worlds, two tests a channel.

`benchmarks.worlds.confounded` makes the worlds, of two kinds. Where the truth of media is drawn from the model's prior,
90 % intervals should hold it nine times in ten: the coverage on top of the figures is that. Typical worlds lie near the
middle of what the prior allows: intervals that are right hold more of them, and errors are what a user may expect.

Without tests search is credited with demand that nobody measured. Each world is fitted without tests; with them; with
`follows_demand` for search; and with both, which is called calibrated. The figures are of ROI: how often 90 % intervals
hold the truth, mean absolute error of the posterior mean relative to the truth, CRPS. All tests are right:
`unforeseen_worlds` is the share of worlds in which `mmm calibration` would call one unforeseen. The cost is that of a
fit with ten tests beside the same fit without, both compiled, taking turns.

The peers get the same typical worlds and tests in the form that they take: Meridian as priors of the ROIs,
PyMC-Marketing as steps on its saturation curves. Their fits, minutes each, are kept in
.data/benchmarks/calibration.jsonl as those of `benchmarks.accuracy` are.

make bench B=calibration [ARGS="--worlds 5 --repeats 3 --systems carryover"]
make bench B=calibration ARGS="--kinds prior --fits calibrated --worlds 100 --repeats 0 --systems carryover"
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks import evsi
from benchmarks.accuracy import STORE, kept_fit
from benchmarks.common.diagnostics import score
from benchmarks.common.job import Test
from benchmarks.common.machine import finish, machine, rounded
from benchmarks.common.ours_fit import spec_of
from benchmarks.common.systems import OURS, SYSTEMS
from benchmarks.worlds.confounded import Kind, TestedWorld, confounded
from benchmarks.worlds.simulator import simulated
from mmm_core.agreement.moves import unforeseen
from mmm_core.agreement.report import calibration_report
from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest
from mmm_core.evidence.stored import Evidence
from mmm_core.inference.fit import fit

TESTS_OF_COST = 10
PANEL_DRAWS = 250  # a fit of 1000 takes a minute
FITS = ("calibrated", "uncalibrated", "tests_alone", "demand_alone")
KINDS: tuple[Kind, ...] = get_args(Kind)


def main(argv: list[str] | None = None) -> None:
    """Fit, print a line a world and one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument(
        "--repeats",
        type=int,
        default=5,
        help="pairs of fits that the cost is the median of; 0: no cost, and no worth of experiments",
    )
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="of worlds")
    parser.add_argument("--fits", nargs="+", choices=FITS, default=list(FITS), help="of ours, in each world")
    parser.add_argument(
        "--store", type=Path, default=STORE, help="folder of the peers' finished fits and compiled programs"
    )
    options = parser.parse_args(argv)
    before = machine()
    peers = [system for system in options.systems if system != OURS]
    ours = OURS in options.systems
    ratios = {"cost_ratio": cost(options.repeats), **evsi.agreement()} if options.repeats and ours else {}
    seeds = range(options.first_seed, options.first_seed + options.worlds)
    found: dict[str, Any] = {"worlds": options.worlds}
    if ours and "prior" in options.kinds:
        found |= summary(our_fits(seeds, "prior", options.fits))
    if "typical" in options.kinds:
        rows = [our_fits(seeds, "typical", options.fits)] if ours else []
        rows += [peer_fits(seeds, system, options.store) for system in peers]
        found["typical_worlds"] = beside_peers(pd.concat(rows), peers)
    finish("calibration", before, **rounded(found | ratios))


def our_fits(seeds: range, kind: Kind, fits: list[str]) -> pd.DataFrame:
    """A row a world, fit and channel; prints a line a world."""
    rows = []
    for seed in seeds:
        rows.append(fits_of(confounded(seed, kind=kind), fits))
        print(line(rows[-1]), flush=True)
    return pd.concat(rows)


def peer_fits(seeds: range, system: str, store: Path) -> pd.DataFrame:
    """A row a world and channel, of a peer told of the tests of typical worlds; prints a line a world."""
    rows = []
    for seed in seeds:
        rows.append(peer_fit(system, confounded(seed), store))
        print(peer_line(rows[-1]), flush=True)
    return pd.concat(rows)


def beside_peers(rows: pd.DataFrame, peers: list[str]) -> dict[str, Any]:
    """The figures of our fits, of each peer, and the ratios of the two."""
    found = summary(rows)
    for system in peers:
        of_peer = figures(rows[rows["fit"] == system])
        found[system] = of_peer
        if "crps" in found:
            for figure in ("relative_error", "crps"):
                found[f"{figure}_ratio_vs_{system}"] = found[figure] / of_peer[figure]
    return found


def peer_fit(system: str, tested: TestedWorld, store: Path) -> pd.DataFrame:
    """A row a channel, of a peer told of the tests."""
    tests = tuple(neutral(weighed.test) for weighed in tested.tests)
    world = replace(tested.world, job=tested.world.job.with_(tests=tests))
    record = kept_fit(system, world, world.job, store, "calibration.jsonl")
    return pd.DataFrame(
        {"world": world.name, "fit": system, "channel": name, **channel}
        for name, channel in record["channels"].items()
    )


def neutral(test: LiftTest) -> Test:
    """A test of one channel in words that belong to no system."""
    ((channel, spend),) = test.spend.items()
    return Test(
        channel,
        str(test.start),
        test.days // 7,
        spend.actual,
        spend.without,
        test.incremental,
        test.standard_error,
    )


def fits_of(tested: TestedWorld, fits: list[str]) -> pd.DataFrame:
    """A row a channel, of those of FITS that are wanted."""
    world, evidence = tested.world, evidence_of(tested.tests)
    follows = {"media": {"channels": {"search": {"follows_demand": True}}}}
    plain, told = spec_of(world.job), spec_of(world.job.with_(settings={OURS: follows}))
    given = zip(FITS, ((told, evidence), (plain, None), (plain, evidence), (told, None)), strict=True)
    rows = []
    for name, (spec, tests) in given:
        if name not in fits:
            continue
        tree = fit(world.table, spec, lift_tests=tests)
        called = len(unforeseen(calibration_report(tree).tests)) if name == FITS[0] else np.nan
        rows += [
            {
                "world": world.name,
                "fit": name,
                "channel": channel,
                **vars(score(draws, world.true_roi[channel])),
                "unforeseen": called,
            }
            for channel, draws in roi(tree).items()
        ]
    return pd.DataFrame(rows)


def evidence_of(tests: tuple[WeighedTest, ...]) -> Evidence:
    """Tests as approved evidence."""
    return Evidence("benchmark", max(each.test.known_on for each in tests), tests)


def roi(tree: xr.DataTree) -> dict[str, np.ndarray]:
    """Draws of each channel's ROI."""
    found = tree["posterior"]["roi"]
    return {str(name): found.sel(paid_channel=name).to_numpy() for name in found["paid_channel"].to_numpy()}


def figures(rows: pd.DataFrame) -> dict[str, float]:
    """What is asked of the fits of one kind."""
    error = ((rows["mean"] - rows["true"]) / rows["true"]).abs()
    ranked = rows.groupby("world")[["mean", "true"]].apply(lambda g: g["mean"].corr(g["true"], "spearman"))
    return {
        "coverage_90": rows["covered"].mean(),
        "relative_error": error.mean(),
        "relative_error_search": error[rows["channel"] == "search"].mean(),
        "crps": rows["crps"].mean(),
        "rank_correlation": ranked.mean(),
    }


def summary(rows: pd.DataFrame) -> dict[str, Any]:
    """The figures of every fit of ours, and the ratios of what tests and `follows_demand` leave of the errors."""
    out: dict[str, Any] = {}
    for name in [name for name in FITS if (rows["fit"] == name).any()]:
        end = "" if name == FITS[0] else f"_{name}"
        out |= {f"{figure}{end}": value for figure, value in figures(rows[rows["fit"] == name]).items()}
    if "crps" in out and "crps_uncalibrated" in out:
        out["error_ratio"] = out["relative_error"] / out["relative_error_uncalibrated"]
        out["crps_ratio"] = out["crps"] / out["crps_uncalibrated"]
    if "unforeseen" in rows and rows["unforeseen"].notna().any():
        out["unforeseen_worlds"] = (
            rows[rows["fit"] == FITS[0]].groupby("world")["unforeseen"].max().gt(0).mean()
        )
    return out


def line(rows: pd.DataFrame) -> str:
    """One readable line a world."""
    search = rows[rows["channel"] == "search"]
    means = ", ".join(f"{fit} {mean:.2f}" for fit, mean in zip(search["fit"], search["mean"], strict=True))
    held = rows.groupby("fit", sort=False)["covered"].sum()
    return (
        f"{rows['world'].iloc[0]:22s} search: true {search['true'].iloc[0]:.2f}, {means}"
        f"   held {', '.join(map(str, held))} of {rows['channel'].nunique()}"
    )


def peer_line(rows: pd.DataFrame) -> str:
    """One readable line of a peer's fit."""
    search = rows[rows["channel"] == "search"].iloc[0]
    return (
        f"{rows['world'].iloc[0]:15s} search: true {search['true']:.2f}   {search['fit']} with tests "
        f"{search['mean']:.2f}   held {int(rows['covered'].sum())} of {len(rows)}"
    )


def cost(repeats: int) -> dict[str, Any]:
    """Seconds of a fit with ten tests by those of one without, of a national model and of a panel."""
    national = confounded(1, tests=3)
    few = national.tests[:TESTS_OF_COST]
    panel = simulated(7, market="uk", geos=20)
    return {
        "national": ratio(national.world.table, spec_of(national.world.job), few, repeats),
        "panel": ratio(
            panel.table,
            spec_of(panel.job.with_(draws=PANEL_DRAWS)),
            tests_of_panel(panel.table, list(panel.job.spend)),
            repeats,
        ),
    }


def tests_of_panel(table: pd.DataFrame, channels: list[str]) -> tuple[WeighedTest, ...]:
    """Ten holdouts, each of five geos and six weeks, the outcome counted for four more."""
    weeks, geos = pd.DatetimeIndex(table["week_start"].unique()), sorted(table["geo"].unique())
    out = []
    for number in range(TESTS_OF_COST):
        name, some = channels[number % len(channels)], tuple(geos[number : number + 5])
        start = weeks[20 + 10 * number]
        within = table["week_start"].between(start, start + pd.Timedelta(weeks=5)) & table["geo"].isin(some)
        spent = float(table.loc[within, f"{name}_spend"].sum())
        end = (start + pd.Timedelta(days=41)).date()
        test = LiftTest(
            f"{number}",
            {name: TestedSpend(spent, 0.0)},
            start.date(),
            end,
            spent,
            0.3 * spent,
            some,
            post_weeks=4,
        )
        if spent > 0:
            out.append(WeighedTest(test))
    return tuple(out)


def ratio(table: pd.DataFrame, spec: Any, tests: tuple[WeighedTest, ...], repeats: int) -> dict[str, Any]:
    """Median over pairs of fits, compiled before."""
    evidence = evidence_of(tests)
    pairs = []
    for repeat in range(repeats + 1):
        seconds = []
        for some in (None, evidence):
            begun = time.perf_counter()
            tree = fit(table, spec, lift_tests=some)
            stats = tree["sample_stats"]
            gradients = int(stats["num_steps"].sum()) + int(stats.attrs["warmup_steps"])
            seconds.append((time.perf_counter() - begun, stats.attrs["sampling_seconds"] / gradients))
        if repeat:
            pairs.append((seconds[1][0] / seconds[0][0], seconds[1][1] / seconds[0][1]))
    fits, gradients = np.median(pairs, axis=0)
    return {"tests": len(tests), "fit": float(fits), "gradient": float(gradients)}


if __name__ == "__main__":
    main()
