"""Hamiltonian Monte Carlo for a NumPyro model, laid out for speed.

One program advances every chain by a block of iterations. It takes everything as arguments, data, step size, mass
matrix and random numbers alike. So it is compiled once, serves warm-up and sampling, is found in the compilation cache
by the next process, gives the same draws on whatever device, and lets adaptation, progress and checkpoints happen
between blocks in plain NumPy.

The sampler is Hamiltonian Monte Carlo with trajectories of a fixed length in the whitened space, jittered. There the
posterior of a marketing mix model, its Gaussian block integrated out, is close to a standard normal, for which a
trajectory a little longer than a quarter of a turn makes successive draws as good as independent or better (negatively
correlated); a no-U-turn tree would take twice as many gradients to find that out anew in each iteration. How long, is
adapted with the rest: see `mmm_core.inference.hmc.adaptation`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpyro import handlers
from numpyro.distributions import Unit, biject_to
from numpyro.infer.util import potential_energy

from mmm_core.errors import InputError
from mmm_core.inference.hmc.adaptation import Adaptation, Metric
from mmm_core.inference.hmc.checkpoint import load_checkpoint, save_checkpoint
from mmm_core.inference.runtime import Devices

# A site with more entries than this (geo deviations, noise weights) gets a diagonal mass matrix: a dense one cannot be
# learned from a short warm-up. All other sites share one dense block.
LARGEST_DENSE_SITE = 50

# Chains start this far (sd, unconstrained scale) around the prior means.
START_SPREAD = 0.1

# A trajectory whose energy is wrong by more than this diverged.
DIVERGENCE = 1000.0

# Until the mass matrix is known, longer trajectories cost most of a run and teach little.
FIRST_STEPS, MOST_STEPS = 24, 512

# Iterations between two looks at the chains.
BLOCK = 50

# Seconds between two checkpoints.
CHECKPOINT_SECONDS = 10.0


class NumpyroModel(Hashable, Protocol):
    """A NumPyro model of one pytree of arrays; equal models share compiled programs."""

    def __call__(self, arrays: Any) -> Any:
        """Sample sites, add factors."""


@dataclass(frozen=True)
class Progress:
    """How far a fit is.

    Attributes:
        phase: preparing, compiling, warm-up, sampling, or summarising.
        done, total: iterations a chain.
        divergences: divergent transitions after warm-up, over all chains.
        seconds: since the fit began.
        step_size, acceptance, rhat: the sampler's step, its mean acceptance in the last block, and the largest R-hat of
            the parameters drawn so far; nan where there is none yet.
        message: what else there is to say.
    """

    phase: str
    done: int
    total: int
    divergences: int
    seconds: float
    step_size: float = float("nan")
    acceptance: float = float("nan")
    rhat: float = float("nan")
    message: str = ""


@dataclass(frozen=True)
class Schedule:
    """Length and layout of a run."""

    chains: int
    warmup: int
    draws: int
    devices: Devices
    target_accept: float = 0.8


class Start(NamedTuple):
    """Where an earlier run of the same model ended: a warm-up that starts there may be short."""

    position: np.ndarray  # (chain, entry)
    metric: Metric
    step_size: float
    trajectory: float


class Trace(NamedTuple):
    """What is kept of each draw; arrays are (chain, draw, ...)."""

    position: Any  # (..., entry), on the unconstrained scale
    diverging: Any
    num_steps: Any
    energy: Any
    acceptance_rate: Any


@dataclass(frozen=True)
class Samples:
    """A finished run.

    Attributes:
        trace: draws on the unconstrained scale with the sampler's statistics.
        to_sites: from the position of a draw to constrained values by site.
        end: where the run ended, for a warm start of the next.
        compile_seconds, sampling_seconds: the split of the run's time.
    """

    trace: Trace
    to_sites: Callable[[jax.Array], dict[str, jax.Array]]
    end: Start
    compile_seconds: float
    sampling_seconds: float


class _State(NamedTuple):
    """Where every chain is; arrays are (chain, ...)."""

    position: Any  # (chain, entry)
    potential: Any  # (chain,), inf before the first evaluation
    gradient: Any  # (chain, entry)


class _Control(NamedTuple):
    """How a block is run."""

    root: Any  # (dense entry, dense entry) lower Cholesky factor of the inverse mass matrix
    scale: Any  # (diagonal entry,) its square root for the others
    trajectory: Any
    target: Any
    adapt: Any  # whether the step size is tuned within the block
    log_step: Any  # (chain,) first log step size
    centre: Any  # towards which the log step size is shrunk


def _control(same: Any, by_chain: Any) -> _Control:
    """How the parts of a control lie or are mapped: the step size differs by chain, the rest does not."""
    return _Control(same, same, same, same, same, by_chain, same)


def sample(
    model: NumpyroModel,
    arrays: Any,
    schedule: Schedule,
    seed: int,
    progress: Callable[[Progress], None] | None = None,
    start: Start | None = None,
    checkpoint: Path | None = None,
    identity: str = "",
    spread: Any = None,
    programs: Programs | None = None,
) -> Samples:
    """Draw from the posterior of `model(arrays)`.

    Args:
        model: a NumPyro model of one pytree of arrays.
        arrays: its numbers, passed to the compiled program as arguments.
        schedule: chains, iterations, devices.
        seed: same seed, same machine kind, same draws.
        progress: called between blocks.
        start: the end of an earlier run; only first points, mass matrix and step size are taken from it.
        checkpoint: file that the run is resumed from if it was cut short, under the same `identity` only.
        identity: of model, data and schedule.
        spread: a PartitionSpec for each of the arrays, with "geo" for the axis that is spread over devices.
        programs: where they are compiled already.

    Raises:
        InputError: the posterior has no finite density where the chains start.
    """
    started = time.perf_counter()
    if programs is None:
        programs = compiled(model, arrays, schedule, progress, spread)
    compile_seconds = time.perf_counter() - started
    arrays = jax.device_put(arrays, programs.arrays_lie)

    adaptation = Adaptation.begin(schedule.warmup, programs.dense, programs.size, BLOCK, start)
    state = _begin(programs, arrays, schedule, seed, start)
    kept: list[Trace] = []
    first = 0
    if checkpoint is not None and (saved := load_checkpoint(checkpoint, identity)) is not None:
        first, state, adaptation, kept = saved
    blocks = adaptation.blocks + -(-schedule.draws // BLOCK)
    total = adaptation.blocks * BLOCK + schedule.draws
    saved_at = time.perf_counter()
    divergences = sum(int(trace.diverging.sum()) for trace in kept)
    running = _Rhat()
    for block in range(first, blocks):
        warming = block < adaptation.blocks
        control = _Control(
            *adaptation.metric.roots(),
            adaptation.trajectory,
            schedule.target_accept,
            warming,
            np.full(schedule.chains, np.log(adaptation.step_size)),
            adaptation.centre,
        )
        noise = _noise(seed, block, schedule, programs.size, adaptation.first(block))
        state, trace, log_step = programs.advance(arrays, *_numbers((state, control, *noise)))
        trace = jax.tree.map(np.asarray, trace)
        if warming:
            adaptation = adaptation.after(block, trace.position, np.asarray(log_step), trace.acceptance_rate)
        else:
            kept.append(trace)
            divergences += int(trace.diverging.sum())
        if progress is not None:
            done = min((block + 1) * BLOCK, total)
            rhat = float("nan") if warming else running.after(trace.position)
            progress(
                Progress(
                    "warm-up" if warming else "sampling", done, total, divergences, time.perf_counter() - started,
                    adaptation.step_size, float(trace.acceptance_rate.mean()), rhat,
                )
            )  # fmt: skip
        if checkpoint is not None and time.perf_counter() - saved_at > CHECKPOINT_SECONDS:
            save_checkpoint(
                checkpoint, identity, (block + 1, jax.tree.map(np.asarray, state), adaptation, kept)
            )
            saved_at = time.perf_counter()
    trace = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1)[:, : schedule.draws], *kept)
    end = Start(np.asarray(state.position), adaptation.metric, adaptation.step_size, adaptation.trajectory)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    sampling_seconds = time.perf_counter() - started - compile_seconds
    return Samples(trace, programs.to_sites, end, compile_seconds, sampling_seconds)


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
            "step_size": samples.end.step_size,
            "trajectory": samples.end.trajectory,
        },
    )


def _begin(programs: Programs, arrays: Any, schedule: Schedule, seed: int, start: Start | None) -> _State:
    """First positions: around the prior means, or where an earlier run ended."""
    shape = (schedule.chains, programs.size)
    jitter = START_SPREAD * np.random.default_rng([seed, 1]).standard_normal(shape)
    if start is not None and start.position.shape[1] == programs.size:
        position = start.position[np.arange(schedule.chains) % len(start.position)]
    else:
        position = np.asarray(programs.prior_means(arrays)) + jitter
    if not np.isfinite(position).all():
        raise InputError(
            "the priors leave no finite point to start from: look for a prior with a zero or huge scale"
        )
    return _State(position, np.full(schedule.chains, np.inf), np.zeros(shape))


def _numbers(tree: Any) -> Any:
    """What comes from the host, in the precision of the program."""
    number = jnp.zeros(()).dtype

    def cast(leaf: Any) -> Any:
        if isinstance(leaf, jax.Array):
            return leaf
        values = np.asarray(leaf)
        return values if values.dtype == bool else values.astype(number)

    return jax.tree.map(cast, tree)


def _noise(
    seed: int, block: int, schedule: Schedule, size: int, first: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The block's random numbers: momenta, log uniforms, trajectory jitter; which iterations only evaluate; step caps.

    They come from the host, one stream a chain and block, so that a run can go on from any block.
    """
    streams = [np.random.default_rng([seed, 2, chain, block]) for chain in range(schedule.chains)]
    momenta = np.stack([stream.standard_normal((BLOCK, size)) for stream in streams])
    log_uniforms = np.log(np.stack([stream.random(BLOCK) for stream in streams]))
    jitter = JITTER[0] + (JITTER[1] - JITTER[0]) * _van_der_corput(block * BLOCK, BLOCK)
    evaluate = np.zeros(BLOCK, dtype=bool)
    evaluate[0] = block == 0
    return momenta, log_uniforms, jitter, evaluate, np.full(BLOCK, FIRST_STEPS if first else MOST_STEPS)


