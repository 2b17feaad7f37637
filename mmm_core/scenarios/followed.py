"""What was really spent since a recommendation against what was recommended, and what the difference brought.

Both plans are evaluated by the present posterior, on the same draws and weeks: those since the recommendation, at most
as many as it was for. The recommended plan repeats the weeks before it, each channel's spend scaled to what was
recommended for it (`mmm_core.effects.curves`), of which the weeks gone by are the first. Of a recommendation by geo,
week or flighting each of those gets its own (`mmm_core.scenarios.cells`): the same money in another week or geo is
another plan. What either carries over after those weeks counts, with the media that followed and, after the data, those
of the last weeks over and over; of a budget with `horizon: long` what either brings by way of the brand does too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.budget.change import amount, figure, percent
from mmm_core.budget.glance import day as written_day
from mmm_core.budget.glance import money
from mmm_core.budget.long_effect import long_effect
from mmm_core.effects.curves import response_positions
from mmm_core.effects.incremental import incremental
from mmm_core.effects.roi import summarise
from mmm_core.errors import listed
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import labelled, outcome_name
from mmm_core.scenarios.media import MediaPath
from mmm_core.scenarios.recommendation import Recommendation
from mmm_core.scenarios.since import SAME, since
from mmm_core.spec.budget_spec import Budget

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm

MOST = 3
"""Channels, geos or weeks that are named where what was spent lies farthest from what was recommended."""


@dataclass(frozen=True)
class Followed:
    """Spent against recommended.

    Attributes:
        channels: paid channels. spent, recommended: (channel,) over the weeks gone by.
        cells: a row a channel and geo, or week, where the recommendation decided those or flightings: channel, geo (""
            of weeks), week (NaT of geos), recommended_spend, spent; None where it decided channels alone.
        by_channel: (draw, channel) outcome of what was spent less that of what was recommended, each channel alone; by
            way of the brand as well where `horizon: long` counts it.
        difference: (draw,) of all of them together.
        first_week, last_week: of the weeks gone by. weeks: how many. horizon: of the recommendation.
        after: last week of the data that the recommendation was made on.
        outcome: what it is counted in. margin: money that a unit of it leaves, or None. currency: of spend.
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
    cells: pd.DataFrame | None = None
    currency: str = ""

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
        done = self._done(amount, lambda day: day.isoformat())
        gain = self.gain
        if not np.abs(gain).max() > 0:
            return (done, *self.notes)
        mean = float(gain.mean())
        low, high = (float(value) for value in np.quantile(gain, [0.05, 0.95]))
        direction = "more" if mean >= 0 else "less"
        sure = float((gain > 0).mean()) if mean >= 0 else float((gain < 0).mean())
        return (
            done,
            f"that brought {figure(abs(mean))} {direction} {self.gain_in} than the recommended plan would have (90 % "
            f"interval {figure(low)} to {figure(high)}; {percent(sure)} sure that it is {direction})",
            *self.notes,
        )

    @property
    def description(self) -> str:
        """What was done otherwise, with money and days as a page has them."""
        return self._done(lambda value: money(value, self.currency), written_day)

    def _done(self, money: Callable[[float], str], day: Callable[[date], str]) -> str:
        """What was spent where what was recommended."""
        gone = f"{self.weeks} of {plural(self.horizon, 'week')} gone by"
        done = f"recommended after {day(self.after.date())}, {gone}: "
        if not np.abs(self.gain).max() > 0:
            return f"{done}what was recommended was spent"
        spent, planned = (money(float(of_channels.sum())) for of_channels in (self.spent, self.recommended))
        return f"{done}{spent} was spent where {planned} was recommended ({self._farthest(money, day)})"

    def _farthest(self, money: Callable[[float], str], day: Callable[[date], str]) -> str:
        """Where what was spent lies farthest from what was recommended."""
        where = self.table if self.cells is None else self.cells
        apart = (where["spent"] - where["recommended_spend"]).abs()
        least = SAME * max(float(self.recommended.sum()), 1e-300)
        order = apart[apart > least].sort_values(ascending=False, kind="stable").index
        each = "channel" if self.cells is None else "cell"
        if not len(order):
            return f"of each {each} the same, in other weeks or at other prices"
        cells = (
            (_name(row, day), money(row["spent"]), money(row["recommended_spend"]))
            for row in where.loc[order].to_dict("records")
        )
        told = [f"{name}: {was} in place of {plan}" for name, was, plan in cells if was != plan]
        return listed(told[:MOST]) if told else f"of each {each} nearly the same"


def _name(cell: Mapping[Any, Any], day: Callable[[date], str]) -> str:
    """A channel, and its geo or week where those are known."""
    geo = f" in {cell['geo']}" if cell.get("geo") else ""
    week = "" if pd.isna(cell.get("week")) else f" in the week of {day(cell['week'].date())}"
    return f"{cell['channel']}{geo}{week}"


