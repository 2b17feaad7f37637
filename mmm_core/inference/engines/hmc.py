"""The default engine: Hamiltonian Monte Carlo on the model with its Gaussian block integrated out."""

from __future__ import annotations

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.inference.engines import Posterior, Run
from mmm_core.inference.version import fit_source
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from mmm_core.inference.hmc.sampler import Samples, Schedule, Start

SAMPLER = "sampler"
"""Group of a posterior that a later fit may start from."""


def run(data: xr.Dataset, spec: ModelSpec, run: Run) -> Posterior:
    """See `mmm_core.inference.engines.Engine`."""
    from mmm_core.inference.runtime import configure

    devices = configure(spec.fit.chains, spec.fit.precision, spec.fit.layout, data.sizes["geo"])

    from threadpoolctl import threadpool_limits

    from mmm_core.inference.hmc.sampler import Progress, Schedule, compiled, sample, sample_stats
    from mmm_core.inference.variables import posterior_variables, variables_program
    from mmm_core.model.model import Model, model_arrays, spread_over_geos

    model, arrays = Model.of(data, spec), model_arrays(data, spec)
    schedule = Schedule(
        spec.fit.chains, spec.fit.warmup, run.draws or spec.fit.draws, devices, spec.fit.target_accept
    )
    started = time.perf_counter()
    spread = spread_over_geos(arrays, model) if devices.geos > 1 else None
    programs = compiled(model, arrays, schedule, run.progress, spread)
    compile_seconds = time.perf_counter() - started
    total = schedule.chains * schedule.draws
    program = variables_program(
        model, arrays, data, programs.to_sites, np.zeros(programs.size), total, devices.chains
    )
    # every chain factorises on a thread of its own: BLAS must not start more for each
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(1) as pool:
        executable = pool.submit(program.compile)  # beside the sampler
        samples = sample(
            model,
            arrays,
            schedule,
            spec.fit.seed,
            run.progress,
            start=_start(run.warm_start, spec),
            checkpoint=run.checkpoint,
            identity=_identity(data, spec, schedule),
            spread=spread,
            programs=programs,
        )
        if run.progress is not None:
            done = schedule.warmup + schedule.draws
            divergences = int(samples.trace.diverging.sum())
            run.progress(Progress("summarising", done, done, divergences, time.perf_counter() - started))
        variables = posterior_variables(
            model, arrays, data, samples.trace.position, samples.to_sites, spec.fit.seed, program,
            executable.result(),
        )  # fmt: skip
    return Posterior(
        variables,
        sample_stats(replace(samples, compile_seconds=compile_seconds), schedule.warmup),
        {"devices": devices.chains * devices.geos, "warm_start": _version(run.warm_start)},
        {SAMPLER: _end(samples, spec)},
    )


def _identity(data: xr.Dataset, spec: ModelSpec, schedule: Schedule) -> str:
    """What must be the same for a checkpoint to be gone on from."""
    digest = hashlib.sha256()
    for name in sorted(map(str, data.data_vars)):
        digest.update(np.ascontiguousarray(data[name].to_numpy()).tobytes())
    length = f"{schedule.chains} {schedule.warmup} {schedule.draws}"  # on whatever devices
    return f"{spec.spec_hash} {digest.hexdigest()} {length} {fit_source(spec)}"


def _parametrisation(spec: ModelSpec) -> str:
    """What two specifications must share for the sampler's positions to mean the same."""
    body = spec.model_dump(
        mode="json", include={"media", "geo", "treatments", "baseline", "likelihood", "kpi"}
    )
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def _end(samples: Samples, spec: ModelSpec) -> xr.Dataset:
    """Where the sampler ended, as a group of the posterior."""
    end = samples.end
    return xr.Dataset(
        {
            "position": (("chain", "entry"), end.position),
            "covariance": (("dense_entry", "dense_entry_2"), end.metric.covariance),
            "variance": (("other_entry",), end.metric.variance),
        },
        attrs={
            "step_size": end.step_size,
            "trajectory": end.trajectory,
            "parametrisation": _parametrisation(spec),
        },
    )


def _start(tree: xr.DataTree | None, spec: ModelSpec) -> Start | None:
    """The end of an earlier posterior's sampler.

    Raises:
        InputError: it is of a model with other parameters, or of another engine.
    """
    if tree is None:
        return None
    from mmm_core.inference.hmc.adaptation import Metric
    from mmm_core.inference.hmc.sampler import Start

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
    return Start(
        group["position"].to_numpy(),
        metric,
        float(group.attrs["step_size"]),
        float(group.attrs["trajectory"]),
    )


def _version(tree: xr.DataTree | None) -> str:
    """What a fit was started from, for its record."""
    if tree is None:
        return ""
    weeks = tree["constant_data"]["week"].to_numpy()
    return f"{tree.attrs['model']} to {np.datetime_as_string(weeks[-1], 'D')}"
