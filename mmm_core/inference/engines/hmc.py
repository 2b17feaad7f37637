"""The default engine: Hamiltonian Monte Carlo on the model with its Gaussian block integrated out."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import jax
import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits

from mmm_core.errors import InputError
from mmm_core.inference.engines import EngineResult, FitOptions
from mmm_core.inference.hmc.metric import Metric
from mmm_core.inference.hmc.program import compiled
from mmm_core.inference.hmc.sampler import Samples, sample, sample_stats
from mmm_core.inference.hmc.state import Progress, Schedule, Start
from mmm_core.inference.runtime import configure
from mmm_core.inference.variables import posterior_variables, variables_program
from mmm_core.json_text import dumps
from mmm_core.model.prepare import PreparedModel, spread_over_geos
from mmm_core.posterior.schema import SAMPLER
from mmm_core.spec.model_spec import ModelSpec


def run(prepared: PreparedModel, options: FitOptions) -> EngineResult:
    """See `mmm_core.inference.engines.Engine`."""
    data, spec, model, arrays = prepared.data, prepared.spec, prepared.model, prepared.arrays
    devices = configure(spec.fit.chains, spec.fit.precision, spec.fit.layout, data.sizes["geo"])
    schedule = Schedule(
        spec.fit.chains, spec.fit.warmup, options.draws or spec.fit.draws, devices, spec.fit.target_accept
    )
    started = time.perf_counter()

    def tell(phase: str, done: int, total: int, divergences: int = 0) -> None:
        if options.progress is not None:
            seconds = time.perf_counter() - started
            options.progress(Progress(phase, done, total, divergences, seconds))

    tell("compiling", 0, schedule.warmup + schedule.draws)
    spread = spread_over_geos(arrays, model) if devices.geos > 1 else None
    programs = compiled(model, arrays, schedule, spread)
    compile_seconds = time.perf_counter() - started
    program = variables_program(prepared, programs.to_sites, np.zeros(programs.size), devices.chains)
    # every chain factorises on a thread of its own: BLAS must not start more for each
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(1) as pool:
        pool.submit(program.compile)  # beside the sampler
        samples = sample(
            model,
            arrays,
            schedule,
            spec.fit.seed,
            options.progress,
            start=_start(options.warm_start, spec),
            checkpoint=options.checkpoint,
            identity=_identity(prepared, schedule, options.source),
            spread=spread,
            programs=programs,
        )
        done = samples.warmup + schedule.draws
        tell("summarising", done, done, int(samples.trace.diverging.sum()))
        variables = posterior_variables(
            prepared,
            samples.trace.position,
            samples.to_sites,
            spec.fit.seed,
            program,
        )
    return EngineResult(
        variables,
        sample_stats(replace(samples, compile_seconds=compile_seconds)),
        {"devices": devices.chains * devices.geos, "warm_start": _name(options.warm_start)},
        {SAMPLER: _end(samples, spec)},
    )


def _identity(prepared: PreparedModel, schedule: Schedule, source: str) -> str:
    """What must be the same for a run to go on from a checkpoint, on however many devices."""
    digest = hashlib.sha256()
    for name in sorted(map(str, prepared.data.data_vars)):
        digest.update(np.ascontiguousarray(prepared.data[name].to_numpy()).tobytes())
    for term in prepared.evidence:
        written = getattr(term.log_density, "__qualname__", repr(term.log_density))
        digest.update(f"{term.name} {written}".encode())
        for numbers in jax.tree.leaves(term.numbers):
            digest.update(np.ascontiguousarray(numbers).tobytes())
    for numbers in jax.tree.leaves(prepared.arrays.replay):
        digest.update(np.ascontiguousarray(numbers).tobytes())
    length = f"{schedule.chains} {schedule.warmup} {schedule.draws}"
    return f"{prepared.spec.spec_hash} {digest.hexdigest()} {length} {source}"


def _parametrisation(spec: ModelSpec) -> str:
    """What two specifications must share for the sampler's positions to mean the same."""
    body = spec.model_dump(
        mode="json", include={"media", "geo", "treatments", "baseline", "likelihood", "kpi"}
    )
    return hashlib.sha256(dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def _end(samples: Samples, spec: ModelSpec) -> xr.Dataset:
    """Where the sampler ended, as a group of the posterior."""
    end = samples.end
    return xr.Dataset(
        {
            "position": (("chain", "entry"), end.position),
            "covariance": (("dense_entry", "dense_entry_2"), end.metric.covariance),
            "variance": (("other_entry",), end.metric.variance),
        },
        attrs={"step_size": end.step_size, "parametrisation": _parametrisation(spec)},
    )


def _start(tree: xr.DataTree | None, spec: ModelSpec) -> Start | None:
    """The end of an earlier posterior's sampler.

    Raises:
        InputError: it is of a model with other parameters, or of another engine.
    """
    if tree is None:
        return None
    if SAMPLER not in tree.children:
        raise InputError(
            f"warm start: the posterior of {tree.attrs.get('model', '?')} keeps no state of a sampler"
        )
    group = tree[SAMPLER].to_dataset()
    if group.attrs["parametrisation"] != _parametrisation(spec):
        raise InputError(
            f"warm start: the posterior of {tree.attrs.get('model', '?')} has other channels, priors or parts than "
            f"{spec.model}: leave it out, or give one of the same specification"
        )
    metric = Metric(group["covariance"].to_numpy(), group["variance"].to_numpy())
    return Start(group["position"].to_numpy(), metric, float(group.attrs["step_size"]))


def _name(tree: xr.DataTree | None) -> str:
    """What a fit was started from, for its record."""
    if tree is None:
        return ""
    weeks = tree["constant_data"]["week"].to_numpy()
    return f"{tree.attrs['model']} to {np.datetime_as_string(weeks[-1], 'D')}"
