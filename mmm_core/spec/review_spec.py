"""What a specification says of the review: by which thresholds a posterior is judged."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from mmm_core.spec.media_spec import Strict

LEAST_HISTORY = 26
"""Weeks before an origin that a refit learns from, at least."""


class Review(Strict):
    """Thresholds of the review that differ from the defaults; see docs/model-spec.md."""

    rhat: float = Field(default=1.01, gt=1)
    ess_bulk: float = Field(default=1000, gt=0)
    ess_tail: float = Field(default=1000, gt=0)
    divergence_share: float = Field(default=0.01, ge=0, lt=1)
    e_bfmi: float = Field(default=0.3, gt=0)
    mape: float = Field(default=0.15, gt=0)
    r2: float = Field(default=0.80, lt=1)
    significance: float = Field(
        default=0.01,
        ge=0,
        lt=0.5,
        description="`coverage` and `breaks` refuse what chance does less often than this",
    )
    lift_tests: float = Field(
        default=0.05,
        ge=0,
        lt=0.5,
        description="`lift_tests` refuses tests that lie so far out that chance does it less often than this; 0 asks "
        "nothing",
    )
    holdout_weeks: int = Field(
        default=13, ge=0, description="weeks forecast from each origin; 0 leaves the check out"
    )
    holdout_origins: int = Field(default=3, ge=1, description="refits, each without so many more weeks")
    observations_per_parameter: float = Field(default=2.0, ge=0)
    prior_sensitivity: float = Field(default=0.2, gt=0)
    roi: tuple[float, float] = (0.0, 10.0)
    negative_baseline: float = Field(default=0.2, gt=0, le=1)
    share_of_spend: float = Field(default=0.4, gt=0, le=1)
    contraction: float = Field(default=0.1, lt=1)
    event_weeks: float = Field(default=20.0, gt=1)
    roi_overlap: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _no_fixed_range_of_coverage(cls, stated: Any) -> Any:
        if isinstance(stated, dict) and "coverage" in stated:
            raise ValueError(
                "coverage is held against what chance does to so many weeks, not against a fixed range: leave the key "
                "out, or write `significance: 0.01`"
            )
        return stated

    @field_validator("roi")
    @classmethod
    def _from_low_to_high(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if not ends[0] < ends[1]:
            raise ValueError(f"write the lower end first, got [{ends[0]:g}, {ends[1]:g}]")
        return ends

    def held_out(self, weeks: int | None = None) -> tuple[int, ...]:
        """Last weeks that each refit of the holdout goes without, the fewest first.

        Args:
            weeks: modelled weeks; an origin that would leave fewer than 26 of them to learn from is left out.
        """
        out = [
            self.holdout_weeks * (back + 1)
            for back in range(self.holdout_origins if self.holdout_weeks else 0)
        ]
        return tuple(held for held in out if weeks is None or weeks - held >= LEAST_HISTORY)
