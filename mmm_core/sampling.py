"""No-U-Turn sampling of a NumPyro model, laid out for speed.

NumPyro's kernel does the sampling; this module decides how chains meet the hardware. One program advances every chain
by a block of iterations and takes the data as arguments, so that it is compiled once, serves warm-up and sampling
alike, is found in the compilation cache by the next process, and reports progress between blocks without a callback.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpyro import handlers
from numpyro.distributions import Unit, biject_to
from numpyro.infer.hmc import hmc
from numpyro.infer.util import potential_energy

# A site with more entries than this (geo deviations) gets a diagonal mass matrix: a dense one cannot be learned from
# a warm-up of a few hundred draws. All other sites share one dense block.
LARGEST_DENSE_SITE = 50

# Warm-up trajectories are cut at 2^6 steps: before the mass matrix is known longer ones cost most of a run and teach
# little.
MAX_TREE_DEPTH = (6, 10)

# Chains start this far (sd, unconstrained scale) around the prior means.
START_SPREAD = 0.1


Position = dict[str, jax.Array]


class NumpyroModel(Hashable, Protocol):
    """A NumPyro model of one pytree of arrays; equal models share compiled programs."""

    def __call__(self, arrays: Any) -> Any:
        """Sample sites, add factors."""


@dataclass(frozen=True)
class Progress:
    """How far a fit is.

    Attributes:
        phase: compiling, warm-up, sampling, or summarising.
        done, total: iterations a chain.
        divergences: divergent transitions after warm-up, over all chains.
        seconds: since the fit began.
    """

    phase: str
    done: int
    total: int
    divergences: int
    seconds: float


@dataclass(frozen=True)
class Schedule:
    """Length and layout of a run."""

    chains: int
    warmup: int
    draws: int
    devices: int
    target_accept: float = 0.8
    block: int = 100


class Trace(NamedTuple):
    """What is kept of each draw; arrays are (chain, draw, ...)."""

    position: Any  # flat vectors on the unconstrained scale: "dense" and, where there is one, "diagonal"
    diverging: Any
    num_steps: Any
    energy: Any
    acceptance_rate: Any


@dataclass(frozen=True)
class Samples:
    """A finished run.

    Attributes:
        trace: draws on the unconstrained scale with the sampler's statistics.
        unravel: from the position of a draw to constrained values by site.
        compile_seconds, sampling_seconds: the split of the run's time.
    """

    trace: Trace
    unravel: Callable[[Position], dict[str, jax.Array]]
    compile_seconds: float
    sampling_seconds: float


def sample(
    model: NumpyroModel,
    arrays: Any,
    schedule: Schedule,
    seed: int,
    progress: Callable[[Progress], None] | None = None,
) -> Samples:
    """Draw from the posterior of `model(arrays)`.

    Args:
        model: a NumPyro model of one pytree of arrays.
        arrays: its numbers, passed to the compiled program as arguments.
        schedule: chains, iterations, devices.
        seed: same seed, same machine kind, same draws.
        progress: called between blocks.
    """
    started = time.perf_counter()
    total = schedule.warmup + schedule.draws

    def report(phase: str, done: int, divergences: int = 0) -> None:
        if progress is not None:
            progress(Progress(phase, done, total, divergences, time.perf_counter() - started))

    report("compiling", 0)
    arrays = jax.tree.map(jnp.asarray, arrays)
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), arrays)
    leaves, structure = jax.tree.flatten(shapes)
    programs = _programs(model, replace(schedule, draws=0), tuple(leaves), structure)  # any number of draws
    compiled = time.perf_counter()

    mesh = _mesh(schedule)
    arrays = jax.device_put(arrays, NamedSharding(mesh, PartitionSpec()))
    keys = jax.device_put(
        jax.random.split(jax.random.key(seed), schedule.chains), NamedSharding(mesh, PartitionSpec("chain"))
    )
    state = programs.start(arrays, keys)
    kept: list[Trace] = []
    divergences = 0
    for done in range(0, total, schedule.block):
        state, block = programs.advance(arrays, state)
        block = jax.tree.map(np.asarray, block)
        burnt = max(schedule.warmup - done, 0)
        if burnt < schedule.block:
            kept.append(jax.tree.map(lambda a, first=burnt: a[:, first:], block))
            divergences += int(kept[-1].diverging.sum())
        finished = min(done + schedule.block, total)
        report("warm-up" if finished <= schedule.warmup else "sampling", finished, divergences)
    trace = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1)[:, : schedule.draws], *kept)
    sampled = time.perf_counter()
    return Samples(trace, programs.unravel, compiled - started, sampled - compiled)


def sample_stats(samples: Samples, warmup: int) -> xr.Dataset:
    """The sampler's statistics of every draw."""
    trace = samples.trace
    chains, draws = trace.diverging.shape
    fields = {name: (("chain", "draw"), getattr(trace, name)) for name in trace._fields if name != "position"}
    return xr.Dataset(
        fields,
        coords={"chain": np.arange(chains), "draw": np.arange(draws)},
        attrs={
            "compile_seconds": samples.compile_seconds,
            "sampling_seconds": samples.sampling_seconds,
            "warmup": warmup,
        },
    )


class _Programs(NamedTuple):
    start: Callable[[Any, jax.Array], Any]
    advance: Callable[[Any, Any], tuple[Any, Trace]]
    unravel: Callable[[Position], dict[str, jax.Array]]


