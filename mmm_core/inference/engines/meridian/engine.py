"""Engine `meridian`: the same specification fitted by Google's Meridian, a second opinion from other people's code.

Meridian's dependencies do not agree with this library's, so it runs in a process and an environment of its own
(`mmm_core.inference.engines.meridian.environment`), which is given the table and the specification as files and hands
its draws back. The result has our variables in our units: adstock, saturation, effects of geos and baseline mean the
same there, so contributions, returns and curves are worked out by the functions that all engines share.

Priors of media are the specification's; noise, controls and knots have Meridian's own. What Meridian has no place for
is refused by name. A checkpoint is not written and a warm start is not used: neither changes an answer.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmm_core.errors import listed
from mmm_core.inference.engines import EngineResult, FitOptions
from mmm_core.inference.engines.meridian.environment import python
from mmm_core.inference.engines.refusals import faults_of_other_libraries, refuse_faults
from mmm_core.inference.engines.report import Report
from mmm_core.posterior.schema import OPTIONAL_DIMS, POSTERIOR_DIMS
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr

    from mmm_core.model.prepare import PreparedModel

ADSTOCKS = ("none", "geometric", "binomial")
SATURATIONS = ("none", "hill", "michaelis_menten")


def run(prepared: PreparedModel, options: FitOptions) -> EngineResult:
    """See `mmm_core.inference.engines.Engine`.

    Raises:
        InputError: Meridian is not installed, has no place for something that the specification asks for, or stopped
            with an error.
    """
    data, spec = prepared.data, prepared.spec
    refuse(spec, data)
    refuse_kinds_of_belief(prepared)
    interpreter = python()
    report = Report(options)
    from mmm_core.inference.engines.meridian.draws import canonical_variables, statistics
    from mmm_core.inference.engines.meridian.job import knots, write_job
    from mmm_core.inference.engines.meridian.process import run_worker
    from mmm_core.inference.engines.returns import roi_of_draws
    from mmm_core.inference.runtime import configure

    kept = options.draws or spec.fit.draws
    iterations = spec.fit.warmup + kept
    with tempfile.TemporaryDirectory(prefix="carryover-meridian-") as folder:
        write_job(Path(folder), prepared, kept)
        draws, result = run_worker(
            interpreter, Path(folder), spec.model, lambda phase: report(phase, 0, iterations)
        )
    variables = canonical_variables(prepared, draws, knots(data, spec))
    configure(1, precision="float64")
    variables["roi"] = roi_of_draws(data, spec, variables)
    report("summarising", iterations, iterations)
    known = {**POSTERIOR_DIMS, **OPTIONAL_DIMS, **dict.fromkeys(spec.shape_parameters, ("channel",))}
    return EngineResult(
        {name: (known[name], np.asarray(values, dtype=float)) for name, values in variables.items()},
        statistics(draws, result, spec.fit.warmup),
        {"meridian": result["versions"]["google-meridian"], "meridian_jax": result["versions"]["jax"]},
    )


def refuse_kinds_of_belief(prepared: PreparedModel) -> None:
    """Raise InputError where lift tests as priors of some ROIs stand beside beliefs of another kind."""
    kinds = {belief.kind for belief in prepared.model.beliefs[: len(prepared.spec.paid)]}
    if len(kinds) > 1:
        fault = (
            f"calibration.as_roi_prior: what is believed of paid channels is of one kind there, not "
            f"{listed(sorted(kinds))}: state `prior: {{roi: ...}}` of the channels without tests"
        )
        refuse_faults(prepared.spec, "meridian", [fault])


def refuse(spec: ModelSpec, data: xr.Dataset | None = None) -> None:
    """Raise InputError for what the engine cannot fit, everything at once; imports nothing heavy."""
    faults = _faults(spec)
    if data is not None and (data["kpi"] < 0).any():
        faults.append(f"kpi.column {spec.kpi.column}: Meridian takes no negative KPI: use another engine")
    refuse_faults(spec, "meridian", faults)


def _faults(spec: ModelSpec) -> list[str]:
    faults = faults_of_other_libraries(spec)
    if spec.student_t is not None:
        faults.append("likelihood: student_t is not supported: write `likelihood: normal`")
    if spec.baseline.slope == "random_walk":
        faults.append("baseline.slope: random_walk is not supported: write `slope: constant` (or none)")
    if spec.geo is not None and spec.geo.pooling == "none":
        faults.append("geo.pooling: none is not supported: write `pooling: partial` (or complete)")
    if spec.fit.precision == "float32":
        faults.append("fit.precision: float32 is not supported: leave it out")
    return faults + _faults_of_shapes(spec) + _faults_of_beliefs(spec)


def _faults_of_shapes(spec: ModelSpec) -> list[str]:
    faults = []
    for part, known in (("adstock", ADSTOCKS), ("saturation", SATURATIONS)):
        other = {kind for channel in spec.channel_specs if (kind := getattr(channel, part).kind) not in known}
        if other:
            faults.append(
                f"{part}: kind {listed(sorted(other))} is not supported: use one of {', '.join(known)}"
            )
    lags = {channel.adstock.lags for channel in spec.channel_specs if channel.adstock.kind != "none"}
    if len(lags) > 1:
        faults.append(
            f"adstock: all channels have the same l_max there, not {listed(sorted(lags))}: state it once under "
            "`media: {defaults: {adstock: ...}}`"
        )
    if len({channel.saturation.before_adstock for channel in spec.channel_specs}) > 1:
        faults.append(
            "saturation: before_adstock is the same for all channels there: state it once under "
            "`media: {defaults: {saturation: ...}}`"
        )
    return faults


def _faults_of_beliefs(spec: ModelSpec) -> list[str]:
    faults = []
    paid = spec.media.channels
    kinds = {"roi" if c.prior.kind == "total_share" else c.prior.kind for c in paid.values()}
    if "coefficient" in kinds:
        names = listed(name for name, channel in paid.items() if channel.prior.kind == "coefficient")
        faults.append(
            f"prior: coefficient is not supported: state roi, mroi or contribution of {names}, as Meridian's "
            "coefficients are on a scale of its own"
        )
    elif len(kinds) > 1:
        faults.append(
            f"prior: what is believed of paid channels is of one kind there, not {listed(sorted(kinds))}: state one"
        )
    organic = spec.media.organic
    if names := listed(name for name, channel in organic.items() if channel.prior.kind == "coefficient"):
        faults.append(f"prior: coefficient is not supported: state the contribution of {names}")
    return faults
