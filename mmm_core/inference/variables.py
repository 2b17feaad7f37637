"""From draws of the sampled parameters to every variable of a posterior, the integrated block drawn exactly."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from numpyro import handlers

from mmm_core.data.quarters import filled
from mmm_core.model.beliefs import window_spend
from mmm_core.model.gaussian_block import draw
from mmm_core.model.level import LevelPrior
from mmm_core.model.media import MediaModel
from mmm_core.model.model import Effects, Model, ModelArrays
from mmm_core.model.prepare import PreparedModel, integrated_terms
from mmm_core.posterior.schema import OPTIONAL_DIMS, POSTERIOR_DIMS
from mmm_core.spec.model_spec import ModelSpec

# Draws worked out at once, so that fits with more and with fewer draws share one program, and the numbers that they may
# hold between them: bounds memory without slowing a national model down.
DRAWS_AT_ONCE, CHUNK_NUMBERS = 250, 20_000_000

# Random keys of the block's draws: JAX's usual kind, of two words.
_KEY, _KEY_WORDS = "threefry2x32", 2

Variables = dict[str, tuple[tuple[str, ...], np.ndarray]]


class VariablesProgram:
    """The program that turns a chunk of draws into variables; `compile()` may run beside the sampler."""

    def __init__(self, lowered: Any, chunk: int) -> None:
        self.chunk = chunk
        self._lowered = lowered
        self._compiled: Any = None
        self._compiling = Lock()

    def compile(self) -> Any:
        """The executable; the same one from the second call on.

        It runs for a moment only, so on a CPU the compiler is given a third of its usual time.
        """
        with self._compiling:
            if self._compiled is None:
                options = {"xla_cpu_use_fusion_emitters": False} if jax.default_backend() == "cpu" else None
                self._compiled = self._lowered.compile(compiler_options=options)
        return self._compiled


def variables_program(
    prepared: PreparedModel,
    to_sites: Callable[[Any], dict[str, jax.Array]],
    position: Any,
    devices: int = 1,
) -> VariablesProgram:
    """The program of a model; kept for the next fit of the same shapes in this process.

    Args:
        to_sites: from one draw to values by site of the NumPyro model.
        position: has the leaves of one draw, of which shapes are read.
        devices: the draws of a chunk are spread over so many.
    """
    number = jnp.zeros(()).dtype
    arguments = (
        jax.tree.map(_shape, (prepared.arrays, _Constants.of(prepared))),
        jax.tree.map(lambda a: jax.ShapeDtypeStruct(np.shape(a), number), position),
    )
    leaves, structure = jax.tree.flatten(arguments)
    in_turn = factorises(prepared) and jax.default_backend() == "cpu"
    outcome = _Outcome.of(prepared.spec)
    chunk = chunk_size(prepared, devices)
    return _program(prepared.model, outcome, to_sites, in_turn, chunk, devices, tuple(leaves), structure)


@lru_cache(maxsize=16)
def _program(
    model: Model,
    outcome: _Outcome,
    to_sites: Callable[[Any], dict[str, jax.Array]],
    in_turn: bool,
    chunk: int,
    devices: int,
    leaves: tuple[Any, ...],
    structure: Any,
) -> VariablesProgram:
    """Traced for the shapes (arrays, constants), position of one draw.

    Args:
        in_turn: draws follow one another.
    """
    (arrays, constants), position = jax.tree.unflatten(structure, leaves)

    def one_draw(
        arrays: ModelArrays, constants: _Constants, position: Any, bits: jax.Array
    ) -> dict[str, jax.Array]:
        key = jax.random.wrap_key_data(bits, impl=_KEY)
        effects = handlers.substitute(handlers.seed(model.effects, key), data=to_sites(position))(arrays)
        return _variables(outcome, effects, arrays, constants, key)

    def several(
        arrays: ModelArrays, constants: _Constants, positions: Any, keys: Any
    ) -> dict[str, jax.Array]:
        if in_turn:
            return jax.lax.map(lambda draw: one_draw(arrays, constants, *draw), (positions, keys))
        return jax.vmap(one_draw, in_axes=(None, None, 0, 0))(arrays, constants, positions, keys)

    some = jax.tree.map(lambda a: jax.ShapeDtypeStruct((chunk, *a.shape), a.dtype), position)
    keys = jax.ShapeDtypeStruct((chunk, _KEY_WORDS), np.uint32)
    mesh = Mesh(np.array(jax.devices()[:devices]), ("draw",))
    same, spread = PartitionSpec(), PartitionSpec("draw")
    batch = jax.jit(
        jax.shard_map(
            several, mesh=mesh, in_specs=(same, same, spread, spread), out_specs=spread, check_vma=False
        )
    )
    return VariablesProgram(batch.lower(arrays, constants, some, keys), chunk)


def _shape(values: Any) -> jax.ShapeDtypeStruct:
    """Shape of an array, with the type that a program takes it in."""
    return jax.ShapeDtypeStruct(np.shape(values), jnp.result_type(values))


def chunk_size(prepared: PreparedModel, devices: int = 1) -> int:
    """How many draws are worked out at once, a multiple of `devices`; the last chunk is filled up."""
    arrays = prepared.arrays
    per_draw = arrays.media.lagged.size + arrays.media.raw.size
    if factorises(prepared):
        per_draw += arrays.kpi.shape[1] ** 2
    at_once = min(DRAWS_AT_ONCE, CHUNK_NUMBERS // per_draw)
    return max(1, at_once // devices) * devices


def trace_variables(prepared: PreparedModel) -> Any:
    """The program of one draw as a jaxpr, whose results are the posterior variables; computes nothing."""

    def one_draw(arrays: ModelArrays, constants: _Constants, bits: jax.Array) -> dict[str, jax.Array]:
        key = jax.random.wrap_key_data(bits, impl=_KEY)
        effects = handlers.seed(prepared.model.effects, key)(arrays)
        return _variables(_Outcome.of(prepared.spec), effects, arrays, constants, key)

    constants = _Constants.of(prepared)
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
) -> Variables:
    """Every posterior variable, and an exact draw of the integrated block for every draw of the parameters.

    Args:
        positions: pytree of draws, leaves (chain, draw, ...).
        to_sites: from one draw of it to values by site of the NumPyro model.
        seed: of the block's draws.
        program: where it was compiled beside the sampler.
    """
    chains, draws = jax.tree.leaves(positions)[0].shape[:2]
    total = chains * draws
    if program is None:
        first = jax.tree.map(lambda a: a[0, 0], positions)
        program = variables_program(prepared, to_sites, first)
    executable, constants = program.compile(), _Constants.of(prepared)
    number = jnp.zeros(()).dtype
    flat = jax.tree.map(lambda a: np.asarray(a, number).reshape(total, *a.shape[2:]), positions)
    # from the host: splitting a key would compile a dozen small programs
    keys = np.random.default_rng([seed, 3]).integers(2**32, size=(total, _KEY_WORDS), dtype=np.uint32)

    def chunk(start: int) -> dict[str, np.ndarray]:
        rows = np.minimum(np.arange(start, start + program.chunk), total - 1)
        some = jax.tree.map(lambda a: a[rows], (flat, keys))
        kept = min(program.chunk, total - start)
        found = executable(prepared.arrays, constants, *some)
        return jax.tree.map(lambda a: np.asarray(a)[:kept], found)

    parts = [chunk(start) for start in range(0, total, program.chunk)]
    dims = {**POSTERIOR_DIMS, **OPTIONAL_DIMS, **dict.fromkeys(prepared.spec.shape_parameters, ("channel",))}
    weeks = prepared.data.sizes["week"]

    def whole(name: str) -> np.ndarray:
        """All draws, without the weeks that fill the arrays up."""
        values = np.concatenate([part[name][_of_weeks(dims[name], weeks)] for part in parts])
        return values.reshape(chains, draws, *values.shape[1:])

    return {name: (dims[name], whole(name)) for name in parts[0]}


def _of_weeks(dims: tuple[str, ...], weeks: int) -> tuple[slice, ...]:
    """The first so many weeks of a variable's draws (draw, *dims)."""
    return (slice(None), *(slice(weeks) if dim == "week" else slice(None) for dim in dims))


