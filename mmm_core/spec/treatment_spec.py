"""What a specification says of levers that are not media: price, promotion and the like."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mmm_core.priors import Prior
from mmm_core.spec.media_spec import Strict
from mmm_core.spec.names import Column


class TreatmentPrior(Strict):
    """What is believed of a treatment's effect; it may have either sign."""

    contribution: Prior | None = Field(
        default=None, description="share of the modelled weeks' outcome, against the baseline value"
    )
    coefficient: Prior | None = Field(
        default=None,
        description="robust standard deviations of the KPI per head, for one standard deviation of the column",
    )

    @model_validator(mode="after")
    def _one(self) -> TreatmentPrior:
        if (self.contribution is None) == (self.coefficient is None):
            raise ValueError("state exactly one of contribution, coefficient")
        return self


class Treatment(Strict):
    """A lever that is not media, such as price or promotion; its effect is against a baseline value."""

    column: Column
    baseline: Literal["min", "max", "mean", "zero"] | float = Field(
        default="min", description="value that would have been without the treatment"
    )
    prior: TreatmentPrior | None = Field(default=None, description="too wide to matter where not stated")
