"""The media path with and without a lift test, week by week, on the arrays of a model.

A test in a part of a national model, a share s of it, is replayed as if the nation had done what the part did: spend
per head is the nation's outside of the test, and the share is taken of the difference. The nation's own weeks hold both
the part and the rest. With spend a with the test and w without it in the part, the nation would have had, of the week's
media X, had all of it been the one or the other,

    X a / (s a + (1 - s) w)   and   X w / (s a + (1 - s) w)

which for the whole of it, s = 1, are X itself and X w / a.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError, listed, nearest
from mmm_core.evidence.lift_test import LiftTest, TestedSpend

DAYS = 7


@dataclass(frozen=True)
class WithoutTest:
    """What a model's media would have been without a test, and where its outcome was counted.

    Attributes:
        tested: (geo, media_week, channel), media with the test, in the table's units; reach of a channel with reach and
            frequency. As the table has them, but where a part of a nation was tested.
        exposure: the same without the test.
        channels, geos: positions of what was tested.
        counted: positions of the modelled weeks in which the outcome counted: those that the test touched, then its
            post window.
    """

    tested: np.ndarray
    exposure: np.ndarray
    channels: tuple[int, ...]
    geos: tuple[int, ...]
    counted: tuple[int, ...]


def without_test(test: LiftTest, data: xr.Dataset) -> WithoutTest:
    """Take a test out of the media of a model.

    Media are changed by the ratio of the record's two totals, whatever the table holds, so that a test whose spend is
    booked differently still changes as large a part. Exposure changes as spend does. A week that the test touched for
    some of its days is changed by as many sevenths, its outcome is counted whole. Where nothing was spent, what would
    have been is put in as much a day, shared out over the geos as their spend in all other weeks.

    Args:
        data: the arrays of `mmm_core.data.arrays.model_data`.

    Raises:
        InputError: a channel or geo that the model has not, days outside of the modelled weeks, a record by week with
            another number of weeks.
    """
    geos = _tested_geos(test, data)
    channels = _positions(test.channels, data["paid_channel"].to_numpy(), test, "channel")
    days = _tested_days(test, data)
    touched = np.flatnonzero(days)
    history = data.sizes["media_week"] - data.sizes["week"]
    counted = tuple(int(week) for week in range(touched[0], touched[-1] + 1 + test.post_weeks))
    if counted[-1] >= data.sizes["week"]:
        raise InputError(
            f"lift test {test.test_id}: its outcome was counted for {test.post_weeks} weeks after its last, "
            f"which end after the last week of model {data.attrs['model']}: it calibrates once those weeks are there"
        )
    tested, exposure = data["exposure"].to_numpy().copy(), data["exposure"].to_numpy().copy()
    share = days[touched] / DAYS
    for name, channel in zip(test.channels, channels, strict=True):
        within = np.array(geos)[:, None], touched + history, channel
        tested[within], exposure[within] = _paths(
            test, test.spend[name], data, channel, geos, touched + history, share
        )
    return WithoutTest(tested, exposure, channels, geos, counted)


def _paths(
    test: LiftTest,
    spend: TestedSpend,
    data: xr.Dataset,
    channel: int,
    geos: Sequence[int],
    weeks: np.ndarray,
    days: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Exposure (tested geo, week) of a channel with and without the test.

    Args:
        weeks: positions of media weeks. days: of each, how much of it was tested.
    """
    exposure, spent = data["exposure"].to_numpy()[..., channel], data["spend"].to_numpy()[..., channel]
    within = np.array(geos)[:, None], weeks
    there, booked = exposure[within], spent[within].sum(0) * days
    if spend.weekly_without is not None and len(spend.weekly_without) != len(weeks):
        raise InputError(
            f"lift test {test.test_id}: spend without the test is given for {len(spend.weekly_without)} weeks, and its "
            f"days touch {len(weeks)}: one number a week, from the week of {test.start} to that of {test.end}"
        )
    if there.sum() > 0 and (spend.actual > 0 or test.share < 1):
        actual, without = _by_week(spend, booked)
        mixed = test.share * actual + (1 - test.share) * without
        known = mixed > 0  # where the record has nothing in either, nothing is changed
        ratios = (np.divide(part, mixed, out=np.ones(len(weeks)), where=known) for part in (actual, without))
        return tuple(there * (1 - days + days * ratio) for ratio in ratios)
    weekly = (
        spend.without * days / days.sum()
        if spend.weekly_without is None
        else np.asarray(spend.weekly_without)
    )
    others = np.delete(spent[list(geos)], weeks, axis=1).sum(1)
    if others.sum() <= 0:
        raise InputError(
            f"lift test {test.test_id}: {data['channel'].to_numpy()[channel]} has no spend in the tested geos, within "
            "the test or outside it: nothing says what its media without the test were"
        )
    a_unit = exposure[list(geos)].sum() / spent[list(geos)].sum()
    added = a_unit * (others / others.sum())[:, None] * weekly / test.share
    return there, np.asarray(there + added)


def _by_week(spend: TestedSpend, booked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spend (week,) with and without the test, as far as their ratio counts.

    Args:
        booked: what the table has of the tested geos and days, (week,).
    """
    if spend.weekly_without is None:
        return np.full(len(booked), spend.actual), np.full(len(booked), spend.without)
    total = booked.sum()
    actual = spend.actual * booked / total if total > 0 else np.zeros(len(booked))
    return actual, np.asarray(spend.weekly_without)


def _tested_geos(test: LiftTest, data: xr.Dataset) -> tuple[int, ...]:
    """Positions of the geos that were tested; a national model's one geo holds whichever part of the nation it was."""
    part = test.share < 1 and data.sizes["geo"] == 1
    if part or not test.geos:
        return tuple(range(data.sizes["geo"]))
    return _positions(test.geos, data["geo"].to_numpy(), test, "geo")


def _tested_days(test: LiftTest, data: xr.Dataset) -> np.ndarray:
    """Days of each modelled week on which the test ran, (week,)."""
    first = pd.DatetimeIndex(data["week"].to_numpy())
    if data["week"].attrs.get("marks") == "end":
        first = first - pd.Timedelta(days=DAYS - 1)
    days = np.zeros(len(first), dtype=int)
    day = test.start
    while day <= test.end:
        position = int(first.searchsorted(pd.Timestamp(day), side="right")) - 1
        if position < 0 or pd.Timestamp(day) - first[position] >= pd.Timedelta(days=DAYS):
            raise InputError(
                f"lift test {test.test_id}: {day} lies outside the modelled weeks of model {data.attrs['model']}, "
                f"{first[0].date()} to {(first[-1] + pd.Timedelta(days=DAYS - 1)).date()}"
            )
        days[position] += 1
        day += timedelta(days=1)
    return days


def _positions(names: Sequence[str], known: Any, test: LiftTest, what: str) -> tuple[int, ...]:
    there = [str(name) for name in known]
    if unknown := [name for name in names if name not in there]:
        raise InputError(
            f"lift test {test.test_id}: the model has no {what} {listed(unknown)}: {nearest(unknown[0], there)}"
        )
    return tuple(there.index(name) for name in names)
