"""Draws of the KPI itself: what the priors alone would have believed, and what a posterior says of every week."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pandas as pd
import xarray as xr
from numpyro import handlers

from mmm_core.data.arrays import INTERCEPT, model_data
from mmm_core.data.weeks import week_coordinate
from mmm_core.effects.contributions import Decomposition
from mmm_core.effects.roi import roi_draws
from mmm_core.inference.engines import EngineResult
from mmm_core.inference.fit import posterior_tree
from mmm_core.inference.runtime import configure
from mmm_core.model.model import Model, ModelArrays
from mmm_core.model.prepare import integrated_terms, prepare
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.schema import OPTIONAL_DIMS
from mmm_core.spec.model_spec import ModelSpec

DRAWS = 1000
_CHUNK = 20_000_000


def posterior_predictive(tree: xr.DataTree | Posterior, draws: int = DRAWS) -> xr.Dataset:
    """What the posterior says of the KPI in every week, held-out ones too.

    Args:
        tree: a posterior.
        draws: at most so many of its draws, as many of each chain.

    Returns:
        kpi (draw, geo, week) with noise, expected (draw, geo, week) without, baseline (draw, geo, week) with all media
        off, and actual (geo, week), in the KPI's own units. The same posterior gives the same draws.
    """
    posterior = Posterior.of(tree)
    positions, data = posterior.thinned(draws), posterior.data
    baseline, expected = baseline_and_expected(posterior, positions)
    dims = ("draw", "geo", "week")
    return xr.Dataset(
        {
            "kpi": (dims, with_noise(posterior, expected, positions)),
            "expected": (dims, expected),
            "baseline": (dims, baseline),
            "actual": (("geo", "week"), data["kpi"].to_numpy()),
        },
        coords={
            "draw": positions,
            "geo": data["geo"].to_numpy(),
            "week": week_coordinate(data["week"].to_numpy(), posterior.spec),
        },
        attrs={"model": posterior.model, "approximate": posterior.approximate},
    )


def baseline_and_expected(posterior: Posterior, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """KPI without media, and expected KPI, of some draws, each (draw, geo, week)."""
    parts = Decomposition.of(posterior, revenue=False, positions=positions)
    sums = [(chunk[..., parts.channels :].sum(-1), chunk.sum(-1)) for chunk in parts.chunks()]
    return np.concatenate([low for low, _ in sums]), np.concatenate([all_ for _, all_ in sums])


def with_noise(posterior: Posterior, expected: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Draws of the KPI, (draw, geo, week): the expected KPI and the model's noise, the same for the same posterior.

    Noise is Student-t where the likelihood is, and multiplies where the KPI is modelled as a logarithm: the expected
    KPI then holds exp(sd^2 / 2), which is taken out before.
    """
    spec = posterior.spec
    sd = posterior.draws("sigma", positions)[:, None, None] * posterior.media.unit[:, None]
    rng = np.random.default_rng(int(posterior.attrs["seed"]))
    noise = rng.standard_normal(expected.shape)
    if spec.student_t is not None:
        nu = posterior.draws("nu", positions)[:, None, None]
        noise = noise / np.sqrt(rng.chisquare(nu, size=expected.shape) / nu)
    if spec.kpi.scale == "log":
        return np.asarray(expected * np.exp(sd * noise - sd**2 / 2))
    return np.asarray(expected + sd * noise)


def prior_predictive(
    table: pd.DataFrame, spec: ModelSpec, draws: int = DRAWS, seed: int | None = None, source: str = "table"
) -> xr.DataTree:
    """What the specification believes before it sees a KPI: run this before a fit.

    The intercept's prior is very wide by design, so that it says nothing; drawing it would hide everything else. Here
    it is held at the centre of the KPI and the level moves about it. The coefficients of controls, season, events
    and unscaled treatments are drawn, and theirs are wide as well.

    Args:
        table: the weekly table; its media, controls and the KPI's scale are used.
        seed: that of the specification by default.

    Returns:
        Groups `prior` (the variables of a posterior, chain and draw too), `prior_predictive` with kpi, expected and
        baseline (draw, geo, week), roi, mroi and contribution_share (draw, channel) and media_share (draw,), and
        `constant_data`.

    Raises:
        InputError: the table was refused.
    """
    configure(1, precision=spec.fit.precision)
    data = model_data(table, spec, source)
    prepared = prepare(data, spec)
    seed = spec.fit.seed if seed is None else seed
    drawn = _draw_effects(prepared.model, prepared.arrays, draws, seed)
    variables = _prior_variables(drawn, data, spec, np.random.default_rng(seed))
    stats = xr.Dataset(coords={"chain": [0], "draw": np.arange(draws)})
    tree = posterior_tree(data, spec, EngineResult(variables, stats, {"seed": seed}))
    metrics = roi_draws(tree)
    group = tree["posterior"].to_dataset()
    group["roi"] = group["roi"].copy(data=metrics["roi"].sel(channel=list(spec.paid)).to_numpy()[None])
    predicted = posterior_predictive(tree, draws)
    for name in ("roi", "mroi", "contribution_share"):
        predicted[name] = (("draw", "channel"), metrics[name].to_numpy())
    predicted["media_share"] = predicted["contribution_share"].sum("channel", skipna=False)
    out = xr.DataTree.from_dict(
        {
            "/prior": group,
            "/prior_predictive": predicted.assign_coords(channel=list(spec.channels)),
            "/constant_data": data,
        }
    )
    out.attrs = tree.attrs
    return out


