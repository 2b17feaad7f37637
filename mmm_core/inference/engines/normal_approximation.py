"""What approximations of a posterior by a normal distribution share.

The approximation lives on the unconstrained scale of the sampled parameters, as one flat vector: a positive parameter
is its logarithm there, a share its logit. How far it is from the posterior is measured by importance weights
w = posterior / approximation of its draws: k-hat, the shape of the generalised Pareto distribution fitted to the
largest of them, says how heavy the tail of w is (Vehtari, Simpson, Gelman, Yao and Gabry 2024, Journal of Machine
Learning Research 25(72)). Below .7 the weights can be trusted: the draws are then resampled by their smoothed weights,
which takes out most of the approximation's error. At .7 and above they cannot, and the draws stay the
approximation's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from scipy import optimize

from mmm_core.errors import InputError
from mmm_core.inference.engines import ENGINES, EngineResult, FitOptions
from mmm_core.inference.engines.report import Report
from mmm_core.inference.engines.target import Target, target
from mmm_core.inference.runtime import configure
from mmm_core.inference.variables import posterior_variables
from mmm_core.model.prepare import PreparedModel
from mmm_core.posterior.pareto import pareto_smoothed

# Importance weights whose k-hat is below are reliable enough to correct the draws.
RELIABLE = 0.7

# Draws of the approximation for each one that is kept, where they are resampled.
PROPOSALS = 2

# A density this much (nats) below the best mode's is another mode, not numerical noise.
_SAME_MODE = 0.1

_START_SPREAD = 0.5


@dataclass(frozen=True)
class Approximation:
    """A normal distribution on the unconstrained scale: mean (parameter,) and lower root (parameter, parameter)."""

    mean: np.ndarray
    root: np.ndarray

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draws (count, parameter) and their log densities (count,)."""
        standard = rng.standard_normal((count, len(self.mean)))
        log_root = np.log(np.abs(np.diag(self.root))).sum()
        constant = 0.5 * len(self.mean) * np.log(2 * np.pi)
        density = -0.5 * (standard**2).sum(1) - log_root - constant
        return self.mean + standard @ self.root.T, density


Find = Callable[[Target, Report], tuple[Approximation, str, dict[str, Any]]]
"""From a target and a report of progress to an approximation, words about it, and attributes."""


@dataclass(frozen=True)
class ImportanceSample:
    """Draws of an approximation.

    Attributes:
        draws: (draw, parameter), unconstrained.
        log_density: (draw,) of the posterior, unnormalised.
        k_hat: Pareto shape of the importance weights.
        resampled: whether they were resampled by them.
    """

    draws: np.ndarray
    log_density: np.ndarray
    k_hat: float
    resampled: bool

    @property
    def words(self) -> str:
        """The diagnostic as a sentence."""
        if not np.isfinite(self.k_hat):
            return "importance k-hat not defined: too few draws to judge the approximation"
        k = f"importance k-hat {self.k_hat:.2f}"
        if self.resampled:
            return f"{k}, below {RELIABLE}: close to the posterior, draws resampled by their importance"
        return f"{k}, not below {RELIABLE}: away from the posterior in the tails, intervals are a sketch"


def find_mode(
    posterior: Target, starts: int, seed: int, report: Callable[[int, int], None] | None = None
) -> tuple[np.ndarray, int]:
    """The highest mode that L-BFGS finds from the prior means and points around them.

    Returns:
        The mode (parameter,), and the number of different modes that were found.

    Raises:
        InputError: no start led to a mode.
    """

    def energy(vector: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = posterior.programs.energy(posterior.arrays, jnp.asarray(vector, dtype=float))
        gradient = np.asarray(slope, dtype=float)
        if not (np.isfinite(float(value)) and np.isfinite(gradient).all()):
            return 1e10, np.zeros_like(vector)  # the line search steps back
        return float(value), gradient

    rng = np.random.default_rng(seed)
    found = []
    for start in range(starts):
        spread = _START_SPREAD * bool(start)  # the first from the prior means themselves
        first = posterior.start + spread * rng.standard_normal(posterior.size)
        result = optimize.minimize(
            energy,
            first,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 2000, "maxfun": 4000, "maxcor": 20},
        )
        if np.isfinite(result.fun) and result.fun < 1e9:
            found.append((float(result.fun), result.x))
        if report is not None:
            report(start + 1, starts)
    if not found:
        raise InputError(
            f"no mode of the posterior was found from {starts} starts: use `fit: {{engine: numpyro}}`"
        )
    found.sort(key=lambda mode: mode[0])
    best = found[0][1]
    levels = np.array([value for value, _ in found])
    return best, 1 + int((np.diff(levels) > _SAME_MODE).sum())


