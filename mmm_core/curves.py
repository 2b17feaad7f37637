"""Response curves: what a channel's spend over the coming weeks brings, as draws.

The next H weeks repeat the flighting of the last H, each channel's spend scaled by a multiplier. Media of the
weeks before still carry over into them, but their revenue is not the plan's: a response is the revenue with the
plan less the revenue with no spend at all. What the plan's own media bring after the horizon counts too: l_max
weeks without spend follow it.

Exposure scales with spend (the period's cost per impression holds) and a unit of KPI is worth what it was in the
period, its average afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.media import MediaModel, lag_weights, media_parameters
from mmm_core.posterior import spec_of
from mmm_core.saturation import SATURATIONS

MULTIPLIERS: tuple[float, ...] = tuple(np.linspace(0.0, 2.0, 41).round(3).tolist())
"""Default multiples of the last period's spend."""

MAX_DRAWS = 1000
"""Posterior draws used for a plan, spread evenly over the chains: the error of a mean is 3 % of its posterior sd."""
MAX_GEO_DRAWS = 10_000
"""Draws times geos used for a plan: a panel of 20 geos uses 500 draws (5 %)."""


@dataclass(frozen=True)
class PlanResponse:
    """Incremental revenue of plans that scale each paid channel's spend of the last comparable period.

    Attributes:
        channels: paid channels, with `saturation_kind` each.
        weeks: length of the horizon.
        current: (channel,) spend of the comparable period, over all geos.
        carried, planned: (channel, draw, geo, week) scaled media in the horizon and the l_max weeks after it, from the
            weeks before and from the plan at a multiplier of 1. Adstock is linear, so a plan's media are
            carried + multiplier * planned.
        shape: parameters of adstock and saturation by name, each (draw, channel).
        ceiling: (channel, draw, geo) scaled KPI a head that a saturated channel brings.
        worth: (geo, week) revenue of one unit of that.
    """

    channels: tuple[str, ...]
    saturation_kind: tuple[str, ...]
    weeks: int
    current: np.ndarray
    carried: Any
    planned: Any
    shape: dict[str, Any]
    ceiling: Any
    worth: Any

    def draws(self, multiplier: Any) -> Any:
        """Incremental revenue (draw, channel) at multipliers (channel,); traceable by JAX."""
        columns = []
        for i, kind in enumerate(self.saturation_kind):
            known = SATURATIONS[kind]
            own = {name: self.shape[name][:, i, None, None] for name in known.parameters}
            with_plan = known.function(self.carried[i] + multiplier[i] * self.planned[i], **own)
            without = known.function(self.carried[i], **own)
            columns.append(jnp.einsum("ngt,gt,ng->n", with_plan - without, self.worth, self.ceiling[i]))
        return jnp.stack(columns, axis=-1)

    def expected(self, multiplier: Any) -> Any:
        """Mean over draws of the incremental revenue, (channel,); traceable by JAX."""
        return self.draws(multiplier).mean(axis=0)


