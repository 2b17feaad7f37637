"""From draws of the sampled parameters to every variable of a posterior, the integrated block drawn exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpyro import handlers

from mmm_core.effect_priors import window_spend
from mmm_core.gaussian_block import draw
from mmm_core.media import MediaModel
from mmm_core.model import Effects, Model, ModelArrays, integrated_terms
from mmm_core.posterior import OPTIONAL_DIMS, POSTERIOR_DIMS
from mmm_core.spec import ModelSpec

# Numbers a chunk of draws may hold: bounds memory without slowing a national model down.
_CHUNK_NUMBERS = 20_000_000

Variables = dict[str, tuple[tuple[str, ...], np.ndarray]]


def posterior_variables(
    model: Model,
    arrays: ModelArrays,
    data: xr.Dataset,
    positions: Any,
    to_sites: Callable[[Any], dict[str, jax.Array]],
    seed: int,
) -> Variables:
    """Every posterior variable, and an exact draw of the integrated block for every draw of the parameters.

    Args:
        positions: pytree of draws, leaves (chain, draw, ...).
        to_sites: from one draw of it to values by site of the NumPyro model.
        seed: of the block's draws.
    """
    leaves = jax.tree.leaves(positions)
    chains, draws = leaves[0].shape[:2]
    total = chains * draws
    flat = jax.tree.map(lambda a: jnp.asarray(a).reshape(total, *a.shape[2:]), positions)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), 1), total)
    size = max(1, min(total, _CHUNK_NUMBERS // max(arrays.media.lagged.size + arrays.media.raw.size, 1)))
    while total % size:  # one shape, one compilation
        size -= 1
    constants = _Constants.of(data, model.spec)

    def one(
        arrays: ModelArrays, constants: _Constants, position: Any, key: jax.Array
    ) -> dict[str, jax.Array]:
        sites = to_sites(position)
        effects = handlers.substitute(handlers.seed(model.effects, key), data=sites)(arrays)
        return _variables(model.spec, effects, arrays, constants, key)

    batch = jax.jit(jax.vmap(one, in_axes=(None, None, 0, 0)))

    def chunk(start: int) -> dict[str, np.ndarray]:
        some = jax.tree.map(lambda a: a[start : start + size], (flat, keys))
        return jax.tree.map(np.asarray, batch(arrays, constants, *some))

    parts = [chunk(start) for start in range(0, total, size)]
    dims = {**POSTERIOR_DIMS, **OPTIONAL_DIMS, **dict.fromkeys(model.spec.shape_parameters, ("channel",))}
    return {
        name: (
            dims[name],
            np.concatenate([part[name] for part in parts]).reshape(chains, draws, *parts[0][name].shape[1:]),
        )
        for name in parts[0]
    }


class _Constants(NamedTuple):
    """Arrays of the data that the variables need; a program takes them as arguments."""

    centre: Any  # (geo,)
    spend: Any  # (paid_channel,)
    order: Any  # (term,), of integrated then sampled terms, back in the design's order
    design: Any  # (geo, week, term)
    unit: Any  # (geo,)
    population: Any  # (geo,)
    revenue: Any  # (geo, week)

    @classmethod
    def of(cls, data: xr.Dataset, spec: ModelSpec) -> _Constants:
        terms = [str(term) for term in data["term"].to_numpy()]
        sampled = [terms.index(name) for name in spec.sampled_treatments]
        return cls(
            data["kpi_centre"].to_numpy(),
            window_spend(data).sum(0),
            np.argsort(np.array([*integrated_terms(data, spec), *sampled])),
            data["design"].to_numpy(),
            MediaModel.of(data, spec).unit,
            data["population"].to_numpy(),
            data["revenue_per_kpi"].to_numpy(),
        )


def _variables(
    spec: ModelSpec, effects: Effects, arrays: ModelArrays, constants: _Constants, key: jax.Array
) -> dict[str, jax.Array]:
    level, fixed, deviations, slope = draw(arrays.block, key=key, **effects.block)
    # term 0 is the intercept: it takes the level's mean, so that the level is the movement around it
    fixed = fixed.at[:, 0].add(constants.centre + level.mean())
    if effects.treatment is not None:
        treatment = jnp.broadcast_to(effects.treatment, (len(fixed), len(effects.treatment)))
        fixed = jnp.concatenate([fixed, treatment], axis=1)[:, constants.order]
    level = level - level.mean()
    coefficient = effects.parameters.coefficient
    if deviations is not None:
        coefficient = coefficient + deviations
    out = {
        **effects.parameters.shape,
        "coefficient": coefficient,
        "roi": _outcome(spec, effects, coefficient, level, fixed, arrays, constants) / constants.spend,
        "sigma": effects.sigma,
        "tau": effects.tau,
        "level": level,
        "fixed_effect": fixed,
        "geo_spread": effects.geo_spread,
        "multiplier": effects.parameters.multiplier,
        "tau_slope": effects.tau_slope,
        "slope_path": slope,
        "nu": effects.nu,
        "correlation": effects.correlation,
    }
    return {name: value for name, value in out.items() if value is not None}


def _outcome(
    spec: ModelSpec,
    effects: Effects,
    coefficient: jax.Array,
    level: jax.Array,
    fixed: jax.Array,
    arrays: ModelArrays,
    constants: _Constants,
) -> jax.Array:
    """Outcome that each paid channel brought over the window: the expected KPI less that without its media."""
    paid = len(spec.paid)
    added = effects.response[:paid] * coefficient.T[:paid, :, None]  # (channel, geo, week), scaled
    if spec.kpi.scale == "level":
        return jnp.einsum("cgt,gt->c", added, arrays.outcome_value)
    baseline = level + jnp.einsum("gtk,gk->gt", constants.design, fixed)
    media = jnp.einsum("cgt,gc->gt", effects.response, coefficient)
    unit = constants.unit[:, None]
    expected = jnp.exp((baseline + media) * unit + (effects.sigma * unit) ** 2 / 2)
    expected = expected * constants.population[:, None] * constants.revenue
    return jnp.sum(expected * -jnp.expm1(-added * unit), axis=(1, 2))
