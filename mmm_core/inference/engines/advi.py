"""A quick approximate engine: a normal distribution fitted by automatic differentiation variational inference.

The normal distribution on the unconstrained scale that is nearest to the posterior in the sense of the evidence lower
bound, ELBO (Kucukelbir, Tran, Ranganath, Gelman and Blei 2017, Journal of Machine Learning Research 18(14)), with a
full covariance, or a diagonal one where there are many parameters. Adam climbs the bound from the posterior's mode. The
answer leans to where the posterior's mass is, which its mode need not be; a diagonal covariance makes intervals too
narrow. What the Gaussian block integrates out is drawn exactly given each draw, as with the default engine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from numpyro import handlers
from numpyro.distributions import constraints
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoDiagonalNormal, AutoMultivariateNormal
from numpyro.infer.initialization import init_to_value
from numpyro.optim import Adam

from mmm_core.inference.engines import EngineResult, FitOptions
from mmm_core.inference.engines.normal_approximation import Approximation, approximate, find_mode
from mmm_core.inference.engines.report import Report
from mmm_core.inference.engines.target import Programs, Target
from mmm_core.model.prepare import PreparedModel

Bounds = list[tuple[float, float]]
"""Mean and standard error of the ELBO over each block of steps."""

# Parameters a full covariance is fitted for.
LARGEST_FULL = 200

STEPS = 6000
BLOCK = 250
PARTICLES = 8

_STARTS = 2
_PREFIX = "normal"  # of the names of mean and scale
_FIRST_SCALE = 0.1
_LEARNING_RATE = 0.02


def run(prepared: PreparedModel, options: FitOptions) -> EngineResult:
    """See `mmm_core.inference.engines.Engine`.

    Raises:
        InputError: no mode to start from, or no draw with a finite density.
    """
    seed = prepared.spec.fit.seed

    def find(posterior: Target, report: Report) -> tuple[Approximation, str, dict[str, Any]]:
        mode, _ = find_mode(posterior, _STARTS, seed)
        approximation, bounds = climb(posterior, mode, seed, report)
        words = convergence(bounds)
        if posterior.size > LARGEST_FULL:
            words += "; parameters taken as independent, intervals too narrow"
        return approximation, words, {"elbo": [float(bound) for bound, _ in bounds]}

    return approximate(prepared, options, STEPS, find)


def climb(posterior: Target, start: np.ndarray, seed: int, report: Report) -> tuple[Approximation, Bounds]:
    """The normal distribution with the highest ELBO that Adam finds, and the ELBO on the way.

    Args:
        start: (parameter,) the first mean. report: told of each block.
    """
    climber = _climber(posterior.programs, STEPS, BLOCK)
    arrays = posterior.arrays
    state = climber.begin(jax.random.key(seed), arrays, jnp.asarray(start, dtype=float))
    bounds: Bounds = []
    for done in range(BLOCK, STEPS + 1, BLOCK):
        state, trace = climber.block(state, arrays)
        values = np.asarray(trace, dtype=float)
        values = values[np.isfinite(values)]
        mean = float(values.mean()) if len(values) else float("-inf")
        bounds.append((mean, float(values.std() / np.sqrt(max(len(values), 1)))))
        report(f"climbing, ELBO {mean:,.1f}", done, STEPS)
    return Approximation(*(np.asarray(part, dtype=float) for part in climber.reached(state))), bounds


class _Climber(NamedTuple):
    """Programs that climb the bound of a posterior.

    Attributes:
        begin: from a random key, the arrays and a mean (parameter,) to the state of the climb.
        block: from a state and the arrays to the state some steps on, and the ELBO of each.
        reached: the mean (parameter,) and lower root (parameter, parameter) of a state.
    """

    begin: Callable[[Any, Any, jax.Array], Any]
    block: Callable[[Any, Any], tuple[Any, jax.Array]]
    reached: Callable[[Any], tuple[jax.Array, jax.Array]]


@lru_cache(maxsize=16)
def _climber(programs: Programs, steps: int, length: int) -> _Climber:
    """Kept for the next fit of the same shapes: steps of a climb, of which `length` are a block."""
    size = len(programs.names)

    def flat(arrays: Any) -> None:
        """The posterior as a model of one vector."""
        unit = numpyro.distributions.ImproperUniform(constraints.real_vector, (), (size,))
        vector = numpyro.sample("vector", unit)
        with handlers.block():  # the model's own sites stay inside
            density = programs.log_density(arrays, vector)
        numpyro.factor("posterior", density)

    full = size <= LARGEST_FULL
    guide = (AutoMultivariateNormal if full else AutoDiagonalNormal)(
        flat,
        prefix=_PREFIX,
        init_loc_fn=init_to_value(values={"vector": jnp.zeros(size)}),
        init_scale=_FIRST_SCALE,
    )
    # the last third of the steps shrinks them, which averages the gradient's noise out
    svi = SVI(
        flat,
        guide,
        Adam(lambda step: _LEARNING_RATE * jnp.minimum(1.0, 20.0 ** (2 - 3 * step / steps))),
        Trace_ELBO(num_particles=PARTICLES),
    )

    @jax.jit
    def begin(key: Any, arrays: Any, start: jax.Array) -> Any:
        return svi.init(key, arrays, init_params={f"{_PREFIX}_loc": start})

    @jax.jit
    def block(state: Any, arrays: Any) -> tuple[Any, jax.Array]:
        def step(state: Any, _: None) -> tuple[Any, jax.Array]:
            state, loss = svi.stable_update(state, arrays)
            return state, -loss

        return jax.lax.scan(step, state, None, length=length)

    @jax.jit
    def reached(state: Any) -> tuple[jax.Array, jax.Array]:
        transform = guide.get_transform(svi.get_params(state))
        return transform.loc, transform.scale_tril if full else jnp.diag(transform.scale)

    return _Climber(begin, block, reached)


def convergence(bounds: Bounds) -> str:
    """Whether the ELBO has stopped rising, from (mean, standard error) of its blocks, in words."""
    quarter = max(1, len(bounds) // 4)
    last, before = (np.array(part) for part in (bounds[-quarter:], bounds[-2 * quarter : -quarter]))
    if not (np.isfinite(last).all() and np.isfinite(before).all()):
        return "ELBO not finite: not converged"
    rise = float(last[:, 0].mean() - before[:, 0].mean())
    noise = float(np.sqrt((last[:, 1] ** 2).sum() + (before[:, 1] ** 2).sum()) / quarter)
    if rise > max(0.5, 3 * noise):
        return f"ELBO still rising by {rise:.1f} over the last quarter: not converged"
    return f"ELBO {last[:, 0].mean():,.1f}, no longer rising: converged"
