"""The plan that a budget recommends, as a scenario: spend and media by week and geo.

A budget decides spend by channel, geo, week or flighting; what it leaves open is as in the weeks that come again, and
so is what a unit of spend buys, less where the budget lets prices rise with spend.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mmm_core.budget.allocation import allocate
from mmm_core.budget.decide import decide
from mmm_core.budget.question import Question
from mmm_core.errors import InputError, listed
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.cells import path_of_cells, scaled_to
from mmm_core.scenarios.media import MediaPath, repeat
from mmm_core.scenarios.plan import Planner, ScenarioPlan
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.scenarios_spec import RECOMMENDED

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm


def recommended_plan(
    planner: Planner,
    budget: Budget,
    published: Mapping[str, float] | None = None,
    long_term: LongTerm | None = None,
) -> ScenarioPlan:
    """The recommendation of a budget question over the planner's horizon.

    Args:
        published: spend by channel that was recommended already; worked out where there is none, and wherever the
            budget decides more than spend by channel.
        long_term: of the planner's posterior, for a budget with `horizon: long`.

    Raises:
        InputError: as `mmm_core.budget.decide.decide`; a budget over another horizon that states money, or one that
            gives spend to a channel without history.
    """
    weeks = planner.horizon.weeks
    asked = over(budget, weeks)
    if asked.by == "channel" and not asked.patterns:
        spend = (
            dict(published)
            if published and weeks == budget.weeks
            else _by_channel(planner.posterior, asked, long_term)
        )
        _refuse_new(asked, spend)
        media = of_channels(planner, spend, asked)
    else:
        found = decide(planner.posterior, asked, long_term=long_term)
        media = of_cells(planner, found.question, found.answer.spend)
    return planner.plan(
        RECOMMENDED,
        {**{name: repeat(channel) for name, channel in planner.repeated().items()}, **media},
        {},
        description="what `budget:` recommends",
    )


def of_channels(planner: Planner, spend: Mapping[str, float], budget: Budget) -> dict[str, MediaPath]:
    """Paths of paid channels that spend so much over the horizon, with the flighting that comes again."""
    return {
        channel: scaled_to(
            planner.repeated()[channel],
            np.array([float(spend[channel])]),
            budget.price_rise.get(channel, 0.0),
        )
        for channel in planner.posterior.spec.paid
    }


def _by_channel(posterior: Posterior, budget: Budget, long_term: LongTerm | None) -> dict[str, float]:
    table = allocate(posterior, budget, long_term=long_term).channels
    return dict(zip(table["channel"], table["recommended_spend"], strict=True))


def over(budget: Budget, weeks: int) -> Budget:
    """The same question over another horizon. Raises InputError where it states money."""
    if weeks == budget.weeks:
        return budget
    money = budget.money
    if money:
        raise InputError(
            f"budget: {listed(money)} is money over {plural(budget.weeks, 'week')}, and the scenarios' horizon is "
            f"{weeks}: make `scenarios: weeks` the same"
        )
    return budget.model_copy(update={"weeks": weeks})


def _refuse_new(budget: Budget, spend: Mapping[str, float]) -> None:
    new = [name for name in budget.new_channels if spend.get(name, 0.0) > 0]
    if new:
        raise InputError(
            f"budget.new_channels: the plan spends on {listed(new)}, whose effect is a belief about the whole period: "
            "no week of a scenario can be worked out of it"
        )


def of_cells(planner: Planner, question: Question, plan: np.ndarray) -> dict[str, MediaPath]:
    """Paths of the paid channels of a plan (cell,), whatever it decides.

    Raises:
        InputError: spend on a channel without history.
    """
    budget, weeks = question.budget, planner.horizon.weeks
    _refuse_new(budget, dict(zip(question.channels, question.by_channel(plan), strict=True)))
    out = {}
    for channel in planner.posterior.spec.paid:
        of_channel = [i for i, cell in enumerate(question.cells) if cell.channel == channel]
        out[channel] = path_of_cells(
            planner.repeated()[channel],
            [question.cells[i] for i in of_channel],
            plan[of_channel],
            weeks,
            budget.price_rise.get(channel, 0.0),
        )
    return out
