"""The NumPyro model: priors on media and variances, the Gaussian block integrated out.

    kpi_gt / head = level_t + Z_gt c_g + sum_c coefficient_gc * multiplier_ct * response_c(media_gc)_t + noise

Only the media parameters and the variances are sampled, and with them what makes the rest Gaussian: weights of
heavy-tailed noise, treatments with priors of their own.

A further likelihood term, such as a replayed experiment, is a function in `extra_terms` of `Effects` and `ModelArrays`
that returns a log density; what it needs of numbers stands in `ModelArrays.extra`, so that another result compiles
nothing. It works out what a media path would have brought from `effects.parameters`: response of the path by
`mmm_core.model.media.saturated_media`, times multiplier, times coefficient (geo, channel), in units of
`ModelArrays.outcome_value`. Where `geo.effects: normal` are integrated out, the coefficient is the mean over geos, the
same in each, and their spread (`Effects.deviations.sd`) belongs to the term's error if its geos are few; with
`geo.effects: lognormal` the coefficients are the geos' own. Draws of the baseline (for a long-term model) need no
seam: they are `level` + design x `fixed_effect` of a posterior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import xarray as xr
from jax.sharding import PartitionSpec

from mmm_core.errors import InputError
from mmm_core.model.beliefs import BUMP, EffectBelief, effect_beliefs, window_outcome, window_spend
from mmm_core.model.gaussian_block import Deviations, GaussianBlock, gaussian_block, log_likelihood
from mmm_core.model.media import (
    MediaInput,
    MediaLayout,
    MediaModel,
    MediaParameters,
    rows,
    saturated_media,
    spread_over,
)
from mmm_core.priors import Prior, Tables, prior_tables, sample_vector
from mmm_core.spec.model_spec import ModelSpec

Array = Any  # of NumPy when prepared, of JAX inside a program


class ModelArrays(NamedTuple):
    """The numbers a fit is made of; traced, so that another vintage of the same shape compiles nothing."""

    media: MediaInput
    kpi: Array  # (geo, week), scaled, centred by geo, 0 where unobserved
    outcome_value: (
        Array  # (geo, week), outcome of one scaled unit of the linear predictor, see `model_arrays`
    )
    effect_unit: Array  # (geo or 1, channel), outcome that a stated effect of 1 stands for
    block: GaussianBlock
    priors: dict[str, Tables]
    treatment: Array  # (treatment, geo, week): design of the treatments that have priors of their own
    treatment_unit: Array  # (treatment,), scaled effect of one sd of the column that a stated 1 stands for
    knots: Array  # (time-varying channel, week, knot), see `knot_basis`
    extra: Any = ()  # whatever the extra terms read


class Effects(NamedTuple):
    """What a draw of the sampled parameters implies."""

    parameters: MediaParameters  # with the mean coefficient where geo effects are integrated out
    incremental: jax.Array  # (channel,), outcome over the window; to first order for a KPI on the log scale
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
    multiplier_spread: jax.Array | None  # (channel,), 0 where the effect does not vary

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


@dataclass(frozen=True, eq=False)
class Model:
    """A model's structure and priors, apart from its numbers: equal models share compiled programs."""

    spec: ModelSpec
    layout: MediaLayout
    geos: int
    beliefs: tuple[EffectBelief, ...]
    extra_terms: tuple[Callable[[Effects, ModelArrays], jax.Array], ...] = ()

    @classmethod
    def of(cls, data: xr.Dataset, spec: ModelSpec) -> Model:
        """The structure for the arrays of `mmm_core.data.arrays.model_data`."""
        return cls(spec, MediaLayout.of(spec), data.sizes["geo"], effect_beliefs(spec, data))

    @cached_property
    def _structure(self) -> tuple[Any, ...]:
        """What a program depends on: families of priors, not their numbers, which are in the arrays."""
        families = tuple((name, tuple(p.family for p in priors)) for name, priors in self.priors.items())
        kinds = tuple(belief.kind for belief in self.beliefs)
        groups = None if self.groups is None else tuple(self.groups.tolist())
        geos = (self.geos, self.pooled, self.integrates_geos, self.per_geo)
        return self.layout, geos, families, kinds, groups, self._varying, self.extra_terms

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self._structure == other._structure

    def __hash__(self) -> int:
        return hash(self._structure)

    def __call__(self, arrays: ModelArrays) -> Effects:
        """The NumPyro model."""
        effects = self.effects(arrays)
        numpyro.factor("kpi", log_likelihood(arrays.block, **effects.block))
        for position, term in enumerate(self.extra_terms):
            numpyro.factor(f"extra_{position}", term(effects, arrays))
        return effects

    def effects(self, arrays: ModelArrays) -> Effects:
        """Sample the parameters and work out what they imply."""
        priors = self.priors
        shape = {
            name: spread_over(
                sample_vector(name, priors[name], arrays.priors[name]), at, self.layout.channels, np.nan
            )
            for name, at in self.layout.parameters.items()
        }
        effect, correlation = self._effect(arrays)
        sigma = numpyro.sample("sigma", dist.HalfNormal(1.0))
        tau = self._scalar("tau", arrays)
        multiplier, multiplier_spread = self._multiplier(arrays)
        relative, spread = self._geo_effects(arrays)

        def responses(times: float) -> jax.Array:
            response = saturated_media(self.layout, arrays.media, shape, times)
            return response if multiplier is None else response * multiplier.T[:, None, :]

        response = responses(1.0)
        worth = self._worth(response, relative, arrays)
        kinds = np.array([belief.kind for belief in self.beliefs])
        denominator = worth
        if "mroi" in kinds:
            marginal = (self._worth(responses(1 + BUMP), relative, arrays) - worth) / BUMP
            denominator = jnp.where(kinds == "mroi", marginal, worth)
        if self.per_geo:  # a geo may have no media of a channel: it then has no effect either
            safe = jnp.where(denominator > 0, denominator, 1.0)
            ceiling = jnp.where(denominator > 0, effect * arrays.effect_unit / safe, 0.0)
        else:
            ceiling = effect * arrays.effect_unit / denominator
        if "coefficient" in kinds:
            ceiling = jnp.where(kinds == "coefficient", effect, ceiling)
        coefficient = ceiling if relative is None else relative * ceiling
        coefficient = jnp.broadcast_to(coefficient, (self.geos, self.layout.channels))
        residual = arrays.kpi - jnp.sum(response * coefficient.T[:, :, None], axis=0)

        treatment = None
        if "treatment" in priors:
            stated = sample_vector("treatment", priors["treatment"], arrays.priors["treatment"])
            treatment = stated * arrays.treatment_unit
            residual = residual - jnp.tensordot(treatment, arrays.treatment, axes=1)
        deviations = None
        if self.integrates_geos:
            assert spread is not None
            deviations = Deviations(jnp.moveaxis(response, 0, 1), spread * ceiling[0])
        weights, nu = self._noise_weights(arrays)
        return Effects(
            parameters=MediaParameters(shape, coefficient, multiplier),
            incremental=jnp.sum(ceiling * worth, axis=0),
            residual=residual,
            response=response,
            sigma=sigma,
            tau=jnp.zeros(()) if tau is None else tau,
            tau_slope=self._scalar("tau_slope", arrays),
            geo_spread=spread,
            deviations=deviations,
            weights=weights,
            nu=nu,
            treatment=treatment,
            correlation=correlation,
            multiplier_spread=multiplier_spread,
        )

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
            out["treatment"] = [prior for _, prior in _treatment_beliefs(spec)]
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

    @property
    def _varying(self) -> tuple[int, ...]:
        """Positions of the channels with a time-varying effect."""
        return tuple(i for i, channel in enumerate(self.spec.channel_specs) if channel.time_varying)

    def _scalar(self, name: str, arrays: ModelArrays) -> jax.Array | None:
        """A parameter that is a number, where the model has it."""
        if name not in self.priors:
            return None
        return sample_vector(name, self.priors[name], arrays.priors[name])[0]

    def _effect(self, arrays: ModelArrays) -> tuple[jax.Array, jax.Array | None]:
        """Stated effects (geo or 1, channel), and the correlation within groups."""
        priors, tables = self.priors["effect"], arrays.priors["effect"]
        groups = self.groups
        repeat = self.geos if self.per_geo else 1
        if groups is None:
            return sample_vector("effect", priors, tables, repeat), None
        correlation = sample_vector("correlation", self.priors["correlation"], arrays.priors["correlation"])
        at = tuple(np.flatnonzero(groups >= 0).tolist())
        number = groups[list(at)]
        within = rows(correlation, tuple(number.tolist()))[:, None] * (number[:, None] == number)
        standard = numpyro.sample(
            "effect_grouped",
            dist.MultivariateNormal(0.0, jnp.where(np.eye(len(at), dtype=bool), 1.0, within))
            .expand([repeat])
            .to_event(1),
        )
        location, scale = jnp.asarray(arrays.priors["effect_grouped"]["lognormal"]).T
        parts, order = [jnp.exp(location + scale * standard)], at
        alone = tuple(np.flatnonzero(groups < 0).tolist())
        if alone:
            own = [priors[i] for i in alone]
            parts.append(sample_vector("effect", own, arrays.priors["effect_alone"], repeat))
            order += alone
        effect = jnp.concatenate(parts, axis=1)
        return rows(effect.T, tuple(np.argsort(order).tolist())).T, correlation

    def _geo_effects(self, arrays: ModelArrays) -> tuple[jax.Array | None, jax.Array | None]:
        """Effect of each geo and channel relative to the others, (geo, channel), and its spread (channel,)."""
        if not self.pooled:
            return None, None
        spread = sample_vector("geo_spread", self.priors["geo_spread"], arrays.priors["geo_spread"])
        if self.integrates_geos:
            return None, spread
        deviation = numpyro.sample(
            "geo_deviation", dist.Normal(0.0, 1.0).expand([self.geos, self.layout.channels]).to_event(2)
        )
        return jnp.exp(spread * deviation), spread

    def _multiplier(self, arrays: ModelArrays) -> tuple[jax.Array | None, jax.Array | None]:
        """Time-varying multipliers (week, channel), 1 on average over the weeks, and their spread (channel,)."""
        if not self._varying:
            return None, None
        spread = sample_vector(
            "multiplier_spread", self.priors["multiplier_spread"], arrays.priors["multiplier_spread"]
        )
        height = numpyro.sample(
            "multiplier_knot", dist.Normal(0.0, 1.0).expand([arrays.knots.shape[-1]]).to_event(1)
        )
        drift = jnp.exp(spread[:, None] * (arrays.knots @ height))
        drift = drift / drift.mean(axis=1, keepdims=True)
        channels = self.layout.channels
        return (
            spread_over(drift, self._varying, channels, 1.0).T,
            spread_over(spread, self._varying, channels, 0.0),
        )

    def _noise_weights(self, arrays: ModelArrays) -> tuple[jax.Array | None, jax.Array | None]:
        """Precisions of a scale mixture of normals, which make the noise Student-t."""
        if self.spec.student_t is None:
            return None, None
        nu = sample_vector("nu", self.priors["nu"], arrays.priors["nu"])[0]
        weights = numpyro.sample(
            "noise_weight", dist.Gamma(nu / 2, nu / 2).expand(arrays.kpi.shape).to_event(2)
        )
        return weights, nu

    def _worth(self, response: jax.Array, relative: jax.Array | None, arrays: ModelArrays) -> jax.Array:
        """Outcome of a ceiling of 1, (geo or 1, channel): of each geo where each has a prior of its own."""
        if self.per_geo:
            return jnp.einsum("cgt,gt->gc", response, arrays.outcome_value)
        if relative is None:
            return jnp.einsum("cgt,gt->c", response, arrays.outcome_value)[None]
        return jnp.einsum("cgt,gt,gc->c", response, arrays.outcome_value, relative)[None]


