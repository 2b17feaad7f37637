"""How likely each observed week is under each draw of a posterior: what LOO and power-scaling are made of.

With the media, the sampled treatments and the variances of a draw given, the KPI of a normal likelihood is jointly
Gaussian, level and coefficients integrated out: y ~ N(m, K). Then the density of a week given all the others,

    y_i | y_-i ~ N(y_i - (K^-1 (y - m))_i / K^-1_ii, 1 / K^-1_ii),

is closed form (Sundararajan and Keerthi 2001; Buerkner, Gabry and Vehtari 2021, section 3). With A_g, V, L and h of
`mmm_core.model.gaussian_block`, H_g = A_g B V and w_i = (tau/sigma)^2 / (1 + (tau/sigma)^2 L_i),

    sigma^2 K^-1 r = A_g r_g - H_g (w * h),    sigma^2 diag(K^-1) = diag(A_g) - (H_g * H_g) w,

so that a draw costs one matrix-vector product a geo and no factorisation. Only a level with a slope that moves needs
one. Student-t noise and other libraries' models have no such form: there the density is given the level and
coefficients drawn.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
from scipy import stats
from scipy.linalg import cho_factor, solve_triangular

from mmm_core.data.quarters import filled, whole_quarters
from mmm_core.errors import InputError
from mmm_core.model.gaussian_block import GaussianBlock, Spectrum, gaussian_block, log_likelihood
from mmm_core.model.level import level_prior
from mmm_core.model.prepare import integrated_terms, scaled_kpi
from mmm_core.posterior.handle import Posterior

CONDITIONAL = ("pymc", "meridian")
"""Engines whose models integrate nothing out: the density of a week is given the level and coefficients drawn."""

_HALF_LOG_TWO_PI = 0.5 * np.log(2 * np.pi)


class Parts(NamedTuple):
    """Draws of the parts of the linear predictor in scaled units, each (draw, geo, week)."""

    media: np.ndarray
    treatment: np.ndarray  # of the treatments that have priors of their own
    baseline: np.ndarray  # what a normal likelihood integrates out: level and other terms


def predictor_parts(posterior: Posterior, positions: np.ndarray) -> Parts:
    """The linear predictor of some draws, without noise."""
    predictor = posterior.predictor(positions)
    inside = integrated_terms(posterior.data, posterior.spec)
    outside = [i for i in range(predictor.design.shape[-1]) if i not in inside]
    parts = [
        (
            predictor.media_terms(which).sum(-1),
            predictor.baseline_terms(which, outside, level=False),
            predictor.baseline_terms(which, inside),
        )
        for which in predictor.chunks()
    ]
    unit = posterior.media.unit[:, None]
    media, treatment, baseline = (np.concatenate(chunks) / unit for chunks in zip(*parts, strict=True))
    return Parts(media, treatment, baseline)


def is_collapsed(posterior: Posterior) -> bool:
    """Whether the density of a week is that of the model with level and coefficients integrated out."""
    return posterior.spec.student_t is None and posterior.engine not in CONDITIONAL


def refuse_without_a_likelihood(posterior: Posterior, what: str) -> None:
    """Raise InputError for an engine whose draws belong to no likelihood."""
    if posterior.engine == "ridge":
        raise InputError(
            f"{what} needs draws of a posterior, which the engine ridge has not ({posterior.approximate}): "
            "fit the model with `fit: {engine: numpyro}`"
        )


def log_likelihood_of_weeks(posterior: Posterior, positions: np.ndarray) -> np.ndarray:
    """log p(y_i | y_-i, theta) of every week in units of the KPI, (draw, geo, week), nan where there is none.

    For Student-t noise, and for the engines `pymc` and `meridian`, log p(y_i | theta, level, coefficients).
    """
    spec, data = posterior.spec, posterior.data
    parts = predictor_parts(posterior, positions)
    sigma = posterior.draws("sigma", positions)
    error = scaled_kpi(data, spec) - parts.media - parts.treatment
    if is_collapsed(posterior):
        slope = posterior.draws("tau_slope", positions) if "tau_slope" in posterior.variables else None
        tau = posterior.draws("tau", positions)
        out = leave_one_out(block_of(posterior, slope=False), error, sigma, tau, slope)
    else:
        error = error - (parts.baseline - data["kpi_centre"].to_numpy()[:, None])
        wide = sigma[:, None, None]
        if spec.student_t is None:
            out = stats.norm.logpdf(error, scale=wide)
        else:
            out = stats.t.logpdf(error, posterior.draws("nu", positions)[:, None, None], scale=wide)
    # the density of the KPI itself, so that models of different scales compare
    to_kpi = np.broadcast_to(np.log(posterior.media.unit)[:, None], data["kpi"].shape)
    observed = data["observed"].to_numpy()
    if spec.kpi.scale == "log":
        to_kpi = to_kpi + np.log(np.where(observed, data["kpi"].to_numpy(), 1.0))
    return np.where(observed, out - to_kpi, np.nan)


def log_likelihood_of_draws(posterior: Posterior, positions: np.ndarray) -> np.ndarray:
    """log p(y | theta) of all weeks, (draw,); given level and coefficients where they are not integrated out."""
    if not is_collapsed(posterior):
        return np.asarray(np.nansum(log_likelihood_of_weeks(posterior, positions), axis=(1, 2)))
    parts = predictor_parts(posterior, positions)
    residual = scaled_kpi(posterior.data, posterior.spec) - parts.media - parts.treatment
    weeks = residual.shape[-1]
    more = whole_quarters(weeks) - weeks  # as the fit has them: a further week runs the same program
    slope = posterior.draws("tau_slope", positions) if "tau_slope" in posterior.variables else None
    with jax.enable_x64(True):
        return np.asarray(
            _density_of_draws(
                block_of(posterior, slope=slope is not None, more=more),
                filled(residual, more),
                posterior.draws("sigma", positions),
                posterior.draws("tau", positions),
                slope,
            )
        )


@jax.jit
def _density_of_draws(block: GaussianBlock, residual: Any, sigma: Any, tau: Any, slope: Any) -> jax.Array:
    """log p of residuals (draw, geo, week) at each draw's scales; one program for all posteriors of a shape."""
    return jax.vmap(
        lambda r, s, t, k: log_likelihood(block, r, s, t, tau_slope=k),
        (0, 0, 0, None if slope is None else 0),
    )(residual, sigma, tau, slope)


