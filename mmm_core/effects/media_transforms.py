"""Media as the model sees them: scaled, carried over, saturated, at the posterior."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.quarters import filled, whole_quarters
from mmm_core.model.media import MediaLayout, MediaModel, lag_weights, saturated_media
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import labelled
from mmm_core.transforms import adstock

Pair = tuple[jax.Array, jax.Array]

MAX_DRAWS = 400
"""Posterior draws behind a mean, spread evenly over the chains."""


def media_transforms(tree: xr.DataTree | Posterior) -> pd.DataFrame:
    """Exposure, its adstock and its saturation for every channel, geo and week of the window.

    Returns:
        A row a week, geo and channel: week_start, geo, channel; exposure (or reach) in the table's units; adstocked,
        in the channel's mean non-zero week a head; saturated, the response as a share of the channel's ceiling (in the
        unit of adstocked for a channel without one, or with reach and frequency). The last two are posterior means. A
        channel whose media saturate before they carry over has its adstocked media beside that response all the same.
    """
    posterior = Posterior.of(tree)
    spec, data, media, history = posterior.spec, posterior.data, posterior.media, posterior.history
    positions = posterior.thinned(MAX_DRAWS)
    exposure, weeks = data["exposure"].to_numpy(), data.sizes["media_week"]
    more = whole_quarters(weeks) - weeks  # as the fit has them: a further week runs the same program
    frequency = None if media.frequency is None else filled(media.frequency, more, 1, "edge")
    with jax.enable_x64(True):
        means = _means(
            media.layout, media.media_scale, media.population, media.unit,
            posterior.media_parameters(positions).shape, len(positions), filled(exposure, more, 1), frequency,
        )  # fmt: skip
        adstocked, saturated = (np.moveaxis(np.asarray(m), 0, -1)[:, history:weeks] for m in means)
    labels = {
        "geo": data["geo"].to_numpy(),
        "week_start": data["week"].to_numpy(),
        "channel": list(spec.channels),
    }
    table = xr.Dataset(
        {
            name: (("geo", "week_start", "channel"), values)
            for name, values in (
                ("exposure", exposure[:, history:]),
                ("adstocked", adstocked),
                ("saturated", saturated),
            )
        },
        coords=labels,
    )
    columns = ["week_start", "geo", "channel", "exposure", "adstocked", "saturated"]
    return labelled(table.to_dataframe().reset_index()[columns], posterior)


@partial(jax.jit, static_argnums=(0, 5))
def _means(
    layout: MediaLayout,
    media_scale: Any,
    population: Any,
    unit: Any,
    shapes: dict[str, Any],
    draws: int,
    exposure: Any,
    frequency: Any,
) -> Pair:
    """Mean adstocked media and mean response over the draws, each (channel, geo, week)."""
    inputs = MediaModel(layout, media_scale, frequency, population, unit).inputs(exposure)
    scaled = jnp.moveaxis(exposure / population[:, None, None] / media_scale, -1, 0)
    lagged = adstock.lagged(scaled, layout.lags)

    def add(sums: Pair, shape: dict[str, jax.Array]) -> tuple[Pair, None]:
        carried = adstock.convolve(lagged, lag_weights(layout, shape))
        return (sums[0] + carried, sums[1] + saturated_media(layout, inputs, shape)), None

    sums, _ = jax.lax.scan(add, (jnp.zeros(scaled.shape), jnp.zeros(scaled.shape)), shapes, length=draws)
    return sums[0] / draws, sums[1] / draws