def model_arrays(data: xr.Dataset, spec: ModelSpec) -> ModelArrays:
    """The numbers of a fit, from the arrays of `mmm_core.data.arrays.model_data`.

    A prior on ROI or contribution becomes one on a coefficient through `outcome_value`. On the log scale an effect
    multiplies, and what one brings depends on all others: there the statement is of a small effect on the KPI as it
    was.

    Raises:
        InputError: a contribution prior on a treatment that is above its baseline value as much as below.
    """
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
        outcome.sum() / _net(column * outcome_value, name) if kind == "contribution" else 1.0
        for name, column, (kind, _) in zip(
            spec.sampled_treatments, treatment, _treatment_beliefs(spec), strict=True
        )
    ]
    integrated = integrated_terms(data, spec)
    # where a matrix over the geos' effects costs as much as one over the weeks
    many = model.integrates_geos and len(kpi) * len(spec.channels) > kpi.shape[1]
    return ModelArrays(
        media=media.inputs(data["exposure"].to_numpy(), window=data.sizes["week"]),
        kpi=per_head,
        outcome_value=outcome_value,
        effect_unit=unit,
        block=gaussian_block(
            design[..., integrated],
            observed,
            data["design_prior_sd"].to_numpy()[integrated],
            varying=many or spec.student_t is not None,
            slope=spec.baseline.slope == "random_walk",
        ),
        priors=priors,
        treatment=treatment,
        treatment_unit=np.array(treatment_unit),
        knots=knot_basis(data.sizes["week"], spec),
    )


