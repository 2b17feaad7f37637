"""Response curves: what a channel's spend over the coming weeks brings, as draws.

The next H weeks repeat the flighting of the last H, each channel's spend scaled by a multiplier. Media of the weeks before
still carry over into them, but their revenue is not the plan's: a response is the revenue with the plan less the revenue
with no spend at all. What the plan's own media bring after the horizon counts too: l_max weeks without spend follow it.

Exposure scales with spend (the period's cost per impression holds) and a unit of KPI is worth what it was in the period,
its average afterwards.
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

from mmm_core import adstock
from mmm_core.errors import InputError
from mmm_core.media import MediaLayout, MediaModel, lag_weights, media_parameters, saturate
from mmm_core.posterior import spec_of

MULTIPLIERS: tuple[float, ...] = tuple(np.linspace(0.0, 2.0, 41).round(3).tolist())
"""Default multiples of the last period's spend."""

MAX_DRAWS = 1000
"""Posterior draws used for a plan, spread evenly over the chains: the error of a mean is 3 % of its posterior sd."""


@dataclass(frozen=True)
class PlanResponse:
    """Incremental revenue of plans that scale each paid channel's spend of the last comparable period.

    Attributes:
        channels: paid channels.
        weeks: length of the horizon.
        current: (channel,) spend of the comparable period, over all geos.
        carried, planned: (draw, geo, week, channel) scaled media in the horizon and the l_max weeks after it, from the
            weeks before and from the plan at a multiplier of 1. Adstock is linear, so a plan's media are
            carried + multiplier * planned.
        half_saturation, slope: (draw, channel).
        ceiling: (draw, geo, channel) scaled KPI a head that a saturated channel brings; `worth` (geo, week) its revenue.
    """

    channels: tuple[str, ...]
    weeks: int
    layout: MediaLayout
    current: np.ndarray
    carried: Any
    planned: Any
    half_saturation: Any
    slope: Any
    ceiling: Any
    worth: Any

    def draws(self, multiplier: Any) -> Any:
        """Incremental revenue (draw, channel) at multipliers (channel,); traceable by JAX."""

        def one(carried: Any, planned: Any, half_saturation: Any, slope: Any, ceiling: Any) -> Any:
            with_plan = saturate(self.layout, carried + multiplier * planned, half_saturation, slope)
            without = saturate(self.layout, carried, half_saturation, slope)
            return jnp.einsum("gtc,gt,gc->c", with_plan - without, self.worth, ceiling)

        return jax.vmap(one)(self.carried, self.planned, self.half_saturation, self.slope, self.ceiling)

    def expected(self, multiplier: Any) -> Any:
        """Mean over draws of the incremental revenue, (channel,); traceable by JAX."""
        return self.draws(multiplier).mean(axis=0)


def plan_response(tree: xr.DataTree, weeks: int | None = None, max_draws: int = MAX_DRAWS) -> PlanResponse:
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
    model = MediaModel.of(data, spec)
    parameters = media_parameters(tree, thinned(tree, max_draws))
    layout = MediaLayout(
        model.layout.adstock_kind[:paid], model.layout.l_max[:paid], model.layout.saturation_kind[:paid]
    )
    tail = max(layout.l_max)
    media = np.asarray(model.scaled(data["exposure"].to_numpy()))[..., :paid]
    # The latest `tail` weeks carry over into the horizon, which repeats the latest `weeks`.
    history, flight = media[:, media.shape[1] - tail :], media[:, media.shape[1] - weeks :]
    geos = len(media)
    before = np.concatenate([history, np.zeros((geos, weeks + tail, paid))], axis=1)
    plan = np.concatenate([np.zeros((geos, tail, paid)), flight, np.zeros((geos, tail, paid))], axis=1)

    @jax.jit
    def carry(alpha: Any) -> tuple[Any, Any]:
        lags = lag_weights(layout, alpha)
        return adstock.convolve(jnp.asarray(before), lags)[:, tail:], adstock.convolve(jnp.asarray(plan), lags)[:, tail:]

    carried, planned = jax.vmap(carry)(jnp.asarray(parameters.alpha)[:, :paid])
    worth = data["revenue_per_kpi"].to_numpy()[:, available - weeks :]
    after = np.repeat(worth.mean(axis=1, keepdims=True), tail, axis=1)
    scale = np.asarray(model.population)[:, None] * model.kpi_scale
    return PlanResponse(
        channels=spec.paid,
        weeks=weeks,
        layout=layout,
        current=data["spend"].to_numpy()[:, media.shape[1] - weeks :].sum(axis=(0, 1)),
        carried=carried,
        planned=planned,
        half_saturation=jnp.asarray(parameters.half_saturation)[:, :paid],
        slope=jnp.asarray(parameters.slope)[:, :paid],
        ceiling=jnp.asarray(parameters.coefficient)[..., :paid],
        worth=jnp.asarray(np.concatenate([worth, after], axis=1) * scale),
    )


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
