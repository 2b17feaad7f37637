"""Engine `pymc`: the same specification fitted by PyMC-Marketing, a second opinion from other people's code.

Needs the extra: `pip install carryover[pymc]`. The model is PyMC-Marketing's `MMM`, its transformations and its panel
dimensions (`mmm_core.inference.engines.pymc.model`); the sampler is NumPyro's NUTS on PyMC's density, through JAX, so
that no C compiler is needed. The result has our variables in our units.

Priors are those of the default engine, whatever they are on. PyMC-Marketing itself knows a prior of the coefficient
only; a belief about an ROI, a marginal ROI or a share of the outcome is sampled as stated, and the coefficient follows
from it, draw by draw, through PyMC-Marketing's own curves. So both engines have the same posterior, and what they
differ by is Monte Carlo error: nothing is integrated out here, so expect fewer effective draws a second.

The weeks of media history, of a holdout and without a KPI are in the model's data and not in its likelihood.

What PyMC-Marketing's model has no place for is refused by name: a level that moves, effects that vary over time,
pooling by group, reach and frequency, a KPI on the log scale, treatments with priors, channels that differ in the kind
of adstock or saturation. A checkpoint is not written and a warm start is not used: neither changes an answer.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mmm_core.errors import InputError, listed
from mmm_core.inference.engines import EngineResult, FitOptions
from mmm_core.inference.engines.refusals import channels_where, faults_of_other_libraries, refuse_faults
from mmm_core.inference.hmc.state import Progress
from mmm_core.posterior.schema import OPTIONAL_DIMS, POSTERIOR_DIMS
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from mmm_core.model.prepare import PreparedModel

# A dense mass matrix cannot be learned from a short warm-up beyond this many parameters.
LARGEST_DENSE = 100

_KINDS = {
    "adstock": ("none", "geometric", "delayed", "binomial", "weibull_pdf", "weibull_cdf"),
    "saturation": ("none", "hill", "logistic", "michaelis_menten", "tanh", "power"),
}
_RESERVED = ("date", "geo", "channel", "control", "y")


def run(prepared: PreparedModel, options: FitOptions) -> EngineResult:
    """See `mmm_core.inference.engines.Engine`.

    Raises:
        InputError: PyMC-Marketing is not installed, or has no place for something that the specification asks for.
    """
    data, spec = prepared.data, prepared.spec
    refuse(spec)
    report = _Report(options, spec.fit.warmup + (options.draws or spec.fit.draws))
    from mmm_core.inference.engines.returns import roi_of_draws
    from mmm_core.inference.runtime import configure

    configure(spec.fit.chains, precision="float64")
    report("compiling")
    pytensor = _pytensor()
    with pytensor.config.change_flags(cxx=""):
        from mmm_core.inference.engines.pymc.model import pymc_marketing_model

        model = pymc_marketing_model(prepared).model
        built = report.seconds
        report("sampling")
        draws, stats = _sample(model, spec, options)
    report("summarising", done=True)
    fixed = draws["fixed_effect"]
    fixed[..., 0] += data["kpi_centre"].to_numpy()
    lead = fixed.shape[:2]
    draws |= {
        "tau": np.zeros(lead),
        "level": np.zeros((*lead, data.sizes["week"])),
        "roi": roi_of_draws(data, spec, draws),
    }
    known = {**POSTERIOR_DIMS, **OPTIONAL_DIMS, **dict.fromkeys(spec.shape_parameters, ("channel",))}
    variables = {name: (known[name], values) for name, values in draws.items()}
    stats.attrs = {
        "compile_seconds": built,
        "sampling_seconds": report.seconds - built,
        "warmup": spec.fit.warmup,
    }
    return EngineResult(variables, stats, {"pymc_marketing": version("pymc-marketing")})


def refuse(spec: ModelSpec) -> None:
    """Raise InputError for what the engine cannot fit, everything at once; imports nothing heavy."""
    refuse_faults(spec, "pymc", _faults(spec))
    if find_spec("pymc_marketing") is None:
        raise InputError(
            f"model {spec.model}: engine pymc needs PyMC-Marketing: `pip install carryover[pymc]`, or use "
            "`fit: {engine: numpyro}`"
        )


def _faults(spec: ModelSpec) -> list[str]:
    faults = faults_of_other_libraries(spec)
    if spec.baseline.level == "random_walk":
        faults.append(
            "baseline.level: random_walk is not supported: write `baseline: {level: linear}` (or constant)"
        )
    faults += _faults_of(
        "adstock", spec, "kind and l_max", lambda channel: (channel.adstock.kind, channel.adstock.lags)
    )
    faults += _faults_of(
        "saturation",
        spec,
        "kind and order",
        lambda channel: (channel.saturation.kind, channel.saturation.before_adstock),
    )
    if names := channels_where(
        spec, lambda channel: channel.adstock.kind != "none" and not channel.adstock.l_max
    ):
        faults.append(
            f"adstock: l_max 0 leaves nothing to estimate for {names}: write `adstock: {{kind: none}}`"
        )
    if spec.fit.precision == "float32":
        faults.append("fit.precision: float32 is not supported: leave it out")
    dated = (*spec.baseline.events, *spec.baseline.steps)
    components = (*spec.channels, *spec.controls, *spec.demand_terms, *spec.treatments, *dated)
    if taken := [name for name in components if name in _RESERVED]:
        faults.append(f"{listed(taken)}: PyMC-Marketing uses the name itself: rename the component")
    return faults


def _faults_of(part: str, spec: ModelSpec, words: str, stated: Callable[[Any], Any]) -> list[str]:
    """What is wrong with the channels' adstock or saturation, of which PyMC-Marketing has one for all channels."""
    faults, known = [], _KINDS[part]
    first = stated(spec.channel_specs[0])
    if names := channels_where(spec, lambda channel: stated(channel) != first):
        faults.append(
            f"{part}: all channels have the same {words} there, and {names} differs from {spec.channels[0]}: state it "
            f"once under `media: {{defaults: {{{part}: ...}}}}`; priors of the parameters may differ"
        )
    if other := {getattr(channel, part).kind for channel in spec.channel_specs} - set(known):
        faults.append(f"{part}: kind {listed(sorted(other))} is not supported: use one of {', '.join(known)}")
    return faults


