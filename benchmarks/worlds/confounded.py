"""Worlds where demand that nobody measured moves both sales and search spend, with lift tests that tell the two apart.

National, 156 modelled weeks after 8 of media history, 4 channels, 1 control; carryover geometric, Hill with slope 1. A
model of the table alone credits search with the demand. Every channel was tested twice, at random times: four weeks
without it, the outcome counted for four more. Results are the truth of this file's own arithmetic, and an error of a
fifth of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from benchmarks.common.job import Job
from benchmarks.worlds import World
from benchmarks.worlds.peer_style import BURN_IN, FIRST_WEEK, L_MAX, LEVEL, adstock, autoregressive
from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest

WEEKS, CHANNELS, TESTS = 156, 4, 2
TESTED, AFTER, ERROR = 4, 4, 0.2


@dataclass(frozen=True)
class TestedWorld:
    """A world and the lift tests that were run in it."""

    world: World
    tests: tuple[WeighedTest, ...]


def confounded(seed: int, tests: int = TESTS) -> TestedWorld:
    """A world of one seed, with so many tests a channel."""
    rng = np.random.default_rng([seed, 9])
    rows, counted = WEEKS + L_MAX, slice(L_MAX, None)
    demand = autoregressive(rng, rows + BURN_IN, 1, 0.7)[:, 0]
    media = np.exp(0.5 * autoregressive(rng, rows + BURN_IN, CHANNELS, 0.3))
    media[:, 0] = np.exp(0.45 * demand + 0.15 * rng.standard_normal(len(demand)))  # search follows it
    alpha, half = rng.uniform(0.2, 0.6, CHANNELS), rng.lognormal(0, 0.3, CHANNELS)
    roi = np.exp(rng.normal([-0.6, 0.3, 0.3, 0.3], 0.3))  # search is the least worth its money
    share = rng.dirichlet(np.full(CHANNELS, 6.0)) * 0.3
    mean = media.mean(0)

    def response(path: np.ndarray, c: int) -> np.ndarray:
        carried = adstock(path / mean[c], alpha[c])[BURN_IN:]
        return np.asarray(carried / (carried + half[c]))

    size = [share[c] * WEEKS / response(media[:, c], c)[counted].sum() for c in range(CHANNELS)]
    control = autoregressive(rng, rows, 1, 0.5)[:, 0]
    brought = np.column_stack([size[c] * response(media[:, c], c) for c in range(CHANNELS)])
    level = 1 + np.cumsum(rng.normal(0, 0.006, rows))
    kpi = level + 0.02 * control + 0.06 * demand[BURN_IN:] + brought.sum(1) + 0.02 * rng.standard_normal(rows)
    names = ["search", *(f"channel_{c}" for c in range(2, CHANNELS + 1))]
    table = pd.DataFrame({"week_start": pd.date_range(FIRST_WEEK, periods=rows, freq="7D")})
    for c, name in enumerate(names):
        units = media[BURN_IN:, c]
        price = LEVEL * brought[counted, c].sum() / roi[c] / units[counted].sum()
        table[f"{name}_spend"] = units * price
    table["control_1"], table["revenue"] = control, LEVEL * kpi

    found = []
    for c, name in enumerate(names):
        for number in range(tests):
            first = L_MAX + int(rng.integers(4, WEEKS - TESTED - AFTER))
            without = media[:, c].copy()
            without[BURN_IN + first : BURN_IN + first + TESTED] = 0.0
            caused = brought[:, c] - size[c] * response(without, c)
            true = LEVEL * caused[first : first + TESTED + AFTER].sum()
            start = table["week_start"][first].date()
            spent = float(table[f"{name}_spend"][first : first + TESTED].sum())
            found.append(
                WeighedTest(
                    LiftTest(
                        test_id=f"{name}-{number + 1}",
                        spend={name: TestedSpend(spent, 0.0)},
                        start=start,
                        end=start + timedelta(days=7 * TESTED - 1),
                        post_weeks=AFTER,
                        incremental=float(true * (1 + ERROR * rng.standard_normal())),
                        standard_error=float(ERROR * true),
                        design="conversion_lift",
                    )
                )
            )
    job = Job(
        kpi="revenue", spend={name: f"{name}_spend" for name in names}, controls=("control_1",), l_max=L_MAX,
        season_order=0,
    )  # fmt: skip
    truth = {name: float(value) for name, value in zip(names, roi, strict=True)}
    return TestedWorld(World(f"confounded-{seed}", "confounded", table, job, truth), tuple(found))
