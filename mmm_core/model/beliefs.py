"""What a specification believes of each channel's effect, with the priors that only the data can put into numbers."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from mmm_core.priors import Prior
from mmm_core.spec.model_spec import ModelSpec

BUMP = 0.01
"""Relative increase of media behind a marginal ROI, in a prior on it and in the posterior's."""


class EffectBelief(NamedTuple):
    """A prior and what it is on."""

    kind: Literal["roi", "mroi", "contribution", "coefficient"]
    prior: Prior


def effect_beliefs(spec: ModelSpec, data: xr.Dataset) -> tuple[EffectBelief, ...]:
    """The belief on each channel of `spec.channels`; `data` are the arrays of `mmm_core.data.arrays.model_data`.

    A `total_share` of mean m and sd s becomes the same log-normal prior on every channel's ROI: with outcome Y and
    spend x_c, mean m Y / sum x_c and sd s Y / sqrt(sum x_c^2), so that all channels together bring a share of mean m
    and sd s (Google, Meridian documentation, "ROI priors when the KPI is not revenue").
    """
    common = common_roi(spec, data)
    out = []
    for channel in spec.channel_specs:
        stated, kind = channel.prior.prior, channel.prior.kind
        if kind == "total_share":
            share = channel.prior.total_share
            assert share is not None
            out.append(EffectBelief("roi", lognormal_of(common[0] * share.mean, common[1] * share.sd)))
        else:
            assert stated is not None
            out.append(EffectBelief(kind, stated))
    return tuple(out)


def common_roi(spec: ModelSpec, data: xr.Dataset) -> tuple[float, float]:
    """Outcome over all spend, and over the root of the channels' summed squared spend."""
    spend = window_spend(data).sum(0)
    outcome = window_outcome(data).sum()
    return float(outcome / spend.sum()), float(outcome / np.sqrt((spend**2).sum()))


def lognormal_of(mean: float, sd: float) -> Prior:
    """The log-normal prior with a mean and a standard deviation."""
    variance = np.log1p((sd / mean) ** 2)
    return Prior(
        family="lognormal", parameters=(float(np.log(mean) - variance / 2), float(np.sqrt(variance)))
    )


def window_spend(data: xr.Dataset) -> np.ndarray:
    """Spend over the modelled weeks, (geo, paid_channel)."""
    return np.asarray(data["spend"].sel(media_week=data["week"].to_numpy()).sum("media_week").to_numpy())


def window_outcome(data: xr.Dataset) -> np.ndarray:
    """Outcome (geo,) over the modelled weeks, from the observed ones: the KPI of a holdout must not reach a prior."""
    value = (data["kpi"] * data["revenue_per_kpi"]).where(data["observed"]).to_numpy()
    return np.asarray(np.nanmean(value, axis=1) * data.sizes["week"])
