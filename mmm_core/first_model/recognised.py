"""What every column of a table is taken for in a first model, and what its values forbid.

Names say first what a column may be; then the KPI is chosen, the window ends where it does, and what a fit would refuse
is left out, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mmm_core.data.weeks import first_days
from mmm_core.data_health.unit_cost import UNPAIRED
from mmm_core.errors import InputError, listed, nearest
from mmm_core.first_model import words
from mmm_core.first_model.channels import ChannelGuess, channels_of
from mmm_core.first_model.columns import ColumnValues
from mmm_core.first_model.frame import Frame
from mmm_core.first_model.roles import (
    LEFT_OUT,
    TEXT,
    UNKNOWN,
    Guess,
    chosen_kpi,
    guesses,
    media_by_values,
    moves_with,
    named_as_outcome,
)
from mmm_core.first_model.values import broken_prices, cut_off, silent_weeks
from mmm_core.spec.model_spec import parse_spec

PART_OF_OUTCOME = 0.95
"""A column whose weekly changes correlate so with the KPI's is a part of the outcome, or its twin."""

SHORT_WEEK = 7
"""Days of a whole week."""

LAGS = ((78, 8), (44, 4), (0, 2))
"""Weeks from which on a longest lag leaves enough of them to learn from."""


@dataclass(frozen=True)
class ColumnRole:
    """What became of one column: its role in the proposal, and why."""

    column: str
    role: str
    why: str


