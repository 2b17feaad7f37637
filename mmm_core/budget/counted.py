"""The curves that a budget counts, as numbers: what each channel brings at points of its spend, draw by draw.

Whoever has them plans another total without the posterior, by adding up and reading between the points. The points are
those of the response curves, on to the channel's upper bound, and its spend in the plan that was decided: on concave
curves that plan is then the best of its total between the points too, to the last digit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.budget.question import channel_curves, group_limits
from mmm_core.budget.response import cell_outcomes
from mmm_core.effects.curves import MULTIPLIERS
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.budget_spec import Budget

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm

LIMITS = frozenset({"groups", "all_or_nothing"})
"""Keys of a budget beyond `Budget.on_curves` that are held to beside the curves."""
BEYOND = 10
"""Points from the end of the response curves to an upper bound that lies beyond it."""
APART = 1e-4
"""Least distance of two points, as a share of the curve's end: nearer ones tell of rounding, not of a slope."""


def counted_draws(
    tree: xr.DataTree | Posterior, budget: Budget, plan: pd.DataFrame, long_term: LongTerm | None = None
) -> xr.Dataset:
    """What spend of each channel brings as the budget counts it: prices, discount and, where it asks so, the brand.

    Args:
        plan: as it was decided, a row a channel: channel, recommended_spend, lower, upper. New channels have no curve.
        long_term: of this posterior, for a budget with `horizon: long`.

    Returns:
        spend (channel, point), ascending, the last repeated where a channel has fewer points than another; outcome
        (draw, channel, point); floor (channel), the least of a channel that is all or nothing, else 0; and of groups of
        channels member (group, channel), least and most (group). Attribute `left_out`: keys of the budget that neither
        the curves nor these limits answer.

    Raises:
        InputError: as `mmm_core.budget.question.question` of horizon and long term.
    """
    planned = plan.set_index("channel")
    with jax.enable_x64(True):
        response, curves = channel_curves(Posterior.of(tree), budget, long_term)
        rows = planned.loc[list(response.channels), ["recommended_spend", "lower", "upper"]].to_numpy()
        points = [_points(spend, *row) for spend, row in zip(response.repeated, rows, strict=True)]
        most = max(len(each) for each in points)
        spend = np.stack([np.pad(each, (0, most - len(each)), mode="edge") for each in points])
        outcome = np.asarray(cell_outcomes(curves, jnp.asarray(spend.T)))
    channels = tuple(response.channels)
    known = (*channels, *budget.new_channels)
    spent = np.concatenate([response.current, np.zeros(len(budget.new_channels))])
    groups = group_limits(budget, channels, known, spent)
    member = np.array([group.coefficients for group in groups]).reshape(len(groups), len(channels))
    return xr.Dataset(
        {
            "spend": (("channel", "point"), spend),
            "outcome": (("draw", "channel", "point"), np.moveaxis(outcome, 0, -1)),
            "floor": (("channel",), np.array(_floors(budget, channels, rows[:, 1]))),
            "member": (("group", "channel"), member),
            "least": (("group",), np.array([group.low for group in groups])),
            "most": (("group",), np.array([group.high for group in groups])),
        },
        coords={"channel": list(channels), "group": list(budget.groups)},
        attrs={"left_out": tuple(key for key in budget.beyond_curves if key not in LIMITS)},
    )


def _floors(budget: Budget, channels: tuple[str, ...], lower: np.ndarray) -> list[float]:
    """Least spend of each channel that is all or nothing; 0 of one that has money in any case, and of the others."""
    floors = [budget.all_or_nothing.get(name, 0.0) for name in channels]
    return [floor if least <= 0 else 0.0 for floor, least in zip(floors, lower, strict=True)]


def _points(repeated: float, planned: float, lower: float, upper: float) -> np.ndarray:
    """Spend, ascending, at which a channel's curve is worked out."""
    usual = repeated * np.array(MULTIPLIERS)
    end = max(usual[-1], upper)
    beyond = np.linspace(usual[-1], end, BEYOND + 1 if end > usual[-1] else 1)[1:]
    wanted = [0.0, end, planned, lower, upper, *usual, *beyond]  # the plan's own goes before those beside it
    kept: list[float] = []
    for point in wanted:
        if not kept or np.abs(np.array(kept) - point).min() > APART * end:
            kept.append(float(point))
    return np.sort(kept)