class _Constants(NamedTuple):
    """Arrays of the data that the variables need, weeks as in `ModelArrays`; a program takes them as arguments."""

    centre: Any  # (geo,)
    spend: Any  # (paid_channel,)
    order: Any  # (term,), of integrated then sampled terms, back in the design's order
    design: Any  # (geo, week, term)
    unit: Any  # (geo,)
    population: Any  # (geo,)
    revenue: Any  # (geo, week)

    @classmethod
    def of(cls, prepared: PreparedModel) -> _Constants:
        data, spec = prepared.data, prepared.spec
        more = len(prepared.arrays.modelled) - data.sizes["week"]
        terms = [str(term) for term in data["term"].to_numpy()]
        sampled = [terms.index(name) for name in spec.sampled_treatments]
        return cls(
            data["kpi_centre"].to_numpy(),
            window_spend(data).sum(0),
            np.argsort(np.array([*integrated_terms(data, spec), *sampled])),
            filled(data["design"].to_numpy(), more, axis=1),
            MediaModel.of(data, spec).unit,
            data["population"].to_numpy(),
            filled(data["revenue_per_kpi"].to_numpy(), more),
        )


class _Outcome(NamedTuple):
    """What of a specification the outcome of a channel depends on."""

    paid: int  # so many channels are paid for, the first ones
    log: bool  # whether the KPI's logarithm is modelled

    @classmethod
    def of(cls, spec: ModelSpec) -> _Outcome:
        return cls(len(spec.paid), spec.kpi.scale == "log")