def _pytensor() -> Any:
    """PyTensor, told not to look for a C compiler: everything is computed through JAX."""
    before = os.environ.get("PYTENSOR_FLAGS")
    if "pytensor" not in sys.modules and "cxx" not in (before or ""):
        os.environ["PYTENSOR_FLAGS"] = ",".join(filter(None, (before, "cxx=")))
    try:
        import pytensor
    finally:
        os.environ.pop("PYTENSOR_FLAGS", None)
        if before is not None:
            os.environ["PYTENSOR_FLAGS"] = before
    return pytensor


def _sample(model: Any, spec: ModelSpec, options: FitOptions) -> tuple[dict[str, np.ndarray], xr.Dataset]:
    """Draws (chain, draw, ...) of our variables that the model has, and the sampler's statistics."""
    import jax
    from pymc.sampling.jax import sample_numpyro_nuts

    chains = spec.fit.chains
    apart = spec.fit.layout != "vectorized" and jax.device_count() >= chains
    names = [
        *spec.shape_parameters, "coefficient", "sigma", "fixed_effect",
        *(name for name in ("geo_spread", "nu") if name in model.named_vars),
    ]  # fmt: skip
    parameters = sum(int(np.prod(variable.type.shape)) for variable in model.free_RVs)
    with model, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Some donated buffers were not usable")
        found = sample_numpyro_nuts(
            draws=options.draws or spec.fit.draws,
            tune=spec.fit.warmup,
            chains=chains,
            target_accept=spec.fit.target_accept,
            random_seed=spec.fit.seed,
            progressbar=False,
            compute_convergence_checks=False,
            chain_method="parallel" if apart else "vectorized",
            var_names=names,
            nuts_kwargs={"dense_mass": parameters <= LARGEST_DENSE},
        )
    draws = {name: np.array(found["posterior"][name].to_numpy(), dtype=float) for name in names}
    stats = found["sample_stats"]
    kept = stats[["diverging", "energy", "acceptance_rate"]].assign(num_steps=stats["n_steps"])
    return draws, kept.drop_attrs()


class _Report:
    """Tells how far the fit is, and how long it has run."""

    def __init__(self, options: FitOptions, iterations: int) -> None:
        self.progress, self.iterations, self.begun = options.progress, iterations, time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.begun

    def __call__(self, phase: str, done: bool = False) -> None:
        if self.progress is not None:
            self.progress(Progress(phase, self.iterations * done, self.iterations, 0, self.seconds))
