"""What was really spent since a recommendation against what was recommended, and what the difference brought.

Both plans are evaluated by the present posterior, on the same draws and weeks: those since the recommendation, at most
as many as it was for. The recommended plan repeats the weeks before it, each channel's spend scaled to what was
recommended for it (`mmm_core.effects.curves`), of which the weeks gone by are the first. What either carries over after
those weeks counts, with the media that followed and, after the data, those of the last weeks over and over; of a budget
with `horizon: long` what either brings by way of the brand does too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.budget.long_effect import long_effect
from mmm_core.effects.curves import Periods, response_positions
from mmm_core.effects.incremental import incremental
from mmm_core.effects.price_rise import bought, rises
from mmm_core.effects.roi import summarise
from mmm_core.errors import InputError, listed
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import labelled, outcome_name
from mmm_core.spec.budget_spec import Budget

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm

SAME = 1e-6
"""Relative difference of two sums of the same spend."""


@dataclass(frozen=True)
class Recommendation:
    """A budget that was recommended earlier.

    Attributes:
        spend: of each channel over its horizon. before: of each channel in the weeks before it.
        after: last week of the data that it was made on. weeks: its horizon; None where only `before` tells.
        laid_out: whether it decided weeks, geos or flightings as well, of which nothing is known here.
    """

    spend: Mapping[str, float]
    before: Mapping[str, float]
    after: date | pd.Timestamp
    weeks: int | None = None
    laid_out: bool = False

    @classmethod
    def of_table(
        cls,
        table: pd.DataFrame,
        after: date | pd.Timestamp,
        weeks: int | None = None,
        laid_out: bool = False,
    ) -> Recommendation:
        """From an allocation's rows: channel, current_spend, recommended_spend."""
        by = table.set_index("channel")
        spend, before = (
            {str(channel): float(money) for channel, money in by[column].items()}
            for column in ("recommended_spend", "current_spend")
        )
        return cls(spend, before, after, weeks, laid_out)

    def refuse_laid_out(self) -> None:
        """Raise InputError where sums by channel do not say what was recommended for the weeks gone by."""
        if self.laid_out:
            raise InputError(
                f"recommended after {pd.Timestamp(self.after).date()}: that plan decided weeks, geos or flightings, "
                "and what was spent is held against plans by channel alone: scaling the weeks before it would not be "
                "what it recommended"
            )


