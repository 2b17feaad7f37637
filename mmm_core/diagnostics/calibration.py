"""Whether a model's stated uncertainty is the real one: each week predicted from all the others.

A level that follows the data makes an in-sample 95 % interval hold 98 to 99 % of the weeks of a model that is right.
So the predictive distribution of a week is that given the other weeks: with theta given it is closed form, level and
coefficients integrated out (`mmm_core.posterior.pointwise`), and Pareto-smoothed importance weights make theta that
without the week too (Vehtari, Gelman and Gabry 2017). Where the KPI falls in it, the week's PIT, is uniform if the
model is right (Dawid 1984). Three things are asked of the PITs, each held against what chance does to a model that is
right:

* coverage: as many of them within the central 95 % as should be;
* shape: as many in every part of the distribution (Cramer and von Mises);
* spread: as far out in weeks with a low KPI as in weeks with a high one.

Chance is simulated: tables of the fitted model itself, at draws of its posterior, give PITs that depend on one another
just as those of the real weeks do, as every week is predicted from its neighbours. What is simulated knows the
parameters and the model had to learn them, which makes its PITs a little more even than those: the level is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.special import ndtr, ndtri

from mmm_core.model.gaussian_block import GaussianBlock
from mmm_core.model.level import level_prior
from mmm_core.model.prepare import scaled_kpi
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.heavy_tails import given_the_others_and_weights, noise_weights
from mmm_core.posterior.pareto import pareto_smoothed
from mmm_core.posterior.pointwise import (
    block_of,
    given_the_others,
    is_collapsed,
    log_likelihood_of_weeks,
    predictor_parts,
    refuse_without_a_likelihood,
)
from mmm_core.threads import one_blas_thread

DRAWS, HEAVY_DRAWS = 1000, 200
"""Draws behind the PITs, at most; fewer where each takes a factorisation."""
TABLES = 2000
"""Simulated tables."""
_CHUNK = 5_000_000
INTERVAL = 0.95


@dataclass(frozen=True)
class Calibration:
    """What the weeks say of a model's predictive distributions.

    Attributes:
        pit: (geo, week), nan where the KPI was not observed.
        coverage: share of weeks within the central 95 %; `allowed`: between which of them it is with a chance of 99 %
            where the model is right.
        p_values: by question (coverage, shape, spread), two-sided for the first and the last.
        spread: correlation of how far out a week is with the height of its KPI.
    """

    pit: xr.DataArray
    coverage: float
    allowed: tuple[float, float]
    p_values: dict[str, float]
    spread: float

    @property
    def p_value(self) -> float:
        """Of all three questions together (Bonferroni)."""
        return min(1.0, len(self.p_values) * min(self.p_values.values()))

    @property
    def worst(self) -> str:
        """The question with the smallest p-value."""
        return min(self.p_values, key=lambda name: self.p_values[name])


@one_blas_thread
def calibration(tree: xr.DataTree | Posterior, seed: int = 0) -> Calibration:
    """Predict each week from all the others, and hold the PITs against chance.

    Raises:
        InputError: the engine has no likelihood (ridge).
    """
    posterior = Posterior.of(tree)
    refuse_without_a_likelihood(posterior, "predictive calibration")
    rng = np.random.default_rng([seed, int(posterior.attrs["seed"])])
    observed = posterior.data["observed"].to_numpy()
    pit = _left_out_pit(posterior, rng)
    height = _height(posterior)[observed]
    found = _statistics(pit[observed][None], height)
    null = np.concatenate([_statistics(part[:, observed], height) for part in _simulated(posterior, rng)])
    low, high = np.quantile(null[:, 0], [0.005, 0.995])
    return Calibration(
        posterior.data["kpi"].copy(data=np.where(observed, pit, np.nan)),
        float(found[0, 0]),
        (float(low), float(high)),
        {
            "coverage": _two_sided(found[0, 0], null[:, 0]),
            "shape": _upper(found[0, 1], null[:, 1]),
            "spread": _two_sided(found[0, 2], null[:, 2]),
        },
        float(found[0, 2]),
    )


def _left_out_pit(posterior: Posterior, rng: np.random.Generator) -> np.ndarray:
    """PIT of each week given all the others, (geo, week)."""
    student = posterior.spec.student_t is not None
    positions = posterior.thinned(HEAVY_DRAWS if student else DRAWS)
    below, density = _given_draws(posterior, positions, rng)
    observed = posterior.data["observed"].to_numpy()
    out = np.full(observed.shape, np.nan)
    weight = _weights(density[:, observed])
    out[observed] = np.clip((weight * below[:, observed]).sum(axis=0), 1e-9, 1 - 1e-9)
    return out


def _given_draws(
    posterior: Posterior, positions: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Each week's predictive distribution at its KPI given the others and a draw, and log density."""
    parts = predictor_parts(posterior, positions)
    residual = scaled_kpi(posterior.data, posterior.spec) - parts.media - parts.treatment
    sigma = posterior.draws("sigma", positions)
    if posterior.engine == "pymc":  # has no level to integrate out: given all its parameters
        error = residual - (parts.baseline - posterior.data["kpi_centre"].to_numpy()[:, None])
        return ndtr(error / sigma[:, None, None]), log_likelihood_of_weeks(posterior, positions)
    tau, slope = _variances(posterior, positions)
    block = block_of(posterior)
    if is_collapsed(posterior):
        error, sd = given_the_others(block, residual, sigma, tau, slope)
        return ndtr(error / sd), -np.log(sd) - 0.5 * (error / sd) ** 2
    nu = posterior.draws("nu", positions)
    error = residual - (parts.baseline - posterior.data["kpi_centre"].to_numpy()[:, None])
    weights = noise_weights(rng, error, sigma, nu)
    return given_the_others_and_weights(block, residual, weights, sigma, tau, nu, slope)