def spent_against_recommended(
    tree: xr.DataTree | Posterior,
    made: Recommendation,
    *,
    margin: float | None = None,
    budget: Budget | None = None,
    long_term: LongTerm | None = None,
) -> Followed:
    """Hold what was spent since a recommendation against it.

    Args:
        tree: a posterior whose data reach beyond the recommendation.
        made: the recommendation, `after` as the table dates its weeks. Where it does not state its horizon that is the
            one by which the weeks before it have the spend of `before`, or the model's.
        margin: money that one unit of the outcome leaves; default the model's own.
        budget: by whose `price_rise` the recommended plan would have bought, by whose `after` media continue after the
            data, and whose `horizon` counts; default the model's own.
        long_term: of this posterior, for a budget with `horizon: long`.

    Raises:
        InputError: as `mmm_core.scenarios.since.since`.
    """
    posterior = Posterior.of(tree)
    spec, data = posterior.spec, posterior.data
    budget = budget or spec.budget
    calendar = pd.DatetimeIndex(data["media_week"].to_numpy())
    found = since(posterior, made, budget)
    known, weeks, gone, planned = found.known, found.weeks, found.gone, found.planned
    first, last = calendar[known], calendar[known + gone - 1]
    path, often = _path(posterior, planned, known, gone)
    again = weeks if budget.after == "continue" else 0
    difference, by_channel = _difference(posterior, path, often, first, last, weeks, again)
    spent = data["spend"].to_numpy()[:, known : known + gone]
    recommended, bought = (
        np.stack([values[:, :gone] for values in of_channels], axis=-1)
        for of_channels in (
            [planned[channel].spend for channel in spec.paid],
            [planned[channel].usual_cost for channel in spec.paid],
        )
    )
    now = spent.sum(axis=(0, 1))
    if budget.horizon == "long":
        long = long_effect(long_term, posterior, budget, spec.paid, response_positions(posterior, weeks))
        apart = now - bought.sum(axis=(0, 1))
        more = long.per_spend * np.where(np.abs(apart) > SAME * now, apart, 0.0)  # the same is the same
        by_channel, difference = by_channel + more, difference + more.sum(axis=1)
    return Followed(
        posterior=posterior,
        channels=spec.paid,
        spent=now,
        recommended=recommended.sum(axis=(0, 1)),
        by_channel=by_channel,
        difference=difference,
        first_week=first,
        last_week=last,
        weeks=gone,
        horizon=weeks,
        after=pd.Timestamp(made.after),
        outcome=outcome_name(spec),
        margin=spec.margin if margin is None else margin,
        notes=found.notes,
        cells=_cells(made, posterior, calendar[known : known + gone], spent, recommended),
        currency=budget.currency or spec.calibration.rule.currency,
    )


def _cells(
    made: Recommendation,
    posterior: Posterior,
    weeks: pd.DatetimeIndex,
    spent: np.ndarray,
    recommended: np.ndarray,
) -> pd.DataFrame | None:
    """The table `Followed.cells`, from spend (geo, week, channel) in the weeks gone by; None of a plan by channel."""
    if made.cells is None:
        return None
    by_geo = any(cell.geo for cell in made.cells)
    where: list[Any] = [str(geo) for geo in posterior.data["geo"].to_numpy()] if by_geo else list(weeks)
    was, plan = (values.sum(axis=1 if by_geo else 0).T.ravel() for values in (spent, recommended))
    return pd.DataFrame(
        {
            "channel": np.repeat(posterior.spec.paid, len(where)),
            "geo": where * len(posterior.spec.paid) if by_geo else "",
            "week": pd.NaT if by_geo else where * len(posterior.spec.paid),
            "recommended_spend": plan,
            "spent": was,
        }
    )


def _path(
    posterior: Posterior, planned: Mapping[str, MediaPath], first: int, gone: int
) -> tuple[xr.DataArray, xr.DataArray | None]:
    """Recommended media, and their frequency where a channel has one, in the weeks gone by."""
    data, paid = posterior.data, posterior.spec.paid
    then = {"media_week": slice(first, first + gone), "channel": slice(0, len(paid))}
    path = data["exposure"].isel(then).copy(deep=True)
    often = data["frequency"].isel(then).copy(deep=True) if "frequency" in data else None
    for i, channel in enumerate(paid):
        media, frequency = planned[channel].media[:, :gone], planned[channel].frequency
        path[{"channel": i}] = media
        if often is not None and frequency is not None:
            often[{"channel": i}] = np.where(media > 0, frequency[:, :gone], np.nan)
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
