"""The NumPyro model: priors on media and variances, the Gaussian block integrated out.

    kpi_gt / head = level_t + Z_gt c_g + sum_c coefficient_gc * saturation_c(adstock_c(media_gc))_t + noise

Only the media parameters, sigma and tau are sampled. A further likelihood term (a replayed experiment, say) is one more
`numpyro.factor` on `Effects`, which the model hands to `extra_terms`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import xarray as xr

from mmm_core.gaussian_block import GaussianBlock, gaussian_block, log_likelihood
from mmm_core.media import MediaLayout, MediaModel, MediaParameters, saturated_media
from mmm_core.priors import Prior, sample_vector
from mmm_core.spec import ModelSpec

# Prior of the log-scale spread of a channel's effect over geos, mean 0.2. Its density is 0 at 0, as Chung et al. (2013)
# advise for hierarchical scales: effects are never exactly equal, and the sampler is spared a funnel.
GEO_SPREAD = (2.0, 10.0)


class ModelArrays(NamedTuple):
    """The numbers a fit is made of; traced, so that another vintage of the same shape compiles nothing."""

    media: jax.Array  # (channel, lag, geo, week), scaled
    kpi: jax.Array  # (geo, week), scaled, centred by geo, 0 where unobserved
    outcome_value: jax.Array  # (geo, week), revenue of one scaled KPI per head
    effect_unit: jax.Array  # (channel,), revenue that a stated effect of 1 stands for
    block: GaussianBlock


class Effects(NamedTuple):
    """What a draw of the sampled parameters implies."""

    parameters: MediaParameters
    incremental: jax.Array  # (channel,), revenue over the window
    residual: jax.Array  # (geo, week), scaled KPI less media
    sigma: jax.Array
    tau: jax.Array
    geo_spread: jax.Array | None  # (channel,)


@dataclass(frozen=True)
class Model:
    """A model's structure and priors, apart from its numbers."""

    spec: ModelSpec
    layout: MediaLayout
    geos: int
    extra_terms: tuple[Callable[[Effects, ModelArrays], jax.Array], ...] = ()

    def __hash__(self) -> int:
        return hash((self.spec.spec_hash, self.layout, self.geos, self.extra_terms))

    @classmethod
    def of(cls, data: xr.Dataset, spec: ModelSpec) -> Model:
        """The structure for the arrays of `mmm_core.data.model_data`."""
        return cls(spec, MediaLayout.of(spec), data.sizes["geo"])

    def __call__(self, arrays: ModelArrays) -> Effects:
        """The NumPyro model."""
        effects = self.effects(arrays)
        numpyro.factor("kpi", log_likelihood(arrays.block, effects.residual, effects.sigma, effects.tau))
        for position, term in enumerate(self.extra_terms):
            numpyro.factor(f"extra_{position}", term(effects, arrays))
        return effects

    def effects(self, arrays: ModelArrays) -> Effects:
        """Sample the parameters and work out what they imply."""
        channels = self.spec.channel_specs
        alpha = self._where_used("alpha", [c.adstock.alpha for c in channels], self.layout.adstock_kind)
        half_saturation = self._where_used(
            "half_saturation", [c.saturation.half_saturation for c in channels], self.layout.saturation_kind
        )
        slope = self._where_used("slope", [c.saturation.slope for c in channels], self.layout.saturation_kind)
        effect = sample_vector("effect", [c.prior.prior for c in channels])
        sigma = numpyro.sample("sigma", dist.HalfNormal(1.0))
        if self.spec.baseline.level == "random_walk":
            tau = sample_vector("tau", [self.spec.baseline.level_sd])[0]
        else:
            tau = jnp.zeros(())

        response = saturated_media(self.layout, arrays.media, alpha, half_saturation, slope)
        worth = jnp.einsum("cgt,gt->gc", response, arrays.outcome_value)  # revenue for a coefficient of 1
        relative, spread = self._geo_effects()
        total = jnp.sum(worth * relative, axis=0)
        stated_directly = np.array([c.prior.kind == "coefficient" for c in channels])
        incremental = effect * jnp.where(stated_directly, total, arrays.effect_unit)
        coefficient = relative * (incremental / total)
        residual = arrays.kpi - jnp.sum(response * coefficient.T[:, :, None], axis=0)
        parameters = MediaParameters(alpha, half_saturation, slope, coefficient)
        return Effects(parameters, incremental, residual, sigma, tau, spread)

    def _geo_effects(self) -> tuple[jax.Array, jax.Array | None]:
        """Effect of each geo and channel relative to the others, (geo, channel), and its log-scale spread."""
        channels = len(self.spec.channels)
        if self.spec.geo is None or self.spec.geo.pooling == "complete" or self.geos == 1:
            return jnp.ones((self.geos, channels)), None
        spread = numpyro.sample("geo_spread", dist.Gamma(*GEO_SPREAD).expand([channels]).to_event(1))
        deviation = numpyro.sample(
            "geo_deviation", dist.Normal(0.0, 1.0).expand([self.geos, channels]).to_event(2)
        )
        return jnp.exp(spread * deviation), spread

    @staticmethod
    def _where_used(name: str, priors: list[Prior], kinds: tuple[str, ...]) -> jax.Array:
        """Sample a parameter for the channels whose transform has it; the others get a constant nothing reads."""
        unused = Prior.model_validate(1.0)
        return sample_vector(
            name, [unused if kind == "none" else prior for prior, kind in zip(priors, kinds, strict=True)]
        )


def model_arrays(data: xr.Dataset, spec: ModelSpec) -> ModelArrays:
    """The numbers of a fit, from the arrays of `mmm_core.data.model_data`."""
    media = MediaModel.of(data, spec)
    observed = data["observed"].to_numpy()
    population = data["population"].to_numpy()
    scale = float(data["kpi_scale"])
    per_head = data["kpi"].to_numpy() / population[:, None] / scale - data["kpi_centre"].to_numpy()[:, None]
    value = data["revenue_per_kpi"].to_numpy()
    # of the observed weeks, scaled up to the window: the KPI of a holdout must not reach the prior
    revenue = float((np.nanmean(np.where(observed, data["kpi"].to_numpy() * value, np.nan), axis=1)).sum())
    revenue *= data.sizes["week"]
    spend = data["spend"].sel(media_week=data["week"].to_numpy()).sum(("geo", "media_week")).to_numpy()
    unit = [
        {"roi": spend[i] if i < len(spend) else 0.0, "contribution": revenue, "coefficient": 0.0}[
            channel.prior.kind
        ]
        for i, channel in enumerate(spec.channel_specs)
    ]
    return ModelArrays(
        media=media.lagged(data["exposure"].to_numpy())[..., spec.l_max :],
        kpi=jnp.asarray(np.where(observed, per_head, 0.0)),
        outcome_value=jnp.asarray(value * population[:, None] * scale),
        effect_unit=jnp.asarray(unit),
        block=gaussian_block(data["design"].to_numpy(), observed, data["design_prior_sd"].to_numpy()),
    )
