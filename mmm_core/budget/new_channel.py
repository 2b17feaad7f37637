"""A channel without history: a Hill curve whose return at a spend, half saturation and slope are believed.

In draw i, with m spend as a multiple of the stated one, h the Hill curve of the draw's half saturation and slope, and
roi_i its return at m = 1:

    outcome_i(m) = roi_i x spend x h_i(m) / h_i(1)

The draws of a belief are independent of the posterior's: the median of each stratum, in a random order with a seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from mmm_core.budget.response import Curves
from mmm_core.effects.curves import ChannelResponse
from mmm_core.priors import Prior
from mmm_core.spec.budget_spec import NewChannel


def with_new_channels(curves: Curves, new: Mapping[str, NewChannel], rise: np.ndarray, seed: int) -> Curves:
    """Curves with a further cell for each new channel; `rise` (new channel,)."""
    if not new:
        return curves
    arrays = curves.arrays
    draws, geos = int(arrays.ceiling.shape[1]), int(arrays.ceiling.shape[2])
    rng = np.random.default_rng([seed, 12])
    worth = np.broadcast_to(
        np.asarray(arrays.worth), (len(arrays.by_channel), draws, geos, arrays.worth.shape[-1])
    )
    whole = worth[0].sum(axis=(1, 2))  # what a rise of the KPI by 1 everywhere is worth
    responses, ceilings, units = list(arrays.by_channel), [arrays.ceiling], []
    for rule in new.values():
        roi, half, slope = (
            _spread(prior, draws, rng) for prior in (rule.roi, rule.half_saturation, rule.slope)
        )
        at_spend = 1.0 / (1.0 + half**slope)
        lift = roi * rule.spend / whole
        ceiling = (np.log1p(lift) if arrays.log else lift) / at_spend
        one = jnp.ones((draws, 1, 1))
        responses.append(
            ChannelResponse(
                saturation="hill",
                parameters={"half_saturation": jnp.asarray(half), "slope": jnp.asarray(slope)},
                carried=0.0 * one,
                planned=one,
                flight=None,
                lags=jnp.ones((draws, 1)),
                reached=False,
            )
        )
        ceilings.append(jnp.asarray(np.broadcast_to(ceiling[:, None], (draws, geos)))[None])
        units.append(rule.spend)
    worths = arrays.worth
    if len(worths) > 1:
        worths = jnp.concatenate([worths, *[worths[:1]] * len(new)])
    arrays = replace(arrays, by_channel=tuple(responses), ceiling=jnp.concatenate(ceilings), worth=worths)
    return replace(
        curves,
        arrays=arrays,
        unit=jnp.concatenate([curves.unit, jnp.asarray(units, dtype=float)]),
        rise=jnp.concatenate([curves.rise, jnp.asarray(rise, dtype=float)]),
    )


def _spread(prior: Prior, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of a belief: the middle of each of as many equal strata, in a random order."""
    if prior.family == "fixed":
        return np.full(draws, prior.median())
    return np.asarray(prior.frozen().ppf((rng.permutation(draws) + 0.5) / draws), dtype=float)
