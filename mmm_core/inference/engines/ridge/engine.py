"""The engine to compare others with: ridge regression in seconds, with bootstrap intervals and no posterior.

KPI = media columns with coefficients >= 0, one for all geos and per head, plus the terms of each geo's design, plus a
level whose weekly steps are penalised (`mmm_core.inference.engines.ridge.baseline`). Adstock, saturation and the
penalty are chosen by the errors of forecasts (`mmm_core.inference.engines.ridge.search`), the level's penalty by its
likelihood. Priors on effects are not used; those on shapes only bound the search.

Each of the draws is one bootstrap replicate. (1) Its shapes and penalty are those of all that were tried which forecast
best when the forecast weeks are resampled in blocks: part of the uncertainty of the choice, not all of it. (2) A KPI is
simulated from the fit: a level with steps of the estimated size, and residuals resampled in moving blocks of weeks, all
geos together (Kuensch 1989). (3) The coefficients are fitted again; their difference from a fit without noise is added
to the estimate, which takes the penalty's pull out of the spread. (4) The baseline is fitted to what these media leave
of the real KPI, plus the error that the fit made on the simulated one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.inference.engines import ENGINES, EngineResult, FitOptions
from mmm_core.inference.engines.report import Report
from mmm_core.inference.engines.ridge.baseline import BaselineSmoother
from mmm_core.inference.engines.ridge.search import (
    LONGEST_FORECAST,
    ORIGINS,
    Candidates,
    Search,
    block_counts,
    block_weeks,
    candidate_points,
    choose_ratio,
    nonnegative,
    search,
    shapes_at,
)
from mmm_core.inference.runtime import configure
from mmm_core.model.beliefs import window_spend
from mmm_core.model.media import MediaLayout, MediaModel, saturated_media
from mmm_core.model.prepare import PreparedModel
from mmm_core.spec.model_spec import ModelSpec

CANDIDATES = 128
_FEWEST_WEEKS = 40

# Numbers that the responses of all candidates, or a chunk of replicates, may hold.
_LARGEST = 3_000_000


def run(prepared: PreparedModel, options: FitOptions) -> EngineResult:
    """See `mmm_core.inference.engines.Engine`.

    Raises:
        InputError: a part of the specification that a regression does not have, or too few weeks.
    """
    data, spec = prepared.data, prepared.spec
    _refuse(spec, data)
    configure(1, "float64")
    report = Report(options)
    report("searching", 0, 3)
    problem = _Problem.of(prepared)
    candidates, found, ratio = _choose_shapes(problem, prepared)
    searched = report.seconds
    report("bootstrap", 1, 3)
    variables, energy = _bootstrap(
        problem, candidates, found, ratio, options.draws or spec.fit.draws, spec.fit.seed
    )
    report("summarising", 3, 3)
    rmse = float(np.sqrt(found.errors[0].mean() / data.sizes["geo"]))
    return EngineResult(
        {name: (dims, values[None]) for name, (dims, values) in variables.items()},
        _sample_stats(energy, searched, report.seconds - searched),
        {
            "approximate": _label(spec, data),
            "search_tried": found.tried,
            "search_rmse": rmse,
            "ridge_penalty": float(found.strength[0]),
            "level_ratio": ratio,
        },
    )


def _choose_shapes(problem: _Problem, prepared: PreparedModel) -> tuple[Candidates, Search, float]:
    """The candidates that were searched, what was found, and the ratio of the level's step to the noise."""
    spec = prepared.spec
    candidates = _candidates(prepared)
    best, ratio = (0,) * len(spec.channels), 0.0
    for _ in range(2):  # a list over all of the priors, then one that is dense around its best
        if spec.baseline.level == "random_walk":
            ratio = choose_ratio(*problem.baseline, problem.kpi, candidates.columns(best))
        first = search(candidates, *problem.baseline, problem.kpi, ratio, spec.fit.seed, searches=1)
        candidates = _candidates(prepared, candidates.points_of(first.entry(0)[0]))
        best = tuple(int(len(points) > 1) for points in candidates.points)
    return candidates, search(candidates, *problem.baseline, problem.kpi, ratio, spec.fit.seed), ratio


