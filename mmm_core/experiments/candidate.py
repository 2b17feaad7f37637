"""Candidates of an experiment: a channel, where, how long, how much more or less, and which record it would leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from mmm_core.evidence.columns import NAMES
from mmm_core.evidence.lift_test import LiftTest, TestedSpend
from mmm_core.experiments.area import Area
from mmm_core.spec.calibration_spec import Design
from mmm_core.spec.model_spec import ModelSpec


@dataclass(frozen=True)
class Candidate:
    """An experiment that could be run.

    Attributes:
        channel: name; position: of it among the paid ones.
        weeks: how long spend differs. change: of its spend, -1 off, 1 doubled.
        start, end: first and last day.
        post_weeks: weeks after it in which the outcome counts.
        weekly_without: spend of each of its weeks in the tested area, as planned.
        spend_with: in all of them, as tested.
    """

    channel: str
    position: int
    area: Area
    weeks: int
    change: float
    start: date
    end: date
    post_weeks: int
    weekly_without: tuple[float, ...]
    spend_with: float

    @property
    def name(self) -> str:
        """Such as `2026-11-02-tv-holdout-6w-25pct`: a `test_id`."""
        sign = "plus" if self.change > 0 else "minus"
        size = "holdout" if self.change == -1 else f"{sign}{100 * abs(self.change):.0f}pct"
        where = "" if self.area.whole else f"-{100 * self.area.asked:.3g}pct-of-market"
        return f"{self.start}-{self.channel}-{size}-{self.weeks}w{where}"

    @property
    def words(self) -> str:
        """The change, as people say it."""
        return change_of_spend(self.change)

    @property
    def design(self) -> Design:
        """By the name that the evidence has for it."""
        if self.area.whole:
            return "scale_up" if self.change > 0 else "scale_down"
        return "geo_scale_up" if self.change > 0 else "geo_holdout"

    @property
    def spend_without(self) -> float:
        """Spend without the experiment, in its weeks and area."""
        return sum(self.weekly_without)

    def measured(self, incremental: float, error: float) -> LiftTest:
        """The lift test that it leaves once it has measured so much outcome with such an error."""
        spend = TestedSpend(self.spend_with, self.spend_without, self.weekly_without)
        return LiftTest(
            self.name,
            {self.channel: spend},
            self.start,
            self.end,
            incremental,
            error,
            self.area.geos,
            self.post_weeks,
            share=self.area.part,
            design=self.design,
        )

    @property
    def incremental_spend(self) -> float:
        """Spend with the experiment less spend without it."""
        return self.spend_with - self.spend_without


def change_of_spend(change: float) -> str:
    """A change of spend as people say it."""
    return "off" if change == -1 else f"{change:+.0%}"


def first_day_of(week: pd.Timestamp, spec: ModelSpec) -> date:
    """First day of a week that the table dates so."""
    return (week - pd.Timedelta(days=6) if spec.time.marks == "end" else week).date()


def last_day_of(start: date, weeks: int) -> date:
    """Last day of so many weeks."""
    return start + timedelta(days=7 * weeks - 1)


def design_rows(candidates: Sequence[Candidate], spec: ModelSpec, currency: str) -> pd.DataFrame:
    """The file of lift tests that these experiments fill in: everything but what is to be measured."""
    market = spec.filter.get("market", "")
    return pd.DataFrame(
        [_row(candidate, str(market), spec, currency) for candidate in candidates], columns=list(NAMES)
    )


def _row(candidate: Candidate, market: str, spec: ModelSpec, currency: str) -> Mapping[str, object]:
    area = candidate.area
    national_part = not area.whole and not area.geos
    return dict.fromkeys(NAMES, "") | {
        "test_id": candidate.name,
        "market": market,
        "channels": candidate.channel,
        "geos": ";".join(area.geos) or "all",
        "population_share": f"{area.share:g}" if national_part else "",
        "start_date": candidate.start.isoformat(),
        "end_date": candidate.end.isoformat(),
        "post_weeks": candidate.post_weeks,
        "design": candidate.design,
        "outcome": "revenue" if spec.kpi.kind == "revenue" else "kpi",
        "spend_with": f"{candidate.spend_with:.12g}",
        "spend_without": f"{candidate.spend_without:.12g}",
        "weekly_spend_without": " ".join(f"{spend:.12g}" for spend in candidate.weekly_without),
        "currency": currency,
        "source": "mmm experiments",
    }