def hessian(posterior: Target, mode: np.ndarray) -> np.ndarray:
    """Second derivatives of minus the log density at a mode, (parameter, parameter)."""
    program = posterior.programs.curvature
    rows = np.asarray(program(posterior.arrays, jnp.asarray(mode, dtype=float)), dtype=float)
    return 0.5 * (rows + rows.T)


def sample(posterior: Target, approximation: Approximation, count: int, seed: int) -> ImportanceSample:
    """Draws of the approximation, resampled by importance where their weights are reliable."""
    rng = np.random.default_rng([seed, 1])
    draws, log_q = approximation.draw(PROPOSALS * count, rng)
    program = posterior.programs.log_densities
    log_p = np.asarray(program(posterior.arrays, jnp.asarray(draws, dtype=float)), dtype=float)
    k_hat, log_weights = pareto_k(log_p - log_q)
    if np.isfinite(k_hat) and k_hat < RELIABLE:
        kept = _resample(log_weights, count, rng)
    else:
        kept = np.flatnonzero(np.isfinite(log_p))[:count]
        if len(kept) < count:  # the density is 0 or overflows there: such a draw stands for nothing
            kept = rng.choice(kept, count) if len(kept) else kept
    if not len(kept):
        raise InputError(
            "no draw of the approximation has a finite density: use `fit: {engine: numpyro}`, or float64"
        )
    return ImportanceSample(draws[kept], log_p[kept], k_hat, bool(k_hat < RELIABLE))


def pareto_k(log_ratios: np.ndarray) -> tuple[float, np.ndarray]:
    """k-hat and smoothed, normalised log weights (draw,) of importance log ratios."""
    finite = np.where(np.isfinite(log_ratios), log_ratios, -np.inf)
    if np.isneginf(finite).all():
        return float("inf"), np.full(len(finite), -np.log(len(finite)))
    centred = np.maximum(finite - finite.max(), -700.0)
    weights, k_hat = pareto_smoothed(centred)
    return float(k_hat), np.asarray(weights)


def approximate(prepared: PreparedModel, options: FitOptions, steps: int, find: Find) -> EngineResult:
    """Fit by a normal distribution that `find` finds in so many steps: see `mmm_core.inference.engines.Engine`.

    Raises:
        InputError: of `find`, or no draw with a finite density.
    """
    spec = prepared.spec
    configure(1, spec.fit.precision)
    report = Report(options)
    report("compiling", 0, steps)
    posterior = target(prepared.model, jax.device_put(prepared.arrays))
    approximation, words, attrs = find(posterior, report)
    found = report.seconds
    report("sampling", steps, steps)
    shape = (spec.fit.chains, options.draws or spec.fit.draws)
    kept = sample(posterior, approximation, shape[0] * shape[1], spec.fit.seed)
    sampled = report.seconds
    report("summarising", steps, steps)
    positions = kept.draws.reshape(*shape, -1)
    variables = posterior_variables(prepared, positions, posterior.programs.to_sites, spec.fit.seed)
    stats = xr.Dataset(
        {
            "diverging": (("chain", "draw"), np.zeros(shape, dtype=bool)),
            "num_steps": (("chain", "draw"), np.zeros(shape, dtype=int)),
            "energy": (("chain", "draw"), -kept.log_density.reshape(shape)),
            "acceptance_rate": (("chain", "draw"), np.ones(shape)),  # draws are independent, none is rejected
        },
        coords={"chain": np.arange(shape[0]), "draw": np.arange(shape[1])},
        attrs={"compile_seconds": found, "sampling_seconds": sampled - found, "warmup": 0},
    )
    label = "; ".join(part for part in (ENGINES[spec.fit.engine].approximate, kept.words, words) if part)
    return EngineResult(variables, stats, {"approximate": label, "pareto_k": kept.k_hat, **attrs})


def _resample(log_weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Positions of `count` draws, each as often as its weight says to within one (systematic resampling)."""
    share = np.cumsum(np.exp(log_weights - log_weights.max()))
    points = (rng.random() + np.arange(count)) / count
    return rng.permutation(np.minimum(np.searchsorted(share / share[-1], points), len(share) - 1))
