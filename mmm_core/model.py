"""The NumPyro model: priors on media and variances, the Gaussian block integrated out.

    kpi_gt / head = level_t + Z_gt c_g + sum_c coefficient_gc * multiplier_ct * response_c(media_gc)_t + noise

Only the media parameters and the variances are sampled, and with them what makes the rest Gaussian: weights of
heavy-tailed noise, treatments with priors of their own. A further likelihood term (a replayed experiment, say) is one
more `numpyro.factor` on `Effects`, which the model hands to `extra_terms`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import xarray as xr

from mmm_core.effect_priors import EffectBelief, effect_beliefs, window_outcome, window_spend
from mmm_core.gaussian_block import Deviations, GaussianBlock, gaussian_block, log_likelihood
from mmm_core.media import MediaInput, MediaLayout, MediaModel, MediaParameters, saturated_media
from mmm_core.priors import Prior, Tables, prior_tables, sample_vector
from mmm_core.spec import ModelSpec

# Relative increase of media behind a prior on the marginal ROI.
BUMP = 0.01


class ModelArrays(NamedTuple):
    """The numbers a fit is made of; traced, so that another vintage of the same shape compiles nothing."""

    media: MediaInput
    kpi: jax.Array  # (geo, week), scaled, centred by geo, 0 where unobserved
    outcome_value: jax.Array  # (geo, week), outcome of one scaled unit of the linear predictor
    effect_unit: jax.Array  # (geo or 1, channel), outcome that a stated effect of 1 stands for
    block: GaussianBlock
    priors: dict[str, Tables]
    treatment: jax.Array  # (treatment, geo, week): design of the treatments that have priors of their own
    treatment_unit: (
        jax.Array
    )  # (treatment,): scaled effect of one sd of the column that a stated 1 stands for
    knots: jax.Array  # (time-varying channel, week, knot)


class Effects(NamedTuple):
    """What a draw of the sampled parameters implies."""

    parameters: MediaParameters  # with the mean coefficient where geo effects are integrated out
    incremental: jax.Array  # (channel,), outcome over the window
    residual: jax.Array  # (geo, week), scaled KPI less media and sampled treatments
    response: jax.Array  # (channel, geo, week), before the coefficient
    sigma: jax.Array
    tau: jax.Array
    tau_slope: jax.Array | None
    geo_spread: jax.Array | None  # (channel,)
    deviations: Deviations | None  # geo effects that the Gaussian block integrates out
    weights: jax.Array | None  # (geo, week), precision of heavy-tailed noise
    nu: jax.Array | None
    treatment: jax.Array | None  # (treatment,), scaled effect of one sd
    correlation: jax.Array | None  # of channels of a group

    @property
    def block(self) -> dict[str, Any]:
        """What the Gaussian block needs to know, by the names of its functions."""
        return {
            "residual": self.residual,
            "sigma": self.sigma,
            "tau": self.tau,
            "deviations": self.deviations,
            "weights": self.weights,
            "tau_slope": self.tau_slope,
        }


@dataclass(frozen=True)
class Model:
    """A model's structure and priors, apart from its numbers."""

    spec: ModelSpec
    layout: MediaLayout
    geos: int
    beliefs: tuple[EffectBelief, ...]
    extra_terms: tuple[Callable[[Effects, ModelArrays], jax.Array], ...] = ()

    def __hash__(self) -> int:
        return hash((self.spec.spec_hash, self.layout, self.geos, self.extra_terms))

    @classmethod
    def of(cls, data: xr.Dataset, spec: ModelSpec) -> Model:
        """The structure for the arrays of `mmm_core.data.model_data`."""
        return cls(spec, MediaLayout.of(spec), data.sizes["geo"], effect_beliefs(spec, data))

    def __call__(self, arrays: ModelArrays) -> Effects:
        """The NumPyro model."""
        effects = self.effects(arrays)
        numpyro.factor("kpi", log_likelihood(arrays.block, **effects.block))
        for position, term in enumerate(self.extra_terms):
            numpyro.factor(f"extra_{position}", term(effects, arrays))
        return effects

    def effects(self, arrays: ModelArrays) -> Effects:
        """Sample the parameters and work out what they imply."""
        spec, priors = self.spec, self.priors
        shape = {
            name: self._at(sample_vector(name, priors[name], arrays.priors[name]), positions)
            for name, positions in self.layout.parameters.items()
        }
        effect, correlation = self._effect(arrays)
        sigma = numpyro.sample("sigma", dist.HalfNormal(1.0))
        tau, tau_slope = jnp.zeros(()), None
        if spec.baseline.level == "random_walk":
            tau = sample_vector("tau", priors["tau"], arrays.priors["tau"])[0]
        if spec.baseline.slope == "random_walk":
            tau_slope = sample_vector("tau_slope", priors["tau_slope"], arrays.priors["tau_slope"])[0]

        multiplier = self._multiplier(arrays)

        def responses(media: MediaInput) -> jax.Array:
            response = saturated_media(self.layout, media, shape)
            return response if multiplier is None else response * multiplier.T[:, None, :]

        response = responses(arrays.media)
        worth = self._worth(response, arrays)
        relative, spread = self._geo_effects(arrays)
        total = self._sum_geos(worth * relative)
        stated = [belief.kind for belief in self.beliefs]
        denominator = total
        if "mroi" in stated:
            more = responses(self._bumped(arrays.media))
            marginal = (self._sum_geos(self._worth(more, arrays) * relative) - total) / BUMP
            denominator = jnp.where(np.array(stated) == "mroi", marginal, total)
        direct = np.array(stated) == "coefficient"
        denominator = jnp.where(direct | (denominator <= 0), 1.0, denominator)
        ceiling = jnp.where(
            direct, effect, jnp.where(total > 0, effect * arrays.effect_unit / denominator, 0.0)
        )
        coefficient = relative * ceiling
        incremental = jnp.sum(ceiling * total, axis=0)
        residual = arrays.kpi - jnp.sum(response * coefficient.T[:, :, None], axis=0)

        treatment = None
        if "treatment" in priors:
            stated_effect = sample_vector("treatment", priors["treatment"], arrays.priors["treatment"])
            treatment = stated_effect * arrays.treatment_unit
            residual = residual - jnp.tensordot(treatment, arrays.treatment, axes=1)
        deviations = None
        if self.integrates_geos:
            assert spread is not None
            deviations = Deviations(jnp.moveaxis(response, 0, 1), spread * ceiling[0])
        weights, nu = self._noise_weights(arrays)
        parameters = MediaParameters(shape, coefficient, multiplier)
        return Effects(
            parameters, incremental, residual, response, sigma, tau, tau_slope, spread, deviations, weights, nu,
            treatment, correlation,
        )  # fmt: skip

    @property
    def pooled(self) -> bool:
        """Whether the effects of geos vary around a common one."""
        return self.spec.geo is not None and self.spec.geo.pooling == "partial" and self.geos > 1

    @property
    def integrates_geos(self) -> bool:
        """Whether the effects of geos are part of the Gaussian block."""
        return self.pooled and self.spec.geo is not None and self.spec.geo.effects == "normal"

    @property
    def per_geo(self) -> bool:
        """Whether every geo has effects of its own, with the stated priors each."""
        return self.spec.geo is not None and self.spec.geo.pooling == "none" and self.geos > 1

    @property
    def priors(self) -> dict[str, list[Prior]]:
        """The priors of every vector the model samples, by site."""
        spec, layout = self.spec, self.layout
        channels = spec.channel_specs
        both = [{**c.adstock.parameters, **c.saturation.parameters} for c in channels]
        out = {
            name: [both[position][name] for position in positions]
            for name, positions in layout.parameters.items()
        }
        out["effect"] = [belief.prior for belief in self.beliefs]
        if spec.baseline.level == "random_walk":
            out["tau"] = [spec.baseline.level_sd]
        if spec.baseline.slope == "random_walk":
            out["tau_slope"] = [spec.baseline.slope_sd]
        if self.pooled and spec.geo is not None:
            out["geo_spread"] = [spec.geo.spread] * len(channels)
        if any(c.time_varying for c in channels):
            out["multiplier_spread"] = [c.time_varying.spread for c in channels if c.time_varying]
        if spec.student_t is not None:
            out["nu"] = [spec.student_t.nu]
        if spec.sampled_treatments:
            out["treatment"] = [
                prior.contribution or prior.coefficient or _NEVER
                for prior in (spec.treatments[name].prior for name in spec.sampled_treatments)
                if prior is not None
            ]
        if self.groups is not None:
            assert spec.media.pooling is not None
            out["correlation"] = [spec.media.pooling.correlation] * (int(self.groups.max()) + 1)
        return out

    @property
    def groups(self) -> np.ndarray | None:
        """Number of the group of each channel, -1 for one that is alone; None without pooling."""
        if self.spec.media.pooling is None:
            return None
        names = [channel.group for channel in self.spec.channel_specs]
        shared = sorted({name for name in names if name is not None and names.count(name) > 1})
        return np.array([shared.index(name) if name in shared else -1 for name in names]) if shared else None

    def _effect(self, arrays: ModelArrays) -> tuple[jax.Array, jax.Array | None]:
        """Stated effects (geo or 1, channel), and the correlation within groups."""
        priors, tables = self.priors["effect"], arrays.priors["effect"]
        groups = self.groups
        repeat = self.geos if self.per_geo else 1
        if groups is None:
            return sample_vector("effect", priors, tables, repeat), None
        correlation = sample_vector("correlation", self.priors["correlation"], arrays.priors["correlation"])
        at = np.flatnonzero(groups >= 0)
        same = groups[at][:, None] == groups[at][None, :]
        within = correlation[groups[at]][:, None] * same
        covariance = jnp.where(np.eye(len(at), dtype=bool), 1.0, within)
        standard = numpyro.sample(
            "effect_grouped", dist.MultivariateNormal(0.0, covariance).expand([repeat]).to_event(1)
        )
        location = arrays.priors["effect_grouped"]["lognormal"]
        effect = jnp.zeros((repeat, len(priors)))
        effect = effect.at[:, at].set(jnp.exp(location[:, 0] + location[:, 1] * standard))
        alone = np.flatnonzero(groups < 0)
        if len(alone):
            own = sample_vector("effect", [priors[i] for i in alone], arrays.priors["effect_alone"], repeat)
            effect = effect.at[:, alone].set(own)
        return effect, correlation

    def _geo_effects(self, arrays: ModelArrays) -> tuple[jax.Array, jax.Array | None]:
        """Effect of each geo and channel relative to the others, (geo, channel), and its spread."""
        channels = len(self.spec.channels)
        if not self.pooled:
            return jnp.ones((self.geos, channels)), None
        spread = sample_vector("geo_spread", self.priors["geo_spread"], arrays.priors["geo_spread"])
        if self.integrates_geos:
            return jnp.ones((self.geos, channels)), spread
        deviation = numpyro.sample(
            "geo_deviation", dist.Normal(0.0, 1.0).expand([self.geos, channels]).to_event(2)
        )
        return jnp.exp(spread * deviation), spread

    def _multiplier(self, arrays: ModelArrays) -> jax.Array | None:
        """Time-varying multipliers (week, channel), 1 on average over the weeks."""
        if "multiplier_spread" not in self.priors:
            return None
        varying = np.flatnonzero([c.time_varying is not None for c in self.spec.channel_specs])
        spread = sample_vector(
            "multiplier_spread", self.priors["multiplier_spread"], arrays.priors["multiplier_spread"]
        )
        _, weeks, knots = arrays.knots.shape
        height = numpyro.sample(
            "multiplier_knot", dist.Normal(0.0, 1.0).expand([len(varying), knots]).to_event(2)
        )
        drift = jnp.exp(spread[:, None] * jnp.einsum("cwk,ck->cw", arrays.knots, height))
        drift = drift / drift.mean(axis=1, keepdims=True)
        return jnp.ones((weeks, self.layout.channels)).at[:, varying].set(drift.T)

    def _noise_weights(self, arrays: ModelArrays) -> tuple[jax.Array | None, jax.Array | None]:
        """Precisions of a scale mixture of normals, which make the noise Student-t."""
        if self.spec.student_t is None:
            return None, None
        nu = sample_vector("nu", self.priors["nu"], arrays.priors["nu"])[0]
        weights = numpyro.sample(
            "noise_weight", dist.Gamma(nu / 2, nu / 2).expand(arrays.kpi.shape).to_event(2)
        )
        return weights, nu

    def _worth(self, response: jax.Array, arrays: ModelArrays) -> jax.Array:
        """Outcome of a coefficient of 1, (geo, channel)."""
        return jnp.einsum("cgt,gt->gc", response, arrays.outcome_value)

    def _sum_geos(self, values: jax.Array) -> jax.Array:
        return values if self.per_geo else jnp.sum(values, axis=0, keepdims=True)

    def _bumped(self, media: MediaInput) -> MediaInput:
        """Media with 1 % more of everything; of reach and frequency, more reach."""
        by_reach = np.array(
            [
                bool(channel.frequency)
                for channel, first in zip(self.spec.channel_specs, self.layout.saturated_first, strict=True)
                if first
            ]
        )[:, None, None]
        more = 1 + BUMP
        reach = jnp.where(by_reach, media.reach * more, media.reach)
        raw = jnp.where(by_reach, media.raw, media.raw * more)
        return MediaInput(media.lagged * more, reach, raw)

    def _at(self, values: jax.Array, positions: tuple[int, ...]) -> jax.Array:
        """A parameter of some channels as one of all, nan for those without it."""
        if len(positions) == self.layout.channels:
            return values
        return jnp.full(self.layout.channels, jnp.nan).at[np.array(positions)].set(values)


