"""Observed weeks (and geos) to the parameters that are estimated from them, before any fit.

A coefficient with a tight prior is a part of a parameter: the terms of the baseline count by the ridge's effective
number. The review asks the same of a posterior.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import xarray as xr

from mmm_core.data.shrinkage import effective_number
from mmm_core.data_health.finding import WHOLE, Finding, at_least
from mmm_core.spec.data_health_spec import DataHealth
from mmm_core.spec.model_spec import ModelSpec

FAMILY = "ratio"

NOISE_AND_LEVEL = 2
"""The sd of the noise and the step of the level."""


@dataclass(frozen=True)
class Ratio:
    """Attributes:
    observations: weeks (of geos) whose KPI counts.
    terms: of the baseline, by their effective number.
    channels, shapes: effects, and parameters of their shapes that are not fixed.
    """

    observations: int
    terms: float
    channels: int
    shapes: int

    @property
    def parameters(self) -> float:
        """All of them."""
        return self.terms + self.channels + self.shapes + NOISE_AND_LEVEL

    @property
    def value(self) -> float:
        """Observations to a parameter."""
        return self.observations / self.parameters


def ratio_of(data: xr.Dataset, spec: ModelSpec) -> Ratio:
    """Of the arrays that `mmm_core.data.arrays.model_data` makes."""
    observed = data["observed"].to_numpy()
    terms = effective_number(data["design"].to_numpy(), observed, data["design_prior_sd"].to_numpy())
    shapes = sum(
        prior.family != "fixed"
        for channel in spec.channel_specs
        for shape in (channel.adstock, channel.saturation)
        for prior in shape.parameters.values()
    )
    return Ratio(int(observed.sum()), float(terms), data.sizes["channel"], shapes)


def shorter(spec: ModelSpec, shapes: int) -> str:
    """What would leave more weeks a parameter, of what the model has."""
    remedies = ["use a longer table"]
    fewer = [word for word, has in (("channels", spec.channels[1:]), ("controls", spec.controls)) if has]
    remedies += [f"fewer {' and '.join(fewer)}"] if fewer else []
    remedies += ["a lower order of season"] if spec.baseline.seasonality.order else []
    remedies += ["fixed shapes"] if shapes else []
    return remedies[0] if len(remedies) == 1 else f"{', '.join(remedies[:-1])}, or {remedies[-1]}"


def ratio(data: xr.Dataset, spec: ModelSpec, rule: DataHealth) -> Iterator[Finding]:
    """Observations to a parameter."""
    found = ratio_of(data, spec)
    wanted = rule.observations_per_parameter
    verdict = at_least(found.value, wanted, rule.least_observations_per_parameter)
    words = (
        f"{found.observations} observations for {found.parameters:.1f} parameters that the weeks decide: "
        f"{found.value:.1f} each, {wanted:g} wanted"
    )
    if verdict != "ok":
        words += f": {shorter(spec, found.shapes)}"
    yield Finding(FAMILY, "observations_per_parameter", WHOLE, found.value, wanted, verdict, words)