def _weights(density: np.ndarray) -> np.ndarray:
    """Pareto-smoothed importance weights (draw, observation) that take each observation out of the posterior."""
    logged, _ = pareto_smoothed(-density.T)
    return np.asarray(np.exp(logged).T)


def _variances(posterior: Posterior, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    slope = posterior.draws("tau_slope", positions) if "tau_slope" in posterior.variables else None
    return posterior.draws("tau", positions), slope


def _height(posterior: Posterior) -> np.ndarray:
    """How high the KPI is expected to be in each week beside the other weeks of its geo, (geo, week)."""
    positions = posterior.thinned(100)
    parts = predictor_parts(posterior, positions)
    fitted = (parts.media + parts.treatment + parts.baseline).mean(axis=0)
    observed = posterior.data["observed"].to_numpy()
    mean = np.where(observed, fitted, 0).sum(1, keepdims=True) / observed.sum(1, keepdims=True)
    return np.asarray(fitted - mean)


def _simulated(posterior: Posterior, rng: np.random.Generator) -> list[np.ndarray]:
    """PITs of tables that the fitted model makes, each (table, geo, week)."""
    observed = posterior.data["observed"].to_numpy()
    if posterior.engine == "pymc":
        return [rng.uniform(size=(TABLES, *observed.shape))]
    block, out = block_of(posterior), []
    slope_model = "tau_slope" in posterior.variables
    every = 200 if slope_model else TABLES  # a slope costs a factorisation a draw
    size = max(1, min(TABLES, _CHUNK // observed.size))
    positions = rng.permutation(posterior.thinned(TABLES))[
        : min(every, posterior.chains * posterior.draws_a_chain)
    ]
    positions = np.resize(positions, every if slope_model else TABLES)
    for first in range(0, len(positions), size):
        which = positions[first : first + size]
        sigma = posterior.draws("sigma", which)
        tau, slope = _variances(posterior, which)
        noise = sigma[:, None, None] * rng.standard_normal((len(which), *observed.shape))
        residual = noise + simulated_baseline(rng, block, sigma, tau, slope)
        error, sd = given_the_others(block, residual, sigma, tau, slope)
        out.append(ndtr(error / sd))
    return out


def simulated_baseline(
    rng: np.random.Generator,
    block: GaussianBlock,
    sigma: np.ndarray,
    tau: np.ndarray,
    tau_slope: np.ndarray | None = None,
) -> np.ndarray:
    """Level and coefficients from their priors at some draws, (draw, geo, week).

    Args:
        sigma, tau, tau_slope: (draw,); the prior sds of the coefficients are in units of sigma.
    """
    terms = np.asarray(block.terms)
    coefficients = sigma[:, None, None] * rng.standard_normal((len(sigma), *terms.shape[::2]))
    brought = np.einsum("gtk,ngk->ngt", terms, coefficients, optimize=True)
    return np.asarray(brought + _simulated_level(rng, terms.shape[1], tau, tau_slope)[:, None])


def _simulated_level(
    rng: np.random.Generator, weeks: int, tau: np.ndarray, tau_slope: np.ndarray | None
) -> np.ndarray:
    """(draw, week)."""
    if tau_slope is None:
        steps = tau[:, None] * rng.standard_normal((len(tau), weeks))
        steps[:, 0] = 0
        return np.asarray(np.cumsum(steps, axis=1))
    prior = level_prior(weeks, slope=True).slope
    assert prior is not None
    spread = np.sqrt(tau[:, None] ** 2 + tau_slope[:, None] ** 2 * np.asarray(prior.spread))
    return np.asarray((spread * rng.standard_normal(spread.shape)) @ np.asarray(prior.basis).T)


def _statistics(pit: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Coverage, shape and spread of PITs (table, observation); (table, 3)."""
    count = pit.shape[1]
    tail = (1 - INTERVAL) / 2
    coverage = ((pit >= tail) & (pit <= 1 - tail)).mean(axis=1)
    middle = (np.arange(count) + 0.5) / count
    shape = ((np.sort(pit, axis=1) - middle) ** 2).sum(axis=1) + 1 / (12 * count)
    out = np.abs(ndtri(np.clip(pit, 1e-9, 1 - 1e-9)))
    out = out - out.mean(axis=1, keepdims=True)
    scale = np.sqrt((out**2).sum(axis=1) * (height**2).sum())
    spread = out @ height / np.where(scale > 0, scale, 1.0)
    return np.column_stack([coverage, shape, spread])


def _upper(found: float, null: np.ndarray) -> float:
    return float((1 + (null >= found - 1e-12).sum()) / (1 + len(null)))


def _two_sided(found: float, null: np.ndarray) -> float:
    return min(1.0, 2 * min(_upper(found, null), _upper(-found, -null)))