def plan_response(tree: xr.DataTree, weeks: int | None = None) -> PlanResponse:
    """The response of plans for the next `weeks` weeks (default: the model's `budget: weeks`).

    Call inside `jax.enable_x64(True)`.

    Raises:
        InputError: the table holds fewer weeks than the horizon.
    """
    spec = spec_of(tree)
    weeks = weeks or spec.budget.weeks
    data = tree["constant_data"].to_dataset()
    available = data.sizes["week"]
    if weeks > available:
        raise InputError(
            f"model {spec.model}: a horizon of {weeks} weeks repeats the last {weeks} weeks of the data, which hold "
            f"{available}: shorten `budget: weeks`"
        )
    paid = len(spec.paid)
    max_draws = min(MAX_DRAWS, max(MAX_GEO_DRAWS // data.sizes["geo"], 200))
    model = MediaModel.of(data, spec)
    parameters = media_parameters(tree, thinned(tree, max_draws))
    shape = {name: np.asarray(values, dtype=float)[:, :paid] for name, values in parameters.shape.items()}
    ceiling = np.moveaxis(np.asarray(parameters.coefficient, dtype=float)[..., :paid], -1, 0)
    layout = model.layout.of_channels(tuple(range(paid)))
    tail = max(layout.l_max)
    media = (
        data["exposure"].to_numpy()[..., :paid] / model.population[:, None, None] / model.media_scale[:paid]
    )
    # The latest `tail` weeks carry over into the horizon, which repeats the latest `weeks`.
    length = media.shape[1]
    history, flight = media[:, length - tail :], media[:, length - weeks :]
    nothing = np.zeros((len(media), tail, paid))
    lags = np.asarray(jax.vmap(lambda draw: lag_weights(layout, draw))(jax.tree.map(jnp.asarray, shape)))
    carried = _carry(np.concatenate([history, np.zeros_like(flight), nothing], axis=1), lags, tail)
    planned = _carry(np.concatenate([nothing, flight, nothing], axis=1), lags, tail)
    worth = data["revenue_per_kpi"].to_numpy()[:, available - weeks :]
    after = np.repeat(worth.mean(axis=1, keepdims=True), tail, axis=1)
    return PlanResponse(
        channels=spec.paid,
        saturation_kind=layout.saturation_kind,
        weeks=weeks,
        current=data["spend"].to_numpy()[:, length - weeks :].sum(axis=(0, 1)),
        carried=jnp.asarray(carried),
        planned=jnp.asarray(planned),
        shape=jax.tree.map(jnp.asarray, shape),
        ceiling=jnp.asarray(ceiling),
        worth=jnp.asarray(np.concatenate([worth, after], axis=1) * model.unit[:, None]),
    )


def _carry(media: np.ndarray, lags: np.ndarray, skip: int) -> np.ndarray:
    """Adstock of media (geo, week, channel) with each draw's lag weights (draw, channel, lag).

    Returns (channel, draw, geo, week) without the first `skip` weeks.
    """
    weeks = media.shape[1] - skip
    out = np.zeros((media.shape[2], len(lags), media.shape[0], weeks))
    for lag in range(lags.shape[2]):
        shifted = media[:, skip - lag : skip - lag + weeks]
        out += np.einsum("gtc,nc->cngt", shifted, lags[..., lag])
    return out


def thinned(tree: xr.DataTree, max_draws: int) -> np.ndarray:
    """Positions of at most `max_draws` flattened draws, evenly spread over the chains."""
    sizes = tree["posterior"].sizes
    total = sizes["chain"] * sizes["draw"]
    return np.unique(np.linspace(0, total - 1, min(total, max_draws)).astype(int))


def response_curves(
    tree: xr.DataTree, multipliers: Sequence[float] = MULTIPLIERS, weeks: int | None = None
) -> pd.DataFrame:
    """Incremental revenue of each paid channel at multiples of its last period's spend.

    Args:
        tree: a posterior.
        multipliers: multiples of the spend of the last `weeks` weeks, not negative.
        weeks: the horizon; default the model's `budget: weeks`.

    Returns:
        A row a channel and multiplier: channel, spend, multiplier, mean, q05, q95 (revenue over the horizon and the
        weeks it carries over into).

    Raises:
        InputError: a negative multiplier, or a horizon longer than the data.
    """
    if len(multipliers) == 0 or min(multipliers) < 0:
        raise InputError(f"multipliers must be 0 or more, got {list(multipliers)}")
    with jax.enable_x64(True):
        response = plan_response(tree, weeks)
        grid = np.repeat(np.asarray(multipliers, dtype=float)[:, None], len(response.channels), axis=1)
        draws = np.asarray(jax.jit(lambda plans: jax.lax.map(response.draws, plans))(jnp.asarray(grid)))
    q05, q95 = np.quantile(draws, [0.05, 0.95], axis=1)
    mean = draws.mean(axis=1)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "channel": channel,
                    "spend": response.current[i] * grid[:, i],
                    "multiplier": grid[:, i],
                    "mean": mean[:, i],
                    "q05": q05[:, i],
                    "q95": q95[:, i],
                }
            )
            for i, channel in enumerate(response.channels)
        ],
        ignore_index=True,
    )