def prior_table(tree: xr.DataTree) -> pd.DataFrame:
    """What a prior predictive implies for each channel.

    Returns:
        A row a channel, then `all media`: channel, roi_mean, roi_q05, roi_q95, share_mean, share_q05, share_q95 (of the
        outcome over the window; nan where that is negative or small beside what it is the sum of).
    """
    group = tree["prior_predictive"].to_dataset()
    rows = []
    for name in [str(channel) for channel in group["channel"].to_numpy()]:
        channel = group.sel(channel=name)
        roi, share = _spread("roi", channel["roi"]), _spread("share", channel["contribution_share"])
        rows.append({"channel": name, **roi, **share})
    rows.append(
        {
            "channel": "all media",
            **_spread("roi", xr.full_like(group["media_share"], np.nan)),
            **_spread("share", group["media_share"]),
        }
    )
    return pd.DataFrame(rows)


def prior_words(tree: xr.DataTree) -> list[str]:
    """What to make of a prior predictive, a sentence each."""
    group = tree["prior_predictive"].to_dataset()
    observed = tree["constant_data"]["observed"].to_numpy()
    actual = group["actual"].to_numpy()
    low, high = np.quantile(group["kpi"].to_numpy(), [0.05, 0.95], axis=0)
    inside = float(((low <= actual) & (actual <= high))[observed].mean())
    too_much = float((group["media_share"] > 1).mean())
    sentences = [
        f"{inside:.0%} of the weeks' KPI lie within the prior's 90 % interval, the intercept held at the KPI's centre",
        f"the priors give media more than the whole outcome with probability {too_much:.0%}",
    ]
    if group["media_share"].isnull().all():
        sentences[1] = (
            "the KPI's sum is negative, or small beside what it is the sum of: shares of it say nothing"
        )
    if inside < 0.9:
        sentences[0] += ": the priors rule out what was seen, look at their units"
    if too_much > 0.1:
        sentences[1] += ": tighten them, or state `prior: {total_share: ...}`"
    return sentences


def _spread(name: str, values: xr.DataArray) -> dict[str, float]:
    q05, q95 = np.quantile(values.to_numpy(), [0.05, 0.95])
    return {f"{name}_mean": float(values.mean()), f"{name}_q05": float(q05), f"{name}_q95": float(q95)}


def _draw_effects(model: Model, arrays: ModelArrays, draws: int, seed: int) -> dict[str, Any]:
    """Prior draws of everything sampled, leaves (draw, ...)."""

    def draw(arrays: ModelArrays, key: jax.Array) -> dict[str, Any]:
        effects = handlers.seed(model.effects, key)(arrays)
        out = {
            **effects.parameters.shape,
            "coefficient": effects.parameters.coefficient,
            "deviation_sd": None if effects.deviations is None else effects.deviations.sd,
            "multiplier": effects.parameters.multiplier,
            **{
                name: getattr(effects, name)
                for name in (
                    "sigma",
                    "tau",
                    "tau_slope",
                    "geo_spread",
                    "multiplier_spread",
                    "nu",
                    "correlation",
                    "treatment",
                )
            },
        }
        return {name: value for name, value in out.items() if value is not None}

    keys = jax.random.split(jax.random.key(seed), draws)
    size = max(1, min(draws, _CHUNK // max(arrays.media.lagged.size + arrays.media.raw.size, 1)))
    program = jax.jit(jax.vmap(draw, in_axes=(None, 0)))
    parts = [jax.tree.map(np.asarray, program(arrays, keys[i : i + size])) for i in range(0, draws, size)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _prior_variables(
    drawn: dict[str, Any], data: xr.Dataset, spec: ModelSpec, rng: np.random.Generator
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """The variables of a posterior, the Gaussian block drawn from its prior; one chain."""
    draws, weeks, geos = len(drawn["sigma"]), data.sizes["week"], data.sizes["geo"]
    terms = [str(term) for term in data["term"].to_numpy()]
    steps = drawn["tau"][:, None] * rng.standard_normal((draws, weeks - 1))
    path = None
    if "tau_slope" in drawn:
        slope = np.cumsum(drawn["tau_slope"][:, None] * rng.standard_normal((draws, weeks - 1)), axis=1)
        steps, path = steps + slope, np.pad(slope, ((0, 0), (1, 0)))
    level = np.pad(np.cumsum(steps, axis=1), ((0, 0), (1, 0)))
    fixed = np.zeros((draws, geos, len(terms)))
    inside = integrated_terms(data, spec)
    wide = data["design_prior_sd"].to_numpy()[inside] * drawn["sigma"][:, None]
    fixed[..., inside] = wide[:, None] * rng.standard_normal((draws, geos, len(inside)))
    fixed[..., terms.index(INTERCEPT)] = data["kpi_centre"].to_numpy()
    if "treatment" in drawn:
        fixed[..., [terms.index(name) for name in spec.sampled_treatments]] = drawn["treatment"][:, None]
    coefficient = drawn["coefficient"]
    if "deviation_sd" in drawn:
        coefficient = coefficient + drawn["deviation_sd"][:, None] * rng.standard_normal(coefficient.shape)
    channel = ("channel",)
    out: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        **{name: (channel, drawn[name]) for name in spec.shape_parameters},
        "coefficient": (("geo", "channel"), coefficient),
        "roi": (("paid_channel",), np.zeros((draws, len(spec.paid)))),
        "sigma": ((), drawn["sigma"]),
        "tau": ((), drawn["tau"]),
        "level": (("week",), level - level.mean(axis=1, keepdims=True)),
        "fixed_effect": (("geo", "term"), fixed),
    }
    if path is not None:
        drawn = {**drawn, "slope_path": path}
    out.update({name: (dims, drawn[name]) for name, dims in OPTIONAL_DIMS.items() if name in drawn})
    return {name: (dims, values[None]) for name, (dims, values) in out.items()}
