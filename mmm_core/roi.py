"""Return on investment: revenue that a channel's media brought, over what they cost.

All figures are over the modelled window and share one accounting: revenue of the window's weeks, what carries over
from media before the window included and what carries out after it not; spend of the window's weeks.

    roi   revenue brought / spend
    mroi  revenue of 1 % more media in every week / 1 % of spend (Jin et al. 2017, section 4)
    cpik  spend / KPI units brought, where the KPI is not revenue itself
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.media import MediaModel, MediaParameters, media_parameters, some_draws
from mmm_core.posterior import spec_of

BUMP = 0.01
"""Relative increase of media behind the marginal ROI."""

METRICS = ("roi", "mroi", "contribution", "contribution_share", "spend", "cpik")

_CHUNK = 2_000_000


def roi_draws(tree: xr.DataTree) -> xr.Dataset:
    """Every metric for every draw, dims (draw, channel), draws flattened.

    Variables: roi, mroi, cpik (nan for organic channels; cpik only where the KPI is not revenue), contribution
    (revenue), contribution_share (of the window's revenue) and spend (channel,).
    """
    spec, data = spec_of(tree), tree["constant_data"].to_dataset()
    media = MediaModel.of(data, spec)
    history = data.sizes["media_week"] - data.sizes["week"]
    worth = data["revenue_per_kpi"].to_numpy()
    exposure = data["exposure"].to_numpy()

    def sums(parameters: MediaParameters) -> tuple[Any, Any, Any]:
        """KPI, revenue, and revenue with 1 % more media, each (draw, channel)."""
        base = media.effect(parameters, exposure)[..., history:, :]
        more = media.effect(parameters, exposure * (1 + BUMP))[..., history:, :]
        return (
            base.sum((-3, -2)),
            jnp.einsum("ngtc,gt->nc", base, worth),
            jnp.einsum("ngtc,gt->nc", more, worth),
        )

    with jax.enable_x64(True):
        parameters = media_parameters(tree)
        size, program = max(1, _CHUNK // exposure.size), jax.jit(sums)
        parts = [
            [
                np.asarray(part)
                for part in program(jax.tree.map(jnp.asarray, some_draws(parameters, slice(i, i + size))))
            ]
            for i in range(0, len(parameters.coefficient), size)
        ]
    kpi, revenue, bumped = (np.concatenate(pieces) for pieces in zip(*parts, strict=True))

    spend = np.full(len(spec.channels), np.nan)
    in_window = data["spend"].to_numpy()[:, history:]
    spend[: len(spec.paid)] = in_window.sum(axis=(0, 1))
    total = float(np.nansum(data["kpi"].to_numpy() * worth))
    dims = ("draw", "channel")
    metrics = xr.Dataset(
        {
            "roi": (dims, revenue / spend),
            "mroi": (dims, (bumped - revenue) / (BUMP * spend)),
            "contribution": (dims, revenue),
            "contribution_share": (dims, revenue / total),
            "spend": (("channel",), spend),
        },
        coords={"channel": list(spec.channels)},
    )
    if spec.kpi.revenue_per_unit:
        with np.errstate(divide="ignore"):
            metrics["cpik"] = (dims, spend / kpi)
    return metrics


def roi_table(tree: xr.DataTree) -> pd.DataFrame:
    """Summary of every metric of every channel.

    Returns:
        A row a channel and metric: channel, metric, mean, median, sd, q05, q95. Metrics roi, mroi, contribution
        (revenue), contribution_share (of the window's revenue), spend; cpik where the KPI is not revenue. Organic
        channels have contribution and contribution_share only. A KPI without `revenue_per_unit` counts as revenue.
    """
    metrics = roi_draws(tree)
    rows = []
    for channel in metrics["channel"].to_numpy():
        for name in METRICS:
            if name not in metrics:
                continue
            draws = np.atleast_1d(metrics[name].sel(channel=channel).to_numpy())
            if not np.isnan(draws).all():
                rows.append({"channel": str(channel), "metric": name, **summarise(draws)})
    return pd.DataFrame(rows)


def summarise(draws: np.ndarray) -> dict[str, float]:
    """Mean, median, sd and the ends of the 90 % interval of some draws."""
    q05, median, q95 = np.quantile(draws, [0.05, 0.5, 0.95])
    return {
        "mean": float(draws.mean()),
        "median": float(median),
        "sd": float(draws.std(ddof=1)) if len(draws) > 1 else 0.0,
        "q05": float(q05),
        "q95": float(q95),
    }
