"""How media act, as draws: lag weights with their half-life, saturation curves on a grid of media.

The half-life is the time by which half of an exposure's effect has come, the effect of each week spread evenly over
it: with weights w_l, F(n) = w_0 + ... + w_(n-1) and F linear in between, F(half-life) = 1/2. It is defined for every
kind of carryover, also those that peak late; of a channel without any it is half a week.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.effects.roi import summarise
from mmm_core.model.media import lag_weights, lag_weights_of_draws
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import approximation, labelled
from mmm_core.transforms.saturation import SATURATIONS

MAX_DRAWS = 4000
"""Posterior draws behind a curve, spread evenly over the chains."""

POINTS = 51
"""Points of a saturation curve."""


def decay_draws(tree: xr.DataTree | Posterior, max_draws: int = MAX_DRAWS) -> xr.Dataset:
    """Draws of how each channel's effect spreads over the weeks after an exposure.

    Returns:
        weight (draw, channel, lag), which sum to 1 over the lags, 0 past a channel's longest; half_life (draw, channel)
        in weeks; l_max (channel,).
    """
    posterior = Posterior.of(tree)
    layout, positions = posterior.media.layout, posterior.thinned(max_draws)
    shape = posterior.media_parameters(positions).shape
    with jax.enable_x64(True):
        if shape:
            weights = np.asarray(lag_weights_of_draws(layout, shape))
        else:  # no channel has a parameter
            weights = np.broadcast_to(
                np.asarray(lag_weights(layout, {})), (len(positions), layout.channels, layout.lags)
            )
    return xr.Dataset(
        {
            "weight": (("draw", "channel", "lag"), weights),
            "half_life": (("draw", "channel"), half_life(weights)),
            "l_max": (("channel",), np.array(layout.l_max)),
        },
        coords={"channel": list(posterior.spec.channels), "lag": np.arange(layout.lags)},
        attrs={"approximate": approximation(posterior)},
    )


def half_life(weights: np.ndarray) -> np.ndarray:
    """Weeks until half of the effect has come, (...), from lag weights (..., lag) that sum to 1."""
    after = np.cumsum(weights, axis=-1)
    lag = np.argmax(after >= 0.5, axis=-1)[..., None]
    during = np.take_along_axis(weights, lag, axis=-1)
    before = np.take_along_axis(after, lag, axis=-1) - during
    return np.asarray((lag + (0.5 - before) / during)[..., 0])


def decay_table(tree: xr.DataTree | Posterior) -> pd.DataFrame:
    """Lag weights of every channel: a row a channel and lag up to its longest: channel, lag, mean, q05, q95."""
    draws = decay_draws(tree)
    rows = []
    for channel in draws["channel"].to_numpy():
        longest = int(draws["l_max"].sel(channel=channel))
        weights = draws["weight"].sel(channel=channel).to_numpy()[:, : longest + 1]
        low, high = np.quantile(weights, [0.05, 0.95], axis=0)
        columns = {"lag": np.arange(longest + 1), "mean": weights.mean(0), "q05": low, "q95": high}
        rows.append(pd.DataFrame({"channel": str(channel), **columns}))
    return labelled(pd.concat(rows, ignore_index=True), tree)


def half_life_table(tree: xr.DataTree | Posterior) -> pd.DataFrame:
    """Half-life of every channel in weeks: channel, mean, median, sd, q05, q95."""
    draws = decay_draws(tree)["half_life"]
    rows = [
        {"channel": str(channel), **summarise(draws.sel(channel=channel).to_numpy())}
        for channel in draws["channel"].to_numpy()
    ]
    return labelled(pd.DataFrame(rows), tree)


def saturation_draws(
    tree: xr.DataTree | Posterior, points: int = POINTS, max_draws: int = MAX_DRAWS
) -> xr.Dataset:
    """Draws of each channel's saturation curve on a grid of media, from nothing to the most of any week.

    The curve is of media before or after they carry over, as the specification orders the two; of a channel with reach
    and frequency it is of the frequency.

    Returns:
        response (draw, channel, point): share of the ceiling, for kinds that have one; media (channel, point) in the
        table's units for a geo of mean population; scaled (channel, point), the same in the channel's mean week.
    """
    posterior = Posterior.of(tree)
    data, model, layout = posterior.data, posterior.media, posterior.media.layout
    positions = posterior.thinned(max_draws)
    shape = posterior.media_parameters(positions).shape
    per_head = data["exposure"].to_numpy() / model.population[:, None, None] / model.media_scale
    most, unit = per_head.max(axis=(0, 1)), np.asarray(model.media_scale, dtype=float).copy()
    for i, frequent in enumerate(layout.has_frequency):
        if frequent and model.frequency is not None:
            most[i], unit[i] = np.nanmax(model.frequency[..., i]), float(data["frequency_scale"][i])
    grid = np.linspace(0.0, 1.0, points) * most[:, None]
    response = np.empty((len(positions), len(grid), points))
    with jax.enable_x64(True):
        for i, kind in enumerate(layout.saturation_kind):
            known = SATURATIONS[kind]
            parameters = {name: jnp.asarray(shape[name][:, i, None]) for name in known.parameters}
            response[:, i] = np.asarray(known.function(jnp.asarray(grid[i]), **parameters))
    return xr.Dataset(
        {
            "response": (("draw", "channel", "point"), response),
            "media": (("channel", "point"), grid * unit[:, None]),
            "scaled": (("channel", "point"), grid),
        },
        coords={"channel": list(posterior.spec.channels)},
        attrs={"approximate": approximation(posterior)},
    )
