"""What a recommended budget would change: money, and what it brings draw by draw.

The plan is held against repeating the last comparable period. A channel keeps its flighting and its split over geos,
so its highest week grows with its spend, unless the budget decides them: then the plan's own weeks and geos count
(`mmm_core.readiness.laid_out`); what that brings is counted as the budget counts it,
by `mmm_core.budget.question.channel_curves`. A channel without history has spend and no outcome here: nothing that was
seen speaks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.budget.question import channel_curves
from mmm_core.budget.response import outcomes
from mmm_core.effects.curves import SpendResponse
from mmm_core.errors import InputError, listed
from mmm_core.posterior.handle import Posterior
from mmm_core.readiness.laid_out import laid_out
from mmm_core.spec.budget_spec import Budget

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm


ROUNDING = 1e-9
"""Share of the last period's spend below which money has not moved."""


@dataclass(frozen=True)
class Proposal:
    """A plan beside the last comparable period.

    Attributes:
        channels: paid channels; current, recommended: (channel,) spend over the horizon.
        current_cells, recommended_cells: the same by geo or week where the plan decides them, (cell, channel); else of
            one cell.
        by_geo: whether cells are geos.
        seen_peak, planned_peak: (channel,) highest weekly spend over all geos, that was seen and that is planned; of
            a plan by geo, in the geo where it goes furthest.
        more_outcome: (draw,) outcome of the plan less that of the last period's spend.
        outcome: what that is counted in: revenue, or the KPI.
        weeks: length of the horizon; history: modelled weeks.
    """

    channels: tuple[str, ...]
    current: np.ndarray
    recommended: np.ndarray
    current_cells: np.ndarray
    recommended_cells: np.ndarray
    by_geo: bool
    seen_peak: np.ndarray
    planned_peak: np.ndarray
    more_outcome: np.ndarray
    outcome: str
    weeks: int
    history: int

    @property
    def decided(self) -> str:
        """What the plan decides beside channels, geo or week; "" where nothing."""
        if self.by_geo:
            return "geo"
        return "week" if len(self.current_cells) > 1 else ""

    @property
    def moved(self) -> np.ndarray:
        """(channel,) spend more or less than in the last period, in any geo or week that is decided."""
        moved = np.abs(self._change).sum(axis=0)
        return np.where(moved > ROUNDING * self.current.sum(), moved, 0.0)

    @property
    def _change(self) -> np.ndarray:
        return self.recommended_cells - self.current_cells

    @property
    def moved_share(self) -> float:
        """Share of the last period's spend that is spent otherwise: what is added or taken, whichever is more."""
        most = max(self._change.clip(min=0).sum(), -self._change.clip(max=0).sum())
        return _ratio(most, self.current.sum())

    @property
    def channel_change(self) -> np.ndarray:
        """(channel,) change against the last period; infinite where there was no spend and now is some.

        Where geos are decided, in the geo where it is largest; weeks are not asked one by one, as their pauses would
        make every change infinite.
        """
        before, after = (
            (self.current_cells, self.recommended_cells)
            if self.by_geo
            else (self.current[None], self.recommended[None])
        )
        small = ROUNDING * self.current.sum()
        return np.array(
            [
                max(_ratio(abs(a - b) if abs(a - b) > small else 0.0, b) for b, a in zip(*pair, strict=True))
                for pair in zip(before.T, after.T, strict=True)
            ]
        )

    @property
    def extrapolation(self) -> np.ndarray:
        """(channel,) highest planned week as a multiple of the highest that was seen."""
        return np.array([_ratio(p, s) for p, s in zip(self.planned_peak, self.seen_peak, strict=True)])

    def more_profit(self, margin: float | None) -> np.ndarray:
        """(draw,) profit more than with the last period's spend; without a margin, outcome more."""
        if margin is None:
            return self.more_outcome
        return margin * self.more_outcome - (self.recommended.sum() - self.current.sum())


def propose(
    tree: xr.DataTree | Posterior,
    recommended: Mapping[str, float],
    budget: Budget | None = None,
    long_term: LongTerm | None = None,
    cells: pd.DataFrame | None = None,
) -> Proposal:
    """A plan beside the last comparable period, evaluated at the posterior's draws.

    Args:
        recommended: spend of each paid channel over the horizon.
        budget: whose horizon, prices and new channels hold; default the model's own.
        long_term: of this posterior, for a budget with `horizon: long`.
        cells: of a plan by week, geo or flighting, as `mmm_core.budget.allocation.Allocation.cells`.

    Raises:
        InputError: a paid channel without a figure, or a figure of none; spend that is negative or no number; a plan
            without its cells where the budget decides them.
    """
    posterior = Posterior.of(tree)
    budget = budget or posterior.spec.budget
    new_channels = tuple(budget.new_channels)
    with jax.enable_x64(True):
        response, curves = channel_curves(posterior, budget, long_term)
        every = _plan((*response.channels, *new_channels), recommended)
        spend = every[: len(response.channels)]
        draws = np.asarray(outcomes(curves, jnp.asarray(np.stack([response.current, spend]))))
    weekly = posterior.data["spend"].to_numpy().sum(axis=0)
    new, none = every[len(spend) :], np.zeros(len(every) - len(spend))
    seen, planned = weekly.max(axis=0), _peaks(response, weekly, posterior) * spend / response.unit
    more = draws[1] - draws[0]
    plan = laid_out(posterior, budget, cells, long_term)
    before, after = response.current[None], spend[None]
    if plan is not None:
        (seen, planned), more = plan.peaks, plan.more_outcome
        before, after = plan.cells
    return Proposal(
        channels=(*response.channels, *new_channels),
        current=np.concatenate([response.current, none]),
        recommended=every,
        current_cells=np.pad(before, ((0, 0), (0, len(new)))),
        recommended_cells=np.hstack([after, np.outer(np.eye(len(after))[0], new)]),
        by_geo=plan is not None and plan.by_geo,
        seen_peak=np.concatenate([seen, none]),
        planned_peak=np.concatenate([planned, new / response.weeks]),
        more_outcome=more,
        outcome=response.outcome,
        weeks=response.weeks,
        history=response.weeks_of_data,
    )


def _plan(channels: Sequence[str], recommended: Mapping[str, float]) -> np.ndarray:
    unknown = sorted(set(recommended) - set(channels))
    absent = [channel for channel in channels if channel not in recommended]
    if unknown or absent:
        faults = [f"no paid channel is called {listed(unknown)}"] if unknown else []
        faults += [f"no spend is stated for {listed(absent)}"] if absent else []
        raise InputError(f"recommended budget: {'; '.join(faults)}")
    plan = np.array([float(recommended[channel]) for channel in channels])
    if not (np.isfinite(plan).all() and (plan >= 0).all()):
        wrong = [
            c for c, spend in zip(channels, plan, strict=True) if not (np.isfinite(spend) and spend >= 0)
        ]
        raise InputError(f"recommended budget: spend of {listed(wrong)} is no number of 0 or more")
    return plan


def _peaks(response: SpendResponse, weekly: np.ndarray, posterior: Posterior) -> np.ndarray:
    """(channel,) highest week of the period that a multiplier of 1 repeats."""
    ends = np.searchsorted(posterior.data["media_week"].to_numpy(), response.last_week) + 1
    return np.array([weekly[end - response.weeks : end, i].max() for i, end in enumerate(ends)])


def _ratio(part: float, whole: float) -> float:
    if whole > 0:
        return float(part / whole)
    return float("inf") if part > 0 else 0.0
