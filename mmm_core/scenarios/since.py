"""The weeks gone by since a recommendation, and what it would have done in them; what is none is refused at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.errors import InputError
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.media import MediaPath
from mmm_core.scenarios.recommendation import Recommendation, recommended_paths
from mmm_core.spec.budget_spec import Budget

SAME = 1e-6
"""Relative difference of two sums of the same spend."""


@dataclass(frozen=True)
class Since:
    """The weeks gone by since a recommendation, and what it would have done.

    Attributes:
        known: media weeks of the data that it was made on. weeks: its horizon. gone: how many of it have gone by.
        planned: what each paid channel would have done over the horizon, (geo, week).
        notes: what to know, sentences.
    """

    known: int
    weeks: int
    gone: int
    planned: Mapping[str, MediaPath]
    notes: tuple[str, ...]


def since(posterior: Posterior, made: Recommendation, budget: Budget | None = None) -> Since:
    """What a recommendation is held against; nothing of it takes the posterior's draws.

    Args:
        made: the recommendation, `after` as the table dates its weeks. Where it does not state its horizon that is the
            one by which the weeks before it have the spend of `before`, or the model's.
        budget: by whose `price_rise` it would have bought; default the model's own.

    Raises:
        InputError: a week that the data do not hold, no week gone by, fewer weeks before than the horizon, or as
            `mmm_core.scenarios.recommendation.recommended_paths`.
    """
    spec, data = posterior.spec, posterior.data
    budget = budget or spec.budget
    made.cells_of(spec.paid)  # what is no plan of this model is said first
    calendar = pd.DatetimeIndex(data["media_week"].to_numpy())
    day = pd.Timestamp(made.after)
    if day not in calendar:
        near = calendar[int(np.abs(calendar - day).argmin())].date()
        raise InputError(
            f"recommended after {day.date()}: the data hold no such week: the nearest is {near}; name the last week of "
            "the data that the recommendation was made on"
        )
    known = int(calendar.searchsorted(day)) + 1
    spend = data["spend"].to_numpy().sum(axis=0)[:known]
    stated = made.decided_weeks or made.weeks
    weeks, notes = _horizon(spend, spec.paid, made.before, stated, spec.budget.weeks)
    gone = min(weeks, len(calendar) - known)
    if gone < 1:
        raise InputError(
            f"recommended after {day.date()}: no week has gone by since: the data end with {calendar[-1].date()}"
        )
    if known < weeks:
        raise InputError(
            f"recommended after {day.date()}: {plural(weeks, 'week is', 'weeks are')} repeated, and the data hold "
            f"{known} before it"
        )
    planned = recommended_paths(posterior, made, known, weeks, budget.price_rise)
    return Since(known, weeks, gone, planned, notes)


def _horizon(
    spend: np.ndarray,
    paid: tuple[str, ...],
    before: Mapping[str, float],
    weeks: int | None,
    usual: int,
) -> tuple[int, tuple[str, ...]]:
    """Weeks of the recommendation, from its spend before (channel,) and spend (week, channel) up to it; and remarks."""
    if weeks is not None or not before:
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
        f"model's budget, {plural(usual, 'week')}",
    )
