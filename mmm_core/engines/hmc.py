"""The default engine: Hamiltonian Monte Carlo on the model with its Gaussian block integrated out."""

from __future__ import annotations

import xarray as xr

from mmm_core.engines import Posterior, Run
from mmm_core.spec import ModelSpec


def run(data: xr.Dataset, spec: ModelSpec, run: Run) -> Posterior:
    """See `mmm_core.engines.Engine`."""
    from mmm_core.runtime import configure

    devices = configure(spec.fit.chains, spec.fit.precision)

    from mmm_core.model import Model, model_arrays
    from mmm_core.quantities import posterior_variables
    from mmm_core.sampling import Schedule, sample, sample_stats

    model, arrays = Model.of(data, spec), model_arrays(data, spec)
    schedule = Schedule(
        spec.fit.chains, spec.fit.warmup, run.draws or spec.fit.draws, devices, spec.fit.target_accept
    )
    samples = sample(model, arrays, schedule, spec.fit.seed, run.progress)
    variables = posterior_variables(
        model, arrays, data, samples.trace.position, samples.unravel, spec.fit.seed
    )
    return Posterior(variables, sample_stats(samples, schedule.warmup), {"devices": devices})