# Trajectories vary by this factor, the same for all chains, so that chains that share a device finish together and no
# periodic orbit is ever followed for ever (Hoffman, Radul and Sountsov 2021).
JITTER = (0.7, 1.3)


def _van_der_corput(first: int, count: int) -> np.ndarray:
    """Numbers first..first + count - 1 of the base 2 sequence in (0, 1), which fills it evenly."""
    index = np.arange(first + 1, first + count + 1)
    out, weight = np.zeros(count), 0.5
    while index.any():
        out += weight * (index & 1)
        index, weight = index >> 1, weight / 2
    return out


class _Rhat:
    """Largest split R-hat of the parameters on the unconstrained scale, from sums alone."""

    def __init__(self) -> None:
        self.means: list[np.ndarray] = []
        self.variances: list[np.ndarray] = []

    def after(self, position: np.ndarray) -> float:
        """With one more block; halves of the chains are the runs compared."""
        self.means.append(position.mean(axis=1))
        self.variances.append(position.var(axis=1))
        count = len(self.means) // 2
        if count == 0:
            return float("nan")
        runs, within = [], []
        for part in (slice(0, count), slice(count, 2 * count)):
            means, variances = np.stack(self.means[part]), np.stack(self.variances[part])
            runs.append(means.mean(axis=0))
            within.append(variances.mean(axis=0) + means.var(axis=0))
        between = np.concatenate(runs).var(axis=0, ddof=1)
        return float(np.sqrt(1 + between / np.maximum(np.concatenate(within).mean(axis=0), 1e-300)).max())