def leave_one_out(
    block: GaussianBlock,
    residual: np.ndarray,
    sigma: np.ndarray,
    tau: np.ndarray,
    tau_slope: np.ndarray | None = None,
) -> np.ndarray:
    """log density of each week's residual given all the other weeks' of all geos; arguments as for `given_the_others`.

    Returns:
        (draw, geo, week), meaningless where the block has no observation.
    """
    error, sd = given_the_others(block, residual, sigma, tau, tau_slope)
    return np.asarray(-np.log(sd) - 0.5 * (error / sd) ** 2 - _HALF_LOG_TWO_PI)


def given_the_others(
    block: GaussianBlock,
    residual: np.ndarray,
    sigma: np.ndarray,
    tau: np.ndarray,
    tau_slope: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """How far each week's residual is from its mean given all the other weeks' of all geos, and the sd around that.

    Args:
        block: one with a spectrum, as `gaussian_block` makes by default.
        residual: (draw, geo, week), KPI less media in scaled units.
        sigma, tau, tau_slope: (draw,).

    Returns:
        Error and standard deviation, both (draw, geo, week), meaningless where the block has no observation.
    """
    observed, whitener = np.asarray(block.observed), np.asarray(block.whitener)
    residual = residual * observed
    white = np.einsum("gtk,ngt->ngk", whitener, residual)
    solved = residual - np.einsum("gtk,ngk->ngt", whitener, white)  # A_g r_g
    diagonal = np.broadcast_to(observed - (whitener**2).sum(-1), residual.shape)
    if tau_slope is None:
        assert isinstance(block.level, Spectrum)
        basis, eigenvalues = np.asarray(block.level.basis), np.asarray(block.level.eigenvalues)
        seen = _seen(observed, whitener, basis)
        ratio = ((tau / sigma) ** 2)[:, None]
        weight = ratio / (1 + ratio * eigenvalues)
        summed = np.einsum("gti,ngt->ni", seen, residual, optimize=True)
        solved = solved - np.einsum("gti,ni->ngt", seen, weight * summed, optimize=True)
        diagonal = diagonal - np.einsum("gti,ni->ngt", seen**2, weight, optimize=True)
    else:
        solved, diagonal = _with_slope(observed, whitener, residual, solved, diagonal, sigma, tau, tau_slope)
    wide = sigma[:, None, None]
    precision = np.where(observed > 0, diagonal, 1.0) / wide**2
    return np.asarray(solved / wide**2 / precision), np.asarray(1 / np.sqrt(precision))


def _seen(observed: np.ndarray, whitener: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """A_g times columns (week, column), (geo, week, column)."""
    masked = observed[..., None] * columns
    return np.asarray(masked - whitener @ (whitener.transpose(0, 2, 1) @ masked))


def _with_slope(
    observed: np.ndarray,
    whitener: np.ndarray,
    residual: np.ndarray,
    solved: np.ndarray,
    diagonal: np.ndarray,
    sigma: np.ndarray,
    tau: np.ndarray,
    tau_slope: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The same two quantities where the level's covariance changes its shape with the draw: O(T^3) a draw and geo."""
    prior = level_prior(observed.shape[1], slope=True).slope
    assert prior is not None
    basis, spread = np.asarray(prior.basis), np.asarray(prior.spread)
    seen = _seen(observed, whitener, basis)
    inner = np.einsum("ti,gtj->ij", basis, seen, optimize=True)
    solved, diagonal = solved.copy(), diagonal.copy()
    for draw in range(len(residual)):
        scale = np.sqrt(tau[draw] ** 2 + tau_slope[draw] ** 2 * spread) / sigma[draw]
        root, _ = cho_factor(np.eye(len(scale)) + scale[:, None] * inner * scale, lower=True)
        columns = (seen * scale).transpose(2, 0, 1)
        columns = solve_triangular(root, columns.reshape(len(scale), -1), lower=True).reshape(columns.shape)
        solved[draw] -= np.einsum("igt,i->gt", columns, np.einsum("igt,gt->i", columns, residual[draw]))
        diagonal[draw] -= (columns**2).sum(0)
    return solved, diagonal


def block_of(posterior: Posterior, slope: bool = False, more: int = 0) -> GaussianBlock:
    """The Gaussian block of a posterior, with the deviations of geos given and not integrated out.

    Args:
        more: unobserved weeks after the last.
    """
    data = posterior.data
    terms = integrated_terms(data, posterior.spec)
    return gaussian_block(
        filled(data["design"].to_numpy()[..., terms], more, axis=1),
        filled(data["observed"].to_numpy(), more),
        data["design_prior_sd"].to_numpy()[terms],
        slope=slope,
    )
