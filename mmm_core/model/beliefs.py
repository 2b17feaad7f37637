"""What a specification believes of each channel's effect, with the priors that only the data can put into numbers."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from mmm_core.errors import InputError, listed
from mmm_core.evidence.roi_prior import TESTED_ROI
from mmm_core.priors import Prior
from mmm_core.spec.model_spec import ModelSpec

BUMP = 0.01
"""Relative increase of media behind a marginal ROI, in a prior on it and in the posterior's."""

MOST_LOST = 1 / 3
"""Of what the weeks above 0 bring, the part that weeks below 0 may cost before a share of the sum says nothing."""


class EffectBelief(NamedTuple):
    """A prior and what it is on."""

    kind: Literal["roi", "mroi", "contribution", "coefficient"]
    prior: Prior


def effect_beliefs(spec: ModelSpec, data: xr.Dataset) -> tuple[EffectBelief, ...]:
    """The belief on each channel of `spec.channels`; `data` are the arrays of `mmm_core.data.arrays.model_data`.

    A `total_share` of mean m and sd s becomes the same log-normal prior on every channel's ROI: with outcome Y and
    spend x_c, mean m Y / sum x_c and sd s Y / sqrt(sum x_c^2), so that all channels together bring a share of mean m
    and sd s (Google, Meridian documentation, "ROI priors when the KPI is not revenue"). Lift tests that the arrays hold
    as priors (`mmm_core.evidence.roi_prior`) take the place of what is stated of their channels.

    Raises:
        InputError: a belief on a share of an outcome whose sum is negative, or small beside what it is the sum of.
    """
    _refuse_shares(spec, data)
    common = common_roi(spec, data)
    tested = _tested(spec, data)
    out = []
    for name, channel in zip(spec.channels, spec.channel_specs, strict=True):
        stated, kind = channel.prior.prior, channel.prior.kind
        if name in tested:
            out.append(EffectBelief("roi", lognormal_of(*tested[name])))
        elif kind == "total_share":
            share = channel.prior.total_share
            assert share is not None
            out.append(EffectBelief("roi", lognormal_of(common[0] * share.mean, common[1] * share.sd)))
        else:
            assert stated is not None
            out.append(EffectBelief(kind, stated))
    return tuple(out)


def _tested(spec: ModelSpec, data: xr.Dataset) -> dict[str, tuple[float, float]]:
    """Mean and standard error of the ROI that lift tests found, of the channels for which they are the prior."""
    if TESTED_ROI not in data:
        return {}
    rows = zip(spec.paid, data[TESTED_ROI].to_numpy(), strict=True)
    return {name: (float(mean), float(error)) for name, (mean, error) in rows if np.isfinite(mean)}


def treatment_beliefs(spec: ModelSpec) -> list[tuple[str, Prior]]:
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


def adds_up(weekly: np.ndarray) -> bool:
    """Whether a share of the sum of some values says something: what is lost is a third of what is gained at most.

    Args:
        weekly: outcome of any shape; nan where it is not known.
    """
    gained, lost = np.nansum(np.clip(weekly, 0, None)), -np.nansum(np.clip(weekly, None, 0))
    return bool(gained > 0 and lost <= MOST_LOST * gained)


def _refuse_shares(spec: ModelSpec, data: xr.Dataset) -> None:
    """Raise InputError where a share is believed in of an outcome that does not add up."""
    believed = [
        f"{name} ({channel.prior.kind})"
        for name, channel in zip(spec.channels, spec.channel_specs, strict=True)
        if channel.prior.kind in ("contribution", "total_share")
    ]
    for name, treatment in spec.treatments.items():
        if treatment.prior and treatment.prior.contribution:
            believed.append(f"{name} (contribution)")
    if not believed:
        return
    weekly = (data["kpi"] * data["revenue_per_kpi"]).where(data["observed"]).transpose("geo", "week")
    geos = [str(geo) for geo in data["geo"].to_numpy()]
    parts = {"": weekly.to_numpy()}
    if len(geos) > 1 and spec.geo and spec.geo.pooling == "none":  # then every geo has the stated priors
        parts |= {f" of geo {geo}": values for geo, values in zip(geos, weekly.to_numpy(), strict=True)}
    for place, values in parts.items():
        if not adds_up(values):
            raise InputError(
                f"model {spec.model}: kpi.column {spec.kpi.column}{place} sums to {np.nansum(values):,.0f} over the "
                f"modelled weeks, of "
                f"{np.nansum(np.abs(values)):,.0f} gained and lost: a share of it cannot be believed in, as the prior "
                f"of {listed(believed)} states one: state roi or coefficient"
            )


def window_outcome(data: xr.Dataset) -> np.ndarray:
    """Outcome (geo,) over the modelled weeks, from the observed ones: the KPI of a holdout must not reach a prior."""
    value = (data["kpi"] * data["revenue_per_kpi"]).where(data["observed"]).to_numpy()
    return np.asarray(np.nanmean(value, axis=1) * data.sizes["week"])
