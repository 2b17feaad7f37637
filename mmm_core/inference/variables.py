"""From draws of the sampled parameters to every variable of a posterior, the integrated block drawn exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.sharding import Mesh, PartitionSpec
from numpyro import handlers

from mmm_core.model.beliefs import window_spend
from mmm_core.model.gaussian_block import draw
from mmm_core.model.level import LevelPrior
from mmm_core.model.media import MediaModel
from mmm_core.model.model import Effects, ModelArrays
from mmm_core.model.prepare import PreparedModel, integrated_terms
from mmm_core.posterior.schema import OPTIONAL_DIMS, POSTERIOR_DIMS
from mmm_core.spec.model_spec import ModelSpec

# Numbers a chunk of draws may hold: bounds memory without slowing a national model down.
CHUNK_NUMBERS = 20_000_000

# Random keys of the block's draws: JAX's usual kind, of two words.
_KEY, _KEY_WORDS = "threefry2x32", 2

Variables = dict[str, tuple[tuple[str, ...], np.ndarray]]


class VariablesProgram(NamedTuple):
    """The program that turns a chunk of draws into variables; `compile()` may run beside the sampler."""

    lowered: Any
    chunk: int
    constants: _Constants

    def compile(self) -> Any:
        """The executable. It runs for a moment only, so on a CPU the compiler is given a third of its usual time."""
        options = {"xla_cpu_use_fusion_emitters": False} if jax.default_backend() == "cpu" else None
        return self.lowered.compile(compiler_options=options)


def variables_program(
    prepared: PreparedModel,
    to_sites: Callable[[Any], dict[str, jax.Array]],
    position: Any,
    draws: int,
    devices: int = 1,
) -> VariablesProgram:
    """Trace the program for so many draws in all.

    Args:
        to_sites: from one draw to values by site of the NumPyro model.
        position: has the leaves of one draw, of which shapes are read.
        devices: the draws of a chunk are spread over so many.
    """
    model, arrays = prepared.model, prepared.arrays
    chunk = chunk_size(prepared, draws, devices)
    constants = _Constants.of(prepared.data, prepared.spec)

    def one_draw(
        arrays: ModelArrays, constants: _Constants, position: Any, bits: jax.Array
    ) -> dict[str, jax.Array]:
        key = jax.random.wrap_key_data(bits, impl=_KEY)
        effects = handlers.substitute(handlers.seed(model.effects, key), data=to_sites(position))(arrays)
        return _variables(prepared.spec, effects, arrays, constants, key)

    some = jax.tree.map(lambda a: jax.ShapeDtypeStruct((chunk, *jnp.shape(a)), jnp.zeros(()).dtype), position)
    keys = jax.ShapeDtypeStruct((chunk, _KEY_WORDS), np.uint32)

    def several(
        arrays: ModelArrays, constants: _Constants, positions: Any, keys: Any
    ) -> dict[str, jax.Array]:
        if factorises(prepared) and jax.default_backend() == "cpu":
            return jax.lax.map(lambda draw: one_draw(arrays, constants, *draw), (positions, keys))
        return jax.vmap(one_draw, in_axes=(None, None, 0, 0))(arrays, constants, positions, keys)

    mesh = Mesh(np.array(jax.devices()[:devices]), ("draw",))
    same, spread = PartitionSpec(), PartitionSpec("draw")
    batch = jax.jit(
        jax.shard_map(
            several, mesh=mesh, in_specs=(same, same, spread, spread), out_specs=spread, check_vma=False
        )
    )
    return VariablesProgram(batch.lower(arrays, constants, some, keys), chunk, constants)


def chunk_size(prepared: PreparedModel, draws: int, devices: int = 1) -> int:
    """How many of so many draws are worked out at once: one shape, one compilation, the last chunk is filled up."""
    arrays = prepared.arrays
    per_draw = arrays.media.lagged.size + arrays.media.raw.size
    if factorises(prepared):
        per_draw += arrays.kpi.shape[1] ** 2
    chunks = -(-draws * per_draw // CHUNK_NUMBERS)
    return -(-draws // (chunks * devices)) * devices


def trace_variables(prepared: PreparedModel) -> Any:
    """The program of one draw as a jaxpr, whose results are the posterior variables; computes nothing."""

    def one_draw(arrays: ModelArrays, constants: _Constants, bits: jax.Array) -> dict[str, jax.Array]:
        key = jax.random.wrap_key_data(bits, impl=_KEY)
        effects = handlers.seed(prepared.model.effects, key)(arrays)
        return _variables(prepared.spec, effects, arrays, constants, key)

    constants = _Constants.of(prepared.data, prepared.spec)
    bits = jax.ShapeDtypeStruct((_KEY_WORDS,), np.uint32)
    return jax.make_jaxpr(one_draw)(prepared.arrays, constants, bits)


def factorises(prepared: PreparedModel) -> bool:
    """Whether every draw factorises a matrix over the weeks or the geos' effects: on a CPU, where batches of
    factorisations are slow, the draws of a chunk then follow one another.
    """
    return isinstance(prepared.arrays.block.level, LevelPrior) or prepared.model.integrates_geos


def posterior_variables(
    prepared: PreparedModel,
    positions: Any,
    to_sites: Callable[[Any], dict[str, jax.Array]],
    seed: int,
    program: VariablesProgram | None = None,
    executable: Any = None,
) -> Variables:
    """Every posterior variable, and an exact draw of the integrated block for every draw of the parameters.

    Args:
        positions: pytree of draws, leaves (chain, draw, ...).
        to_sites: from one draw of it to values by site of the NumPyro model.
        seed: of the block's draws.
        program, executable: where they were prepared beside the sampler.
    """
    chains, draws = jax.tree.leaves(positions)[0].shape[:2]
    total = chains * draws
    if program is None:
        first = jax.tree.map(lambda a: a[0, 0], positions)
        program = variables_program(prepared, to_sites, first, total)
    executable = program.compile() if executable is None else executable
    number = jnp.zeros(()).dtype
    flat = jax.tree.map(lambda a: np.asarray(a, number).reshape(total, *a.shape[2:]), positions)
    # from the host: splitting a key would compile a dozen small programs
    keys = np.random.default_rng([seed, 3]).integers(2**32, size=(total, _KEY_WORDS), dtype=np.uint32)

    def chunk(start: int) -> dict[str, np.ndarray]:
        rows = np.minimum(np.arange(start, start + program.chunk), total - 1)
        some = jax.tree.map(lambda a: a[rows], (flat, keys))
        kept = min(program.chunk, total - start)
        found = executable(prepared.arrays, program.constants, *some)
        return jax.tree.map(lambda a: np.asarray(a)[:kept], found)

    parts = [chunk(start) for start in range(0, total, program.chunk)]
    dims = {**POSTERIOR_DIMS, **OPTIONAL_DIMS, **dict.fromkeys(prepared.spec.shape_parameters, ("channel",))}
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
        "multiplier_spread": effects.multiplier_spread,
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
