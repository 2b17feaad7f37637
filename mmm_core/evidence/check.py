"""A test held against the data of a model: what cannot be replayed, or contradicts the table, is rejected by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.weeks import first_days
from mmm_core.errors import listed, nearest
from mmm_core.evidence.lift_test import BENCHMARK, LiftTest, Status
from mmm_core.spec.calibration_spec import EvidenceRule
from mmm_core.spec.model_spec import ModelSpec

MARKET = "market"
"""Column of a model's `filter` that a test's market is held against."""


@dataclass(frozen=True)
class Doubt:
    """What speaks against a test.

    Attributes:
        rule: what was broken, in one word.
        status: what it makes of the test: rejected, or needs review.
        reason: with figures and the remedy.
    """

    rule: str
    status: Status
    reason: str


@dataclass(frozen=True)
class MediaWeeks:
    """What a model's data say of the media of its weeks, geos and channels.

    Attributes:
        first: first day of every week with media.
        history: weeks at the start whose outcome is not modelled.
        media: (geo, week, channel) spend, or exposure where a channel is organic.
        national: whether the one geo stands for the whole of the model.
    """

    first: pd.DatetimeIndex
    history: int
    geos: tuple[str, ...]
    channels: tuple[str, ...]
    media: np.ndarray
    national: bool

    @classmethod
    def of(cls, data: xr.Dataset, spec: ModelSpec) -> MediaWeeks:
        """From `mmm_core.data.arrays.model_data`."""
        spend = dict(zip(spec.paid, np.moveaxis(data["spend"].to_numpy(), -1, 0), strict=True))
        exposure = dict(zip(spec.channels, np.moveaxis(data["exposure"].to_numpy(), -1, 0), strict=True))
        media = np.stack([spend.get(channel, exposure[channel]) for channel in spec.channels], axis=-1)
        first = first_days(pd.DatetimeIndex(data["media_week"].to_numpy()), spec)
        history = data.sizes["media_week"] - data.sizes["week"]
        geos = tuple(map(str, data["geo"].to_numpy()))
        return cls(first, history, geos, spec.channels, media, spec.geo is None)

    @property
    def modelled(self) -> tuple[date, date]:
        """First and last day whose outcome is modelled."""
        return self.first[self.history].date(), (self.first[-1] + pd.Timedelta(days=6)).date()

    def of_test(self, test: LiftTest, channel: str) -> np.ndarray:
        """Media of a channel in the geos of a test, summed over them, (week,)."""
        named = self.geos if self.national or not test.geos else test.geos
        rows = [self.geos.index(geo) for geo in named]
        return np.asarray(self.media[rows, :, self.channels.index(channel)].sum(axis=0))

    def touched(self, test: LiftTest) -> np.ndarray:
        """Weeks that share a day with the window, (week,)."""
        return np.asarray(
            (self.first + pd.Timedelta(days=6) >= pd.Timestamp(test.start))
            & (self.first <= pd.Timestamp(test.end))
        )

    def whole(self, test: LiftTest) -> np.ndarray:
        """Weeks that lie in the window with all their days, (week,)."""
        return np.asarray(
            (self.first >= pd.Timestamp(test.start))
            & (self.first + pd.Timedelta(days=6) <= pd.Timestamp(test.end))
        )


def doubts(
    test: LiftTest,
    weeks: MediaWeeks,
    spec: ModelSpec,
    rule: EvidenceRule,
    markets: Collection[str] = (),
) -> tuple[Doubt, ...]:
    """What the data of a model say against a test, worst first; nothing where the two agree.

    Args:
        markets: those there are, to tell another market from a name that nobody knows.
    """
    unknown = tuple(_unknown(test, weeks, spec, rule, markets))
    if unknown:  # what is not known cannot be compared
        return tuple(sorted(unknown, key=lambda doubt: doubt.status != "rejected"))
    return (*_outside(test, weeks), *_contradicting(test, weeks, rule))


def of_model(test: LiftTest, spec: ModelSpec, markets: Collection[str] = ()) -> bool:
    """Whether a test is about the model's market; one of a market that nobody knows is, so that somebody sees it."""
    own = spec.filter.get(MARKET)
    if own is None or not test.market or test.market == own:
        return True
    return bool(markets) and test.market not in markets


def same_geos(one: LiftTest, other: LiftTest) -> bool:
    """Whether two tests share a geo; no geos stand for all."""
    return not one.geos or not other.geos or bool(set(one.geos) & set(other.geos))


