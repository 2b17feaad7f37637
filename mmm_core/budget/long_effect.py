"""What spend brings by way of the brand, for a budget with `horizon: long`: an outcome per unit of spend, draw by draw.

The long-term model is linear in spend: a unit of a channel brings the same whenever and on top of whatever it is
spent. Its return within `long_term: horizon` weeks is therefore added to each draw of the short-term response, priced
as base sales were in the weeks that the curves repeat. With a discount the effect counts less for the weeks after its
spend, and that for the weeks of the plan before it, as if spent evenly over them. Draws of the two belong together: the
long term was fitted to draws of the very posterior that the curves are of, and where the curves are of other draws of
it, the nearest in its chains stands in.

A channel of which the draws do not even tell on which side of 0 its long-term return is has its short term only: what
stands there is mostly noise about a wide prior, and a plan would move money after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mmm_core.effects.roi import roi_draws
from mmm_core.errors import InputError, listed
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.budget_spec import Budget

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm


@dataclass(frozen=True)
class LongEffect:
    """What a unit of spend brings beside the curves.

    Attributes:
        per_spend: (draw, channel), 0 of channels whose long term was not looked for, or is not told from none.
        words: what is counted, a sentence.
    """

    per_spend: np.ndarray
    words: str


def long_effect(
    long_term: LongTerm | None,
    posterior: Posterior,
    budget: Budget,
    channels: tuple[str, ...],
    positions: np.ndarray,
) -> LongEffect:
    """The long-term effect that a budget counts.

    Args:
        long_term: of `fit_long_term`, of this very posterior.
        channels: paid ones, in the curves' order. positions: of the curves' draws among all of the posterior.

    Raises:
        InputError: there is no long term, it is of another posterior, its chains disagree, or effects do not die out
            in enough draws.
    """
    from mmm_core.effects.curves import discounted
    from mmm_core.long_term.doubts import doubts
    from mmm_core.long_term.identification import SURE, told_from_none
    from mmm_core.long_term.multipliers import LEAST_STABLE
    from mmm_core.long_term.returns import long_term_roi
    from mmm_core.long_term.worth import worth_of_base

    model = posterior.spec.model
    if long_term is None:
        raise InputError(
            f"model {model}: `budget: {{horizon: long}}` counts what media bring by way of the brand, and there is no "
            "long-term posterior: name brand metrics under `long_term:` and give it (`mmm bvar` writes it, "
            "`--long-term FILE` reads it), or plan by `horizon: short`"
        )
    _refuse_another(long_term, posterior)
    if long_term.stable_share < LEAST_STABLE:
        raise InputError(
            f"model {model}: `budget: {{horizon: long}}`: effects die out in {long_term.stable_share:.0%} of the "
            "long-term draws only, and explode in the others, which carry every mean: no money is planned by fewer "
            f"than {LEAST_STABLE:.0%}. See the check `stable "
            "draws` of the long term for what to do, or plan by `horizon: short`"
        )
    if severe := long_term.severe:
        raise InputError(
            f"model {model}: `budget: {{horizon: long}}`: no figure of the long term may be read, and no money is "
            f"planned by one: {severe[0]}. Or plan by `horizon: short`"
        )
    rule = long_term.rule
    discount = budget.discount or rule.discount
    every = long_term.draws["draw"].to_numpy()
    worth = worth_of_base(posterior, every, budget.weeks) * discounted(budget.discount, budget.weeks).mean()
    returns = long_term_roi(
        long_term.draws,
        revenue_per_kpi=xr.DataArray(worth, dims="draw", coords={"draw": every}),
        horizon=rule.horizon,
        discount=discount,
    ).transpose("draw", "channel")
    known = [str(name) for name in returns["channel"].to_numpy()]
    places = _nearest(positions, every)
    per_spend = np.zeros((len(positions), len(channels)))
    told = told_from_none(long_term.roi())  # by the figures that people read
    for i, channel in enumerate(channels):
        if told.get(channel):
            per_spend[:, i] = returns.to_numpy()[places, known.index(channel)]
    counted = ", ".join(
        f"{channel} {per_spend[:, i].mean():.2f}" for i, channel in enumerate(channels) if told.get(channel)
    )
    untold = [channel for channel in channels if channel in known and not told[channel]]
    others = [*(name for name in channels if name not in known), *budget.new_channels]
    less = f", at {discount:.0%} a year less" if discount else ""
    words = (
        f"counted: short-term effects, and what a unit of spend brings by way of the brand within "
        f"{plural(rule.horizon, 'week')}"
        f"{less} ({counted or 'of no channel'})"
    )
    if untold:
        words += (
            f"; of {', '.join(untold)} the short term only, as under {SURE:.0%} of the draws of the long-term effect "
            "are on one side of 0"
        )
    if others:
        words += f"; of {', '.join(others)} the short term only, as `long_term: channels` does not name them"
    if failed := doubts(long_term.checks(), [channel for channel in channels if told.get(channel)]):
        words += (
            f"; with care, as checks of this long term failed: {listed(failed, len(failed))} (`mmm bvar` and the "
            "checks of bvar_posterior say why)"
        )
    return LongEffect(per_spend, words)


def _refuse_another(long_term: LongTerm, posterior: Posterior) -> None:
    """Raise InputError unless the long term was fitted to draws of this posterior."""
    short, every = long_term.short_roi, roi_draws(posterior)["roi"]
    places = short["draw"].to_numpy()
    channels = [str(name) for name in short["channel"].to_numpy()]
    known = [str(name) for name in every["channel"].to_numpy()]
    same = set(channels) <= set(known) and len(places) > 0 and int(places.max()) < every.sizes["draw"]
    if same:
        ours = every.isel(draw=places).sel(channel=channels).transpose("draw", "channel").to_numpy()
        same = np.allclose(ours, short.transpose("draw", "channel").to_numpy(), rtol=1e-4)
    if not same:
        raise InputError(
            f"the long-term posterior (of model {long_term.attrs['model']}) was fitted to another posterior than this "
            f"one of model {posterior.spec.model}: fit it again on this one (`mmm bvar --posterior ...`)"
        )


def _nearest(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Positions in `known` (increasing) of the values nearest to those wanted."""
    after = np.clip(np.searchsorted(known, wanted), 1, max(len(known) - 1, 1))
    if len(known) == 1:
        return np.zeros(len(wanted), dtype=int)
    closer = wanted - known[after - 1] <= known[after] - wanted
    return np.where(closer, after - 1, after)
