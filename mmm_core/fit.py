"""Fit a model: weekly table and specification in, posterior out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib.metadata import version as package_version
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data import model_data
from mmm_core.posterior import ENGINE_VERSION, GEO_DIMS, POSTERIOR_DIMS, check_posterior
from mmm_core.spec import ModelSpec

if TYPE_CHECKING:
    from mmm_core.model import Model, ModelArrays
    from mmm_core.sampling import Progress, Samples

# Draws worked out at a time: bounds memory without slowing a national model down.
_CHUNK_NUMBERS = 20_000_000


def fit(
    table: pd.DataFrame,
    spec: ModelSpec,
    progress: Callable[[Progress], None] | None = None,
    source: str = "table",
    holdout_weeks: int = 0,
    draws: int | None = None,
) -> xr.DataTree:
    """Fit `spec` on a weekly table.

    Args:
        table: one row a week, or a week and geo; see `mmm_core.table.check_table` for what is refused.
        progress: told how far the fit is.
        source: what to call the table in messages.
        holdout_weeks: leave the KPI of this many last weeks out of the likelihood.
        draws: kept draws a chain, where fewer than the specification's will do; compiles nothing anew.

    Returns:
        The posterior, laid out as `mmm_core.posterior` says.

    Raises:
        InputError: the table was refused.
    """
    started = time.perf_counter()
    data = model_data(table, spec, source, holdout_weeks)

    from mmm_core.runtime import configure

    devices = configure(spec.fit.chains, spec.fit.precision)

    from mmm_core.model import Model, model_arrays
    from mmm_core.sampling import Progress, Schedule, sample

    model, arrays = Model.of(data, spec), model_arrays(data, spec)
    schedule = Schedule(
        spec.fit.chains, spec.fit.warmup, draws or spec.fit.draws, devices, spec.fit.target_accept
    )
    samples = sample(model, arrays, schedule, spec.fit.seed, progress)
    total = schedule.warmup + schedule.draws
    if progress is not None:
        divergences = int(samples.trace.diverging.sum())
        progress(Progress("summarising", total, total, divergences, time.perf_counter() - started))
    quantities = _quantities(model, arrays, data, samples, spec.fit.seed)
    tree = xr.DataTree.from_dict(
        {
            "/posterior": xr.Dataset(quantities, coords=_coords(data, samples)),
            "/sample_stats": _sample_stats(samples, schedule.warmup),
            "/constant_data": data,
        }
    )
    tree.attrs = {
        "model": spec.model,
        "spec": spec.to_yaml(),
        "spec_hash": spec.spec_hash,
        "seed": spec.fit.seed,
        "engine": spec.fit.engine,
        "engine_version": ENGINE_VERSION,
        "versions": json.dumps(
            {name: package_version(name) for name in ("carryover", "jax", "numpyro", "numpy")}
        ),
        "devices": devices,
        "total_seconds": time.perf_counter() - started,
    }
    check_posterior(tree)
    return tree


def _quantities(
    model: Model, arrays: ModelArrays, data: xr.Dataset, samples: Samples, seed: int
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Every posterior variable, and an exact draw of the integrated block for every draw of the parameters."""
    import jax
    import jax.numpy as jnp
    from numpyro import handlers

    from mmm_core.gaussian_block import draw

    spend = data["spend"].sel(media_week=data["week"].to_numpy()).sum(("geo", "media_week")).to_numpy()

    def one(arrays: ModelArrays, position: dict[str, jax.Array], key: jax.Array) -> dict[str, jax.Array]:
        effects = handlers.substitute(handlers.seed(model.effects, key), data=samples.unravel(position))(
            arrays
        )
        level, fixed, *_ = draw(arrays.block, effects.residual, effects.sigma, effects.tau, key)
        # term 0 is the intercept: it takes the level's mean, so that the level is the movement around it
        fixed = fixed.at[:, 0].add(data["kpi_centre"].to_numpy() + level.mean())
        out = {
            **effects.parameters._asdict(),
            "roi": effects.incremental[: len(spend)] / spend,
            "sigma": effects.sigma,
            "tau": effects.tau,
            "level": level - level.mean(),
            "fixed_effect": fixed,
        }
        return out if effects.geo_spread is None else {**out, "geo_spread": effects.geo_spread}

    chains, draws = samples.trace.diverging.shape
    total = chains * draws
    positions = jax.tree.map(lambda a: jnp.asarray(a).reshape(total, -1), samples.trace.position)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), 1), total)
    size = max(1, min(total, _CHUNK_NUMBERS // max(arrays.media.size, 1)))
    while total % size:  # one shape, one compilation
        size -= 1
    batch = jax.jit(jax.vmap(one, in_axes=(None, 0, 0)))

    def chunk(start: int) -> dict[str, np.ndarray]:
        some = jax.tree.map(lambda a: a[start : start + size], (positions, keys))
        return jax.tree.map(np.asarray, batch(arrays, *some))

    parts = [chunk(start) for start in range(0, total, size)]
    dims = {**POSTERIOR_DIMS, **GEO_DIMS}
    return {
        name: (
            ("chain", "draw", *dims[name]),
            np.concatenate([part[name] for part in parts]).reshape(chains, draws, *parts[0][name].shape[1:]),
        )
        for name in parts[0]
    }


def _coords(data: xr.Dataset, samples: Samples) -> dict[str, object]:
    chains, draws = samples.trace.diverging.shape
    labels = {name: data[name].to_numpy() for name in ("geo", "channel", "paid_channel", "week", "term")}
    return {"chain": np.arange(chains), "draw": np.arange(draws), **labels}


def _sample_stats(samples: Samples, warmup: int) -> xr.Dataset:
    trace = samples.trace
    chains, draws = trace.diverging.shape
    fields = {name: (("chain", "draw"), getattr(trace, name)) for name in trace._fields if name != "position"}
    return xr.Dataset(
        fields,
        coords={"chain": np.arange(chains), "draw": np.arange(draws)},
        attrs={
            "compile_seconds": samples.compile_seconds,
            "sampling_seconds": samples.sampling_seconds,
            "warmup": warmup,
        },
    )
