"""Media as the model sees them: scaled, carried over, saturated, at the posterior."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.model.media import lag_weights, saturated_media
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
    exposure = data["exposure"].to_numpy()
    scaled = np.moveaxis(exposure / media.population[:, None, None] / media.media_scale, -1, 0)

    def means(shapes: dict[str, jax.Array]) -> Pair:
        inputs, lagged = media.inputs(exposure), adstock.lagged(scaled, media.layout.lags)

        def add(sums: Pair, shape: dict[str, jax.Array]) -> tuple[Pair, None]:
            carried = adstock.convolve(lagged, lag_weights(media.layout, shape))
            return (sums[0] + carried, sums[1] + saturated_media(media.layout, inputs, shape)), None

        zeros = jnp.zeros((len(spec.channels), *exposure.shape[:2]))
        sums, _ = jax.lax.scan(add, (zeros, zeros), shapes, length=len(positions))
        return sums[0] / len(positions), sums[1] / len(positions)

    with jax.enable_x64(True):
        shapes = jax.tree.map(jnp.asarray, posterior.media_parameters(positions).shape)
        adstocked, saturated = (
            np.moveaxis(np.asarray(m), 0, -1)[:, history:] for m in jax.jit(means)(shapes)
        )
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