def _treatment_beliefs(spec: ModelSpec) -> list[tuple[str, Prior]]:
    """What the prior of each sampled treatment is on, and the prior."""
    out: list[tuple[str, Prior]] = []
    for name in spec.sampled_treatments:
        stated = spec.treatments[name].prior
        assert stated is not None
        for kind in ("contribution", "coefficient"):
            prior = getattr(stated, kind)
            if prior is not None:
                out.append((kind, prior))
    return out


def _net(weekly: np.ndarray, name: str) -> float:
    """What a treatment's effect of 1 adds up to; what is above the baseline value may not cancel what is below."""
    total = float(weekly.sum())
    if abs(total) < 0.1 * float(np.abs(weekly).sum()):
        raise InputError(
            f"treatment {name}: weeks above its baseline value cancel those below, so that a share of the outcome says "
            "nothing of its effect: state `prior: {coefficient: ...}`, or another baseline"
        )
    return total


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
    """Smooth weights (channel, week, knot) of independent standard normals, one for each knot of each channel.

    In every week their weighted sum has variance 1, so that a channel's spread is what its specification says it is.
    """
    varying = [c.time_varying.every for c in spec.channel_specs if c.time_varying]
    counts = [int(np.ceil((weeks - 1) / every)) + 1 for every in varying]
    ends = np.cumsum(counts, dtype=int)
    basis = np.zeros((len(varying), weeks, sum(counts)))
    for i, (every, count, end) in enumerate(zip(varying, counts, ends, strict=True)):
        distance = (np.arange(weeks)[:, None] - every * np.arange(count)) / every
        weight = np.exp(-0.5 * (distance / 0.7) ** 2)
        basis[i, :, end - count : end] = weight / np.sqrt((weight**2).sum(1, keepdims=True))
    return basis


def spread_over_geos(arrays: ModelArrays, model: Model) -> ModelArrays:
    """For each array the axis that several devices share out between them, as PartitionSpecs."""
    spread = jax.tree.map(lambda _: PartitionSpec(), arrays)
    first, second = PartitionSpec("geo"), PartitionSpec(None, "geo")
    return spread._replace(
        media=MediaInput(PartitionSpec(None, None, "geo"), second, second),
        kpi=first,
        outcome_value=first,
        effect_unit=first if model.per_geo else PartitionSpec(),
        treatment=second,
        block=spread.block._replace(observed=first, whitener=first, terms=first, precision_root=first),
    )
