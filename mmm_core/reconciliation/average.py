"""The weighted average of what sources say, with weights that are stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mmm_core.evidence.conversions import z_of
from mmm_core.reconciliation.density import LEVEL
from mmm_core.spec.reconciliation_spec import SourceWeights


@dataclass(frozen=True)
class Weighted:
    """An average of sources taken as independent.

    Attributes:
        value: the average. sd: its standard deviation.
        weights: share of each source, adding up to 1.
    """

    value: float
    sd: float
    weights: Mapping[str, float]

    @property
    def interval(self) -> tuple[float, float]:
        """Its 90 % interval, taken as Normal."""
        out = z_of(LEVEL) * self.sd
        return self.value - out, self.value + out


def weighted(
    sources: Mapping[str, tuple[float, float]], weights: Literal["precision"] | SourceWeights
) -> Weighted:
    """Average means (value, standard deviation) of sources: `model`, `tests`, `attribution`.

    value = sum w v, variance = sum w^2 sd^2; `precision` is w ~ 1 / sd^2, the weights of least variance. Where none of
    the sources at hand has a stated weight, the model stands alone.
    """
    if isinstance(weights, SourceWeights):
        shares = {name: float(getattr(weights, name)) for name in sources}
        if not sum(shares.values()):
            shares = {name: float(name == "model") for name in sources}
    else:
        exact = [name for name, (_, sd) in sources.items() if sd == 0]
        shares = {name: float(name in exact) if exact else sd**-2.0 for name, (_, sd) in sources.items()}
    total = sum(shares.values())
    shares = {name: share / total for name, share in shares.items()}
    value = sum(shares[name] * mean for name, (mean, _) in sources.items())
    variance = sum((shares[name] * sd) ** 2 for name, (_, sd) in sources.items())
    return Weighted(value, variance**0.5, shares)
