"""What a specification says of reconciliation: how model, lift tests and attribution are held against each other."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mmm_core.spec.media_spec import Strict


class SourceWeights(Strict):
    """Shares of the weighted average; those of the sources that a channel has are scaled to add up to 1."""

    model: float = Field(default=0.0, ge=0, le=1000)
    tests: float = Field(default=0.0, ge=0, le=1000)
    attribution: float = Field(default=0.0, ge=0, le=1000)

    @model_validator(mode="after")
    def _some(self) -> SourceWeights:
        if self.model + self.tests + self.attribution <= 0:
            raise ValueError("state at least one weight above 0: model, tests or attribution")
        return self


class AttributionBias(Strict):
    """What is believed of log(claimed by caused revenue), before anything is learned of it."""

    mean: float = Field(
        default=0.0,
        ge=-7,
        le=7,
        description="0: claims are as often too low as too high; 0.7: twice too high",
    )
    sd: float = Field(default=0.8, ge=0, le=5, description="of the bias that all channels have in common")
    spread: float = Field(
        default=0.5, ge=0, le=5, description="sd of a channel's own bias around the common one"
    )


class AttributionRule(Strict):
    """Which claims count, and how far they are believed."""

    reports: tuple[str, ...] = Field(
        default=(),
        description="platforms whose reports count, such as [google_ads, meta_ads]; all where empty",
    )
    least_coverage: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="share of a channel's spend that lies in weeks with claims; with less, claims are only shown",
    )
    bias: AttributionBias = AttributionBias()
    learn_from: Literal["tests", "all", "none"] = Field(
        default="tests",
        description="channels from which the common bias is learned: those with a lift test, all of them, or none",
    )


class ReconciliationRule(Strict):
    """How a channel's returns from several sources are compared; no fit reads it. See docs/reconciliation.md."""

    weeks: int | None = Field(
        default=None,
        ge=4,
        description="compare the last so many weeks; default all that model and claims share",
    )
    weights: Literal["precision"] | SourceWeights = Field(
        default="precision",
        description="of the weighted average: 1 / variance of each source, or shares of one's own",
    )
    disagreement: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="chance that any pair is flagged where all sources of all channels agree (Holm)",
    )
    attribution: AttributionRule = AttributionRule()
