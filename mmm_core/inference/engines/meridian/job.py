"""A prepared model as a job for Meridian: the arrays and settings that the worker reads, in a folder.

What the specification states is stated to Meridian: priors of adstock, saturation and effects, channel by channel, and
the spread of effects over geos. What it does not state (noise, controls, knots) has Meridian's own priors.

A level that walks becomes knots, joined by straight lines: one every `WEEKS_BETWEEN_KNOTS` weeks, which are
those of the benchmarks. None lies after the last week with a KPI, so that a holdout decides nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.inference.engines.meridian.worker import ARRAYS, JOB
from mmm_core.json_text import dumps
from mmm_core.model.prepare import PreparedModel
from mmm_core.priors import Prior
from mmm_core.spec.model_spec import ModelSpec

WEEKS_BETWEEN_KNOTS = {"national": 26, "panel": 8}

# Meridian adapts first and then burns in: this share of `fit.warmup` comes on top of it.
BURN_IN = 0.25

_FIXED_AT_ONE, _FIXED_AT_ZERO = Prior.model_validate(1.0), Prior.model_validate(0.0)


def write_job(folder: Path, prepared: PreparedModel, draws: int) -> None:
    """Write the job of a prepared model into a folder, to be read by the worker."""
    arrays, settings = job_arrays(prepared.data), job_settings(prepared, draws)
    np.savez(folder / ARRAYS, **arrays)  # type: ignore[arg-type]
    (folder / JOB).write_text(dumps(settings), encoding="utf-8")


def job_arrays(data: xr.Dataset) -> dict[str, np.ndarray]:
    """KPI, media, spend and design in the table's units, geos and weeks first.

    A week without a KPI gets its geo's mean outcome, which no likelihood sees: Meridian takes no gaps.
    """
    paid = data.sizes["paid_channel"]
    worth, observed = data["revenue_per_kpi"].to_numpy(), data["observed"].to_numpy()
    kpi, exposure = data["kpi"].to_numpy(), data["exposure"].to_numpy()
    known = np.where(observed, kpi, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        typical = np.nanmean(known * worth, axis=1, keepdims=True) / worth
    # what a unit is worth may be 0: the mean of the KPI itself then
    typical = np.where(np.isfinite(typical), typical, np.nanmean(known, axis=1, keepdims=True))
    arrays = {
        "kpi": np.where(observed, kpi, typical),
        "revenue_per_kpi": worth,
        "observed": observed,
        "population": data["population"].to_numpy(),
        "media": exposure[..., :paid],
        "media_spend": data["spend"].sel(media_week=data["week"].to_numpy()).to_numpy(),
        "controls": data["design"].to_numpy()[..., 1:],
    }
    if exposure.shape[-1] > paid:
        arrays["organic_media"] = exposure[..., paid:]
    return {name: np.ascontiguousarray(values) for name, values in arrays.items()}


def job_settings(prepared: PreparedModel, draws: int) -> dict[str, Any]:
    """Everything but the arrays, as the worker reads it."""
    data, spec = prepared.data, prepared.spec
    carried = [c for c in spec.channel_specs if c.adstock.lags]
    return {
        "geos": [str(geo) for geo in data["geo"].to_numpy()],
        "weeks": _days(data["week"]),
        "media_weeks": _days(data["media_week"]),
        "paid": list(spec.paid),
        "organic": list(spec.organic),
        "controls": [str(term) for term in data["term"].to_numpy()[1:]],
        "priors": _priors(prepared),
        "media_prior_type": prepared.model.beliefs[0].kind,
        "max_lag": max((c.adstock.lags for c in carried), default=0),
        "hill_before_adstock": any(c.saturation.before_adstock for c in spec.channel_specs),
        "adstock": _by_channel(spec, lambda c: "binomial" if c.adstock.kind == "binomial" else "geometric"),
        "saturation": _by_channel(spec, lambda c: "none" if c.saturation.kind == "none" else "hill"),
        "knots": knots(data, spec),
        "chains": spec.fit.chains,
        "adapt": spec.fit.warmup,
        "burnin": round(BURN_IN * spec.fit.warmup),
        "draws": draws,
        "seed": spec.fit.seed,
        "target_accept": spec.fit.target_accept,
    }


def knots(data: xr.Dataset, spec: ModelSpec) -> int | list[int]:
    """Weeks of the knots of Meridian's level, or 1 where the level does not move."""
    if spec.baseline.level != "random_walk":
        return 1
    last = int(np.flatnonzero(data["observed"].to_numpy().any(0))[-1])
    every = WEEKS_BETWEEN_KNOTS["panel" if data.sizes["geo"] > 1 else "national"]
    count = max(round(last / every), 1) + 1
    return [int(week) for week in np.linspace(0, last, count).round()]


def media_unit(data: xr.Dataset) -> np.ndarray:
    """Meridian's unit of each channel's media, (channel,): the median of the weeks with media, per head."""
    per_head = (data["exposure"] / data["population"]).transpose("geo", "media_week", "channel").to_numpy()
    return np.asarray(np.nanmedian(np.where(per_head > 0, per_head, np.nan), axis=(0, 1)))


def _priors(prepared: PreparedModel) -> dict[str, list[dict[str, Any]]]:
    """The stated priors by Meridian's names, a list over the channels each."""
    data, spec, model = prepared.data, prepared.spec, prepared.model
    paid = len(spec.paid)
    ours_in_theirs = data["media_scale"].to_numpy() / media_unit(data)
    out: dict[str, list[dict[str, Any]]] = {}
    for position, channel in enumerate(spec.channel_specs):
        of = "m" if position < paid else "om"
        carry, bend, belief = (
            channel.adstock.parameters,
            channel.saturation.parameters,
            model.beliefs[position],
        )
        stated = {
            f"alpha_{of}": (carry.get("alpha", _FIXED_AT_ZERO), 1.0),
            f"ec_{of}": (bend.get("half_saturation", _FIXED_AT_ONE), ours_in_theirs[position]),
            f"slope_{of}": (bend.get("slope", _FIXED_AT_ONE), 1.0),
            f"{belief.kind}_{of}": (belief.prior, 1.0),
        }
        if model.pooled:
            assert spec.geo is not None
            stated[f"eta_{of}"] = spec.geo.spread, 1.0
        elif data.sizes["geo"] > 1:
            stated[f"eta_{of}"] = _FIXED_AT_ZERO, 1.0
        for name, (prior, times) in stated.items():
            written = {"family": prior.family, "parameters": list(prior.parameters), "times": float(times)}
            out.setdefault(name, []).append(written)
    return out


def _by_channel(spec: ModelSpec, what: Any) -> dict[str, str]:
    return {name: what(channel) for name, channel in zip(spec.channels, spec.channel_specs, strict=True)}


def _days(weeks: xr.DataArray) -> list[str]:
    return [day.strftime("%Y-%m-%d") for day in pd.DatetimeIndex(weeks.to_numpy())]
