"""How far seasonality, controls and holidays may move the KPI: prior scales learned from the table before a fit.

Dozens of waves and controls with priors too wide to matter fit the noise of the weeks seen and forecast it; priors too
narrow flatten a real season. The table itself says how wide they are: with the coefficient of term j of geo g

    c_gj ~ N(0, (sigma s_j)^2),   log s = offset + X phi,   phi ~ N(mean, diag(sd^2)),

a few numbers phi say all scales s of a group of terms (`Scales`). Given phi, the noise sd sigma and the level's weekly
step tau = rho sigma, the KPI is jointly Gaussian and its density has a closed form: with V = I + rho^2 B B' + Z S^2 Z'
(B accumulates the level's steps, the same in every geo; Z S^2 Z' is by geo), n values and a = V^{-1} r,

    log p(r) = -1/2 (n log(2 pi sigma^2) + log|V| + r'a / sigma^2),
    d log p / d log s_j = sum_g (z_gj'a_g)^2 s_j^2 / sigma^2 - s_j^2 z_gj' V^{-1} z_gj,

and alike for rho and sigma. The mode of phi, log sigma and log rho given the table is climbed to in some forty steps of
a few milliseconds, and the scales there become the prior sds that every engine reads: type-II maximum likelihood with
priors (MacKay 1992; Tipping 2001). V is never built: the terms are integrated out by geo, the geos' level after them.

Media take part as rough proxies, adstocked and saturated at middling shapes with a scale of their own that is forgotten
afterwards: without them a season that follows the budget would be taken for the season of the KPI.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

from mmm_core.priors import Prior
from mmm_core.spec.baseline_spec import LEARNED
from mmm_core.spec.model_spec import ModelSpec
from mmm_core.threads import one_blas_thread

# Middling shapes of the media proxies: half of it carries over, half of the ceiling at a mean week.
_RETENTION, _HALF_SATURATION = 0.5, 1.0
# Prior of a scale's logarithm: between a fifth of the noise sd and five of them, two times in three.
_LOG_SCALE = (0.0, 1.5)
# Harmonic k is k^-p times as far as the first: p, and the log deviation of one control from the group's scale.
_DECAY, _OWN = (1.0, 0.7), (0.0, 1.0)
_MEDIA = (float(np.log(2.0)), 1.5)
_MOST_STEPS = 100


@dataclass(frozen=True)
class Scales:
    """log s = offset + X phi, for each term.

    Attributes:
        offset: (term,). loadings: X, (term, number). mean, sd: of the normal priors of phi, (number,).
    """

    offset: np.ndarray
    loadings: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    def of(self, phi: np.ndarray) -> np.ndarray:
        """s, (term,)."""
        return np.asarray(np.exp(self.offset + self.loadings @ phi))


@dataclass(frozen=True)
class Evidence:
    """The log density of phi, log sigma and log rho given a table, up to a constant.

    Attributes:
        kpi: (geo, week), scaled and centred by geo. observed: (geo, week), true where the KPI counts.
        design: (geo, week, term). scales: of the terms.
        step: scale of the half-normal prior of the level's weekly step tau; 0 for a level that does not move.
    """

    kpi: np.ndarray
    observed: np.ndarray
    design: np.ndarray
    scales: Scales
    step: float

    @one_blas_thread
    def mode(self) -> np.ndarray:
        """The most likely (log sigma, log rho, phi)."""
        start = np.concatenate([[np.log(0.7), np.log(0.1)], self.scales.mean])
        bounds = [(-7.0, 3.0), (-7.0, 3.0), *[(-9.0, 6.0)] * len(self.scales.mean)]
        found = minimize(
            lambda point: tuple(-part for part in self.log_density(point)),
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": _MOST_STEPS},
        )
        return np.asarray(found.x)

    def log_density(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Its value and gradient at (log sigma, log rho, phi)."""
        log_sigma, log_rho, phi = float(point[0]), float(point[1]), point[2:]
        variance, moves = np.exp(2 * log_sigma), self.step > 0
        ratio = float(np.exp(2 * log_rho)) if moves else 0.0
        kpi, observed = np.where(self.observed, self.kpi, 0.0), self.observed.astype(float)
        geos, weeks, terms = self.design.shape
        # the terms, geo by geo: P = I + Z'Z = R R', C = Z R^-T, A = I - C C'
        columns = self.design * self.scales.of(phi) * observed[..., None]
        precision = np.eye(terms) + columns.transpose(0, 2, 1) @ columns
        root, covariance = np.linalg.cholesky(precision), np.linalg.inv(precision)
        white = np.stack([_solve(root[geo], columns[geo].T).T for geo in range(geos)])

        def without_terms(values: np.ndarray) -> np.ndarray:
            return np.asarray(values - (white @ (white.transpose(0, 2, 1) @ values[..., None]))[..., 0])

        # the level that the geos share: N = I + rho^2 B' sum_g A_g B = L L'
        left, flat = without_terms(kpi), white.transpose(1, 0, 2).reshape(weeks, geos * terms)
        known = _accumulated(_accumulated(np.diag(observed.sum(0)) - flat @ flat.T).T)
        level_root = cholesky(np.eye(weeks - 1) + ratio * known, lower=True, check_finite=False)
        pull = _solve(level_root, _accumulated(left.sum(0)))
        steps = ratio * solve_triangular(level_root, pull, lower=True, trans=1, check_finite=False)
        level = observed * np.concatenate([[0.0], np.cumsum(steps)])
        residual = left - without_terms(level)  # V^-1 r
        quadratic = float((kpi * left).sum() - ratio * pull @ pull)
        determinant = 2 * _log_diagonal(root) + 2 * _log_diagonal(level_root)
        count = observed.sum()
        # s_j^2 z_j' V^-1 z_j
        through = (columns @ covariance).transpose(1, 0, 2).reshape(weeks, geos * terms)
        shared = ratio * (_solve(level_root, _accumulated(through)) ** 2).sum(0).reshape(geos, terms)
        own = 1 - np.diagonal(covariance, axis1=1, axis2=2) - shared
        aligned = np.einsum("gtk,gt->gk", columns, residual, optimize=True)
        by_scale = (aligned**2 / variance - own).sum(0)
        by_sigma, by_rho = quadratic / variance - count, 0.0
        value = -0.5 * (2 * count * log_sigma + determinant + quadratic / variance)
        if moves:
            inverse = _solve(level_root, np.eye(weeks - 1))
            by_rho = ratio * float((_accumulated(residual.sum(0)) ** 2).sum()) / variance
            by_rho -= weeks - 1 - float((inverse**2).sum())
        # priors: sigma half-normal(1) and tau half-normal(step), as densities of logarithms; phi normal
        value += log_sigma - variance / 2
        by_sigma += 1 - variance
        if moves:
            walked = ratio * variance / self.step**2
            value, by_sigma, by_rho = value + log_rho - walked / 2, by_sigma - walked, by_rho + 1 - walked
        away = (phi - self.scales.mean) / self.scales.sd
        by_phi = self.scales.loadings.T @ by_scale - away / self.scales.sd
        return float(value - 0.5 * (away**2).sum()), np.concatenate([[by_sigma, by_rho], by_phi])


