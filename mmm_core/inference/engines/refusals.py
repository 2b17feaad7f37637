"""What an engine that wraps another library cannot fit: every fault at once, each with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mmm_core.errors import InputError, listed
from mmm_core.spec.model_spec import ModelSpec


def refuse_faults(spec: ModelSpec, engine: str, faults: Sequence[str]) -> None:
    """Raise InputError where there is a fault."""
    if faults:
        raise InputError(
            f"model {spec.model}: engine {engine} cannot fit this specification\n"
            + "\n".join(f"  {fault}" for fault in faults)
            + "\nor use `fit: {engine: numpyro}`"
        )


def faults_of_other_libraries(spec: ModelSpec) -> list[str]:
    """What neither PyMC-Marketing nor Meridian has in the form of this specification."""
    faults = []
    if spec.kpi.scale == "log":
        faults.append("kpi.scale: log is not supported: write `scale: level`")
    if spec.media.pooling is not None:
        faults.append("media.pooling: pooling by group is not supported: leave it out")
    if names := channels_where(spec, lambda channel: channel.time_varying):
        faults.append(f"time_varying: effects that vary over time are not supported: leave it out of {names}")
    if names := channels_where(spec, lambda channel: channel.frequency):
        faults.append(f"reach and frequency are not supported: name an `exposure` column for {names}")
    if spec.sampled_treatments:
        faults.append(
            f"treatments: a `prior` is not supported: leave it out of {listed(spec.sampled_treatments)}, "
            "whose effects then have a control's wide one"
        )
    return faults


def channels_where(spec: ModelSpec, which: Callable[[Any], Any]) -> str:
    """Names of the channels that something holds for."""
    pairs = zip(spec.channels, spec.channel_specs, strict=True)
    return listed(name for name, channel in pairs if which(channel))