@dataclass(frozen=True)
class Followed:
    """Spent against recommended.

    Attributes:
        channels: paid channels. spent, recommended: (channel,) over the weeks gone by.
        by_channel: (draw, channel) outcome of what was spent less that of what was recommended, each channel alone; by
            way of the brand as well where `horizon: long` counts it.
        difference: (draw,) of all of them together.
        first_week, last_week: of the weeks gone by. weeks: how many. horizon: of the recommendation.
        after: last week of the data that the recommendation was made on.
        outcome: what it is counted in. margin: money that a unit of it leaves, or None.
        notes: what to know, sentences.
    """

    posterior: Posterior
    channels: tuple[str, ...]
    spent: np.ndarray
    recommended: np.ndarray
    by_channel: np.ndarray
    difference: np.ndarray
    first_week: pd.Timestamp
    last_week: pd.Timestamp
    weeks: int
    horizon: int
    after: pd.Timestamp
    outcome: str
    margin: float | None
    notes: tuple[str, ...] = ()

    @property
    def gain_in(self) -> str:
        """What the two are compared by."""
        return self.outcome if self.margin is None else "profit"

    @property
    def gain(self) -> np.ndarray:
        """(draw,) of what was spent over what was recommended."""
        if self.margin is None:
            return self.difference
        return self.margin * self.difference - float(self.spent.sum() - self.recommended.sum())

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a channel: recommended_after, first_week, last_week, channel, recommended_spend, spent, spend_change,
        difference (outcome of what was spent less that of what was recommended), difference_q05, difference_q95.
        """
        rows = []
        for i, channel in enumerate(self.channels):
            found = summarise(self.by_channel[:, i])
            rows.append(
                {
                    "recommended_after": self.after,
                    "first_week": self.first_week,
                    "last_week": self.last_week,
                    "channel": channel,
                    "recommended_spend": float(self.recommended[i]),
                    "spent": float(self.spent[i]),
                    "spend_change": float(self.spent[i] - self.recommended[i]),
                    "difference": found["mean"],
                    "difference_q05": found["q05"],
                    "difference_q95": found["q95"],
                }
            )
        return labelled(pd.DataFrame(rows), self.posterior)

    @property
    def words(self) -> tuple[str, ...]:
        """Plain English: what was done otherwise, and what it cost."""
        of_weeks = f"recommended after {self.after.date()}, {self.weeks} of {self.horizon} weeks gone by"
        gain, spent, planned = self.gain, float(self.spent.sum()), float(self.recommended.sum())
        if not np.abs(gain).max() > 0:
            return (f"{of_weeks}: what was recommended was spent", *self.notes)
        mean = float(gain.mean())
        low, high = (float(value) for value in np.quantile(gain, [0.05, 0.95]))
        direction = "more" if mean >= 0 else "less"
        sure = float((gain > 0).mean()) if mean >= 0 else float((gain < 0).mean())
        farthest = np.argsort(-np.abs(self.spent - self.recommended))[:3]
        moves = listed(
            f"{self.channels[i]} {self.spent[i]:,.0f} for {self.recommended[i]:,.0f}"
            for i in farthest
            if abs(self.spent[i] - self.recommended[i]) > SAME * max(planned, 1e-300)
        )
        return (
            f"{of_weeks}: {spent:,.0f} was spent where {planned:,.0f} was recommended ({moves})",
            f"that brought {abs(mean):,.4g} {direction} {self.gain_in} than the recommended plan would have (90 % "
            f"interval {low:,.4g} to {high:,.4g}; {sure:.0%} sure that it is {direction})",
            *self.notes,
        )


def spent_against_recommended(
    tree: xr.DataTree | Posterior,
    recommended: Mapping[str, float],
    after: date | pd.Timestamp,
    weeks: int | None = None,
    *,
    before: Mapping[str, float] | None = None,
    margin: float | None = None,
    budget: Budget | None = None,
    long_term: LongTerm | None = None,
) -> Followed:
    """Hold what was spent since a recommendation against it.

    Args:
        tree: a posterior whose data reach beyond the recommendation.
        recommended: spend of each paid channel over the recommendation's horizon.
        after: last week of the data that the recommendation was made on, as the table dates its weeks.
        weeks: its horizon; default that by which the weeks before it have the spend of `before`, or the model's.
        before: spend of each channel in the weeks before it (`current_spend` of the allocation).
        margin: money that one unit of the outcome leaves; default the model's own.
        budget: by whose `price_rise` the recommended plan would have bought, by whose `after` media continue after the
            data, and whose `horizon` counts; default the model's own.
        long_term: of this posterior, for a budget with `horizon: long`.

    Raises:
        InputError: a week that the data do not hold, no week gone by, fewer weeks before than the horizon, a paid
            channel without a figure, one that is none, or spend that is negative.
    """
    posterior = Posterior.of(tree)
    spec, data = posterior.spec, posterior.data
    budget = budget or spec.budget
    plan = _plan(recommended, spec.paid)
    calendar = pd.DatetimeIndex(data["media_week"].to_numpy())
    day = pd.Timestamp(after)
    if day not in calendar:
        near = calendar[int(np.abs(calendar - day).argmin())].date()
        raise InputError(
            f"recommended after {day.date()}: the data hold no such week: the nearest is {near}; name the last week of "
            "the data that the recommendation was made on"
        )
    position = int(calendar.searchsorted(day))
    spend = data["spend"].to_numpy()
    weeks, notes = _horizon(spend.sum(axis=0)[: position + 1], spec.paid, before, weeks, spec.budget.weeks)
    gone = min(weeks, len(calendar) - position - 1)
    if gone < 1:
        raise InputError(
            f"recommended after {day.date()}: no week has gone by since: the data end with {calendar[-1].date()}"
        )
    if position + 1 < weeks:
        raise InputError(
            f"recommended after {day.date()}: {weeks} weeks are repeated, and the data hold {position + 1} before it"
        )
    first, last = calendar[position + 1], calendar[position + gone]
    factor, starts = _scaling(spend.sum(axis=0)[: position + 1], plan, weeks, spec.paid)
    media = bought(factor, rises(budget.price_rise, spec.paid))
    path, often = _path(posterior, media, starts, position + 1, gone)
    again = weeks if budget.after == "continue" else 0
    difference, by_channel = _difference(posterior, path, often, first, last, weeks, again)
    now = spend[:, position + 1 : position + 1 + gone].sum(axis=(0, 1))
    repeated = np.array([spend[:, s : s + gone, i].sum() for i, s in enumerate(starts)])
    planned = factor * repeated
    if budget.horizon == "long":
        long = long_effect(long_term, posterior, budget, spec.paid, response_positions(posterior, weeks))
        apart = now - media * repeated
        more = long.per_spend * np.where(np.abs(apart) > SAME * now, apart, 0.0)  # the same is the same
        by_channel, difference = by_channel + more, difference + more.sum(axis=1)
    return Followed(
        posterior=posterior,
        channels=spec.paid,
        spent=now,
        recommended=planned,
        by_channel=by_channel,
        difference=difference,
        first_week=first,
        last_week=last,
        weeks=gone,
        horizon=weeks,
        after=day,
        outcome=outcome_name(spec),
        margin=spec.margin if margin is None else margin,
        notes=notes,
    )


def _plan(recommended: Mapping[str, float], paid: tuple[str, ...]) -> np.ndarray:
    absent = [channel for channel in paid if channel not in recommended]
    strange = [name for name, money in recommended.items() if name not in paid and money > 0]
    if absent or strange:
        raise InputError(
            f"recommended budget: no spend is stated for {listed(absent) or 'none'}; no paid channel is called "
            f"{listed(strange) or 'none'}"
        )
    plan = np.array([float(recommended[channel]) for channel in paid])
    if not (np.isfinite(plan) & (plan >= 0)).all():
        wrong = [channel for channel, money in zip(paid, plan, strict=True) if not money >= 0]
        raise InputError(f"recommended budget: spend of {listed(wrong)} is no number of 0 or more")
    return plan


def _horizon(
    spend: np.ndarray,
    paid: tuple[str, ...],
    before: Mapping[str, float] | None,
    weeks: int | None,
    usual: int,
) -> tuple[int, tuple[str, ...]]:
    """Weeks of the recommendation, from its spend before (channel,) and spend (week, channel) up to it; and remarks."""
    if weeks is not None or before is None:
        return weeks or usual, ()
    known = np.array([float(before.get(channel, np.nan)) for channel in paid])
    sums = np.cumsum(spend[::-1], axis=0)
    scale = max(float(np.nansum(known)), 1e-300)
    fits = np.abs(sums - known).max(axis=1) <= SAME * scale
    found = np.flatnonzero(fits) + 1
    if len(found):
        return (usual if usual in found else int(found[0])), ()
    return usual, (
        "spend of the weeks before the recommendation has been restated since: its horizon is taken to be that of the "
        f"model's budget, {usual} weeks",
    )


def _scaling(
    spend: np.ndarray, plan: np.ndarray, weeks: int, paid: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """By what each channel's repeated weeks are multiplied, and where they begin, (channel,) each."""
    periods = Periods.of(spend, weeks)
    unpriced = [
        name for name, money, was in zip(paid, plan, periods.repeated, strict=True) if money > 0 and was <= 0
    ]
    if unpriced:
        raise InputError(
            f"recommended budget: {listed(unpriced)} never had any spend before it: nothing says what money would have "
            "bought"
        )
    return plan / np.where(periods.repeated > 0, periods.repeated, 1.0), periods.start


