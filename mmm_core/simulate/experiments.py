"""Lift tests: what an experiment would have measured, by replaying the truth with and without part of the spend.

A test compares the spend that happened with a counterfactual spend of the same geos and weeks. Its result is the
difference in revenue between the two within the test's own weeks (carry-over past the last day is not measured; of
what comes by way of the brand, the little that is there by then), plus Normal(0, standard_error). A rejected test also
counted revenue that was not caused by the channel: it reports about three times the truth, which is why only approved
tests may calibrate a model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.simulate.draws import Draws, Window
from mmm_core.simulate.market import Market

ROUND = 26  # weeks between the starts of two rounds of tests
STATUSES = ("approved", "approved", "pending", "approved", "rejected")
PLATFORM, IN_HOUSE = "ad platform", "marketing science"
REPORTED_AFTER = 7  # days from the last Monday of a test to its result
SPILLOVER = 2.0  # what a rejected test counts beside the truth, in multiples of it


@dataclass(frozen=True)
class Design:
    """How a test was run, the share of the actual spend that its counterfactual keeps, and who measured it."""

    name: str
    kept: float
    source: str


NATIONAL_DESIGNS = (
    Design("conversion_lift", 0.0, PLATFORM),
    Design("scale_up", 0.6, IN_HOUSE),
    Design("scale_down", 1.5, IN_HOUSE),
)
GEO_DESIGNS = (Design("geo_holdout", 0.0, IN_HOUSE), Design("geo_scale_up", 0.6, IN_HOUSE))


def lift_tests(market: Market) -> pd.DataFrame:
    """Every test that ended within the market's weeks, one row each.

    The columns of the landing table `experiments/lift_tests` in USD, and `true_incremental_outcome`, which belongs to
    the truth only. A national market runs one test a round, a geo panel two.
    """
    first, last = market.window.first // ROUND, market.window.last // ROUND
    tests = [
        _run(market, number, slot) for number in range(first, last + 1) for slot in range(_slots(market))
    ]
    return pd.DataFrame([test for test in tests if test is not None], columns=COLUMNS)


COLUMNS = [
    "test_id",
    "market",
    "channels",
    "geos",
    "start_date",
    "end_date",
    "post_weeks",
    "design",
    "outcome",
    "incremental_outcome",
    "standard_error",
    "spend_with",
    "spend_without",
    "currency",
    "source",
    "reported_date",
    "status",
    "true_incremental_outcome",
]


def _run(market: Market, number: int, slot: int) -> dict[str, object] | None:
    """Test `slot` of round `number`, or None where it does not fit into the market's weeks."""
    spend = market.truth.weekly["spend"]
    geos = spend["geo"].values.astype(object)
    names = [channel.channel for channel in market.truth.channels]
    channel = (number * _slots(market) + slot) % len(names)
    designs = NATIONAL_DESIGNS if len(geos) == 1 else GEO_DESIGNS
    design = designs[(number + slot) % len(designs)]
    status = STATUSES[(number + 2 * slot) % len(STATUSES)]

    drawn = Draws(market.seed, market.name).generator(f"lift test {number} {slot}")
    earliest, weeks = number * ROUND + int(drawn.integers(0, 10)), int(drawn.integers(4, 7))
    order, precision, noise = drawn.permutation(len(geos)), drawn.uniform(0.12, 0.35), drawn.standard_normal()

    # It starts in the first week in which at least half of the geos spend, in a quarter of the geos, of those that do.
    if earliest < market.window.first + market.truth.l_max:
        return None
    active = spend.values[:, :, channel] > 0
    searched = range(
        earliest - market.window.first, min(earliest + ROUND // 2 - market.window.first, active.shape[1])
    )
    start = next((week for week in searched if active[:, week].mean() >= 0.5), None)
    if start is None or start + weeks > active.shape[1]:
        return None
    tested = np.sort([geo for geo in order if active[geo, start]][: max(1, len(geos) // 4)])

    treated = np.zeros(spend.shape, dtype=bool)
    treated[tested, start : start + weeks, channel] = True
    otherwise = spend.copy(data=np.where(treated, spend.values * design.kept, spend.values))
    lost = market.truth.counterfactual(otherwise)
    caused = (lost["short"] + lost["long"]).values[treated].sum()
    error = round(float(precision * abs(caused)), 2)
    counted = caused * (1 + SPILLOVER) if status == "rejected" else caused
    days = Window(market.window.first + start, weeks)
    return {
        "test_id": f"{market.name}-{days.dates[0].astype('datetime64[D]')}-{names[channel]}",
        "market": market.name,
        "channels": names[channel],
        "geos": ";".join(geos[tested]),
        "start_date": days.dates[0],
        "end_date": days.dates[-1] + np.timedelta64(6, "D"),
        "post_weeks": 0,
        "design": design.name,
        "outcome": "revenue",
        "incremental_outcome": round(float(counted + error * noise), 2),
        "standard_error": error,
        "spend_with": round(float(spend.values[treated].sum()), 2),
        "spend_without": round(float(otherwise.values[treated].sum()), 2),
        "currency": "USD",
        "source": design.source,
        "reported_date": days.dates[-1] + np.timedelta64(REPORTED_AFTER, "D"),
        "status": status,
        "true_incremental_outcome": float(caused),
    }


def _slots(market: Market) -> int:
    """Tests a round."""
    return 1 if market.truth.weekly.sizes["geo"] == 1 else 2
