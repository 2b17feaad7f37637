"""How likely each recommended move is right.

Money that a channel gets comes from channels that lose some. A move is right in a draw where the money brings more in
its new place than in its old one: for a channel that gains, its added outcome per unit of added spend against that of
all that is taken elsewhere; for a channel that loses the other way round. Where nothing moves the other way the money
comes from, or goes to, the purse, and the return to beat is 1 / margin, or 0 for a KPI that nobody prices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from mmm_core.budget.question import channel_curves
from mmm_core.budget.response import cell_outcomes
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.budget_spec import Budget

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm

STILL = 1e-3
"""A change of less than this share of a channel's spend is none."""


def probability_right(
    posterior: Posterior,
    channels: pd.DataFrame,
    budget: Budget,
    margin: float | None,
    long_term: LongTerm | None = None,
) -> dict[str, float]:
    """By channel whose spend moves, the posterior probability that the move is right.

    Args:
        channels: current_spend and recommended_spend of each channel; one without history, that the budget plans all
            the same, brings what is believed of it (`mmm_core.budget.new_channel`).
        budget: that the plan answers.
        margin: money that a unit of the outcome leaves before media; None for units that nobody prices.
        long_term: of this posterior, for a budget with `horizon: long`.
    """
    spend = channels.set_index("channel")
    with jax.enable_x64(True):
        response, curves = channel_curves(posterior, budget, long_term, new=True)
        names = (*response.channels, *budget.new_channels)
        known = [name for name in names if name in spend.index]
        place = [names.index(name) for name in known]
        current = np.concatenate([response.current, np.zeros(len(budget.new_channels))])
        planned = current.copy()
        planned[place] = spend.loc[known, "recommended_spend"].to_numpy(dtype=float)
        both = np.asarray(cell_outcomes(curves, jnp.asarray(np.stack([current, planned]))))
    floor = 0.0 if margin is None else 1.0 / margin
    right = right_moves(both[1] - both[0], planned - current, np.maximum(current, planned), floor)
    return {name: right[i] for i, name in zip(place, known, strict=True) if i in right}


def right_moves(
    more_outcome: np.ndarray, more_spend: np.ndarray, size: np.ndarray, floor: float
) -> dict[int, float]:
    """By position of each channel that moves, the share of draws in which the move is right.

    Args:
        more_outcome: (draw, channel) outcome of the plan less that of the last period.
        more_spend: (channel,) the same of spend. size: (channel,) spend that a change is small beside.
        floor: return to beat where nothing moves the other way.
    """
    moves = np.abs(more_spend) > STILL * size
    out: dict[int, float] = {}
    for i in np.flatnonzero(moves):
        other = moves & (np.sign(more_spend) == -np.sign(more_spend[i]))
        to_beat = more_outcome[:, other].sum(axis=1) / more_spend[other].sum() if other.any() else floor
        gained = (more_outcome[:, i] / more_spend[i] - to_beat) * np.sign(more_spend[i])
        out[int(i)] = float((gained > 0).mean())
    return out