def effective_number(design: np.ndarray, observed: np.ndarray, prior_sd: np.ndarray) -> float:
    """How many parameters the coefficients of a design amount to, each with its prior sd in units of the noise sd.

    A coefficient counts as far as the weeks decide it and not its prior: summed over geos, with d the eigenvalues of
    S Z'Z S (Z a geo's observed weeks of the design, S the prior sds), the trace of the shrinkage is sum d / (1 + d)
    (Hastie, Tibshirani and Friedman 2009, section 3.4.1). A level that wanders leaves the weeks less to say, so this is
    the most they may amount to.

    Args:
        design: (geo, week, term). observed: (geo, week). prior_sd: (term,).
    """
    columns = design * prior_sd * observed[..., None]
    found = np.linalg.eigvalsh(columns.transpose(0, 2, 1) @ columns)
    return float((found / (1 + found)).sum())


def learned_prior_sd(
    data: xr.Dataset, spec: ModelSpec, scaled: np.ndarray, groups: dict[str, str]
) -> np.ndarray:
    """Prior sd of each term's coefficient in units of the noise sd, (term,), where the specification has them learned.

    Args:
        data: the arrays of the model, `design_prior_sd` as it is stated. scaled: the KPI, (geo, week), in scaled units.
        groups: term to `seasonality`, `controls` or `holidays`; terms of no group stay as they are.
    """
    stated = data["design_prior_sd"].to_numpy()
    terms = [str(term) for term in data["term"].to_numpy()]
    proxies = media_proxies(data, spec)
    scales = scales_of(terms, stated, spec, groups, proxies.shape[-1])
    if scales is None:
        return np.asarray(stated)
    evidence = Evidence(
        kpi=scaled,
        observed=data["observed"].to_numpy(),
        design=np.concatenate([data["design"].to_numpy(), proxies], axis=-1),
        scales=scales,
        step=_step(spec.baseline.level_sd) if spec.baseline.level == "random_walk" else 0.0,
    )
    free = (scales.loadings != 0).any(axis=1)[: len(terms)]
    return np.where(free, scales.of(evidence.mode()[2:])[: len(terms)], stated)


