"""A plan by week, geo or flighting as it is spent: its own weeks and geos, and what it brings more.

The cells are those of the budget's question (`mmm_core.budget.question`), and so is what they bring, carry-over and
all. Where a budget decides no more than spend by channel there is nothing to lay out: a channel keeps its flighting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import numpy as np
import pandas as pd

from mmm_core.budget.cell_layout import Cell
from mmm_core.budget.question import question
from mmm_core.errors import InputError
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.cells import cells_of_table
from mmm_core.scenarios.plan import Planner
from mmm_core.scenarios.recommended import of_cells
from mmm_core.spec.budget_spec import Budget

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm


@dataclass(frozen=True)
class LaidOut:
    """A plan in weeks and geos.

    Attributes:
        spend: (geo, week, channel), paid channels with a history. current: the last period's, laid out alike.
        seen: (geo, media week, channel), what was spent.
        by_geo: whether geos are decided.
        more_outcome: (draw,) outcome of the plan less that of the last period's spend.
    """

    spend: np.ndarray
    current: np.ndarray
    seen: np.ndarray
    by_geo: bool
    more_outcome: np.ndarray

    @property
    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """The last period's money and the plan's where it is decided, (geo, channel) or (week, channel) each."""
        axis = 1 if self.by_geo else 0
        return self.current.sum(axis=axis), self.spend.sum(axis=axis)

    @property
    def peaks(self) -> tuple[np.ndarray, np.ndarray]:
        """Highest week that was seen and that is planned, (channel,) each.

        Of all geos together; where geos are decided, of the geo in which the plan goes furthest.
        """
        seen, planned = (
            (values if self.by_geo else values.sum(axis=0, keepdims=True)).max(axis=1)
            for values in (self.seen, self.spend)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            times = np.where(planned > 0, planned / seen, 0.0)
        worst = times.argmax(axis=0), np.arange(seen.shape[1])
        return seen[worst], planned[worst]


def decides_more(budget: Budget) -> bool:
    """Whether a budget decides more than spend by channel."""
    return budget.by != "channel" or bool(budget.patterns)


def laid_out(
    posterior: Posterior, budget: Budget, cells: pd.DataFrame | None, long_term: LongTerm | None = None
) -> LaidOut | None:
    """A plan's cells in weeks and geos; None of one that decides no more than spend by channel.

    New channels have no outcome and no weeks here.

    Args:
        budget: that the plan answers.
        cells: `mmm_core.budget.allocation.Allocation.cells`.
        long_term: of this posterior, for a budget with `horizon: long`; without it the short term counts.

    Raises:
        InputError: cells that are not those that the budget decides, or none where it decides some.
    """
    if not decides_more(budget):
        return None
    if cells is None:
        raise InputError(
            "the budget decides weeks, geos or flightings, and those of the plan are not there (budget_cells.csv "
            "beside budget_allocation.json): allocate again"
        )
    if long_term is None:
        budget = budget.model_copy(update={"horizon": "short"})
    with jax.enable_x64(True):
        asked = question(posterior, budget, long_term)
        plan = _in_order(asked.cells, cells)
        plan[[cell.channel in budget.new_channels for cell in asked.cells]] = 0.0
        more = asked.problem.draws(plan) - asked.problem.draws(asked.current)
    planner = Planner(posterior, budget.weeks, budget=budget)
    media, repeated = of_cells(planner, asked, plan), planner.repeated()
    return LaidOut(
        spend=np.stack([media[channel].spend for channel in posterior.spec.paid], axis=-1),
        current=np.stack([repeated[channel].spend for channel in posterior.spec.paid], axis=-1),
        seen=posterior.data["spend"].to_numpy(),
        by_geo=budget.by == "geo",
        more_outcome=more,
    )


def _in_order(decided: tuple[Cell, ...], cells: pd.DataFrame) -> np.ndarray:
    """Recommended spend of each cell that is decided, (cell,)."""
    known = cells_of_table(cells)
    if set(decided) != set(known):
        raise InputError(
            f"the plan has {plural(len(known), 'cell')} of channel, geo, week and flighting, and the budget decides "
            f"{plural(len(decided), 'other')}: it was made for another budget; allocate again"
        )
    return np.array([known[cell] for cell in decided])
