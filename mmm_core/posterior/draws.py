"""Draws of a posterior: chains flattened, some of them, and the media parameters they hold."""

from __future__ import annotations

import jax
import numpy as np
import xarray as xr

from mmm_core.model.media import MediaLayout, MediaModel, MediaParameters
from mmm_core.posterior.schema import spec_of


def media_parameters(tree: xr.DataTree, draws: np.ndarray | slice | None = None) -> MediaParameters:
    """The media parameters of a posterior, chains and draws on one leading axis.

    Args:
        draws: positions on that axis to keep; all by default.
    """
    posterior = tree["posterior"].to_dataset()

    def stacked(name: str) -> np.ndarray:
        values = posterior[name].to_numpy()
        values = values.reshape(-1, *values.shape[2:])
        return values if draws is None else values[draws]

    names = MediaLayout.of(spec_of(tree)).parameters
    return MediaParameters(
        {name: stacked(name) for name in names},
        stacked("coefficient"),
        stacked("multiplier") if "multiplier" in posterior else None,
    )


def some_draws(parameters: MediaParameters, at: slice | np.ndarray) -> MediaParameters:
    """Some of stacked draws."""
    return jax.tree.map(lambda values: values[at], parameters)


def media_effect(
    tree: xr.DataTree, parameters: MediaParameters, exposure: np.ndarray | None = None
) -> jax.Array:
    """What each channel adds, (..., geo, media_week, channel), under an exposure path (the observed one)."""
    data = tree["constant_data"].to_dataset()
    model = MediaModel.of(data, spec_of(tree))
    return model.effect(parameters, data["exposure"].to_numpy() if exposure is None else exposure)


def thinned(tree: xr.DataTree, max_draws: int) -> np.ndarray:
    """Positions of at most `max_draws` flattened draws, evenly spread over the chains."""
    sizes = tree["posterior"].sizes
    total = sizes["chain"] * sizes["draw"]
    return np.unique(np.linspace(0, total - 1, min(total, max(max_draws, 1))).astype(int))


def positions(tree: xr.DataTree, most: int) -> np.ndarray:
    """At most `most` flattened draws, every n-th of each chain: chains stay as long as each other."""
    sizes = tree["posterior"].sizes
    chains, draws = sizes["chain"], sizes["draw"]
    every = max(1, int(np.ceil(chains * draws / most)))
    return np.asarray((np.arange(chains)[:, None] * draws + np.arange(0, draws, every)).ravel())


def of_draws(tree: xr.DataTree, name: str, at: np.ndarray) -> np.ndarray:
    """Some draws of a posterior variable, chains flattened."""
    values = tree["posterior"][name].to_numpy()
    return np.asarray(values.reshape(-1, *values.shape[2:])[at])