def _path(
    posterior: Posterior, factor: np.ndarray, starts: np.ndarray, first: int, gone: int
) -> tuple[xr.DataArray, xr.DataArray | None]:
    """Recommended media, and their frequency where a channel has one, in the weeks gone by."""
    data, paid = posterior.data, len(posterior.spec.paid)
    weeks = slice(first, first + gone)
    path = data["exposure"].isel(media_week=weeks, channel=slice(0, paid)).copy(deep=True)
    often = None
    if "frequency" in data:
        often = data["frequency"].isel(media_week=weeks, channel=slice(0, paid)).copy(deep=True)
    for i, start in enumerate(map(int, starts)):
        then = {"media_week": slice(start, start + gone), "channel": i}
        path[{"channel": i}] = factor[i] * data["exposure"].isel(then).to_numpy()
        if often is not None:
            often[{"channel": i}] = data["frequency"].isel(then).to_numpy()
    return path, often


def _difference(
    posterior: Posterior,
    path: xr.DataArray,
    often: xr.DataArray | None,
    first: pd.Timestamp,
    last: pd.Timestamp,
    weeks: int,
    again: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Outcome as it was less that with the recommended media, (draw,) and (draw, channel)."""
    positions, paid = response_positions(posterior, weeks), posterior.spec.paid
    by_channel = np.zeros((len(positions), len(paid)))
    spent = posterior.data["exposure"].sel(media_week=path["media_week"], channel=path["channel"])
    path = path.where(np.abs(path - spent) > 1e-12 * np.abs(spent), spent)  # the same is the same
    same = often is None
    if often is not None:
        was = posterior.data["frequency"].sel(media_week=often["media_week"], channel=often["channel"])
        same = bool((often.isnull() | (often == was)).all())
    if same and bool((path == spent).all()):
        return np.zeros(len(positions)), by_channel
    found = incremental(
        posterior, first, last, exposure=path, frequency=often, beyond=True, again=again, draws=positions
    )
    for channel in found["channel"].to_numpy():
        by_channel[:, paid.index(str(channel))] = found["alone"].sel(channel=channel)
    return found["joint"].to_numpy(), by_channel
