"""A read-out as a lift test: what it takes for a model to be calibrated by it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta

from mmm_core.errors import InputError, listed
from mmm_core.evidence.lift_test import LiftTest, Outcome, TestedSpend
from mmm_core.readout.record import Readout

SOURCE = "mmm lift"


def lift_test(
    readout: Readout,
    test_id: str,
    spend: Mapping[str, TestedSpend],
    outcome: Outcome = "revenue",
    currency: str = "",
) -> LiftTest:
    """The read-out of a cell as a record that calibrates.

    Args:
        test_id: its name.
        spend: of each tested channel in the geos and days of the cell, with the test and without it.
        outcome: whether the panel's outcome is revenue or units of the KPI.
        currency: of spend and revenue.

    Raises:
        InputError: no channel, a negative amount, spend that the test did not change, or no error at all.
    """
    if not spend:
        raise InputError("a lift test needs the channel that was tested: name it and its spend")
    for channel, amounts in spend.items():
        if amounts.actual < 0 or amounts.without < 0:
            raise InputError(f"spend of {channel} is negative: spend is what was paid, 0 or more")
    actual, without = (
        sum(getattr(amounts, of) for amounts in spend.values()) for of in ("actual", "without")
    )
    unchanged = [channel for channel, amounts in spend.items() if amounts.actual == amounts.without]
    if unchanged or actual == without:
        of = f" of {listed(unchanged)}" if unchanged else ""
        raise InputError(
            f"spend{of} with and without the test is the same: state what would have been spent without it"
            + (", or leave the channel out" if unchanged and len(spend) > 1 else "")
        )
    if not readout.standard_error > 0:
        raise InputError(
            f"cell {readout.cell}: the placebos have no error at all, and so the test would have none: a panel of real "
            "outcomes has noise"
        )
    return LiftTest(
        test_id=test_id,
        spend=dict(spend),
        start=readout.start,
        end=readout.end,
        incremental=readout.incremental,
        standard_error=readout.standard_error,
        geos=readout.geos,
        post_weeks=post_weeks(readout),
        outcome=outcome,
        currency=currency,
        design="geo_scale_up" if actual > without else "geo_holdout" if actual == 0 else "scale_down",
        source=SOURCE,
        reported=readout.last_measured,
        pre_period_error=readout.fit.held_out_mape if math.isfinite(readout.fit.held_out_mape) else None,
    )


def post_weeks(readout: Readout) -> int:
    """Whole weeks, from Monday or of the panel's own, that were measured after the week of the last day."""
    if readout.unit == "week":
        return sum(period.start > readout.end for period in readout.periods)
    sunday = readout.end + timedelta(days=6 - readout.end.weekday())
    return max(0, (readout.last_measured - sunday).days // 7)


def row(test: LiftTest, readout: Readout, market: str = "") -> dict[str, str | float | int]:
    """A row of a table of lift tests, as `mmm evidence --lift-tests` and the landing folder read it.

    Args:
        market: which the landing folder asks for.
    """
    amounts = test.spend.values()
    return {
        "test_id": test.test_id,
        "market": market,
        "channels": ";".join(test.channels),
        "geos": ";".join(test.geos),
        "start_date": test.start.isoformat(),
        "end_date": test.end.isoformat(),
        "post_weeks": test.post_weeks,
        "design": test.design,
        "outcome": test.outcome,
        "incremental_outcome": test.incremental,
        "standard_error": test.standard_error,
        "spend_with": ";".join(f"{amount.actual:.12g}" for amount in amounts),
        "spend_without": ";".join(f"{amount.without:.12g}" for amount in amounts),
        "currency": test.currency,
        "source": test.source,
        "reported_date": readout.last_measured.isoformat(),
        "pre_period_error": "" if test.pre_period_error is None else test.pre_period_error,
    }