class _Site(NamedTuple):
    block: str
    shape: tuple[int, ...]
    to_support: Callable[[jax.Array], jax.Array]


@lru_cache(maxsize=16)
def _programs(model: NumpyroModel, schedule: Schedule, leaves: tuple[Any, ...], structure: Any) -> _Programs:
    """Compile for one model, schedule and shape of data; kept for the next fit in this process."""
    shapes = jax.tree.unflatten(structure, leaves)
    sites = _sites(model, shapes)

    def split(position: Position) -> dict[str, jax.Array]:
        out, offset = {}, dict.fromkeys(position, 0)
        for name, site in sites.items():
            block, size = site.block, int(np.prod(site.shape))
            out[name] = position[block][offset[block] : offset[block] + size].reshape(site.shape)
            offset[block] += size
        return out

    def join(values: dict[str, jax.Array]) -> Position:
        blocks: dict[str, list[jax.Array]] = {}
        for name, site in sites.items():
            blocks.setdefault(site.block, []).append(values[name].ravel())
        return {block: jnp.concatenate(parts) for block, parts in blocks.items()}

    def unravel(position: Position) -> dict[str, jax.Array]:
        return {name: sites[name].to_support(value) for name, value in split(position).items()}

    init_kernel, step_kernel = hmc(
        potential_fn_gen=lambda arrays: (
            lambda position: potential_energy(model, (arrays,), {}, split(position))
        ),
        algo="NUTS",
    )

    def start(arrays: Any, key: jax.Array) -> Any:
        start_key, kernel_key = jax.random.split(key)
        means = join(_prior_means(model, arrays))
        jitter = {
            block: START_SPREAD * jax.random.normal(jax.random.fold_in(start_key, i), mean.shape, mean.dtype)
            for i, (block, mean) in enumerate(means.items())
        }
        return init_kernel(
            jax.tree.map(jnp.add, means, jitter),
            num_warmup=schedule.warmup,
            dense_mass=[("dense",)],
            target_accept_prob=schedule.target_accept,
            trajectory_length=None,
            max_tree_depth=MAX_TREE_DEPTH,
            model_args=(arrays,),
            rng_key=kernel_key,
        )

    def advance(arrays: Any, state: Any) -> tuple[Any, Trace]:
        def step(state: Any, _: None) -> tuple[Any, Trace]:
            state = step_kernel(state, model_args=(arrays,))
            return state, Trace(state.z, state.diverging, state.num_steps, state.energy, state.accept_prob)

        return jax.lax.scan(step, state, None, length=schedule.block)

    mesh = _mesh(schedule)
    replicated, by_chain = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("chain"))
    on = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=replicated), shapes)
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), schedule.chains))
    keys = jax.ShapeDtypeStruct(keys.shape, keys.dtype, sharding=by_chain)
    first = jax.jit(_over_chains(start, schedule, mesh)).lower(on, keys)
    state = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=by_chain), first.out_info)
    then = jax.jit(_over_chains(advance, schedule, mesh)).lower(on, state)
    return _Programs(first.compile(), then.compile(), unravel)


def _mesh(schedule: Schedule) -> Mesh:
    return Mesh(np.array(jax.devices()[: schedule.devices]), ("chain",))


def _over_chains(
    program: Callable[[Any, Any], Any], schedule: Schedule, mesh: Mesh
) -> Callable[[Any, Any], Any]:
    """Run a one-chain program for every chain: chains over devices, several on one device vectorised."""

    def on_device(arrays: Any, chains: Any) -> Any:
        if schedule.chains == schedule.devices:  # not vmap: it would run both branches of every condition
            out = program(arrays, jax.tree.map(lambda a: a[0], chains))
            return jax.tree.map(lambda a: a[None], out)
        return jax.vmap(program, in_axes=(None, 0))(arrays, chains)

    return jax.shard_map(
        on_device,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec("chain")),
        out_specs=PartitionSpec("chain"),
        check_vma=False,
    )


def _sample_sites(model: NumpyroModel, arrays: Any) -> dict[str, Any]:
    trace = handlers.trace(handlers.seed(model, jax.random.key(0))).get_trace(arrays)
    return {
        name: site["fn"]
        for name, site in trace.items()
        if site["type"] == "sample" and not site["is_observed"] and not isinstance(site["fn"], Unit)
    }


def _sites(model: NumpyroModel, shapes: Any) -> dict[str, _Site]:
    """Shape on the unconstrained scale and way back to the support of each sampled site."""
    sites: dict[str, _Site] = {}

    def look(arrays: Any) -> None:
        for name, distribution in _sample_sites(model, arrays).items():
            to_support = biject_to(distribution.support)
            shape = tuple(to_support.inverse_shape(distribution.shape()))
            block = "dense" if int(np.prod(shape)) <= LARGEST_DENSE_SITE else "diagonal"
            sites[name] = _Site(block, shape, to_support)

    jax.eval_shape(look, shapes)
    return sites


def _prior_means(model: NumpyroModel, arrays: Any) -> dict[str, jax.Array]:
    """The prior mean of each site, on the unconstrained scale."""
    return {
        name: biject_to(distribution.support).inv(jnp.broadcast_to(distribution.mean, distribution.shape()))
        for name, distribution in _sample_sites(model, arrays).items()
    }