class Recognised:
    """The columns of a table with their roles: guesses first, then what the values forbid.

    Attributes:
        why: role of each column, and what it rests on. traps: what looks wrong; gaps: what a model would miss.
        kpi, worth, revenue, gappy: column of the outcome, that of what a unit is worth, whether it is money, has gaps.
        from_, to: the window, where it is not the whole table. weeks: of the table. l_max: the longest lag.
        paid, organic, controls, treatments, events, population: what the model would read.
    """

    def __init__(self, source: str, columns: dict[str, ColumnValues], frame: Frame, kpi: str | None) -> None:
        self.source, self.frame = source, frame
        self.columns = {name: _kept(column, frame.keep) for name, column in columns.items()}
        self.traps: list[str] = list(frame.traps)
        self.gaps: list[str] = []
        self.parts_of_outcome: list[str] = []
        self.why: dict[str, ColumnRole] = {}
        for column, role in ((frame.week, "week"), (frame.geo, "geo")):
            if column:
                self.why[column] = ColumnRole(column, role, frame.why[column])
        for column in frame.filter:
            self.why[column] = ColumnRole(column, "filter", frame.why[column])
        self.weeks = pd.DatetimeIndex(np.sort(self.columns[frame.week].values.unique()))
        self.l_max = next(lag for weeks, lag in LAGS if len(self.weeks) >= weeks)
        self._recognise(kpi)

    @property
    def modelled(self) -> int:
        """Weeks of the window less the media history."""
        return int(self._in_window(pd.Series(self.weeks)).sum()) - self.l_max

    def _recognise(self, kpi: str | None) -> None:
        """Give every column its role."""
        rest = {name: column for name, column in self.columns.items() if name not in self.why}
        self.found: dict[str, Guess] = guesses(rest)
        self._choose_kpi(kpi)
        self._limit_window()
        if not any(guess.role == "spend" for guess in self.found.values()):
            taken = media_by_values(self.columns, self.found)
            for name in taken:
                self.found[name] = Guess(
                    name, "spend", "taken for media by its values alone: never below 0, many values"
                )
            if taken:
                self.traps.append(
                    f"no column is named as spend: {listed(taken)} are taken for it by their values alone; a "
                    "control among them belongs under `controls`"
                )
        self._population()
        self._drop_totals()
        self.paid, self.organic = channels_of(self.found)
        self.paid = [channel for each in self.paid if (channel := self._usable(each))]
        self.organic = [channel for each in self.organic if (channel := self._usable(each))]
        if not self.paid:
            raise InputError(
                f"{self.source}: no column is media: name spend as <channel>_spend (and exposure as "
                "<channel>_impressions), or write the model's YAML by hand"
            )
        self.controls = self._levers("control")
        self.treatments = self._levers("treatment")
        self.events = self._events()
        self._unread()
        for name, guess in self.found.items():
            if name not in self.why:
                role = LEFT_OUT
                why = guess.why
                if guess.role == UNKNOWN:
                    why += ": if it moves the KPI and is nobody's lever, name it under `controls`"
                elif guess.role.startswith("kpi"):
                    why = "another outcome: a result explains no result"
                elif guess.role == "event":
                    why = "named as events, and not used"
                self.why[name] = ColumnRole(name, role, why)

    def _choose_kpi(self, kpi: str | None) -> None:
        candidates = chosen_kpi(self.found)
        if kpi is not None:
            if kpi not in self.found or not self.columns[kpi].is_number:
                known = [name for name, column in self.columns.items() if column.is_number]
                raise InputError(f"{self.source}: --kpi {kpi} is no column of numbers: {nearest(kpi, known)}")
            candidates = [kpi, *(name for name in candidates if name != kpi)]
        if not candidates:
            numeric = [name for name in self.found if self.columns[name].is_number]
            constant = [name for name in numeric if self.columns[name].constant and named_as_outcome(name)]
            raise InputError(
                f"{self.source}: no column is named as an outcome (revenue, sales, orders, conversions ...)"
                + (f" and changes: {listed(constant)} never does" if constant else "")
                + f": name it with --kpi; columns of numbers: {listed(numeric, 20)}"
            )
        self.kpi = candidates[0]
        guess = self.found[self.kpi]
        worth = [name for name, each in self.found.items() if each.role == "revenue per unit"]
        self.worth = next((name for name in worth if self._positive(name)), None)
        money = guess.role == "kpi money" or (kpi is not None and words.has(words.tokens(kpi), words.MONEY))
        if money:
            self.worth = None
        self.revenue = money or self.worth is not None
        others = f"; {listed(candidates[1:])} would do too" if len(candidates) > 1 else ""
        self.why[self.kpi] = ColumnRole(self.kpi, "kpi", ("asked for" if kpi else guess.why) + others)
        if self.worth:
            self.why[self.worth] = ColumnRole(self.worth, "revenue per unit", self.found[self.worth].why)
        if not self.revenue:
            self.gaps.append(
                f"what a unit of {self.kpi} is worth: without it effects are in units (`kind: non_revenue`) "
                "and no ROI is in money"
            )

    def _limit_window(self) -> None:
        """End and begin where the KPI does, and leave out weeks that a column of days says are short."""
        self.from_ = self.to = None
        weeks = self.columns[self.frame.week].values
        total = self.columns[self.kpi].values.groupby(weeks).sum(min_count=1).reindex(self.weeks)
        there = np.flatnonzero((total.fillna(0) > 0).to_numpy())
        if len(there):
            if there[0] > 0:
                self.from_ = self.weeks[there[0]]
                self.traps.append(f"{self.kpi} begins on {self.from_.date()} only: the window begins there")
            if there[-1] < len(self.weeks) - 1:
                self.to = self.weeks[there[-1]]
                self.traps.append(
                    f"{self.kpi} is 0 or missing after {self.to.date()}, the last "
                    f"{len(self.weeks) - 1 - there[-1]} weeks: weeks to come, or an export that was cut off: the "
                    "window ends there"
                )
        lengths = [
            name
            for name in self.found
            if words.tokens(name) in (("days",), ("n", "days"), ("days", "in", "week"))
        ]
        for name in lengths:
            self._short_weeks(name, weeks)
        kept = self._in_window(weeks)
        self.gappy = bool(self.columns[self.kpi].values[kept].isna().any())
        if self.gappy:
            self.traps.append(
                f"{self.kpi} is missing in some weeks: they are left out of the likelihood (`gaps: leave_out`)"
            )

    def _short_weeks(self, name: str, weeks: pd.Series) -> None:
        length = self.columns[name].values.groupby(weeks).max().reindex(self.weeks)
        short = self.weeks[(length < SHORT_WEEK).to_numpy()]
        if not len(short) or len(short) > len(self.weeks) / 10:
            return
        self.why[name] = ColumnRole(name, LEFT_OUT, "days of each week")
        if short[0] == self.weeks[0]:
            self.from_ = self.weeks[1]
        if short[-1] == self.weeks[-1]:
            self.to = self.weeks[-2]
        told = listed(f"{day.date()}: {length[day]:.0f}" for day in short)
        inside = [day for day in short if day not in (self.weeks[0], self.weeks[-1])]
        self.traps.append(
            f"weeks of fewer than {SHORT_WEEK} days by column {name} ({told}): the window leaves those at its ends out"
            + (f"; complete {listed(day.date() for day in inside)}" if inside else "")
        )

    def _in_window(self, weeks: pd.Series) -> pd.Series:
        kept = pd.Series(True, weeks.index)
        if self.from_ is not None:
            kept &= weeks >= self.from_
        if self.to is not None:
            kept &= weeks <= self.to
        return kept

    def _values(self, name: str, modelled: bool = False) -> pd.Series:
        """A column in the window; without the media history where only modelled weeks count."""
        weeks = self.columns[self.frame.week].values
        kept = self._in_window(weeks)
        if modelled:
            kept &= weeks >= np.sort(weeks[kept].unique())[min(self.l_max, weeks[kept].nunique() - 1)]
        return self.columns[name].values[kept]

    def _positive(self, name: str) -> bool:
        return bool((self.columns[name].values > 0).all())

    def _leave_out(self, name: str, why: str, trap: bool = True) -> None:
        self.why[name] = ColumnRole(name, LEFT_OUT, why)
        if trap:
            self.traps.append(f"{name}: {why}")

    def _population(self) -> None:
        self.population = None
        for name, guess in self.found.items():
            if guess.role != "population":
                continue
            if self.frame.geo is None:
                self._leave_out(name, "people of the one market: nothing is modelled per head", trap=False)
                continue
            people = self.columns[name].values
            usual = people.groupby(self.columns[self.frame.geo].values).transform("median")
            if not self._positive(name) or ((people / usual - 1).abs() > 0.05).any():
                self._leave_out(name, "jumps within a geo, or is not above 0: state one figure for all weeks")
            elif self.population is None:
                self.population = name
                self.why[name] = ColumnRole(
                    name, "population", "people of each geo: media and KPI are modelled per head"
                )

    def _drop_totals(self) -> None:
        """A column that is the sum of the others is no channel."""
        spends = [name for name, guess in self.found.items() if guess.role == "spend"]
        everything = sum(self.columns[name].values.fillna(0) for name in spends)
        for name in spends if len(spends) > 2 else ():
            values = self.columns[name].values.fillna(0)
            if np.allclose(
                everything - values, values, rtol=1e-6, atol=1e-6 * max(float(values.abs().max()), 1e-9)
            ):
                self.found[name] = Guess(name, LEFT_OUT, "the sum of all other spend")
                self._leave_out(name, "is the sum of all other spend, and no channel")

    def _usable(self, channel: ChannelGuess) -> ChannelGuess | None:
        """The channel with the columns that a fit would take; None where it is left out."""
        for name in channel.spare:
            self.why[name] = ColumnRole(name, LEFT_OUT, f"further media of {channel.name}")
        if channel.exposure and channel.spend and (fault := self._media_fault(channel.exposure)):
            self._leave_out(channel.exposure, f"{fault}: the spend of {channel.name} is modelled by itself")
            channel = ChannelGuess(channel.name, channel.spend)
        if channel.exposure and channel.spend and (fault := self._unpaired(channel.exposure, channel.spend)):
            self._leave_out(channel.exposure, fault)
            channel = ChannelGuess(channel.name, channel.spend)
        if channel.reach and (fault := self._reach_fault(channel)):
            self._leave_out(channel.reach, fault)
            self._leave_out(str(channel.frequency), fault, trap=False)
            channel = ChannelGuess(channel.name, channel.spend)
        for read in channel.columns:
            if read != channel.frequency and (fault := self._media_fault(read)):
                for each in channel.columns:
                    self._leave_out(each, f"{channel.name}: {fault}", trap=each == read)
                return None
        if not channel.columns:
            return None
        roles = {
            "spend": channel.spend,
            "exposure": channel.exposure,
            "reach": channel.reach,
            "frequency": channel.frequency,
        }
        for role, column in roles.items():
            if column:
                kind = role if channel.spend else f"organic {role}"
                self.why[column] = ColumnRole(column, f"{kind} of {channel.name}", self.found[column].why)
        if not channel.spend and words.has(words.tokens(channel.columns[0]), words.ANSWERS):
            self.traps.append(
                f"{channel.columns[0]} counts people who answered, who were about to buy: it takes credit for sales "
                "that it only announces; bring how many were reached instead, as with mails sent"
            )
        if not channel.spend and self.found[channel.columns[0]].role in ("exposure", "clicks"):
            self.traps.append(
                f"{channel.columns[0]} has no spend beside it: taken for organic media; if it is paid, bring its spend"
            )
        return channel

    def leave_out_twin(self, one: str, other: str) -> None:
        """Keep of two channels that are one series the one that is paid for, or stands first."""
        channels = {channel.name: channel for channel in (*self.paid, *self.organic)}
        if not {one, other} <= channels.keys():
            return
        kept, gone = (one, other) if channels[one].spend or not channels[other].spend else (other, one)
        self.paid = [channel for channel in self.paid if channel.name != gone]
        self.organic = [channel for channel in self.organic if channel.name != gone]
        why = (
            f"{gone} and {kept} are one series under two names: only their sum is known, and {kept} stands for both; "
            "where they are two channels, bring data in which they differ, or add their spend up"
        )
        for column in channels[gone].columns:
            self._leave_out(column, why, trap=column == channels[gone].columns[0])

    def _media_fault(self, name: str) -> str:
        values = self._values(name)
        if values.isna().any() and len(self.columns[name].unread):
            return "cells of it are no numbers: mend them, and it is a channel"
        if values.isna().any():
            return f"missing in {int(values.isna().sum())} rows: write 0 where it was off"
        if (values < 0).any():
            return f"below 0 in {int((values < 0).sum())} rows: book refunds in the week of what they correct"
        if not (self._values(name, modelled=True) > 0).any():
            return "0 in every week that is modelled"
        return ""

    def _unpaired(self, exposure: str, spend: str) -> str:
        """Why an exposure does not go with its spend: media that cost money were seen, and those not seen cost none."""
        paid, seen = self._values(spend) > 0, self._values(exposure) > 0
        share = float((paid ^ seen).sum() / max(int((paid | seen).sum()), 1))
        if share <= UNPAIRED:
            return ""
        return f"{share:.0%} of its weeks have {spend} without it, or the other way round: spend is modelled alone"

    def _reach_fault(self, channel: ChannelGuess) -> str:
        if fault := self._media_fault(str(channel.reach)):
            return fault
        reach, frequency = self._values(str(channel.reach)), self._values(str(channel.frequency))
        if not (frequency[reach > 0] > 0).all():
            return f"{channel.frequency} is not above 0 wherever somebody was reached"
        return ""

    def _levers(self, role: str) -> list[str]:
        kept: list[str] = []
        for name, guess in self.found.items():
            if guess.role != role or name in self.why:
                continue
            values, modelled = self._values(name), self._values(name, modelled=True)
            alike = moves_with(self._by_week(self.kpi), self._by_week(name))
            twin = next((other for other in (*self.controls_so_far, *kept) if self._same(name, other)), None)
            if values.isna().any():
                self._leave_out(
                    name,
                    f"missing in {int(values.isna().sum())} rows: fill it by a rule, then name it again",
                    trap=not len(self.columns[name].unread),  # those cells are told of by themselves
                )
            elif not self._varies(modelled):
                self._leave_out(
                    name, "never changes (within a geo) in the weeks that are modelled", trap=False
                )
            elif abs(alike) > PART_OF_OUTCOME:
                self.parts_of_outcome.append(name)
                self._leave_out(
                    name, f"changes as {self.kpi} does (correlation {alike:.2f}): a part of the outcome explains "
                    "nothing; divide it by the outcome if its share is a lever",
                )  # fmt: skip
            elif twin:
                self._leave_out(name, f"the same column as {twin}")
            else:
                kept.append(name)
                self.why[name] = ColumnRole(name, role, guess.why)
        if role == "control":
            self.controls_so_far = tuple(kept)
        return kept

    controls_so_far: tuple[str, ...] = ()

    def _by_week(self, name: str) -> np.ndarray:
        return np.asarray(self._values(name).groupby(self._values(self.frame.week)).sum())

    def _varies(self, values: pd.Series) -> bool:
        if self.frame.geo is None:
            return bool(values.nunique() > 1)
        return bool((values.groupby(self.columns[self.frame.geo].values[values.index]).nunique() > 1).any())

    def _same(self, name: str, other: str) -> bool:
        return bool(np.array_equal(self._values(name).to_numpy(), self._values(other).to_numpy()))

    def _events(self) -> dict[str, list[str]]:
        """Named weeks: of a column of names one event a name, of one of zeros and ones the weeks of its ones."""
        named: dict[str, list[str]] = {}
        days = pd.Series(
            first_days(pd.DatetimeIndex(self._values(self.frame.week, modelled=True)), self._time()),
            self._values(self.frame.week, modelled=True).index,
        )
        for name, guess in self.found.items():
            if guess.role != "event":
                continue
            column = self._values(name, modelled=True)
            if self.columns[name].kind == "number":
                happening = {name: column == 1}
            else:
                usual = column.value_counts().index[0]
                labels = [
                    text for text in dict.fromkeys(column) if text and text != usual and text.lower() != "na"
                ]
                happening = {str(label): column == label for label in labels}
            for label, weeks in happening.items():
                dates = sorted({f"{day.date()}" for day in days[weeks]})
                if 0 < len(dates) <= len(self.weeks) / 4 and "/" not in label:
                    named[label] = dates
                    landed = f"; the column itself is {TEXT}" if self.columns[name].kind == "text" else ""
                    self.why[name] = ColumnRole(name, "events", f"{guess.why}: {listed(happening)}{landed}")
        return named

    def _time(self) -> Any:
        """What `first_days` asks of a specification."""
        return parse_spec(
            {
                "model": "m", "table": "t", "kpi": {"column": "k"}, "media": {"channels": {"c": {"spend": "s"}}},
                "time": {"column": self.frame.week, "marks": self.frame.marks},
            }
        )  # fmt: skip

    def _unread(self) -> None:
        """Traps in what the model does not read, and the price that a KPI of money hides."""
        weekly = {
            name: self._weekly(name) for name, guess in self.found.items() if self._is_measured(name, guess)
        }
        self.traps += silent_weeks(weekly, self.weeks)
        self.traps += cut_off(
            {each.spend: self._weekly(each.spend) for each in self.paid if each.spend}, self.weeks
        )
        count = next(
            (
                name
                for name, guess in self.found.items()
                if guess.role == "kpi count" and self.kpi.startswith(f"{name}_")
            ),
            None,
        )
        ratios = {}
        if count:
            ratios[f"{self.kpi} / {count}"] = self._weekly(self.kpi) / self._weekly(count)
            self.gaps.append(
                f"{self.kpi} / {count} is a price, and no column: add it as a treatment if prices change by decision"
            )
        for name in self.parts_of_outcome:
            ratios[f"{name} / {self.kpi}"] = self._weekly(name) / self._weekly(self.kpi)
        self.traps += broken_prices(ratios, self.weeks)

    def _is_measured(self, name: str, guess: Guess) -> bool:
        """Whether a column counts something week by week and is no part of the model."""
        left_out = self.why.get(name) is None or self.why[name].role == LEFT_OUT
        column = self.columns[name]
        counts = guess.role.startswith("kpi") or (guess.role == LEFT_OUT and guess.why.startswith("traffic"))
        return left_out and counts and column.never_negative and not column.indicator

    def _weekly(self, name: str) -> np.ndarray:
        """A column's sum over geos in every week of the table, (week,); nan where it is 0 or missing."""
        weeks = self.columns[self.frame.week].values
        total = (
            self.columns[name]
            .values.groupby(weeks)
            .sum(min_count=1)
            .reindex(self.weeks)
            .to_numpy(dtype=float)
        )
        return np.where(total > 0, total, np.nan)


def _kept(column: ColumnValues, keep: pd.Series) -> ColumnValues:
    return column if keep.all() else replace(column, values=column.values[keep])