def scales_of(
    terms: list[str], stated: np.ndarray, spec: ModelSpec, groups: dict[str, str], proxies: int
) -> Scales | None:
    """The scales of a specification's terms, then of so many media proxies; None where nothing is to be learned."""
    shrinkage = spec.baseline.shrinkage
    learned = {
        group for group in ("seasonality", "controls", "holidays") if getattr(shrinkage, group) == LEARNED
    }
    member = np.array([groups.get(term, "") for term in terms] + ["media"] * proxies)
    offset = np.concatenate([np.log(stated), np.zeros(proxies)])
    loadings, priors = [], []

    def number(loading: np.ndarray, prior: tuple[float, float]) -> None:
        loadings.append(loading.astype(float))
        priors.append(prior)

    for group in sorted(learned & set(member)):
        inside = member == group
        offset[inside] = 0.0
        number(inside, _LOG_SCALE)
        if group == "seasonality":
            harmonic = np.array(
                [int(term.split("_")[1]) if groups.get(term) == group else 1 for term in terms]
            )
            number(np.pad(-np.log(harmonic), (0, proxies)), _DECAY)
        if group == "controls":
            for position in np.flatnonzero(inside):
                number(np.arange(len(member)) == position, _OWN)
    if not loadings:
        return None
    number(member == "media", _MEDIA)
    mean, sd = np.array(priors).T
    return Scales(offset, np.array(loadings).T, mean, sd)


def media_proxies(data: xr.Dataset, spec: ModelSpec) -> np.ndarray:
    """Roughly what each channel does, (geo, week, channel), before any parameter is known."""
    weeks, history = data.sizes["week"], spec.l_max
    per_head = data["exposure"].to_numpy() / data["population"].to_numpy()[:, None, None]
    media = per_head / data["media_scale"].to_numpy()
    weight = _RETENTION ** np.arange(history + 1)
    lagged = [media[:, history - lag : history - lag + weeks] for lag in range(history + 1)]
    carried = sum(w * values for w, values in zip(weight / weight.sum(), lagged, strict=True))
    return np.asarray(carried / (carried + _HALF_SATURATION))


def _step(prior: Prior) -> float:
    """The half-normal's scale with the prior's median: the step itself need not be known exactly."""
    return prior.parameters[0] if prior.family == "halfnormal" else prior.median() / 0.6745


def _accumulated(values: np.ndarray) -> np.ndarray:
    """B' values: the sum from each week on, without the first week, which the intercept holds."""
    return np.cumsum(values[::-1], axis=0)[::-1][1:]


def _solve(root: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.asarray(solve_triangular(root, values, lower=True, check_finite=False))


def _log_diagonal(root: np.ndarray) -> float:
    return float(np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum())