_NEVER = Prior.model_validate(0.0)


def model_arrays(data: xr.Dataset, spec: ModelSpec) -> ModelArrays:
    """The numbers of a fit, from the arrays of `mmm_core.data.model_data`."""
    model, media = Model.of(data, spec), MediaModel.of(data, spec)
    observed = data["observed"].to_numpy()
    kpi = data["kpi"].to_numpy()
    value = data["revenue_per_kpi"].to_numpy()
    per_head = scaled_kpi(data, spec)
    outcome_value = value * media.unit[:, None]
    if spec.kpi.scale == "log":  # of a small effect, at the KPI as it was
        mean = np.nanmean(np.where(observed, kpi, np.nan), axis=1, keepdims=True)
        outcome_value = outcome_value * np.where(observed, kpi, mean)
    outcome, spend = window_outcome(data), window_spend(data)
    if not model.per_geo:
        outcome, spend = outcome.sum(keepdims=True), spend.sum(0, keepdims=True)
    unit = np.ones((len(outcome), len(spec.channels)))
    for i, belief in enumerate(model.beliefs):
        if belief.kind in ("roi", "mroi"):
            unit[:, i] = spend[:, i]
        elif belief.kind == "contribution":
            unit[:, i] = outcome
    priors = {name: prior_tables(stated) for name, stated in model.priors.items()}
    if model.groups is not None:
        of = model.priors["effect"]
        priors["effect_grouped"] = prior_tables([of[i] for i in np.flatnonzero(model.groups >= 0)])
        priors["effect_alone"] = prior_tables([of[i] for i in np.flatnonzero(model.groups < 0)])
    terms = [str(term) for term in data["term"].to_numpy()]
    sampled = [terms.index(name) for name in spec.sampled_treatments]
    design = data["design"].to_numpy()
    treatment = np.moveaxis(design[..., sampled], -1, 0)
    treatment_unit = [
        outcome.sum() / (column * outcome_value).sum() if _of(spec, name).contribution else 1.0
        for name, column in zip(spec.sampled_treatments, treatment, strict=True)
    ]
    integrated = integrated_terms(data, spec)
    return ModelArrays(
        media=media.inputs(data["exposure"].to_numpy(), window=data.sizes["week"]),
        kpi=jnp.asarray(per_head),
        outcome_value=jnp.asarray(outcome_value),
        effect_unit=jnp.asarray(unit),
        block=gaussian_block(
            design[..., integrated],
            observed,
            data["design_prior_sd"].to_numpy()[integrated],
            varying=model.integrates_geos or spec.student_t is not None,
            slope=spec.baseline.slope == "random_walk",
        ),
        priors=priors,
        treatment=jnp.asarray(treatment),
        treatment_unit=jnp.asarray(np.array(treatment_unit)),
        knots=jnp.asarray(knot_basis(data.sizes["week"], spec)),
    )


