"""The compiled program: a block of iterations of Hamiltonian Monte Carlo for every chain.

It takes everything as arguments: data, step size, mass matrix and random numbers alike. So it is compiled once, serves
warm-up and sampling, is found in the compilation cache by the next process, and gives the same draws on any device.

Trajectories have a fixed length in the whitened space, jittered. There the posterior of a marketing mix model, its
Gaussian block integrated out, is close to a standard normal, for which a trajectory a little longer than a quarter of a
turn makes successive draws as good as independent or better (negatively correlated); a no-U-turn tree would take twice
as many gradients to find that out anew in each iteration.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpyro.distributions import biject_to
from numpyro.infer.util import potential_energy

from mmm_core.inference.hmc.state import BLOCK, ChainState, Schedule, Trace
from mmm_core.inference.runtime import Devices
from mmm_core.inference.sites import sample_sites, unconstrained_scale

# Length of a trajectory in the whitened space. A quarter of a turn, pi/2, would make the draws of a normal independent;
# a little more makes them negatively correlated, and posteriors with a slow direction are better off.
TRAJECTORY = 2.0

# A site with more entries than this (geo deviations, noise weights) gets a diagonal mass matrix: a dense one cannot be
# learned from a short warm-up. All other sites share one dense block.
LARGEST_DENSE_SITE = 50

# A trajectory whose energy is wrong by more than this diverged.
DIVERGENCE = 1000.0


class NumpyroModel(Hashable, Protocol):
    """A NumPyro model of one pytree of arrays; equal models share compiled programs."""

    def __call__(self, arrays: Any) -> Any:
        """Sample sites, add factors."""


class Control(NamedTuple):
    """How a block is run: the same for every chain but for the step size."""

    root: Any  # (dense entry, dense entry) lower Cholesky factor of the inverse mass matrix
    scale: Any  # (diagonal entry,) its square root for the others
    target: Any  # acceptance that the step size is tuned for
    adapt: Any  # whether the step size is tuned within the block
    log_step: Any  # (chain,) first log step size
    centre: Any  # towards which the log step size is shrunk

    @classmethod
    def of_each(cls, shared: Any, by_chain: Any) -> Control:
        """One thing for every part: `by_chain` for what differs between chains, `shared` for the rest."""
        return cls(shared, shared, shared, shared, by_chain, shared)


class Noise(NamedTuple):
    """The random numbers of a block, and what is special about its iterations."""

    momentum: Any  # (chain, iteration, entry), standard normal
    log_uniform: Any  # (chain, iteration), logarithm of a uniform number
    jitter: Any  # (iteration,), factor on the length of the trajectory
    evaluate: Any  # (iteration,), whether the iteration stays where it is and only evaluates the density
    most_steps: (
        Any  # (iteration,), of a trajectory; 0 where a block is shorter: nothing moves, nothing is tuned
    )

    @classmethod
    def of_each(cls, shared: Any, by_chain: Any) -> Noise:
        """One thing for every part: `by_chain` for what differs between chains, `shared` for the rest."""
        return cls(by_chain, by_chain, shared, shared, shared)


class Programs(NamedTuple):
    """What is compiled for one model, layout and shape of data."""

    array_shardings: Any  # over which devices each of the arrays is spread
    advance: Callable[
        ..., Any
    ]  # (arrays, ChainState, Control, Noise) -> ChainState, Trace, gradients as positions, mean log steps (chain,)
    prior_scale: Callable[
        [Any], tuple[jax.Array, jax.Array]
    ]  # of the arrays: middle and sd, (entry,) unconstrained
    to_sites: Callable[[jax.Array], dict[str, jax.Array]]  # from a position (entry,) to values by site
    names: tuple[str, ...]  # the site that each entry of a position belongs to
    dense: int  # of the entries the first so many share the dense block

    @property
    def size(self) -> int:
        """Number of entries of a position."""
        return len(self.names)


def compiled(model: NumpyroModel, arrays: Any, schedule: Schedule, spread: Any = None) -> Programs:
    """The programs for a model; kept for the next fit of the same shapes in this process.

    Args:
        arrays: their shapes count, their numbers do not.
        spread: a PartitionSpec for each of the arrays, with "geo" for the axis that is spread over devices.
    """
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(np.shape(a), jnp.result_type(a)), arrays)
    leaves, structure = jax.tree.flatten(shapes)
    if spread is None:
        spread = jax.tree.map(lambda _: PartitionSpec(), shapes)
    parts = tuple(jax.tree.leaves(spread, is_leaf=lambda part: isinstance(part, PartitionSpec)))
    return _programs(model, schedule.chains, schedule.devices, tuple(leaves), structure, parts)


class _Site(NamedTuple):
    shape: tuple[int, ...]
    to_support: Callable[[jax.Array], jax.Array]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


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
    array_shardings = jax.tree.unflatten(structure, [NamedSharding(mesh, part) for part in spread])
    sites: dict[str, _Site] = {}

    def prior_scale(arrays: Any) -> tuple[jax.Array, jax.Array]:
        distributions = sample_sites(model, arrays)
        sites.update(_sites(distributions))  # tracing takes a while: once is enough to know the sites as well
        middles, sds = zip(*(unconstrained_scale(distributions[name]) for name in sites), strict=True)
        return jnp.concatenate([a.ravel() for a in middles]), jnp.concatenate([a.ravel() for a in sds])

    scale = jax.jit(prior_scale, in_shardings=(array_shardings,)).lower(shapes)
    names = tuple(name for name, site in sites.items() for _ in range(site.size))
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

    one_chain = _advance(jax.value_and_grad(potential), dense)
    advance = jax.jit(
        _over_chains(one_chain, chains, devices.chains, mesh),
        in_shardings=(array_shardings, *_argument_shardings(mesh)),
    )
    # NumPyro traces one model at a time, XLA compiles several
    lowered = advance.lower(shapes, *_argument_shapes(chains, len(names), dense))
    with ThreadPoolExecutor(1) as pool:
        compiled_scale = pool.submit(scale.compile)
        return Programs(array_shardings, lowered.compile(), compiled_scale.result(), to_sites, names, dense)


def _advance(value_and_grad: Callable[..., Any], dense: int) -> Callable[..., Any]:
    """The program of one chain: a block of iterations."""

    def whiten(control: Control, gradient: jax.Array) -> jax.Array:
        return jnp.concatenate([gradient[:dense] @ control.root, gradient[dense:] * control.scale])

    def unwhiten(control: Control, velocity: jax.Array) -> jax.Array:
        return jnp.concatenate([control.root @ velocity[:dense], velocity[dense:] * control.scale])

    def advance(arrays: Any, state: ChainState, control: Control, noise: Noise) -> Any:
        def iterate(carry: Any, xs: Noise) -> Any:
            state, tuning = carry
            # an iteration that only evaluates stays where it is and is accepted whatever the energy
            step = jnp.where(xs.evaluate, 0.0, jnp.exp(tuning.log_step))
            steps = jnp.ceil(TRAJECTORY * xs.jitter / jnp.maximum(step, 1e-10))
            steps = jnp.where(xs.evaluate, 1, jnp.clip(steps, 1, xs.most_steps)).astype(jnp.int32)

            def leapfrog(_: int, phase: Any) -> Any:
                position, _, gradient, momentum = phase
                momentum = momentum - 0.5 * step * whiten(control, gradient)
                position = position + step * unwhiten(control, momentum)
                potential, gradient = value_and_grad(position, arrays)
                return position, potential, gradient, momentum - 0.5 * step * whiten(control, gradient)

            *end, momentum = jax.lax.fori_loop(0, steps, leapfrog, (*state, xs.momentum))
            before = state.potential + 0.5 * xs.momentum @ xs.momentum
            after = end[1] + 0.5 * momentum @ momentum
            error = jnp.where(xs.evaluate, 0.0, after - before)
            error = jnp.where(jnp.isnan(error), jnp.inf, error)
            accepted = xs.log_uniform < -error
            rate = jnp.exp(-jnp.maximum(error, 0.0))
            state = jax.tree.map(lambda new, old: jnp.where(accepted, new, old), ChainState(*end), state)
            tuning = _tune(tuning, rate, control, control.adapt & ~xs.evaluate & (xs.most_steps > 0))
            energy = jnp.where(accepted, after, before)
            trace = Trace(state.position, error > DIVERGENCE, steps, energy, rate)
            return (state, tuning), (trace, state.gradient)

        zero = jnp.zeros_like(control.log_step)
        tuning = _Tuning(control.log_step, control.log_step, zero, zero)
        (state, tuning), (trace, gradient) = jax.lax.scan(iterate, (state, tuning), noise)
        return state, trace, gradient, tuning.mean_log_step

    return advance


class _Tuning(NamedTuple):
    """Dual averaging of the log step size (Hoffman and Gelman 2014, section 3.2)."""

    log_step: jax.Array
    mean_log_step: jax.Array
    shortfall: jax.Array
    tries: jax.Array


def _tune(tuning: _Tuning, rate: jax.Array, control: Control, adapt: jax.Array) -> _Tuning:
    count = tuning.tries + 1
    weight = 1 / (count + 10)
    shortfall = (1 - weight) * tuning.shortfall + weight * (control.target - rate)
    log_step = control.centre - jnp.sqrt(count) / 0.05 * shortfall
    share = count**-0.75
    mean = share * log_step + (1 - share) * tuning.mean_log_step
    new = _Tuning(log_step, mean, shortfall, count)
    return jax.tree.map(lambda new, old: jnp.where(adapt, new, old), new, tuning)


def _argument_shardings(mesh: Mesh) -> tuple[Any, ...]:
    """Devices of the arguments after the arrays: what differs by chain is spread, the rest is on all of them."""
    everywhere, by_chain = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("chain"))
    return by_chain, Control.of_each(everywhere, by_chain), Noise.of_each(everywhere, by_chain)


def _over_chains(program: Callable[..., Any], chains: int, devices: int, mesh: Mesh) -> Callable[..., Any]:
    """Run a one-chain program for every chain: chains over devices, several on one device vectorised.

    Geos are left to the compiler, which follows the shardings of the arrays.
    """
    by_chain, everywhere = PartitionSpec("chain"), PartitionSpec()

    def on_device(arrays: Any, state: ChainState, control: Control, noise: Noise) -> Any:
        if chains == devices:  # not vmap: it would run both branches of every condition
            alone = program(
                arrays,
                jax.tree.map(lambda a: a[0], state),
                control._replace(log_step=control.log_step[0]),
                noise._replace(momentum=noise.momentum[0], log_uniform=noise.log_uniform[0]),
            )
            return jax.tree.map(lambda a: a[None], alone)
        axes = (None, 0, Control.of_each(None, 0), Noise.of_each(None, 0))
        return jax.vmap(program, in_axes=axes)(arrays, state, control, noise)

    return jax.shard_map(
        on_device,
        mesh=mesh,
        in_specs=(
            everywhere,
            by_chain,
            Control.of_each(everywhere, by_chain),
            Noise.of_each(everywhere, by_chain),
        ),
        out_specs=by_chain,
        axis_names={"chain"},
        check_vma=False,
    )


def _argument_shapes(chains: int, size: int, dense: int) -> tuple[Any, ...]:
    """Shapes of the block program's arguments after the arrays."""
    number = jnp.zeros(()).dtype

    def of(*shape: int, dtype: Any = number) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype)

    state = ChainState(of(chains, size), of(chains), of(chains, size))
    control = Control(of(dense, dense), of(size - dense), of(), of(dtype=bool), of(chains), of())
    noise = Noise(of(chains, BLOCK, size), of(chains, BLOCK), of(BLOCK), of(BLOCK, dtype=bool), of(BLOCK))
    return state, control, noise


def _sites(distributions: dict[str, Any]) -> dict[str, _Site]:
    """Shape on the unconstrained scale and way back to the support of each site, those of the dense block first."""
    sites = {}
    for name, distribution in distributions.items():
        to_support = biject_to(distribution.support)
        sites[name] = _Site(tuple(to_support.inverse_shape(distribution.shape())), to_support)
    return dict(sorted(sites.items(), key=lambda item: item[1].size > LARGEST_DENSE_SITE))
