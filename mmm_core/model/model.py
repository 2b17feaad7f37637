"""The NumPyro model: priors on media and variances, the Gaussian block integrated out.

    kpi_gt / head = level_t + Z_gt c_g + sum_c coefficient_gc * multiplier_ct * response_c(media_gc)_t + noise

Only the media parameters and the variances are sampled, and with them what makes the rest Gaussian: weights of
heavy-tailed noise, treatments with priors of their own.

Lift tests are replayed in the likelihood, see `mmm_core.model.replay`. Any further term is a `LikelihoodTerm`: a log
density of `Effects`, the `ModelArrays` and numbers of its own, which are arguments of the compiled program, so that
other numbers need no compilation. The weekly arrays of `Effects` and `ModelArrays` may go on past the table's weeks: a
path of the table's weeks is compared with their first ones. Where `geo.effects: normal` are integrated out, the
coefficient is the mean over geos, the same in each. Draws of the baseline (for a long-term model) need no term: they
are `level` + design x `fixed_effect` of a posterior.
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

from mmm_core.model.beliefs import BUMP, EffectBelief, effect_beliefs, treatment_beliefs
from mmm_core.model.exchangeable import Exchangeable
from mmm_core.model.gaussian_block import Deviations, GaussianBlock, log_likelihood
from mmm_core.model.media import (
    MediaInput,
    MediaLayout,
    MediaParameters,
    rows,
    saturated_media,
    spread_over,
)
from mmm_core.model.replay import (
    Replay,
    ReplayNumbers,
    changed_response,
    log_density,
    rows_of_deviations,
    scale_of_rows,
)
from mmm_core.priors import Prior, Tables, sample_vector
from mmm_core.spec.model_spec import ModelSpec

Array = Any  # of NumPy when prepared, of JAX inside a program


class ModelArrays(NamedTuple):
    """The numbers a fit is made of: arguments of the compiled programs, so that another vintage of the same shape runs
    the programs that there are.

    Weeks are the table's, and may be followed by some that only fill the arrays up, see `mmm_core.model.prepare`.
    """

    media: MediaInput
    kpi: Array  # (geo, week), scaled, centred by geo, 0 where unobserved
    modelled: Array  # (week,), 1 in the table's weeks, 0 in those that fill the arrays up
    outcome_value: Array  # (geo, week), outcome of one scaled unit of the linear predictor, see `prepare`
    effect_unit: Array  # (geo or 1, channel), outcome that a stated effect of 1 stands for
    block: GaussianBlock
    priors: dict[str, Tables]
    treatment: Array  # (treatment, geo, week): design of the treatments that have priors of their own
    treatment_unit: Array  # (treatment,), scaled effect of one sd of the column that a stated 1 stands for
    knots: Array  # (time-varying channel, week, knot), see `knot_basis`
    extra: tuple[Any, ...] = ()  # the numbers of each further likelihood term
    replay: ReplayNumbers | None = None  # of the lift tests


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


TermDensity = Callable[[Effects, ModelArrays, Any], jax.Array]
"""Log density () of a likelihood term, given the numbers of that term."""


class LikelihoodTerm(NamedTuple):
    """A further factor of the likelihood, beside the KPI and the lift tests.

    Attributes:
        name: what messages call it.
        log_density: hashable, and equal to another where the program is the same: equal terms share compiled programs.
        numbers: a pytree of arrays that `log_density` is given.
    """

    name: str
    log_density: TermDensity
    numbers: Any = ()


@dataclass(frozen=True, eq=False)
class Model:
    """A model's structure and priors, apart from its numbers: equal models share compiled programs.

    Made with its numbers by `mmm_core.model.prepare.prepare`.
    """

    spec: ModelSpec
    layout: MediaLayout
    geos: int
    beliefs: tuple[EffectBelief, ...]
    extra_terms: tuple[TermDensity, ...] = ()
    replay: Replay | None = None

    @classmethod
    def of(
        cls,
        data: xr.Dataset,
        spec: ModelSpec,
        extra_terms: tuple[TermDensity, ...] = (),
        replay: Replay | None = None,
    ) -> Model:
        """The structure for the arrays of `mmm_core.data.arrays.model_data`."""
        return cls(
            spec, MediaLayout.of(spec), data.sizes["geo"], effect_beliefs(spec, data), extra_terms, replay
        )

    @cached_property
    def _structure(self) -> tuple[Any, ...]:
        """What a program depends on: families of priors, not their numbers, which are in the arrays."""
        families = tuple((name, tuple(p.family for p in priors)) for name, priors in self.priors.items())
        kinds = tuple(belief.kind for belief in self.beliefs)
        groups = None if self.groups is None else tuple(self.groups.tolist())
        geos = (self.geos, self.pooled, self.integrates_geos, self.per_geo)
        return self.layout, geos, families, kinds, groups, self._varying, self.extra_terms, self.replay

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self._structure == other._structure

    def __hash__(self) -> int:
        return hash(self._structure)

    def __call__(self, arrays: ModelArrays) -> Effects:
        """The NumPyro model."""
        effects = self.effects(arrays)
        numpyro.factor("kpi", log_likelihood(arrays.block, **effects.block))
        for position, (term, numbers) in enumerate(zip(self.extra_terms, arrays.extra, strict=True)):
            numpyro.factor(f"extra_{position}", term(effects, arrays, numbers))
        if self.replay is not None and arrays.replay is not None:
            numpyro.factor("lift_tests", self._of_tests(self.replay, effects, arrays.replay))
        return effects

    def effects(self, arrays: ModelArrays) -> Effects:
        """Sample the parameters and work out what they imply."""
        shape = self._shape(arrays)
        stated, correlation = self.stated_effects(arrays)
        sigma = numpyro.sample("sigma", dist.HalfNormal(1.0))
        tau = self._scalar("tau", arrays)
        multiplier, multiplier_spread = self._multiplier(arrays)
        relative, spread = self._geo_effects(arrays)

        response = self._response(shape, multiplier, arrays)
        worth = self._worth(response, relative, arrays)
        if "mroi" in self._kinds:
            more = self._response(shape, multiplier, arrays, 1 + BUMP)
            marginal = (self._worth(more, relative, arrays) - worth) / BUMP
        else:
            marginal = worth
        ceiling = self._ceiling(stated, worth, marginal, arrays)
        coefficient = ceiling if relative is None else relative * ceiling
        coefficient = jnp.broadcast_to(coefficient, (self.geos, self.layout.channels))
        if self.integrates_geos:  # the same in every geo: one matrix product
            residual = arrays.kpi - jnp.tensordot(ceiling[0], response, axes=1)
        else:
            residual = arrays.kpi - jnp.sum(response * coefficient.T[:, :, None], axis=0)
        treatment = self._treatment(arrays)
        if treatment is not None:
            residual = residual - jnp.tensordot(treatment, arrays.treatment, axes=1)
        deviations = None
        if self.integrates_geos:
            assert spread is not None
            measured = None
            if self.replay is not None and arrays.replay is not None:
                change = changed_response(self.replay, arrays.replay, shape, multiplier)
                measured = rows_of_deviations(self.replay, arrays.replay, change, coefficient)
            deviations = Deviations(jnp.moveaxis(response, 0, 1), spread * ceiling[0], measured)
        weights, nu = self.noise_weights(arrays)
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
            out["treatment"] = [prior for _, prior in treatment_beliefs(spec)]
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

    @property
    def _kinds(self) -> np.ndarray:
        """What each channel's belief is on, (channel,)."""
        return np.array([belief.kind for belief in self.beliefs])

    def _of_tests(self, plan: Replay, effects: Effects, numbers: ReplayNumbers) -> jax.Array:
        """Log density of the lift tests; where they are rows of the integrated block, what that leaves out."""
        if self.integrates_geos:
            return scale_of_rows(numbers)
        parameters = effects.parameters
        change = changed_response(plan, numbers, parameters.shape, parameters.multiplier)
        return log_density(plan, numbers, change, parameters.coefficient)

    def _scalar(self, name: str, arrays: ModelArrays) -> jax.Array | None:
        """A parameter that is a number, where the model has it."""
        if name not in self.priors:
            return None
        return sample_vector(name, self.priors[name], arrays.priors[name])[0]

    def _shape(self, arrays: ModelArrays) -> dict[str, jax.Array]:
        """Parameters of adstock and saturation by name, (channel,) each, nan for channels without."""
        priors = self.priors
        return {
            name: spread_over(
                sample_vector(name, priors[name], arrays.priors[name]),
                channels,
                self.layout.channels,
                np.nan,
            )
            for name, channels in self.layout.parameters.items()
        }

    def stated_effects(self, arrays: ModelArrays) -> tuple[jax.Array, jax.Array | None]:
        """Sample what the beliefs are on, (geo or 1, channel), and the correlation within groups (group,)."""
        priors, tables = self.priors["effect"], arrays.priors["effect"]
        groups = self.groups
        repeat = self.geos if self.per_geo else 1
        if groups is None:
            return sample_vector("effect", priors, tables, repeat), None
        correlation = sample_vector("correlation", self.priors["correlation"], arrays.priors["correlation"])
        grouped = tuple(np.flatnonzero(groups >= 0).tolist())
        number = tuple(groups[list(grouped)].tolist())
        standard = numpyro.sample(
            "effect_grouped", Exchangeable(correlation, number).expand([repeat]).to_event(1)
        )
        location, scale = jnp.asarray(arrays.priors["effect_grouped"]["lognormal"]).T
        parts, order = [jnp.exp(location + scale * standard)], grouped
        alone = tuple(np.flatnonzero(groups < 0).tolist())
        if alone:
            apart = [priors[channel] for channel in alone]
            parts.append(sample_vector("effect", apart, arrays.priors["effect_alone"], repeat))
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
        drift = drift / (drift @ arrays.modelled / arrays.modelled.sum())[:, None]
        channels = self.layout.channels
        return (
            spread_over(drift, self._varying, channels, 1.0).T,
            spread_over(spread, self._varying, channels, 0.0),
        )

    def noise_weights(self, arrays: ModelArrays) -> tuple[jax.Array | None, jax.Array | None]:
        """Sample the precisions (geo, week) of a scale mixture of normals, which make the noise Student-t, and nu."""
        if self.spec.student_t is None:
            return None, None
        nu = sample_vector("nu", self.priors["nu"], arrays.priors["nu"])[0]
        weights = numpyro.sample(
            "noise_weight", dist.Gamma(nu / 2, nu / 2).expand(arrays.kpi.shape).to_event(2)
        )
        return weights, nu

    def _treatment(self, arrays: ModelArrays) -> jax.Array | None:
        """Sample the scaled effect of one sd of each treatment that has a prior of its own, (treatment,)."""
        if "treatment" not in self.priors:
            return None
        stated = sample_vector("treatment", self.priors["treatment"], arrays.priors["treatment"])
        return stated * arrays.treatment_unit

    def _response(
        self,
        shape: dict[str, jax.Array],
        multiplier: jax.Array | None,
        arrays: ModelArrays,
        times: float = 1.0,
    ) -> jax.Array:
        """Response (channel, geo, week) to so many times the media, before the coefficient."""
        response = saturated_media(self.layout, arrays.media, shape, times)
        return response if multiplier is None else response * multiplier.T[:, None, :]

    def _worth(self, response: jax.Array, relative: jax.Array | None, arrays: ModelArrays) -> jax.Array:
        """Outcome of a ceiling of 1, (geo or 1, channel): of each geo where each has a prior of its own."""
        if self.per_geo:
            return jnp.einsum("cgt,gt->gc", response, arrays.outcome_value)
        if relative is None:
            return jnp.einsum("cgt,gt->c", response, arrays.outcome_value)[None]
        return jnp.einsum("cgt,gt,gc->c", response, arrays.outcome_value, relative)[None]

    def _ceiling(
        self, stated: jax.Array, worth: jax.Array, marginal: jax.Array, arrays: ModelArrays
    ) -> jax.Array:
        """The coefficients (geo or 1, channel) that give the stated effects.

        Args:
            worth, marginal: outcome (geo or 1, channel) of a coefficient of 1, and of the last bit of media with it.
        """
        kinds, denominator = self._kinds, worth
        if "mroi" in kinds:
            denominator = jnp.where(kinds == "mroi", marginal, worth)
        if self.per_geo:  # a geo may have no media of a channel: it then has no effect either
            safe = jnp.where(denominator > 0, denominator, 1.0)
            ceiling = jnp.where(denominator > 0, stated * arrays.effect_unit / safe, 0.0)
        else:
            ceiling = stated * arrays.effect_unit / denominator
        return jnp.where(kinds == "coefficient", stated, ceiling) if "coefficient" in kinds else ceiling