def _variables(
    outcome: _Outcome, effects: Effects, arrays: ModelArrays, constants: _Constants, key: jax.Array
) -> dict[str, jax.Array]:
    level, fixed, deviations, slope = draw(arrays.block, key=key, **effects.block)
    # term 0 is the intercept: it takes the level's mean, so that the level is the movement around it
    height = level @ arrays.modelled / arrays.modelled.sum()
    fixed = fixed.at[:, 0].add(constants.centre + height)
    if effects.treatment is not None:
        treatment = jnp.broadcast_to(effects.treatment, (len(fixed), len(effects.treatment)))
        fixed = jnp.concatenate([fixed, treatment], axis=1)[:, constants.order]
    level = level - height
    coefficient = effects.parameters.coefficient
    if deviations is not None:
        coefficient = coefficient + deviations
    out = {
        **effects.parameters.shape,
        "coefficient": coefficient,
        "roi": _outcome(outcome, effects, coefficient, level, fixed, arrays, constants) / constants.spend,
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
    outcome: _Outcome,
    effects: Effects,
    coefficient: jax.Array,
    level: jax.Array,
    fixed: jax.Array,
    arrays: ModelArrays,
    constants: _Constants,
) -> jax.Array:
    """Outcome that each paid channel brought over the window: the expected KPI less that without its media."""
    paid = slice(outcome.paid)
    added = effects.response[paid] * coefficient.T[paid, :, None]  # (channel, geo, week), scaled
    if not outcome.log:
        return jnp.einsum("cgt,gt->c", added, arrays.outcome_value)
    baseline = level + jnp.einsum("gtk,gk->gt", constants.design, fixed)
    media = jnp.einsum("cgt,gc->gt", effects.response, coefficient)
    unit = constants.unit[:, None]
    expected = jnp.exp((baseline + media) * unit + (effects.sigma * unit) ** 2 / 2)
    expected = expected * constants.population[:, None] * constants.revenue
    return jnp.sum(expected * -jnp.expm1(-added * unit), axis=(1, 2))
