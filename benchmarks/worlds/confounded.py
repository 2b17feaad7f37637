"""Worlds where demand that nobody measured moves both sales and search spend, with lift tests that tell the two apart.

National, 156 modelled weeks after 8 of media history, 4 channels, 1 control; carryover geometric, saturation Hill. A
model of the table alone credits search with the demand. Every channel was tested twice, at random times: four weeks
without it, the outcome counted for four more. Results are the truth of this file's own arithmetic with a Normal error.

Two kinds of truth:

* **typical**: channels alike, slope 1, search the least worth its money; a test's error is a fifth of the truth. What
  worlds are often like, and much less varied than a model's prior allows.
* **of the prior**: return, carryover, half saturation and slope of every channel are drawn from the priors that the
  model is fitted with, whatever was spent, and a test's error is a fifth of the return that the prior expects: neither
  spend nor error tells the truth, as no model reads it from them. Over such worlds intervals are calibrated or not:
  a 90 % interval promises 90 % over the worlds of its prior, and holds more of those that lie near its middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np
import pandas as pd

from benchmarks.common.job import Job
from benchmarks.sbc import ALPHA, HALF_SATURATION, ROI, SLOPE
from benchmarks.worlds import World, brought_by
from benchmarks.worlds.peer_style import BURN_IN, FIRST_WEEK, L_MAX, LEVEL, adstock, autoregressive
from mmm_core.evidence.lift_test import LiftTest, TestedSpend, WeighedTest

WEEKS, CHANNELS, TESTS = 156, 4, 2
TESTED, AFTER, ERROR = 4, 4, 0.2
NAMES = ("search", *(f"channel_{c}" for c in range(2, CHANNELS + 1)))

Kind = Literal["typical", "prior"]


@dataclass(frozen=True)
class TestedWorld:
    """A world and the lift tests that were run in it."""

    world: World
    tests: tuple[WeighedTest, ...]


@dataclass(frozen=True)
class Truth:
    """Of each channel, (channel,): carryover, saturation, return, and its share of the usual weeks' outcome."""

    alpha: np.ndarray
    half_saturation: np.ndarray
    slope: np.ndarray
    roi: np.ndarray
    share: np.ndarray

    @classmethod
    def typical(cls, rng: np.random.Generator) -> Truth:
        """Channels alike, search the least worth its money."""
        alpha, half = rng.uniform(0.2, 0.6, CHANNELS), rng.lognormal(0, 0.3, CHANNELS)
        roi = np.exp(rng.normal([-0.6, 0.3, 0.3, 0.3], 0.3))
        return cls(alpha, half, np.ones(CHANNELS), roi, _shares(rng))

    @classmethod
    def of_prior(cls, rng: np.random.Generator) -> Truth:
        """From the default priors; spend has the share that it would bring at the ROI that the prior expects."""
        alpha, half = rng.beta(*ALPHA, CHANNELS), rng.lognormal(*HALF_SATURATION, CHANNELS)
        slope, roi = rng.lognormal(*SLOPE, CHANNELS), rng.lognormal(*ROI, CHANNELS)
        expected = np.exp(ROI[0] + ROI[1] ** 2 / 2)
        return cls(alpha, half, slope, roi, _shares(rng) * roi / expected)


def confounded(seed: int, tests: int = TESTS, kind: Kind = "typical") -> TestedWorld:
    """A world of one seed and kind, with so many tests a channel."""
    rng = np.random.default_rng([seed, 9 if kind == "typical" else 14])
    rows, counted = WEEKS + L_MAX, slice(L_MAX, None)
    demand = autoregressive(rng, rows + BURN_IN, 1, 0.7)[:, 0]
    media = np.exp(0.5 * autoregressive(rng, rows + BURN_IN, CHANNELS, 0.3))
    media[:, 0] = np.exp(0.45 * demand + 0.15 * rng.standard_normal(len(demand)))  # search follows it
    truth = Truth.typical(rng) if kind == "typical" else Truth.of_prior(rng)
    mean = media.mean(0)

    def response(path: np.ndarray, c: int) -> np.ndarray:
        carried = adstock(path / mean[c], truth.alpha[c])[BURN_IN:] ** truth.slope[c]
        return np.asarray(carried / (carried + truth.half_saturation[c] ** truth.slope[c]))

    size = [truth.share[c] * WEEKS / response(media[:, c], c)[counted].sum() for c in range(CHANNELS)]
    control = autoregressive(rng, rows, 1, 0.5)[:, 0]
    brought = np.column_stack([size[c] * response(media[:, c], c) for c in range(CHANNELS)])
    level = 1 + np.cumsum(rng.normal(0, 0.006, rows))
    kpi = level + 0.02 * control + 0.06 * demand[BURN_IN:] + brought.sum(1) + 0.02 * rng.standard_normal(rows)
    table = pd.DataFrame({"week_start": pd.date_range(FIRST_WEEK, periods=rows, freq="7D")})
    price = np.zeros(CHANNELS)
    for c, name in enumerate(NAMES):
        units = media[BURN_IN:, c]
        price[c] = LEVEL * brought[counted, c].sum() / truth.roi[c] / units[counted].sum()
        table[f"{name}_spend"] = units * price[c]
    table["control_1"], table["revenue"] = control, LEVEL * kpi

    found = []
    for c, name in enumerate(NAMES):
        for number in range(tests):
            first = L_MAX + int(rng.integers(4, WEEKS - TESTED - AFTER))
            without = media[:, c].copy()
            without[BURN_IN + first : BURN_IN + first + TESTED] = 0.0
            caused = brought[:, c] - size[c] * response(without, c)
            true = LEVEL * caused[first : first + TESTED + AFTER].sum()
            start = table["week_start"][first].date()
            spent = float(table[f"{name}_spend"][first : first + TESTED].sum())
            error, missed = (
                ERROR * (true if kind == "typical" else spent * np.exp(ROI[0])),
                rng.standard_normal(),
            )
            found.append(
                WeighedTest(
                    LiftTest(
                        test_id=f"{name}-{number + 1}",
                        spend={name: TestedSpend(spent, 0.0)},
                        start=start,
                        end=start + timedelta(days=7 * TESTED - 1),
                        post_weeks=AFTER,
                        incremental=float(
                            true * (1 + ERROR * missed) if kind == "typical" else true + error * missed
                        ),
                        standard_error=float(error),
                        design="conversion_lift",
                    )
                )
            )
    job = Job(
        kpi="revenue", spend={name: f"{name}_spend" for name in NAMES}, controls=("control_1",), l_max=L_MAX,
        season_order=0,
    )  # fmt: skip
    roi = {name: float(value) for name, value in zip(NAMES, truth.roi, strict=True)}
    of_kind = "confounded" if kind == "typical" else "confounded-of-prior"
    by_plan = brought_by(lambda c, path: response(path, c), media, price, LEVEL * np.array(size), L_MAX)
    return TestedWorld(World(f"{of_kind}-{seed}", of_kind, table, job, roi, brought=by_plan), tuple(found))


def _shares(rng: np.random.Generator) -> np.ndarray:
    """Of four channels that bring three tenths of a usual week's outcome together."""
    return rng.dirichlet(np.full(CHANNELS, 6.0)) * 0.3