class Programs(NamedTuple):
    """What is compiled for one model, layout and shape of data."""

    arrays_lie: Any  # shardings of the arrays
    advance: Callable[..., Any]
    prior_means: Callable[[Any], jax.Array]
    to_sites: Callable[[jax.Array], dict[str, jax.Array]]
    size: int  # entries of a position
    dense: int  # of which the first so many share the dense block


class _Site(NamedTuple):
    shape: tuple[int, ...]
    to_support: Callable[[jax.Array], jax.Array]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


def compiled(
    model: NumpyroModel,
    arrays: Any,
    schedule: Schedule,
    progress: Callable[[Progress], None] | None = None,
    spread: Any = None,
) -> Programs:
    """The programs for a model; kept for the next fit of the same shapes in this process."""
    if progress is not None:
        progress(Progress("compiling", 0, schedule.warmup + schedule.draws, 0, 0.0))
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(np.shape(a), jnp.result_type(a)), arrays)
    leaves, structure = jax.tree.flatten(shapes)
    if spread is None:
        spread = jax.tree.map(lambda _: PartitionSpec(), shapes)
    lie = tuple(jax.tree.leaves(spread, is_leaf=lambda part: isinstance(part, PartitionSpec)))
    return _programs(model, schedule.chains, schedule.devices, tuple(leaves), structure, lie)