def _sample_stats(energy: np.ndarray, searched: float, sampled: float) -> xr.Dataset:
    """The statistics of replicates with these energies (draw,); none diverges and none is rejected."""
    draws = len(energy)
    return xr.Dataset(
        {
            "diverging": (("chain", "draw"), np.zeros((1, draws), dtype=bool)),
            "num_steps": (("chain", "draw"), np.zeros((1, draws), dtype=int)),
            "energy": (("chain", "draw"), energy[None]),
            "acceptance_rate": (("chain", "draw"), np.ones((1, draws))),
        },
        coords={"chain": [0], "draw": np.arange(draws)},
        attrs={"compile_seconds": searched, "sampling_seconds": sampled, "warmup": 0},
    )


@dataclass(frozen=True)
class _Problem:
    """What a regression reads of the data, scaled as the Bayesian model's."""

    spec: ModelSpec
    kpi: np.ndarray  # (geo, week), 0 where unobserved
    design: np.ndarray  # (geo, week, term)
    observed: np.ndarray  # (geo, week)
    prior_sd: np.ndarray  # (term,)
    centre: np.ndarray  # (geo,)
    unit: np.ndarray  # (geo, 1), KPI (or logarithm) of a scaled unit
    worth: (
        np.ndarray
    )  # (geo, week), revenue of a unit of KPI, times population where it is modelled as a logarithm
    spend: np.ndarray  # (paid_channel,)

    @classmethod
    def of(cls, prepared: PreparedModel) -> _Problem:
        data, spec = prepared.data, prepared.spec
        worth = data["revenue_per_kpi"].to_numpy()
        if spec.kpi.scale == "log":
            worth = worth * data["population"].to_numpy()[:, None]
        return cls(
            spec,
            prepared.arrays.kpi,
            data["design"].to_numpy(),
            data["observed"].to_numpy(),
            data["design_prior_sd"].to_numpy(),
            data["kpi_centre"].to_numpy(),
            MediaModel.of(data, spec).unit[:, None],
            worth,
            window_spend(data).sum(0),
        )

    @property
    def baseline(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What `Baseline.of` is made from, its ratio apart."""
        return self.design, self.observed, self.prior_sd


def _candidates(prepared: PreparedModel, around: tuple[np.ndarray, ...] | None = None) -> Candidates:
    """Shapes to choose from with their responses; fewer of them where the panel is large."""
    spec, data = prepared.spec, prepared.data
    count = _candidate_count(len(spec.channels) * data.sizes["geo"] * data.sizes["week"])
    points = candidate_points(spec, count, spec.fit.seed, around)
    shape = shapes_at(spec, points)
    numbers = {name: jnp.asarray(values) for name, values in shape.items()}
    program = _responses(prepared.model.layout)
    response = np.asarray(program(numbers, prepared.arrays.media, jnp.arange(count)))
    seen = np.where(data["observed"].to_numpy(), response, np.nan)
    return Candidates(points, shape, response, np.nanstd(seen, axis=(-2, -1)))


def workspaces(prepared: PreparedModel, draws: int) -> dict[str, int]:
    """Bytes that the search over candidates takes, and a chunk of so many draws' replicates; one follows the other."""
    channels, (geos, weeks) = prepared.data.sizes["channel"], prepared.arrays.kpi.shape
    columns = channels * _candidate_count(channels * geos * weeks)
    origins = ORIGINS * (columns**2 + columns * geos * min(LONGEST_FORECAST, weeks))
    return {
        "candidates": 8 * (4 * columns * geos * weeks + origins),
        "replicates": 8 * 8 * min(_LARGEST, draws * geos * weeks),
    }


def _candidate_count(cells: int) -> int:
    """Candidates of each channel, where the response of one of each has so many entries."""
    return int(np.clip(_LARGEST // cells, 9, CANDIDATES))


@lru_cache(maxsize=8)
def _responses(layout: MediaLayout) -> Callable[..., Any]:
    """The program from shapes (candidate, channel) to responses (candidate, channel, geo, week)."""

    @jax.jit
    def program(shape: dict[str, Any], inputs: Any, numbers: Any) -> Any:
        def response(number: Any) -> Any:
            return saturated_media(layout, inputs, {name: values[number] for name, values in shape.items()})

        return jax.lax.map(response, numbers, batch_size=16)

    return program


def _bootstrap(
    problem: _Problem, candidates: Candidates, found: Search, ratio: float, draws: int, seed: int
) -> tuple[dict[str, tuple[tuple[str, ...], np.ndarray]], np.ndarray]:
    """Every variable of the posterior's schema for `draws` replicates, (draw, ...), and their energies (draw,)."""
    rng = np.random.default_rng([seed, 2])
    weights = block_counts(found.errors.shape[1], draws, rng)
    picked = np.argmin(weights @ found.errors.T, axis=1)
    baseline = BaselineSmoother.of(*problem.baseline, ratio)
    geos, weeks, terms = problem.design.shape
    channels = candidates.scale.shape[1]
    out = {
        "coefficient": np.empty((draws, geos, channels)),
        "roi": np.empty((draws, len(problem.spec.paid))),
        "sigma": np.empty(draws),
        "level": np.empty((draws, weeks)),
        "fixed_effect": np.empty((draws, geos, terms)),
        **{name: np.empty((draws, channels)) for name in candidates.shape},
    }
    energy = np.empty(draws)
    size = max(1, _LARGEST // (geos * weeks))
    for position in np.unique(picked):
        chosen, strength = found.entry(position)
        regression = _Regression.of(problem, baseline, candidates, chosen, strength)
        replicates = np.flatnonzero(picked == position)
        for name, values in candidates.shape.items():
            out[name][replicates] = values[list(chosen), np.arange(channels)]
        for start in range(0, len(replicates), size):
            some = replicates[start : start + size]
            for name, values in regression.replicates(problem, baseline, ratio, len(some), rng).items():
                if name == "energy":
                    energy[some] = values
                else:
                    out[name][some] = values
    out["tau"] = ratio * out["sigma"]
    dims: dict[str, tuple[str, ...]] = {
        "coefficient": ("geo", "channel"),
        "roi": ("paid_channel",),
        "level": ("week",),
        "fixed_effect": ("geo", "term"),
        **dict.fromkeys(candidates.shape, ("channel",)),
    }
    return {name: (dims.get(name, ()), values) for name, values in out.items()}, energy


@dataclass(frozen=True)
class _Regression:
    """The regression with one choice of shapes and penalty."""

    columns: np.ndarray  # (C, geo, week)
    products: np.ndarray  # (C, C), penalty included
    bare: np.ndarray  # (C, C), without
    coefficient: np.ndarray  # (C,)
    noiseless: np.ndarray  # (C,), fitted to a KPI that this model itself gives
    residual: np.ndarray  # (geo, week), with the size of the noise
    sigma: float

    @classmethod
    def of(
        cls,
        problem: _Problem,
        baseline: BaselineSmoother,
        candidates: Candidates,
        chosen: tuple[int, ...],
        strength: float,
    ) -> _Regression:
        columns = candidates.columns(chosen)
        rows = float(problem.observed.sum())
        stacked = np.concatenate([columns, problem.kpi[None]])
        products = baseline.products(stacked, stacked)
        bare, target = products[:-1, :-1], products[:-1, -1]
        penalised = bare + np.diag(candidates.penalty(chosen, strength, rows))
        b = nonnegative(penalised, target)
        level, terms = baseline.fit((problem.kpi - np.tensordot(b, columns, axes=1))[None])
        residual = problem.kpi - np.tensordot(b, columns, axes=1) - _baseline(problem, level, terms)[0]
        residual = np.where(problem.observed, residual, 0.0)
        used = (b > 0).sum() + problem.design.shape[0] * problem.design.shape[2]
        left = products[-1, -1] - 2 * b @ target + b @ bare @ b
        sigma = float(np.sqrt(left / max(rows - used, 1.0)))
        residual *= sigma / np.sqrt((residual**2).sum() / rows)
        return cls(columns, penalised, bare, b, nonnegative(penalised, bare @ b), residual, sigma)

    def replicates(
        self,
        problem: _Problem,
        baseline: BaselineSmoother,
        ratio: float,
        count: int,
        rng: np.random.Generator,
    ) -> dict[str, np.ndarray]:
        """Bootstrap replicates by variable, (count, ...)."""
        geos, weeks, _ = problem.design.shape
        steps = ratio * self.sigma * rng.standard_normal((count, weeks))
        steps[:, 0] = 0.0
        level = np.cumsum(steps, axis=1)
        drawn = block_weeks(np.flatnonzero(problem.observed.any(0)), weeks, count, rng)
        noise = np.moveaxis(self.residual[:, drawn], 0, 1)  # (count, geo, week)
        simulated = (noise + level[:, None, :]) * problem.observed
        target = (self.bare @ self.coefficient)[:, None] + baseline.products(self.columns, simulated)
        b = nonnegative(np.broadcast_to(self.products, (count, *self.products.shape)), target.T)
        b = np.maximum(self.coefficient + b - self.noiseless, 0.0)

        media = np.einsum("nc,cgt->ngt", b, self.columns, optimize=True)
        kept_level, kept_terms = baseline.fit(problem.kpi - media)
        error_level, error_terms = baseline.fit(simulated)
        kept_level, kept_terms = kept_level + error_level - level, kept_terms + error_terms
        sigma = np.sqrt((noise**2 * problem.observed).sum((1, 2)) / problem.observed.sum())
        path = _baseline(problem, kept_level, kept_terms)
        rest = ((problem.kpi - media - path) ** 2 * problem.observed).sum((1, 2))
        mean = kept_level.mean(1)
        kept_terms[..., 0] += problem.centre + mean[:, None]
        predictor = media + path + problem.centre[:, None]
        return {
            "coefficient": np.repeat(b[:, None, :], geos, axis=1),
            "roi": self._outcome(problem, b, predictor, sigma) / problem.spend,
            "sigma": sigma,
            "level": kept_level - mean[:, None],
            "fixed_effect": kept_terms,
            "energy": problem.observed.sum() * np.log(sigma) + rest / (2 * sigma**2),
        }

    def _outcome(
        self, problem: _Problem, b: np.ndarray, predictor: np.ndarray, sigma: np.ndarray
    ) -> np.ndarray:
        """Outcome of each paid channel, (count, paid_channel): expected KPI less that without its media."""
        paid = len(problem.spec.paid)
        if problem.spec.kpi.scale == "level":
            per_unit = np.einsum("cgt,gt->c", self.columns[:paid], problem.worth * problem.unit)
            return np.asarray(b[:, :paid] * per_unit)
        unit = problem.unit
        expected = np.exp(predictor * unit + (sigma[:, None, None] * unit) ** 2 / 2) * problem.worth
        without = [-np.expm1(-b[:, c, None, None] * self.columns[c] * unit) for c in range(paid)]
        return np.stack([(expected * gone).sum((1, 2)) for gone in without], axis=1)


def _baseline(problem: _Problem, level: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Level (n, week) and terms (n, geo, term) as a path (n, geo, week)."""
    return np.asarray(level[:, None, :] + np.einsum("gtk,ngk->ngt", problem.design, terms, optimize=True))


def _label(spec: ModelSpec, data: xr.Dataset) -> str:
    words = [ENGINES["ridge"].approximate, "intervals too narrow", "priors on effects are not used"]
    if data.sizes["geo"] > 1 and spec.geo is not None and spec.geo.pooling != "complete":
        words.append("one effect for all geos")
    return "; ".join(words)


def _refuse(spec: ModelSpec, data: xr.Dataset) -> None:
    varying = [
        name
        for name, channel in zip(spec.channels, spec.channel_specs, strict=True)
        if channel.time_varying is not None
    ]
    faults = {
        f"`time_varying` of {', '.join(varying)}": bool(varying),
        "`likelihood: student_t`": spec.student_t is not None,
        "`media: pooling`": spec.media.pooling is not None,
        "`geo: {pooling: none}`": spec.geo is not None and spec.geo.pooling == "none",
        "`baseline: {slope: random_walk}`": spec.baseline.slope == "random_walk",
    }
    refused = [words for words, wrong in faults.items() if wrong]
    if refused:
        raise InputError(
            f"model {spec.model}: engine ridge has no {', '.join(refused)}: take it out, or use "
            "`fit: {engine: numpyro}`"
        )
    weeks = int(data["observed"].any("geo").sum())
    if weeks < _FEWEST_WEEKS:
        raise InputError(
            f"model {spec.model}: engine ridge forecasts from {ORIGINS} origins and needs {_FEWEST_WEEKS} weeks "
            f"with a KPI after the media history; there are {weeks}: use a longer table, or `fit: {{engine: numpyro}}`"
        )
