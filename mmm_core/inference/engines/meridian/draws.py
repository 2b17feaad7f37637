"""From Meridian's draws, on Meridian's scales, to the variables of a posterior of this library.

Meridian models the KPI per head as mean + sd * (tau_g + mu_t + gamma_g . z + sum_c beta_gc response_c), with media over
the median and z the standardised design; this library as scale * (level_t + design . fixed_effect_g + sum_c
coefficient_gc response_c), with media over their mean. Both are the same sum written in other units, so that nothing is
approximated here.

One thing is added: in weeks after the last knot, which a holdout leaves without a KPI, Meridian's level stands still.
Here it goes on as a random walk, whose weekly step (`tau`) is the one that the knots took, as it does in a forecast.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from mmm_core.inference.engines.meridian.job import media_unit
from mmm_core.model.prepare import PreparedModel

Draws = dict[str, np.ndarray]
"""Meridian's variables by its names (chain, draw, ...), and `scale_` and `stats_` numbers of the worker."""


def canonical_variables(prepared: PreparedModel, draws: Draws, knots: int | list[int]) -> Draws:
    """Every variable of the posterior but the ROI, (chain, draw, ...), in this library's units."""
    data, spec = prepared.data, prepared.spec
    scaled = float(draws["scale_kpi_sd"]) / float(data["kpi_scale"])
    level, tau = level_path(draws["mu_t"], knots, data, spec.fit.seed)
    out = {
        "sigma": draws["sigma"].reshape(draws["mu_t"].shape[:2]) * scaled,
        "tau": tau * scaled,
        "level": (level - level.mean(-1, keepdims=True)) * scaled,
        "fixed_effect": _fixed_effects(data, draws, level.mean(-1), scaled),
    }
    names = {"alpha": "alpha", "half_saturation": "ec", "slope": "slope"}
    out |= {
        ours: _shape(spec.shape_parameters[ours], spec.channels, draws, names[ours])
        for ours in names
        if ours in spec.shape_parameters
    }
    ours_in_theirs = data["media_scale"].to_numpy() / media_unit(data)
    if "half_saturation" in out:
        out["half_saturation"] = out["half_saturation"] / ours_in_theirs
    linear = np.array([channel.saturation.kind == "none" for channel in spec.channel_specs])
    out["coefficient"] = _channels(draws, "beta_g{}") * scaled * np.where(linear, ours_in_theirs, 1.0)
    if prepared.model.pooled:
        out["geo_spread"] = _channels(draws, "eta_{}")
    return out


def level_path(
    mu: np.ndarray, knots: int | list[int], data: xr.Dataset, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Meridian's level (chain, draw, week), walking on after its last knot, and its weekly step (chain, draw)."""
    if isinstance(knots, int):
        return mu, np.zeros(mu.shape[:2])
    at = np.array(knots)
    steps = np.diff(mu[..., at], axis=-1) / np.sqrt(np.diff(at))
    tau = np.sqrt((steps**2).mean(-1))
    unseen = data.sizes["week"] - 1 - at[-1]
    rng = np.random.default_rng([seed, 5])
    walk = np.cumsum(rng.standard_normal((*tau.shape, unseen)), axis=-1) * tau[..., None]
    path = mu.copy()
    path[..., at[-1] + 1 :] += walk
    return path, tau


def statistics(draws: Draws, seconds: dict[str, Any], warmup: int) -> xr.Dataset:
    """The sampler's statistics over (chain, draw). Meridian keeps no energy: minus its log density stands there."""
    names = ("diverging", "num_steps", "energy", "acceptance_rate")
    chains, kept = draws["mu_t"].shape[:2]
    return xr.Dataset(
        {name: (("chain", "draw"), draws[f"stats_{name}"].reshape(chains, kept)) for name in names},
        coords={"chain": np.arange(chains), "draw": np.arange(kept)},
        attrs={
            "compile_seconds": float(seconds["import_seconds"]) + float(seconds["prepare_seconds"]),
            "sampling_seconds": float(seconds["sampling_seconds"]),
            "warmup": warmup,
        },
    )


def _fixed_effects(data: xr.Dataset, draws: Draws, level: np.ndarray, scaled: float) -> np.ndarray:
    """Coefficients of the design (chain, draw, geo, term), the intercept with the level's mean (chain, draw) in it."""
    design = data["design"].to_numpy()[..., 1:]
    geos = draws["tau_g"]
    mean = float(draws["scale_kpi_mean"]) / float(data["kpi_scale"])
    intercept = mean + scaled * (geos + level[..., None])
    if "gamma_gc" not in draws:
        return np.asarray(intercept[..., None])
    centre, sd = design.mean((0, 1)), design.std((0, 1))
    slopes = draws["gamma_gc"] * scaled / sd
    return np.concatenate([(intercept - slopes @ centre)[..., None], slopes], axis=-1)


def _shape(having: tuple[str, ...], channels: tuple[str, ...], draws: Draws, name: str) -> np.ndarray:
    """A parameter of adstock or saturation (chain, draw, channel), nan for the channels that do not have it."""
    has = np.array([channel in having for channel in channels])
    return np.where(has, _channels(draws, f"{name}_{{}}"), np.nan)


def _channels(draws: Draws, name: str) -> np.ndarray:
    """A variable of Meridian's over all channels, paid ones first."""
    parts = [draws[name.format(of)] for of in ("m", "om") if name.format(of) in draws]
    return np.concatenate(parts, axis=-1)