def overlap(one: LiftTest, other: LiftTest) -> bool:
    """Whether two tests changed one channel in a geo that both have, and count outcome of the same days.

    A benchmark changed nothing: it stands beside the tests of its weeks.
    """
    return (
        BENCHMARK not in (one.design, other.design)
        and bool(set(one.spend) & set(other.spend))
        and same_geos(one, other)
        and one.start <= other.measured_until
        and other.start <= one.measured_until
    )


def _unknown(
    test: LiftTest, weeks: MediaWeeks, spec: ModelSpec, rule: EvidenceRule, markets: Collection[str]
) -> Iterator[Doubt]:
    """Names that the model does not have, and units it cannot compare."""
    own = spec.filter.get(MARKET)
    if test.market and own is None:
        reason = (
            f"it ran in market '{test.market}', and the model keeps none by `filter`: leave the cell blank"
        )
        yield Doubt("market", "rejected", reason)
    elif test.market and test.market != own:
        reason = f"market '{test.market}' is unknown: {nearest(test.market, [*markets, str(own)])}"
        yield Doubt("market", "rejected", reason)
    for channel in test.channels:
        if channel not in weeks.channels:
            yield Doubt(
                "channel",
                "rejected",
                f"channel '{channel}' is none of the model's: {nearest(channel, weeks.channels)}",
            )
    if weeks.national:
        if test.geos and test.share == 1.0:
            reason = f"it ran in {listed(test.geos)} of a national model: state population_share, what they stand for"
            yield Doubt("geo", "needs review", reason)
    else:
        for geo in test.geos:
            if geo not in weeks.geos:
                yield Doubt(
                    "geo", "rejected", f"geo '{geo}' is none of the model's: {nearest(geo, weeks.geos)}"
                )
        if test.share != 1.0:
            yield Doubt(
                "geo",
                "needs review",
                f"population_share {test.share:g} in a model of geos: name the geos instead",
            )
    if test.currency and test.currency != rule.currency:
        yield Doubt(
            "currency",
            "rejected",
            f"it is in {test.currency}, the model's table in {rule.currency}: convert it, or mend `rule: currency`",
        )
    if test.outcome == "revenue" and spec.kpi.kind == "non_revenue":
        yield Doubt(
            "outcome", "rejected", "it measured revenue, of which the model knows none: state `outcome: kpi`"
        )


def _outside(test: LiftTest, weeks: MediaWeeks) -> Iterator[Doubt]:
    """Windows that the data do not hold."""
    first, last = weeks.modelled
    days = (last - first).days + 1
    if test.days > days:
        yield Doubt(
            "window",
            "rejected",
            f"its window has {test.days} days, the modelled weeks {days}: look at the dates",
        )
    elif test.start < first or test.measured_until > last:
        yield Doubt(
            "window",
            "rejected",
            f"it was measured from {test.start} to {test.measured_until}, outcome is modelled from {first} to {last}: "
            "a test outside of the data cannot be replayed",
        )


def _contradicting(test: LiftTest, weeks: MediaWeeks, rule: EvidenceRule) -> Iterator[Doubt]:
    """Spend that is not the table's.

    A week that the window cuts may have spent on any of its days: what was spent lies between the sum over the weeks
    that are whole and that over all it touches. Where the tested area is a part of a national model, that sum is only
    the most it can have been.
    """
    touched, whole = weeks.touched(test), weeks.whole(test)
    for channel, tested in test.spend.items():
        media = weeks.of_test(test, channel)
        low, high = (float(media[touched & whole].sum()), float(media[touched].sum()))
        if test.share < 1.0:
            low = 0.0
        least, most = low * (1 - rule.spend_tolerance), high * (1 + rule.spend_tolerance)
        if not least <= tested.actual <= max(most, 0.01):  # to the cent
            there = f"{low:,.0f} to {high:,.0f}" if low < high else f"{high:,.0f}"
            yield Doubt(
                "spend",
                "rejected",
                f"it spent {tested.actual:,.0f} on {channel}, the model's table has {there} in those weeks and geos, "
                f"{rule.spend_tolerance:.0%} apart is allowed: mend either",
            )
        if tested.weekly_without and len(tested.weekly_without) != touched.sum():
            yield Doubt(
                "spend",
                "rejected",
                f"weekly_spend_without of {channel} has {len(tested.weekly_without)} weeks, the window touches "
                f"{touched.sum()} of the model's: state one a week",
            )