@lru_cache(maxsize=16)
def _programs(
    model: NumpyroModel,
    chains: int,
    devices: Devices,
    leaves: tuple[Any, ...],
    structure: Any,
    spread: tuple[PartitionSpec, ...],
) -> Programs:
    shapes = jax.tree.unflatten(structure, leaves)
    mesh = Mesh(np.array(jax.devices()[: devices.chains * devices.geos]).reshape(devices), ("chain", "geo"))
    arrays_lie = jax.tree.unflatten(structure, [NamedSharding(mesh, part) for part in spread])
    sites: dict[str, _Site] = {}

    def prior_means(arrays: Any) -> jax.Array:
        distributions = _sample_sites(model, arrays)
        sites.update(_sites(distributions))  # tracing takes a while: once is enough to know the sites as well
        return jnp.concatenate([_unconstrained_mean(distributions[name]).ravel() for name in sites])

    means = jax.jit(prior_means, in_shardings=(arrays_lie,)).lower(shapes)
    size = sum(site.size for site in sites.values())
    dense = sum(site.size for site in sites.values() if site.size <= LARGEST_DENSE_SITE)

    def split(position: jax.Array) -> dict[str, jax.Array]:
        out, offset = {}, 0
        for name, site in sites.items():
            out[name] = position[offset : offset + site.size].reshape(site.shape)
            offset += site.size
        return out

    def to_sites(position: jax.Array) -> dict[str, jax.Array]:
        return {name: sites[name].to_support(value) for name, value in split(position).items()}

    def potential(position: jax.Array, arrays: Any) -> jax.Array:
        return potential_energy(model, (arrays,), {}, split(position))

    advance = _advance(jax.value_and_grad(potential), dense)
    on = _shardings(mesh)
    number = jnp.zeros(()).dtype
    abstract = _abstract(chains, size, dense, number)
    run = jax.jit(_over_chains(advance, chains, devices.chains, mesh), in_shardings=(arrays_lie, *on))
    program = run.lower(shapes, *abstract)  # NumPyro traces one model at a time, XLA compiles several
    with ThreadPoolExecutor(1) as pool:
        also = pool.submit(means.compile)
        return Programs(arrays_lie, program.compile(), also.result(), to_sites, size, dense)


def _advance(value_and_grad: Callable[..., Any], dense: int) -> Callable[..., Any]:
    """The program of one chain: a block of iterations."""

    def whiten(control: _Control, gradient: jax.Array) -> jax.Array:
        return jnp.concatenate([gradient[:dense] @ control.root, gradient[dense:] * control.scale])

    def unwhiten(control: _Control, velocity: jax.Array) -> jax.Array:
        return jnp.concatenate([control.root @ velocity[:dense], velocity[dense:] * control.scale])

    def advance(arrays: Any, state: _State, control: _Control, *noise: jax.Array) -> Any:
        def iterate(carry: Any, xs: Any) -> Any:
            state, tuning = carry
            momentum, log_uniform, jitter, evaluate, most = xs
            # an iteration that only evaluates stays where it is and is accepted whatever the energy
            step = jnp.where(evaluate, 0.0, jnp.exp(tuning.log_step))
            steps = jnp.ceil(control.trajectory * jitter / jnp.maximum(step, 1e-10))
            steps = jnp.where(evaluate, 1, jnp.clip(steps, 1, most)).astype(jnp.int32)

            def leapfrog(_: int, at: Any) -> Any:
                position, _, gradient, momentum = at
                momentum = momentum - 0.5 * step * whiten(control, gradient)
                position = position + step * unwhiten(control, momentum)
                potential, gradient = value_and_grad(position, arrays)
                return position, potential, gradient, momentum - 0.5 * step * whiten(control, gradient)

            *end, last = jax.lax.fori_loop(0, steps, leapfrog, (*state, momentum))
            before = state.potential + 0.5 * momentum @ momentum
            after = end[1] + 0.5 * last @ last
            error = jnp.where(evaluate, 0.0, after - before)
            error = jnp.where(jnp.isnan(error), jnp.inf, error)
            accepted = log_uniform < -error
            rate = jnp.exp(-jnp.maximum(error, 0.0))
            state = jax.tree.map(lambda new, old: jnp.where(accepted, new, old), _State(*end), state)
            tuning = _tune(tuning, rate, control, control.adapt & ~evaluate)
            energy = jnp.where(accepted, after, before)
            return (state, tuning), Trace(state.position, error > DIVERGENCE, steps, energy, rate)

        zero = jnp.zeros_like(control.log_step)
        tuning = _Tuning(control.log_step, control.log_step, zero, zero)
        (state, tuning), trace = jax.lax.scan(iterate, (state, tuning), noise)
        return state, trace, tuning.mean_log_step

    return advance