def _of(spec: ModelSpec, treatment: str) -> Any:
    return spec.treatments[treatment].prior


def integrated_terms(data: xr.Dataset, spec: ModelSpec) -> list[int]:
    """Positions of the design's terms whose coefficients the Gaussian block integrates out."""
    return [i for i, term in enumerate(data["term"].to_numpy()) if str(term) not in spec.sampled_treatments]


def scaled_kpi(data: xr.Dataset, spec: ModelSpec) -> np.ndarray:
    """KPI per head, or its logarithm, centred by geo in scaled units, (geo, week); 0 where unobserved."""
    observed = data["observed"].to_numpy()
    per_head = data["kpi"].to_numpy() / data["population"].to_numpy()[:, None]
    if spec.kpi.scale == "log":
        per_head = np.log(np.where(observed, per_head, 1.0))
    scaled = per_head / float(data["kpi_scale"]) - data["kpi_centre"].to_numpy()[:, None]
    return np.where(observed, scaled, 0.0)


def knot_basis(weeks: int, spec: ModelSpec) -> np.ndarray:
    """Smooth weights of a time-varying channel's knots in every week, (channel, week, knot), summing to 1 a week."""
    varying = [c.time_varying.every for c in spec.channel_specs if c.time_varying]
    if not varying:
        return np.zeros((0, weeks, 0))
    counts = [int(np.ceil((weeks - 1) / every)) + 1 for every in varying]
    basis = np.zeros((len(varying), weeks, max(counts)))
    for i, (every, count) in enumerate(zip(varying, counts, strict=True)):
        distance = (np.arange(weeks)[:, None] - every * np.arange(count)) / every
        weight = np.exp(-0.5 * (distance / 0.7) ** 2)
        basis[i, :, :count] = weight / weight.sum(1, keepdims=True)
    return basis
