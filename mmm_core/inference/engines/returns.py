"""Return on investment of draws that another library made, by this library's counterfactual."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from mmm_core.model.beliefs import window_spend
from mmm_core.model.media import MediaModel, MediaParameters
from mmm_core.spec.model_spec import ModelSpec


def roi_of_draws(data: xr.Dataset, spec: ModelSpec, draws: dict[str, np.ndarray]) -> np.ndarray:
    """ROI (chain, draw, paid_channel): the outcome less that without the channel's media, over its spend.

    Args:
        draws: the media's parameters by name, (chain, draw, ...), of a model in levels whose effects stand still.
    """
    media, paid = MediaModel.of(data, spec), len(spec.paid)
    exposure, worth = data["exposure"].to_numpy(), data["revenue_per_kpi"].to_numpy()
    lead = draws["coefficient"].shape[:2]

    def flat(name: str) -> jax.Array:
        return jnp.asarray(draws[name].reshape(-1, *draws[name].shape[2:]))

    def brought(parameters: MediaParameters) -> jax.Array:
        effect = media.effect(parameters, exposure)[:, -worth.shape[1] :, :paid]
        return jnp.einsum("gtc,gt->c", effect, worth)

    stacked = MediaParameters({name: flat(name) for name in spec.shape_parameters}, flat("coefficient"))
    outcome = np.asarray(jax.jit(lambda some: jax.lax.map(brought, some))(stacked))
    return np.asarray(outcome / window_spend(data).sum(0)).reshape(*lead, paid)