class _Tuning(NamedTuple):
    """Dual averaging of the log step size (Hoffman and Gelman 2014, section 3.2)."""

    log_step: jax.Array
    mean_log_step: jax.Array
    shortfall: jax.Array
    tries: jax.Array


def _tune(tuning: _Tuning, rate: jax.Array, control: _Control, adapt: jax.Array) -> _Tuning:
    count = tuning.tries + 1
    weight = 1 / (count + 10)
    shortfall = (1 - weight) * tuning.shortfall + weight * (control.target - rate)
    log_step = control.centre - jnp.sqrt(count) / 0.05 * shortfall
    share = count**-0.75
    mean = share * log_step + (1 - share) * tuning.mean_log_step
    new = _Tuning(log_step, mean, shortfall, count)
    return jax.tree.map(lambda new, old: jnp.where(adapt, new, old), new, tuning)


def _shardings(mesh: Mesh) -> tuple[Any, ...]:
    """How the arguments after the arrays lie: what differs by chain is spread, the rest everywhere."""
    everywhere, by_chain = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("chain"))
    control = _control(everywhere, by_chain)
    return by_chain, control, by_chain, by_chain, everywhere, everywhere, everywhere


def _over_chains(program: Callable[..., Any], chains: int, devices: int, mesh: Mesh) -> Callable[..., Any]:
    """Run a one-chain program for every chain: chains over devices, several on one device vectorised.

    Geos are left to the compiler, which follows how the arrays lie.
    """
    by_chain, everywhere = PartitionSpec("chain"), PartitionSpec()
    control = _control(everywhere, by_chain)
    control_axes = _control(None, 0)

    def on_device(arrays: Any, state: Any, control: Any, *noise: Any) -> Any:
        if chains == devices:  # not vmap: it would run both branches of every condition
            alone = control._replace(log_step=control.log_step[0])
            own = (jax.tree.map(lambda a: a[0], state), alone, noise[0][0], noise[1][0], *noise[2:])
            return jax.tree.map(lambda a: a[None], program(arrays, *own))
        axes = (None, 0, control_axes, 0, 0, None, None, None)
        return jax.vmap(program, in_axes=axes)(arrays, state, control, *noise)

    return jax.shard_map(
        on_device,
        mesh=mesh,
        in_specs=(everywhere, by_chain, control, by_chain, by_chain, everywhere, everywhere, everywhere),
        out_specs=by_chain,
        axis_names={"chain"},
        check_vma=False,
    )


def _abstract(chains: int, size: int, dense: int, number: Any) -> tuple[Any, ...]:
    """Shapes of the block program's arguments after the arrays."""

    def of(*shape: int, dtype: Any = number) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype)

    state = _State(of(chains, size), of(chains), of(chains, size))
    control = _Control(of(dense, dense), of(size - dense), of(), of(), of(dtype=bool), of(chains), of())
    noise = (of(chains, BLOCK, size), of(chains, BLOCK), of(BLOCK), of(BLOCK, dtype=bool), of(BLOCK))
    return state, control, *noise


def _sample_sites(model: NumpyroModel, arrays: Any) -> dict[str, Any]:
    trace = handlers.trace(handlers.seed(model, jax.random.key(0))).get_trace(arrays)
    return {
        name: site["fn"]
        for name, site in trace.items()
        if site["type"] == "sample" and not site["is_observed"] and not isinstance(site["fn"], Unit)
    }


def _sites(distributions: dict[str, Any]) -> dict[str, _Site]:
    """Shape on the unconstrained scale and way back to the support of each site, those of the dense block first."""
    sites = {}
    for name, distribution in distributions.items():
        to_support = biject_to(distribution.support)
        sites[name] = _Site(tuple(to_support.inverse_shape(distribution.shape())), to_support)
    return dict(sorted(sites.items(), key=lambda item: item[1].size > LARGEST_DENSE_SITE))


def _unconstrained_mean(distribution: Any) -> jax.Array:
    """The prior mean of a site, on the unconstrained scale."""
    mean = jnp.broadcast_to(distribution.mean, distribution.shape())
    return jnp.asarray(biject_to(distribution.support).inv(mean))
